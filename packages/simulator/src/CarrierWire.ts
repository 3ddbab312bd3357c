/**
 * What a stream's socket carries to the server: the messages of protocols.md B.2, numbered, and the faults among them.
 *
 * Times are ms on the carrier's clock.
 *
 * 1. Without faults: `connected`, `start`, then media, dtmf and mark in the order in which they happen, then `stop`.
 * 2. `sequenceNumber` counts what follows `connected` from 1; `chunk` counts media from 1. Numbers are strings.
 * 3. What happens during a stall follows at its end, in order.
 */
import * as Base64 from "./Base64.ts"
import { type Frame, loud } from "./Caller.ts"
import type { Moment, Odd, OfStream } from "./CarrierFault.ts"
import type { Stall } from "./Line.ts"
import type { Random } from "./Random.ts"

export interface Listener {
  readonly send: (at: number, text: string) => void
  /** On the direct lane: media as bytes. `silent`: nothing is said, frames like this come again. */
  readonly sendAudio: (at: number, timestamp: number, payload: Uint8Array, silent: boolean) => void
  readonly sendBinary: (at: number) => void
  /** A frame was handed to the line; a copy is one that was sent before. */
  readonly sent: (at: number, timestamp: number, payload: Uint8Array, isCopy: boolean) => void
  readonly unsent: (at: number, timestamp: number, payload: Uint8Array, why: "fault" | "gap" | "suppressed") => void
}

export interface Options {
  /** The stream's start. */
  readonly at: number
  readonly streamSid: string
  readonly callSid: string
  readonly accountSid: string
  readonly parameters: Readonly<Record<string, string>>
  readonly frameBytes: number
  readonly direct: boolean
  readonly stalls: ReadonlyArray<Stall>
  readonly faults: ReadonlyArray<OfStream>
  readonly random: Random
  readonly listener: Listener
}

export interface CarrierWire {
  readonly begin: (at: number) => void
  readonly media: (at: number, timestamp: number, frame: Frame) => void
  readonly key: (at: number, digit: string) => void
  readonly echo: (at: number, name: string) => void
  /** The echoes of one clear, in the order of their marks. */
  readonly echoFlushed: (at: number, names: ReadonlyArray<string>) => void
  /** What a stall holds is sent, and `stop`. */
  readonly end: (at: number) => void
  readonly nextDeadline: () => number | undefined
  readonly advance: (at: number) => void
}

export const make = (options: Options): CarrierWire => new Wire(options)

type Fault<Tag extends OfStream["_tag"]> = Extract<OfStream, { readonly _tag: Tag }>

/** A fault that has a moment, until it has come. */
interface Pending {
  readonly when: Moment
  readonly act: (at: number) => void
}

interface Media {
  readonly timestamp: number
  readonly frame: Frame
  readonly text: string
}

class Wire implements CarrierWire {
  private readonly options: Options
  private readonly listener: Listener
  private readonly direct: boolean
  private readonly mediaTail: string
  private readonly echoesLate: number
  private readonly flushed: Fault<"EchoesFlushed"> | undefined
  private readonly echoesMissing: ReadonlyArray<Fault<"EchoesMissing">>
  private readonly mediaLost: ReadonlyArray<Fault<"MediaLost">>
  private readonly isMute: boolean
  private shifts: ReadonlyArray<Fault<"TimestampsShifted">>
  private pending: ReadonlyArray<Pending>
  private sequenceNumber = 1
  private chunk = 1
  private messages = 0
  /** What is added to timestamps. */
  private shift = 0
  private lastMedia: Media | undefined
  private lastEcho: string | undefined
  private swaps = false
  private swapped: { readonly at: number; readonly timestamp: number; readonly frame: Frame } | undefined
  private readonly late: Array<{ readonly due: number; readonly name: string }> = []
  private held: Array<(at: number) => void> = []
  private heldSince = 0

