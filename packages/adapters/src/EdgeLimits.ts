/**
 * Every limit at the edge in one table: what docs/OPERATIONS.md shows, with the numbers that are in force.
 *
 * A limit is here because somebody could otherwise take more than a call needs: memory, sockets, the model's money.
 */

import { Agent } from "@offhook/core"
import * as Duration from "effect/Duration"
import { MAX_CALLS } from "./Calls.ts"
import * as Guesses from "./net/Guesses.ts"
import * as HttpListener from "./net/HttpListener.ts"
import * as Wire from "./net/Wire.ts"
import * as Refusal from "./Refusal.ts"
import * as Callers from "./twilio/Callers.ts"
import * as CarrierSocket from "./twilio/CarrierSocket.ts"
import * as StreamToken from "./twilio/StreamToken.ts"

const http = HttpListener.limits

/** Where limits are set. */
export interface Configured {
  readonly agent: Pick<Agent.Agent, "maxCallMs">
  readonly callers: Pick<Callers.Options, "callerPerHour" | "callerPerMinute" | "perMinute">
  readonly maxCalls: number
}

export interface Limit {
  readonly name: string
  /** Of `inForce`. */
  readonly keys: ReadonlyArray<keyof InForce>
  /** With its unit; the default where it can be set. */
  readonly value: string
  readonly why: string
  /** What is counted in `offhook_refusals_total`; or another metric that shows it. */
  readonly shows: ReadonlyArray<Refusal.Reason> | `offhook_${string}{${string}}`
  /** The variable or the agent's field; null: it is what it is. */
  readonly setting: string | null
}

/** What a configuration makes of the limits; for `GET /api/v1/server`. */
export const inForce = ({ agent, callers, maxCalls }: Configured) => ({
  maxCalls,
  callerCallsPerMinute: callers.callerPerMinute,
  callerCallsPerHour: callers.callerPerHour,
  callsPerMinute: callers.perMinute,
  maxCallMs: agent.maxCallMs,
  streamTokenSeconds: StreamToken.LIFETIME,
  maxWaitingStreams: CarrierSocket.MAX_WAITING,
  startTimeoutMs: Duration.toMillis(CarrierSocket.START_TIMEOUT),
  maxMessagesBeforeStart: CarrierSocket.MAX_BEFORE_START,
  messagesPerSecond: CarrierSocket.RATE.perSecond,
  messageBurst: CarrierSocket.RATE.burst,
  maxMessageBytes: http.maxPayload,
  maxMessageFragments: http.maxFragments,
  congestedMs: Wire.CONGESTED,
  maxBufferedBytes: Wire.MAX_BUFFERED,
  maxConnections: http.maxConnections,
  maxHeaderBytes: http.maxHeader,
  maxBodyBytes: http.maxBody,
  maxLingeringBytes: http.maxLingering,
  lingeringTimeoutMs: http.lingeringTimeout,
  headersTimeoutMs: http.headersTimeout,
  requestTimeoutMs: http.requestTimeout,
  upgradeTimeoutMs: http.admitTimeout,
  keepAliveTimeoutMs: http.keepAliveTimeout,
  pingIdleMs: http.pingIdle,
  wrongTokensPerMinute: Guesses.limits.perAddress,
  wrongTokensOfAllPerMinute: Guesses.limits.overall,
  refusalLinesPerMinute: Refusal.LINES_PER_MINUTE
})

export type InForce = ReturnType<typeof inForce>

const kiB = (bytes: number): string => `${bytes / 1024} KiB`

const seconds = (ms: number): string => `${ms / 1000} s`

