/**
 * The phone network, as a seeded machine without sockets and without a clock: places a call, fetches TwiML and executes
 * it, and is the far end of the Media Streams (protocols.md A and B). What goes in and comes out: CarrierProtocol.ts.
 *
 * The *ear* is what the caller heard. An input names the request or stream it answers, so what comes too late is
 * recognised.
 *
 * Times are ms on the host's clock, fractional, never decreasing. Inside, the carrier has a clock of its own
 * (`clockOffset`, `driftPpm`): media timestamps, frames and playout run on it. All records are in the host's time.
 *
 * 1. Everything due at or before an input's `at` happens before the input, each output stamped with its own time.
 * 2. No verb runs while another does; `<Connect><Stream>` lasts until its socket is gone.
 * 3. Where no verb is left the carrier hangs up. What cannot be fetched or read ends the call.
 * 4. `CallEnded` is the last output. An ended call is silent.
 */
import * as Caller from "./Caller.ts"
import type { CarrierFault, OfStream } from "./CarrierFault.ts"
import type {
  Ear,
  EndReason,
  HeardSpan,
  Input,
  Output,
  Params,
  SentFrame,
  Trace,
  UnsentFrame,
  Warning
} from "./CarrierProtocol.ts"
import * as CarrierRecords from "./CarrierRecords.ts"
import * as CarrierRequests from "./CarrierRequests.ts"
import * as CarrierStream from "./CarrierStream.ts"
import * as CarrierTwiml from "./CarrierTwiml.ts"
import type { Random } from "./Random.ts"

export type * from "./CarrierProtocol.ts"

export interface Options {
  readonly webhookUrl: string
  readonly random: Random
  readonly script: Caller.CallerScript
  readonly webhookMethod?: CarrierTwiml.Method
  readonly accountSid?: string
  readonly callSid?: string
  readonly from?: string
  readonly to?: string
  /** Very quiet noise on the caller's line instead of silence. */
  readonly noise?: boolean
  /** Size of a media message, bytes; 160 is 20 ms. */
  readonly frameBytes?: number
  /** ms; see PlayBuffer. */
  readonly playoutQuantum?: number
  readonly impairments?: CarrierStream.Impairments
  readonly faults?: ReadonlyArray<CarrierFault>
  /** Media is sent as `SendAudio`, without JSON and base64; everything else as text. Both kinds of input are taken. */
  readonly direct?: boolean
  /** The wall clock when the host's is 0, ms since 1970: for what the carrier tells in dates. */
  readonly epoch?: number
  /** The carrier's clock when the host's is 0, ms. */
  readonly clockOffset?: number
  /** How much faster the carrier's clock runs, millionths. */
  readonly driftPpm?: number
  /** At the end of a stream the socket is closed without `stop`. */
  readonly withoutStop?: boolean
  readonly closeCode?: number
  /** The caller hangs up this many ms after placing the call, whatever happens. */
  readonly patience?: number
}

export interface SimCarrier {
  readonly accountSid: string
  readonly callSid: string
  readonly ear: Ear
  /** The records only grow, in order of time. */
  readonly sent: ReadonlyArray<SentFrame>
  readonly unsent: ReadonlyArray<UnsentFrame>
  readonly warnings: ReadonlyArray<Warning>
  readonly handle: (input: Input) => ReadonlyArray<Output>
  readonly nextDeadline: () => number | undefined
  readonly isEnded: () => boolean
  /** What the ear is hearing at `at` and `ear.heard` does not hold yet. */
  readonly inPlay: (at: number) => HeardSpan | undefined
}

export const make = (options: Options): SimCarrier => new Carrier(options)

/** Longer, and Twilio gives a webhook up (protocols.md A.1). */
const webhookTimeoutMs = 15_000
/** `<Dial>` is a stub: it rings for this long, at most its `timeout`, and nobody answers. */
const dialMs = 5_000
/** How long a 101 is waited for; Twilio's own limit is not documented. */
const connectTimeoutMs = 10_000
const nothing: ReadonlyArray<Output> = []

/** A rough rate of speech, for `<Say>`: about 150 words a minute. */
const sayMsPerCharacter = 65
const playMs = 2_000
const digitMs = 200
/** Undoes rounding between the two clocks: a nanosecond. */
const tolerance = 1e-6

type Phase =
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Fetching"; readonly request: number; readonly until: number }
  | { readonly _tag: "Busy"; readonly until: number; readonly then: () => void }
  | { readonly _tag: "Connecting"; readonly connect: Connect; readonly until: number }
  | { readonly _tag: "Streaming"; readonly connect: Connect; readonly stream: CarrierStream.CarrierStream }
  | { readonly _tag: "Ended" }

