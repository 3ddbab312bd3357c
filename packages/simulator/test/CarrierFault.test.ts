import { Base64, CarrierFault, type SimCarrier } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import { clear, counted, type Message, mark, media, place } from "./CarrierCall.ts"

const streamed = (...faults: ReadonlyArray<CarrierFault.CarrierFault>) => {
  const call = place({ faults })
  call.stream()
  return call
}

const sends = (what: CarrierFault.Odd, when: CarrierFault.Moment): CarrierFault.CarrierFault => ({
  _tag: "Sends",
  what,
  when
})

type Call = ReturnType<typeof place>

const texts = (call: Call) => call.of("SendText").map(({ text }) => text)
const frames = (call: Call) => call.texts().filter(({ event }) => event === "media")
const timestamps = (call: Call) => frames(call).map((one) => Number(one.media?.timestamp))
const names = (call: Call) => call.texts().flatMap(({ mark }) => (mark === undefined ? [] : [mark.name]))

/** The tenth message: `connected`, `start` and seven frames are before it. */
const tenth = { after: 9 }

const odd = (what: CarrierFault.Odd): { readonly text: string; readonly json: Message | undefined } => {
  const call = streamed(sends(what, tenth))
  call.advance(1_000)
  const text = texts(call)[9] ?? ""
  let json: Message | undefined
  try {
    json = JSON.parse(text) as Message
  } catch {}
  return { text, json }
}

describe("a message out of place", () => {
  it("comes after so many messages, or at a time, once", () => {
    const call = streamed(sends("unknown event", tenth), sends("unknown event", { atMs: 505 }))
    call.advance(1_000)
    const all = call.texts()
    const odd = all.flatMap(({ event, at }, index) => (event === "weather" ? [{ index, at }] : []))
    assert.strictEqual(odd[0]?.index, 9)
    assert.strictEqual(odd[0]?.at, all[8]?.at)
    assert.strictEqual(odd[1]?.at, 505)
    assert.strictEqual(odd.length, 2)
    const numbers = all.flatMap(({ sequenceNumber }) => (sequenceNumber === undefined ? [] : [Number(sequenceNumber)]))
    assert.deepStrictEqual(
      numbers,
      numbers.map((_, index) => index + 1)
    )
  })

  it("is malformed as its name says", () => {
    assert.isUndefined(odd("malformed JSON").json)
    assert.deepStrictEqual(odd("malformed message").json?.mark as unknown, [])
    assert.strictEqual(odd("broken base64").json?.event, "media")
    assert.isUndefined(Base64.decode(odd("broken base64").json?.media?.payload ?? ""))
    assert.strictEqual(odd("empty payload").json?.media?.payload, "")
    assert.isDefined(odd("media without payload").json?.media?.timestamp)
    assert.isUndefined(odd("media without payload").json?.media?.payload)
    assert.strictEqual(odd("invalid key").json?.dtmf?.digit, "12?")
    assert.strictEqual(odd("second start").json?.event, "start")
    assert.strictEqual(odd("unknown echo").json?.event, "mark")
  })

  it("is a start that lacks something, before the one that is whole", () => {
    const call = streamed({ _tag: "StartsBroken" })
    call.advance(100)
    const starts = call.texts().filter(({ event }) => event === "start")
    assert.strictEqual(starts.length, 7)
    assert.deepStrictEqual(
      starts.map((start) => JSON.stringify(start).includes('"sampleRate":8000,')),
      [false, true, true, false, false, true, true]
    )
  })

  it("is a start of another format", () => {
    const call = streamed({ _tag: "FormatForeign", encoding: "audio/x-l16", sampleRate: 16_000, channels: 2 })
    call.advance(100)
    const [start] = call.texts().filter(({ event }) => event === "start")
    assert.include(JSON.stringify(start), '"encoding":"audio/x-l16","sampleRate":16000,"channels":2')
  })

  it("is half a message, a dozen times", () => {
    const call = streamed(sends("half messages", tenth))
    call.advance(1_000)
    const half = texts(call).slice(9, 20)
    assert.strictEqual(half.length, 11)
    for (const text of half) assert.doesNotThrow(() => JSON.parse(text))
    assert.isTrue(half.some((text) => text.includes('"track":"outbound"')))
  })

  it("names another stream", () => {
    const call = streamed(sends("foreign stream", tenth))
    call.advance(1_000)
    assert.notStrictEqual(call.texts()[9]?.streamSid, call.streamSid())
    assert.strictEqual(call.texts()[10]?.streamSid, call.streamSid())
  })

  it("is a binary frame", () => {
    const call = streamed(sends("binary frame", { atMs: 300 }))
    call.advance(1_000)
    assert.deepStrictEqual(call.of("SendBinary"), [{ _tag: "SendBinary", at: 300, stream: 0 }])
  })

  it("stops a stream that goes on, and stops it again", () => {
    const call = streamed(sends("early stop", { atMs: 300 }))
    call.advance(1_000)
    call.handle(1_000, { _tag: "HungUpByRest" })
    const events = call.texts().map(({ event }) => event)
    assert.isAbove(events.lastIndexOf("media"), events.indexOf("stop"))
    assert.strictEqual(events.filter((event) => event === "stop").length, 2)
  })

  it("repeats a frame to the letter, or with an old timestamp", () => {
    const repeated = streamed(sends("repeated media", tenth))
    repeated.advance(1_000)
    assert.strictEqual(texts(repeated)[9], texts(repeated)[8])
    const copies = repeated.carrier.sent.flatMap(({ isCopy }, index) => (isCopy ? [index] : []))
    assert.deepStrictEqual(copies, [7])

    const outdated = streamed(sends("outdated media", { atMs: 1_500 }))
    outdated.advance(2_000)
    const back = timestamps(outdated).filter((one, index, all) => one < (all[index - 1] ?? 0))
    assert.strictEqual(back.length, 1)
    const copy = outdated.carrier.sent.find(({ isCopy }) => isCopy)
    assert.strictEqual(copy?.timestamp, back[0])
  })

  it("echoes once more what was echoed", () => {
    const call = streamed(sends("repeated echo", { atMs: 500 }))
    call.send(200, mark(call.streamSid(), "a"))
    call.advance(1_000)
    assert.deepStrictEqual(names(call), ["a", "a"])
    assert.strictEqual(call.carrier.ear.echoes.length, 1)
  })

  it("stays away where it repeats what never was", () => {
    const call = streamed(sends("repeated echo", { after: 1 }), sends("repeated media", { after: 1 }))
    call.advance(1_000)
    assert.deepStrictEqual(names(call), [])
    assert.isFalse(call.carrier.sent.some(({ isCopy }) => isCopy))
  })
})

