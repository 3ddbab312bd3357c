import { Base64, Caller, Random } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import { clear, connect, counted, joined, mark, media, place } from "./CarrierCall.ts"

const tail = "<Say>We are sorry.</Say><Hangup/>"

describe("SimCarrier: the stream", () => {
  it("sends connected and start, then numbered frames of 20 ms, then stop, and closes", () => {
    const call = place()
    call.stream(connect(`<Parameter name="token" value="a&amp;b"/>`))
    call.advance(1000)
    call.handle(1000, { _tag: "KeyPressed", digit: "5" })
    call.handle(1005, { _tag: "HungUpByRest" })
    const texts = call.texts()
    const sid = call.streamSid()
    assert.deepStrictEqual(texts[0], { at: 0, event: "connected", protocol: "Call", version: "1.0.0" } as never)
    assert.deepStrictEqual(texts[1], {
      at: 0,
      event: "start",
      sequenceNumber: "1",
      streamSid: sid,
      start: {
        accountSid: call.carrier.accountSid,
        streamSid: sid,
        callSid: call.carrier.callSid,
        tracks: ["inbound"],
        mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
        customParameters: { token: "a&b" }
      }
    })
    const frames = texts.filter((one) => one.event === "media")
    const first = Number(frames[0]?.media?.timestamp)
    assert.isTrue(first >= 100 && first <= 160)
    assert.isTrue(frames.length >= 42 && frames.length <= 46)
    frames.forEach((one, i) => {
      assert.deepStrictEqual(one, {
        at: first + i * 20,
        event: "media",
        sequenceNumber: String(i + 2),
        streamSid: sid,
        media: {
          track: "inbound",
          chunk: String(i + 1),
          timestamp: String(first + i * 20),
          payload: `${"/".repeat(213)}w==`
        }
      })
    })
    const rest = texts.slice(2 + frames.length)
    assert.deepStrictEqual(rest, [
      {
        at: 1000,
        event: "dtmf",
        sequenceNumber: String(frames.length + 2),
        streamSid: sid,
        dtmf: { track: "inbound_track", digit: "5" }
      },
      {
        at: 1005,
        event: "stop",
        sequenceNumber: String(frames.length + 3),
        streamSid: sid,
        stop: { accountSid: call.carrier.accountSid, callSid: call.carrier.callSid }
      }
    ])
    assert.deepStrictEqual(
      call.outputs.slice(-4).map((one) => one._tag),
      ["CloseSocket", "Trace", "Trace", "CallEnded"]
    )
    assert.deepStrictEqual(call.advance(9000), [])
  })

  it("echoes marks in the stream and remembers what the ear heard, byte for byte", () => {
    const call = place({ clockOffset: 12_345.678, driftPpm: 80 })
    call.stream()
    const sid = call.streamSid()
    const [a, b, c] = [counted(1600, 1), counted(800, 2), counted(777, 3)]
    call.send(1000, media(sid, a))
    call.send(1000, mark(sid, "a"))
    call.send(1010, media(sid, b))
    call.send(1010, mark(sid, "b"))
    call.send(1250, clear(sid))
    call.send(1300, media(sid, c))
    call.send(1300, mark(sid, "c"))
    call.advance(2000)
    const { heard, cleared, echoes, gaps } = call.carrier.ear
    assert.deepStrictEqual(joined(heard.map((one) => one.payload)), joined([a, b.subarray(0, 400), c]))
    assert.deepStrictEqual(
      heard.map((one) => [one.message, one.from, one.to]),
      [
        [0, 0, 1600],
        [1, 0, 400],
        [2, 0, 777]
      ]
    )
    const closeTo = (actual: number | undefined, expected: number) =>
      assert.approximately(actual ?? Number.NaN, expected, 0.05)
    heard.forEach((one, i) => {
      closeTo(one.at, [1000, 1200, 1300][i] ?? 0)
    })
    assert.deepStrictEqual(joined(cleared.map((one) => one.payload)), b.subarray(400))
    closeTo(cleared[0]?.clearedAt, 1250)
    assert.deepStrictEqual(
      echoes.map((one) => [one.name, one.flushed]),
      [
        ["a", false],
        ["b", true],
        ["c", false]
      ]
    )
    assert.deepStrictEqual(gaps, [])
    const marks = call.texts().filter((one) => one.event === "mark")
    assert.deepStrictEqual(
      marks.map((one) => one.mark?.name),
      ["a", "b", "c"]
    )
    closeTo(marks[0]?.at, 1200)
    closeTo(marks[1]?.at, 1250)
    closeTo(marks[2]?.at, 1300 + 777 / 8)
    const numbers = call
      .texts()
      .flatMap((one) => (one.sequenceNumber === undefined ? [] : [Number(one.sequenceNumber)]))
    assert.deepStrictEqual(
      numbers,
      numbers.map((_, i) => i + 1)
    )
  })

  it("does what is due exactly when it is due, however the host's time is cut", () => {
    const run = (steps: (call: ReturnType<typeof place>) => void) => {
      const call = place({ clockOffset: 0.3, driftPpm: -37, noise: true, callSid: "CA1" })
      call.stream()
      const sid = call.streamSid()
      call.send(333.3, media(sid, counted(4001)))
      call.send(333.3, mark(sid, "a"))
      steps(call)
      return call.outputs
    }
    const whole = run((call) => call.advance(3000))
    const byDeadline = run((call) => {
      for (let due = call.carrier.nextDeadline(); due !== undefined && due <= 3000; due = call.carrier.nextDeadline()) {
        call.advance(due)
      }
      call.advance(3000)
    })
    assert.isAbove(whole.length, 140)
    assert.deepStrictEqual(byDeadline, whole)
  })

  it("records an underrun as a gap", () => {
    const call = place()
    call.stream()
    call.send(1000, media(call.streamSid(), counted(160)))
    call.send(1050, media(call.streamSid(), counted(160)))
    call.advance(2000)
    assert.deepStrictEqual(call.carrier.ear.gaps, [{ stream: 0, from: 1020, to: 1050 }])
  })

  it("ignores what is not exactly a message, and warns once a stream (31951)", () => {
    const payload = Base64.encode(counted(160))
    const bad = (sid: string) => [
      "not json",
      "[]",
      "null",
      { event: "media", streamSid: sid },
      { event: "media", streamSid: sid, media: { payload: "%%%%" } },
      { event: "media", streamSid: sid, media: { payload: payload.slice(0, -1) } },
      { event: "media", streamSid: sid, media: { payload: 7 } },
      { event: "media", streamSid: sid, media: { payload, track: "outbound" } },
      { event: "media", streamSid: "MZother", media: { payload } },
      { event: "media", stream_sid: sid, media: { payload } },
      { event: "mark", streamSid: sid, mark: {} },
      { event: "mark", streamSid: sid, mark: { name: 1 } },
      { event: "mark", streamSid: sid, name: "a" },
      { event: "clear", streamSid: sid, clear: {} },
      { event: "stop", streamSid: sid },
      { streamSid: sid }
    ]
    for (let i = 0; i < bad("").length; i++) {
      const call = place()
      call.stream()
      const one = bad(call.streamSid())[i] ?? ""
      call.send(200, one)
      call.send(210, one)
      call.send(220, media(call.streamSid(), counted(8)))
      call.advance(1000)
      assert.deepStrictEqual(
        call.carrier.warnings.map((each) => each.code),
        [31951],
        JSON.stringify(one)
      )
      assert.strictEqual(call.carrier.warnings[0]?.at, 200)
      assert.deepStrictEqual(
        call.carrier.ear.heard.map((span) => span.at),
        [220]
      )
      assert.deepStrictEqual(
        call.texts().filter((text) => text.event === "mark"),
        []
      )
    }
  })

  it("keeps frames back during gaps, stalls and silence, and its timestamps tell", () => {
    const clip = counted(1600)
    const call = place({
      script: [Caller.say("clip", clip, Caller.after(1000))],
      impairments: { gaps: [{ at: 300, ms: 100 }], stalls: [{ at: 600, ms: 200 }] }
    })
    call.stream()
    call.advance(2000)
    const frames = call.texts().flatMap((one) => (one.media === undefined ? [] : [{ at: one.at, ...one.media }]))
    const times = frames.map((one) => Number(one.timestamp))
    assert.isEmpty(times.filter((time) => time >= 300 && time < 400))
    const jump = times.findIndex((time, i) => time - (times[i - 1] ?? time) !== 20 && i > 0)
    assert.strictEqual((times[jump] ?? 0) - (times[jump - 1] ?? 0), 120)
    assert.isEmpty(frames.filter((one) => one.at > 600 && one.at < 800))
    assert.lengthOf(
      frames.filter((one) => one.at === 800),
      times.filter((time) => time >= 600 && time <= 800).length
    )
    assert.deepStrictEqual(
      frames.map((one) => Number(one.chunk)),
      frames.map((_, i) => i + 1)
    )

    const quiet = place({
      script: [Caller.say("clip", clip, Caller.after(1000))],
      impairments: { silenceSuppression: true }
    })
    quiet.stream()
    quiet.advance(3000)
    const spoken = quiet.carrier.sent
    assert.isTrue(spoken.length === 10 || spoken.length === 11)
    assert.isTrue((spoken[0]?.timestamp ?? 0) >= 1000 && (spoken[0]?.timestamp ?? 0) < 1021)
  })

  it("sends nothing more to a socket that is gone, not even what a stall held back", () => {
    const call = place({ impairments: { stalls: [{ at: 400, ms: 5000 }] } })
    call.stream(connect("", tail))
    call.advance(600)
    const before = call.texts().length
    call.handle(700, { _tag: "SocketClosed", stream: 0, code: 1006, reason: "" })
    call.advance(9000)
    assert.lengthOf(call.texts(), before)
  })

  it("closes without stop where asked to", () => {
    const call = place({ withoutStop: true, closeCode: 1001 })
    call.stream()
    call.handle(500, { _tag: "CallerHungUp" })
    assert.notInclude(
      call.texts().map((one) => one.event),
      "stop"
    )
    assert.strictEqual(call.of("CloseSocket")[0]?.code, 1001)
    assert.strictEqual(call.of("CallEnded")[0]?.reason, "caller")
  })

  it("ends the stream and runs other TwiML when REST says so, and forgets the old socket", () => {
    const call = place()
    call.stream(connect("", tail))
    call.handle(500, { _tag: "TwimlByRest", twiml: connect() })
    assert.strictEqual(call.texts().at(-1)?.event, "stop")
    assert.deepStrictEqual(
      call.of("OpenSocket").map((one) => one.stream),
      [0, 1]
    )
    call.handle(510, { _tag: "SocketClosed", stream: 0, code: 1000, reason: "" })
    call.handle(520, { _tag: "SocketOpened", stream: 1 })
    call.advance(800)
    assert.strictEqual(call.texts().at(-1)?.event, "media")
    assert.strictEqual(call.of("SendText").at(-1)?.stream, 1)
    assert.isFalse(call.carrier.isEnded())
  })

  it("reports the stream's life to its status callback", () => {
    const call = place()
    const twiml = `<Response><Connect><Stream url="wss://a.example/b" name="n" statusCallback="https://a.example/s"/></Connect></Response>`
    call.stream(twiml)
    call.handle(100, { _tag: "HungUpByRest" })
    assert.deepStrictEqual(
      call.of("PostStatus").map((one) => [one.params["StreamEvent"], one.params["StreamName"]]),
      [
        ["stream-started", "n"],
        ["stream-stopped", "n"]
      ]
    )
  })

  it("is the same call for the same seed", () => {
    const run = (seed: string) => {
      const call = place({
        random: Random.make(seed),
        noise: true,
        script: [Caller.say("c", counted(500), Caller.now)]
      })
      call.stream()
      call.advance(3000)
      return call.outputs
    }
    assert.deepStrictEqual(run("1"), run("1"))
    assert.notDeepEqual(run("1"), run("2"))
  })
})

