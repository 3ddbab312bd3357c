/**
 * The simulated carrier on real sockets: one call to a real server.
 *
 * The machine's time is the monotonic clock since the call was placed. Timers only wake it: what is due keeps the time at
 * which it was due, so that lateness of the host does not add up, and several frames follow at once after a pause.
 *
 * When the promise is settled nothing is left: no timer, no socket, no request.
 */
import * as Http from "node:http"
import * as Https from "node:https"
import { WebSocket } from "ws"
import * as Line from "../Line.ts"
import * as Random from "../Random.ts"
import * as SimCarrier from "../SimCarrier.ts"
import type * as CarrierRest from "./CarrierRest.ts"
import * as Signature from "./Signature.ts"

export interface Options extends Omit<SimCarrier.Options, "direct" | "random"> {
  readonly seed?: number | string
  /** Signs webhook and upgrade. Without it there is no signature. */
  readonly authToken?: string
  /** The network between carrier and server, each direction; its clock is ms since the call was placed. */
  readonly toServer?: Line.Line
  readonly fromServer?: Line.Line
  /** Where the server can hang up. */
  readonly rest?: CarrierRest.CarrierRest
  readonly onTrace?: (trace: SimCarrier.Trace, at: number) => void
  /** Once aborted the caller hangs up. */
  readonly signal?: AbortSignal
}

/** Times are ms since the call was placed. */
export interface CallResult {
  readonly callSid: string
  readonly accountSid: string
  readonly reason: SimCarrier.EndReason
  readonly endedAt: number
  /** `performance.now()` when the call was placed. */
  readonly placedAt: number
  readonly ear: SimCarrier.Ear
  readonly sent: ReadonlyArray<SimCarrier.SentFrame>
  readonly warnings: ReadonlyArray<SimCarrier.Warning>
  readonly traces: ReadonlyArray<{ readonly at: number; readonly trace: SimCarrier.Trace }>
}

/** Places a call and answers with what came of it. Never rejects: whatever fails is an end of the call. */
export const placeCall = (options: Options): Promise<CallResult> =>
  new Promise((resolve) => {
    new LiveCall(options, resolve).start()
  })

/** A peer that does not answer, a close or a request, is left after this long. */
const closeGraceMs = 1_000

type InputBody = SimCarrier.Input extends infer I ? (I extends { readonly at: number } ? Omit<I, "at"> : never) : never

class LiveCall {
  private readonly options: Options
  private readonly resolve: (result: CallResult) => void
  private readonly carrier: SimCarrier.SimCarrier
  private readonly toServer: Line.Line
  private readonly fromServer: Line.Line
  private readonly placedAt = performance.now()
  private readonly inbox: Array<{ readonly at: number; readonly input: InputBody }> = []
  private readonly outbox: Array<{ readonly at: number; readonly act: () => void }> = []
  private readonly traces: Array<{ readonly at: number; readonly trace: SimCarrier.Trace }> = []
  private readonly requests = new Set<Http.ClientRequest>()
  private readonly sockets = new Map<number, WebSocket>()
  private pumping = false
  private settled = false
  private timer: NodeJS.Timeout | undefined
  private grace: NodeJS.Timeout | undefined
  private unregister: () => void = () => {}
  private ended: { readonly at: number; readonly reason: SimCarrier.EndReason } | undefined

  constructor(options: Options, resolve: (result: CallResult) => void) {
    const random = Random.make(options.seed ?? 0)
    this.options = options
    this.resolve = resolve
    this.carrier = SimCarrier.make({ epoch: Date.now(), ...options, random })
    this.toServer = options.toServer ?? Line.instant
    this.fromServer = options.fromServer ?? Line.instant
  }

  start(): void {
    const { rest, signal } = this.options
    const { accountSid, callSid } = this.carrier
    if (rest !== undefined) {
      this.unregister = rest.register(accountSid, callSid, (update) =>
        this.receive(
          update._tag === "Complete" ? { _tag: "HungUpByRest" } : { _tag: "TwimlByRest", twiml: update.twiml }
        )
      )
    }
    signal?.addEventListener("abort", this.hangUp)
    this.receive({ _tag: "CallPlaced" })
    if (signal?.aborted === true) this.hangUp()
  }

  private readonly hangUp = (): void => this.receive({ _tag: "CallerHungUp" })

  private readonly pump = (): void => {
    this.pumping = true
    const now = this.now()
    for (let next = this.inbox[0]; next !== undefined && next.at <= now; next = this.inbox[0]) {
      this.inbox.shift()
      this.perform(this.carrier.handle({ ...next.input, at: next.at } as SimCarrier.Input))
    }
    this.perform(this.carrier.handle({ _tag: "TimeAdvanced", at: now }))
    for (let next = this.outbox[0]; next !== undefined && next.at <= now; next = this.outbox[0]) {
      this.outbox.shift()
      next.act()
    }
    this.pumping = false
    clearTimeout(this.timer)
    const due = Math.min(
      this.carrier.nextDeadline() ?? Number.POSITIVE_INFINITY,
      this.inbox[0]?.at ?? Number.POSITIVE_INFINITY,
      this.outbox[0]?.at ?? Number.POSITIVE_INFINITY
    )
    if (due < Number.POSITIVE_INFINITY) this.timer = setTimeout(this.pump, Math.max(0, due - now))
    this.finish()
  }

  private now(): number {
    return performance.now() - this.placedAt
  }

  private receive(input: InputBody, at = this.now()): void {
    if (this.ended !== undefined) return
    insert(this.inbox, { at, input })
    if (!this.pumping) this.pump()
  }

