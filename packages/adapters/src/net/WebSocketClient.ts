/**
 * Outbound WebSockets, with headers, a deadline and a bounded end.
 *
 * 1. Handlers are attached in the tick in which the socket opens: a message in the same TCP segment as the 101 arrives.
 * 2. Interrupting a connect, or its failing, leaves no socket and no timer.
 * 3. The end of the scope closes politely, waits a bounded time, then ends the connection.
 */

import { Buffer } from "node:buffer"
import type { IncomingMessage } from "node:http"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { WebSocket } from "ws"
import { ConnectFailed } from "../Errors.ts"
import * as Wire from "./Wire.ts"

export interface Options {
  readonly url: string
  readonly headers?: { readonly [name: string]: string | Redacted.Redacted }
  /** For name, TCP, TLS and the 101 together. */
  readonly handshakeTimeout?: Duration.DurationInput
  /** Bytes of one message; a larger one ends the connection with 1009. */
  readonly maxPayload?: number
  /** See `Wire.Options.pingIdle`, ms. */
  readonly pingIdle?: number
}

/** A caller hears nothing meanwhile; a healthy handshake takes three round trips and some TLS, well under 1 s. */
export const HANDSHAKE_TIMEOUT = 10_000

/** OpenAI allows 15 MiB of audio in one event to it and says nothing about those from it; ws allows 100 MiB. */
export const MAX_PAYLOAD = 16 * 1024 * 1024

/** Of the body of a refusal: OpenAI's JSON errors have under 500. */
export const MAX_BODY = 2_048

/** ms that the body of a refusal may take after its headers. */
const BODY_TIMEOUT = 1_000

/** Opens a WebSocket; `attach` is called when it is open, and before anything else happens on it. */
export const connect = Effect.fn("WebSocketClient.connect")(function* (
  options: Options,
  attach: (wire: Wire.Wire) => Wire.Handlers
): Effect.fn.Return<Wire.Wire, ConnectFailed, Scope.Scope> {
  const url = withoutSecrets(options.url)
  const runFork = Runtime.runFork(yield* Effect.runtime())
  const onDefect = (cause: unknown) => {
    runFork(Effect.logError("a WebSocket handler failed", Cause.die(cause)))
  }
  const ws = yield* Effect.acquireRelease(
    Effect.try({
      try: () => start(options),
      catch: (cause) => new ConnectFailed({ reason: "invalid", url, cause })
    }),
    release
  )
  return yield* opened(ws, url, () => Wire.open(ws, { ...pingOption(options), onDefect }, attach)).pipe(
    Effect.timeoutFail({
      duration: options.handshakeTimeout ?? HANDSHAKE_TIMEOUT,
      onTimeout: () => new ConnectFailed({ reason: "timeout", url })
    })
  )
})

const start = (options: Options): WebSocket => {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    headers[name] = typeof value === "string" ? value : Redacted.value(value)
  }
  const ws = new WebSocket(options.url, {
    headers,
    maxPayload: options.maxPayload ?? MAX_PAYLOAD,
    perMessageDeflate: false,
    ...CLOSE
  })
  ws.on("error", ignore)
  return ws
}

const opened = (ws: WebSocket, url: string, onOpen: () => Wire.Wire): Effect.Effect<Wire.Wire, ConnectFailed> =>
  Effect.async((resume) => {
    const settle = (effect: Effect.Effect<Wire.Wire, ConnectFailed>) => {
      ws.off("open", open)
      ws.off("error", failed)
      ws.off("unexpected-response", refused)
      resume(effect)
    }
    const open = () => settle(Effect.succeed(onOpen()))
    const failed = (cause: Error) =>
      settle(new ConnectFailed({ reason: isBreach(cause) ? "protocol" : "refused", url, cause }))
    const refused = (_request: unknown, response: IncomingMessage) =>
      readBody(response, (body) => {
        settle(new ConnectFailed({ reason: "status", url, status: response.statusCode ?? 0, body }))
        ws.terminate()
      })
    ws.once("open", open)
    ws.once("error", failed)
    ws.once("unexpected-response", refused)
    return Effect.sync(() => ws.terminate())
  })

/** Before the 101 the socket's own errors have a system code; what ws finds wrong with the answer has none. */
const isBreach = (cause: NodeJS.ErrnoException): boolean => cause.code === undefined && !("errors" in cause)

const readBody = (response: IncomingMessage, done: (body: string) => void): void => {
  const chunks: Array<Buffer> = []
  let size = 0
  const finish = () => {
    clearTimeout(timer)
    response.off("data", onData)
    response.off("close", finish)
    done(Buffer.concat(chunks).subarray(0, MAX_BODY).toString("utf8"))
  }
  const onData = (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (size >= MAX_BODY) finish()
  }
  const timer = setTimeout(finish, BODY_TIMEOUT)
  response.on("error", ignore)
  response.on("data", onData)
  response.on("close", finish)
}

const release = (ws: WebSocket): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (ws.readyState === ws.CLOSED) return resume(Effect.void)
    ws.once("close", () => resume(Effect.void))
    if (ws.readyState === ws.CONNECTING) ws.terminate()
    else ws.close(1000)
  })

const pingOption = ({ pingIdle }: Options): Pick<Wire.Options, "pingIdle"> =>
  pingIdle === undefined ? {} : { pingIdle }

const withoutSecrets = (url: string): string => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  return parsed === undefined ? "the URL" : `${parsed.protocol}//${parsed.host}${parsed.pathname}`
}

/** ws 8.23 knows the option, its published types do not yet. It bounds the wait for the peer's close frame. */
const CLOSE = { closeTimeout: Wire.CLOSE_TIMEOUT }

const ignore = () => {}
