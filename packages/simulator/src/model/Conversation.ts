/**
 * The conversation: its items in order, what each truly holds, and the rules of create, delete, retrieve and truncate (protocols.md E.7, E.8).
 *
 * 1. Items stay here after deletion, marked, so that a judge can read what happened.
 * 2. `generatedMs` is the audio sent for an item; `keptMs` is what the model remembers of it, less after a truncation.
 * 3. A truncation deletes the transcript from the model's memory; `spoken` keeps the text that was generated.
 */
import * as Base64 from "../Base64.ts"
import type { ContentInput, ItemInput } from "./ClientEvent.ts"
import type { AssistantContentWire, ContentWire, ItemStatus, ItemWire } from "./ServerEvent.ts"
import type { Failure } from "./Shape.ts"
import { invalidValue } from "./Shape.ts"

export interface Item {
  readonly id: string
  readonly type: "message" | "function_call" | "function_call_output" | "mcp_approval_response"
  readonly role: "user" | "assistant" | "system" | null
  /** The response that made it; null for items of the caller or the client. */
  readonly responseId: string | null
  /** What the model makes of its own words, where it tells (protocols.md E.7). */
  readonly phase: "commentary" | "final_answer" | null
  status: ItemStatus
  /** Of an assistant's message: at most one is audio. */
  readonly content: Array<Content>
  readonly name: string
  readonly callId: string
  /** As far as they were sent. */
  arguments: string
  readonly output: string
  readonly approve: boolean
  /** The model has forgotten it; it stays here for judges. */
  deleted: boolean
  /** When it was deleted, ms on the host's clock. */
  deletedAt: number | null
}

/** Audio is held in the bytes of its own format: the caller's as it came, the model's as mu-law. */
export type Content =
  | { readonly type: "input_text" | "output_text"; text: string }
  | { readonly type: "input_image"; readonly imageUrl: string; readonly detail: "auto" | "low" | "high" }
  | InputAudio
  | OutputAudio

export interface InputAudio {
  readonly type: "input_audio"
  readonly audio: Uint8Array
  readonly durationMs: number
  /** What the transcription said, once it was told; null before that, and for ever where it failed or never came. */
  transcript: string | null
}

export interface OutputAudio {
  readonly type: "output_audio"
  /** Mu-law bytes that will be said if nothing interrupts. */
  readonly clip: Uint8Array
  /** Ms of the clip that were sent so far, from its beginning; `generated` gives the bytes. */
  generatedMs: number
  /** When the first and the latest of it were sent, ms on the host's clock; NaN before that. */
  sentFrom: number
  sentUntil: number
  /** The earliest time at which its first byte can be heard: after all that was sent before it. NaN before that. */
  playsFrom: number
  /** Ms the model remembers, at most what was generated when it was cut; null as long as nothing was cut. */
  keptMs: number | null
  /** Whose latest truncation that is, and when, ms on the host's clock. The server's is its own guess (protocols.md G.2, 15). */
  cutBy: "client" | "server" | null
  cutAt: number | null
  /** What the model remembers of the text; null after a truncation. */
  transcript: string | null
  /** The text that was generated, for judges. */
  spoken: string
}

export interface Conversation {
  readonly id: string
  /** Every item there ever was, in conversation order, deleted ones too. */
  readonly items: ReadonlyArray<Item>
  /** The items the model remembers. */
  readonly alive: () => ReadonlyArray<Item>
  readonly find: (id: string) => Item | undefined
  /** Appends, or inserts after `previousId` ("root" = first); returns the id before it. */
  readonly insert: (item: Item, previousId?: string | null) => string | null
  /** Checks an item a client wants to create. */
  readonly check: (input: ItemInput, previousId: string | null | undefined) => Failure | undefined
  readonly previous: (id: string) => string | null
}

