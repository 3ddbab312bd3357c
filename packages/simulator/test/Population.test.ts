import type { Agent, Command, Event } from "@offhook/core"
import { Agent as Agents } from "@offhook/core"
import { type Plan, Population, Simulation, SpeechFiles } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

const plans = (count: number, options: Population.Options = {}) =>
  Array.from({ length: count }, (_, index) => Population.plan("population", index, options))

const share = (all: ReadonlyArray<Plan.Plan>, holds: (plan: Plan.Plan) => boolean) =>
  all.filter(holds).length / all.length

/** An odd order of echoes is open; a host without REST, and one that is shut down, are no faults. */
const troubles = ({ faults: { carrier, model, network }, host: { rest: _, ends: __, ...host } }: Plan.Plan) =>
  carrier.filter(({ _tag }) => _tag !== "EchoesFlushed").length +
  model.length +
  network.length +
  Object.keys(host).length

type Ended = Extract<Command, { _tag: "Ended" }>

const played = (plan: Plan.Plan) => {
  const ended: Array<Ended> = []
  const result = Simulation.run(plan, {
    audio,
    onStep: (_, commands) => {
      for (const command of commands) if (command._tag === "Ended") ended.push(command)
    }
  })
  return { ...result, turns: ended[0]?.summary.turns.caller ?? 0 }
}

describe("the plans of a seed", () => {
  const all = plans(3_000)

  it("are the same again, and others for another seed", () => {
    assert.deepStrictEqual(Population.plan("population", 7), all[7])
    assert.notDeepEqual(Population.plan("another", 7).caller, all[7]?.caller)
  })

  it("are plain JSON", () => {
    for (const plan of all.slice(0, 300)) assert.deepStrictEqual(JSON.parse(JSON.stringify(plan)), plan)
  })

  it("have agents without contradictions, with every policy and without any", () => {
    for (const { agent } of all) assert.deepStrictEqual(Agents.problems(agent), [])
    const has = (holds: (agent: Agent.Agent) => boolean) => share(all, ({ agent }) => holds(agent))
    assert.closeTo(
      has(({ turns }) => turns === "machine"),
      0.6,
      0.05
    )
    assert.closeTo(
      has(({ greeting }) => greeting === null),
      0.25,
      0.05
    )
    assert.closeTo(
      has(({ transcription }) => transcription === null),
      0.25,
      0.08
    )
    assert.closeTo(
      has(({ endCall }) => !endCall),
      0.1,
      0.03
    )
    assert.isAbove(
      has(({ greetingProtected }) => greetingProtected),
      0.1
    )
    assert.isAbove(
      has(({ interruptAfterMs }) => interruptAfterMs > 0),
      0.2
    )
    assert.isAbove(
      has(({ detection }) => detection.type === "semantic_vad"),
      0.2
    )
  })

  it("go wrong in about half of the calls, in every call, or in none", () => {
    assert.closeTo(
      share(all, (plan) => troubles(plan) === 0),
      0.5,
      0.06
    )
    assert.strictEqual(
      share(plans(200, { faults: "none" }), (plan) => troubles(plan) === 0),
      1
    )
    assert.isAbove(
      share(plans(200, { faults: "many" }), (plan) => troubles(plan) > 0),
      0.97
    )
  })

  it("are made over all networks, or over the one that was asked for", () => {
    const slow = ({ network }: Plan.Plan) => network.fromCarrier.delay > 40
    assert.closeTo(share(all, slow), 0.5, 0.06)
    assert.strictEqual(share(plans(200, { network: "good" }), slow), 0)
    assert.strictEqual(share(plans(200, { network: "poor" }), slow), 1)
  })

  it("send audio as text in about one call of eight", () => {
    assert.closeTo(
      share(all, ({ wire }) => wire === "text"),
      1 / 8,
      0.03
    )
  })

  it("keep the agent that they are given, and call its tools with arguments that fit", () => {
    const agent: Agent.Agent = {
      ...Agents.defaults,
      tools: [
        {
          name: "weigh",
          description: "Weighs.",
          parameters: {
            type: "object",
            properties: { unit: { enum: ["g", "kg"] }, of: { type: "array", items: { type: "string" } } }
          },
          timeoutMs: 1_000
        }
      ]
    }
    const given = plans(200, { agent })
    assert.isTrue(given.every((plan) => plan.agent === agent))
    const calls = given.flatMap(({ responses }) => responses.flat()).filter((part) => part._tag === "Call")
    const weighed = calls.filter(({ name }) => name === "weigh")
    assert.isAbove(weighed.length, calls.length / 2)
    const whole = weighed.filter((call) => call.arguments.startsWith('{"unit"'))
    assert.isAbove(whole.length, weighed.length / 2)
    for (const call of whole) assert.include(["g", "kg"], JSON.parse(call.arguments).unit)
  })

  it("draw each part by itself: another agent says the same to the same caller", () => {
    const one = Population.plan("population", 3, { agent: Agents.defaults })
    const other = Population.plan("population", 3, { agent: { ...Agents.defaults, turns: "machine" }, network: "poor" })
    assert.deepStrictEqual([other.caller, other.responses, other.tools], [one.caller, one.responses, one.tools])
  })
})

const mean = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length

describe("calls that are played", () => {
  it("last 20 s and take three turns of the caller on average, one in 200 over ten minutes", () => {
    const [long, ...calls] = [100, ...Array(100).keys()].map((index) => played(Population.plan("population", index)))
    assert.isAbove(long?.callMs ?? 0, 600_000)
    assert.isAbove(long?.turns ?? 0, 60)
    assert.isBelow(Math.max(...calls.map(({ callMs }) => callMs)), 600_000)
    const ordinaryMs = mean(calls.map(({ callMs }) => callMs))
    // Of 2,000 calls ten are long, and one of these lasts an hour.
    assert.isAbove(0.995 * ordinaryMs + 0.0045 * 600_000 + 0.0005 * 3_600_000, 20_000)
    assert.isBelow(ordinaryMs, 26_000)
    assert.isAbove(mean(calls.map(({ turns }) => turns)), 2.6)
    assert.isAbove(0.995 * mean(calls.map(({ turns }) => turns)) + 0.005 * (long?.turns ?? 0), 3)
  })

  it("of two thousand one lasts over an hour", () => {
    const call = played(Population.plan("population", 900))
    assert.isAbove(call.callMs, 3_600_000)
    assert.isAbove(call.turns, 300)
  })
})

describe("a plan", () => {
  it("read back from its JSON text is the same call, event for event", () => {
    for (let index = 0; index < 12; index++) {
      const plan = Population.plan("again", index, { faults: "many" })
      const steps = (one: Plan.Plan) => {
        const events: Array<readonly [Event, ReadonlyArray<Command>]> = []
        Simulation.run(one, { audio, onStep: (event, commands) => events.push([event, commands]) })
        return events
      }
      const first = steps(plan)
      assert.isAbove(first.length, 2)
      assert.deepStrictEqual(steps(JSON.parse(JSON.stringify(plan))), first)
    }
  })
})
