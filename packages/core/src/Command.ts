/**
 * Everything a call can ask for, as verbs. A host carries a command out or answers with an event that says it could
 * not; it decides nothing. Commands to the carrier name the stream, those to the model the session, audio names the
 * item and the byte range it is, so that a recording without payloads still compares.
 */

import type { Agent } from "./Agent.ts"
import type { Payload } from "./audio/Payload.ts"
import type { Usage } from "./Event.ts"

export type Command =
  // To the model.
  | { readonly _tag: "ConnectModel"; readonly session: number }
  | { readonly _tag: "ConfigureModel"; readonly session: number; readonly agent: Agent }
  /** Caller audio, `from` = its place in all bytes appended to this session. */
  | {
      readonly _tag: "ForwardAudio"
      readonly session: number
      readonly from: number
      readonly bytes: number
      readonly payload: Payload
    }
  /** Silence (0xFF) in place of caller audio that never came. */
  | { readonly _tag: "ForwardSilence"; readonly session: number; readonly from: number; readonly bytes: number }
  | {
      readonly _tag: "Truncate"
      readonly session: number
      readonly item: string
      readonly contentIndex: number
      /** What was heard, floor of ms. */
      readonly audioEndMs: number
    }
  | { readonly _tag: "DeleteItem"; readonly session: number; readonly item: string }
  /** `request` travels as `event_id` and in the metadata; `instructions` replace the session's for this response. */
  | {
      readonly _tag: "CreateResponse"
      readonly session: number
      readonly request: string
      readonly instructions: string | null
    }
  /** `response` null: whichever is active. */
  | { readonly _tag: "CancelResponse"; readonly session: number; readonly response: string }
  /** `item` is an id of ours. */
  | {
      readonly _tag: "AddText"
      readonly session: number
      readonly item: string
      readonly role: "system" | "user"
      readonly text: string
    }
  | { readonly _tag: "AnswerTool"; readonly session: number; readonly call: string; readonly output: string }
  | { readonly _tag: "CloseModel"; readonly session: number }
  // To the carrier.
  | {
      readonly _tag: "PlayAudio"
      readonly stream: number
      readonly session: number
      readonly item: string
      readonly contentIndex: number
      readonly from: number
      readonly bytes: number
      readonly payload: Payload
    }
  | { readonly _tag: "Mark"; readonly stream: number; readonly name: string }
  | { readonly _tag: "Clear"; readonly stream: number }
  /** The carrier runs what its TwiML says after the stream: the tail. */
  | { readonly _tag: "CloseCarrier"; readonly stream: number }
  /** End the phone call by REST; `HangUpFailed` answers where that is not possible. */
  | { readonly _tag: "HangUp" }
  // To the host.
  | { readonly _tag: "RunTool"; readonly call: string; readonly name: string; readonly arguments: string }
  | { readonly _tag: "Note"; readonly note: Note }
  | { readonly _tag: "Reacted"; readonly to: Reaction; readonly ms: number }
  | { readonly _tag: "Settled"; readonly turn: Turn }
  | { readonly _tag: "Ended"; readonly summary: Summary }

/**
 * How long the caller waited, ms on the carrier's clock: for the first word after the stream began, for the answer
 * after the end of their speech, for the agent's silence after the onset of their interruption.
 */
export type Reaction = "answer" | "greeting" | "interruption"

/** Something a person who reads the recording should know; `what` is a closed list of codes, `detail` is free text. */
export interface Note {
  readonly what: NoteCode
  readonly detail: string
}

export type NoteCode =
  | "audio dropped"
  | "audio overflow"
  | "audio gap"
  | "carrier misbehaved"
  | "carrier silent"
  | "congested"
  | "cut estimated"
  | "interruption ignored"
  | "late tool result"
  | "model error"
  | "model misbehaved"
  | "model session expiring"
  | "model unanswered"
  | "not paused"
  | "playback resumed"
  | "response failed"
  | "response retried"
  | "text cut"
  | "tool refused"
  | "tool timed out"
  | "turn unanswered"
  | "underrun"
  | "unexpected event"

/** One settled turn: the caller's or the agent's, in the order of the conversation. */
export type Turn =
  | {
      readonly speaker: "caller"
      readonly session: number
      readonly item: string
      readonly at: number
      /** What the model understood; null where no transcription came. */
      readonly text: string | null
      /** Interrupted nothing and was not answered: the model was told to forget it. */
      readonly aside: boolean
    }
  | {
      readonly speaker: "agent"
      readonly session: number
      readonly item: string
      readonly contentIndex: number
      readonly at: number
      readonly generated: string
      readonly sent: string
      readonly heard: string
      readonly generatedMs: number
      readonly sentMs: number
      readonly heardMs: number
      /** The heard text ends inside the item, at a word near the place of the cut. */
      readonly interrupted: boolean
      /** Nothing that the caller said could interrupt it: `heardMs` proves how much of it they were told. */
      readonly protected: boolean
    }

/** Why the call is over. */
export type Outcome =
  | "agent hung up"
  | "caller hung up"
  | "carrier lost"
  | "carrier silent"
  | "duration limit"
  | "format mismatch"
  | "model lost"
  | "model refused"
  | "never connected"
  | "operator"
  | "shutdown"

/** The sums of a call. Money is in US dollars, null where the price table does not know the model. */
export interface Summary {
  readonly outcome: Outcome
  readonly durationMs: number
  readonly turns: { readonly caller: number; readonly agent: number }
  readonly interruptions: number
  /** Turns of the caller that are asides. */
  readonly asides: number
  /** Times that playback paused to decide, and of these the ones after which it went on. */
  readonly pauses: number
  readonly resumed: number
  readonly responses: number
  readonly toolCalls: number
  readonly truncations: number
  readonly deletions: number
  readonly reactions: { readonly answers: number; readonly answerMs: number; readonly worstAnswerMs: number }
  readonly deadAirMs: number
  readonly generatedMs: number
  readonly heardMs: number
  /** What found no room while a peer did not read, or was not there; only where there was any. */
  readonly droppedMs?: { readonly caller: number; readonly agent: number }
  readonly usage: Usage
  readonly costUsd: number | null
  readonly modelErrors: number
}
