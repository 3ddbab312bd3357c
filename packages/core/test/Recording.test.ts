import { assert, describe, it } from "vitest"
import type { Command } from "../src/Command.ts"
import type { Event } from "../src/Event.ts"
import * as Recorder from "../src/Recorder.ts"
import * as Recording from "../src/Recording.ts"
import * as Replay from "../src/Replay.ts"
import { config, host, machine, recorded, story, summary } from "./support/ToyCall.ts"

const header = Recording.headerLine({
  offhook: 1,
  version: "0.1.0",
  call: "CA1",
  startedAt: "2026-11-22T12:00:00.000Z",
  audio: false,
  masked: [],
  config
})

const problem = (...lines: ReadonlyArray<string>): string =>
  Recording.parse(`${header}${lines.join("\n")}\n`)
    .problems.map(({ line, text }) => `${line}: ${text}`)
    .join("; ")

const frames = (fields: object) =>
  JSON.stringify({
    at: 5,
    e: "CarrierAudio",
    stream: 0,
    timestamp: 0,
    bytes: 160,
    every: 20,
    levels: "AB",
    after: [20],
    ...fields
  })

describe("what is wrong, by line and in words", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, string]> = [
    ["no JSON", ["nonsense", '{"at":1,"e":"HangUpFailed"}'], "2: this is not a JSON object"],
    ["no object", ["[1]", ""], "2: this is not a JSON object"],
    ["no kind of line", ['{"at":1}'], '2: this is neither an event ("e"), a command ("c") nor the end ("end")'],
    ["an unknown event", ['{"at":1,"e":"toString"}'], '2: no event is called "toString"'],
    ["no time", ['{"e":"HangUpFailed"}'], "2: at must be whole milliseconds since the call began"],
    [
      "time that goes back",
      ['{"at":9,"e":"HangUpFailed"}', '{"at":8,"e":"HangUpFailed"}'],
      "3: time goes back: at is 8, the event before was at 9"
    ],
    ["a missing field", ['{"at":9,"e":"CarrierKeyed","stream":0}'], "2: digit is missing, it must be a text"],
    ["a wrong field", ['{"at":9,"e":"CarrierKeyed","stream":0,"digit":4}'], "2: digit is 4, it must be a text"],
    [
      "a wrong null",
      ['{"at":9,"e":"ModelSpeechCommitted","session":0,"item":"a","previous":7}'],
      "2: previous is 7, it must be a text or null"
    ],
    [
      "an error that says nothing",
      ['{"at":9,"e":"ModelErred","session":0,"error":{}}'],
      "2: error.type is missing, it must be a text"
    ],
    [
      "usage without a count",
      [
        '{"at":9,"e":"ModelResponseDone","session":0,"response":"a","request":null,"inConversation":true,"status":"completed","reason":null,"error":null,"usage":{"inputText":1}}'
      ],
      "2: usage.inputAudio is missing, it must be a number"
    ],
    [
      "a format without a name",
      ['{"at":9,"e":"ModelSessionUpdated","session":0,"input":null,"output":{}}'],
      "2: output.type is missing, it must be a text"
    ],
    ["a run without levels", [frames({ levels: "A" })], "2: levels must hold one character for each of the 2 frames"],
    [
      "a run with too little audio",
      [frames({ audio: ["AAAA"] })],
      "2: audio must hold one base64 text for each of the 2 frames"
    ],
    ["a run with odd ticks", [frames({ ticks: [3] })], "2: ticks must be a list of [frame, ms]"],
    ["a run half forwarded", [frames({ from: 0 })], "2: session and from must both be numbers, or both be left out"],
    [
      "a run of something else",
      ['{"at":9,"e":"HangUpFailed","after":[]}'],
      "2: HangUpFailed has no runs: after must not stand here"
    ],
    [
      "a command after a run",
      [frames({}), '{"c":"HangUp"}'],
      "3: a command must follow the event that it answers; a run holds its own"
    ],
    [
      "lines after the end",
      ['{"end":"incomplete","reason":"x","dropped":null}', '{"c":"HangUp"}'],
      "3: nothing may follow the line that ends the recording"
    ],
    ["an end without a reason", ['{"end":"incomplete"}'], "2: reason is missing, it must be a text"],
    [
      "missing lines",
      ['{"at":9,"e":"HangUpFailed"}', JSON.stringify({ end: "complete", events: 2, commands: 3, summary })],
      "3: lines are missing or were added: the end counts 2 events and 3 commands, the file holds 1 and 0"
    ]
  ]
  for (const [name, lines, expected] of cases) it(name, () => assert.strictEqual(problem(...lines), expected))

  it("a header", () => {
    const first = (object: object) => Recording.parse(JSON.stringify(object)).problems[0]?.text
    const sound = JSON.parse(header)
    assert.include(first({ at: 1 }), "its first line must be the header")
    assert.include(first({ ...sound, offhook: 2, version: "9.1" }), "has format 2 (Offhook 9.1)")
    assert.strictEqual(first({ ...sound, audio: 1 }), "audio is 1, it must be true or false")
    assert.include(first({ ...sound, config: { agent: {} } }), 'config must hold "agent" and "prices"')
    assert.strictEqual(
      first({ ...sound, config: { ...config, agent: { ...config.agent, tools: "none" } } }),
      'config.agent.tools is "none", it must be a list'
    )
  })

  it("a command that is missing in the middle", () => {
    const lines = recorded(story()).split("\n")
    const without = lines.filter((line) => !line.startsWith('{"c":"Clear"'))
    assert.match(Recording.parse(without.join("\n")).problems[0]?.text ?? "", /^lines are missing or were added/)
  })

  it("many problems are shown, but not a thousand", () => {
    const { problems } = Recording.parse(header + "x\n".repeat(1_000))
    assert.strictEqual(problems.length, 20)
  })
})

