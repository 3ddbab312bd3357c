/**
 * Client events of the Realtime API, GA names only (protocols.md E.4, E.7), parsed from text as strictly as the real server does.
 */
import type { Failure, Fields, Shape } from "./Shape.ts"
import {
  any,
  array,
  base64,
  boolean,
  decimal,
  either,
  integer,
  metadata,
  missing,
  nullable,
  object,
  oneOf,
  record,
  string,
  tagged
} from "./Shape.ts"

export type Json = { readonly [key: string]: unknown }

/** An item as a client may create it. */
export interface ItemInput {
  readonly id?: string
  readonly type: "message" | "function_call" | "function_call_output" | "mcp_approval_response" | "item_reference"
  readonly status?: "completed" | "incomplete" | "in_progress"
  readonly role?: "user" | "assistant" | "system"
  readonly content?: ReadonlyArray<ContentInput>
  readonly name?: string
  readonly call_id?: string
  readonly arguments?: string
  readonly output?: string
  readonly approval_request_id?: string
  readonly approve?: boolean
}

export interface ContentInput {
  readonly type: "input_text" | "input_audio" | "input_image" | "output_text"
  readonly text?: string
  readonly audio?: string
  readonly transcript?: string
  readonly image_url?: string
  readonly detail?: string
}

export interface ResponseInput {
  readonly conversation?: "auto" | "none"
  readonly input?: ReadonlyArray<ItemInput>
  readonly instructions?: string
  readonly tools?: ReadonlyArray<Json>
  readonly tool_choice?: unknown
  readonly output_modalities?: ReadonlyArray<"audio" | "text">
  readonly audio?: {
    readonly output?: { readonly format?: AudioFormat; readonly voice?: string | { readonly id: string } }
  }
  readonly max_output_tokens?: number | "inf"
  readonly metadata?: { readonly [key: string]: string } | null
}

export type AudioFormat =
  | { readonly type: "audio/pcm"; readonly rate: 24000 }
  | { readonly type: "audio/pcmu" }
  | { readonly type: "audio/pcma" }

interface Base {
  readonly event_id?: string
}

export type ClientEvent = Base &
  (
    | { readonly type: "session.update"; readonly session: Json }
    | { readonly type: "input_audio_buffer.append"; readonly audio: string }
    | { readonly type: "input_audio_buffer.commit" }
    | { readonly type: "input_audio_buffer.clear" }
    | { readonly type: "conversation.item.create"; readonly item: ItemInput; readonly previous_item_id?: string | null }
    | { readonly type: "conversation.item.retrieve"; readonly item_id: string }
    | { readonly type: "conversation.item.delete"; readonly item_id: string }
    | {
        readonly type: "conversation.item.truncate"
        readonly item_id: string
        readonly content_index: number
        readonly audio_end_ms: number
      }
    | { readonly type: "response.create"; readonly response?: ResponseInput }
    | { readonly type: "response.cancel"; readonly response_id?: string }
    | { readonly type: "output_audio_buffer.clear" }
  )

export type Decoded =
  | { readonly ok: true; readonly event: ClientEvent }
  | { readonly ok: false; readonly failure: Failure; readonly eventId: string | null }

/** `input_audio_buffer.append` holds at most 15 MiB of audio (protocols.md E.3), as base64. */
const MAX_APPEND_CHARS = ((15 * 1024 * 1024) / 3) * 4

const eventId = string(512)
const itemId = string(32)

const voice = either(
  oneOf("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"),
  object({ id: string() })
)

const rate: Shape = (value, path) =>
  integer()(value, path) ??
  (value === 24000
    ? undefined
    : { code: "invalid_value", message: `Invalid value: ${String(value)}. Supported values are: 24000.`, param: path })

const format = tagged("type", {
  "audio/pcm": object({ type: any, rate }),
  "audio/pcmu": object({ type: any }),
  "audio/pcma": object({ type: any })
})

