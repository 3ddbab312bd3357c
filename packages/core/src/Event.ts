/**
 * Everything that can happen to a call, past tense. A host stamps each event with `at`, whole milliseconds since the
 * call began on a monotonic clock that never goes back; 0 is the webhook's admission (the stream's, without one).
 *
 * Carrier events name their stream, model events their session, both counted from 0 within the call: what comes from
 * an old one is ignored. Audio is carried, never read: an event holds the byte count, the level per 20 ms (audio/Level)
 * and an opaque payload, which is empty when a recording is replayed without audio.
 */

import type { Payload } from "./audio/Payload.ts"

/** Whole milliseconds since the call began. */
export type Millis = number

/** Why a connection to the model could not be made. */
export type ConnectFailure = "refused" | "timeout" | "status"

/** What the model says of an error: `code` and `param` are null where it names none (protocols.md E.9). */
export interface ModelError {
  readonly type: string
  readonly code: string | null
  readonly message: string
  readonly param: string | null
  /** The client event that caused it: our `event_id`, e.g. a request of `CreateResponse`. */
  readonly cause: string | null
}

/** Tokens of one response; cached tokens are part of the input tokens (protocols.md E.7). */
export interface Usage {
  readonly inputText: number
  readonly inputAudio: number
  readonly inputImage: number
  readonly cachedText: number
  readonly cachedAudio: number
  readonly cachedImage: number
  readonly outputText: number
  readonly outputAudio: number
}

export type ResponseStatus = "completed" | "cancelled" | "failed" | "incomplete"

export type AudioFormat =
  | { readonly type: "audio/pcmu" | "audio/pcma" }
  | { readonly type: "audio/pcm"; readonly rate: number }
  | { readonly type: "other"; readonly name: string }

/** Wrong input of a peer; each kind is noted once per connection. */
export type Misbehaviour =
  | "binary frame"
  | "malformed JSON"
  | "malformed message"
  | "message before start"
  | "second start"
  | "unknown message"
  | "wrong stream"

export type Event =
  // The carrier.
  | CarrierStarted
  | CarrierAudio
  | CarrierMarked
  | CarrierKeyed
  | CarrierStopped
  | CarrierCongested
  | CarrierDrained
  | CarrierClosed
  | CarrierMisbehaved
  // The model.
  | ModelConnected
  | ModelConnectFailed
  | ModelSessionCreated
  | ModelSessionUpdated
  | ModelSpeechStarted
  | ModelSpeechStopped
  | ModelSpeechCommitted
  | ModelItemAdded
  | ModelItemTruncated
  | ModelItemDeleted
  | ModelTranscribed
  | ModelTranscriptionFailed
  | ModelResponseCreated
  | ModelAudio
  | ModelText
  | ModelToolCalled
  | ModelResponseDone
  | ModelErred
  | ModelIgnored
  | ModelMisbehaved
  | ModelCongested
  | ModelDrained
  | ModelClosed
  // The host.
  | ToolFinished
  | HangUpFailed
  | EndRequested
  | TimeAdvanced

/** The carrier's stream began; before this nothing may be sent on it. `format` is what the ledger measures bytes by. */
export interface CarrierStarted {
  readonly _tag: "CarrierStarted"
  readonly at: Millis
  readonly stream: number
  readonly streamSid: string
  readonly callSid: string
  readonly accountSid: string
  readonly encoding: string
  readonly sampleRate: number
  readonly channels: number
  readonly parameters: Readonly<Record<string, string>>
}

/** Caller audio: `timestamp` is the carrier's ms since the stream began, at which this audio starts (protocols.md B.2). */
export interface CarrierAudio {
  readonly _tag: "CarrierAudio"
  readonly at: Millis
  readonly stream: number
  readonly timestamp: Millis
  readonly bytes: number
  readonly levels: string
  readonly payload: Payload
}

