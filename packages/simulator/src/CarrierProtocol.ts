/**
 * What goes into the simulated carrier and what comes out of it, and what it remembers of a call.
 *
 * A *request* is a webhook to be fetched, a *stream* one Media Stream of the call; both are numbered from 0, and an
 * input names the one it answers. Times are ms on the host's clock, fractional.
 */
import type * as CarrierTwiml from "./CarrierTwiml.ts"
import type { Span } from "./PlayBuffer.ts"

export type Input =
  | { readonly _tag: "CallPlaced"; readonly at: number }
  | {
      readonly _tag: "WebhookAnswered"
      readonly at: number
      readonly request: number
      readonly status: number
      readonly contentType: string | undefined
      readonly body: string
    }
  | { readonly _tag: "WebhookFailed"; readonly at: number; readonly request: number; readonly message: string }
  | { readonly _tag: "SocketOpened"; readonly at: number; readonly stream: number }
  /** No 101: `status` is what the server answered, undefined when nobody listens there. */
  | {
      readonly _tag: "SocketRefused"
      readonly at: number
      readonly stream: number
      readonly status: number | undefined
    }
  | { readonly _tag: "TextReceived"; readonly at: number; readonly stream: number; readonly text: string }
  /** The direct lane: a media message as bytes, which nobody changes any more. */
  | { readonly _tag: "AudioReceived"; readonly at: number; readonly stream: number; readonly payload: Uint8Array }
  | { readonly _tag: "BinaryReceived"; readonly at: number; readonly stream: number }
  | {
      readonly _tag: "SocketClosed"
      readonly at: number
      readonly stream: number
      readonly code: number
      readonly reason: string
    }
  /** REST `Status=completed`. */
  | { readonly _tag: "HungUpByRest"; readonly at: number; readonly withoutStop?: boolean }
  /** REST `Twiml=…`: replaces the running document. */
  | { readonly _tag: "TwimlByRest"; readonly at: number; readonly twiml: string }
  | { readonly _tag: "CallerHungUp"; readonly at: number }
  | { readonly _tag: "KeyPressed"; readonly at: number; readonly digit: string }
  | { readonly _tag: "TimeAdvanced"; readonly at: number }

export type Output =
  /**
   * To be answered by `WebhookAnswered` or `WebhookFailed`. With GET the parameters go into the query. The same request
   * may come again: the first answer counts.
   */
  | {
      readonly _tag: "PostWebhook"
      readonly at: number
      readonly request: number
      readonly url: string
      readonly method: CarrierTwiml.Method
      readonly params: Params
    }
  /** A stream status callback (protocols.md A.3): no answer is waited for. */
  | {
      readonly _tag: "PostStatus"
      readonly at: number
      readonly url: string
      readonly method: CarrierTwiml.Method
      readonly params: Params
    }
  | { readonly _tag: "OpenSocket"; readonly at: number; readonly stream: number; readonly url: string }
  | { readonly _tag: "SendText"; readonly at: number; readonly stream: number; readonly text: string }
  /** The direct lane: a media message as bytes, read only. `silent`: nothing is said, and the same bytes come again. */
  | {
      readonly _tag: "SendAudio"
      readonly at: number
      readonly stream: number
      readonly timestamp: number
      readonly payload: Uint8Array
      readonly silent: boolean
    }
  | { readonly _tag: "SendBinary"; readonly at: number; readonly stream: number }
  | { readonly _tag: "CloseSocket"; readonly at: number; readonly stream: number; readonly code: number }
  | { readonly _tag: "Trace"; readonly at: number; readonly trace: Trace }
  | { readonly _tag: "CallEnded"; readonly at: number; readonly reason: EndReason }

export type Params = Readonly<Record<string, string>>

export type EndReason = "caller" | "rest" | "twiml" | "rejected" | "application-error"

/** What happened, for whoever tells the call's story. Durations in ms. */
export type Trace =
  | { readonly _tag: "Answered" }
  | { readonly _tag: "VerbExecuted"; readonly verb: CarrierTwiml.Verb["_tag"]; readonly detail: string }
  | { readonly _tag: "StreamStarted"; readonly stream: number; readonly streamSid: string }
  | { readonly _tag: "StreamEnded"; readonly stream: number; readonly by: "server" | "carrier" }
  | { readonly _tag: "AudioStarted"; readonly stream: number }
  | { readonly _tag: "AudioEnded"; readonly stream: number; readonly ms: number; readonly cleared: boolean }
  /** Audio that will never be heard. */
  | { readonly _tag: "Cleared"; readonly stream: number; readonly ms: number }
  | { readonly _tag: "CallerSpeaking"; readonly clip: string; readonly ms: number }
  | { readonly _tag: "CallerQuiet"; readonly clip: string }
  | { readonly _tag: "KeyPressed"; readonly digit: string }
  | { readonly _tag: "Warned"; readonly code: number; readonly message: string }
  | { readonly _tag: "HungUp"; readonly by: EndReason }

/** Twilio's debugger entries (protocols.md B.5). */
export interface Warning {
  readonly at: number
  readonly code: number
  readonly message: string
}

export interface HeardSpan extends Span {
  readonly stream: number
}

/** `at` is when these bytes would have been heard; `clearedAt` when the ear went silent instead. */
export interface ClearedSpan extends Span {
  readonly stream: number
  readonly clearedAt: number
}

export interface Echo {
  readonly stream: number
  readonly at: number
  readonly name: string
  /** Echoed by a clear: what is before it was not heard to its end. */
  readonly flushed: boolean
}

/** Between two stretches of audio nothing was left to play: the agent was done, or its audio came too late. */
export interface Gap {
  readonly stream: number
  readonly from: number
  readonly to: number
}

/** All that a judge needs of the caller's ear. Every byte of every media message is in one span, in order of time. */
export interface Ear {
  readonly heard: ReadonlyArray<HeardSpan>
  readonly cleared: ReadonlyArray<ClearedSpan>
  readonly echoes: ReadonlyArray<Echo>
  readonly gaps: ReadonlyArray<Gap>
}

/** A frame of the caller's line, as sent. `isCopy`: by a fault, of one sent before. */
export interface SentFrame {
  readonly stream: number
  readonly at: number
  readonly timestamp: number
  readonly payload: Uint8Array
  readonly isCopy: boolean
}

/** A frame of the caller's line that never left: an impairment or a fault took it. */
export interface UnsentFrame {
  readonly stream: number
  readonly at: number
  readonly timestamp: number
  readonly payload: Uint8Array
  readonly why: "fault" | "gap" | "suppressed"
}
