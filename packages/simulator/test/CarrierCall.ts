import { Base64, Random, SimCarrier } from "@offhook/simulator"

export const connect = (inner = "", tail = "", attributes = "") =>
  `<?xml version="1.0" encoding="UTF-8"?><Response><Connect${attributes}><Stream url="wss://voice.example.com/media">${inner}</Stream></Connect>${tail}</Response>`

type WithoutTime<T> = T extends { readonly at: number } ? Omit<T, "at"> : never

/** A carrier under a hand-turned clock, with all that it put out. */
export const place = (options: Partial<SimCarrier.Options> = {}) => {
  const carrier = SimCarrier.make({
    webhookUrl: "https://voice.example.com/incoming-call",
    random: Random.make(options.callSid ?? "test"),
    script: [],
    ...options
  })
  const outputs: Array<SimCarrier.Output> = []
  const handle = (at: number, input: WithoutTime<SimCarrier.Input>) => {
    const out = carrier.handle({ ...input, at } as SimCarrier.Input)
    outputs.push(...out)
    return out
  }
  const of = <T extends SimCarrier.Output["_tag"]>(tag: T) =>
    outputs.filter((one): one is Extract<SimCarrier.Output, { _tag: T }> => one._tag === tag)
  return {
    carrier,
    outputs,
    of,
    handle,
    advance: (at: number) => handle(at, { _tag: "TimeAdvanced" }),
    answer: (at: number, body: string, contentType = "text/xml", status = 200) =>
      handle(at, {
        _tag: "WebhookAnswered",
        request: (of("PostWebhook").at(-1) ?? { request: -1 }).request,
        status,
        contentType,
        body
      }),
    /** Placed at 0, answered and connected at once. */
    stream: (body = connect()) => {
      handle(0, { _tag: "CallPlaced" })
      handle(0, { _tag: "WebhookAnswered", request: 0, status: 200, contentType: "text/xml", body })
      handle(0, { _tag: "SocketOpened", stream: 0 })
    },
    send: (at: number, message: object | string, stream = 0) =>
      handle(at, {
        _tag: "TextReceived",
        stream,
        text: typeof message === "string" ? message : JSON.stringify(message)
      }),
    streamSid: () => {
      const started = of("Trace").find((one) => one.trace._tag === "StreamStarted")
      return started?.trace._tag === "StreamStarted" ? started.trace.streamSid : ""
    },
    texts: () => of("SendText").map((one) => ({ at: one.at, ...(JSON.parse(one.text) as Message) })),
    traces: () => of("Trace").map((one) => one.trace._tag)
  }
}

export interface Message {
  readonly event: string
  readonly sequenceNumber?: string
  readonly streamSid?: string
  readonly media?: {
    readonly track: string
    readonly chunk: string
    readonly timestamp: string
    readonly payload: string
  }
  readonly mark?: { readonly name: string }
  readonly dtmf?: { readonly track: string; readonly digit: string }
  readonly start?: Record<string, unknown>
  readonly stop?: Record<string, unknown>
}

export const media = (streamSid: string, bytes: Uint8Array) => ({
  event: "media",
  streamSid,
  media: { payload: Base64.encode(bytes) }
})
export const mark = (streamSid: string, name: string) => ({ event: "mark", streamSid, mark: { name } })
export const clear = (streamSid: string) => ({ event: "clear", streamSid })

/** Bytes that differ from one another, and from silence. */
export const counted = (length: number, from = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + from * 17 + (i >> 8)) % 120)

export const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