  constructor(options: Options) {
    this.options = options
    this.listener = options.listener
    this.direct = options.direct
    this.mediaTail = `","streamSid":"${options.streamSid}","media":{"track":"inbound","chunk":"`
    const faults = options.faults
    this.isMute = faults.some(({ _tag }) => _tag === "StartMissing")
    this.echoesLate = faults.reduce((ms, fault) => (fault._tag === "EchoesLate" ? Math.max(ms, fault.ms) : ms), 0)
    this.flushed = faults.find((fault) => fault._tag === "EchoesFlushed")
    this.echoesMissing = faults.filter((fault) => fault._tag === "EchoesMissing")
    this.mediaLost = faults.filter((fault) => fault._tag === "MediaLost")
    this.shifts = faults.filter((fault) => fault._tag === "TimestampsShifted")
    this.pending = faults.flatMap((fault): ReadonlyArray<Pending> => {
      if (fault._tag === "Sends") return [{ when: fault.when, act: (at) => this.sendOdd(at, fault.what) }]
      if (fault._tag !== "MediaSwapped") return []
      return [
        {
          when: fault.when,
          act: () => {
            this.swaps = true
          }
        }
      ]
    })
  }

  begin(at: number): void {
    this.send(at, `{"event":"connected","protocol":"Call","version":"1.0.0"}`)
    if (this.options.faults.some(({ _tag }) => _tag === "MediaBeforeStart")) {
      const frame = loud(new Uint8Array(160).fill(0xff))
      const text = this.numbered("media", { track: "inbound", chunk: "0", timestamp: "0", payload: frame.base64 })
      this.putMedia(at, { timestamp: 0, frame, text })
    }
    if (this.options.faults.some(({ _tag }) => _tag === "StartsBroken")) this.sendBrokenStarts(at)
    this.sendStart(at)
  }

  media(at: number, timestamp: number, frame: Frame): void {
    if (this.isMute) return
    const since = at - this.options.at
    if (this.mediaLost.length > 0 && this.mediaLost.some((window) => within(window, since))) {
      this.shift -= this.options.frameBytes / bytesPerMs
      this.listener.unsent(at, timestamp + this.shift, frame.payload, "fault")
      return
    }
    if (this.shifts.length > 0) {
      for (const { atMs, byMs } of this.shifts) if (atMs <= since) this.shift += byMs
      this.shifts = this.shifts.filter(({ atMs }) => atMs > since)
    }
    const stamped = timestamp + this.shift
    if (this.swaps) {
      this.swaps = false
      this.swapped = { at, timestamp: stamped, frame }
      return
    }
    this.sendMedia(at, stamped, frame)
    if (this.swapped === undefined) return
    const before = this.swapped
    this.swapped = undefined
    this.sendMedia(at, before.timestamp, before.frame)
  }

  key(at: number, digit: string): void {
    if (!this.isMute) this.send(at, this.numbered("dtmf", { track: "inbound_track", digit }))
  }

  echo(at: number, name: string): void {
    if (this.isMissing(at)) return
    if (this.echoesLate === 0) this.sendEcho(at, name)
    else this.sendLate(at + this.options.random.next() * this.echoesLate, name)
  }

  echoFlushed(at: number, names: ReadonlyArray<string>): void {
    if (names.length === 0 || this.isMissing(at)) return
    const { order = "sent", place = "behind" } = this.flushed ?? {}
    for (const name of this.ordered(names, order)) {
      if (place === "behind" && this.late.length > 0) this.sendLate(at, name)
      else this.sendEcho(at, name)
    }
  }

  end(at: number): void {
    if (this.swapped !== undefined) {
      const { timestamp, frame } = this.swapped
      this.listener.unsent(at, timestamp, frame.payload, "fault")
      this.swapped = undefined
    }
    this.release(at)
    if (this.isMute) return
    this.sendStop(at)
    if (this.options.faults.some(({ _tag }) => _tag === "StopRepeated")) this.sendStop(at)
    this.release(at)
  }

  nextDeadline(): number | undefined {
    let due = this.late[0]?.due ?? Infinity
    for (const { when } of this.pending) if ("atMs" in when) due = Math.min(due, this.options.at + when.atMs)
    if (this.held.length > 0) due = Math.min(due, this.stalledUntil(this.heldSince) ?? Infinity)
    return due === Infinity ? undefined : due
  }

  advance(at: number): void {
    if (this.held.length > 0) {
      if (this.stalledUntil(at) === undefined) this.release(at)
      else this.heldSince = at
    }
    for (let next = this.late[0]; next !== undefined && next.due <= at; next = this.late[0]) {
      this.late.shift()
      this.sendEcho(next.due, next.name)
    }
    if (this.pending.length > 0) this.take(at, ({ when }) => "atMs" in when && this.options.at + when.atMs <= at)
  }

