/** What the model says and calls, and what becomes of its calls. */
import type { Agent } from "@offhook/core"
import type { Pace } from "../../model/Choices.ts"
import * as Choices from "../../model/Choices.ts"
import type * as Random from "../../Random.ts"
import type { Model, Part, Tool } from "../Plan.ts"
import * as Sound from "../Sound.ts"
import * as Agents from "./Agents.ts"
import { chance, pick, spread, weighted } from "./Draw.ts"

const endCall = "end_call"

/**
 * `count` responses, the first of them the greeting of an agent that has one. They begin again from the first: one at
 * least calls nothing, else the agent would follow its own function calls up for ever.
 */
export const responses = (
  random: Random.Random,
  agent: Agent.Agent,
  count: number
): ReadonlyArray<ReadonlyArray<Part>> => {
  const drawn = Array.from({ length: count }, (_, index) =>
    index === 0 && agent.greeting !== null && chance(random, 0.9) ? [say(random)] : response(random, agent)
  )
  const ends = drawn.some((parts) => parts.every(({ _tag }) => _tag === "Say"))
  return ends ? drawn : [...drawn, [say(random)]]
}

/** The last response of a call that the agent ends; mostly only where it may. */
export const goodbye = (random: Random.Random, agent: Agent.Agent): ReadonlyArray<Part> => {
  if (!agent.endCall && chance(random, 0.8)) return [say(random)]
  const end: Part = { _tag: "Call", name: endCall, arguments: pick(random, ['{"reason":"goodbye"}', "{}", ""]) }
  return weighted(random, [
    [5, [{ _tag: "Say", sound: Sound.whole("agent-goodbye") }, end]],
    [2, [say(random), end]],
    [3, [end]],
    [1, [end, say(random)]]
  ])
}

export const tools = (random: Random.Random): ReadonlyArray<Tool> =>
  Array.from({ length: random.integer(1, 4) }, () => ({
    afterMs: weighted(random, [
      [6, spread(random, 5, 1_500)],
      [2, spread(random, 1_000, 8_000)],
      [1, null],
      [1, 0]
    ]),
    output: pick(random, [
      '{"free":true}',
      "done",
      "",
      "No table for so many.",
      "Ein Tisch für Zwölf – 満席です \u{1f355}",
      JSON.stringify({ text: "x".repeat(2_000) })
    ]),
    ...(chance(random, 0.06) ? { againMs: spread(random, 5, 6_000) } : {})
  }))

export const model = (random: Random.Random): Model => ({
  choices: Choices.draw(random.split("choices")),
  pace: pace(random.split("pace")),
  ...(chance(random.split("script"), 0.05) ? { unspaced: true as const } : {})
})

const pace = (random: Random.Random): Partial<Pace> => ({
  speed: pick<Pace["speed"]>(random, [
    [4, 6],
    [1, 1.3],
    [3, 6],
    [8, 12]
  ]),
  ...(chance(random, 0.1) ? { thinkMs: [5, 30] } : {}),
  ...(chance(random, 0.05) ? { thinkMs: [800, 2_500] } : {}),
  ...(chance(random, 0.1) ? { updateMs: [500, 4_000] } : {}),
  ...(chance(random, 0.05) ? { transcriptionMs: [300, 2_500] } : {})
})

const response = (random: Random.Random, agent: Agent.Agent): ReadonlyArray<Part> =>
  weighted<() => ReadonlyArray<Part>>(random, [
    [62, () => [say(random)]],
    [10, () => Array.from({ length: random.integer(2, 4) }, () => say(random))],
    [8, () => [say(random), call(random, agent)]],
    [8, () => [call(random, agent)]],
    [3, () => Array.from({ length: random.integer(2, 4) }, () => call(random, agent))],
    [0.2, () => Array.from({ length: random.integer(30, 40) }, () => call(random, agent))],
    [1, () => [call(random, agent), say(random)]],
    [2, () => []]
  ])()

const say = (random: Random.Random): Part => ({
  _tag: "Say",
  sound: {
    clip: pick(random, [
      "agent-booked",
      "agent-greeting",
      "agent-how-many",
      "agent-opening-hours",
      "agent-short-answer"
    ]),
    ms: weighted(random, [
      [60, random.integer(400, 2_000)],
      [20, random.integer(2_000, 4_500)],
      [8, random.integer(60, 400)],
      [4, random.integer(5_000, 12_000)],
      [0.5, spread(random, 12_000, 120_000)]
    ])
  }
})

/** Mostly of a tool that the agent has; now and then a model calls one that nobody offered. */
const call = (random: Random.Random, agent: Agent.Agent): Part => {
  if (chance(random, 0.06)) return { _tag: "Call", name: "fly", arguments: "{}" }
  const tools = agent.tools.filter(({ name }) => name !== endCall)
  const tool = tools[random.integer(0, tools.length - 1)]
  return tool === undefined
    ? say(random)
    : { _tag: "Call", name: tool.name, arguments: Agents.argumentsOf(random, tool) }
}