export const make = (id: string): Conversation => {
  const items: Array<Item> = []
  const alive = () => items.filter((item) => !item.deleted)
  const find = (id: string) => items.find((item) => item.id === id && !item.deleted)
  return {
    id,
    items,
    alive,
    find,
    insert: (item, previousId) => {
      const index =
        previousId === undefined || previousId === null
          ? items.length
          : previousId === "root"
            ? 0
            : items.findIndex((other) => other.id === previousId && !other.deleted) + 1
      items.splice(index, 0, item)
      return items.slice(0, index).findLast((other) => !other.deleted)?.id ?? null
    },
    check: (input, previousId) => {
      if (typeof previousId === "string" && previousId !== "root" && find(previousId) === undefined) {
        return invalidValue("previous_item_id", `Previous item with ID '${previousId}' not found.`)
      }
      if (input.id !== undefined && find(input.id) !== undefined) {
        return invalidValue("item.id", `Item with ID '${input.id}' already exists.`)
      }
      if (input.type !== "function_call_output") return undefined
      const of = (type: Item["type"]) =>
        items.some((it) => !it.deleted && it.type === type && it.callId === input.call_id)
      if (!of("function_call"))
        return invalidValue("item.call_id", `No tool call found for call ID '${input.call_id}'.`)
      return of("function_call_output")
        ? invalidValue("item.call_id", `Tool call ID '${input.call_id}' already has an output.`)
        : undefined
    },
    previous: (id) => {
      const index = items.findIndex((item) => item.id === id)
      return items.slice(0, Math.max(0, index)).findLast((other) => !other.deleted)?.id ?? null
    }
  }
}

const EMPTY: Omit<Item, "id" | "type" | "role" | "content"> = {
  responseId: null,
  status: "completed",
  name: "",
  callId: "",
  arguments: "",
  output: "",
  approve: false,
  phase: null,
  deleted: false,
  deletedAt: null
}

/** An item of a client's `conversation.item.create`. */
export const fromInput = (input: ItemInput, id: string, callId: string): Item => ({
  ...EMPTY,
  id: input.id ?? id,
  type: input.type as Item["type"],
  role: input.role ?? null,
  content: (input.content ?? []).map(content),
  name: input.name ?? "",
  callId: input.call_id ?? input.approval_request_id ?? (input.type === "function_call" ? callId : ""),
  arguments: input.arguments ?? "",
  output: input.output ?? "",
  approve: input.approve ?? false
})

const content = (input: ContentInput): Content => {
  switch (input.type) {
    case "input_audio": {
      const audio = Base64.decode(input.audio ?? "") ?? new Uint8Array(0)
      return { type: "input_audio", audio, durationMs: audio.length / 8, transcript: input.transcript ?? null }
    }
    case "input_image":
      return {
        type: "input_image",
        imageUrl: input.image_url ?? "",
        detail: (input.detail ?? "auto") as "auto" | "low" | "high"
      }
    case "input_text":
    case "output_text":
      return { type: input.type, text: input.text ?? "" }
  }
}

/** What a caller said, committed from the input buffer. */
export const callerSpeech = (id: string, audio: Uint8Array, durationMs: number): Item => ({
  ...EMPTY,
  id,
  type: "message",
  role: "user",
  content: [{ type: "input_audio", audio, durationMs, transcript: null }]
})

/** A message that a response begins; its content comes later. */
export const answer = (id: string, responseId: string, phase: Item["phase"]): Item => ({
  ...EMPTY,
  phase,
  id,
  type: "message",
  role: "assistant",
  responseId,
  status: "in_progress",
  content: []
})

/** A call that a response begins; its arguments come later. */
export const functionCall = (id: string, responseId: string, name: string, callId: string): Item => ({
  ...EMPTY,
  id,
  type: "function_call",
  role: null,
  responseId,
  status: "in_progress",
  content: [],
  name,
  callId
})

/** Audio of which nothing was sent yet. */
export const speech = (clip: Uint8Array): OutputAudio => ({
  type: "output_audio",
  clip,
  generatedMs: 0,
  sentFrom: Number.NaN,
  sentUntil: Number.NaN,
  playsFrom: Number.NaN,
  keptMs: null,
  cutAt: null,
  cutBy: null,
  transcript: "",
  spoken: ""
})

/** The audio of an assistant's message, wherever in its content. */
export const outputAudio = (item: Item): OutputAudio | undefined =>
  item.content.find((part): part is OutputAudio => part.type === "output_audio")

/** Ms of an item's audio that the model believes was heard: all that was generated, unless it was cut or deleted. */
export const believedMs = (item: Item): number => {
  const audio = outputAudio(item)
  return audio === undefined || item.deleted ? 0 : (audio.keptMs ?? audio.generatedMs)
}

