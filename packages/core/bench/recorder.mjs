/**
 * What recording costs a regular frame of caller audio: `npm run bench -- recorder`. It runs on the audio path of every
 * call, 50 times a second.
 */

import { Agent, Prices, Recorder } from "../dist/index.js"

const ROUNDS = 400

const frames = Array.from({ length: 250 }, (_, number) => {
  const payload = btoa(String.fromCharCode(...Array.from({ length: 160 }, (_, index) => (index * 7 + number) & 255)))
  const at = number * 20 + (number % 3)
  return {
    event: { _tag: "CarrierAudio", at, stream: 0, timestamp: number * 20, bytes: 160, levels: "Q", payload },
    commands: [{ _tag: "ForwardAudio", session: 0, from: number * 160, bytes: 160, payload }]
  }
})

for (const audio of [false, true]) {
  let length = 0
  const times = []
  for (let round = 0; round < ROUNDS; round++) {
    const config = { agent: Agent.defaults, prices: Prices.table }
    const recorder = Recorder.make({ version: "0", call: "CA0", startedAt: "", audio, config })
    recorder.start([])
    const from = performance.now()
    for (const { commands, event } of frames) length += recorder.add(event, commands).length
    times.push(((performance.now() - from) * 1e6) / frames.length)
  }
  const median = times.toSorted((a, b) => a - b)[ROUNDS >> 1]
  const bytes = length / ROUNDS / frames.length
  console.log(`${audio ? "with" : "without"} audio: ${median.toFixed(0)} ns and ${bytes.toFixed(1)} bytes a frame`)
}
