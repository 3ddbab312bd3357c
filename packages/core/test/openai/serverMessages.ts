/** Events of the Realtime API and what they mean: tables for the decoder and the oracle. */
import type { Usage } from "../../src/Event.ts"
import type { Decoded } from "../../src/openai/decode.ts"
import { milliwatt } from "../twilio/messages.ts"

const at = 7
const session = 2
const ids = { event_id: "event_1", response_id: "resp_1", item_id: "item_1", output_index: 0, content_index: 0 }
const place = { at, session, response: "resp_1", item: "item_1", contentIndex: 0 }

const audioDelta = { type: "response.output_audio.delta", ...ids, delta: milliwatt }
const transcriptDelta = { type: "response.output_audio_transcript.delta", ...ids, delta: "Hello" }
const toolCall = {
  type: "response.function_call_arguments.done",
  ...ids,
  call_id: "call_1",
  name: "look_up",
  arguments: '{"order":1}'
}
const usage = {
  total_tokens: 253,
  input_tokens: 132,
  output_tokens: 121,
  input_token_details: {
    text_tokens: 119,
    audio_tokens: 13,
    image_tokens: 0,
    cached_tokens: 64,
    cached_tokens_details: { text_tokens: 60, audio_tokens: 4, image_tokens: 0 }
  },
  output_token_details: { text_tokens: 30, audio_tokens: 91 }
}
const response = {
  object: "realtime.response",
  id: "resp_1",
  status: "completed",
  status_details: null,
  output: [],
  conversation_id: "conv_1",
  output_modalities: ["audio"],
  metadata: { offhook_request: "r1" },
  usage
}
const responseDone = { type: "response.done", event_id: "event_2", response }
const responseCreated = {
  type: "response.created",
  event_id: "event_3",
  response: { ...response, status: "in_progress", usage: null }
}
const error = {
  type: "error",
  event_id: "event_4",
  error: {
    type: "invalid_request_error",
    code: "response_cancel_not_active",
    message: "No.",
    param: null,
    event_id: "r1"
  }
}
const itemAdded = {
  type: "conversation.item.added",
  event_id: "event_5",
  previous_item_id: "item_0",
  item: {
    id: "item_1",
    object: "realtime.item",
    type: "message",
    status: "in_progress",
    role: "assistant",
    content: []
  }
}
const sessionCreated = {
  type: "session.created",
  event_id: "event_6",
  session: {
    type: "realtime",
    object: "realtime.session",
    id: "sess_1",
    expires_at: 1_795_000_000,
    model: "gpt-realtime-2.1"
  }
}
const sessionUpdated = {
  type: "session.updated",
  event_id: "event_7",
  session: {
    ...sessionCreated.session,
    audio: { input: { format: { type: "audio/pcmu" } }, output: { format: { type: "audio/pcmu" }, voice: "marin" } }
  }
}
const speechStarted = {
  type: "input_audio_buffer.speech_started",
  event_id: "event_8",
  audio_start_ms: 1_200,
  item_id: "item_2"
}

const usageRead: Usage = {
  inputText: 119,
  inputAudio: 13,
  inputImage: 0,
  cachedText: 60,
  cachedAudio: 4,
  cachedImage: 0,
  outputText: 30,
  outputAudio: 91
}
const nothing: Usage = {
  inputText: 0,
  inputAudio: 0,
  inputImage: 0,
  cachedText: 0,
  cachedAudio: 0,
  cachedImage: 0,
  outputText: 0,
  outputAudio: 0
}
const done: Decoded & { readonly _tag: "ModelResponseDone" } = {
  _tag: "ModelResponseDone",
  at,
  session,
  response: "resp_1",
  request: "r1",
  inConversation: true,
  status: "completed",
  reason: null,
  error: null,
  usage: usageRead
}
const created: Decoded = {
  _tag: "ModelResponseCreated",
  at,
  session,
  response: "resp_1",
  request: "r1",
  inConversation: true
}
const audio: Decoded = { _tag: "ModelAudio", ...place, bytes: 160, levels: "7", payload: milliwatt }
const updated: Decoded = {
  _tag: "ModelSessionUpdated",
  at,
  session,
  input: { type: "audio/pcmu" },
  output: { type: "audio/pcmu" }
}
const added: Decoded = {
  _tag: "ModelItemAdded",
  at,
  session,
  item: "item_1",
  kind: "message",
  role: "assistant",
  previous: "item_0"
}

