/**
 * Every limit at the edge in one table: what docs/OPERATIONS.md shows, with the numbers that are in force.
 *
 * A limit is here because somebody could otherwise take more than a call needs: memory, sockets, the model's money.
 */

import { Agent } from "@offhook/core"
import * as Duration from "effect/Duration"
import { MAX_CALLS } from "./Calls.ts"
import * as HttpListener from "./net/HttpListener.ts"
import * as Wire from "./net/Wire.ts"
import type * as Refusal from "./Refusal.ts"
import * as Callers from "./twilio/Callers.ts"
import * as CarrierSocket from "./twilio/CarrierSocket.ts"
import * as StreamToken from "./twilio/StreamToken.ts"

export interface Limit {
  readonly name: string
  /** With its unit; the default where it can be set. */
  readonly value: string
  readonly why: string
  /** What is counted in `offhook_refusals_total`; or another metric that shows it. */
  readonly shows: ReadonlyArray<Refusal.Reason> | `offhook_${string}{${string}}`
  /** The variable or the agent's field; null: it is what it is. */
  readonly setting: string | null
}

const kiB = (bytes: number): string => `${bytes / 1024} KiB`

const seconds = (ms: number): string => `${ms / 1000} s`

const http = HttpListener.limits

export const table: ReadonlyArray<Limit> = [
  {
    name: "live calls",
    value: String(MAX_CALLS),
    why: "each holds two sockets and a session of the model that costs money; the next caller hears the busy line",
    shows: ["call_limit", "stream_limit"],
    setting: "OFFHOOK_MAX_CALLS"
  },
  {
    name: "calls of one caller in a minute",
    value: String(Callers.defaults.callerPerMinute),
    why: "no person redials so often; the caller hears a busy tone, and the account pays for no call",
    shows: ["call_caller_rate"],
    setting: "OFFHOOK_CALLER_CALLS_PER_MINUTE"
  },
  {
    name: "calls of one caller in an hour",
    value: String(Callers.defaults.callerPerHour),
    why: "the same, for patient machines",
    shows: ["call_caller_rate"],
    setting: "OFFHOOK_CALLER_CALLS_PER_HOUR"
  },
  {
    name: "calls of all callers in a minute",
    value: String(Callers.defaults.perMinute),
    why: "bounds what a wave from many numbers costs; counted after the signature, so that strangers use up none of it",
    shows: ["call_rate"],
    setting: "OFFHOOK_CALLS_PER_MINUTE"
  },
  {
    name: "length of a call",
    value: `${Agent.defaults.maxCallMs / 60_000} min`,
    why: "a line that nobody hangs up costs money until somebody does; the agent says goodbye",
    shows: 'offhook_calls_ended_total{outcome="duration limit"}',
    setting: "`maxCallMs` of the agent"
  },
  {
    name: "life of a stream token",
    value: `${StreamToken.LIFETIME} s`,
    why: "from the webhook to the stream, with a spoken line between them; afterwards it proves nothing",
    shows: ["upgrade_token_expired", "stream_token_expired"],
    setting: null
  },
  {
    name: "streams that have not said `start`",
    value: String(CarrierSocket.MAX_WAITING),
    why: "Twilio says it at once; more than a burst of calls are somebody else's",
    shows: ["upgrade_waiting"],
    setting: null
  },
  {
    name: "time to `start`",
    value: seconds(Duration.toMillis(CarrierSocket.START_TIMEOUT)),
    why: "a socket that says nothing is held no longer",
    shows: ["stream_start_timeout"],
    setting: null
  },
  {
    name: "messages before `start`",
    value: String(CarrierSocket.MAX_BEFORE_START),
    why: "Twilio sends one",
    shows: ["stream_before_start"],
    setting: null
  },
  {
    name: "messages of a stream",
    value: `${CarrierSocket.RATE.perSecond} a second, ${CarrierSocket.RATE.burst} at once`,
    why:
      "audio is 50 a second, and a line that stood still for a minute delivers 3,000 at once; echoes of marks that are " +
      "outstanding never count",
    shows: ["stream_rate"],
    setting: null
  },
  {
    name: "size of a message",
    value: kiB(http.maxPayload),
    why: "audio has 500 bytes, the largest message under 8 KiB",
    shows: ["stream_message_size"],
    setting: null
  },
  {
    name: "audio that waits for a peer to read",
    value: `${Wire.CONGESTED} ms in the socket, then 60 s of the agent's and 10 s of the caller's`,
    why: "what is in the socket cannot be taken back when the caller interrupts; what has no room is lost, counted and noted",
    shows: "offhook_congestions_total{}",
    setting: null
  },
  {
    name: "bytes that wait for a peer to read",
    value: kiB(Wire.MAX_BUFFERED),
    why: "five minutes of audio; a peer that reads nothing costs this and then its connection",
    shows: 'offhook_calls_ended_total{outcome="carrier lost"}',
    setting: null
  },
  {
    name: "connections",
    value: String(http.maxConnections),
    why: "bounds the memory and file descriptors of those who connect and say nothing",
    shows: ["http_connections"],
    setting: null
  },
  {
    name: "size of the headers",
    value: kiB(http.maxHeader),
    why: "Twilio's have under 2 kB; with GET the form is among them",
    shows: ["http_header_size"],
    setting: null
  },
  {
    name: "size of a body",
    value: kiB(http.maxBody),
    why: "Twilio's forms have about 2 kB",
    shows: ["http_body_size"],
    setting: null
  },
  {
    name: "time for the headers",
    value: seconds(http.headersTimeout),
    why: "one who sends them drop by drop holds a socket no longer",
    shows: ["http_timeout"],
    setting: null
  },
  {
    name: "time for the whole request",
    value: seconds(http.requestTimeout),
    why: "Twilio itself waits no longer for the answer",
    shows: ["http_timeout"],
    setting: null
  },
  {
    name: "time to decide an upgrade",
    value: seconds(http.admitTimeout),
    why: "Twilio should get its 101 at once",
    shows: ["upgrade_undecided"],
    setting: null
  },
  {
    name: "idle HTTP connection",
    value: seconds(http.keepAliveTimeout),
    why: "longer than the 60 s of usual proxies, so that they close first and no request is lost",
    shows: "offhook_connections{}",
    setting: null
  },
  {
    name: "silent WebSocket",
    value: `${seconds(http.pingIdle)}, then a ping, then as long again`,
    why: "a peer that vanished without a word holds its socket no longer",
    shows: 'offhook_calls_ended_total{outcome="carrier lost"}',
    setting: null
  }
]
