import { Agent, type Command, type Event } from "@offhook/core"
import { G711, Plan, Simulation, SpeechFiles } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

const plain: Plan.Plan = {
  ...Plan.plainest("plan", { ...Agent.defaults, greeting: null, turns: "machine" }),
  carrier: { patience: 20_000 }
}

const yes: Plan.Step = {
  when: { _tag: "AgentSilent", ms: 300, orAfter: 2_000 },
  act: { _tag: "Say", sound: { clip: "caller-yes", ms: 350.25 } }
}

const says = (ms: number): Plan.Part => ({ _tag: "Say", sound: { clip: "agent-how-many", ms } })

const play = (plan: Plan.Plan) => {
  const events: Array<Event> = []
  const commands: Array<Command> = []
  const result = Simulation.run(plan, {
    audio,
    onStep: (event, answer) => {
      events.push(event)
      commands.push(...answer)
    }
  })
  return { ...result, events, commands }
}

const settled = (commands: ReadonlyArray<Command>, speaker: "agent" | "caller") =>
  commands.flatMap((command) => (command._tag === "Settled" && command.turn.speaker === speaker ? [command.turn] : []))

describe("a plan", () => {
  it("in which nobody does anything is a call until somebody hangs up", () => {
    const { broken, callMs, commands } = play(plain)
    assert.deepStrictEqual(broken, [])
    assert.closeTo(callMs, 20_000, 500)
    assert.deepStrictEqual(settled(commands, "agent"), [])
  })

  it("has the model say its responses in order, and from the first again", () => {
    const { broken, commands } = play({
      ...plain,
      caller: [yes, yes, yes],
      responses: [[says(500)], [says(700), says(900)]]
    })
    assert.deepStrictEqual(broken, [])
    const said = settled(commands, "agent").map((turn) => (turn.speaker === "agent" ? turn.generatedMs : 0))
    assert.deepStrictEqual(said, [500, 700, 900, 500])
  })

  it("answers function calls in order: late, twice, or never", () => {
    const tools = [{ ...Agent.defaults, name: "look", description: "", parameters: {}, timeoutMs: 1_000 }]
    const call: Plan.Part = { _tag: "Call", name: "look", arguments: "{}" }
    const { broken, events } = play({
      ...plain,
      agent: { ...plain.agent, tools },
      caller: [yes],
      responses: [[call, call, call], [says(300)]],
      tools: [
        { afterMs: 100, output: "one" },
        { afterMs: 200, output: "two", againMs: 400 },
        { afterMs: null, output: "three" }
      ]
    })
    assert.deepStrictEqual(broken, [])
    const outputs = events.flatMap((event) => (event._tag === "ToolFinished" ? [event.output] : []))
    assert.deepStrictEqual(outputs, ["one", "two", "two"])
  })

  it("writes down what the caller said, word for word, and nothing for a cough", () => {
    const cough: Plan.Step = { ...yes, act: { _tag: "Say", sound: { clip: "caller-cough", ms: 560 } } }
    const { events } = play({ ...plain, caller: [yes, cough], responses: [[says(500)]] })
    const texts = events.flatMap((event) => (event._tag === "ModelTranscribed" ? [event.text] : []))
    assert.deepStrictEqual(texts, ["Yes.", ""])
  })

  it("presses keys, also in mid-speech", () => {
    const { events } = play({
      ...plain,
      caller: [
        { when: { _tag: "At", ms: 1_000 }, act: { _tag: "Press", digits: "4#" } },
        { ...yes, act: { _tag: "Say", sound: { clip: "caller-yes", ms: 350 }, keys: [{ ms: 100, digit: "7" }] } }
      ]
    })
    const keys = events.flatMap((event) => (event._tag === "CarrierKeyed" ? [event] : []))
    assert.deepStrictEqual(
      keys.map(({ digit }) => digit),
      ["4", "#", "7"]
    )
    assert.closeTo((keys[1]?.at ?? 0) - (keys[0]?.at ?? 0), 250, 1)
  })

  it("makes noise as loud as it says", () => {
    const noise: Plan.Step = { when: { _tag: "At", ms: 1_000 }, act: { _tag: "Say", sound: { noise: -20, ms: 500 } } }
    const { events } = play({ ...plain, caller: [noise], wire: "text" })
    const loud = events.filter(
      (event) => event._tag === "CarrierAudio" && typeof event.payload === "string" && isLoud(event.payload)
    )
    assert.strictEqual(loud.length, 25)
  })
})

const isLoud = (payload: string): boolean =>
  Buffer.from(payload, "base64").reduce((sum, byte) => sum + (G711.SQUARES[byte] ?? 0), 0) / 160 > 1_000_000
