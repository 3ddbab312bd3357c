/**
 * The agent file (`OFFHOOK_AGENT`): core's `Agent` as JSON, every field optional, `Agent.defaults` for what is left out.
 *
 * Every problem is told at once, with the field's path, the shape of its value and the fix; an unknown field is one,
 * since a misspelt setting that is ignored is found on the telephone. docs/agent.schema.json is made from the same
 * schema, so that editors complete and check it (a `$schema` field is allowed).
 */

import * as FileSystem from "@effect/platform/FileSystem"
import { Agent, Json } from "@offhook/core"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as JSONSchema from "effect/JSONSchema"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { type Problem, StartupProblems } from "./Problem.ts"

/** The longest description that the model takes; one over it rejects the whole session (protocols.md E.2). */
export const MAX_DESCRIPTION = 1_024

/** What a tool may take when its file says nothing, ms: longer, and the caller thinks the line is dead. */
export const TOOL_TIMEOUT = 10_000

/** `shape` stands in the problem and in the JSON Schema, so it reads after "must be". */
const shaped = <A, I>(schema: Schema.Schema<A, I>, shape: string): Schema.Schema<A, I> =>
  schema.annotations({ description: shape, message: () => ({ message: shape, override: true }) })

const withDefault = <A, I>(schema: Schema.Schema<A, I>, value: A) =>
  Schema.optionalWith(schema, { default: () => value }).annotations({ default: value })

/** Of a field that has no default. */
const required = <A, I>(schema: Schema.Schema<A, I>, shape: string) =>
  Schema.propertySignature(shaped(schema, shape)).annotations({ missingMessage: () => shape })

const text = (shape: string) => shaped(Schema.String, shape)
const word = (shape: string) => shaped(Schema.String.pipe(Schema.pattern(/^\S+$/)), shape)
const flag = (shape = "true or false") => shaped(Schema.Boolean, shape)
const whole = (least: number, most: number, unit: string) =>
  shaped(
    Schema.Number.pipe(Schema.int(), Schema.between(least, most)),
    `a whole number of ${unit}, ${least} to ${most}`
  )

/** Shapes of what holds other fields: Effect's messages do not carry them. */
const CONTAINERS = {
  backchannels:
    'an object that says which short speech ("mm-hm") interrupts nothing, or null; needs "turns": "machine"',
  detection:
    'an object that says how the end of a turn is found: {"type": "server_vad", …} or {"type": "semantic_vad", …}',
  gate: 'an object that keeps the agent\'s own voice from interrupting it, or null; needs "turns": "machine"',
  "detection.type": '"server_vad" or "semantic_vad"',
  tools: "a list of the functions that the model may call",
  transcription: "an object that says how the caller's words are written down, or null: not at all"
} as const

const ServerVad = Schema.Struct({
  type: Schema.Literal("server_vad"),
  threshold: withDefault(
    shaped(Schema.Number.pipe(Schema.between(0, 1)), "a number from 0 to 1: higher needs louder speech"),
    0.5
  ),
  prefixPaddingMs: withDefault(whole(0, 5_000, "ms"), 300),
  silenceDurationMs: withDefault(whole(100, 10_000, "ms"), 500)
})

const SemanticVad = Schema.Struct({
  type: Schema.Literal("semantic_vad"),
  eagerness: withDefault(
    shaped(Schema.Literal("auto", "high", "low", "medium"), '"auto", "low", "medium" or "high"'),
    "auto"
  )
})

const Transcription = Schema.Struct({
  model: withDefault(word("the name of a transcription model"), Agent.defaults.transcription?.model ?? ""),
  language: withDefault(
    shaped(
      Schema.NullOr(Schema.String.pipe(Schema.pattern(/^[a-z]{2,3}$/))),
      'a language of ISO 639-1 such as "en", or null'
    ),
    null
  )
})

const Tool = Schema.Struct({
  name: required(Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/)), "up to 64 letters, digits, _ and -"),
  description: required(
    Schema.String.pipe(Schema.minLength(1), Schema.maxLength(MAX_DESCRIPTION)),
    `a text of 1 to ${MAX_DESCRIPTION} characters that tells the model when to call the tool`
  ),
  parameters: withDefault(
    shaped(
      Schema.Record({ key: Schema.String, value: Schema.Unknown }).pipe(
        Schema.filter((parameters) => parameters["type"] === "object")
      ),
      'a JSON Schema of an object: {"type": "object", "properties": …}'
    ),
    { type: "object", properties: {} }
  ),
  timeoutMs: withDefault(whole(100, 120_000, "ms"), TOOL_TIMEOUT),
  protectAnswer: Schema.optionalWith(
    flag(
      'true or false: what the agent says to the result is spoken to its end, whatever the caller says; true needs "turns": "machine"'
    ),
    { exact: true }
  )
})

