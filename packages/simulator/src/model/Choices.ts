/**
 * How this simulated server behaves where the real one varies: speeds, and the questions that nobody has answered (protocols.md G.2).
 * The seed chooses within the ranges; a test may fix any of it.
 */
import type { Random } from "../Random.ts"

/** Ranges in ms, both ends included, unless another unit is named. */
export interface Pace {
  /** From `response.create`, or the end of a turn, to `response.created`. */
  readonly createMs: Range
  /** From `response.created` to the first output. */
  readonly thinkMs: Range
  /** Audio generated a ms of time; below 1 is slower than real time. Drawn once a response. */
  readonly speed: Range
  /** Audio in one delta. */
  readonly deltaMs: Range
  /** From a commit to the transcription of it. */
  readonly transcriptionMs: Range
  /** From `session.update` to `session.updated`. */
  readonly updateMs: Range
}

export type Range = readonly [minimum: number, maximum: number]

export const PACE: Pace = {
  createMs: [5, 40],
  thinkMs: [150, 400],
  speed: [4, 6],
  deltaMs: [30, 400],
  transcriptionMs: [200, 900],
  updateMs: [5, 40]
}

export interface Choices {
  /** `audio_end_ms: 0` is accepted. */
  readonly truncateToZero: boolean
  /** Truncate and delete of an item are accepted before its response is done. */
  readonly editBeforeDone: boolean
  /** Code of the error that answers a truncation beyond the audio. */
  readonly truncateLengthCode: string | null
  /** Order of `response.output_audio.done` and `response.output_audio_transcript.done`. */
  readonly audioDoneFirst: boolean
  /** Order of `conversation.item.added` and `response.output_item.added`, of `….done` and `….done`. */
  readonly conversationItemFirst: boolean
  /** Deltas on their way when a response is cancelled, which still arrive. */
  readonly lateDeltas: number
  readonly rateLimits: boolean
  /** A cancelled response tells its usage. */
  readonly usageOfCancelled: boolean
  /** A turn that interrupts also truncates what it interrupts, at the time when the audio sent can have been heard (protocols.md G.2, 15). */
  readonly truncatesItself: boolean
  /** An item that was deleted is transcribed all the same. */
  readonly transcribesDeleted: boolean
  /** A turn that ended while a response was running is answered after it (protocols.md E.2). */
  readonly answersBusyTurns: boolean
  /** `part.type` of `response.content_part.*`: "audio" as the types say, or "output_audio" (protocols.md G.2, 19). */
  readonly partNames: "output" | "plain"
  /** Items carry `phase` (protocols.md G.2, 20). */
  readonly phases: boolean
}

export const draw = (random: Random): Choices => {
  const flip = () => random.next() < 0.5
  return {
    truncateToZero: flip(),
    editBeforeDone: flip(),
    truncateLengthCode: flip() ? null : "invalid_value",
    audioDoneFirst: flip(),
    conversationItemFirst: flip(),
    lateDeltas: random.integer(0, 4),
    rateLimits: flip(),
    usageOfCancelled: flip(),
    truncatesItself: flip(),
    transcribesDeleted: flip(),
    answersBusyTurns: flip(),
    partNames: flip() ? "output" : "plain",
    phases: flip()
  }
}