type Connect = Extract<CarrierTwiml.Verb, { _tag: "Connect" }>

class Carrier implements SimCarrier {
  readonly accountSid: string
  readonly callSid: string
  readonly ear: Ear
  readonly sent: ReadonlyArray<SentFrame>
  readonly unsent: ReadonlyArray<UnsentFrame>
  readonly warnings: Array<Warning> = []

  private readonly options: Options
  private readonly random: Random
  private readonly caller: Caller.Caller
  private readonly records: CarrierRecords.CarrierRecords
  private readonly rate: number
  private out: Array<Output> = []
  private phase: Phase = { _tag: "Idle" }
  /** On the carrier's clock, as all times below. */
  private now = -Infinity
  /** When something is due, as of the last input. */
  private next: number | undefined
  private hangUpAt: number | undefined
  private repeats: ReadonlyArray<{ readonly at: number; readonly output: Output }> = []
  private answered = false
  private verbs: ReadonlyArray<CarrierTwiml.Verb> = []
  private nextVerb = 0
  private documentUrl: string
  private requests = 0
  private streams = 0
  private warned = false
  private audioStartedAt = 0
  private audioEndedAt: number | undefined

  constructor(options: Options) {
    this.options = options
    this.random = options.random.split("carrier")
    this.rate = 1 + (options.driftPpm ?? 0) / 1e6
    this.records = CarrierRecords.make((at) => this.toHost(at))
    this.ear = this.records.ear
    this.sent = this.records.sent
    this.unsent = this.records.unsent
    this.accountSid = options.accountSid ?? `AC${this.random.split("account").hex(32)}`
    this.callSid = options.callSid ?? `CA${this.random.split("call").hex(32)}`
    this.documentUrl = options.webhookUrl
    this.caller = Caller.make({
      script: options.script,
      frameBytes: options.frameBytes ?? 160,
      listener: {
        speaking: (at, clip, bytes) => this.trace(at, { _tag: "CallerSpeaking", clip, ms: bytes / 8 }),
        quiet: (at, clip) => this.trace(at, { _tag: "CallerQuiet", clip }),
        pressed: (at, digit) => this.press(at, digit),
        hungUp: (at) => this.end(at, "caller")
      },
      ...(options.noise === true ? { noise: this.random.split("noise") } : {})
    })
  }

  handle(input: Input): ReadonlyArray<Output> {
    if (this.phase._tag === "Ended") return []
    const at = Math.max(this.now, this.toCarrier(input.at))
    this.advance(at)
    this.now = at
    if (input._tag !== "TimeAdvanced" && !this.isEnded()) {
      this.receive(at, input)
      this.next = this.due()
    }
    if (this.out.length === 0) return nothing
    const out = this.out
    this.out = []
    return out
  }

  nextDeadline(): number | undefined {
    return this.next === undefined ? undefined : this.toHost(this.next)
  }

  isEnded(): boolean {
    return this.phase._tag === "Ended"
  }

  inPlay(at: number): HeardSpan | undefined {
    if (this.phase._tag !== "Streaming") return undefined
    const span = this.phase.stream.inPlay(this.toCarrier(at))
    return span === undefined ? undefined : { ...span, stream: this.streams - 1, at: this.toHost(span.at) }
  }