const responseSwitches: Fields = { create_response: boolean, interrupt_response: boolean }

const turnDetection = tagged("type", {
  server_vad: object(
    { type: any },
    {
      ...responseSwitches,
      threshold: decimal(0, 1),
      prefix_padding_ms: integer(0),
      silence_duration_ms: integer(0),
      idle_timeout_ms: nullable(integer(5000, 30000))
    }
  ),
  semantic_vad: object({ type: any }, { ...responseSwitches, eagerness: oneOf("low", "medium", "high", "auto") })
})

const mcpTool = object(
  { type: any, server_label: string() },
  {
    server_url: string(),
    tunnel_id: string(),
    connector_id: string(),
    authorization: string(),
    headers: nullable(record),
    allowed_tools: any,
    require_approval: any,
    server_description: string(),
    defer_loading: boolean,
    allowed_callers: any
  }
)

/** Where an MCP server is: one of these. */
const mcpAddresses = ["server_url", "tunnel_id", "connector_id"]

const tool = tagged("type", {
  function: object({ type: any, name: string(64) }, { description: string(1024), parameters: record }),
  mcp: (value, path) =>
    mcpTool(value, path) ??
    (mcpAddresses.some((key) => Object.hasOwn(value as object, key)) ? undefined : missing(`${path}.server_url`))
})

const toolChoice = either(
  oneOf("auto", "none", "required"),
  tagged("type", {
    function: object({ type: any, name: string() }),
    mcp: object({ type: any, server_label: string() }, { name: nullable(string()) })
  })
)

const maxOutputTokens = either(oneOf("inf"), integer(1, 4096))

const modalities: Shape = (value, path) =>
  array(oneOf("audio", "text"))(value, path) ??
  ((value as ReadonlyArray<string>).length === 1
    ? undefined
    : {
        code: "invalid_value",
        message: `Invalid modalities: ${JSON.stringify(value)}. Supported combinations are: ['text'] and ['audio'].`,
        param: path
      })

const prompt = nullable(object({ id: string() }, { version: nullable(string()), variables: nullable(record) }))

const reasoning = object({}, { effort: oneOf("minimal", "low", "medium", "high", "xhigh") })

/** What may stand in `session` of `session.update`; rules that need the session's state are in Session.ts. */
const session = tagged("type", {
  realtime: object(
    { type: any },
    {
      model: string(),
      output_modalities: modalities,
      instructions: string(),
      tools: array(tool, 128),
      tool_choice: toolChoice,
      parallel_tool_calls: boolean,
      reasoning,
      max_output_tokens: maxOutputTokens,
      truncation: either(
        oneOf("auto", "disabled"),
        object(
          { type: oneOf("retention_ratio"), retention_ratio: decimal(0, 1) },
          {
            token_limits: object({}, { post_instructions: integer(0) })
          }
        )
      ),
      tracing: nullable(
        either(oneOf("auto"), object({}, { workflow_name: string(), group_id: string(), metadata: record }))
      ),
      prompt,
      include: nullable(array(oneOf("item.input_audio_transcription.logprobs"))),
      audio: object(
        {},
        {
          input: object(
            {},
            {
              format,
              transcription: nullable(
                object(
                  {},
                  {
                    model: string(),
                    language: string(),
                    languages: array(string()),
                    prompt: string(),
                    keywords: array(string()),
                    delay: oneOf("minimal", "low", "medium", "high", "xhigh")
                  }
                )
              ),
              noise_reduction: nullable(object({ type: oneOf("near_field", "far_field") })),
              turn_detection: nullable(turnDetection)
            }
          ),
          output: object({}, { format, voice, speed: decimal(0.25, 1.5) })
        }
      )
    }
  )
})

const itemBase: Fields = {
  id: itemId,
  object: oneOf("realtime.item"),
  status: oneOf("completed", "incomplete", "in_progress")
}