type Row = readonly [title: string, message: unknown, decoded: Decoded]

const formats = (input: unknown, output: unknown): unknown => ({
  ...sessionUpdated,
  session: { audio: { input: { format: input }, output: { format: output } } }
})
const finished = (fields: object): unknown => ({ ...responseDone, response: { ...response, ...fields } })
const used = (tokens: unknown): unknown => finished({ usage: tokens })

/** Every event decoded at 7 ms in session 2. */
export const server: ReadonlyArray<Row> = [
  ["audio", audioDelta, audio],
  [
    "audio of 30 ms",
    { ...audioDelta, delta: "////".repeat(80) },
    { ...audio, bytes: 240, levels: "AA", payload: "////".repeat(80) }
  ],
  [
    "no audio",
    { ...audioDelta, delta: "" },
    { _tag: "ModelIgnored", at, session, type: "response.output_audio.delta" }
  ],
  ["transcript", transcriptDelta, { _tag: "ModelText", ...place, text: "Hello" }],
  [
    "text",
    { ...transcriptDelta, type: "response.output_text.delta", content_index: 1 },
    { _tag: "ModelText", ...place, contentIndex: 1, text: "Hello" }
  ],
  [
    "tool call",
    toolCall,
    {
      _tag: "ModelToolCalled",
      at,
      session,
      response: "resp_1",
      item: "item_1",
      call: "call_1",
      name: "look_up",
      arguments: '{"order":1}'
    }
  ],
  [
    "tool call without a name",
    { ...toolCall, name: undefined, arguments: "" },
    {
      _tag: "ModelToolCalled",
      at,
      session,
      response: "resp_1",
      item: "item_1",
      call: "call_1",
      name: "",
      arguments: ""
    }
  ],
  ["speech started", speechStarted, { _tag: "ModelSpeechStarted", at, session, item: "item_2", audioStartMs: 1_200 }],
  [
    "speech started between two milliseconds",
    { ...speechStarted, audio_start_ms: 1_200.9 },
    { _tag: "ModelSpeechStarted", at, session, item: "item_2", audioStartMs: 1_200 }
  ],
  [
    "speech stopped",
    { type: "input_audio_buffer.speech_stopped", audio_end_ms: 2_000, item_id: "item_2" },
    { _tag: "ModelSpeechStopped", at, session, item: "item_2", audioEndMs: 2_000 }
  ],
  [
    "speech committed",
    { type: "input_audio_buffer.committed", item_id: "item_2", previous_item_id: "item_1" },
    { _tag: "ModelSpeechCommitted", at, session, item: "item_2", previous: "item_1" }
  ],
  [
    "first speech committed",
    { type: "input_audio_buffer.committed", item_id: "item_2", previous_item_id: null },
    { _tag: "ModelSpeechCommitted", at, session, item: "item_2", previous: null }
  ],
  ["item added", itemAdded, added],
  ["first item added", { ...itemAdded, previous_item_id: null }, { ...added, previous: null }],
  [
    "function call added",
    { ...itemAdded, item: { id: "item_1", type: "function_call", name: "look_up", call_id: "call_1" } },
    { ...added, kind: "function_call", role: null }
  ],
  [
    "item of a new kind added",
    { ...itemAdded, item: { id: "item_1", type: "mcp_call", role: "narrator" } },
    { ...added, kind: "other", role: null }
  ],
  [
    "item truncated",
    { type: "conversation.item.truncated", item_id: "item_1", content_index: 0, audio_end_ms: 1_500 },
    { _tag: "ModelItemTruncated", at, session, item: "item_1", contentIndex: 0, audioEndMs: 1_500 }
  ],
  [
    "item deleted",
    { type: "conversation.item.deleted", item_id: "item_1" },
    { _tag: "ModelItemDeleted", at, session, item: "item_1" }
  ],
  [
    "transcription",
    {
      type: "conversation.item.input_audio_transcription.completed",
      item_id: "item_2",
      content_index: 0,
      transcript: "Hi."
    },
    { _tag: "ModelTranscribed", at, session, item: "item_2", text: "Hi." }
  ],
  [
    "transcription failed",
    { type: "conversation.item.input_audio_transcription.failed", item_id: "item_2", content_index: 0, error: {} },
    { _tag: "ModelTranscriptionFailed", at, session, item: "item_2" }
  ],
  ["response created", responseCreated, created],
  [
    "response created by the model",
    { ...responseCreated, response: { id: "resp_1", metadata: null } },
    { ...created, request: null }
  ],
  [
    "response outside the conversation",
    { ...responseCreated, response: { id: "resp_1", conversation_id: null, metadata: { kind: "summary" } } },
    { ...created, request: null, inConversation: false }
  ],
  ["response done", responseDone, done],
  [
    "response cancelled",
    finished({ status: "cancelled", status_details: { type: "cancelled", reason: "turn_detected" }, usage: undefined }),
    { ...done, status: "cancelled", reason: "turn_detected", usage: null }
  ],
  [
    "response failed",
    finished({
      status: "failed",
      status_details: { type: "failed", error: { type: "server_error", code: null, message: "Sorry." } },
      usage: null
    }),
    { ...done, status: "failed", error: { type: "server_error", code: null, message: "Sorry." }, usage: null }
  ],
  [
    "response failed without a word",
    finished({ status: "failed", status_details: { error: {} } }),
    { ...done, status: "failed", error: { type: "", code: null, message: "" } }
  ],
  [
    "response incomplete",
    finished({ status: "incomplete", status_details: { reason: "max_output_tokens" } }),
    { ...done, status: "incomplete", reason: "max_output_tokens" }
  ],
  ["usage of nothing", used({}), { ...done, usage: nothing }],
  [
    "usage in totals",
    used({ input_tokens: 9, output_tokens: 5 }),
    { ...done, usage: { ...nothing, inputText: 9, outputText: 5 } }
  ],
  [
    "usage in totals, details empty",
    used({ input_tokens: 9, output_tokens: 5, input_token_details: {}, output_token_details: null }),
    { ...done, usage: { ...nothing, inputText: 9, outputText: 5 } }
  ],
  [
    "usage with missing kinds",
    used({ input_tokens: 9, input_token_details: { audio_tokens: 9 } }),
    { ...done, usage: { ...nothing, inputAudio: 9 } }
  ],
  [
    "cached tokens in total",
    used({ input_token_details: { text_tokens: 10, audio_tokens: 90, cached_tokens: 64 } }),
    { ...done, usage: { ...nothing, inputText: 10, inputAudio: 90, cachedText: 10, cachedAudio: 54 } }
  ],
  [
    "session created",
    sessionCreated,
    { _tag: "ModelSessionCreated", at, session, id: "sess_1", expiresAt: 1_795_000_000 }
  ],
  [
    "session created without id",
    { type: "session.created", session: { type: "realtime", expires_at: 0 } },
    { _tag: "ModelSessionCreated", at, session, id: "", expiresAt: null }
  ],
  ["session updated", sessionUpdated, updated],
  [
    "session updated, formats not named",
    { type: "session.updated", session: { audio: null } },
    { ...updated, input: null, output: null }
  ],
  [
    "session updated, formats without a type",
    formats({}, { type: null, rate: 8_000 }),
    { ...updated, input: null, output: null }
  ],
  [
    "session updated to other formats",
    formats({ type: "audio/pcm", rate: 24_000 }, { type: "audio/opus" }),
    { ...updated, input: { type: "audio/pcm", rate: 24_000 }, output: { type: "other", name: "audio/opus" } }
  ],
  [
    "session updated to formats in part",
    formats({ type: "audio/pcm" }, { type: "audio/pcma" }),
    { ...updated, input: { type: "audio/pcm", rate: 24_000 }, output: { type: "audio/pcma" } }
  ],
  [
    "error",
    error,
    {
      _tag: "ModelErred",
      at,
      session,
      error: {
        type: "invalid_request_error",
        code: "response_cancel_not_active",
        message: "No.",
        param: null,
        cause: "r1"
      }
    }
  ],
  [
    "error in few words",
    { type: "error", error: { type: "server_error", message: "" } },
    {
      _tag: "ModelErred",
      at,
      session,
      error: { type: "server_error", code: null, message: "", param: null, cause: null }
    }
  ],
  ...[
    "rate_limits.updated",
    "response.output_item.done",
    "response.audio.delta",
    "conversation.item.created",
    "constructor",
    ""
  ].map((type): Row => [`type "${type}"`, { type, delta: 1 }, { _tag: "ModelIgnored", at, session, type }])
]

