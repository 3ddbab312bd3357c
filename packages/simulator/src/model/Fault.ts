/**
 * Faults on demand: what the real server does on a bad day. Each is taken once, at its point.
 */
import type { AudioFormat } from "./ClientEvent.ts"
import type { ServerEvent } from "./ServerEvent.ts"

/** After the next event of this type is sent; without a point, at the next input. */
type Point = ServerEvent["type"]

export type Fault =
  /** An `error` event nobody caused. */
  | {
      readonly _tag: "Error"
      readonly code: string | null
      readonly message?: string
      readonly type?: string
      readonly after?: Point
    }
  /** An event of a type that does not exist yet. */
  | { readonly _tag: "UnknownEvent"; readonly after?: Point }
  /** The socket is gone: 1006 is a lost line, another code a close frame. */
  | { readonly _tag: "SocketLost"; readonly code?: number; readonly reason?: string; readonly after?: Point }
  /** The next response fails when `part` (0 to 1) of its audio was sent; `unannounced`: without `response.created`. */
  | {
      readonly _tag: "ResponseFailed"
      readonly code: string
      readonly message?: string
      readonly part?: number
      readonly unannounced?: boolean
    }
  | {
      readonly _tag: "ResponseIncomplete"
      readonly reason: "max_output_tokens" | "content_filter"
      readonly part?: number
    }
  /** The next response is generated at `speed` ms of audio a ms. */
  | { readonly _tag: "ResponseSlow"; readonly speed: number }
  /** The next `response.create` is never answered. */
  | { readonly _tag: "ResponseIgnored" }
  /** The next `session.update` is never answered. */
  | { readonly _tag: "UpdateIgnored" }
  /** The next `session.updated` echoes, and uses, another output format than the one asked for. */
  | { readonly _tag: "FormatChanged"; readonly format: AudioFormat }
  | { readonly _tag: "TranscriptionFailed" }