const message = tagged("role", {
  system: object(
    {
      type: any,
      role: any,
      content: array(tagged("type", { input_text: object({ type: any, text: string() }) }))
    },
    itemBase
  ),
  user: object(
    {
      type: any,
      role: any,
      content: array(
        tagged("type", {
          input_text: object({ type: any, text: string() }),
          input_audio: object({ type: any, audio: base64 }, { transcript: nullable(string()) }),
          input_image: object({ type: any, image_url: string() }, { detail: oneOf("auto", "low", "high") })
        })
      )
    },
    itemBase
  ),
  assistant: object(
    {
      type: any,
      role: any,
      content: array(tagged("type", { output_text: object({ type: any, text: string() }) }))
    },
    itemBase
  )
})

const items: { readonly [type: string]: Shape } = {
  message,
  function_call: object({ type: any, name: string(), arguments: string() }, { ...itemBase, call_id: string() }),
  function_call_output: object({ type: any, call_id: string(), output: string() }, itemBase),
  mcp_approval_response: object(
    { type: any, approval_request_id: string(), approve: boolean },
    {
      ...itemBase,
      reason: nullable(string())
    }
  )
}

const item = tagged("type", items)

const response = object(
  {},
  {
    conversation: oneOf("auto", "none"),
    input: array(tagged("type", { ...items, item_reference: object({ type: any, id: string() }) })),
    instructions: string(),
    tools: array(tool, 128),
    tool_choice: toolChoice,
    output_modalities: modalities,
    audio: object({}, { output: object({}, { format, voice }) }),
    max_output_tokens: maxOutputTokens,
    metadata: nullable(metadata),
    parallel_tool_calls: boolean,
    reasoning,
    prompt
  }
)

const shape = (required: Fields, optional: Fields = {}): Shape =>
  object({ type: any, ...required }, { event_id: eventId, ...optional })

const events: { readonly [type in ClientEvent["type"]]: Shape } = {
  "session.update": shape({ session }),
  "input_audio_buffer.append": shape({ audio: string() }),
  "input_audio_buffer.commit": shape({}),
  "input_audio_buffer.clear": shape({}),
  "conversation.item.create": shape({ item }, { previous_item_id: nullable(string()) }),
  "conversation.item.retrieve": shape({ item_id: string() }),
  "conversation.item.delete": shape({ item_id: string() }),
  "conversation.item.truncate": shape({ item_id: string(), content_index: integer(0), audio_end_ms: integer(0) }),
  "response.create": shape({}, { response }),
  "response.cancel": shape({}, { response_id: string() }),
  "output_audio_buffer.clear": shape({})
}

const anyEvent = tagged("type", events)

/** Parses one text frame. Audio is checked to be base64 where it is decoded. */
export const decode = (text: string): Decoded => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    const failure = { code: "invalid_json", message: "Failed to parse the event: it is not valid JSON.", param: null }
    return { ok: false, failure, eventId: null }
  }
  const failure = (isPlainAppend(value) ? undefined : anyEvent(value, "")) ?? tooMuchAudio(value as Json)
  if (failure === undefined) return { ok: true, event: value as ClientEvent }
  const id = typeof value === "object" && value !== null ? (value as Json)["event_id"] : undefined
  const param = failure.param === "" ? null : failure.param
  return { ok: false, failure: { ...failure, param }, eventId: typeof id === "string" ? id : null }
}

/** Fifty a second come in this shape: the general check would cost more than the parsing. */
const isPlainAppend = (value: unknown): boolean => {
  const event = value as { readonly type?: unknown; readonly audio?: unknown } | null
  return (
    event?.type === "input_audio_buffer.append" && typeof event.audio === "string" && Object.keys(event).length === 2
  )
}

const tooMuchAudio = (event: Json): Failure | undefined =>
  event["type"] === "input_audio_buffer.append" && (event["audio"] as string).length > MAX_APPEND_CHARS
    ? { code: "string_above_max_length", message: "Invalid 'audio': longer than 15 MiB of audio.", param: "audio" }
    : undefined