describe("SimCarrier: the caller", () => {
  const spoken = (call: ReturnType<typeof place>) =>
    call.of("Trace").flatMap((one) => (one.trace._tag === "CallerSpeaking" ? [[one.at, one.trace.clip]] : []))

  it("puts every byte of every clip on the line once and in order, clips starting inside frames", () => {
    const [a, b, c] = [counted(1001, 1), counted(37, 2), counted(2500, 3)]
    const call = place({
      script: [
        Caller.say("a", a, Caller.after(333.3)),
        Caller.say("b", b, Caller.now),
        Caller.say("c", c, Caller.after(1.7))
      ]
    })
    call.stream()
    call.advance(2000)
    const line = joined(call.carrier.sent.map((one) => one.payload))
    const sent = call.texts().flatMap((one) => (one.media === undefined ? [] : [Base64.decode(one.media.payload)]))
    assert.deepStrictEqual(joined(sent.flatMap((one) => (one === undefined ? [] : [one]))), line)
    const speech = line.filter((byte) => byte !== 0xff)
    assert.deepStrictEqual(speech, joined([a, b, c]))
    const start = (call.carrier.sent[0]?.timestamp ?? 0) - 20
    assert.strictEqual(line.indexOf(a[0] ?? 0), Math.ceil((333.3 - start) * 8))
  })

  it("answers after the agent, interrupts it, presses keys, hangs up", () => {
    const call = place({
      script: [
        Caller.say("question", counted(800), Caller.agentSilent(700)),
        Caller.say("barge-in", counted(1600), Caller.agentSpeaking(250)),
        Caller.press("12#", Caller.agentSilent(500), 100),
        Caller.wait(Caller.after(50)),
        Caller.hangUp(Caller.after(300))
      ]
    })
    call.stream()
    const sid = call.streamSid()
    call.send(200, media(sid, counted(4000)))
    call.advance(1500)
    assert.deepStrictEqual(spoken(call), [[1400, "question"]])
    call.send(2000, media(sid, counted(16_000)))
    call.advance(2300)
    assert.deepStrictEqual(spoken(call).at(-1), [2250, "barge-in"])
    call.send(2400, clear(sid))
    call.advance(4000)
    call.send(4000, media(sid, counted(800)))
    call.advance(9000)
    const digits = call.texts().flatMap((one) => (one.dtmf === undefined ? [] : [[one.at, one.dtmf.digit]]))
    assert.deepStrictEqual(digits, [
      [4600, "1"],
      [4700, "2"],
      [4800, "#"]
    ])
    assert.deepStrictEqual(call.of("CallEnded"), [{ _tag: "CallEnded", at: 5150, reason: "caller" }])
  })

  it("does not take a cut-off agent for one that has answered", () => {
    const call = place({
      script: [
        Caller.say("barge-in", counted(160), Caller.agentSpeaking(100)),
        Caller.say("next", counted(160), Caller.agentSilent(300, 5000))
      ]
    })
    call.stream()
    call.send(200, media(call.streamSid(), counted(8000)))
    call.send(600, clear(call.streamSid()))
    call.advance(9000)
    assert.deepStrictEqual(spoken(call), [
      [300, "barge-in"],
      [320 + 5000, "next"]
    ])
  })

  it("takes what follows a clear at once for new speech, and what follows an underrun for the same", () => {
    for (const cut of [true, false]) {
      const call = place({ script: [Caller.say("barge-in", counted(160), Caller.agentSpeaking(500))] })
      call.stream()
      call.send(200, media(call.streamSid(), counted(cut ? 4000 : 3200)))
      if (cut) call.send(600, clear(call.streamSid()))
      call.send(650, media(call.streamSid(), counted(8000)))
      call.advance(3000)
      assert.deepStrictEqual(spoken(call), [[cut ? 1150 : 700, "barge-in"]])
    }
  })

  it("loses patience", () => {
    const call = place({ patience: 4000 })
    call.stream()
    call.advance(9000)
    assert.deepStrictEqual(call.of("CallEnded"), [{ _tag: "CallEnded", at: 4000, reason: "caller" }])
  })

  it("has a line as quiet as -60 dBFS where noise is asked for", () => {
    const call = place({ noise: true })
    call.stream()
    call.advance(3000)
    const line = joined(call.carrier.sent.map((one) => one.payload))
    assert.isAbove(new Set(line).size, 5)
    let energy = 0
    for (const byte of line) energy += decoded(byte) ** 2
    const dbfs = 20 * Math.log10(Math.sqrt(energy / line.length) / 32_768)
    assert.isTrue(dbfs < -55 && dbfs > -70, `${dbfs} dBFS`)
  })
})

/** protocols.md F.3 */
const decoded = (byte: number): number => {
  const u = ~byte & 0xff
  const magnitude = ((((u & 15) << 3) + 132) << ((u >> 4) & 7)) - 132
  return (u & 0x80) !== 0 ? -magnitude : magnitude
}
