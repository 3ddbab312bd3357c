/**
 * Text of OpenAI's Realtime API (GA) to events (protocols.md E.5, E.7, E.9).
 *
 * Only what is read is checked. A field that may be missing may be null, too; a field that is read and has the wrong
 * type makes the whole event `ModelMisbehaved`. Types that are not known, whatever they hold, are `ModelIgnored`. No
 * text makes this throw.
 */

import * as Level from "../audio/Level.ts"
import * as Payload from "../audio/Payload.ts"
import type {
  AudioFormat,
  Event,
  Millis,
  Misbehaviour,
  ModelIgnored,
  ModelItemAdded,
  ModelMisbehaved,
  ModelResponseDone,
  Usage
} from "../Event.ts"
import type { JsonObject } from "../Json.ts"
import * as Json from "../Json.ts"
import type { ServerEvent } from "./ServerEvent.ts"

export type Decoded = Extract<Event, { readonly session: number }>

export const decode = (text: string, at: Millis, session: number): Decoded => {
  const message = Json.parse(text)
  if (message === undefined) return misbehaved(at, session, "malformed JSON")
  if (!Json.isObject(message) || typeof message["type"] !== "string") {
    return misbehaved(at, session, "malformed message")
  }
  return read(message, at, session) ?? misbehaved(at, session, "malformed message")
}

/** null: a field that is read has the wrong type. */
const read = (message: JsonObject, at: Millis, session: number): Decoded | null => {
  const kind = message["type"] as ServerEvent["type"]
  switch (kind) {
    case "response.output_audio.delta": {
      const { content_index: contentIndex, delta: payload, item_id: item, response_id: response } = message
      if (!isText(response) || !isText(item) || !isNumber(contentIndex) || !isText(payload)) return null
      if (payload === "") return ignored(at, session, kind)
      const levels = Level.ofBase64(payload)
      if (levels === "") return null
      const bytes = Payload.byteLength(payload)
      return { _tag: "ModelAudio", at, session, response, item, contentIndex, bytes, levels, payload }
    }
    case "response.output_audio_transcript.delta":
    case "response.output_text.delta": {
      const { content_index: contentIndex, delta: text, item_id: item, response_id: response } = message
      if (!isText(response) || !isText(item) || !isNumber(contentIndex) || !isText(text)) return null
      return { _tag: "ModelText", at, session, response, item, contentIndex, text }
    }
    case "input_audio_buffer.speech_started": {
      const { audio_start_ms: audioStartMs, item_id: item } = message
      if (!isText(item) || !isNumber(audioStartMs)) return null
      return { _tag: "ModelSpeechStarted", at, session, item, audioStartMs: Math.floor(audioStartMs) }
    }
    case "input_audio_buffer.speech_stopped": {
      const { audio_end_ms: audioEndMs, item_id: item } = message
      if (!isText(item) || !isNumber(audioEndMs)) return null
      return { _tag: "ModelSpeechStopped", at, session, item, audioEndMs: Math.floor(audioEndMs) }
    }
    case "input_audio_buffer.committed": {
      const { item_id: item, previous_item_id: previous } = message
      if (!isText(item) || !isMaybeText(previous)) return null
      return { _tag: "ModelSpeechCommitted", at, session, item, previous: previous ?? null }
    }
    case "conversation.item.added":
      return itemAdded(message, at, session)
    case "conversation.item.truncated": {
      const { audio_end_ms: audioEndMs, content_index: contentIndex, item_id: item } = message
      if (!isText(item) || !isNumber(contentIndex) || !isNumber(audioEndMs)) return null
      return { _tag: "ModelItemTruncated", at, session, item, contentIndex, audioEndMs: Math.floor(audioEndMs) }
    }
    case "conversation.item.deleted": {
      const item = message["item_id"]
      return isText(item) ? { _tag: "ModelItemDeleted", at, session, item } : null
    }
    case "conversation.item.input_audio_transcription.completed": {
      const { item_id: item, transcript: text } = message
      return isText(item) && isText(text) ? { _tag: "ModelTranscribed", at, session, item, text } : null
    }
    case "conversation.item.input_audio_transcription.failed": {
      const item = message["item_id"]
      return isText(item) ? { _tag: "ModelTranscriptionFailed", at, session, item } : null
    }
    case "response.created": {
      const response = identity(message["response"])
      return response && { _tag: "ModelResponseCreated", at, session, ...response }
    }
    case "response.done":
      return responseDone(message, at, session)
    case "response.function_call_arguments.done": {
      const { arguments: text, call_id: call, item_id: item, name, response_id: response } = message
      if (!isText(response) || !isText(item) || !isText(call) || !isMaybeText(name) || !isText(text)) return null
      return { _tag: "ModelToolCalled", at, session, response, item, call, name: name ?? "", arguments: text }
    }
    case "session.created": {
      const created = message["session"]
      if (!Json.isObject(created)) return null
      const { expires_at: expiresAt, id } = created
      if (!isMaybeText(id) || !isMaybeNumber(expiresAt)) return null
      return { _tag: "ModelSessionCreated", at, session, id: id ?? "", expiresAt: expiresAt || null }
    }
    case "session.updated": {
      const updated = message["session"]
      if (!Json.isObject(updated)) return null
      const input = format(updated["audio"], "input")
      const output = format(updated["audio"], "output")
      return input === undefined || output === undefined
        ? null
        : { _tag: "ModelSessionUpdated", at, session, input, output }
    }
    case "error": {
      const error = message["error"]
      if (!Json.isObject(error)) return null
      const { code, event_id: cause, message: words, param, type } = error
      if (!isText(type) || !isText(words) || !isMaybeText(code) || !isMaybeText(param) || !isMaybeText(cause))
        return null
      return {
        _tag: "ModelErred",
        at,
        session,
        error: { type, code: code ?? null, message: words, param: param ?? null, cause: cause ?? null }
      }
    }
    default:
      kind satisfies never
      return ignored(at, session, kind)
  }
}