  private receive(at: number, input: Input): void {
    const phase = this.phase
    switch (input._tag) {
      case "CallPlaced": {
        if (phase._tag !== "Idle") return
        const { webhookUrl, webhookMethod = "POST", patience } = this.options
        if (patience !== undefined) this.hangUpAt = at + patience
        this.fetch(at, { url: webhookUrl, method: webhookMethod }, {})
        this.repeatWebhook(at)
        return
      }
      case "WebhookAnswered":
        if (phase._tag !== "Fetching" || phase.request !== input.request) return
        if (input.status < 200 || input.status > 299) {
          this.fail(at, 11200, `the webhook answered ${input.status}`)
          return
        }
        this.run(at, input.body, input.contentType)
        return
      case "WebhookFailed":
        if (phase._tag !== "Fetching" || phase.request !== input.request) return
        this.fail(at, 11200, input.message)
        return
      case "SocketOpened":
        if (phase._tag !== "Connecting" || input.stream !== this.streams - 1) return
        this.startStream(at, phase.connect)
        return
      case "SocketRefused":
        if (phase._tag !== "Connecting" || input.stream !== this.streams - 1) return
        if (input.status === undefined)
          this.streamFailed(at, phase.connect, 31902, "the host of the stream refuses the connection")
        else this.streamFailed(at, phase.connect, 31920, `the handshake was answered by ${input.status}`)
        this.connectEnded(at, phase.connect)
        return
      case "TextReceived":
        if (phase._tag !== "Streaming" || input.stream !== this.streams - 1) return
        phase.stream.receive(at, input.text)
        return
      case "AudioReceived":
        if (phase._tag !== "Streaming" || input.stream !== this.streams - 1) return
        phase.stream.receiveAudio(at, input.payload)
        return
      case "BinaryReceived":
        if (phase._tag !== "Streaming" || input.stream !== this.streams - 1) return
        this.invalid(at, "a binary message")
        return
      case "SocketClosed":
        if (input.stream !== this.streams - 1) return
        if (phase._tag === "Connecting") {
          this.streamFailed(at, phase.connect, 31920, "closed during the handshake")
          this.connectEnded(at, phase.connect)
          return
        }
        if (phase._tag !== "Streaming") return
        phase.stream.end(at, false)
        this.trace(at, { _tag: "StreamEnded", stream: input.stream, by: "server" })
        this.streamFailed(at, phase.connect, 31921, `the server closed the socket (${input.code})`)
        this.connectEnded(at, phase.connect)
        return
      case "HungUpByRest":
        this.end(at, "rest", input.withoutStop)
        return
      case "TwimlByRest":
        this.endStream(at)
        this.run(at, input.twiml, "text/xml")
        return
      case "CallerHungUp":
        this.end(at, "caller")
        return
      case "KeyPressed":
        this.press(at, input.digit)
        return
      case "TimeAdvanced":
        return
    }
  }

  private advance(until: number): void {
    for (let due = this.next; due !== undefined && due <= until + tolerance; due = this.next) {
      this.now = Math.max(this.now, due)
      this.happen(due)
      this.next = this.due()
    }
  }

  private due(): number | undefined {
    const phase = this.phase
    let due: number | undefined
    switch (phase._tag) {
      case "Ended":
        return undefined
      case "Fetching":
      case "Busy":
      case "Connecting":
        due = phase.until
        break
      case "Streaming":
        due = earlier(phase.stream.nextDeadline(), this.caller.nextDeadline())
        break
      case "Idle":
        break
    }
    return earlier(earlier(due, this.hangUpAt), this.repeats[0]?.at)
  }

  private happen(at: number): void {
    if (this.hangUpAt !== undefined && this.hangUpAt <= at) {
      this.end(at, "caller")
      return
    }
    const repeat = this.repeats[0]
    if (repeat !== undefined && repeat.at <= at) {
      this.repeats = this.repeats.slice(1)
      this.out.push(repeat.output)
      return
    }
    const phase = this.phase
    switch (phase._tag) {
      case "Fetching":
        this.fail(at, 11200, `the webhook did not answer within ${webhookTimeoutMs} ms`)
        return
      case "Busy":
        phase.then()
        return
      case "Connecting":
        this.out.push(this.closeSocket(at))
        this.streamFailed(at, phase.connect, 31901, `no handshake within ${connectTimeoutMs} ms`)
        this.connectEnded(at, phase.connect)
        return
      case "Streaming": {
        const acts = this.caller.nextDeadline()
        const streams = phase.stream.nextDeadline()
        if (acts !== undefined && (streams === undefined || acts < streams)) {
          this.caller.advance(at)
          return
        }
        phase.stream.advance(at)
        return
      }
    }
  }

  private run(at: number, body: string, contentType: string | undefined): void {
    const document = CarrierTwiml.parse(body, contentType ?? "")
    if (document._tag === "Refused") {
      this.fail(at, document.code, document.message)
      return
    }
    this.verbs = document.verbs
    this.nextVerb = 0
    this.execute(at)
  }

