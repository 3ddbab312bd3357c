/** Who answers: agents with every policy, on and off. */
import { Agent } from "@offhook/core"
import type * as Random from "../../Random.ts"
import { chance, pick, weighted } from "./Draw.ts"

/** Takes calls of `maxCallMs` at most. */
export const draw = (random: Random.Random, maxCallMs: number): Agent.Agent => {
  const machine = chance(random, 0.6)
  const transcription = chance(random, 0.75) ? Agent.defaults.transcription : null
  return {
    ...Agent.defaults,
    instructions: "You answer for Luigi's restaurant.",
    // Of the last nobody knows the price.
    model: chance(random.split("model"), 0.95) ? Agent.defaults.model : "gpt-realtime-of-next-year",
    greeting: chance(random, 0.75) ? "Say hello." : null,
    turns: machine ? "machine" : "model",
    ...(machine ? policies(random.split("policies"), transcription !== null) : {}),
    detection: detection(random.split("detection")),
    noiseReduction: pick(random.split("noise reduction"), [null, null, "near_field", "far_field"]),
    transcription:
      transcription === null || chance(random.split("language"), 0.7)
        ? transcription
        : { ...transcription, language: "en" },
    tools: tools(random.split("tools"), machine),
    endCall: chance(random, 0.9),
    maxCallMs
  }
}

/** What needs `turns: "machine"`. `hasWords`: the caller's words are written down. */
const policies = (random: Random.Random, hasWords: boolean): Partial<Agent.Agent> => {
  const interruptAfterMs = chance(random, 0.5) ? 0 : random.integer(50, 600)
  const backchannels = chance(random, 0.4)
    ? {
        maxMs: interruptAfterMs + random.integer(1, 780 - interruptAfterMs),
        words: hasWords && chance(random, 0.7) ? Agent.backchannels : []
      }
    : null
  return {
    greetingProtected: chance(random, 0.35),
    interruptAfterMs,
    backchannels,
    pauseToDecide: (interruptAfterMs > 0 || backchannels !== null) && chance(random, 0.6),
    gate: chance(random, 0.25) ? gate(random.split("gate")) : null
  }
}

const gate = (random: Random.Random): Agent.Gate =>
  weighted<Agent.Gate>(random, [
    [2, { minDbfs: random.integer(-44, -25), echoDb: null }],
    [2, { minDbfs: null, echoDb: random.integer(3, 20) }],
    [1, { minDbfs: random.integer(-44, -30), echoDb: random.integer(3, 20) }]
  ])

const detection = (random: Random.Random): Agent.Detection =>
  chance(random, 0.25)
    ? { type: "semantic_vad", eagerness: pick(random, ["auto", "high", "low", "medium"]) }
    : {
        type: "server_vad",
        threshold: weighted(random, [
          [4, 0.5],
          [1, 0.4],
          [1, 0.6]
        ]),
        prefixPaddingMs: pick(random, [300, 300, 0, 100, 500]),
        silenceDurationMs: pick(random, [500, 500, 200, 350, 800])
      }

const tools = (random: Random.Random, machine: boolean): ReadonlyArray<Agent.Tool> => [
  {
    name: "look",
    description: "Looks for a free table.",
    parameters: {
      type: "object",
      properties: { guests: { type: "integer" }, day: { type: "string" } },
      required: ["guests"]
    },
    timeoutMs: pick(random, [500, 2_000, 5_000])
  },
  {
    name: "book",
    description: "Books a table.",
    parameters: { type: "object", properties: { name: { type: "string" } } },
    timeoutMs: pick(random, [1_000, 3_000]),
    ...(machine && chance(random, 0.4) ? { protectAnswer: true } : {})
  }
]

/** Arguments as a model would make them for a tool: valid JSON that fits, mostly. */
export const argumentsOf = (random: Random.Random, tool: Agent.Tool): string =>
  weighted(random, [
    [12, JSON.stringify(value(random, tool.parameters, 0))],
    [1, "{}"],
    [1, ""],
    [1, '{"guests":']
  ])

type Schema = Readonly<Record<string, unknown>>

const isSchema = (schema: unknown): schema is Schema => typeof schema === "object" && schema !== null

const value = (random: Random.Random, schema: unknown, depth: number): unknown => {
  if (!isSchema(schema) || depth > deepest) return null
  const { enum: values, items, properties, type } = schema
  if (Array.isArray(values) && values.length > 0) return values[random.integer(0, values.length - 1)]
  switch (Array.isArray(type) ? type[0] : type) {
    case "array":
      return Array.from({ length: random.integer(0, 3) }, () => value(random, items, depth + 1))
    case "boolean":
      return chance(random, 0.5)
    case "integer":
      return random.integer(1, 12)
    case "null":
      return null
    case "number":
      return random.integer(1, 1_200) / 100
    case "string":
      return pick(random, ["Maria", "tonight", "a table by the window", ""])
    default:
      return isSchema(properties)
        ? Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, value(random, one, depth + 1)]))
        : {}
  }
}

const deepest = 6
