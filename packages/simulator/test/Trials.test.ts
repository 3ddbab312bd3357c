/** What a recording is put through finds machines, files and agents that are not as they should be. */

import { Agent, Call, Prices, Recorder, Recording } from "@offhook/core"
import { Plan, Population, Random, Simulation, SpeechFiles, type World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as Contradictions from "../src/simulation/Contradictions.ts"
import * as Damage from "../src/simulation/trials/Damage.ts"
import * as Trial from "../src/simulation/trials/Trial.ts"

const audio = SpeechFiles.load()

const plan: Plan.Plan = { ...Population.plan("trials", 3, { faults: "none", network: "good" }), wire: "direct" }

const recorded = (machine: World.Machine = Call): Trial.Recorded => {
  const recorder = Recorder.make({
    version: "trials",
    call: "CA0",
    startedAt: "2026-01-01T00:00:00.000Z",
    config: { agent: plan.agent, prices: Prices.table }
  })
  const { kept } = Simulation.run(plan, { audio, keep: true })
  let text = recorder.start(kept?.first ?? [])
  for (const [event, commands] of kept?.steps ?? []) text += recorder.add(event, commands)
  text += recorder.finish()
  return { text, recording: Recording.parse(text), agent: plan.agent, machine }
}

const found = (one: Trial.Recorded, times = 60): ReadonlySet<string> => {
  const random = Random.make("trials")
  const broken = new Set<string>()
  for (let count = 0; count < times; count++) {
    for (const [, trial] of Trial.all) if (trial.run(random, one) !== null) broken.add(trial.invariant)
  }
  return broken
}

describe("trials", () => {
  it("find nothing in a sound recording, however it is damaged", () => {
    assert.deepStrictEqual([...found(recorded())], [])
  })

  it("damage in every way that they promise", () => {
    const random = Random.make("ways")
    const { text } = recorded()
    const ways = Array.from({ length: 200 }, () => Damage.damage(random, text))
    for (const asks of ["prefix", "told", "words"]) assert.isTrue(ways.some((way) => way.asks === asks))
    const problems = new Set(ways.flatMap((way) => Recording.parse(way.text).problems.map(({ text }) => text)))
    assert.isAbove(problems.size, 20)
  })

  it("find a machine that throws at what it does not know, and one that does otherwise with its own agent", () => {
    let calls = 0
    const fickle: World.Machine = {
      ...Call,
      step: (state, event) => {
        const [next, commands] = Call.step(state, event)
        return [next, ++calls % 50 === 0 ? commands.filter(({ _tag }) => _tag !== "ForwardAudio") : commands]
      }
    }
    assert.includeMembers([...found(recorded(fickle), 8)], ["replays", "what if is told"])
    const throwing: World.Machine = {
      ...Call,
      step: (state, event) => {
        if (event._tag === "ModelConnected") throw new Error("the first of all")
        return Call.step(state, event)
      }
    }
    const one = recorded(throwing)
    const random = Random.make("throws")
    const [[, damaged]] = Trial.all
    assert.match(damaged.run(random, one) ?? "", /it throws: the first of all/)
  })
})

describe("contradictions", () => {
  const broken = (agent: Partial<Agent.Agent>) =>
    Array.from({ length: 64 }, (_, index) =>
      Contradictions.found(Plan.plainest(`contradictions/${index}`, { ...Agent.defaults, ...agent }))
    ).flat()

  it("are named, and nothing else is", () => assert.deepStrictEqual(broken({}), []))

  it("in the agent of a call are found", () => {
    const details = broken({ gate: { minDbfs: null, echoDb: null } }).map(({ detail }) => detail)
    assert.isNotEmpty(details)
    assert.match(details.join("\n"), /the agent of this call has a wrong gate/)
  })
})
