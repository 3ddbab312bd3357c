/**
 * Faults on demand, as plain JSON data: what the real server does on a bad day, and what no sane server does but a machine must live through.
 *
 * A fault waits for its moment. An *act* then happens at once; a *change* then waits for the next occasion of its kind (a response that begins,
 * a transcription, a `session.update`). Each is taken once; several of one kind are taken one after another, in order.
 */
import type { AudioFormat, ClientEvent } from "./ClientEvent.ts"
import type { ServerEvent } from "./ServerEvent.ts"

type EventType = ServerEvent["type"]

/** `atMs` after the session opened, then after the `nth` event of a type that is sent from then on. Without either: at the next input. */
export interface Moment {
  readonly atMs?: number
  readonly after?: EventType
  /** 1, the next one, by default. */
  readonly nth?: number
}

/** All but audio: who judges a call reads the audio as the conversation has it. */
type Dispensable = Exclude<EventType, "response.output_audio.delta">

type Of<Tag extends string, Fields = unknown> = { readonly _tag: Tag } & Moment & Fields

export type Act =
  /** An `error` event. `blames`: its `event_id` is that of the last client event of this type; without it, nobody caused it. */
  | Of<
      "Error",
      {
        readonly code: string | null
        readonly message?: string
        readonly type?: string
        readonly param?: string
        readonly blames?: ClientEvent["type"]
      }
    >
  /**
   * A frame that is no event. "wrongTypes" is a delta of audio whose fields are of other types, "noBase64" one whose audio is none; "errorless" is
   * an error without what is wrong, "vagueError" one whose fields are of other types. "halves" are two dozen sessions, items and responses with
   * hardly a field, or with strange ones.
   */
  | Of<
      "Malformed",
      {
        readonly how:
          | "binary"
          | "errorless"
          | "halves"
          | "json"
          | "noBase64"
          | "noObject"
          | "noType"
          | "vagueError"
          | "wrongTypes"
      }
    >
  | Of<"RateLimits", { readonly remaining: number; readonly resetSeconds: number }>
  /** A response that nobody asked for; what it says is asked of the brain. In the conversation it begins only where the slot is free. */
  | Of<"ResponseOfItsOwn", { readonly outOfBand?: boolean }>
  /** `session_expired`, then close 1001. */
  | Of<"SessionExpired">
  /** The socket is gone: 1006 is a lost line, another code a close frame. */
  | Of<"SocketLost", { readonly code?: number; readonly reason?: string }>
  /** Voice activity where nobody speaks, for `ms`; without it, it never stops. */
  | Of<"SpeechImagined", { readonly ms?: number }>
  /** A delta of `ms` of a hum that belongs to no item's audio, sent in the name of the latest such item or response; nothing where there is none. */
  | Of<
      "StrayDelta",
      { readonly of: "deletedItem" | "endedResponse" | "unknownItem" | "unknownResponse"; readonly ms: number }
    >
  /** An event of a type that does not exist yet. */
  | Of<"UnknownEvent", { readonly type?: string }>

export type Change =
  /** The next function call has an empty name, the id of the call before it, or arguments of `chars` characters more. */
  | Of<"CallOdd", { readonly how: "huge" | "repeatedId" | "unnamed"; readonly chars?: number }>
  /** The next cancellation, by a client or a turn, of a running response does nothing: it goes on to its end, and no error tells. */
  | Of<"CancelIgnored">
  /** The next cancellation takes `ms`: generation goes on so long. */
  | Of<"CancelSlow", { readonly ms: number }>
  /** The next event of this type is sent `ms` later than what came after it. */
  | Of<"EventLate", { readonly event: Dispensable; readonly ms: number }>
  /** The next event of this type is not sent; what it tells of happened. */
  | Of<"EventMissing", { readonly event: Dispensable }>
  | Of<"EventRepeated", { readonly event: Dispensable }>
  /** Before each of the next `events` events, audio apart, come `copies` of it with a field missing, null or of another type. */
  | Of<"Garbled", { readonly events: number; readonly copies: number }>
  /** The next `session.updated` echoes, and uses, another output format than the one asked for. */
  | Of<"FormatChanged", { readonly format: AudioFormat }>
  /** The next `session.updated` says nothing of audio. */
  | Of<"FormatMissing">
  /** The next item of a response has the id of the one before it. */
  | Of<"ItemIdRepeated">
  /** The next `conversation.item.added` names this as the item before. */
  | Of<"PreviousItem", { readonly id: string | null }>
  /** The next response of audio answers in text. */
  | Of<"ResponseAsText">
  /** The next response's audio is the second content part of its first item, after an empty text. */
  | Of<"ResponseAudioSecond">
  /** The next response sends what it generates only every so often, all at once. */
  | Of<"ResponseBursts", { readonly everyMs: number }>
  /** The next response has `count` (1) deltas of so many bytes of mu-law at its beginning; 0 is an empty delta. */
  | Of<"ResponseDeltas", { readonly bytes: number; readonly count?: number }>
  /**
   * The next response fails when `part` (0 to 1; 0.5) of it was sent: 0 is before any output, 1 after all of it; `unannounced`: without
   * `response.created`. A null code: without an error in its status details.
   */
  | Of<
      "ResponseFailed",
      {
        readonly code: string | null
        readonly type?: string
        readonly message?: string
        readonly part?: number
        readonly unannounced?: boolean
      }
    >
  /** The next response says no more when `part` of it was sent (0: `response.created` alone), and is not done. `deaf`: nor when it is cancelled. */
  | Of<"ResponseHangs", { readonly part: number; readonly deaf?: boolean }>
  /** The next `response.create`, or turn that is to be answered, is never heard of again. */
  | Of<"ResponseIgnored", { readonly of?: "client" | "turn" }>
  | Of<"ResponseIncomplete", { readonly reason: "max_output_tokens" | "content_filter"; readonly part?: number }>
  /** The next `response.create` is refused, whether or not the slot is free. */
  | Of<"ResponseRefused", { readonly code?: string | null; readonly message?: string }>
  /** The next response is generated at `speed` ms of audio a ms. */
  | Of<"ResponseSlow", { readonly speed: number }>
  | Of<"TranscriptionEmpty">
  | Of<"TranscriptionFailed">
  /** The next transcription takes `ms`. */
  | Of<"TranscriptionLate", { readonly ms: number }>
  /** The next transcription is so many characters long, in a script without spaces. */
  | Of<"TranscriptionLong", { readonly chars: number }>
  | Of<"TranscriptionMissing">
  /** Speech that starts next is never told to have stopped, nor committed, nor answered. */
  | Of<"TurnForgotten">
  /** The next `session.update` is never answered; its formats are not used. */
  | Of<"UpdateIgnored">
  /** The next `session.update` is answered, and its formats are used, after `ms`. */
  | Of<"UpdateLate", { readonly ms: number }>
  | Of<"UpdateRefused", { readonly code: string }>

