/**
 * The events of OpenAI's Realtime API (GA) that mean something to a call, in OpenAI's words (protocols.md E.5, E.7,
 * E.9): of each only the fields that are read. Every other type is `ModelIgnored`; other fields are ignored.
 */

/** Left out or null: both are seen where a value is missing. */
type Maybe<T> = T | null | undefined

export type ServerEvent =
  | { readonly type: "error"; readonly error: ErrorDetails }
  | { readonly type: "session.created"; readonly session: Session }
  | { readonly type: "session.updated"; readonly session: Session }
  | { readonly type: "input_audio_buffer.speech_started"; readonly item_id: string; readonly audio_start_ms: number }
  | { readonly type: "input_audio_buffer.speech_stopped"; readonly item_id: string; readonly audio_end_ms: number }
  | {
      readonly type: "input_audio_buffer.committed"
      readonly item_id: string
      readonly previous_item_id?: Maybe<string>
    }
  | { readonly type: "conversation.item.added"; readonly item: Item; readonly previous_item_id?: Maybe<string> }
  | {
      readonly type: "conversation.item.truncated"
      readonly item_id: string
      readonly content_index: number
      readonly audio_end_ms: number
    }
  | { readonly type: "conversation.item.deleted"; readonly item_id: string }
  | {
      readonly type: "conversation.item.input_audio_transcription.completed"
      readonly item_id: string
      readonly transcript: string
    }
  | { readonly type: "conversation.item.input_audio_transcription.failed"; readonly item_id: string }
  | { readonly type: "response.created"; readonly response: Response }
  | { readonly type: "response.done"; readonly response: FinishedResponse }
  | Delta<"response.output_audio.delta">
  | Delta<"response.output_audio_transcript.delta">
  | Delta<"response.output_text.delta">
  | {
      readonly type: "response.function_call_arguments.done"
      readonly response_id: string
      readonly item_id: string
      readonly call_id: string
      /** Left out by some servers, which name the function in `response.output_item.done` only. */
      readonly name?: Maybe<string>
      /** JSON text, which may be broken or empty. */
      readonly arguments: string
    }

/** A piece of one content part; of audio, base64 in the output format. */
export interface Delta<Type extends string> {
  readonly type: Type
  readonly response_id: string
  readonly item_id: string
  readonly content_index: number
  readonly delta: string
}

export interface ErrorDetails {
  readonly type: string
  readonly message: string
  readonly code?: Maybe<string>
  readonly param?: Maybe<string>
  /** The `event_id` of the client event that was wrong. */
  readonly event_id?: Maybe<string>
}

/** `id` and `expires_at` (epoch seconds) are sent but not published. */
export interface Session {
  readonly id?: Maybe<string>
  readonly expires_at?: Maybe<number>
  readonly audio?: Maybe<{
    readonly input?: Maybe<{ readonly format?: Maybe<Format> }>
    readonly output?: Maybe<{ readonly format?: Maybe<Format> }>
  }>
}

/** `audio/pcmu` and `audio/pcma` (8 kHz), or `audio/pcm` with its rate. */
export interface Format {
  readonly type?: Maybe<string>
  readonly rate?: Maybe<number>
}

export interface Item {
  readonly id: string
  readonly type: string
  readonly role?: Maybe<string>
}

export interface Response {
  readonly id: string
  /** null: outside the conversation (`conversation: "none"`). */
  readonly conversation_id?: Maybe<string>
  readonly metadata?: Maybe<Readonly<Record<string, unknown>>>
}

export interface FinishedResponse extends Response {
  readonly status: "cancelled" | "completed" | "failed" | "incomplete"
  readonly status_details?: Maybe<{
    readonly reason?: Maybe<string>
    readonly error?: Maybe<{
      readonly type?: Maybe<string>
      readonly code?: Maybe<string>
      readonly message?: Maybe<string>
    }>
  }>
  readonly usage?: Maybe<Usage>
}

/** Tokens; cached ones are part of the input. */
export interface Usage {
  readonly input_tokens?: Maybe<number>
  readonly output_tokens?: Maybe<number>
  readonly input_token_details?: Maybe<
    Tokens & { readonly cached_tokens?: Maybe<number>; readonly cached_tokens_details?: Maybe<Tokens> }
  >
  readonly output_token_details?: Maybe<Tokens>
}

export interface Tokens {
  readonly text_tokens?: Maybe<number>
  readonly audio_tokens?: Maybe<number>
  readonly image_tokens?: Maybe<number>
}
