/**
 * What recording costs per regular frame of caller audio: `npm run bench -- recorder`. It runs on the audio path of
 * every call, 50 times a second and direction.
 */
import { bench, describe } from "vitest"
import { Agent, type Command, type Event, Recorder } from "../src/index.ts"

const frames = Array.from({ length: 250 }, (_, number) => {
  const payload = btoa(String.fromCharCode(...Array.from({ length: 160 }, (_, index) => (index * 7 + number) & 255)))
  const event: Event = {
    _tag: "CarrierAudio",
    at: number * 20 + (number % 3),
    stream: 0,
    timestamp: number * 20,
    bytes: 160,
    levels: "Q",
    payload
  }
  const commands: ReadonlyArray<Command> = [
    { _tag: "ForwardAudio", session: 0, from: number * 160, bytes: 160, payload }
  ]
  return { event, commands }
})

const rounds = 400
const measured = (audio: boolean): string => {
  let length = 0
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const recorder = Recorder.make({
      version: "0",
      call: "CA0",
      startedAt: "",
      audio,
      config: { agent: Agent.defaults, prices: { date: "", models: {} } }
    })
    recorder.start([])
    const from = performance.now()
    for (const { commands, event } of frames) length += recorder.add(event, commands).length
    times.push(((performance.now() - from) * 1e6) / frames.length)
  }
  const median = times.toSorted((a, b) => a - b)[rounds >> 1] ?? 0
  return `${audio ? "with" : "without"} audio: ${median.toFixed(0)} ns and ${(length / rounds / frames.length).toFixed(1)} bytes a frame`
}

describe("recording a regular frame", () => {
  bench("both", () => console.log(`${measured(false)}\n${measured(true)}`), {
    iterations: 1,
    warmupIterations: 0,
    time: 0,
    warmupTime: 0
  })
})
