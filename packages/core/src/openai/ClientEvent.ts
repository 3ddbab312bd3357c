/**
 * The events that we send to OpenAI's Realtime API (GA), in OpenAI's words (protocols.md E.2, E.4). `event_id` is ours:
 * it comes back in an `error` that the event caused.
 */

export type ClientEvent =
  | { readonly type: "session.update"; readonly event_id: string; readonly session: Session }
  | { readonly type: "input_audio_buffer.append"; readonly audio: string }
  | {
      readonly type: "conversation.item.truncate"
      readonly event_id: string
      readonly item_id: string
      readonly content_index: number
      readonly audio_end_ms: number
    }
  | { readonly type: "conversation.item.delete"; readonly event_id: string; readonly item_id: string }
  | { readonly type: "conversation.item.create"; readonly event_id: string; readonly item: Item }
  | { readonly type: "response.create"; readonly event_id: string; readonly response: ResponseRequest }
  | { readonly type: "response.cancel"; readonly event_id: string; readonly response_id?: string }

export interface Session {
  readonly type: "realtime"
  readonly output_modalities: readonly ["audio"]
  readonly instructions: string
  readonly tools: ReadonlyArray<FunctionTool>
  readonly tool_choice: "auto"
  readonly audio: {
    readonly input: {
      readonly format: Format
      readonly transcription: { readonly model: string; readonly language?: string } | null
      readonly noise_reduction: { readonly type: "far_field" | "near_field" } | null
      readonly turn_detection: TurnDetection
    }
    readonly output: { readonly format: Format; readonly voice: string }
  }
}

/** What telephones speak: 8 kHz mu-law, which takes no `rate`. */
export interface Format {
  readonly type: "audio/pcmu"
}

/** Flat: the realtime API knows no nested `function`, and no `strict`. */
export interface FunctionTool {
  readonly type: "function"
  readonly name: string
  readonly description: string
  readonly parameters: Readonly<Record<string, unknown>>
}

export type TurnDetection = {
  readonly create_response: boolean
  readonly interrupt_response: boolean
} & (
  | {
      readonly type: "server_vad"
      readonly threshold: number
      readonly prefix_padding_ms: number
      readonly silence_duration_ms: number
    }
  | { readonly type: "semantic_vad"; readonly eagerness: "auto" | "high" | "low" | "medium" }
)

export type Item =
  | {
      readonly id: string
      readonly type: "message"
      readonly role: "system" | "user"
      readonly content: ReadonlyArray<{ readonly type: "input_text"; readonly text: string }>
    }
  | { readonly type: "function_call_output"; readonly call_id: string; readonly output: string }

/** `instructions` replace the session's for this response; `metadata` comes back with it. */
export interface ResponseRequest {
  readonly instructions?: string
  readonly metadata: { readonly offhook_request: string }
}
