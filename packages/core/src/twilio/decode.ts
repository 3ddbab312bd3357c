/**
 * Text of Twilio Media Streams to events (protocols.md B.2).
 *
 * Only what is read is checked, and whatever is wrong becomes `CarrierMisbehaved`: no text makes this throw. Caller
 * audio is nearly all of the traffic and always has the same layout, so it is scanned in place; every text that differs
 * from the layout goes through `JSON.parse`.
 *
 * Invariants
 * 1. The scan and `JSON.parse` give the same event for every text (test/wire.oracle.test.ts).
 * 2. Of a frame that was accepted the payload is valid base64 of at least one byte, and a `streamSid` needs no escaping.
 */

import * as Level from "../audio/Level.ts"
import * as Payload from "../audio/Payload.ts"
import type {
  CarrierAudio,
  CarrierKeyed,
  CarrierMarked,
  CarrierMisbehaved,
  CarrierStarted,
  CarrierStopped,
  Millis,
  Misbehaviour
} from "../Event.ts"
import type { JsonObject } from "../Json.ts"
import * as Json from "../Json.ts"
import type { Inbound } from "./Frame.ts"

/** The stream a text came on: its number within the call and, once `CarrierStarted` has named it, its `streamSid`. */
export interface Connection {
  readonly stream: number
  readonly streamSid: string | null
}

export type Decoded = CarrierAudio | CarrierKeyed | CarrierMarked | CarrierMisbehaved | CarrierStarted | CarrierStopped

/** One text message; null where it says nothing that the machine needs (`connected`, audio of another track). */
export const decode = (text: string, at: Millis, connection: Connection): Decoded | null => {
  const { stream, streamSid } = connection
  if (streamSid !== null) {
    const audio = scanMedia(text, at, stream, streamSid)
    if (audio !== null) return audio
  }
  const message = Json.parse(text)
  if (message === undefined) return misbehaved(at, stream, "malformed JSON")
  if (!Json.isObject(message) || typeof message["event"] !== "string") {
    return misbehaved(at, stream, "malformed message")
  }
  return streamSid === null ? beforeStart(message, at, stream) : afterStart(message, at, stream, streamSid)
}

const beforeStart = (message: JsonObject, at: Millis, stream: number): Decoded | null => {
  switch (message["event"] as Inbound["event"]) {
    case "connected":
      return null
    case "start":
      return started(message, at, stream) ?? misbehaved(at, stream, "malformed message")
    default:
      return misbehaved(at, stream, "message before start")
  }
}

const afterStart = (message: JsonObject, at: Millis, stream: number, streamSid: string): Decoded | null => {
  const event = message["event"] as Inbound["event"]
  switch (event) {
    case "connected":
      return null
    case "start":
      return misbehaved(at, stream, "second start")
    case "dtmf":
    case "mark":
    case "media":
    case "stop": {
      if (typeof message["streamSid"] !== "string") return misbehaved(at, stream, "malformed message")
      if (message["streamSid"] !== streamSid) return misbehaved(at, stream, "wrong stream")
      if (event === "stop") return { _tag: "CarrierStopped", at, stream }
      const body = message[event]
      if (!Json.isObject(body)) return misbehaved(at, stream, "malformed message")
      if (event === "media" && typeof body["track"] === "string" && body["track"] !== "inbound") return null
      const decoded =
        event === "media"
          ? heard(body, at, stream)
          : event === "mark"
            ? marked(body, at, stream)
            : keyed(body, at, stream)
      return decoded ?? misbehaved(at, stream, "malformed message")
    }
    default:
      event satisfies never
      return misbehaved(at, stream, "unknown message")
  }
}

const started = (message: JsonObject, at: Millis, stream: number): CarrierStarted | null => {
  const start = message["start"]
  if (!Json.isObject(start)) return null
  const { streamSid, callSid, accountSid, mediaFormat, customParameters: parameters = {} } = start
  if (!isSid(streamSid) || message["streamSid"] !== streamSid || !isSid(callSid) || !isSid(accountSid)) return null
  if (!Json.isObject(mediaFormat)) return null
  const { encoding, sampleRate, channels } = mediaFormat
  if (typeof encoding !== "string" || !isCount(sampleRate) || !isCount(channels) || !isParameters(parameters))
    return null
  return {
    _tag: "CarrierStarted",
    at,
    stream,
    streamSid,
    callSid,
    accountSid,
    encoding,
    sampleRate,
    channels,
    parameters
  }
}

const heard = (media: JsonObject, at: Millis, stream: number): CarrierAudio | null => {
  const { track, timestamp, payload } = media
  if (track !== "inbound" || typeof timestamp !== "string" || typeof payload !== "string") return null
  if (!DIGITS.test(timestamp)) return null
  const levels = Level.ofBase64(payload)
  return levels === "" ? null : carrierAudio(at, stream, Number(timestamp), levels, payload)
}

const marked = (mark: JsonObject, at: Millis, stream: number): CarrierMarked | null =>
  typeof mark["name"] === "string" ? { _tag: "CarrierMarked", at, stream, name: mark["name"] } : null

const keyed = (dtmf: JsonObject, at: Millis, stream: number): CarrierKeyed | null =>
  typeof dtmf["digit"] === "string" && DIGIT.test(dtmf["digit"])
    ? { _tag: "CarrierKeyed", at, stream, digit: dtmf["digit"] }
    : null

/** Caller audio in the layout that Twilio writes; null: not that layout, or not valid. */
const scanMedia = (text: string, at: Millis, stream: number, streamSid: string): CarrierAudio | null => {
  const head = MEDIA_HEAD.exec(text)
  if (head === null || head[1] !== streamSid || !text.endsWith(MEDIA_END)) return null
  const from = head[0].length
  const to = text.length - MEDIA_END.length
  const levels = Level.ofBase64(text, undefined, from, to)
  return levels === "" ? null : carrierAudio(at, stream, Number(head[2]), levels, text.slice(from, to))
}

const carrierAudio = (
  at: Millis,
  stream: number,
  timestamp: Millis,
  levels: string,
  payload: string
): CarrierAudio => ({
  _tag: "CarrierAudio",
  at,
  stream,
  timestamp,
  bytes: Payload.byteLength(payload),
  levels,
  payload
})

const misbehaved = (at: Millis, stream: number, what: Misbehaviour): CarrierMisbehaved => ({
  _tag: "CarrierMisbehaved",
  at,
  stream,
  what
})

const isSid = (value: unknown): value is string => typeof value === "string" && SID.test(value)

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0

const isParameters = (value: unknown): value is Readonly<Record<string, string>> =>
  Json.isObject(value) && Object.values(value).every((parameter) => typeof parameter === "string")

const MEDIA_HEAD =
  /^\{"event":"media","sequenceNumber":"\d*","streamSid":"([\w-]*)","media":\{"track":"inbound","chunk":"\d*","timestamp":"(\d{1,15})","payload":"/
const MEDIA_END = '"}}'
/** Milliseconds; any number of so many digits is exact. */
const DIGITS = /^\d{1,15}$/
const DIGIT = /^[0-9*#A-D]$/
/** `MZ`, `CA` or `AC` and 32 hexadecimal digits at Twilio; whatever needs no escaping elsewhere. */
const SID = /^[\w-]{1,64}$/