const itemAdded = (message: JsonObject, at: Millis, session: number): ModelItemAdded | null => {
  const { item: added, previous_item_id: previous } = message
  if (!Json.isObject(added) || !isMaybeText(previous)) return null
  const { id: item, role, type } = added
  if (!isText(item) || !isText(type) || !isMaybeText(role)) return null
  return {
    _tag: "ModelItemAdded",
    at,
    session,
    item,
    kind: type === "message" || type === "function_call" || type === "function_call_output" ? type : "other",
    role: role === "assistant" || role === "user" || role === "system" ? role : null,
    previous: previous ?? null
  }
}

const responseDone = (message: JsonObject, at: Millis, session: number): ModelResponseDone | null => {
  const body = message["response"]
  const response = identity(body)
  if (response === null || !Json.isObject(body)) return null
  const { status, status_details: details } = body
  if (status !== "completed" && status !== "cancelled" && status !== "failed" && status !== "incomplete") return null
  if (!isMaybeObject(details) || !isMaybeText(details?.["reason"])) return null
  const error = failure(details?.["error"])
  const tokens = usage(body["usage"])
  if (error === undefined || tokens === undefined) return null
  const reason = details?.["reason"] ?? null
  return { _tag: "ModelResponseDone", at, session, ...response, status, reason, error, usage: tokens }
}

/** Which response it is, whose request, and whether it writes to the conversation. */
const identity = (body: unknown): Pick<ModelResponseDone, "inConversation" | "request" | "response"> | null => {
  if (!Json.isObject(body)) return null
  const { conversation_id: conversation, id: response, metadata } = body
  if (!isText(response) || !isMaybeText(conversation) || !isMaybeObject(metadata)) return null
  const request = metadata?.["offhook_request"]
  return { response, request: isText(request) ? request : null, inConversation: conversation !== null }
}

/** undefined: of the wrong type. */
const failure = (error: unknown): ModelResponseDone["error"] | undefined => {
  if (!isMaybeObject(error)) return undefined
  if (error === undefined || error === null) return null
  const { code, message, type } = error
  if (!isMaybeText(type) || !isMaybeText(code) || !isMaybeText(message)) return undefined
  return { type: type ?? "", code: code ?? null, message: message ?? "" }
}