/** The bytes sent for an item so far, mu-law: a view of its clip. */
export const generated = (item: Item): Uint8Array => {
  const audio = outputAudio(item)
  return audio?.clip.subarray(0, Math.round(audio.generatedMs * 8)) ?? NO_BYTES
}

const NO_BYTES = new Uint8Array(0)

/** Why what the model remembers of an item cannot be cut to `audioEndMs`. `lengthCode`: the code of the too-long error (protocols.md G.2, 13). */
export const cannotTruncate = (
  item: Item,
  contentIndex: number,
  audioEndMs: number,
  lengthCode: string | null
): Failure | undefined => {
  const part = item.content[contentIndex]
  if (item.role !== "assistant" || (part !== undefined && part.type !== "output_audio")) {
    return invalidValue("item_id", "Only model output audio messages can be truncated.")
  }
  if (part === undefined) return invalidValue("content_index", `Content index ${contentIndex} is out of range.`)
  const lengthMs = Math.floor(part.keptMs ?? part.generatedMs)
  if (audioEndMs <= lengthMs) return undefined
  return {
    code: lengthCode,
    message: `Audio content of ${lengthMs}ms is already shorter than ${audioEndMs}ms`,
    param: lengthCode === null ? null : "audio_end_ms"
  }
}

/** Cuts what the model remembers of an item's audio. */
export const truncate = (item: Item, audioEndMs: number, by: "client" | "server", at: number): void => {
  const audio = outputAudio(item)
  if (audio === undefined) return
  audio.keptMs = audioEndMs
  audio.cutBy = by
  audio.cutAt = at
  audio.transcript = null
}

/** An item as events carry it; audio bytes only for `conversation.item.retrieved`. */
export const wire = (item: Item, encode?: (clip: Uint8Array, bytes: number) => string): ItemWire => {
  const base = { id: item.id, object: "realtime.item" as const, status: item.status }
  switch (item.type) {
    case "function_call":
      return { ...base, type: item.type, name: item.name, call_id: item.callId, arguments: item.arguments }
    case "function_call_output":
      return { ...base, type: item.type, call_id: item.callId, output: item.output }
    case "mcp_approval_response":
      return { id: item.id, type: item.type, approval_request_id: item.callId, approve: item.approve }
    case "message":
      break
  }
  const content = item.content.map((part) => wireContent(part, encode))
  const phase = item.phase === null ? {} : { phase: item.phase }
  return { ...base, type: "message", role: item.role, content, ...phase } as ItemWire
}

const wireContent = (
  part: Content,
  encode: ((clip: Uint8Array, bytes: number) => string) | undefined
): ContentWire | AssistantContentWire => {
  switch (part.type) {
    case "input_audio":
      return encode === undefined
        ? { type: part.type, transcript: part.transcript }
        : { type: part.type, audio: Base64.encode(part.audio), transcript: part.transcript }
    case "input_image":
      return { type: part.type, image_url: part.imageUrl, detail: part.detail }
    case "output_audio":
      return encode === undefined
        ? { type: part.type, transcript: part.transcript }
        : {
            type: part.type,
            audio: encode(part.clip, Math.floor((part.keptMs ?? part.generatedMs) * 8)),
            transcript: part.transcript
          }
    case "input_text":
      return { type: part.type, text: part.text }
    case "output_text":
      return { type: part.type, text: part.text }
  }
}

/** Text and audio tokens of what the model remembers of an item (protocols.md E.1: caller 1 a 100 ms, model 1 a 50 ms). */
export const tokens = (item: Item): { readonly text: number; readonly audio: number } => {
  let text = textTokens(item.arguments) + textTokens(item.output) + textTokens(item.name)
  let audio = 0
  for (const part of item.content) {
    switch (part.type) {
      case "input_audio":
        audio += Math.ceil(part.durationMs / 100)
        break
      case "output_audio":
        audio += Math.ceil((part.keptMs ?? part.generatedMs) / 50)
        text += textTokens(part.transcript ?? "")
        break
      case "input_image":
        break
      case "input_text":
      case "output_text":
        text += textTokens(part.text)
    }
  }
  return { text, audio }
}

/** About four characters a token. */
export const textTokens = (text: string): number => Math.ceil(text.length / 4)
