/** How a response ends otherwise than complete, and after how much of its output. */
import * as G711 from "../G711.ts"
import type { Part, Plan } from "./Brain.ts"
import type { FaultOf } from "./Fault.ts"
import type { StatusDetails } from "./ServerEvent.ts"

export interface Outcome {
  /** Output sent before it, in bytes of mu-law. */
  readonly bytes: number
  readonly status: "failed" | "incomplete"
  readonly details: StatusDetails
}

/** A call counts as a second of audio. */
export const weight = (part: Part): number => (part._tag === "Say" ? part.clip.audio.length : 1_000 * G711.BYTES_PER_MS)

const total = (plan: Plan): number => plan.parts.reduce((sum, part) => sum + weight(part), 0)

/** `share` (0 to 1) of a plan. */
export const bytesOf = (plan: Plan, share: number): number => Math.floor(total(plan) * share)

export const of = (
  plan: Plan,
  failed: FaultOf<"ResponseFailed"> | undefined,
  incomplete: FaultOf<"ResponseIncomplete"> | undefined,
  maxOutputTokens: number | "inf"
): Outcome | undefined => {
  if (failed !== undefined) {
    return { bytes: bytesOf(plan, failed.part ?? 0.5), status: "failed", details: failure(failed) }
  }
  if (incomplete !== undefined) {
    const bytes = bytesOf(plan, incomplete.part ?? 0.5)
    return { bytes, status: "incomplete", details: { type: "incomplete", reason: incomplete.reason } }
  }
  const bytes = maxOutputTokens === "inf" ? Infinity : maxOutputTokens * 50 * G711.BYTES_PER_MS
  return bytes >= total(plan)
    ? undefined
    : { bytes, status: "incomplete", details: { type: "incomplete", reason: "max_output_tokens" } }
}

export const failure = ({ code, message, type }: FaultOf<"ResponseFailed">): StatusDetails =>
  code === null
    ? { type: "failed" }
    : {
        type: "failed",
        error: {
          type: type ?? (code.endsWith("quota") ? "insufficient_quota" : "server_error"),
          code,
          message: message ?? "The server had an error while processing your request. Sorry about that!"
        }
      }
