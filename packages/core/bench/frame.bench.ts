/**
 * What one caller frame costs between the two sockets, against `JSON.parse` of the same frame: the floor of every
 * decoder. `npm run bench -- frame`.
 *
 * Rounds of the candidates are interleaved, so that a busy machine slows all of them alike; the ratio is the median of
 * the ratios of the rounds. Budget of decode, step and encode together: 2.0.
 */
import { bench, describe } from "vitest"
import type { Command } from "../src/index.ts"
import { OpenAI, Twilio } from "../src/index.ts"

const streamSid = "MZ18ad3ab5a668481ce02b83e7395059f0"
const connection: Twilio.Connection = { stream: 0, streamSid }

/** Frames differ as speech does: no run of equal bytes, no equal texts. */
const frames: ReadonlyArray<string> = Array.from({ length: 500 }, (_, frame) => {
  const payload = btoa(
    String.fromCharCode(...Array.from({ length: 160 }, (_, index) => (index * (7_919 + frame) + frame * 31) & 255))
  )
  return JSON.stringify({
    event: "media",
    sequenceNumber: String(frame + 2),
    streamSid,
    media: { track: "inbound", chunk: String(frame + 1), timestamp: String(frame * 20 + 102), payload }
  })
})

/** What a candidate does with a frame. */
type Candidate = (text: string) => number

const candidates: Readonly<Record<string, Candidate>> = {
  "JSON.parse": (text) => JSON.parse(text).media.payload.length,
  decode: (text) => {
    const event = Twilio.decode(text, 0, connection)
    return event?._tag === "CarrierAudio" ? event.bytes : 0
  },
  "decode + encode": (text) => {
    const event = Twilio.decode(text, 0, connection)
    if (event?._tag !== "CarrierAudio") return 0
    let length = 0
    for (const command of step(event)) length += OpenAI.encode(command).length
    return length
  }
}

/** Where `Call.step` belongs: from the frame's event to the commands it causes. */
const step = (event: Extract<Twilio.Decoded, { readonly _tag: "CarrierAudio" }>): ReadonlyArray<OpenAI.Encodable> => [
  { _tag: "ForwardAudio", session: 0, from: 0, bytes: event.bytes, payload: event.payload } satisfies Command
]

const ROUNDS = 20
const REPETITIONS = 20
/** Read by nobody; keeps the candidates' work from being optimised away. */
export let sum = 0

/** Processor time, not time of day: what else runs on the machine does not count. */
const microseconds = (): number => {
  const { system, user } = process.cpuUsage()
  return system + user
}

/** Nanoseconds a frame. */
const round = (candidate: Candidate): number => {
  const from = microseconds()
  for (let repetition = 0; repetition < REPETITIONS; repetition++) for (const text of frames) sum += candidate(text)
  return ((microseconds() - from) * 1_000) / (REPETITIONS * frames.length)
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

const compare = (): string => {
  const names = Object.keys(candidates)
  const rounds: Array<Readonly<Record<string, number>>> = []
  for (let warmUp = 0; warmUp < 5; warmUp++) for (const name of names) round(candidates[name] as Candidate)
  while (rounds.length < ROUNDS) {
    rounds.push(Object.fromEntries(names.map((name) => [name, round(candidates[name] as Candidate)])))
  }
  const lines = names.map((name) => {
    const nanoseconds = median(rounds.map((times) => times[name] ?? Number.NaN))
    const ratio = median(rounds.map((times) => (times[name] ?? Number.NaN) / (times["JSON.parse"] ?? Number.NaN)))
    return `${name.padEnd(16)} ${nanoseconds.toFixed(0).padStart(6)} ns  ${ratio.toFixed(2)} x`
  })
  return `One caller frame of ${frames[0]?.length} characters, median of ${ROUNDS} interleaved rounds:\n${lines.join("\n")}`
}

/** vitest calls a benchmark several times. */
let compared = false

describe("one caller frame", () => {
  bench(
    "compared",
    () => {
      if (compared) return
      compared = true
      console.log(compare())
    },
    { iterations: 1, time: 0, warmupIterations: 0, warmupTime: 0 }
  )
})