  private execute(at: number): void {
    const verb = this.verbs[this.nextVerb++]
    if (verb === undefined) {
      this.end(at, "twiml")
      return
    }
    const first = !this.answered && this.nextVerb === 1
    if (verb._tag !== "Reject" && !(verb._tag === "Pause" && first)) this.answer(at)
    switch (verb._tag) {
      case "Say":
        this.executed(at, verb, verb.text)
        this.busy(at, verb.text.length * sayMsPerCharacter * Math.max(1, verb.loop))
        return
      case "Play":
        this.executed(at, verb, verb.digits === "" ? verb.url : verb.digits)
        this.busy(at, (verb.digits === "" ? playMs : verb.digits.length * digitMs) * Math.max(1, verb.loop))
        return
      case "Pause":
        this.executed(at, verb, `${verb.seconds} s`)
        this.busy(at, verb.seconds * 1000)
        return
      case "Redirect":
        this.executed(at, verb, verb.action.url)
        this.fetch(at, verb.action, {})
        return
      case "Connect":
        this.executed(at, verb, verb.stream.url)
        this.connect(at, verb)
        return
      case "Dial": {
        this.executed(at, verb, verb.target)
        const rings = Math.min(verb.timeout * 1000, dialMs)
        this.busy(at, rings, () => {
          const over = at + rings
          if (verb.action === undefined) return this.execute(over)
          this.fetch(over, verb.action, {
            DialCallStatus: "no-answer",
            DialCallSid: `CA${this.random.split("dial").hex(32)}`,
            DialBridged: "false"
          })
        })
        return
      }
      case "Reject":
        this.executed(at, verb, verb.reason)
        this.end(at, "rejected")
        return
      case "Hangup":
        this.executed(at, verb, "")
        this.end(at, "twiml")
        return
    }
  }

  private busy(at: number, ms: number, then: () => void = () => this.execute(at + ms)): void {
    this.phase = { _tag: "Busy", until: at + ms, then }
  }

  private connect(at: number, verb: Connect): void {
    const url = CarrierRequests.streamUrl(verb.stream.url, this.documentUrl)
    if (typeof url !== "string") {
      this.streamFailed(at, verb, url.code, url.message)
      this.connectEnded(at, verb)
      return
    }
    this.phase = { _tag: "Connecting", connect: verb, until: at + connectTimeoutMs }
    this.out.push({ _tag: "OpenSocket", at: this.toHost(at), stream: this.streams++, url })
  }

  private startStream(at: number, connect: Connect): void {
    const index = this.streams - 1
    const streamSid = this.streamSid(index)
    const { frameBytes = 160, playoutQuantum = 0, impairments = {}, faults = [], direct = false } = this.options
    this.warned = false
    this.audioEndedAt = undefined
    this.trace(at, { _tag: "StreamStarted", stream: index, streamSid })
    const stream = CarrierStream.make({
      at,
      streamSid,
      callSid: this.callSid,
      accountSid: this.accountSid,
      parameters: connect.stream.parameters,
      caller: this.caller,
      frameBytes,
      firstTimestamp: this.random.split(`first timestamp ${index}`).integer(100, 160),
      playoutQuantum,
      impairments,
      faults: faults.filter(
        (fault): fault is OfStream => fault._tag !== "WebhookRepeated" && (fault.stream ?? 0) === index
      ),
      random: this.random.split(`faults ${index}`),
      direct,
      listener: this.listen(index)
    })
    this.phase = { _tag: "Streaming", connect, stream }
    this.statusCallback(at, connect, "stream-started")
  }

  private listen(index: number): CarrierStream.Listener {
    return {
      ...this.records.of(index),
      send: (at, text) => {
        this.out.push({ _tag: "SendText", at: this.toHost(at), stream: index, text })
      },
      sendAudio: (at, timestamp, payload, silent) => {
        this.out.push({ _tag: "SendAudio", at: this.toHost(at), stream: index, timestamp, payload, silent })
      },
      sendBinary: (at) => {
        this.out.push({ _tag: "SendBinary", at: this.toHost(at), stream: index })
      },
      invalid: (at, message) => this.invalid(at, message),
      started: (at) => {
        if (this.audioEndedAt !== undefined) {
          this.records.ear.gaps.push({ stream: index, from: this.toHost(this.audioEndedAt), to: this.toHost(at) })
        }
        this.audioStartedAt = at
        this.caller.agentStarted(at)
        this.trace(at, { _tag: "AudioStarted", stream: index })
      },
      ended: (at, cleared) => {
        this.audioEndedAt = cleared ? undefined : at
        this.caller.agentEnded(at, cleared)
        this.trace(at, { _tag: "AudioEnded", stream: index, ms: at - this.audioStartedAt, cleared })
      }
    }
  }

  private endStream(at: number, withoutStop = this.options.withoutStop === true): void {
    if (this.phase._tag === "Connecting") {
      this.out.push(this.closeSocket(at))
      return
    }
    if (this.phase._tag !== "Streaming") return
    const { connect, stream } = this.phase
    this.phase = { _tag: "Idle" }
    stream.end(at, !withoutStop)
    this.out.push(this.closeSocket(at))
    this.trace(at, { _tag: "StreamEnded", stream: this.streams - 1, by: "carrier" })
    this.statusCallback(at, connect, "stream-stopped")
  }

