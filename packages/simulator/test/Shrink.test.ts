import { Call, type Command } from "@offhook/core"
import { type Plan, Population, Shrink, Simulation, SpeechFiles, type World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

const busy = (index: number): Plan.Plan => Population.plan("shrink", index, { network: "poor", faults: "many" })

/** Fails where the plan has what `holds` asks for, `at` ms into a call of a minute. */
const where =
  (holds: (plan: Plan.Plan) => boolean): Shrink.Test =>
  (plan) =>
    holds(plan) ? { at: 1_000, callMs: 60_000 } : null

const failure: Shrink.Failure = { at: 1_000, callMs: 60_000 }

const isPress = ({ act }: Plan.Step) => act._tag === "Press"

describe("a plan that fails", () => {
  it("keeps what it takes, and nothing else", () => {
    const plan = { ...busy(3), caller: [...busy(3).caller, ...busy(4).caller] }
    const keyed: Plan.Plan = {
      ...plan,
      caller: plan.caller.flatMap((step, index) =>
        index === 2 ? [{ when: step.when, act: { _tag: "Press", digits: "12" } }, step] : [step]
      )
    }
    const { plan: small } = Shrink.shrink(
      keyed,
      failure,
      where(({ caller, responses }) => caller.some(isPress) && responses.flat().length > 1),
      { runs: 2_000, callMs: Number.POSITIVE_INFINITY }
    )
    assert.strictEqual(small.caller.length, 1)
    assert.isTrue(small.caller.every(isPress))
    assert.strictEqual(small.responses.flat().length, 2)
    assert.deepStrictEqual(
      [small.tools, small.model, small.carrier, small.host, small.faults],
      [[], {}, {}, {}, { carrier: [], model: [], network: [] }]
    )
  })

  it("never becomes larger, and still fails", () => {
    for (let index = 0; index < 20; index++) {
      const plan = busy(index)
      const test = where(({ caller }) => caller.length * 3 > plan.caller.length)
      const shrunk = Shrink.shrink(plan, failure, test)
      assert.isAtMost(Shrink.size(shrunk.plan), Shrink.size(plan))
      assert.isNotNull(test(shrunk.plan))
      assert.isAtMost(shrunk.runs, 400)
    }
  })

  it("is left alone where nothing can be spared, and where no run is left", () => {
    const plan = busy(1)
    assert.strictEqual(Shrink.shrink(plan, failure, () => null).plan, plan)
    assert.strictEqual(
      Shrink.shrink(
        plan,
        failure,
        where(() => true),
        { runs: 0 }
      ).plan,
      plan
    )
  })

  it("is tried in calls of no more than so much time together", () => {
    let tried = 0
    const test: Shrink.Test = () => {
      tried++
      return null
    }
    Shrink.shrink(busy(1), failure, test, { callMs: 600_000 })
    assert.strictEqual(tried, 10)
  })

  it("is the same again from the same plan", () => {
    const shrink = () =>
      Shrink.shrink(
        busy(5),
        failure,
        where(({ responses }) => responses.length > 2)
      ).plan
    assert.deepStrictEqual(shrink(), shrink())
  })
})

/** With all that it had, and every number as low as it may be. */
const lowest = (plan: Plan.Plan): Plan.Plan => {
  const shape = (one: Plan.Plan) => JSON.stringify(one, (_, value) => (typeof value === "number" ? 0 : value))
  const test = where((one) => shape(one) === shape(plan))
  return Shrink.shrink(plan, failure, test, { runs: 5_000, callMs: Number.POSITIVE_INFINITY }).plan
}

describe("a plan whose numbers are as low as they may be", () => {
  it("still makes a call that ends", () => {
    for (let index = 0; index < 12; index++) {
      const plan = lowest(busy(index))
      assert.isBelow(Shrink.size(plan), Shrink.size(busy(index)))
      const { broken } = Simulation.run({ ...plan, carrier: { ...plan.carrier, patience: 20_000 } }, { audio })
      assert.notInclude(
        broken.map(({ invariant }) => invariant),
        "no livelock"
      )
    }
  })
})

/** Ends twice once the caller has spoken while the agent did. */
const endsTwice: World.Machine = {
  ...Call,
  step: (state, event) => {
    const [next, commands] = Call.step(state, event)
    const ended = commands.find((command): command is Extract<Command, { _tag: "Ended" }> => command._tag === "Ended")
    return ended !== undefined && ended.summary.interruptions > 0 ? [next, [...commands, ended]] : [next, commands]
  }
}

describe("a call that a broken machine takes", () => {
  it("shrinks to a short one in which the same is broken", () => {
    const options: Simulation.Options = { audio, machine: endsTwice }
    const test = Shrink.breaks("ends once", options)
    let index = 0
    while (test(Population.plan("shrink", index)) === null) index++
    const first = Population.plan("shrink", index)
    const before = test(first)
    assert.isNotNull(before)
    const { plan, failure } = Shrink.shrink(first, before, test, { runs: 300 })
    assert.deepStrictEqual(test(plan), failure)
    assert.isBelow(failure.callMs, 15_000)
    assert.isAtMost(plan.caller.length, 3)
    assert.isAtMost(plan.responses.length, 2)
    assert.isBelow(JSON.stringify({ ...plan, agent: {} }).length, 1_000)
  })

  it("is cut behind the failure first, however long it was", () => {
    const long = Population.plan("shrink", 100)
    const test: Shrink.Test = (plan) => {
      let at = 0
      const { callMs } = Simulation.run(plan, { audio, onStep: (event) => (at = event.at) })
      return at > 20_000 ? { at: 20_000, callMs } : null
    }
    const failure = test(long)
    assert.isNotNull(failure)
    assert.isAbove(failure.callMs, 600_000)
    const shrunk = Shrink.shrink(long, failure, test, { runs: 10 })
    assert.isBelow(shrunk.failure.callMs, 40_000)
  })
})
