/**
 * Server events of the Realtime API that the simulated model sends, GA names only (protocols.md E.5).
 * A test assigns this union to the published `openai` package's `RealtimeServerEvent`.
 */
import type { AudioFormat } from "./ClientEvent.ts"
import type { Config } from "./Session.ts"

export interface ErrorBody {
  readonly type: string
  readonly code: string | null
  readonly message: string
  readonly param: string | null
  readonly event_id: string | null
}

export type ItemStatus = "in_progress" | "completed" | "incomplete"

export type ContentWire =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "input_audio"; readonly audio?: string; readonly transcript: string | null }
  | { readonly type: "input_image"; readonly image_url: string; readonly detail: "auto" | "low" | "high" }

export type AssistantContentWire =
  | { readonly type: "output_text"; readonly text: string }
  | { readonly type: "output_audio"; readonly audio?: string; readonly transcript: string | null }

interface ItemBase {
  readonly id: string
  readonly object: "realtime.item"
  readonly status: ItemStatus
}

export type ItemWire =
  | (ItemBase & {
      readonly type: "message"
      readonly role: "system"
      readonly content: Array<{ readonly type: "input_text"; readonly text: string }>
    })
  | (ItemBase & { readonly type: "message"; readonly role: "user"; readonly content: Array<ContentWire> })
  | (ItemBase & { readonly type: "message"; readonly role: "assistant"; readonly content: Array<AssistantContentWire> })
  | (ItemBase & {
      readonly type: "function_call"
      readonly name: string
      readonly call_id: string
      readonly arguments: string
    })
  | (ItemBase & { readonly type: "function_call_output"; readonly call_id: string; readonly output: string })
  | {
      readonly id: string
      readonly type: "mcp_approval_response"
      readonly approval_request_id: string
      readonly approve: boolean
    }

export type ResponseStatus = "in_progress" | "completed" | "cancelled" | "failed" | "incomplete"

export interface StatusDetails {
  readonly type: "completed" | "cancelled" | "failed" | "incomplete"
  readonly reason?: "turn_detected" | "client_cancelled" | "max_output_tokens" | "content_filter"
  readonly error?: { readonly type: string; readonly code: string; readonly message: string }
}

export interface Usage {
  readonly total_tokens: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly input_token_details: {
    readonly text_tokens: number
    readonly audio_tokens: number
    readonly image_tokens: number
    readonly cached_tokens: number
    readonly cached_tokens_details: {
      readonly text_tokens: number
      readonly audio_tokens: number
      readonly image_tokens: number
    }
  }
  readonly output_token_details: { readonly text_tokens: number; readonly audio_tokens: number }
}

export interface ResponseWire {
  readonly id: string
  readonly object: "realtime.response"
  readonly status: ResponseStatus
  readonly status_details: StatusDetails | null
  readonly output: Array<ItemWire>
  readonly conversation_id: string | null
  readonly output_modalities: Array<"audio" | "text">
  readonly max_output_tokens: number | "inf"
  readonly audio: { readonly output: { readonly format: AudioFormat; readonly voice: string } }
  readonly metadata: { [key: string]: string } | null
  readonly usage: Usage | null
}

export interface RateLimit {
  readonly name: "requests" | "tokens"
  readonly limit: number
  readonly remaining: number
  readonly reset_seconds: number
}

interface InResponse {
  readonly response_id: string
  readonly item_id: string
  readonly output_index: number
}

interface InContent extends InResponse {
  readonly content_index: number
}

interface PartWire {
  readonly type: "audio" | "text"
  readonly text?: string
  readonly transcript?: string
}

/** An event without its `event_id`, as the machine writes it. */
export type Body =
  | { readonly type: "error"; readonly error: ErrorBody }
  | { readonly type: "session.created" | "session.updated"; readonly session: Config }
  | {
      readonly type: "conversation.created"
      readonly conversation: { readonly id: string; readonly object: "realtime.conversation" }
    }
  | {
      readonly type: "conversation.item.added" | "conversation.item.done"
      readonly previous_item_id: string | null
      readonly item: ItemWire
    }
  | { readonly type: "conversation.item.retrieved"; readonly item: ItemWire }
  | { readonly type: "conversation.item.deleted"; readonly item_id: string }
  | {
      readonly type: "conversation.item.truncated"
      readonly item_id: string
      readonly content_index: number
      readonly audio_end_ms: number
    }
  | {
      readonly type: "conversation.item.input_audio_transcription.delta"
      readonly item_id: string
      readonly content_index: number
      readonly delta: string
    }
  | {
      readonly type: "conversation.item.input_audio_transcription.completed"
      readonly item_id: string
      readonly content_index: number
      readonly transcript: string
      readonly usage:
        | { readonly type: "duration"; readonly seconds: number }
        | {
            readonly type: "tokens"
            readonly total_tokens: number
            readonly input_tokens: number
            readonly input_token_details: { readonly text_tokens: number; readonly audio_tokens: number }
            readonly output_tokens: number
          }
    }
  | {
      readonly type: "conversation.item.input_audio_transcription.failed"
      readonly item_id: string
      readonly content_index: number
      readonly error: { readonly type: string; readonly code: string; readonly message: string }
    }
  | {
      readonly type: "input_audio_buffer.committed"
      readonly item_id: string
      readonly previous_item_id: string | null
    }
  | { readonly type: "input_audio_buffer.cleared" }
  | { readonly type: "input_audio_buffer.speech_started"; readonly item_id: string; readonly audio_start_ms: number }
  | { readonly type: "input_audio_buffer.speech_stopped"; readonly item_id: string; readonly audio_end_ms: number }
  | {
      readonly type: "input_audio_buffer.timeout_triggered"
      readonly item_id: string
      readonly audio_start_ms: number
      readonly audio_end_ms: number
    }
  | { readonly type: "rate_limits.updated"; readonly rate_limits: Array<RateLimit> }
  | { readonly type: "response.created" | "response.done"; readonly response: ResponseWire }
  | {
      readonly type: "response.output_item.added" | "response.output_item.done"
      readonly response_id: string
      readonly output_index: number
      readonly item: ItemWire
    }
  | (InContent & {
      readonly type: "response.content_part.added" | "response.content_part.done"
      readonly part: PartWire
    })
  | (InContent & {
      readonly type:
        | "response.output_audio.delta"
        | "response.output_audio_transcript.delta"
        | "response.output_text.delta"
      readonly delta: string
    })
  | (InContent & { readonly type: "response.output_audio.done" })
  | (InContent & { readonly type: "response.output_audio_transcript.done"; readonly transcript: string })
  | (InContent & { readonly type: "response.output_text.done"; readonly text: string })
  | (InResponse & {
      readonly type: "response.function_call_arguments.delta"
      readonly call_id: string
      readonly delta: string
    })
  | (InResponse & {
      readonly type: "response.function_call_arguments.done"
      readonly call_id: string
      readonly name: string
      readonly arguments: string
    })

export type ServerEvent = Body & { readonly event_id: string }
