/**
 * What each line of a recording must hold, and what is wrong with one that does not, in words a person understands.
 * Each check answers null where the line is sound.
 */

import * as Agent from "./Agent.ts"
import type { Event } from "./Event.ts"

/** The version of the format; a reader refuses a newer one. */
export const format = 1

export const notARecording = 'this is not an Offhook recording: its first line must be the header, {"offhook":1, …}'

export const header = (object: Fields): string | null => {
  const version = object["offhook"]
  if (typeof version !== "number") return notARecording
  if (version > format) {
    return `this recording has format ${version} (Offhook ${String(object["version"])}), this version of Offhook reads up to ${format}`
  }
  const problem = fieldProblem(object, headerFields)
  if (problem !== null) return problem
  const { agent, prices } = object["config"] as Fields
  if (!isObject(agent) || !isObject(prices) || !isObject(prices["models"])) {
    return 'config must hold "agent" and "prices", prices "models"'
  }
  for (const [name, usual] of Object.entries(Agent.defaults)) {
    const value = agent[name]
    if (value === undefined || usual === null || value === null || shape(value) === shape(usual)) continue
    return `config.agent.${name} is ${JSON.stringify(value).slice(0, 60)}, it must be ${shape(usual)}`
  }
  return null
}

/** An event that comes no earlier than `earliest`. */
export const event = (object: Fields, earliest: number): string | null => {
  const { e, at } = object
  const kinds = Object.hasOwn(eventFields, String(e)) ? eventFields[e as Event["_tag"]] : undefined
  if (kinds === undefined) return `no event is called "${String(e)}"`
  if (!Number.isInteger(at)) return "at must be whole milliseconds since the call began"
  if (Number(at) < earliest) return `time goes back: at is ${Number(at)}, the event before was at ${earliest}`
  const problem = fieldProblem(object, kinds) ?? innerProblem(object, innerFields[e as Event["_tag"]] ?? {})
  if (problem !== null || object["after"] === undefined) return problem
  return e === "CarrierAudio" ? runProblem(object) : `${String(e)} has no runs: after must not stand here`
}

const runProblem = (object: Fields): string | null => {
  const problem = fieldProblem(object, { every: "number", after: "numbers" })
  if (problem !== null) return problem
  const { after, audio, levels, ticks, from, session } = object
  const frames = (after as ReadonlyArray<number>).length + 1
  if ((levels as string).length !== frames) return `levels must hold one character for each of the ${frames} frames`
  if (audio !== undefined && !(isListOf(audio, "string") && audio.length === frames)) {
    return `audio must hold one base64 text for each of the ${frames} frames`
  }
  if (
    ticks !== undefined &&
    !(Array.isArray(ticks) && ticks.every((tick) => isListOf(tick, "number") && tick.length === 2))
  ) {
    return "ticks must be a list of [frame, ms]"
  }
  return typeof from === typeof session && (from === undefined || typeof from === "number")
    ? null
    : "session and from must both be numbers, or both be left out"
}

const fieldProblem = (object: Fields, kinds: Readonly<Record<string, Kind>>, of = ""): string | null => {
  for (const [name, kind] of Object.entries(kinds)) {
    const value = object[name]
    if (!is(value, kind)) {
      const found = value === undefined ? "is missing" : `is ${JSON.stringify(value).slice(0, 60)}`
      return `${of}${name} ${found}, it must be ${kindInWords[kind]}`
    }
  }
  return null
}

/** Of the objects within an event, where they are. */
const innerProblem = (
  object: Fields,
  inner: Readonly<Record<string, Readonly<Record<string, Kind>>>>
): string | null => {
  for (const [name, kinds] of Object.entries(inner)) {
    const value = object[name]
    const problem = isObject(value) ? fieldProblem(value, kinds, `${name}.`) : null
    if (problem !== null) return problem
  }
  return null
}

const is = (value: unknown, kind: Kind): boolean => {
  switch (kind) {
    case "numbers":
      return isListOf(value, "number")
    case "strings":
      return isListOf(value, "string")
    case "object":
      return isObject(value) && !Array.isArray(value)
    case "object?":
      return value === null || (isObject(value) && !Array.isArray(value))
    case "number?":
    case "string?":
      return value === null || typeof value === kind.slice(0, -1)
    default:
      return typeof value === kind
  }
}

export const end = (object: Fields): string | null =>
  fieldProblem(object, object["end"] === "complete" ? completeFields : incompleteFields)

const isListOf = (value: unknown, type: "number" | "string"): value is ReadonlyArray<unknown> =>
  Array.isArray(value) && value.every((element) => typeof element === type)

export const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null

const shape = (value: unknown): string => (Array.isArray(value) ? "a list" : kindInWords[typeof value as "object"])

/** A JSON object whose fields are not known yet. */
export type Fields = Readonly<Record<string, unknown>>

type Kind = "boolean" | "number" | "number?" | "numbers" | "object" | "object?" | "string" | "string?" | "strings"

