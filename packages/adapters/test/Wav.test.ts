import { Buffer } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import { Agent, Call, type Command, type Event, Mulaw, Prices, Recorder, Recording } from "@offhook/core"
import * as Wav from "../src/recording/Wav.ts"

const config: Agent.Config = { agent: Agent.defaults, prices: Prices.table }
const STREAM_AT = 300
const LENGTH = 4_000

/** Never silent, never the same. */
const sound = (bytes: number, seed: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 7 + seed * 31) % 113))

/**
 * A call in steps of 1 ms: a carrier whose play buffer plays 8 bytes a ms, 4 ms away. Returns the recording, and on the
 * carrier's clock what the caller said and what its ear heard.
 */
const call = (script: Readonly<Record<number, (at: number) => ReadonlyArray<Event>>>, audio = true) => {
  const recorder = Recorder.make({ version: "0", call: "CA1", startedAt: "2026-01-01T00:00:00.000Z", config, audio })
  const said = Buffer.alloc(LENGTH * 8, 0xff)
  const heard = Buffer.alloc(LENGTH * 8, 0xff)
  const toUs = new Map<number, Array<(at: number) => Event>>()
  const toCarrier = new Map<number, Array<Command>>()
  const later = <A>(agenda: Map<number, Array<A>>, at: number, what: A) =>
    agenda.set(at, [...(agenda.get(at) ?? []), what])
  let buffer: Array<number | string> = []
  let [state, commands] = Call.initial(config)
  let text = recorder.start(commands)
  const step = (event: Event, ms: number) => {
    ;[state, commands] = Call.step(state, event)
    text += recorder.add(event, commands)
    for (const command of commands) later(toCarrier, ms + 4, command)
  }
  for (let ms = -STREAM_AT; ms < LENGTH; ms++) {
    const at = ms + STREAM_AT
    for (const event of script[ms]?.(at) ?? []) step(event, ms)
    for (const event of toUs.get(ms) ?? []) step(event(at), ms)
    const due = Call.nextDeadline(state)
    if (due !== null && due <= at) step({ _tag: "TimeAdvanced", at }, ms)
    for (const command of toCarrier.get(ms) ?? []) {
      if (command._tag === "PlayAudio") buffer.push(...Buffer.from(String(command.payload), "base64"))
      if (command._tag === "Mark") buffer.push(command.name)
      if (command._tag === "Clear") buffer = buffer.filter((entry) => typeof entry === "string")
    }
    if (ms >= 0) {
      for (let index = 0; index <= 8; index++) {
        while (typeof buffer[0] === "string") {
          const name = buffer.shift() as string
          later(toUs, ms + 5, (at) => ({ _tag: "CarrierMarked", at, stream: 0, name }))
        }
        if (index === 8) break
        const byte = buffer.shift()
        if (typeof byte === "number") heard[ms * 8 + index] = byte
      }
      if (ms % 20 === 0 && ms > 0) {
        const timestamp = ms - 20
        const frame = sound(160, ms)
        frame.copy(said, timestamp * 8)
        later(toUs, ms + 4, (at) => ({
          _tag: "CarrierAudio",
          at,
          stream: 0,
          timestamp,
          bytes: 160,
          levels: "0",
          payload: frame.toString("base64")
        }))
      }
    }
  }
  text += recorder.finish()
  const recording = Recording.parse(text)
  assert.deepStrictEqual(recording.problems, [])
  return { recording, said, heard }
}

const session = 0
const begins: Readonly<Record<number, (at: number) => ReadonlyArray<Event>>> = {
  [-200]: (at) => [{ _tag: "ModelConnected", at, session }],
  [0]: (at) => [
    {
      _tag: "CarrierStarted",
      at,
      stream: 0,
      streamSid: "MZ1",
      callSid: "CA1",
      accountSid: "AC1",
      encoding: "audio/x-mulaw",
      sampleRate: 8000,
      channels: 1,
      parameters: {}
    }
  ],
  // The caller speaks for 100 ms before a model listens: kept, and forwarded at its place.
  [125]: (at) => [
    { _tag: "ModelSessionUpdated", at, session, input: { type: "audio/pcmu" }, output: { type: "audio/pcmu" } }
  ]
}