/** Each with one field that has the wrong type or is missing. */
export const malformed: ReadonlyArray<unknown> = [
  null,
  [],
  1,
  {},
  { type: 1 },
  ...["response_id", "item_id", "content_index", "delta"].flatMap((field) => [
    { ...audioDelta, [field]: undefined },
    { ...transcriptDelta, [field]: true }
  ]),
  ...["/w=", "/w", "_w==", "%%%%", "/w==/w=="].map((delta) => ({ ...audioDelta, delta })),
  { ...audioDelta, content_index: "0" },
  { ...audioDelta, content_index: -1 },
  ...["response_id", "item_id", "call_id", "name", "arguments"].map((field) => ({ ...toolCall, [field]: {} })),
  { ...speechStarted, audio_start_ms: "1200" },
  { ...speechStarted, audio_start_ms: null },
  { ...speechStarted, item_id: null },
  { type: "input_audio_buffer.speech_stopped", item_id: "item_2" },
  { type: "input_audio_buffer.committed", item_id: "item_2", previous_item_id: 1 },
  { type: "input_audio_buffer.committed" },
  { ...itemAdded, item: null },
  { ...itemAdded, item: { type: "message" } },
  { ...itemAdded, item: { id: "item_1" } },
  { ...itemAdded, item: { id: "item_1", type: "message", role: 1 } },
  { ...itemAdded, previous_item_id: false },
  { type: "conversation.item.truncated", item_id: "item_1", content_index: 0 },
  { type: "conversation.item.deleted" },
  { type: "conversation.item.input_audio_transcription.completed", item_id: "item_2" },
  { type: "conversation.item.input_audio_transcription.failed" },
  { type: "response.created" },
  { ...responseCreated, response: { metadata: {} } },
  { ...responseCreated, response: { id: "resp_1", metadata: [] } },
  { ...responseCreated, response: { id: "resp_1", conversation_id: 1 } },
  { type: "response.done" },
  finished({ id: 1 }),
  finished({ status: "in_progress" }),
  finished({ status: undefined }),
  finished({ status_details: "x" }),
  finished({ status_details: { reason: 1 } }),
  finished({ status_details: { error: "x" } }),
  finished({ status_details: { error: { message: 1 } } }),
  used("x"),
  used({ input_tokens: "9" }),
  used({ output_tokens: -1 }),
  used({ input_token_details: [] }),
  used({ input_token_details: { text_tokens: "9" } }),
  used({ input_token_details: { cached_tokens: "9" } }),
  used({ input_token_details: { cached_tokens_details: 1 } }),
  used({ output_token_details: { audio_tokens: {} } }),
  { type: "session.created" },
  { type: "session.created", session: { id: 1 } },
  { type: "session.created", session: { expires_at: "soon" } },
  { type: "session.updated" },
  { type: "session.updated", session: { audio: [] } },
  formats("g711_ulaw", null),
  formats(null, { type: 8_000 }),
  formats({ type: "audio/pcm", rate: "24000" }, null),
  { type: "error" },
  { type: "error", error: { message: "No." } },
  { type: "error", error: { type: "x" } },
  { type: "error", error: { ...error.error, code: 1 } },
  { type: "error", error: { ...error.error, event_id: 1 } }
]
