/**
 * One Media Stream, from the carrier's end of its socket (protocols.md B.2 to B.4).
 *
 * Times are ms on the carrier's clock, and media timestamps count on it from the stream's start: the frame with
 * timestamp t is sent at start + t and holds what the caller said in the frame's length before.
 *
 * 1. Messages go out as `connected`, `start`, then media, dtmf and mark in the order in which they happen, then `stop`.
 * 2. `sequenceNumber` counts what follows `connected` from 1; `chunk` counts media from 1. Numbers are strings.
 * 3. A message that is not exactly one of the three allowed is ignored; the first of a stream is warned about (31951).
 */
import * as Base64 from "./Base64.ts"
import type { Caller } from "./Caller.ts"
import type { Stall } from "./Line.ts"
import * as PlayBuffer from "./PlayBuffer.ts"

/** What can be wrong with a line. Times are ms since the stream's start, on the carrier's clock. */
export interface Impairments {
  /** Frames whose timestamp falls into one of these never come. */
  readonly gaps?: ReadonlyArray<Stall>
  /** During these nothing is sent; all of it follows at their end. */
  readonly stalls?: ReadonlyArray<Stall>
  /** No frames while the caller says nothing. */
  readonly silenceSuppression?: boolean
}

export interface Listener extends PlayBuffer.Listener {
  readonly send: (at: number, text: string) => void
  readonly sent: (at: number, timestamp: number, payload: Uint8Array) => void
  readonly invalid: (at: number, message: string) => void
}

export interface Options {
  readonly at: number
  readonly streamSid: string
  readonly callSid: string
  readonly accountSid: string
  readonly parameters: Readonly<Record<string, string>>
  readonly caller: Caller
  readonly frameBytes: number
  /** Timestamp of the first frame, ms. */
  readonly firstTimestamp: number
  /** ms; see PlayBuffer. */
  readonly playoutQuantum: number
  readonly impairments: Impairments
  readonly listener: Listener
}

export interface CarrierStream {
  readonly streamSid: string
  readonly receive: (at: number, text: string) => void
  readonly press: (at: number, digit: string) => void
  /** Ends the stream: with `stop`, or cut off, without anything more on the wire. */
  readonly end: (at: number, stop: boolean) => void
  readonly nextDeadline: () => number | undefined
  readonly advance: (at: number) => void
  readonly inPlay: (at: number) => PlayBuffer.Span | undefined
}

/** Opens the stream: `connected` and `start` are sent. */
export const make = (options: Options): CarrierStream => new Stream(options)

class Stream implements CarrierStream {
  readonly streamSid: string
  private readonly options: Options
  private readonly listener: Listener
  private readonly caller: Caller
  private readonly player: PlayBuffer.PlayBuffer
  private readonly frameMs: number
  private readonly start: number
  private readonly stalls: ReadonlyArray<Stall>
  private readonly mediaTail: string
  private nextFrame: number
  private timestamp: number
  private sequenceNumber = 1
  private chunk = 1
  private held: Array<string> = []
  private heldSince = 0

  constructor(options: Options) {
    const { at, streamSid, callSid, accountSid, parameters, caller, frameBytes, firstTimestamp, listener } = options
    this.options = options
    this.streamSid = streamSid
    this.listener = listener
    this.caller = caller
    this.frameMs = frameBytes / PlayBuffer.bytesPerMs
    this.start = at
    this.timestamp = firstTimestamp
    this.nextFrame = at + firstTimestamp
    this.stalls = options.impairments.stalls ?? []
    this.mediaTail = `","streamSid":"${streamSid}","media":{"track":"inbound","chunk":"`
    this.player = PlayBuffer.make({
      listener: {
        ...listener,
        echoed: (at, name, flushed) => {
          this.sendNumbered(at, "mark", { name })
          listener.echoed(at, name, flushed)
        }
      },
      quantum: options.playoutQuantum,
      phase: at
    })
    this.send(at, `{"event":"connected","protocol":"Call","version":"1.0.0"}`)
    this.sendNumbered(at, "start", {
      accountSid,
      streamSid,
      callSid,
      tracks: ["inbound"],
      mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
      customParameters: parameters
    })
    caller.connected(at, this.nextFrame - this.frameMs)
  }