describe("the frames", () => {
  it("are lost, and no timestamp shows it", () => {
    const call = streamed({ _tag: "MediaLost", atMs: 500, ms: 200 })
    call.advance(1_500)
    const all = timestamps(call)
    all.forEach((one, index) => {
      assert.strictEqual(one, (all[0] ?? 0) + index * 20)
    })
    assert.deepStrictEqual(
      call.carrier.unsent.map(({ why }) => why),
      Array.from({ length: 10 }, () => "fault")
    )
    const { sent, unsent } = call.carrier
    assert.strictEqual(sent.length + unsent.length, Math.floor((1_500 - (all[0] ?? 0)) / 20) + 1)
  })

  it("change places", () => {
    const call = streamed({ _tag: "MediaSwapped", when: { after: 5 } })
    call.advance(500)
    const all = timestamps(call).map((one, _, [first = 0]) => (one - first) / 20)
    assert.deepStrictEqual(all.slice(0, 7), [0, 1, 2, 4, 3, 5, 6])
    assert.deepStrictEqual(
      call.carrier.sent.map(({ timestamp }) => timestamp),
      timestamps(call)
    )
  })

  it("jump in time, forwards and back", () => {
    const call = streamed(
      { _tag: "TimestampsShifted", atMs: 500, byMs: 400 },
      { _tag: "TimestampsShifted", atMs: 800, byMs: -700 }
    )
    call.advance(1_200)
    const steps = timestamps(call).map((one, index, all) => one - (all[index - 1] ?? one - 20))
    assert.deepStrictEqual(
      steps.filter((step) => step !== 20),
      [420, -680]
    )
  })

  it("are missing every so often", () => {
    const call = place({ impairments: { gaps: [{ everyMs: 1_000, ms: [60, 200] }] } })
    call.stream()
    call.advance(60_000)
    const { sent, unsent } = call.carrier
    assert.isTrue(unsent.every(({ why }) => why === "gap"))
    const gaps = sent.flatMap(({ timestamp }, index) => {
      const ms = timestamp - (sent[index - 1]?.timestamp ?? timestamp - 20) - 20
      return ms > 0 ? [ms] : []
    })
    assert.isTrue(gaps.length > 30 && gaps.length < 80, `${gaps.length} gaps in a minute`)
    assert.isTrue(gaps.every((ms) => ms >= 60 && ms <= 420))
    assert.strictEqual(
      unsent.filter(({ at }) => at > (sent[0]?.at ?? 0) && at < (sent.at(-1)?.at ?? 0)).length * 20,
      gaps.reduce((sum, ms) => sum + ms, 0)
    )
  })

  it("tell what never left, and why", () => {
    const call = place({ impairments: { gaps: [{ at: 400, ms: 100 }], silenceSuppression: false } })
    call.stream()
    call.advance(1_000)
    assert.strictEqual(call.carrier.unsent.length, 5)
    assert.isTrue(
      call.carrier.unsent.every(({ why, timestamp }) => why === "gap" && timestamp >= 400 && timestamp < 500)
    )
    const quiet = place({ impairments: { silenceSuppression: true } })
    quiet.stream()
    quiet.advance(1_000)
    assert.deepStrictEqual(quiet.carrier.sent, [])
    assert.isTrue(quiet.carrier.unsent.every(({ why }) => why === "suppressed"))
    assert.isAbove(quiet.carrier.unsent.length, 40)
  })
})