  /** Behind all that is late already. */
  private sendLate(due: number, name: string): void {
    this.late.push({ due: Math.max(due, this.late.at(-1)?.due ?? due), name })
  }

  private ordered(names: ReadonlyArray<string>, order: Fault<"EchoesFlushed">["order"]): ReadonlyArray<string> {
    if (order === "sent") return names
    if (order === "reversed") return names.toReversed()
    const { random } = this.options
    return names
      .map((name) => ({ name, place: random.next() }))
      .sort((a, b) => a.place - b.place)
      .map(({ name }) => name)
  }

  private isMissing(at: number): boolean {
    if (this.isMute) return true
    const since = at - this.options.at
    return this.echoesMissing.some(({ atMs, ms }) => since >= atMs && (ms === null || since < atMs + ms))
  }

  private sendStart(at: number): void {
    if (!this.isMute) this.send(at, this.numbered("start", this.startBody()))
  }

  private sendBrokenStarts(at: number): void {
    const start = this.startBody()
    const { mediaFormat } = start
    const bodies: ReadonlyArray<object> = [
      [],
      { ...start, streamSid: 7 },
      { ...start, callSid: "" },
      { ...start, mediaFormat: "mulaw" },
      { ...start, mediaFormat: { ...mediaFormat, sampleRate: "8000" } },
      { ...start, customParameters: { caller: 7 } }
    ]
    for (const body of bodies) this.send(at, this.numbered("start", body))
  }

  private startBody() {
    const { accountSid, callSid, faults, parameters, streamSid } = this.options
    const foreign = faults.find((fault) => fault._tag === "FormatForeign")
    const { channels, encoding, sampleRate } = foreign ?? { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 }
    return {
      accountSid,
      streamSid,
      callSid,
      tracks: ["inbound"],
      mediaFormat: { encoding, sampleRate, channels },
      customParameters: parameters
    }
  }

  private sendStop(at: number): void {
    const { accountSid, callSid } = this.options
    this.send(at, this.numbered("stop", { accountSid, callSid }))
  }

  private sendEcho(at: number, name: string): void {
    this.lastEcho = name
    this.send(at, this.numbered("mark", { name }))
  }

  private sendMedia(at: number, timestamp: number, frame: Frame): void {
    this.listener.sent(at, timestamp, frame.payload, false)
    const sequenceNumber = this.sequenceNumber++
    const chunk = this.chunk++
    const text = this.direct
      ? ""
      : `{"event":"media","sequenceNumber":"${sequenceNumber}${this.mediaTail}${chunk}","timestamp":"${timestamp}","payload":"${frame.base64}"}}`
    this.lastMedia = { timestamp, frame, text }
    this.putMedia(at, this.lastMedia)
  }

  private putMedia(at: number, media: Media): void {
    if (!this.direct) return this.send(at, media.text)
    const { timestamp, frame } = media
    if (this.isHeld(at)) this.hold(at, (over) => this.sendAudio(over, timestamp, frame))
    else this.sendAudio(at, timestamp, frame)
    this.counted(at)
  }

  private sendAudio(at: number, timestamp: number, frame: Frame): void {
    this.listener.sendAudio(at, timestamp, frame.payload, frame.silent)
  }

