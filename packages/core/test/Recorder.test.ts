import { assert, describe, it } from "vitest"
import * as Call from "../src/Call.ts"
import type { Event } from "../src/Event.ts"
import * as Recorder from "../src/Recorder.ts"
import * as Recording from "../src/Recording.ts"
import * as Replay from "../src/Replay.ts"
import { frame, host, machine, recorded, recordedBy, story } from "./support/ToyCall.ts"

const withoutPayload = (event: Event): Event => ("payload" in event ? { ...event, payload: "" } : event)

const open = { digits: true, numbers: true }

const events = (text: string): ReadonlyArray<Event> => Recording.parse(text).entries.map((entry) => entry.event)

describe("what comes back from a recording", () => {
  const jitters = {
    "on time": () => 0,
    jittered: (number: number) => (number * 7) % 13,
    "in bursts": (number: number) => (number % 5 === 0 ? 0 : 100 - (number % 5) * 20)
  }
  for (const [name, jitter] of Object.entries(jitters)) {
    it(`every event, without audio, frames ${name}`, () => {
      const told = story(jitter)
      const shown = told.map((event) =>
        event._tag === "CarrierStarted"
          ? { ...event, parameters: { ...event.parameters, token: "*********" } }
          : event._tag === "ModelErred"
            ? { ...event, error: { ...event.error, message: "Incorrect API key provided: ************************." } }
            : withoutPayload(event)
      )
      assert.deepStrictEqual(events(recorded(told, open)), shown)
    })
  }

  it("every payload, with audio, from text or from bytes", () => {
    const told = story()
    const bytes = told.map((event) =>
      event._tag === "CarrierAudio" ? { ...event, payload: new Uint8Array([1, 2, 3, event.at & 255]) } : event
    )
    const kept = events(recorded(told, { ...open, audio: true }))
    assert.deepStrictEqual(
      kept.filter((event) => event._tag === "CarrierAudio"),
      told.filter((event) => event._tag === "CarrierAudio")
    )
    const first = events(recorded(bytes, { audio: true })).find((event) => event._tag === "CarrierAudio")
    assert.strictEqual(first?.payload, "AQIDkA==")
  })
})

describe("runs", () => {
  it("regular frames stand on few lines", () => {
    const told = story((number) => number % 3)
    const frames = told.filter((event) => event._tag === "CarrierAudio").length
    const lines = recorded(told).split("\n").length
    assert.isAbove(frames, 400)
    assert.isBelow(lines, 50)
  })

  it("a run ends at 250 frames, so that a crash loses no more", () => {
    const told = Array.from({ length: 600 }, (_, number) => frame(number, number * 20))
    const recorder = Recorder.make(host)
    const lengths = told.map((event) => recorder.add(event, [])).filter((text) => text !== "")
    assert.strictEqual(lengths.length, 2)
  })

  it("frames of another stream, size, place or answer do not join", () => {
    const regular = (number: number) => frame(number, number * 20) as Extract<Event, { _tag: "CarrierAudio" }>
    const others: ReadonlyArray<Event> = [
      { ...regular(3), stream: 1 },
      { ...regular(3), bytes: 80 },
      { ...regular(3), timestamp: 80 },
      { ...regular(3), levels: "AB" }
    ]
    for (const other of others) {
      const told = [regular(0), regular(1), regular(2), other, regular(4)]
      assert.deepStrictEqual(events(recorded(told)), told.map(withoutPayload))
    }
  })

  it("frames forwarded to another session or place do not join", () => {
    const places = [
      [0, 0],
      [0, 160],
      [1, 320],
      [1, 480],
      [1, 960],
      [1, 1120]
    ] as const
    const recorder = Recorder.make(host)
    let text = recorder.start([])
    places.forEach(([session, from], number) => {
      text += recorder.add(frame(number, number * 20), [
        {
          _tag: "ForwardAudio",
          session,
          from,
          bytes: 160,
          payload: (frame(number, 0) as { readonly payload: string }).payload
        }
      ])
    })
    const { entries } = Recording.parse(text + recorder.finish())
    assert.deepStrictEqual(
      entries.map(({ commands }) => [commands[0]?.["session"], commands[0]?.["from"]]),
      places.map((place) => [...place])
    )
  })

  it("a run ends at 250 clock events", () => {
    const recorder = Recorder.make(host)
    recorder.add(frame(0, 0), [])
    const texts = Array.from({ length: 300 }, (_, index) => recorder.add({ _tag: "TimeAdvanced", at: index }, []))
    assert.strictEqual(
      texts.findIndex((text) => text !== ""),
      249
    )
  })

  it("a frame answered with other audio than its own does not join", () => {
    const recorder = Recorder.make({ ...host, audio: true })
    let text = recorder.start([])
    for (let number = 0; number < 4; number++) {
      const event = frame(number, number * 20)
      const payload = number === 2 ? "AAAA" : (event as { readonly payload: string }).payload
      text += recorder.add(event, [{ _tag: "ForwardAudio", session: 0, from: number * 160, bytes: 160, payload }])
    }
    const { entries } = Recording.parse(text + recorder.finish())
    const hashes = entries.map((entry) => entry.commands[0]?.["hash"])
    assert.strictEqual(new Set(hashes).size, 4)
    assert.strictEqual(entries[2]?.commands.length, 1)
    assert.deepStrictEqual(
      entries.map((entry) => entry.line),
      [2, 2, 3, 5]
    )
  })
})

