/** Messages of Media Streams and what they mean: tables for the decoder, the encoder and the oracle. */

import * as Mulaw from "../../src/audio/Mulaw.ts"
import type { Misbehaviour } from "../../src/Event.ts"
import type { Connection, Decoded } from "../../src/twilio/decode.ts"
import type { Encodable } from "../../src/twilio/encode.ts"

export const streamSid = "MZ18ad3ab5a668481ce02b83e7395059f0"
const callSid = "CA0123456789abcdef0123456789abcdef"
const accountSid = "AC0123456789abcdef0123456789abcdef"
export const before: Connection = { stream: 0, streamSid: null }
export const live: Connection = { stream: 0, streamSid }

/** 20 ms of the digital milliwatt (protocols.md F.3). */
export const milliwatt = btoa("\u001e\u000b\u000b\u001e\u009e\u008b\u008b\u009e".repeat(20))

const start = {
  event: "start",
  sequenceNumber: "1",
  streamSid,
  start: {
    accountSid,
    streamSid,
    callSid,
    tracks: ["inbound"],
    mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
    customParameters: { token: "one-time" }
  }
}

export const media = {
  event: "media",
  sequenceNumber: "2",
  streamSid,
  media: { track: "inbound", chunk: "1", timestamp: "102", payload: milliwatt }
}

const mark = { event: "mark", sequenceNumber: "4", streamSid, mark: { name: "g0.m1" } }
const dtmf = { event: "dtmf", sequenceNumber: "5", streamSid, dtmf: { track: "inbound_track", digit: "1" } }
const stop = { event: "stop", sequenceNumber: "9", streamSid, stop: { accountSid, callSid } }
const connected = { event: "connected", protocol: "Call", version: "1.0.0" }

const at = 7
const stream = 0
const started: Decoded = {
  _tag: "CarrierStarted",
  at,
  stream,
  streamSid,
  callSid,
  accountSid,
  encoding: "audio/x-mulaw",
  sampleRate: 8000,
  channels: 1,
  parameters: { token: "one-time" }
}
const audio: Decoded = {
  _tag: "CarrierAudio",
  at,
  stream,
  timestamp: 102,
  bytes: 160,
  levels: "7",
  payload: milliwatt
}
const misbehaved = (what: Misbehaviour): Decoded => ({ _tag: "CarrierMisbehaved", at, stream, what })

type Row = readonly [title: string, connection: Connection, message: unknown, decoded: Decoded | null]

/** Every message decoded at 7 ms. */
export const inbound: ReadonlyArray<Row> = [
  ["connected", before, connected, null],
  ["start", before, start, started],
  [
    "start without parameters",
    before,
    { ...start, start: { ...start.start, customParameters: {} } },
    { ...started, parameters: {} }
  ],
  [
    "start that names no parameters",
    before,
    { ...start, start: { ...start.start, customParameters: undefined } },
    { ...started, parameters: {} }
  ],
  ["media", live, media, audio],
  [
    "media of one byte",
    live,
    { ...media, media: { ...media.media, payload: "/w==" } },
    { ...audio, bytes: 1, levels: "A", payload: "/w==" }
  ],
  ["media in another order", live, { media: media.media, streamSid, event: "media" }, audio],
  [
    "media late in a long call",
    live,
    { ...media, media: { ...media.media, timestamp: "003600000" } },
    { ...audio, timestamp: 3_600_000 }
  ],
  ["media of another track", live, { ...media, media: { ...media.media, track: "outbound" } }, null],
  ["mark", live, mark, { _tag: "CarrierMarked", at, stream, name: "g0.m1" }],
  ...[..."0123456789*#ABCD"].map(
    (digit): Row => [`key ${digit}`, live, { ...dtmf, dtmf: { digit } }, { _tag: "CarrierKeyed", at, stream, digit }]
  ),
  ["stop", live, stop, { _tag: "CarrierStopped", at, stream }],
  ["stop without a body", live, { event: "stop", streamSid }, { _tag: "CarrierStopped", at, stream }],
  ["a second connected", live, connected, null]
]