describe("what is tolerated", () => {
  it("empty lines and lines that end as Windows ends them", () => {
    const text = recorded(story())
    const other = Recording.parse(`${text.replaceAll("\n", "\r\n\r\n")}\r\n`)
    assert.deepStrictEqual(other.problems, [])
    assert.deepStrictEqual(
      other.entries.map((entry) => entry.event),
      Recording.parse(text).entries.map((entry) => entry.event)
    )
  })

  it("an agent of a version that did not know a field yet", () => {
    const { maxCallMs: _, ...agent } = config.agent
    const { header: read } = Recording.parse(JSON.stringify({ ...JSON.parse(header), config: { ...config, agent } }))
    assert.strictEqual(read?.config.agent.maxCallMs, config.agent.maxCallMs)
  })

  it("anything: parse and replay never throw", () => {
    const text = recorded(story((number) => number % 3))
    let seed = 1
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
      return seed % below
    }
    const shapes = ['"', "{", "}", "[", "]", ",", ":", "\n", "0", "-1", "null", "1e999", "x", ""]
    let different = 0
    for (let round = 0; round < 150; round++) {
      let mutated = text
      for (let count = random(3); count >= 0; count--) {
        const place = random(mutated.length)
        mutated = mutated.slice(0, place) + shapes[random(shapes.length)] + mutated.slice(place + random(4))
      }
      const result = Replay.run(Recording.parse(mutated), machine)
      if (!result.same) {
        different++
        assert.match(Replay.explain(result.difference), /^line \d+/)
      }
    }
    assert.isAbove(different, 100)
  })
})

describe("commands in short form", () => {
  const sound = JSON.parse(header) as Recording.Header
  const audio: Event = {
    _tag: "ModelAudio",
    at: 1,
    session: 0,
    response: "r",
    item: "i",
    contentIndex: 0,
    bytes: 3,
    levels: "A",
    payload: "AAAA"
  }
  const play = { _tag: "PlayAudio", stream: 0, session: 0, item: "i", contentIndex: 0, from: 0, bytes: 3 } as const

  it("audio that answers the model's audio names no item", () => {
    assert.deepStrictEqual(Recording.witness({ ...play, payload: "AAAA" }, audio, sound), {
      c: "PlayAudio",
      stream: 0,
      from: 0,
      bytes: 3
    })
    const other = Recording.witness({ ...play, contentIndex: 1, payload: "AAAA" }, audio, sound)
    assert.deepStrictEqual([other["item"], other["contentIndex"]], ["i", 1])
    assert.deepStrictEqual(Recording.witness({ ...play, payload: "AAAA" }, null, sound), {
      c: "PlayAudio",
      session: 0,
      item: "i",
      contentIndex: 0,
      stream: 0,
      from: 0,
      bytes: 3
    })
  })

  it("with audio a hash stands for the payload, whatever form the host keeps it in", () => {
    const hashed = (payload: string | Uint8Array) =>
      Recording.witness({ ...play, payload }, audio, { ...sound, audio: true })["hash"]
    assert.match(String(hashed("AAAA")), /^[0-9a-f]{16}$/)
    assert.strictEqual(hashed("AQID"), hashed(new Uint8Array([1, 2, 3])))
    const seen = new Set<unknown>()
    for (let value = 0; value < 65_536; value += 1) seen.add(hashed(new Uint8Array([value >> 8, value & 255, 7])))
    assert.strictEqual(seen.size, 65_536)
  })

  it("an agent is named only where it is not the header's", () => {
    const configure: Command = { _tag: "ConfigureModel", session: 0, agent: { ...config.agent } }
    assert.deepStrictEqual(Recording.witness(configure, null, sound), { c: "ConfigureModel", session: 0 })
    const other = { ...config.agent, voice: "cedar" }
    assert.strictEqual(Recording.witness({ ...configure, agent: other }, null, sound)["agent"], other)
  })

  it("every line is readable JSON", () => {
    const recorder = Recorder.make(host)
    const text = recorder.start([{ _tag: "HangUp" }]) + recorder.finish()
    assert.deepStrictEqual(JSON.parse(text.split("\n")[1] ?? ""), { c: "HangUp" })
  })
})

describe("differs", () => {
  it("names the first place", () => {
    assert.isNull(Recording.differs({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }))
    assert.strictEqual(Recording.differs({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }), "a.1.b")
    assert.strictEqual(Recording.differs({ a: 1 }, { a: 1, b: 2 }), "b")
    assert.strictEqual(Recording.differs({ a: [] }, { a: {} }), "a")
    assert.strictEqual(Recording.differs(1, 2), "")
  })
})