  private closeSocket(at: number): Output {
    return { _tag: "CloseSocket", at: this.toHost(at), stream: this.streams - 1, code: this.options.closeCode ?? 1000 }
  }

  private connectEnded(at: number, { action }: Connect): void {
    if (action === undefined) this.execute(at)
    else this.fetch(at, action, {})
  }

  private fetch(at: number, action: CarrierTwiml.Action, extra: Params): void {
    const url = CarrierRequests.webhookUrl(action.url, this.documentUrl)
    if (url === undefined) {
      this.fail(at, 11100, "the webhook's URL is malformed")
      return
    }
    this.documentUrl = url
    const request = this.requests++
    this.phase = { _tag: "Fetching", request, until: at + webhookTimeoutMs }
    const params = { ...this.callParams(), ...extra }
    this.out.push({ _tag: "PostWebhook", at: this.toHost(at), request, url, method: action.method, params })
  }

  private repeatWebhook(at: number): void {
    const posted = this.out.find(({ _tag }) => _tag === "PostWebhook")
    if (posted === undefined) return
    this.repeats = (this.options.faults ?? [])
      .flatMap((fault) => (fault._tag === "WebhookRepeated" ? [at + fault.afterMs] : []))
      .sort((a, b) => a - b)
      .map((due) => ({ at: due, output: { ...posted, at: this.toHost(due) } }))
  }

  private callParams(): Params {
    const { from = "+15005550001", to = "+15005550006" } = this.options
    const callToken = this.random.split("token").hex(16)
    const { accountSid, callSid, answered: isAnswered } = this
    return CarrierRequests.callParams({ accountSid, callSid, callToken, from, to, isAnswered })
  }

  private statusCallback(
    at: number,
    { stream }: Connect,
    event: CarrierRequests.StreamStatus["event"],
    error?: string
  ): void {
    if (stream.statusCallback === undefined) return
    const { url, method } = stream.statusCallback
    const params = CarrierRequests.statusParams({
      accountSid: this.accountSid,
      callSid: this.callSid,
      streamSid: this.streamSid(this.streams - 1),
      streamName: stream.name ?? "",
      event,
      error,
      time: (this.options.epoch ?? 0) + this.toHost(at)
    })
    this.out.push({ _tag: "PostStatus", at: this.toHost(at), url, method, params })
  }

  private streamSid(index: number): string {
    return `MZ${this.random.split(`stream ${index}`).hex(32)}`
  }

  private streamFailed(at: number, connect: Connect, code: number, message: string): void {
    this.warn(at, code, message)
    this.statusCallback(at, connect, "stream-error", message)
  }

  private invalid(at: number, message: string): void {
    if (this.warned) return
    this.warned = true
    this.warn(at, 31951, message)
  }

  private press(at: number, digit: string): void {
    this.trace(at, { _tag: "KeyPressed", digit })
    if (this.phase._tag === "Streaming") this.phase.stream.press(at, digit)
  }

  private answer(at: number): void {
    if (this.answered) return
    this.answered = true
    this.trace(at, { _tag: "Answered" })
  }

  private fail(at: number, code: number, message: string): void {
    this.warn(at, code, message)
    this.end(at, "application-error")
  }

  private end(at: number, reason: EndReason, withoutStop?: boolean): void {
    this.endStream(at, withoutStop)
    this.phase = { _tag: "Ended" }
    this.trace(at, { _tag: "HungUp", by: reason })
    this.out.push({ _tag: "CallEnded", at: this.toHost(at), reason })
  }

  private warn(at: number, code: number, message: string): void {
    this.warnings.push({ at: this.toHost(at), code, message })
    this.trace(at, { _tag: "Warned", code, message })
  }

  private executed(at: number, verb: CarrierTwiml.Verb, detail: string): void {
    this.trace(at, { _tag: "VerbExecuted", verb: verb._tag, detail })
  }

  private trace(at: number, trace: Trace): void {
    this.out.push({ _tag: "Trace", at: this.toHost(at), trace })
  }

  private toCarrier(at: number): number {
    return at * this.rate + (this.options.clockOffset ?? 0)
  }

  private toHost(at: number): number {
    return (at - (this.options.clockOffset ?? 0)) / this.rate
  }
}

const earlier = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined || a <= b ? a : b
