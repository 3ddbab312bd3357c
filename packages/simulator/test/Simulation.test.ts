/** Simulated calls, judged; and that a campaign of them tells what it should. */

import { Call } from "@offhook/core"
import { Campaign, Distribution, Population, Simulation, SpeechFiles, type World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

const campaign = (from: number, to: number, options: Partial<Campaign.Options> = {}): Campaign.Tally => {
  const tally = Campaign.none()
  for (let index = from; index < to; index++)
    Campaign.play(tally, index, { seed: "npm test", population: {}, audio, ...options })
  return tally
}

const told = ({ broken }: Campaign.Tally): string =>
  [...broken]
    .map(([invariant, { calls, first }]) => `${invariant}: ${calls} calls, call ${first.index}: ${first.detail}`)
    .join("\n")

/** More: `npm run simulate`. */
describe("200 calls of one seed", () => {
  for (let from = 0; from < 200; from += 50) {
    it(`nothing breaks in calls ${from} to ${from + 49}`, () => {
      const tally = campaign(from, from + 50)
      assert.strictEqual(tally.failed, 0, told(tally))
      assert.strictEqual(tally.calls, 50)
      assert.isAbove(tally.experience.turns.answered, 100)
    })
  }
})

describe("a campaign", () => {
  it("is the sum of its pieces", () => {
    const whole = campaign(0, 12)
    const pieces = campaign(0, 5)
    Campaign.merge(pieces, campaign(5, 12))
    assert.deepStrictEqual(pieces, whole)
  })

  it("is another one for another seed, network or number of faults", () => {
    const none = campaign(0, 5)
    for (const options of [
      { seed: "other" },
      { population: { network: "poor" } },
      { population: { faults: "many" } }
    ] as const) {
      assert.notStrictEqual(campaign(0, 5, options).steps, none.steps)
    }
  })

  it("counts the calls over ten minutes and over an hour", () => {
    const tally = campaign(100, 101)
    assert.deepStrictEqual(tally.long, { tenMinutes: 1, hour: 0 })
    assert.isAbove(tally.callMs, 600_000)
  })
})

describe("a machine that", () => {
  const played = (changes: Partial<World.Machine>): Campaign.Tally =>
    campaign(0, 3, { machine: { ...Call, ...changes }, population: { faults: "none" } })

  it("throws, breaks its call and no other; where is told", () => {
    let steps = 0
    const tally = played({
      step: (state, event) => {
        if (++steps === 200) throw new RangeError("no such item")
        return Call.step(state, event)
      }
    })
    assert.strictEqual(tally.calls, 3)
    assert.strictEqual(tally.broken.get("never throws")?.calls, 1)
    assert.match(tally.broken.get("never throws")?.first.detail ?? "", /^no such item \(Simulation\.test\.ts:\d+\)$/)
  })

  it("leaves a deadline due for ever, never ends its call", () => {
    const tally = played({ nextDeadline: (state) => (Call.isEnded(state) ? null : 0) })
    assert.strictEqual(tally.broken.get("no livelock")?.calls, 3, told(tally))
  })

  it("never lets a call go, does not end it", () => {
    const tally = played({
      step: (state, event) => {
        const [next, commands] = Call.step(state, event)
        return [next, commands.filter(({ _tag }) => _tag !== "Ended")]
      }
    })
    assert.strictEqual(tally.broken.get("ends once")?.calls, 3, told(tally))
  })
})

it("only so much of a call is looked at, where that is wanted", () => {
  const plan = Population.plan("npm test", 100)
  const { broken, callMs } = Simulation.run(plan, { audio, untilMs: 5_000 })
  assert.deepStrictEqual(broken, [])
  assert.isAtMost(callMs, 5_000)
  assert.isAbove(callMs, 4_000)
})

describe("a distribution", () => {
  const of = (values: ReadonlyArray<number>, step?: number) => {
    const distribution = Distribution.make(step)
    for (const value of values) Distribution.add(distribution, value)
    return distribution
  }

  it("knows median, percentiles and worst, of one value and of many", () => {
    const hundred = of(Array.from({ length: 100 }, (_, index) => 100 - index))
    assert.deepStrictEqual(
      [0, 0.5, 0.95, 1].map((share) => Distribution.quantile(hundred, share)),
      [1, 50, 95, 100]
    )
    assert.strictEqual(Distribution.quantile(of([7]), 0.5), 7)
    assert.isNull(Distribution.quantile(of([]), 0.5))
  })

  it("rounds to its step", () => {
    assert.strictEqual(Distribution.quantile(of([0.3, 0.2], 0.125), 1), 0.25)
  })

  it("merges", () => {
    const both = of([1, 2, 2])
    Distribution.merge(both, of([2, 9]))
    assert.deepStrictEqual(both, of([1, 2, 2, 2, 9]))
    assert.strictEqual(Distribution.size(both), 5)
  })
})