/** A mark came back: played, or flushed by a clear. */
export interface CarrierMarked {
  readonly _tag: "CarrierMarked"
  readonly at: Millis
  readonly stream: number
  readonly name: string
}

/** The caller pressed a key: `0-9 * # A-D`. */
export interface CarrierKeyed {
  readonly _tag: "CarrierKeyed"
  readonly at: Millis
  readonly stream: number
  readonly digit: string
}

/** The carrier said `stop`: the stream or the call is over. */
export interface CarrierStopped {
  readonly _tag: "CarrierStopped"
  readonly at: Millis
  readonly stream: number
}

/** The carrier does not read: something of ours has waited in its socket for 500 ms. What was sent is late, not lost. */
export interface CarrierCongested {
  readonly _tag: "CarrierCongested"
  readonly at: Millis
  readonly stream: number
}

/** The carrier reads again: nothing of ours waits in its socket for long. */
export interface CarrierDrained {
  readonly _tag: "CarrierDrained"
  readonly at: Millis
  readonly stream: number
}

/** The carrier's socket is closed, with or without a `stop` before. */
export interface CarrierClosed {
  readonly _tag: "CarrierClosed"
  readonly at: Millis
  readonly stream: number
  readonly code: number
}

export interface CarrierMisbehaved {
  readonly _tag: "CarrierMisbehaved"
  readonly at: Millis
  readonly stream: number
  readonly what: Misbehaviour
}

/** The socket to the model is open. */
export interface ModelConnected {
  readonly _tag: "ModelConnected"
  readonly at: Millis
  readonly session: number
}

/** The socket to the model could not be opened; `status` is the HTTP status where one came. */
export interface ModelConnectFailed {
  readonly _tag: "ModelConnectFailed"
  readonly at: Millis
  readonly session: number
  readonly failure: ConnectFailure
  readonly status: number | null
}

/** `expiresAt` is the model's own epoch seconds, null where it names none. */
export interface ModelSessionCreated {
  readonly _tag: "ModelSessionCreated"
  readonly at: Millis
  readonly session: number
  readonly id: string
  readonly expiresAt: number | null
}

/** The effective configuration came back; the formats must be the carrier's (null: not named). */
export interface ModelSessionUpdated {
  readonly _tag: "ModelSessionUpdated"
  readonly at: Millis
  readonly session: number
  readonly input: AudioFormat | null
  readonly output: AudioFormat | null
}

/** Speech began at `audioStartMs` of the audio appended, prefix padding included. */
export interface ModelSpeechStarted {
  readonly _tag: "ModelSpeechStarted"
  readonly at: Millis
  readonly session: number
  readonly item: string
  readonly audioStartMs: number
}

/** Speech ended at `audioEndMs` of the audio appended, the silence window included. */
export interface ModelSpeechStopped {
  readonly _tag: "ModelSpeechStopped"
  readonly at: Millis
  readonly session: number
  readonly item: string
  readonly audioEndMs: number
}

/** The caller's utterance became an item. */
export interface ModelSpeechCommitted {
  readonly _tag: "ModelSpeechCommitted"
  readonly at: Millis
  readonly session: number
  readonly item: string
  readonly previous: string | null
}

export interface ModelItemAdded {
  readonly _tag: "ModelItemAdded"
  readonly at: Millis
  readonly session: number
  readonly item: string
  readonly kind: "message" | "function_call" | "function_call_output" | "other"
  readonly role: "assistant" | "user" | "system" | null
  readonly previous: string | null
}

export interface ModelItemTruncated {
  readonly _tag: "ModelItemTruncated"
  readonly at: Millis
  readonly session: number
  readonly item: string
  readonly contentIndex: number
  readonly audioEndMs: number
}

export interface ModelItemDeleted {
  readonly _tag: "ModelItemDeleted"
  readonly at: Millis
  readonly session: number
  readonly item: string
}