/** What a sound has to be for the machine to call it speech: less is none anyway. */
const QUIETEST = -45

const Backchannels = Schema.Struct({
  maxMs: withDefault(whole(100, 5_000, "ms of speech"), 600),
  words: withDefault(
    shaped(
      Schema.Array(Schema.String.pipe(Schema.minLength(1))),
      "a list of words and phrases, or []: whatever is said in that time"
    ),
    Agent.backchannels
  )
})

const Gate = Schema.Struct({
  minDbfs: withDefault(
    shaped(
      Schema.NullOr(Schema.Number.pipe(Schema.between(QUIETEST, 0))),
      `a number from ${QUIETEST} to 0: while the agent is audible, quieter sounds are not the caller; or null`
    ),
    null
  ),
  echoDb: withDefault(
    shaped(
      Schema.NullOr(Schema.Number.pipe(Schema.between(0, 60))),
      "a number from 0 to 60: sounds that stay so many dB below what the agent says are its echo; or null"
    ),
    null
  )
})

const { defaults } = Agent

const AgentSchema = Schema.Struct({
  $schema: Schema.optional(text("the path or URL of this schema, for editors")),
  instructions: withDefault(text("a text: who the agent is and how it speaks"), defaults.instructions),
  model: withDefault(word("the name of a realtime model"), defaults.model),
  voice: withDefault(word('the name of a voice such as "marin" or "cedar"'), defaults.voice),
  greeting: withDefault(
    shaped(
      Schema.NullOr(Schema.String.pipe(Schema.minLength(1))),
      "a text that tells the agent how to greet, or null: it waits for the caller"
    ),
    defaults.greeting
  ),
  greetingProtected: withDefault(
    flag('true or false: the greeting is spoken to its end whatever the caller says; true needs "turns": "machine"'),
    defaults.greetingProtected
  ),
  turns: withDefault(
    shaped(
      Schema.Literal("machine", "model"),
      '"model" (its voice activity detection answers and interrupts: fastest) or "machine" (we do)'
    ),
    defaults.turns
  ),
  interruptAfterMs: withDefault(whole(0, 10_000, "ms of speech that interrupt"), defaults.interruptAfterMs),
  backchannels: withDefault(
    Schema.NullOr(Backchannels).annotations({ description: CONTAINERS.backchannels }),
    defaults.backchannels
  ),
  pauseToDecide: withDefault(
    flag(
      'true or false: the agent pauses at any sound of the caller, and goes on if it was no speech; true needs "turns": "machine"'
    ),
    defaults.pauseToDecide
  ),
  gate: withDefault(Schema.NullOr(Gate).annotations({ description: CONTAINERS.gate }), defaults.gate),
  detection: withDefault(
    Schema.Union(ServerVad, SemanticVad).annotations({ description: CONTAINERS.detection }),
    defaults.detection
  ),
  noiseReduction: withDefault(
    shaped(Schema.NullOr(Schema.Literal("far_field", "near_field")), '"near_field", "far_field" or null'),
    defaults.noiseReduction
  ),
  transcription: withDefault(
    Schema.NullOr(Transcription).annotations({ description: CONTAINERS.transcription }),
    defaults.transcription
  ),
  tools: withDefault(Schema.Array(Tool).annotations({ description: CONTAINERS.tools }), defaults.tools),
  endCall: withDefault(flag("true or false: the agent may hang up, after its goodbye was heard"), defaults.endCall),
  maxCallMs: withDefault(whole(10_000, 24 * 3_600_000, "ms"), defaults.maxCallMs)
}).annotations({
  identifier: "Agent",
  title: "Offhook agent",
  description: "Who answers the call and how. Every field is optional."
})

/** docs/agent.schema.json. */
export const jsonSchema: JSONSchema.JsonSchema7Root = JSONSchema.make(AgentSchema, { target: "jsonSchema7" })

/** A JSON value as an agent, or everything that is wrong with it. */
export const parse = (value: unknown): Agent.Agent | ReadonlyArray<Problem> => {
  const decoded = decode(value)
  if (decoded._tag === "Left") return problemsOf(value, decoded.left)
  const { $schema: _, ...agent } = decoded.right
  const problems = Agent.problems(agent).map(
    ({ field, fix }): Problem => ({ name: field, problem: "contradicts another field", fix })
  )
  return problems.length === 0 ? agent : problems
}

