import { Campaign, Distribution, type Invariants, type Threads } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as Screen from "../src/Screen.ts"
import * as SimulationReport from "../src/SimulationReport.ts"

const run: SimulationReport.Run = {
  seed: "abc",
  wanted: 200,
  threads: 2,
  seconds: 10,
  cpuSeconds: 20,
  flags: ["--agent", "luigi.json"]
}

/** What is shown, wrapped lines joined. */
const shown = (
  tally: Campaign.Tally,
  kept: ReadonlyMap<Invariants.Invariant, Threads.Small> = new Map(),
  options: Partial<SimulationReport.Run> = {}
): string => {
  let text = ""
  SimulationReport.show(Screen.make({ write: (piece) => (text += piece), columns: 120 }, "1"), tally, kept, {
    ...run,
    ...options
  })
  return text.replace(/\n {5,}/g, " ")
}

/** 200 calls of 50 s. */
const tallied = (): Campaign.Tally => ({ ...Campaign.none(), calls: 200, callMs: 10_000_000 })

describe("what callers experienced", () => {
  it("is told with medians, percentiles and the worst", () => {
    const tally = tallied()
    for (const ms of [700, 900, 4_000]) Distribution.add(tally.experience.reactions.answer, ms)
    for (const ms of [1.5, 2.25]) Distribution.add(tally.experience.cutErrors, ms)
    const text = shown(tally)
    assert.include(text, "answers    0.90 s median, 4.00 s 95th percentile, 4.00 s worst\n")
    assert.include(text, "first word none\n")
    assert.include(text, "is off by 1.5 ms median, 2.3 ms 95th percentile, 2.3 ms worst")
  })

  it("names what became of calls and turns, the most frequent first", () => {
    const tally = tallied()
    tally.experience.outcomes.set("model lost", 20).set("caller hung up", 180)
    Object.assign(tally.experience.turns, { caller: 610, answered: 600 })
    tally.experience.unanswered.set("the model was lost", 4).set("the caller hung up first", 6)
    const text = shown(tally)
    assert.include(text, "ended      180 caller hung up, 20 model lost\n")
    assert.include(
      text,
      "610 of the caller (3.0 a call): 600 answered; 10 not: 6 the caller hung up first, 4 the model was lost"
    )
  })
})

describe("what broke", () => {
  it("is nothing, of so many sentences", () => {
    assert.match(shown(tallied()), /\n {2}Nothing: \d+ sentences held in each of 200 calls\.\n/)
  })

  it("has the sentence, how many calls, the first, the command that plays it again, and what is left of it", () => {
    const tally = tallied()
    Campaign.judged(tally, 17, [{ invariant: "ends once", at: 12_340, detail: "it ended 2 times" }])
    Campaign.judged(tally, 30, [{ invariant: "ends once", at: 1, detail: "it ended 3 times" }])
    const small: Threads.Small = {
      file: "findings/ends-once-1.jsonl",
      text: "",
      broken: { invariant: "ends once", at: 500, detail: "it ended 4 times" },
      callMs: 1_500
    }
    const text = shown(tally, new Map([["ends once", small]]))
    assert.include(text, "2 calls of 202.")
    assert.include(text, "ends once: A call ends exactly once, and is silent from then on.\n")
    assert.include(text, "2 calls, the first is number 17: 12.34 s, it ended 2 times\n")
    assert.include(text, "npm run simulate -- --seed abc --call 17 --agent luigi.json\n")
    assert.include(text, "a call of 1.50 s: it ended 4 times\n")
    assert.include(text, "npm run simulate -- --again findings/ends-once-1.jsonl\n")
    assert.notInclude(text, "Nothing")
    assert.include(shown(tally, new Map(), { seed: "it's me" }), "--seed 'it'\\''s me' --call 17")
  })
})

describe("the run", () => {
  it("has the seed, the calls, and the speed by the clock and by processor time", () => {
    const text = shown(tallied())
    assert.include(text, "seed       abc\n")
    assert.include(text, "200, 2.8 hours of call, 50.0 s on average; 0 over ten minutes, 0 over an hour")
    assert.include(text, "0:10 on 2 threads: 1,000 seconds of call a second, 500 a second of processor time")
  })

  it("says how many calls are missing where it was ended early", () => {
    assert.include(shown(tallied(), new Map(), { wanted: 100_000 }), "calls      200 of 100,000, ")
  })

  it("that has played nothing, says so", () => {
    const text = shown(Campaign.none())
    assert.notInclude(text, "What callers experienced")
    assert.include(text, "No call was played.")
    assert.notInclude(text, "NaN")
  })
})

it("progress is one line: how many, how fast, what broke, how long still", () => {
  const tally = tallied()
  assert.strictEqual(
    SimulationReport.progress(tally, 400, 10),
    "200 of 400 calls, 1,000 times as fast as real, nothing broke, 0:10 left"
  )
  tally.failed = 3
  assert.include(SimulationReport.progress(tally, 400, 10), "3 broke")
  assert.strictEqual(
    SimulationReport.progress(Campaign.none(), 1, 0),
    "0 of 1 call, 0 times as fast as real, nothing broke"
  )
})
