import { Agent, type Command, type Event } from "@offhook/core"
import { Base64, Brain, Caller, SpeechFiles, World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

/** A call with everything that carries audio: noise, gaps, barge-ins, faults of the carrier. */
const steps = (seed: number, wire: "direct" | "text") => {
  const told: Array<unknown> = []
  const say = (id: "agent-how-many" | "agent-opening-hours") => Brain.say({ audio: audio[id], text: `It says ${id}.` })
  const world = World.make({
    seed,
    wire,
    agent: { ...Agent.defaults, turns: seed % 2 === 0 ? "model" : "machine" },
    script: [
      Caller.say("caller-how-many", audio["caller-how-many"], Caller.agentSpeaking(900, 4_000)),
      Caller.say("caller-yes", audio["caller-yes"], Caller.agentSilent(400, 6_000)),
      Caller.hangUp(Caller.agentSilent(700))
    ],
    brain: Brain.scripted([{ parts: [say("agent-opening-hours"), say("agent-how-many")] }], {
      rest: { parts: [say("agent-how-many")] }
    }),
    carrierLine: { delay: 40, jitter: 9, stalls: [{ everyMs: 3_000, ms: [100, 300] }] },
    modelLine: { delay: 15, jitter: 4 },
    carrier: {
      noise: seed % 3 !== 0,
      impairments: { gaps: [{ at: 2_000, ms: 300 }], silenceSuppression: seed % 3 === 0 },
      faults: [
        { _tag: "MediaBeforeStart" },
        { _tag: "Sends", what: "repeated media", when: { after: 60 } },
        { _tag: "Sends", what: "outdated media", when: { after: 80 } },
        { _tag: "Sends", what: "binary frame", when: { after: 90 } },
        { _tag: "MediaSwapped", when: { atMs: 2_600 } }
      ]
    },
    network: [{ _tag: "SocketLost", peer: "model", when: { received: 300 + seed }, inFlight: "lost" }],
    onStep: (event, commands) => told.push([plain(event), commands.map(plain)])
  })
  world.run(120_000)
  return { told, ear: world.carrier.ear, received: world.models.map((model) => model.received.bytes()) }
}

const plain = (one: Command | Event): unknown =>
  "payload" in one && typeof one.payload !== "string" ? { ...one, payload: Base64.encode(one.payload) } : one

describe("audio as bytes", () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`makes the same call as text: seed ${seed}`, () => {
      const text = steps(seed, "text")
      const direct = steps(seed, "direct")
      assert.isAbove(text.told.length, 300)
      for (let index = 0; index < text.told.length; index++) {
        assert.deepStrictEqual(direct.told[index], text.told[index], `step ${index}`)
      }
      assert.strictEqual(direct.told.length, text.told.length)
      assert.deepStrictEqual(direct.ear, text.ear)
      assert.deepStrictEqual(direct.received, text.received)
    })
  }
})