  private sendOdd(at: number, what: Odd): void {
    const { accountSid, callSid, streamSid } = this.options
    const media = { track: "inbound", chunk: `${this.chunk}`, timestamp: `${this.lastMedia?.timestamp ?? 0}` }
    switch (what) {
      case "binary frame":
        if (this.isHeld(at)) this.hold(at, (over) => this.listener.sendBinary(over))
        else this.listener.sendBinary(at)
        return this.counted(at)
      case "broken base64":
        return this.send(at, this.numbered("media", { ...media, payload: "///*" }))
      case "early stop":
        return this.sendStop(at)
      case "empty payload":
        return this.send(at, this.numbered("media", { ...media, payload: "" }))
      case "foreign stream":
        return this.send(
          at,
          JSON.stringify({
            event: "media",
            sequenceNumber: `${this.sequenceNumber}`,
            streamSid: `${streamSid}0`,
            media: { ...media, payload: silence }
          })
        )
      case "half messages":
        for (const text of this.halfMessages(media)) this.send(at, text)
        return
      case "invalid key":
        return this.send(at, this.numbered("dtmf", { track: "inbound_track", digit: "12?" }))
      case "malformed JSON":
        return this.send(
          at,
          `{"event":"media","sequenceNumber":"${this.sequenceNumber}","streamSid":"${streamSid}","me`
        )
      case "malformed message":
        return this.send(at, this.numbered("mark", []))
      case "media without payload":
        return this.send(at, this.numbered("media", media))
      case "outdated media": {
        if (this.lastMedia === undefined) return
        const timestamp = Math.max(0, this.lastMedia.timestamp - 1_000)
        const { frame } = this.lastMedia
        this.listener.sent(at, timestamp, frame.payload, true)
        const text = this.numbered("media", { ...media, timestamp: `${timestamp}`, payload: frame.base64 })
        return this.putMedia(at, { timestamp, frame, text })
      }
      case "repeated echo":
        if (this.lastEcho !== undefined) this.sendEcho(at, this.lastEcho)
        return
      case "repeated media":
        if (this.lastMedia === undefined) return
        this.listener.sent(at, this.lastMedia.timestamp, this.lastMedia.frame.payload, true)
        return this.putMedia(at, this.lastMedia)
      case "second start":
        return this.sendStart(at)
      case "unknown echo":
        return this.send(at, this.numbered("mark", { name: "nobody sent this" }))
      case "unknown event":
        return this.send(at, this.numbered("weather", { accountSid, callSid }))
    }
  }

  private halfMessages(media: { readonly track: string; readonly timestamp: string }): ReadonlyArray<string> {
    const whole = { ...media, payload: silence }
    return [
      `{"event":"connected","protocol":"Call","version":"1.0.0"}`,
      `["media"]`,
      `{"event":7}`,
      `{"event":"stop","sequenceNumber":"${this.sequenceNumber}"}`,
      this.numbered("media", []),
      this.numbered("media", { ...whole, track: "outbound" }),
      this.numbered("media", { ...whole, track: null }),
      this.numbered("media", { ...whole, timestamp: "soon" }),
      this.numbered("media", { ...whole, timestamp: 20 }),
      this.numbered("mark", {}),
      this.numbered("dtmf", { track: "inbound_track" })
    ]
  }

  private numbered(event: string, content: object): string {
    const { streamSid } = this.options
    return `{"event":"${event}","sequenceNumber":"${this.sequenceNumber++}","streamSid":"${streamSid}","${event}":${JSON.stringify(content)}}`
  }

  private send(at: number, text: string): void {
    if (this.isHeld(at)) this.hold(at, (over) => this.listener.send(over, text))
    else this.listener.send(at, text)
    this.counted(at)
  }

  private counted(at: number): void {
    this.messages++
    if (this.pending.length > 0) this.take(at, ({ when }) => "after" in when && when.after <= this.messages)
  }

  private take(at: number, isDue: (pending: Pending) => boolean): void {
    const due = this.pending.filter(isDue)
    if (due.length === 0) return
    this.pending = this.pending.filter((one) => !due.includes(one))
    for (const { act } of due) act(at)
  }

  private isHeld(at: number): boolean {
    return this.held.length > 0 || (this.options.stalls.length > 0 && this.stalledUntil(at) !== undefined)
  }

  private hold(at: number, release: (at: number) => void): void {
    if (this.held.length === 0) this.heldSince = at
    this.held.push(release)
  }

  private release(at: number): void {
    const held = this.held
    this.held = []
    for (const send of held) send(at)
  }

  private stalledUntil(at: number): number | undefined {
    const { at: start, stalls } = this.options
    for (const stall of stalls) {
      if (within({ atMs: stall.at, ms: stall.ms }, at - start)) return start + stall.at + stall.ms
    }
    return undefined
  }
}

const bytesPerMs = 8

/** 20 ms. */
const silence = Base64.encode(new Uint8Array(160).fill(0xff))

const within = ({ atMs, ms }: { readonly atMs: number; readonly ms: number }, at: number): boolean =>
  at >= atMs && at < atMs + ms