describe("waiting audio that is flushed", () => {
  const flush = (pieces: ReadonlyArray<readonly [number, number]>, audio = false) => {
    const recorder = Recorder.make({ ...host, audio })
    const commands = pieces.map(
      ([from, bytes]) => ({ _tag: "ForwardAudio", session: 0, from, bytes, payload: "AAAA" }) as const
    )
    const text = recorder.start([]) + recorder.add({ _tag: "ModelConnected", at: 0, session: 0 }, commands)
    return { text, commands: Recording.parse(text + recorder.finish()).entries[0]?.commands }
  }
  const pieces = [
    [0, 160],
    [160, 160],
    [320, 160],
    [480, 80],
    [560, 80],
    [700, 80]
  ] as const

  it("stands on one line for as long as it goes on evenly", () => {
    const { commands, text } = flush(pieces)
    assert.strictEqual(text.match(/"c":"ForwardAudio"/g)?.length, 3)
    assert.deepStrictEqual(
      commands,
      pieces.map(([from, bytes]) => ({ c: "ForwardAudio", session: 0, from, bytes }))
    )
  })

  it("stands on a line each with audio, each with its hash", () => {
    const { commands, text } = flush(pieces, true)
    assert.strictEqual(text.match(/"hash"/g)?.length, 6)
    assert.strictEqual(commands?.length, 6)
  })
})