const says = (response: string, lengths: ReadonlyArray<number>) => (at: number) => [
  { _tag: "ModelResponseCreated", at, session, response, request: null, inConversation: true } as const,
  ...lengths.map(
    (ms, index): Event => ({
      _tag: "ModelAudio",
      at,
      session,
      response,
      item: `item of ${response}`,
      contentIndex: 0,
      bytes: ms * 8,
      levels: "0".repeat(Math.ceil(ms / 20)),
      payload: sound(ms * 8, index + response.length).toString("base64")
    })
  ),
  {
    _tag: "ModelResponseDone",
    at,
    session,
    response,
    request: null,
    inConversation: true,
    status: "completed",
    reason: null,
    error: null,
    usage: null
  } as const
]

const channel = (wav: Uint8Array, which: number): ReadonlyArray<number> => {
  const view = new DataView(wav.buffer, wav.byteOffset, wav.byteLength)
  return Array.from({ length: (wav.byteLength - 44) / 4 }, (_, index) =>
    view.getInt16(44 + index * 4 + which * 2, true)
  )
}

/** Stretches of sound, and where they begin. */
const sounds = (samples: ReadonlyArray<number>) => {
  const found: Array<{ at: number; samples: Array<number> }> = []
  let quiet = 1_000
  samples.forEach((sample, at) => {
    if (sample === 0) {
      quiet++
      return
    }
    if (quiet > 400) found.push({ at, samples: [] })
    quiet = 0
    found.at(-1)?.samples.push(sample)
  })
  return found
}

const decoded = (bytes: Buffer): ReadonlyArray<number> => [...bytes].map((byte) => Mulaw.decode(byte))

/** Every stretch was heard in the same order and within 8 ms of its place; only the length of a cut may differ. */
const assertSame = (actual: ReadonlyArray<number>, truth: ReadonlyArray<number>) => {
  const [found, expected] = [sounds(actual), sounds(truth)]
  assert.strictEqual(found.length, expected.length)
  expected.forEach(({ at, samples }, index) => {
    const same = found[index]
    assert.approximately(same?.at ?? 0, at, 64)
    assert.approximately(same?.samples.length ?? 0, samples.length, 64)
    const length = Math.min(samples.length, same?.samples.length ?? 0)
    assert.deepStrictEqual(same?.samples.slice(0, length), samples.slice(0, length))
  })
}

describe("Wav", () => {
  it("left is every byte the caller said, at its place; right is what was heard, cut where it was cut", () => {
    const { heard, recording, said } = call({
      ...begins,
      [500]: says("hello", [400, 400, 100]),
      [1_800]: says("a longer one", [600, 600]),
      [2_300]: (at) => [{ _tag: "ModelSpeechStarted", at, session, item: "caller", audioStartMs: 2_400 }],
      [3_000]: says("again", [300])
    })
    const wav = Wav.ofRecording(recording)
    if (wav === null) return assert.fail("no sound")
    assert.strictEqual(Buffer.from(wav.subarray(0, 4)).toString(), "RIFF")
    assert.strictEqual(new DataView(wav.buffer, wav.byteOffset).getUint32(40, true), wav.length - 44)
    const left = channel(wav, 0)
    assert.deepStrictEqual(left.slice(0, 3_900 * 8), decoded(said).slice(0, 3_900 * 8))
    const truth = decoded(heard)
    const [first, cut, last] = sounds(truth)
    assert.deepStrictEqual(
      [first?.samples.length, last?.samples.length].map((length) => Math.round((length ?? 0) / 80)),
      [90, 30]
    )
    assert.isBelow(cut?.samples.length ?? 0, 600 * 8)
    assertSame(channel(wav, 1), truth)
  })

  it("audio that comes too late is heard late: the pause is where it was", () => {
    const { heard, recording } = call({ ...begins, [500]: says("hello", [200]), [1_500]: says("more", [200]) })
    const wav = Wav.ofRecording(recording)
    if (wav === null) return assert.fail("no sound")
    assertSame(channel(wav, 1), decoded(heard))
  })

  it("a recording without audio has no sound, nor has something else", () => {
    assert.isNull(Wav.ofRecording(call(begins, false).recording))
    assert.isNull(Wav.ofRecording(Recording.parse("nothing")))
  })
})