export type Fault = Act | Change

export type Tag = Fault["_tag"]

export type FaultOf<T extends Tag> = Extract<Fault, { readonly _tag: T }>

const acts: { readonly [tag in Act["_tag"]]: true } = {
  Error: true,
  Malformed: true,
  RateLimits: true,
  ResponseOfItsOwn: true,
  SessionExpired: true,
  SocketLost: true,
  SpeechImagined: true,
  StrayDelta: true,
  UnknownEvent: true
}

export const isAct = (fault: Fault): fault is Act => Object.hasOwn(acts, fault._tag)

/**
 * Who may do this. "vendor": the protocol allows it, or it was observed, or nothing forbids it (protocols.md E); every promise to the caller holds
 * under it. "misbehaviour": no sane peer does it; then the machine must not break, and what the call was like is nobody's promise.
 */
export type Standing = "misbehaviour" | "vendor"

const standings: {
  readonly [tag in Exclude<
    Tag,
    "EventLate" | "EventMissing" | "Error" | "CallOdd" | "StrayDelta" | "SpeechImagined"
  >]: Standing
} = {
  CancelIgnored: "misbehaviour",
  CancelSlow: "vendor",
  EventRepeated: "misbehaviour",
  FormatChanged: "misbehaviour",
  FormatMissing: "vendor",
  Garbled: "misbehaviour",
  ItemIdRepeated: "misbehaviour",
  Malformed: "misbehaviour",
  PreviousItem: "vendor",
  RateLimits: "vendor",
  ResponseAsText: "vendor",
  ResponseAudioSecond: "vendor",
  ResponseBursts: "vendor",
  ResponseDeltas: "vendor",
  ResponseFailed: "vendor",
  ResponseHangs: "vendor",
  ResponseIgnored: "vendor",
  ResponseIncomplete: "vendor",
  ResponseOfItsOwn: "misbehaviour",
  ResponseRefused: "vendor",
  ResponseSlow: "vendor",
  SessionExpired: "vendor",
  SocketLost: "vendor",
  TranscriptionEmpty: "vendor",
  TranscriptionFailed: "vendor",
  TranscriptionLate: "vendor",
  TranscriptionLong: "vendor",
  TranscriptionMissing: "vendor",
  TurnForgotten: "misbehaviour",
  UnknownEvent: "vendor",
  UpdateIgnored: "vendor",
  UpdateLate: "vendor",
  UpdateRefused: "vendor"
}

/** Events that come when they come, and of which nothing promises that they come at all. */
const loose: ReadonlySet<EventType> = new Set<EventType>([
  "conversation.item.input_audio_transcription.completed",
  "conversation.item.input_audio_transcription.delta",
  "conversation.item.input_audio_transcription.failed",
  "rate_limits.updated",
  "session.updated"
])

export const standing = (fault: Fault): Standing => {
  switch (fault._tag) {
    case "CallOdd":
      return fault.how === "huge" ? "vendor" : "misbehaviour"
    case "Error":
      // An event that is refused changes nothing: an error that blames one that was accepted lies.
      return fault.blames === undefined ? "vendor" : "misbehaviour"
    case "EventLate":
    case "EventMissing":
      return loose.has(fault.event) ? "vendor" : "misbehaviour"
    case "SpeechImagined":
      return fault.ms === undefined ? "misbehaviour" : "vendor"
    case "StrayDelta":
      return fault.of === "deletedItem" ? "vendor" : "misbehaviour"
    default:
      return standings[fault._tag]
  }
}