/** The format of one direction in `session.audio`, null where none is named; undefined: of the wrong type. */
const format = (audio: unknown, direction: "input" | "output"): AudioFormat | null | undefined => {
  if (!isMaybeObject(audio)) return undefined
  const side = audio?.[direction]
  if (!isMaybeObject(side)) return undefined
  const named = side?.["format"]
  if (!isMaybeObject(named)) return undefined
  const { rate, type } = named ?? {}
  if (!isMaybeText(type) || !isMaybeNumber(rate)) return undefined
  switch (type) {
    case null:
    case undefined:
      return null
    case "audio/pcma":
    case "audio/pcmu":
      return { type }
    case "audio/pcm":
      return { type, rate: rate ?? PCM_RATE }
    default:
      return { type: "other", name: type }
  }
}

/**
 * Tokens by kind. What is not split by kind counts as text; a sum of cached tokens that is not split is taken from the
 * input in the order text, audio, image, so that cached stays a part of the input. undefined: of the wrong type.
 */
const usage = (body: unknown): Usage | null | undefined => {
  if (!isMaybeObject(body)) return undefined
  if (body === undefined || body === null) return null
  const { input_token_details: details, input_tokens: inputs, output_token_details: outputs, output_tokens: sum } = body
  if (!isMaybeObject(details) || !isMaybeNumber(details?.["cached_tokens"])) return undefined
  const input = tokens(details, inputs)
  const output = tokens(outputs, sum)
  const split = details?.["cached_tokens_details"]
  const cached = tokens(split, undefined)
  if (input === undefined || output === undefined || cached === undefined) return undefined
  const unsplit = isNamed(split) ? 0 : (details?.["cached_tokens"] ?? 0)
  const cachedText = Math.min(unsplit, input.text)
  const cachedAudio = Math.min(unsplit - cachedText, input.audio)
  const cachedImage = Math.min(unsplit - cachedText - cachedAudio, input.image)
  return {
    inputText: input.text,
    inputAudio: input.audio,
    inputImage: input.image,
    cachedText: cached.text + cachedText,
    cachedAudio: cached.audio + cachedAudio,
    cachedImage: cached.image + cachedImage,
    outputText: output.text,
    outputAudio: output.audio
  }
}

/** Tokens by kind; where no kind is named, all of the sum as text. undefined: of the wrong type. */
const tokens = (
  details: unknown,
  sum: unknown
): { readonly text: number; readonly audio: number; readonly image: number } | undefined => {
  if (!isMaybeObject(details) || !isMaybeNumber(sum)) return undefined
  const text = details?.["text_tokens"]
  const audio = details?.["audio_tokens"]
  const image = details?.["image_tokens"]
  if (!isMaybeNumber(text) || !isMaybeNumber(audio) || !isMaybeNumber(image)) return undefined
  return isNamed(details)
    ? { text: text ?? 0, audio: audio ?? 0, image: image ?? 0 }
    : { text: sum ?? 0, audio: 0, image: 0 }
}

const isNamed = (details: unknown): boolean =>
  Json.isObject(details) && KINDS.some((kind) => details[kind] !== undefined && details[kind] !== null)

const ignored = (at: Millis, session: number, type: string): ModelIgnored => ({
  _tag: "ModelIgnored",
  at,
  session,
  type
})

const misbehaved = (at: Millis, session: number, what: Misbehaviour): ModelMisbehaved => ({
  _tag: "ModelMisbehaved",
  at,
  session,
  what
})

const isText = (value: unknown): value is string => typeof value === "string"

/** JSON knows no infinity, but 1e999 is one. */
const isNumber = (value: unknown): value is number => typeof value === "number" && value >= 0 && value < Infinity

const isMaybeText = (value: unknown): value is string | null | undefined =>
  value === undefined || value === null || isText(value)

const isMaybeNumber = (value: unknown): value is number | null | undefined =>
  value === undefined || value === null || isNumber(value)

const isMaybeObject = (value: unknown): value is JsonObject | null | undefined =>
  value === undefined || value === null || Json.isObject(value)

const KINDS = ["text_tokens", "audio_tokens", "image_tokens"]
/** The only rate of `audio/pcm`. */
const PCM_RATE = 24_000