describe("the stream's frame", () => {
  it("begins with audio", () => {
    const call = streamed({ _tag: "MediaBeforeStart" })
    assert.deepStrictEqual(
      call.texts().map(({ event }) => event),
      ["connected", "media", "start"]
    )
  })

  it("is connected, and nothing more", () => {
    const call = streamed({ _tag: "StartMissing" })
    call.send(200, mark(call.streamSid(), "a"))
    call.advance(1_000)
    call.handle(1_000, { _tag: "KeyPressed", digit: "1" })
    call.handle(1_000, { _tag: "HungUpByRest" })
    assert.deepStrictEqual(
      call.texts().map(({ event }) => event),
      ["connected"]
    )
    assert.strictEqual(call.of("CloseSocket").length, 1)
  })

  it("stops twice at its end", () => {
    const call = streamed({ _tag: "StopRepeated" })
    call.advance(200)
    call.handle(300, { _tag: "HungUpByRest" })
    assert.deepStrictEqual(
      call
        .texts()
        .slice(-2)
        .map(({ event }) => event),
      ["stop", "stop"]
    )
  })

  it("is hung up by REST without a stop", () => {
    const call = streamed()
    call.advance(200)
    call.handle(300, { _tag: "HungUpByRest", withoutStop: true })
    assert.isFalse(call.texts().some(({ event }) => event === "stop"))
    assert.strictEqual(call.of("CallEnded")[0]?.reason, "rest")
  })

  it("is another stream's matter", () => {
    const call = streamed({ ...sends("early stop", { atMs: 300 }), stream: 1 } as CarrierFault.OfStream)
    call.advance(1_000)
    assert.isFalse(call.texts().some(({ event }) => event === "stop"))
  })
})

/** Three messages of 200 ms with a mark each, from 1,000; cleared at 1,300. */
const cleared = (...faults: ReadonlyArray<CarrierFault.CarrierFault>) => {
  const call = streamed(...faults)
  const sid = call.streamSid()
  for (const name of ["a", "b", "c", "d"]) {
    call.send(1_000, media(sid, counted(1_600)))
    call.send(1_000, mark(sid, name))
  }
  call.send(1_300, clear(sid))
  call.advance(3_000)
  const echoes = call.texts().flatMap(({ at, mark }) => (mark === undefined ? [] : [{ at, name: mark.name }]))
  return { call, echoes, names: echoes.map(({ name }) => name) }
}

