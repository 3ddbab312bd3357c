import { Agent, type Event, Level } from "@offhook/core"
import { G711, Plan, Simulation, Sound, SpeechFiles } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as Echo from "../src/Echo.ts"

const audio = SpeechFiles.load()
const silence = new Uint8Array(160).fill(G711.SILENCE)
const voice = Sound.bytes({ clip: "agent-booked", ms: 1_000 }, audio)

const span = (at: number, payload: Uint8Array) => ({ at, message: 0, from: 0, to: payload.length, payload })

const near = (a: number, b: number) => Math.abs((G711.DECODED[a] ?? 0) - (G711.DECODED[b] ?? 0)) <= 4

describe("an echo", () => {
  it("is what was heard, later, to the sample", () => {
    const echo = Echo.make({ delayMs: 100, fainter: 0 })
    echo.heard(span(1_000, voice))
    const frames = Array.from({ length: 50 }, (_, index) => echo.into(silence, 1_100 + 20 * index, undefined))
    const back = Uint8Array.from(frames.flatMap((frame) => [...(frame ?? silence)]))
    assert.isTrue(back.every((byte, index) => near(byte, voice[index] ?? 0)))
    assert.isUndefined(echo.into(silence, 2_100, undefined))
  })

  it("begins and ends within a frame, and takes in what is still playing", () => {
    const echo = Echo.make({ delayMs: 50, fainter: 0 })
    const frame = echo.into(silence, 1_040, span(1_000, voice.subarray(0, 40)))
    assert.isTrue(frame?.subarray(0, 80).every((byte) => byte === G711.SILENCE))
    assert.isTrue(frame?.subarray(80, 120).every((byte, index) => near(byte, voice[index] ?? 0)))
    assert.isTrue(frame?.subarray(120).every((byte) => byte === G711.SILENCE))
  })

  it("is fainter, and lies over what the caller says", () => {
    const echo = Echo.make({ delayMs: 20, fainter: 20 })
    echo.heard(span(0, voice))
    const power = (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum + (G711.SQUARES[byte] ?? 0), 0)
    const frame = echo.into(silence, 420, undefined) ?? silence
    const said = voice.subarray(3_200, 3_360)
    assert.closeTo(10 * Math.log10(power(frame) / power(said)), -20, 1)
    const both = echo.into(said, 420, undefined) ?? silence
    assert.closeTo(10 * Math.log10(power(both) / power(said)), 20 * Math.log10(1.1), 0.5)
  })

  it("reaches the machine in a call: while the agent speaks, the caller's line is as loud as the echo", () => {
    const plan: Plan.Plan = {
      ...Plan.plainest("echo", { ...Agent.defaults, turns: "machine", interruptAfterMs: 600 }),
      responses: [[{ _tag: "Say", sound: { clip: "agent-booked", ms: 2_000 } }]],
      carrier: { patience: 4_000, impairments: { echo: { delayMs: 100, fainter: 15 } } }
    }
    const loudest = (impairments: Plan.Carrier["impairments"]) => {
      let most = -96
      const onStep = (event: Event) => {
        if (event._tag === "CarrierAudio") most = Math.max(most, Level.dbfs(event.levels, 0))
      }
      Simulation.run({ ...plan, carrier: { patience: 4_000, impairments: impairments ?? {} } }, { audio, onStep })
      return most
    }
    assert.isBelow(loudest({}), -60)
    assert.isAbove(loudest(plan.carrier.impairments), -45)
    assert.isBelow(loudest(plan.carrier.impairments), -20)
  })
})
