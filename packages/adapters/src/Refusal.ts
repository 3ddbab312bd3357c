/**
 * What is refused at the edge, and how it is said: to the peer by a status or a close code, to the operator by one log
 * line and one metric (`offhook_refusals_total`). Where a flood comes (`Log`) the metric alone tells each.
 *
 * The list is closed, so that it can be a metric's label and a page of the manual. What the peer is told is the sentence
 * of the reason and nothing else: no value of the request, no secret, nothing of how the check is made.
 */

import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import { Metrics } from "./Metrics.ts"

export interface Refused {
  /**
   * An HTTP status (below 1000: of the webhook, the upgrade, the API) or the code that closes the WebSocket. Twilio's
   * webhooks that are sound get 200 and TwiML, since any error is spoken to the caller as an application error. 0: the
   * connection is dropped without an answer.
   */
  readonly code: number
  /** For the peer, and for the log behind `refused: `. */
  readonly sentence: string
  /** `Info`: the rules of this deployment at work; `Warning`: somebody or something is wrong. */
  readonly level: "Info" | "Warning"
}

const wrong = (code: number, sentence: string): Refused => ({ code, sentence, level: "Warning" })

const ruled = (code: number, sentence: string): Refused => ({ code, sentence, level: "Info" })

export const reasons = {
  http_malformed: wrong(400, "the request is not HTTP"),
  http_header_size: wrong(431, "the headers are too large"),
  http_body_size: wrong(413, "the body is too large"),
  http_timeout: wrong(408, "the request was not complete in time"),
  http_connections: wrong(0, "too many connections are open"),
  http_path: wrong(404, "nothing is here"),
  http_method: wrong(405, "the path is there for other methods"),
  http_expectation: wrong(417, "the only expectation that is met is 100-continue"),

  webhook_method: wrong(405, "an incoming call is a GET or a POST"),
  webhook_content_type: wrong(415, "the body must be application/x-www-form-urlencoded"),
  webhook_remote: wrong(403, "no Twilio token is configured: nobody but this machine is answered"),
  webhook_simulated: wrong(403, "the model of this server is simulated: it answers nobody but this machine"),
  webhook_account: wrong(403, "the account is none of this server's"),
  webhook_signature: wrong(403, "the signature is missing or wrong"),
  webhook_call_sid: wrong(400, "CallSid must be given once: CA and letters or digits"),
  webhook_account_sid: wrong(400, "AccountSid must be given once: AC and letters or digits"),
  webhook_host: wrong(400, "the request names no host, and PUBLIC_URL is not set"),

  call_closed: ruled(200, "the server is shutting down"),
  call_denied: ruled(200, "the caller is not allowed"),
  call_caller_rate: ruled(200, "the caller has called too often"),
  call_rate: wrong(200, "too many calls have come in"),
  call_limit: wrong(200, "as many calls are live as may be"),

  api_unauthorized: wrong(401, "the API token is missing or wrong"),
  api_guesses: wrong(429, "too many wrong API tokens have come"),
  api_forbidden: wrong(403, "the API token may read, and nothing else"),

  upgrade_path: wrong(404, "no WebSocket here"),
  upgrade_malformed: wrong(400, "the upgrade is malformed"),
  upgrade_undecided: wrong(503, "not decided in time"),
  upgrade_closed: ruled(503, "the server is shutting down"),
  upgrade_remote: wrong(403, "no Twilio token is configured: nobody but this machine is answered"),
  upgrade_signature: wrong(403, "the signature is missing or wrong"),
  upgrade_token_missing: wrong(403, "the stream token is missing"),
  upgrade_token_forged: wrong(403, "the stream token is none of ours"),
  upgrade_token_expired: wrong(403, "the stream token has expired"),
  upgrade_token_used: wrong(403, "the stream token has been used"),
  upgrade_waiting: wrong(503, "too many streams wait for their start"),

  stream_binary: wrong(1003, "a binary frame"),
  stream_start_timeout: wrong(1008, "no start in time"),
  stream_before_start: wrong(1008, "something else than a start"),
  stream_call_sid: wrong(1008, "CallSid must be CA and letters or digits"),
  stream_not_admitted: wrong(1008, "no webhook admitted this call"),
  stream_token_mismatch: wrong(1008, "the stream token of the start is not that of the URL"),
  stream_token_forged: wrong(1008, "the stream token is none of ours"),
  stream_token_expired: wrong(1008, "the stream token has expired"),
  stream_token_other: wrong(1008, "the stream token is of another call"),
  stream_token_used: wrong(1008, "the stream token has been used"),
  stream_repeated: wrong(1008, "the call has had its stream"),
  stream_failed: wrong(1011, "the call could not begin"),
  stream_closed: ruled(1001, "the server is shutting down"),
  stream_limit: wrong(1013, "as many calls are live as may be"),
  stream_rate: wrong(1008, "too many messages"),
  stream_message_size: wrong(1009, "a message is too large"),
  stream_protocol: wrong(1002, "the WebSocket protocol was broken"),
  stream_gone: wrong(1006, "the stream closed before it began")
} as const satisfies Readonly<Record<string, Refused>>

export type Reason = keyof typeof reasons

/** Lines of one reason in a minute: more than a person reads, too few to fill a disk. */
export const LINES_PER_MINUTE = 20

/** What keeps a flood of refusals from being a flood of log lines. Without a layer each has its line. */
export class Log extends Context.Reference<Log>()("@offhook/adapters/Refusal/Log", {
  defaultValue: () => ({ hasRoom: (_reason: Reason): boolean => true })
}) {
  /** The first `LINES_PER_MINUTE` of each minute; at its end one line says how many there were beside them. */
  static readonly layer: Layer.Layer<Log> = Layer.scoped(
    this,
    Effect.gen(function* () {
      const counts = new Map<Reason, number>()
      const minuteIsOver = Effect.suspend(() => {
        const floods = [...counts].filter(([, count]) => count > LINES_PER_MINUTE)
        counts.clear()
        return Effect.forEach(floods, ([reason, count]) => {
          const { level, sentence } = reasons[reason]
          const line = LOG[level](`refused, without a line for each: ${sentence}`)
          return Effect.annotateLogs(line, { reason, times: count - LINES_PER_MINUTE })
        })
      })
      yield* Effect.addFinalizer(() => minuteIsOver)
      yield* Effect.forkScoped(Effect.forever(Effect.delay(minuteIsOver, "1 minute")))
      return {
        hasRoom: (reason) => {
          const count = (counts.get(reason) ?? 0) + 1
          counts.set(reason, count)
          return count <= LINES_PER_MINUTE
        }
      }
    })
  )
}

/** Says it to the operator: one count, and one log line where there is room. `annotations` hold nothing secret, no number, no audio. */
export const told = (
  reason: Reason,
  annotations: Readonly<Record<string, string | number>> = {}
): Effect.Effect<Refused> =>
  Effect.gen(function* () {
    const metrics = yield* Metrics
    const log = yield* Log
    const refused: Refused = reasons[reason]
    metrics.refused(reason)
    if (log.hasRoom(reason)) {
      yield* Effect.annotateLogs(LOG[refused.level](`refused: ${refused.sentence}`), { reason, ...annotations })
    }
    return refused
  })

const LOG = { Info: Effect.logInfo, Warning: Effect.logWarning } satisfies Partial<
  Record<LogLevel.LogLevel["_tag"], typeof Effect.logInfo>
>