/** What the caller said, as text; often after the answer has begun. */
export interface ModelTranscribed {
  readonly _tag: "ModelTranscribed"
  readonly at: Millis
  readonly session: number
  readonly item: string
  readonly text: string
}

export interface ModelTranscriptionFailed {
  readonly _tag: "ModelTranscriptionFailed"
  readonly at: Millis
  readonly session: number
  readonly item: string
}

/** `request` is ours, read from the metadata; `inConversation` is false for `conversation: "none"`. */
export interface ModelResponseCreated {
  readonly _tag: "ModelResponseCreated"
  readonly at: Millis
  readonly session: number
  readonly response: string
  readonly request: string | null
  readonly inConversation: boolean
}

/** Audio of an item, in order, faster than real time. */
export interface ModelAudio {
  readonly _tag: "ModelAudio"
  readonly at: Millis
  readonly session: number
  readonly response: string
  readonly item: string
  readonly contentIndex: number
  readonly bytes: number
  readonly levels: string
  readonly payload: Payload
}

/** More of the transcript of an item's audio (or of its text, in a text response). */
export interface ModelText {
  readonly _tag: "ModelText"
  readonly at: Millis
  readonly session: number
  readonly response: string
  readonly item: string
  readonly contentIndex: number
  readonly text: string
}

/** The arguments of a function call are complete; it is run only when its response has completed. */
export interface ModelToolCalled {
  readonly _tag: "ModelToolCalled"
  readonly at: Millis
  readonly session: number
  readonly response: string
  readonly item: string
  readonly call: string
  readonly name: string
  readonly arguments: string
}

/** May come without a `ModelResponseCreated` (protocols.md E.8). `reason` is `status_details.reason`. */
export interface ModelResponseDone {
  readonly _tag: "ModelResponseDone"
  readonly at: Millis
  readonly session: number
  readonly response: string
  readonly request: string | null
  readonly inConversation: boolean
  readonly status: ResponseStatus
  readonly reason: string | null
  readonly error: Pick<ModelError, "code" | "message" | "type"> | null
  readonly usage: Usage | null
}

export interface ModelErred {
  readonly _tag: "ModelErred"
  readonly at: Millis
  readonly session: number
  readonly error: ModelError
}

/** An event that changes nothing here; counted by type, so that a new one is seen. */
export interface ModelIgnored {
  readonly _tag: "ModelIgnored"
  readonly at: Millis
  readonly session: number
  readonly type: string
}

export interface ModelMisbehaved {
  readonly _tag: "ModelMisbehaved"
  readonly at: Millis
  readonly session: number
  readonly what: Misbehaviour
}

/** The model does not read: something of ours has waited in its socket for 500 ms. What was sent is late, not lost. */
export interface ModelCongested {
  readonly _tag: "ModelCongested"
  readonly at: Millis
  readonly session: number
}

/** The model reads again: nothing of ours waits in its socket for long. */
export interface ModelDrained {
  readonly _tag: "ModelDrained"
  readonly at: Millis
  readonly session: number
}

/** The socket to the model is closed. */
export interface ModelClosed {
  readonly _tag: "ModelClosed"
  readonly at: Millis
  readonly session: number
  readonly code: number
  readonly reason: string
}

/** A tool of `RunTool` came back; `output` is any text, JSON by habit. */
export interface ToolFinished {
  readonly _tag: "ToolFinished"
  readonly at: Millis
  readonly call: string
  readonly output: string
}

/** `HangUp` could not be carried out (REST not configured, or failed): the stream is closed instead. */
export interface HangUpFailed {
  readonly _tag: "HangUpFailed"
  readonly at: Millis
}

/** Someone outside wants the call to end: an operator, or the server that shuts down. */
export interface EndRequested {
  readonly _tag: "EndRequested"
  readonly at: Millis
  readonly by: "operator" | "shutdown"
}

/** The clock reached the next deadline (or any later time). */
export interface TimeAdvanced {
  readonly _tag: "TimeAdvanced"
  readonly at: Millis
}