export const table: ReadonlyArray<Limit> = [
  {
    name: "live calls",
    keys: ["maxCalls"],
    value: String(MAX_CALLS),
    why: "each holds two sockets and a session of the model that costs money; the next caller hears the busy line",
    shows: ["call_limit", "stream_limit"],
    setting: "OFFHOOK_MAX_CALLS"
  },
  {
    name: "calls of one caller in a minute",
    keys: ["callerCallsPerMinute"],
    value: String(Callers.defaults.callerPerMinute),
    why: "no person redials so often; the caller hears a busy tone, and the account pays for no call",
    shows: ["call_caller_rate"],
    setting: "OFFHOOK_CALLER_CALLS_PER_MINUTE"
  },
  {
    name: "calls of one caller in an hour",
    keys: ["callerCallsPerHour"],
    value: String(Callers.defaults.callerPerHour),
    why: "the same, for patient machines",
    shows: ["call_caller_rate"],
    setting: "OFFHOOK_CALLER_CALLS_PER_HOUR"
  },
  {
    name: "calls of all callers in a minute",
    keys: ["callsPerMinute"],
    value: String(Callers.defaults.perMinute),
    why: "bounds what a wave from many numbers costs; counted after the signature, so that strangers use up none of it",
    shows: ["call_rate"],
    setting: "OFFHOOK_CALLS_PER_MINUTE"
  },
  {
    name: "length of a call",
    keys: ["maxCallMs"],
    value: `${Agent.defaults.maxCallMs / 60_000} min`,
    why: "a line that nobody hangs up costs money until somebody does; the agent says goodbye",
    shows: 'offhook_calls_ended_total{outcome="duration limit"}',
    setting: "`maxCallMs` of the agent"
  },
  {
    name: "life of a stream token",
    keys: ["streamTokenSeconds"],
    value: `${StreamToken.LIFETIME} s`,
    why: "from the webhook to the stream, with a spoken line between them; afterwards it proves nothing",
    shows: ["upgrade_token_expired", "stream_token_expired"],
    setting: null
  },
  {
    name: "streams that have not said `start`",
    keys: ["maxWaitingStreams"],
    value: String(CarrierSocket.MAX_WAITING),
    why: "Twilio says it at once; more than a burst of calls are somebody else's",
    shows: ["upgrade_waiting"],
    setting: null
  },
  {
    name: "time to `start`",
    keys: ["startTimeoutMs"],
    value: seconds(Duration.toMillis(CarrierSocket.START_TIMEOUT)),
    why: "a socket that says nothing is held no longer",
    shows: ["stream_start_timeout"],
    setting: null
  },
  {
    name: "messages before `start`",
    keys: ["maxMessagesBeforeStart"],
    value: String(CarrierSocket.MAX_BEFORE_START),
    why: "Twilio sends one",
    shows: ["stream_before_start"],
    setting: null
  },
  {
    name: "messages of a stream",
    keys: ["messagesPerSecond", "messageBurst"],
    value: `${CarrierSocket.RATE.perSecond} a second, ${CarrierSocket.RATE.burst} at once`,
    why:
      "audio is 50 a second, and a line that stood still for a minute delivers 3,000 at once; pings and pongs count too, " +
      "echoes of marks that are outstanding never",
    shows: ["stream_rate"],
    setting: null
  },
  {
    name: "size of a message",
    keys: ["maxMessageBytes"],
    value: kiB(http.maxPayload),
    why: "audio has 500 bytes, the largest message under 8 KiB",
    shows: ["stream_message_size"],
    setting: null
  },
  {
    name: "fragments of a message",
    keys: ["maxMessageFragments"],
    value: String(http.maxFragments),
    why: "the rate counts messages; frames of nothing that make none would pass it by",
    shows: ["stream_message_size"],
    setting: null
  },
  {
    name: "audio that waits for a peer to read",
    keys: ["congestedMs"],
    value: `${Wire.CONGESTED} ms in the socket, then 60 s of the agent's and 10 s of the caller's`,
    why: "what is in the socket cannot be taken back when the caller interrupts; what has no room is lost, counted and noted",
    shows: "offhook_congestions_total{}",
    setting: null
  },
  {
    name: "bytes that wait for a peer to read",
    keys: ["maxBufferedBytes"],
    value: kiB(Wire.MAX_BUFFERED),
    why: "five minutes of audio; a peer that reads nothing costs this and then its connection",
    shows: 'offhook_calls_ended_total{outcome="carrier lost"}',
    setting: null
  },
  {
    name: "connections",
    keys: ["maxConnections"],
    value: String(http.maxConnections),
    why: "bounds the memory and file descriptors of those who connect and say nothing",
    shows: ["http_connections"],
    setting: null
  },
  {
    name: "size of the headers",
    keys: ["maxHeaderBytes"],
    value: kiB(http.maxHeader),
    why: "Twilio's have under 2 kB; with GET the form is among them",
    shows: ["http_header_size"],
    setting: null
  },
  {
    name: "size of a body",
    keys: ["maxBodyBytes"],
    value: kiB(http.maxBody),
    why: "Twilio's forms have about 2 kB",
    shows: ["http_body_size"],
    setting: null
  },
  {
    name: "what is read of a body that is refused",
    keys: ["maxLingeringBytes", "lingeringTimeoutMs"],
    value: `${kiB(http.maxLingering)}, ${seconds(http.lingeringTimeout)}`,
    why: "a connection that ends while its peer still sends is reset, and the answer may be lost",
    shows: ["http_body_size"],
    setting: null
  },
  {
    name: "time for the headers",
    keys: ["headersTimeoutMs"],
    value: seconds(http.headersTimeout),
    why: "one who sends them drop by drop holds a socket no longer",
    shows: ["http_timeout"],
    setting: null
  },
  {
    name: "time for the whole request",
    keys: ["requestTimeoutMs"],
    value: seconds(http.requestTimeout),
    why: "Twilio itself waits no longer for the answer",
    shows: ["http_timeout"],
    setting: null
  },
  {
    name: "time to decide an upgrade",
    keys: ["upgradeTimeoutMs"],
    value: seconds(http.admitTimeout),
    why: "Twilio should get its 101 at once",
    shows: ["upgrade_undecided"],
    setting: null
  },
  {
    name: "idle HTTP connection",
    keys: ["keepAliveTimeoutMs"],
    value: seconds(http.keepAliveTimeout),
    why: "longer than the 60 s of usual proxies, so that they close first and no request is lost",
    shows: "offhook_connections{}",
    setting: null
  },
  {
    name: "silent WebSocket",
    keys: ["pingIdleMs"],
    value: `${seconds(http.pingIdle)}, then a ping, then as long again`,
    why: "a peer that vanished without a word holds its socket no longer",
    shows: 'offhook_calls_ended_total{outcome="carrier lost"}',
    setting: null
  },
  {
    name: "wrong API tokens of one address in a minute",
    keys: ["wrongTokensPerMinute"],
    value: String(Guesses.limits.perAddress),
    why:
      "who guesses is answered no more until the minute is over, not even with a right token; all who come through one " +
      "proxy have one address",
    shows: ["api_guesses"],
    setting: null
  },
  {
    name: "wrong API tokens in a minute",
    keys: ["wrongTokensOfAllPerMinute"],
    value: String(Guesses.limits.overall),
    why: "the same, from many addresses; those that had a right token within the hour are still answered",
    shows: ["api_guesses"],
    setting: null
  },
  {
    name: "log lines of refusals for one reason in a minute",
    keys: ["refusalLinesPerMinute"],
    value: String(Refusal.LINES_PER_MINUTE),
    why: "a flood of strangers is none of the log; at the end of the minute one line says how many more there were",
    shows: "offhook_refusals_total{}",
    setting: null
  }
]