describe("echoes", () => {
  it("of a clear come in another order", () => {
    assert.deepStrictEqual(cleared().names, ["a", "b", "c", "d"])
    const reversed = cleared({ _tag: "EchoesFlushed", order: "reversed", place: "behind" })
    assert.deepStrictEqual(reversed.names, ["a", "d", "c", "b"])
    assert.deepStrictEqual(
      reversed.echoes.slice(1).map(({ at }) => at),
      [1_300, 1_300, 1_300]
    )
    const shuffled = cleared({ _tag: "EchoesFlushed", order: "shuffled", place: "behind" })
    assert.deepStrictEqual(shuffled.names.toSorted(), ["a", "b", "c", "d"])
    assert.deepStrictEqual(cleared({ _tag: "EchoesFlushed", order: "shuffled", place: "behind" }).names, shuffled.names)
  })

  it("of what was played come late, in order, before or behind those of a clear", () => {
    const late = { _tag: "EchoesLate", ms: 400 } as const
    const behind = cleared(late)
    assert.deepStrictEqual(behind.names, ["a", "b", "c", "d"])
    const [first, second] = behind.echoes
    assert.isTrue(first !== undefined && first.at > 1_300 && first.at < 1_600, `late by ${first?.at}`)
    assert.strictEqual(second?.at, first?.at)
    const before = cleared(late, { _tag: "EchoesFlushed", order: "sent", place: "before" })
    assert.deepStrictEqual(before.names, ["b", "c", "d", "a"])
    assert.strictEqual(before.echoes[0]?.at, 1_300)
    assert.deepStrictEqual(before.call.carrier.ear.echoes, behind.call.carrier.ear.echoes)
  })

  it("are missing, for a while or for good", () => {
    assert.deepStrictEqual(cleared({ _tag: "EchoesMissing", atMs: 0, ms: 1_250 }).names, ["b", "c", "d"])
    assert.deepStrictEqual(cleared({ _tag: "EchoesMissing", atMs: 1_250, ms: null }).names, ["a"])
    const { call } = cleared({ _tag: "EchoesMissing", atMs: 0, ms: null })
    assert.strictEqual(call.carrier.ear.echoes.length, 4)
  })
})

it("posts the webhook again, and takes the first answer", () => {
  const call = place({ faults: [{ _tag: "WebhookRepeated", afterMs: 700 }] })
  call.handle(0, { _tag: "CallPlaced" })
  call.advance(1_000)
  const [first, second, ...more] = call.of("PostWebhook")
  assert.deepStrictEqual(second, { ...(first as SimCarrier.Output & { _tag: "PostWebhook" }), at: 700 })
  assert.deepStrictEqual(more, [])
  const body = `<?xml version="1.0" encoding="UTF-8"?><Response><Pause length="9"/></Response>`
  call.answer(1_100, body)
  call.answer(1_200, `<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>`)
  assert.isFalse(call.carrier.isEnded())
})

describe("on the direct lane", () => {
  it("media are bytes, in the same places and with the same faults", () => {
    const options = {
      callSid: "CA1",
      faults: [
        sends("repeated media", tenth),
        sends("outdated media", { atMs: 900 }),
        sends("malformed JSON", { atMs: 901 }),
        { _tag: "MediaSwapped", when: { atMs: 400 } }
      ],
      impairments: { stalls: [{ at: 600, ms: 100 }] }
    } as const
    const text = place(options)
    const direct = place({ ...options, direct: true })
    for (const call of [text, direct]) {
      call.stream()
      call.send(200, mark(call.streamSid(), "a"))
      call.advance(1_500)
      call.handle(1_500, { _tag: "HungUpByRest" })
    }
    const told = (call: Call) =>
      call.outputs.flatMap((output): ReadonlyArray<unknown> => {
        if (output._tag === "SendAudio") {
          return [[output.at, output.timestamp, Base64.encode(output.payload)]]
        }
        if (output._tag !== "SendText") return []
        if (!output.text.endsWith("}")) return [[output.at, output.text.slice(0, 16)]]
        const { event, media } = JSON.parse(output.text) as Message
        return [media === undefined ? [output.at, event] : [output.at, Number(media.timestamp), media.payload]]
      })
    assert.isAbove(direct.of("SendAudio").length, 60)
    assert.deepStrictEqual(told(direct), told(text))
    assert.deepStrictEqual(direct.carrier.sent, text.carrier.sent)
  })

  it("takes audio as bytes, and plays what it is given", () => {
    const call = place({ direct: true })
    call.stream()
    const payload = counted(800)
    call.handle(1_000, { _tag: "AudioReceived", stream: 0, payload })
    call.advance(1_200)
    assert.strictEqual(call.carrier.ear.heard[0]?.payload, payload)
    assert.deepStrictEqual(call.carrier.warnings, [])
  })
})

it("is allowed, or nothing that a sane carrier does", () => {
  assert.isTrue(CarrierFault.isAllowed({ _tag: "EchoesLate", ms: 20 }))
  assert.isFalse(CarrierFault.isAllowed(sends("malformed JSON", { after: 1 })))
})