  private perform(outputs: ReadonlyArray<SimCarrier.Output>): void {
    for (const output of outputs) {
      switch (output._tag) {
        case "PostWebhook":
          this.postWebhook(output)
          break
        case "PostStatus":
          this.request(
            output.url,
            output.method,
            output.params,
            () => {},
            () => {}
          )
          break
        case "OpenSocket":
          this.open(output.stream, output.url)
          break
        case "SendText": {
          const { stream, text } = output
          this.later(output.at, () => this.sockets.get(stream)?.send(text, () => {}))
          break
        }
        // Never asked for: the direct lane has no socket.
        case "SendAudio":
          break
        case "SendBinary": {
          const { stream } = output
          this.later(output.at, () => this.sockets.get(stream)?.send(new Uint8Array(1), () => {}))
          break
        }
        case "CloseSocket": {
          const { stream, code } = output
          this.later(output.at, () => this.sockets.get(stream)?.close(code))
          break
        }
        case "Trace":
          this.traces.push({ at: output.at, trace: output.trace })
          this.options.onTrace?.(output.trace, output.at)
          break
        case "CallEnded":
          this.ended = { at: output.at, reason: output.reason }
      }
    }
  }

  private later(at: number, act: () => void): void {
    insert(this.outbox, { at: this.toServer.arrival(at), act })
  }

  private postWebhook({ request, url, method, params }: Extract<SimCarrier.Output, { _tag: "PostWebhook" }>): void {
    this.request(
      url,
      method,
      params,
      (status, contentType, body) => this.receive({ _tag: "WebhookAnswered", request, status, contentType, body }),
      (message) => this.receive({ _tag: "WebhookFailed", request, message })
    )
  }

  private request(
    url: string,
    method: "GET" | "POST",
    params: SimCarrier.Params,
    answered: (status: number, contentType: string | undefined, body: string) => void,
    failed: (message: string) => void
  ): void {
    const form = new URLSearchParams(params).toString()
    const target = method === "POST" ? url : `${url}${url.includes("?") ? "&" : "?"}${form}`
    const { request } = target.startsWith("https:") ? Https : Http
    try {
      const sending = request(target, {
        method,
        agent: false,
        headers: {
          "user-agent": "TwilioProxy/1.1",
          ...(method === "POST" ? { "content-type": "application/x-www-form-urlencoded; charset=UTF-8" } : {}),
          ...this.signature(target, method === "POST" ? params : {})
        }
      })
      this.requests.add(sending)
      sending.once("close", () => {
        this.requests.delete(sending)
        this.finish()
      })
      sending.once("error", (error) => failed(error.message))
      sending.once("response", (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.once("error", (error) => failed(error.message))
        response.once("end", () =>
          answered(response.statusCode ?? 0, response.headers["content-type"], Buffer.concat(chunks).toString("utf8"))
        )
      })
      sending.end(method === "POST" ? form : undefined)
    } catch (error) {
      setImmediate(failed, String(error))
    }
  }

  private open(stream: number, url: string): void {
    const socket = new WebSocket(url, {
      headers: { "user-agent": "Twilio.TmeWs/1.0", "accept-encoding": "gzip", ...this.signature(url, {}) },
      perMessageDeflate: false
    })
    this.sockets.set(stream, socket)
    let refused = false
    const arrived = (input: InputBody) => this.receive(input, this.fromServer.arrival(this.now()))
    const refuse = (status: number | undefined) => {
      if (refused) return
      refused = true
      arrived({ _tag: "SocketRefused", stream, status })
    }
    let opened = false
    socket.on("open", () => {
      opened = true
      arrived({ _tag: "SocketOpened", stream })
    })
    socket.on("unexpected-response", (request, response) => {
      refuse(response.statusCode)
      request.destroy()
      socket.terminate()
    })
    socket.on("error", () => {
      if (!opened) refuse(undefined)
    })
    socket.on("message", (data, isBinary) => {
      if (isBinary) arrived({ _tag: "BinaryReceived", stream })
      else arrived({ _tag: "TextReceived", stream, text: data.toString() })
    })
    socket.on("close", (code, reason) => {
      this.sockets.delete(stream)
      if (opened) arrived({ _tag: "SocketClosed", stream, code, reason: reason.toString() })
      this.finish()
    })
  }

  private signature(url: string, params: SimCarrier.Params): Readonly<Record<string, string>> {
    const { authToken } = this.options
    return authToken === undefined ? {} : { "x-twilio-signature": Signature.sign(authToken, url, params) }
  }

  /** Called whenever it may be over: what is still on its way to the server leaves first. */
  private finish(): void {
    if (this.ended === undefined || this.outbox.length > 0 || this.settled) return
    this.options.signal?.removeEventListener("abort", this.hangUp)
    this.unregister()
    this.inbox.length = 0
    if (this.sockets.size > 0 || this.requests.size > 0) {
      this.grace ??= setTimeout(() => {
        for (const socket of this.sockets.values()) socket.terminate()
        for (const request of this.requests) request.destroy()
      }, closeGraceMs)
      return
    }
    this.settled = true
    clearTimeout(this.timer)
    clearTimeout(this.grace)
    const { accountSid, callSid, ear, sent, warnings } = this.carrier
    this.resolve({
      callSid,
      accountSid,
      reason: this.ended.reason,
      endedAt: this.ended.at,
      placedAt: this.placedAt,
      ear,
      sent,
      warnings,
      traces: this.traces
    })
  }
}

/** Keeps a queue in order of time; equal times in order of coming. */
const insert = <T extends { readonly at: number }>(queue: Array<T>, one: T): void => {
  let index = queue.length
  while (index > 0 && (queue[index - 1]?.at ?? 0) > one.at) index--
  queue.splice(index, 0, one)
}
