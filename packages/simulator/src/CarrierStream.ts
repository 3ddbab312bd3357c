/**
 * One Media Stream, from the carrier's end of its socket (protocols.md B.2 to B.4).
 *
 * Times are ms on the carrier's clock, and media timestamps count on it from the stream's start: the frame with
 * timestamp t is sent at start + t and holds what the caller said in the frame's length before.
 *
 * 1. What is sent, and in which order: CarrierWire.
 * 2. A message that is not exactly one of the three allowed is ignored; the first of a stream is warned about (31951).
 */
import * as Base64 from "./Base64.ts"
import { type Caller, type Frame, loud } from "./Caller.ts"
import type { OfStream } from "./CarrierFault.ts"
import * as CarrierWire from "./CarrierWire.ts"
import * as Echo from "./Echo.ts"
import * as Line from "./Line.ts"
import * as PlayBuffer from "./PlayBuffer.ts"
import type { Random } from "./Random.ts"

/** What can be wrong with a line. Times are ms since the stream's start, on the carrier's clock. */
export interface Impairments {
  /** Frames whose timestamp falls into one of these never come. */
  readonly gaps?: ReadonlyArray<Line.Recurring | Line.Stall>
  /** During these nothing is sent; all of it follows at their end. */
  readonly stalls?: ReadonlyArray<Line.Stall>
  /** No frames while the caller says nothing. */
  readonly silenceSuppression?: boolean
  /** What the agent says comes back into the microphone. */
  readonly echo?: Echo.Options
}

export interface Listener extends PlayBuffer.Listener, CarrierWire.Listener {
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
  readonly faults: ReadonlyArray<OfStream>
  /** Decides what faults leave open. */
  readonly random: Random
  /** Audio is sent as bytes. */
  readonly direct: boolean
  readonly listener: Listener
}

export interface CarrierStream {
  readonly streamSid: string
  readonly receive: (at: number, text: string) => void
  readonly receiveAudio: (at: number, payload: Uint8Array) => void
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
  private readonly wire: CarrierWire.CarrierWire
  private readonly echo: Echo.Echo | undefined
  private readonly gaps: ReadonlyArray<(at: number) => Line.Stall | undefined>
  private readonly frameMs: number
  private readonly start: number
  private nextFrame: number
  private timestamp: number
  /** Echoed by the clear that is being carried out. */
  private flushed: Array<string> = []

  constructor(options: Options) {
    const { at, streamSid, caller, frameBytes, firstTimestamp, listener } = options
    this.options = options
    this.streamSid = streamSid
    this.listener = listener
    this.caller = caller
    this.frameMs = frameBytes / PlayBuffer.bytesPerMs
    this.start = at
    this.timestamp = firstTimestamp
    this.nextFrame = at + firstTimestamp
    this.gaps = (options.impairments.gaps ?? []).map((gap, index) =>
      Line.windows(gap, options.random.split(`gaps ${index}`))
    )
    this.wire = CarrierWire.make({ ...options, stalls: options.impairments.stalls ?? [] })
    const { echo } = options.impairments
    this.echo = echo === undefined ? undefined : Echo.make(echo)
    this.player = PlayBuffer.make({
      listener: {
        ...listener,
        ...(this.echo === undefined ? {} : { heard: this.heard }),
        echoed: (at, name, flushed) => {
          if (flushed) this.flushed.push(name)
          else this.wire.echo(at, name)
          listener.echoed(at, name, flushed)
        }
      },
      quantum: options.playoutQuantum,
      phase: at
    })
    this.wire.begin(at)
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
        this.wire.echoFlushed(at, this.flushed)
        this.flushed = []
        return
    }
  }

  receiveAudio(at: number, payload: Uint8Array): void {
    this.player.media(at, payload)
  }

  press(at: number, digit: string): void {
    this.wire.key(at, digit)
  }

  end(at: number, stop: boolean): void {
    this.player.end(at)
    if (stop) this.wire.end(at)
    this.caller.disconnected(at)
  }

  nextDeadline(): number | undefined {
    let due = this.nextFrame
    const played = this.player.nextDeadline()
    if (played !== undefined && played < due) due = played
    const sends = this.wire.nextDeadline()
    if (sends !== undefined && sends < due) due = sends
    return due
  }

  advance(at: number): void {
    this.wire.advance(at)
    this.player.advance(at)
    while (this.nextFrame <= at) this.sendFrame(this.nextFrame)
  }

  inPlay(at: number): PlayBuffer.Span | undefined {
    return this.player.inPlay(at)
  }

  private readonly heard = (span: PlayBuffer.Span): void => {
    this.echo?.heard(span)
    this.listener.heard(span)
  }

  private frame(at: number): Frame {
    const frame = this.caller.frame()
    const mixed = this.echo?.into(frame.payload, at - this.frameMs, this.player.inPlay(at))
    return mixed === undefined ? frame : loud(mixed)
  }

  private sendFrame(at: number): void {
    const frame = this.frame(at)
    const timestamp = this.timestamp
    this.timestamp += this.frameMs
    this.nextFrame = this.start + this.timestamp
    const { silenceSuppression } = this.options.impairments
    if (frame.silent && silenceSuppression === true) {
      this.listener.unsent(at, timestamp, frame.payload, "suppressed")
    } else if (this.gaps.some((gap) => gap(timestamp) !== undefined)) {
      this.listener.unsent(at, timestamp, frame.payload, "gap")
    } else this.wire.media(at, timestamp, frame)
  }
}

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