describe("what is hidden", () => {
  const text = recorded(story())

  it("tokens, keys, phone numbers and keyed digits by default", () => {
    assert.notInclude(text, "once-only")
    assert.notInclude(text, "sk-proj")
    assert.notInclude(text, "15005550001")
    assert.include(text, "+00000000000")
    assert.include(text, '"agent":"sales 12"')
    assert.include(text, "The caller keyed 0 0 0 * 0 on the telephone.")
    assert.notMatch(text, /"digit":"[1-9A-D]"/)
  })

  it("tokens and keys always", () => {
    const open = recorded(story(), { digits: true, numbers: true })
    assert.notInclude(open, "once-only")
    assert.notInclude(open, "sk-proj")
    assert.include(open, "+15005550001")
    assert.include(open, "The caller keyed 4 1 A * 9 on the telephone.")
  })

  it("and the masked recording replays", () => {
    const result = Replay.run(Recording.parse(text), machine)
    assert.isTrue(result.same, result.same ? "" : Replay.explain(result.difference))
  })

  it("whatever is keyed, the real call masked is the call of the masked keys", () => {
    let seed = 7
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
      return (seed >> 8) % below
    }
    for (let round = 0; round < 40; round++) {
      let at = 400
      let keys = ""
      const told = [...story().slice(0, 2), story().find((event) => event._tag === "ModelSessionUpdated") as Event]
      for (let count = random(90); count >= 0; count--) {
        at += random(9) === 0 ? 2_500 : 150
        const digit = "0123456789*#ABCD".charAt(random(16))
        keys += digit
        told.push({ _tag: "CarrierKeyed", at, stream: 0, digit })
      }
      const sentence = "The caller keyed 1 2 on the telephone."
      told.push({ _tag: "ModelTranscribed", at, session: 0, item: "item_9", text: sentence })
      told.push({ _tag: "CarrierStopped", at: at + 3_000, stream: 0 })
      told.push({ _tag: "CarrierClosed", at: at + 3_000, stream: 0, code: 1000 })
      const ordered = told.map((event) => ({ ...event, at: Math.max(event.at, 981) }))
      const text = recordedBy(Call, ordered)
      assert.notMatch(text, /keyed [0* ]*[1-9A-D]|"digit":"[1-9A-D]"/)
      const result = Replay.run(Recording.parse(text))
      assert.isTrue(result.same, result.same ? "" : `${keys}: ${Replay.explain(result.difference)}`)
      assert.include(text, '"c":"Settled"')
    }
  })

  it("the header says what is masked", () => {
    assert.deepStrictEqual(Recording.parse(text).header?.masked, ["digits", "numbers"])
    assert.deepStrictEqual(Recording.parse(recorded([], { digits: true })).header?.masked, ["numbers"])
  })
})

describe("the end", () => {
  it("a call that ended is complete, with its summary", () => {
    const { end } = Recording.parse(recorded(story()))
    assert.strictEqual(end.end, "complete")
    assert.strictEqual(end.end === "complete" && end.summary.outcome, "caller hung up")
  })

  it("a call that had not ended is not", () => {
    assert.deepStrictEqual(Recording.parse(recorded(story().slice(0, 50))).end, {
      end: "incomplete",
      reason: "the call had not ended",
      dropped: 0
    })
  })

  it("after a gap nothing is written but how many events are missing", () => {
    const recorder = Recorder.make(host)
    let text = recorder.start([])
    text += recorder.add({ _tag: "ModelConnected", at: 0, session: 0 }, [])
    assert.strictEqual(recorder.add(frame(0, 20), []), "")
    recorder.gap(7)
    assert.strictEqual(recorder.add({ _tag: "HangUpFailed", at: 40 }, []), "")
    text += recorder.finish()
    const { end, entries, problems } = Recording.parse(text)
    assert.deepStrictEqual(end, { end: "incomplete", reason: "events were dropped", dropped: 9 })
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(
      entries.map((entry) => entry.event._tag),
      ["ModelConnected"]
    )
    assert.strictEqual(recorder.finish(), "")
  })

  it("a recording never grows beyond its limit, in bytes of UTF-8, and what is there replays", () => {
    for (const maxBytes of [4_500, 5_000, 7_000, 9_000]) {
      const text = recorded(
        story((number) => number % 3),
        { maxBytes, audio: maxBytes === 9_000 }
      )
      assert.isAtMost(new TextEncoder().encode(text).length, maxBytes)
      const recording = Recording.parse(text)
      assert.strictEqual(recording.end.end, "incomplete")
      assert.strictEqual(
        recording.entries.length + (recording.end.end === "incomplete" ? (recording.end.dropped ?? 0) : 0),
        story().length
      )
      assert.isTrue(Replay.run(recording, machine).same)
    }
  })
})

describe("again", () => {
  for (const options of [{}, { audio: true, digits: true, numbers: true }, { maxBytes: 7_000 }]) {
    it(`by the same machine it is the same text: ${JSON.stringify(options)}`, () => {
      const text = recorded(
        story((number) => number % 3),
        options
      )
      assert.strictEqual(Recorder.again(Recording.parse(text), machine), text)
    })
  }

  it("by another it replays there", () => {
    const again = Recorder.again(Recording.parse(recorded(story())), Call)
    assert.isTrue(Replay.run(Recording.parse(again)).same)
    assert.isFalse(Replay.run(Recording.parse(again), machine).same)
  })
})
