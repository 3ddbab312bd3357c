/**
 * What an error of the model means for the call: one closed table, data with the reason beside each row.
 *
 * - `ignore`: a benign race; what was asked for is already so.
 * - `note`: the session goes on, but someone who reads the recording should know.
 * - `retry`: the response failed for a passing reason; ask for it again.
 * - `renew`: this session is over; a new one can go on.
 * - `end`: every session would meet the same; going on is pointless.
 *
 * Invariants
 * 1. An unknown error keeps the call: it is a `note`.
 * 2. The code decides; only where no row names it, the type; only where that names none either, the message.
 */

import type { ConnectFailure, ModelError } from "./Event.ts"

export type Fault = "end" | "ignore" | "note" | "renew" | "retry"

export interface Row {
  readonly by: "code" | "message" | "type"
  /** The code, the type, or a part of the message in lower case. */
  readonly is: string
  readonly fault: Fault
  readonly reason: string
}

export const table: ReadonlyArray<Row> = [
  {
    by: "code",
    is: "conversation_already_has_active_response",
    fault: "ignore",
    reason: "another response won the race and answers the caller; the slot is told by the error's cause"
  },
  {
    by: "code",
    is: "input_audio_buffer_commit_empty",
    fault: "ignore",
    reason: "less than 100 ms of audio: there was no utterance to commit"
  },
  {
    by: "code",
    is: "item_delete_invalid_item_id",
    fault: "ignore",
    reason: "the item to delete is gone, which is what was asked for"
  },
  {
    by: "code",
    is: "item_truncate_invalid_item_id",
    fault: "ignore",
    reason: "the item to truncate is gone, so the model remembers none of it"
  },
  {
    by: "code",
    is: "response_cancel_not_active",
    fault: "ignore",
    reason: "the response ended before the cancel arrived"
  },
  { by: "code", is: "integer_below_min_value", fault: "note", reason: "our message was refused whole" },
  { by: "code", is: "invalid_type", fault: "note", reason: "our message was refused whole" },
  { by: "code", is: "invalid_value", fault: "note", reason: "our message was refused whole" },
  { by: "code", is: "missing_required_parameter", fault: "note", reason: "our message was refused whole" },
  { by: "code", is: "string_above_max_length", fault: "note", reason: "our message was refused whole" },
  { by: "code", is: "unknown_parameter", fault: "note", reason: "our message was refused whole" },
  { by: "code", is: "overloaded", fault: "retry", reason: "the model is busy for the moment" },
  { by: "code", is: "rate_limit_exceeded", fault: "retry", reason: "the limit refills within seconds" },
  { by: "code", is: "server_error", fault: "retry", reason: "the model failed at this response, not at the session" },
  { by: "code", is: "session_expired", fault: "renew", reason: "a session lasts 60 minutes at most" },
  { by: "code", is: "account_deactivated", fault: "end", reason: "no session of this account will be served" },
  { by: "code", is: "beta_api_shape_disabled", fault: "end", reason: "a new session would be asked for the same way" },
  { by: "code", is: "billing_hard_limit_reached", fault: "end", reason: "nothing is served until the limit is raised" },
  { by: "code", is: "insufficient_quota", fault: "end", reason: "nothing is served until the account is paid" },
  { by: "code", is: "invalid_api_key", fault: "end", reason: "the key stays wrong" },
  { by: "code", is: "invalid_intent", fault: "end", reason: "a new session would be asked for the same way" },
  { by: "code", is: "model_not_found", fault: "end", reason: "the configured model does not exist for this account" },
  { by: "type", is: "overloaded_error", fault: "retry", reason: "the model is busy for the moment" },
  { by: "type", is: "rate_limit_exceeded", fault: "retry", reason: "the limit refills within seconds" },
  { by: "type", is: "server_error", fault: "retry", reason: "the model failed at this response, not at the session" },
  { by: "type", is: "authentication_error", fault: "end", reason: "the key stays wrong" },
  { by: "type", is: "insufficient_quota", fault: "end", reason: "nothing is served until the account is paid" },
  {
    by: "message",
    is: "is already shorter than",
    fault: "note",
    reason: "a truncate beyond the audio was refused: the model believes that all was heard"
  }
]

/** What an `error` event, or the error of a failed response, means (protocols.md E.9). */
export const classify = (error: Pick<ModelError, "code" | "message" | "type">): Fault =>
  (
    table.find((row) => row.by === "code" && row.is === error.code) ??
    table.find((row) => row.by === "type" && row.is === error.type) ??
    table.find((row) => row.by === "message" && error.message.toLowerCase().includes(row.is))
  )?.fault ?? "note"

/**
 * What the close of the model's socket means. The reason may end in an error's code, as in
 * `invalid_request_error.invalid_api_key`, which is then more exact than the close code. Codes that nobody lists are
 * taken for the network's.
 */
export const classifyClose = (code: number, reason: string): "end" | "renew" => {
  const named = classify({ type: "", code: reason.slice(reason.lastIndexOf(".") + 1), message: "" })
  if (named === "end" || named === "renew") return named
  return code >= 3_000 || refusingCloseCodes.includes(code) ? "end" : "renew"
}

/** What a connection that never opened means; `status` is the HTTP status of the refused upgrade. */
export const classifyConnectFailure = (failure: ConnectFailure, status: number | null): "end" | "renew" =>
  failure === "status" && status !== null && status >= 300 && status < 500 && !passingStatuses.includes(status)
    ? "end"
    : "renew"

/** RFC 6455 codes by which the peer says that it will never understand us: the next session would say the same. */
const refusingCloseCodes: ReadonlyArray<number> = [1002, 1003, 1007, 1008, 1009, 1010, 1015]

/** Request Timeout, Conflict, Too Early, Too Many Requests: the same upgrade may succeed a moment later. */
const passingStatuses: ReadonlyArray<number> = [408, 409, 425, 429]