/** What a carrier must not say, as it stands on the wire. */
export const wrong: ReadonlyArray<readonly [title: string, connection: Connection, text: string, what: Misbehaviour]> =
  [
    ["nothing", live, "", "malformed JSON"],
    ["half a message", live, JSON.stringify(media).slice(0, -1), "malformed JSON"],
    ["a frame with a second end", live, `${JSON.stringify(media)}"}}`, "malformed JSON"],
    ["brackets without end", live, "[".repeat(100_000), "malformed JSON"],
    ["a number", live, "1", "malformed message"],
    ["null", before, "null", "malformed message"],
    ["an array", live, "[]", "malformed message"],
    ["no event", live, "{}", "malformed message"],
    ["an event that is a number", before, '{"event":1}', "malformed message"],
    ["an unknown event", live, '{"event":"video"}', "unknown message"],
    ["the name of a method", live, '{"event":"constructor"}', "unknown message"],
    ...[media, mark, dtmf, stop, { event: "video" }].map(
      (message) => [`${message.event} before start`, before, JSON.stringify(message), "message before start"] as const
    ),
    ["a second start", live, JSON.stringify(start), "second start"],
    ...[media, mark, dtmf, stop].flatMap((message) => [
      [
        `${message.event} of another stream`,
        live,
        JSON.stringify({ ...message, streamSid: "MZ1" }),
        "wrong stream"
      ] as const,
      [
        `${message.event} of no stream`,
        live,
        JSON.stringify({ ...message, streamSid: undefined }),
        "malformed message"
      ] as const
    ]),
    ...[
      { start: undefined },
      { start: [] },
      { streamSid: "MZ1" },
      { streamSid: undefined },
      { start: { ...start.start, streamSid: "MZ1" } },
      { streamSid: 'MZ"', start: { ...start.start, streamSid: 'MZ"' } },
      { streamSid: "", start: { ...start.start, streamSid: "" } },
      { start: { ...start.start, callSid: null } },
      { start: { ...start.start, accountSid: 5 } },
      { start: { ...start.start, mediaFormat: undefined } },
      { start: { ...start.start, mediaFormat: { encoding: "audio/x-mulaw", sampleRate: "8000", channels: 1 } } },
      { start: { ...start.start, mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 0 } } },
      { start: { ...start.start, mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000.5, channels: 1 } } },
      { start: { ...start.start, mediaFormat: { sampleRate: 8000, channels: 1 } } },
      { start: { ...start.start, customParameters: null } },
      { start: { ...start.start, customParameters: ["a"] } },
      { start: { ...start.start, customParameters: { token: 1 } } }
    ].map(
      (fields, index) =>
        [`start, wrong way ${index}`, before, JSON.stringify({ ...start, ...fields }), "malformed message"] as const
    ),
    ...[
      { track: undefined },
      { track: 1 },
      { timestamp: 102 },
      { timestamp: "" },
      { timestamp: "-1" },
      { timestamp: "1e3" },
      { timestamp: "1234567890123456" },
      { payload: undefined },
      { payload: "" },
      { payload: "/w=" },
      { payload: "/w" },
      { payload: "/w==/w==" },
      { payload: "_w==" },
      { payload: `${Mulaw.silence(160).slice(0, -1)}é` }
    ].map(
      (fields, index) =>
        [
          `media, wrong way ${index}`,
          live,
          JSON.stringify({ ...media, media: { ...media.media, ...fields } }),
          "malformed message"
        ] as const
    ),
    ["media without a body", live, JSON.stringify({ event: "media", streamSid }), "malformed message"],
    ["mark without a name", live, JSON.stringify({ ...mark, mark: {} }), "malformed message"],
    ["mark with a number", live, JSON.stringify({ ...mark, mark: { name: 1 } }), "malformed message"],
    ...["", "E", "a", "11", 1].map(
      (digit) =>
        [
          `key ${JSON.stringify(digit)}`,
          live,
          JSON.stringify({ ...dtmf, dtmf: { digit } }),
          "malformed message"
        ] as const
    )
  ].map(
    ([title, connection, text, what]) => [title, connection, text, what] as [string, Connection, string, Misbehaviour]
  )

export const misbehaviour = misbehaved

const play: Encodable = {
  _tag: "PlayAudio",
  stream,
  session: 0,
  item: "item_1",
  contentIndex: 0,
  from: 0,
  bytes: 160,
  payload: milliwatt
}

export const outbound: ReadonlyArray<readonly [command: Encodable, message: unknown]> = [
  [play, { event: "media", streamSid, media: { payload: milliwatt } }],
  [
    { ...play, bytes: 3, payload: Uint8Array.of(0xff, 0, 0x7f) },
    { event: "media", streamSid, media: { payload: "/wB/" } }
  ],
  [
    { _tag: "Mark", stream, name: "g0.m1" },
    { event: "mark", streamSid, mark: { name: "g0.m1" } }
  ],
  [
    { _tag: "Clear", stream },
    { event: "clear", streamSid }
  ]
]