type KindOf<T> = [T] extends [number]
  ? "number"
  : [T] extends [number | null]
    ? "number?"
    : [T] extends [string]
      ? "string"
      : [T] extends [string | null]
        ? "string?"
        : [T] extends [boolean]
          ? "boolean"
          : null extends T
            ? "object?"
            : "object"

type FieldsOf<E> = E extends { readonly _tag: string }
  ? { readonly [F in Exclude<keyof E, "_tag" | "at" | "payload">]: KindOf<E[F]> }
  : never

/** Every field of every event; the compiler holds it complete. */
const eventFields: { readonly [T in Event["_tag"]]: FieldsOf<Extract<Event, { readonly _tag: T }>> } = {
  CarrierStarted: {
    stream: "number",
    streamSid: "string",
    callSid: "string",
    accountSid: "string",
    encoding: "string",
    sampleRate: "number",
    channels: "number",
    parameters: "object"
  },
  CarrierAudio: { stream: "number", timestamp: "number", bytes: "number", levels: "string" },
  CarrierMarked: { stream: "number", name: "string" },
  CarrierKeyed: { stream: "number", digit: "string" },
  CarrierStopped: { stream: "number" },
  CarrierCongested: { stream: "number" },
  CarrierDrained: { stream: "number" },
  CarrierClosed: { stream: "number", code: "number" },
  CarrierMisbehaved: { stream: "number", what: "string" },
  ModelConnected: { session: "number" },
  ModelConnectFailed: { session: "number", failure: "string", status: "number?" },
  ModelSessionCreated: { session: "number", id: "string", expiresAt: "number?" },
  ModelSessionUpdated: { session: "number", input: "object?", output: "object?" },
  ModelSpeechStarted: { session: "number", item: "string", audioStartMs: "number" },
  ModelSpeechStopped: { session: "number", item: "string", audioEndMs: "number" },
  ModelSpeechCommitted: { session: "number", item: "string", previous: "string?" },
  ModelItemAdded: { session: "number", item: "string", kind: "string", role: "string?", previous: "string?" },
  ModelItemTruncated: { session: "number", item: "string", contentIndex: "number", audioEndMs: "number" },
  ModelItemDeleted: { session: "number", item: "string" },
  ModelTranscribed: { session: "number", item: "string", text: "string" },
  ModelTranscriptionFailed: { session: "number", item: "string" },
  ModelResponseCreated: { session: "number", response: "string", request: "string?", inConversation: "boolean" },
  ModelAudio: {
    session: "number",
    response: "string",
    item: "string",
    contentIndex: "number",
    bytes: "number",
    levels: "string"
  },
  ModelText: { session: "number", response: "string", item: "string", contentIndex: "number", text: "string" },
  ModelToolCalled: {
    session: "number",
    response: "string",
    item: "string",
    call: "string",
    name: "string",
    arguments: "string"
  },
  ModelResponseDone: {
    session: "number",
    response: "string",
    request: "string?",
    inConversation: "boolean",
    status: "string",
    reason: "string?",
    error: "object?",
    usage: "object?"
  },
  ModelErred: { session: "number", error: "object" },
  ModelIgnored: { session: "number", type: "string" },
  ModelMisbehaved: { session: "number", what: "string" },
  ModelCongested: { session: "number" },
  ModelDrained: { session: "number" },
  ModelClosed: { session: "number", code: "number", reason: "string" },
  ToolFinished: { call: "string", output: "string" },
  HangUpFailed: {},
  EndRequested: { by: "string" },
  TimeAdvanced: {}
}

type InnerOf<E> = E extends { readonly _tag: string }
  ? {
      readonly [F in keyof E as NonNullable<E[F]> extends object ? F : never]?: {
        readonly [G in keyof NonNullable<E[F]>]: KindOf<NonNullable<E[F]>[G]>
      }
    }
  : never

/** What the objects within events hold, as far as anything is read of them. */
const innerFields: { readonly [T in Event["_tag"]]?: InnerOf<Extract<Event, { readonly _tag: T }>> } = {
  ModelErred: {
    error: { type: "string", code: "string?", message: "string", param: "string?", cause: "string?" }
  },
  ModelResponseDone: {
    error: { type: "string", code: "string?", message: "string" },
    usage: {
      inputText: "number",
      inputAudio: "number",
      inputImage: "number",
      cachedText: "number",
      cachedAudio: "number",
      cachedImage: "number",
      outputText: "number",
      outputAudio: "number"
    }
  },
  ModelSessionUpdated: { input: { type: "string" }, output: { type: "string" } }
}

const headerFields = {
  version: "string",
  call: "string",
  startedAt: "string",
  audio: "boolean",
  masked: "strings",
  config: "object"
} as const

const completeFields = { events: "number", commands: "number", summary: "object" } as const

const incompleteFields = { reason: "string", dropped: "number?" } as const

const kindInWords: Readonly<Record<Kind, string>> = {
  boolean: "true or false",
  number: "a number",
  "number?": "a number or null",
  numbers: "a list of numbers",
  object: "an object",
  "object?": "an object or null",
  string: "a text",
  "string?": "a text or null",
  strings: "a list of texts"
}
