/** Calls whose recordings do not replay, made by machines that are not functions of what they are given. */

import { Call } from "@offhook/core"
import { Population, Simulation, SpeechFiles, type World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

/** Enough that some are replayed in each of the ways. */
const calls = 24

const brokenBy = (machine: () => World.Machine): ReadonlySet<string> => {
  const found = new Set<string>()
  for (let index = 0; index < calls; index++) {
    const plan = Population.plan("replays", index, { faults: "none", network: "good" })
    for (const { invariant } of Simulation.run(plan, { audio, machine: machine() }).broken) found.add(invariant)
  }
  return found
}

describe("replays", () => {
  it("find nothing where the machine is a function of its state and the event", () => {
    const found = brokenBy(() => Call)
    assert.notInclude([...found], "replays")
    assert.notInclude([...found], "damage is told")
  })

  it("find a machine that remembers something outside of its state", () => {
    const machine = (): World.Machine => {
      let steps = 0
      return {
        ...Call,
        step: (state, event) => {
          const [next, commands] = Call.step(state, event)
          steps++
          return steps % 100 === 0
            ? [next, [...commands, { _tag: "Note", note: { what: "underrun", detail: `step ${steps}` } }]]
            : [next, commands]
        }
      }
    }
    assert.include([...brokenBy(machine)], "replays")
  })

  it("find a state that JSON does not give back", () => {
    const hidden = Symbol("hidden")
    const machine: World.Machine = {
      ...Call,
      initial: (config) => {
        const [state, commands] = Call.initial(config)
        return [Object.assign({ ...state }, { [hidden]: true }), commands]
      },
      step: (state, event) => {
        const known = hidden in state
        const [next, commands] = Call.step(state, event)
        const kept = known ? Object.assign({ ...next }, { [hidden]: true }) : next
        return [kept, known ? commands : []]
      }
    }
    assert.include([...brokenBy(() => machine)], "replays")
  })
})
