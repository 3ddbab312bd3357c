/**
 * What one caller frame costs between the two sockets (decode with its level, step, encode), against `JSON.parse` of
 * the same frame: `npm run bench -- frame`. Exits with 1 when it costs more than the budget.
 *
 * Rounds of the candidates are interleaved, so that a busy machine slows all of them alike; the ratio is the median of
 * the ratios of the rounds. Processor time counts, not time of day.
 */

import { Agent, Call, OpenAI, Prices, Twilio } from "../dist/index.js"

const BUDGET = 2
const ROUNDS = 20
const REPETITIONS = 20

const streamSid = "MZ18ad3ab5a668481ce02b83e7395059f0"
const connection = { stream: 0, streamSid }

/** Frames differ as speech does: no run of equal bytes, no equal texts. */
const frames = Array.from({ length: 500 }, (_, frame) => {
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

/** A call in which the model listens and nobody has spoken yet. */
const listening = () => {
  const mulaw = { type: "audio/pcmu" }
  const media = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 }
  const started = { _tag: "CarrierStarted", at: 0, stream: 0, streamSid, callSid: "CA1", accountSid: "AC1" }
  return [
    { _tag: "ModelConnected", at: 0, session: 0 },
    { _tag: "ModelSessionUpdated", at: 0, session: 0, input: mulaw, output: mulaw },
    { ...started, ...media, parameters: {} }
  ].reduce(
    (state, event) => Call.step(state, event)[0],
    Call.initial({ agent: { ...Agent.defaults, greeting: null }, prices: Prices.table })[0]
  )
}

const quiet = listening()
let state = quiet
let at = 0

const candidates = {
  "JSON.parse": (text) => JSON.parse(text).media.payload.length,
  decode: (text) => Twilio.decode(text, 0, connection).bytes,
  "decode, step, encode": (text) => {
    const [next, commands] = Call.step(state, Twilio.decode(text, at, connection))
    state = next
    at += 20
    let length = 0
    for (const command of commands) length += OpenAI.encode(command).length
    return length
  }
}

/** Keeps the candidates' work from being optimised away. */
let sum = 0

const microseconds = () => {
  const { system, user } = process.cpuUsage()
  return system + user
}

/** Nanoseconds a frame. */
const round = (candidate) => {
  const from = microseconds()
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    state = quiet
    at = 0
    for (const text of frames) sum += candidate(text)
  }
  return ((microseconds() - from) * 1_000) / (REPETITIONS * frames.length)
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const names = Object.keys(candidates)
const rounds = []
for (let warmUp = 0; warmUp < 5; warmUp++) for (const name of names) round(candidates[name])
while (rounds.length < ROUNDS) rounds.push(Object.fromEntries(names.map((name) => [name, round(candidates[name])])))

console.log(`One caller frame of ${frames[0].length} characters, median of ${ROUNDS} interleaved rounds:`)
const ratios = names.map((name) => {
  const ratio = median(rounds.map((times) => times[name] / times["JSON.parse"]))
  const nanoseconds = median(rounds.map((times) => times[name]))
  console.log(`${name.padEnd(20)} ${nanoseconds.toFixed(0).padStart(6)} ns  ${ratio.toFixed(2)} x`)
  return ratio
})
const worst = Math.max(...ratios)
console.log(`budget ${BUDGET.toFixed(2)} x: ${worst <= BUDGET && sum > 0 ? "kept" : "exceeded"}`)
process.exitCode = worst <= BUDGET ? 0 : 1