  receive(at: number, text: string): void {
    const message = parse(text)
    if (typeof message === "string") {
      this.listener.invalid(at, message)
      return
    }
    if (message.streamSid !== this.streamSid) {
      this.listener.invalid(at, "streamSid is not this stream's")
      return
    }
    switch (message._tag) {
      case "media":
        this.player.media(at, message.payload)
        return
      case "mark":
        this.player.mark(at, message.name)
        return
      case "clear":
        this.player.clear(at)
        return
    }
  }

  press(at: number, digit: string): void {
    this.sendNumbered(at, "dtmf", { track: "inbound_track", digit })
  }

  end(at: number, stop: boolean): void {
    this.player.end(at)
    if (stop) {
      this.release(at)
      const { accountSid, callSid } = this.options
      this.sendNumbered(at, "stop", { accountSid, callSid })
      this.release(at)
    }
    this.caller.disconnected(at)
  }

  nextDeadline(): number | undefined {
    let due = this.nextFrame
    const played = this.player.nextDeadline()
    if (played !== undefined && played < due) due = played
    if (this.held.length > 0) {
      const over = this.stalledUntil(this.heldSince)
      if (over !== undefined && over < due) due = over
    }
    return due
  }

  advance(at: number): void {
    if (this.held.length > 0) {
      if (this.stalledUntil(at) === undefined) this.release(at)
      else this.heldSince = at
    }
    this.player.advance(at)
    while (this.nextFrame <= at) this.sendFrame(this.nextFrame)
  }

  inPlay(at: number): PlayBuffer.Span | undefined {
    return this.player.inPlay(at)
  }

  private sendFrame(at: number): void {
    const frame = this.caller.frame()
    const timestamp = this.timestamp
    this.timestamp += this.frameMs
    this.nextFrame = this.start + this.timestamp
    if (frame.silent && this.options.impairments.silenceSuppression === true) return
    if (this.options.impairments.gaps?.some((gap) => within(gap, timestamp)) === true) return
    this.listener.sent(at, timestamp, frame.payload)
    this.send(
      at,
      `{"event":"media","sequenceNumber":"${this.sequenceNumber++}${this.mediaTail}${this.chunk++}","timestamp":"${timestamp}","payload":"${frame.base64}"}}`
    )
  }

  private sendNumbered(at: number, event: string, content: object): void {
    this.send(
      at,
      `{"event":"${event}","sequenceNumber":"${this.sequenceNumber++}","streamSid":"${this.streamSid}","${event}":${JSON.stringify(content)}}`
    )
  }

  private send(at: number, text: string): void {
    if (this.held.length === 0 && this.stalledUntil(at) === undefined) {
      this.listener.send(at, text)
      return
    }
    if (this.held.length === 0) this.heldSince = at
    this.held.push(text)
  }

  private release(at: number): void {
    for (const text of this.held) this.listener.send(at, text)
    this.held = []
  }

  private stalledUntil(at: number): number | undefined {
    for (const stall of this.stalls) if (within(stall, at - this.start)) return this.start + stall.at + stall.ms
    return undefined
  }
}

const within = (window: Stall, at: number): boolean => at >= window.at && at < window.at + window.ms

type Message =
  | { readonly _tag: "media"; readonly streamSid: string; readonly payload: Uint8Array }
  | { readonly _tag: "mark"; readonly streamSid: string; readonly name: string }
  | { readonly _tag: "clear"; readonly streamSid: string }

/** A message, or what is wrong with it. */
const parse = (text: string): Message | string => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return "not JSON"
  }
  if (!isRecord(json)) return "not an object"
  const { event, streamSid, media, mark } = json
  if (typeof event !== "string") return "no event"
  if (typeof streamSid !== "string") return "no streamSid"
  switch (event) {
    case "media": {
      if (!isRecord(media) || typeof media["payload"] !== "string") return "media without payload"
      if (!hasKeys(json, 3) || !hasKeys(media, 1)) return "unexpected field in media"
      const payload = Base64.decode(media["payload"])
      return payload === undefined ? "payload is not base64" : { _tag: "media", streamSid, payload }
    }
    case "mark":
      if (!isRecord(mark) || typeof mark["name"] !== "string") return "mark without name"
      if (!hasKeys(json, 3) || !hasKeys(mark, 1)) return "unexpected field in mark"
      return { _tag: "mark", streamSid, name: mark["name"] }
    case "clear":
      if (!hasKeys(json, 2)) return "unexpected field in clear"
      return { _tag: "clear", streamSid }
    default:
      return `unknown event ${JSON.stringify(event)}`
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const hasKeys = (value: object, count: number): boolean => Object.keys(value).length === count