/** Reads an agent file; fails with the problems, whose names begin with the file's. */
export const load = Effect.fn("AgentFile.load")(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const content = yield* fs
    .readFileString(file)
    .pipe(
      Effect.mapError((error) =>
        problem(
          `${file} cannot be read (${error._tag === "SystemError" ? error.reason : error.message})`,
          "name a JSON file that exists, or leave OFFHOOK_AGENT out for the built-in agent"
        )
      )
    )
  const value = yield* Effect.try({
    try: (): unknown => JSON.parse(content.replace(/^\uFEFF/, "")),
    catch: (cause) =>
      problem(`${file} is not JSON: ${cause instanceof Error ? cause.message : ""}`, "correct the file's syntax")
  })
  const agent = parse(value)
  if (!isProblems(agent)) return agent
  return yield* new StartupProblems({
    problems: agent.map(({ name, ...rest }) => ({ name: name === "" ? file : `${file}: ${name}`, ...rest }))
  })
})

export const isProblems = (parsed: Agent.Agent | ReadonlyArray<Problem>): parsed is ReadonlyArray<Problem> =>
  Array.isArray(parsed)

const decode = Schema.decodeUnknownEither(AgentSchema, { errors: "all", onExcessProperty: "error" })

const problem = (problem: string, fix: string): StartupProblems =>
  new StartupProblems({ problems: [{ name: "OFFHOOK_AGENT", problem, fix }] })

/** Effect also names what holds a wrong value: only the innermost is the problem. */
const problemsOf = (value: unknown, error: ParseResult.ParseError): ReadonlyArray<Problem> => {
  const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
  const isInside = (outer: ReadonlyArray<PropertyKey>, inner: ReadonlyArray<PropertyKey>) =>
    inner.length > outer.length && outer.every((key, index) => key === inner[index])
  const innermost = issues.filter(({ path }) => !issues.some((other) => isInside(path, other.path)))
  const problems = innermost.map((issue) => problemOf(value, issue))
  return Arr.dedupeWith(problems, (a, b) => a.name === b.name)
}

const problemOf = (root: unknown, { _tag, message, path }: ParseResult.ArrayFormatterIssue): Problem => {
  const name = nameOf(path)
  const value = at(root, path)
  if (_tag === "Unexpected") {
    const known = knownAt(at(root, path.slice(0, -1)), path.slice(0, -1))
    const near = nearest(String(path.at(-1)), known)
    return {
      name,
      problem: "is no field of an agent",
      fix: near === null ? `it may be one of ${known.join(", ")}` : `did you mean "${near}"?`
    }
  }
  if (path.length === 0 && !Json.isObject(value)) {
    return { name, problem: `holds ${shown(value)}, it must be a JSON object`, fix: 'begin with {"instructions": "…"}' }
  }
  const shape = CONTAINERS[name as keyof typeof CONTAINERS] ?? wanted(message)
  return value === undefined
    ? { name, problem: `is missing, it must be ${shape}`, fix: "add the field" }
    : {
        name,
        problem: `is ${shown(value)}, it must be ${shape}`,
        fix: "correct the value, or leave the field out for its default"
      }
}

/** Effect's own words where a schema has no shape of ours, without the value, which is shown already. */
const wanted = (message: string): string => message.replace(/^Expected (.*), actual .*$/s, "$1")

const nameOf = (path: ReadonlyArray<PropertyKey>): string =>
  path.reduce<string>(
    (name, key) => (typeof key === "number" ? `${name}[${key}]` : name === "" ? String(key) : `${name}.${String(key)}`),
    ""
  )

const at = (root: unknown, path: ReadonlyArray<PropertyKey>): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    root
  )

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing"
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`
}

const knownAt = (parent: unknown, path: ReadonlyArray<PropertyKey>): ReadonlyArray<string> => {
  switch (path[0]) {
    case "detection":
      return Object.keys(at(parent, ["type"]) === "semantic_vad" ? SemanticVad.fields : ServerVad.fields)
    case "backchannels":
      return Object.keys(Backchannels.fields)
    case "gate":
      return Object.keys(Gate.fields)
    case "transcription":
      return Object.keys(Transcription.fields)
    case "tools":
      return Object.keys(Tool.fields)
    default:
      return Object.keys(AgentSchema.fields).filter((name) => name !== "$schema")
  }
}

/** The known name that a slip of the finger would have made this of; null: none is near. */
const nearest = (name: string, known: ReadonlyArray<string>): string | null => {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, "")
  let best: string | null = null
  let least = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const far = distance(plain(name), plain(candidate))
    if (far < least) {
      least = far
      best = candidate
    }
  }
  return best
}

/** Levenshtein's. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + cost))
    }
    row = next
  }
  return row[b.length] ?? 0
}
