/**
 * What a carrier does on a bad day, as plain JSON data. Times are ms since the stream's start, on the carrier's clock.
 *
 * Some of it a client of Media Streams must expect (`isAllowed`): no protocol forbids it, or it leaves the question
 * open (protocols.md B.3 and G.2.9). The rest no sane carrier does; who meets it must survive it.
 */

/** At a time, or right after the stream has sent so many messages: `connected` is the first. */
export type Moment = { readonly atMs: number } | { readonly after: number }

/** A message that has no place where it comes. What it repeats must have been sent, else it stays away. */
export type Odd =
  | "binary frame"
  | "broken base64"
  | "early stop"
  | "empty payload"
  | "foreign stream"
  /** A dozen of them, with fields missing or of other types, and media of the other track. */
  | "half messages"
  | "invalid key"
  | "malformed JSON"
  | "malformed message"
  | "media without payload"
  /** The last frame once more, with the timestamp of a second before. */
  | "outdated media"
  | "repeated echo"
  /** The last frame once more, to the letter. */
  | "repeated media"
  | "second start"
  | "unknown echo"
  | "unknown event"

export type CarrierFault = OfStream | { readonly _tag: "WebhookRepeated"; readonly afterMs: number }

/** `stream`: which one of the call, the first (0) by default. */
export type OfStream = StreamFault & { readonly stream?: number }

type StreamFault =
  | { readonly _tag: "Sends"; readonly what: Odd; readonly when: Moment }
  /** Frames are lost, and the timestamps of those that follow do not show it. */
  | { readonly _tag: "MediaLost"; readonly atMs: number; readonly ms: number }
  /** The frame after the moment comes behind the next one. */
  | { readonly _tag: "MediaSwapped"; readonly when: Moment }
  /** From `atMs` on timestamps are `byMs` more; less than 0: they go back. */
  | { readonly _tag: "TimestampsShifted"; readonly atMs: number; readonly byMs: number }
  /** A frame of silence between `connected` and `start`. */
  | { readonly _tag: "MediaBeforeStart" }
  /** `connected`, and nothing more. */
  | { readonly _tag: "StartMissing" }
  /** Before `start` come others, with fields missing or of other types. */
  | { readonly _tag: "StartsBroken" }
  /** `start` names another encoding. */
  | {
      readonly _tag: "FormatForeign"
      readonly encoding: string
      readonly sampleRate: number
      readonly channels: number
    }
  | { readonly _tag: "StopRepeated" }
  /** Echoes that are due in the window never come; null: from then on. */
  | { readonly _tag: "EchoesMissing"; readonly atMs: number; readonly ms: number | null }
  /** An echo of what was played comes up to `ms` late, seeded; all in order. */
  | { readonly _tag: "EchoesLate"; readonly ms: number }
  /** The echoes of a clear: in which order, and before or behind late ones of what was played. */
  | {
      readonly _tag: "EchoesFlushed"
      readonly order: "reversed" | "sent" | "shuffled"
      readonly place: "before" | "behind"
    }

export const isAllowed = (fault: CarrierFault): boolean =>
  fault._tag === "EchoesFlushed" || fault._tag === "EchoesLate" || fault._tag === "WebhookRepeated"
