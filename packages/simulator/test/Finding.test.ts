import { existsSync, readdirSync, readFileSync } from "node:fs"
import { Agent, Call, type Command, Recording } from "@offhook/core"
import { replay } from "@offhook/core/testing"
import { Finding, type Invariants, Plan, Population, Simulation, SpeechFiles, type World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

/** Ends twice where the caller was cut short in nothing and said something. */
const endsTwice: World.Machine = {
  ...Call,
  step: (state, event) => {
    const [next, commands] = Call.step(state, event)
    const ended = commands.find((command): command is Extract<Command, { _tag: "Ended" }> => command._tag === "Ended")
    return ended !== undefined && ended.summary.turns.caller > 0 ? [next, [...commands, ended]] : [next, commands]
  }
}

const found = (): { readonly plan: Plan.Plan; readonly broken: Invariants.Broken } => {
  for (let index = 0; ; index++) {
    const plan = Population.plan("finding", index)
    const broken = Simulation.run(plan, { audio, machine: endsTwice }).broken.find(
      ({ invariant }) => invariant === "ends once"
    )
    if (broken !== undefined) return { plan, broken }
  }
}

const keptIn = new URL("../../core/test/calls/found/", import.meta.url)

const kept = (): ReadonlyArray<string> =>
  existsSync(keptIn) ? readdirSync(keptIn).filter((name) => name.endsWith(".jsonl")) : []

describe("findings that are kept", () => {
  it("hold, played again by their plans", () => {
    const broken = kept().flatMap((file) => {
      const finding = Finding.read(readFileSync(new URL(file, keptIn), "utf8"))
      const found = finding === null ? [] : Simulation.run(finding.plan, { audio }).broken
      return finding === null ? [`${file} is no finding`] : found.map(({ detail }) => `${file}: ${detail}`)
    })
    assert.deepStrictEqual(broken, [])
  })
})

describe("a finding", () => {
  const { plan, broken } = found()
  const file = Finding.name(plan, broken)
  const text = Finding.text(plan, broken, `found/${file}`, { audio, machine: endsTwice })

  it("is named by what is broken and by its plan", () => {
    assert.match(file, /^ends-once-[0-9a-f]{8}\.jsonl$/)
    assert.notStrictEqual(Finding.name({ ...plan, seed: "another" }, broken), file)
  })

  it("tells in its first line what is broken, and how to play it again", () => {
    const header = Recording.parse(text).header
    assert.strictEqual(header?.found?.invariant, "ends once")
    assert.match(header?.found?.sentence ?? "", /^A call ends exactly once.* Here, after \d+\.\d s: .*\.$/)
    assert.strictEqual(header?.found?.command, `npm run simulate -- --again found/${file}`)
    assert.strictEqual(header?.found?.seed, plan.seed)
    assert.deepStrictEqual(header?.config.agent, plan.agent)
  })

  it("gives its plan back", () => {
    const read = Finding.read(text)
    assert.deepStrictEqual(read?.plan, plan)
    assert.strictEqual(read?.invariant, "ends once")
  })

  it("is read where its plan does not know a part yet", () => {
    const old = text.replace(/"host":\{[^}]*\},/, "")
    assert.notStrictEqual(old, text)
    assert.deepStrictEqual(Finding.read(old)?.plan, { ...plan, host: {} })
  })

  it("replays with the machine that failed, and is another call with one that does not", () => {
    assert.isAbove(replay(text, endsTwice).events.length, 10)
    assert.throws(() => replay(text), /ended|Ended|no further command/i)
    const finding = Finding.read(text)
    assert.isNotNull(finding)
    const mended = Finding.again(finding, "f", { audio })
    assert.isNotNull(replay(mended).summary)
    assert.deepStrictEqual(Finding.read(mended), finding)
  })

  it("is no other recording, and no other text", () => {
    const { found: _, ...header } = JSON.parse(text.slice(0, text.indexOf("\n")))
    assert.isNull(Finding.read(`${JSON.stringify(header)}\n`))
    assert.isNull(Finding.read("hello\n"))
    assert.isNull(Finding.read(""))
  })

  it("is smaller when it was shrunk, and the same is broken", () => {
    const small = Finding.shrunk(plan, broken, { audio, machine: endsTwice }, { runs: 60 })
    assert.strictEqual(small.broken.invariant, "ends once")
    assert.isBelow(JSON.stringify(small.plan).length, JSON.stringify(plan).length)
    assert.isAtMost(small.plan.caller.length, 2)
  })

  it("of a call that the machine breaks off says what came before", () => {
    const throws: World.Machine = {
      ...Call,
      step: (state, event) => {
        if (event._tag === "ModelSessionUpdated") throw new Error("no sessions today")
        return Call.step(state, event)
      }
    }
    const plain = Plan.plainest("throws", Agent.defaults)
    const [thrown] = Simulation.run(plain, { audio, machine: throws }).broken
    assert.isDefined(thrown)
    const text = Finding.text(plain, thrown, "f", { audio, machine: throws })
    assert.include(Finding.read(text)?.sentence ?? "", "no sessions today")
    assert.isNull(replay(text).summary)
  })
})
