/**
 * One port for HTTP and for WebSocket upgrades.
 *
 * Effect's own `HttpServerRequest.upgrade` must not face the internet as it is: a TCP reset during an upgrade ends the
 * process, frames may be 100 MiB, and it hides `bufferedAmount`, ping, close code and reason. So the listener is ours:
 * it serves Effect's `HttpServer` on "request" and upgrade routes on "upgrade".
 *
 * 1. Every socket has an error listener from its first moment to its last: no reset of a peer is an exception.
 * 2. A refused upgrade is answered in HTTP (with `Content-Length` and `Connection: close`) before anything is switched.
 *    What is answered here, and not by the app, is a problem as the app's are (HttpProblem), with the request's id.
 * 3. `admit` decides before the 101 and holds nothing: its socket may be gone a moment later.
 * 4. `accept` is called in the tick of the 101, so no message is missed.
 * 5. Release ends every socket, in a bounded time: 1001 to WebSocket peers, a grace, then the rest is destroyed.
 */

import { Buffer } from "node:buffer"
import * as Http from "node:http"
import type * as Net from "node:net"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { type WebSocket, WebSocketServer } from "ws"
import { ListenFailed } from "../Errors.ts"
import { Metrics } from "../Metrics.ts"
import * as Refusal from "../Refusal.ts"
import * as HttpProblem from "./HttpProblem.ts"
import * as Wire from "./Wire.ts"

/** What `admit` answers. `reason` is the detail of the answer, so it must not hold a secret. */
export type Verdict =
  | { readonly _tag: "Accept" }
  | { readonly _tag: "Refuse"; readonly status: number; readonly reason: string }

export const accept: Verdict = { _tag: "Accept" }

export const refuse = (status: number, reason: string): Verdict => ({ _tag: "Refuse", status, reason })

export interface UpgradeRoute {
  /** Of the path alone, without the query. */
  readonly matches: (path: string) => boolean
  /**
   * An Effect may wait, at most `Limits.admitTimeout`, which is answered with 503; a failure, a defect or a throw is
   * answered with 500 and logged.
   */
  readonly admit: (request: Http.IncomingMessage) => Verdict | Effect.Effect<Verdict, unknown>
  /** The socket is open. May close it again at once. */
  readonly accept: (wire: Wire.Wire, request: Http.IncomingMessage) => Wire.Handlers
}

export interface Limits {
  /** Connections at once. A call has one, a webhook another; a thousand that say nothing leave room for many more. */
  readonly maxConnections: number
  /** Bytes of a WebSocket message. A media message has 400 to 500; the largest other one, `start`, under 8 kB. */
  readonly maxPayload: number
  /** Frames that one message may come in. Twilio's come in one, a proxy may cut them. */
  readonly maxFragments: number
  /** Bytes of an HTTP request body. Twilio's forms have about 2 kB. */
  readonly maxBody: number
  /**
   * Bytes of a body over the limit that are read and thrown away behind the answer, and ms for them. A connection that ends
   * while its peer still sends is reset, and the peer may never see the answer.
   */
  readonly maxLingering: number
  readonly lingeringTimeout: number
  /** Bytes of a request's headers, its line included. Twilio sends under 2 kB; with GET the form is in the line. */
  readonly maxHeader: number
  /** ms until the headers must be complete. Twilio's send theirs in one segment; a slow drip holds a socket no longer. */
  readonly headersTimeout: number
  /** ms until the whole request must be there. Twilio itself waits 15 s for the whole exchange (protocols.md A.1). */
  readonly requestTimeout: number
  /** ms that an idle connection is kept for the next request: longer than usual proxies' 60 s, so that they close first. */
  readonly keepAliveTimeout: number
  /** ms between looks for connections that broke the timeouts above. Node's own 30 s would make 10 s mean 40 s. */
  readonly timeoutCheck: number
  /** ms for an `admit` that waits. Twilio should get its 101 at once. */
  readonly admitTimeout: number
  /** ms between 1001 and the end of those who did not answer it. A polite peer takes a round trip. */
  readonly grace: number
  /** ms of silence after which a WebSocket peer is pinged. */
  readonly pingIdle: number
}

export const limits: Limits = {
  maxConnections: 4_096,
  maxPayload: 64 * 1024,
  maxFragments: 64,
  maxBody: 64 * 1024,
  maxLingering: 1024 * 1024,
  lingeringTimeout: 2_000,
  maxHeader: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 65_000,
  timeoutCheck: 2_000,
  admitTimeout: 5_000,
  grace: 500,
  pingIdle: Wire.PING_IDLE
}

export interface Options {
  /** 0 takes a free one. */
  readonly port: number
  readonly host: string
  readonly limits?: Partial<Limits>
}

export class HttpListener extends Context.Tag("@offhook/adapters/net/HttpListener")<
  HttpListener,
  {
    readonly hostname: string
    readonly port: number
    /** Adds a route until the scope closes; the first route that matches takes the request. */
    readonly upgrade: (route: UpgradeRoute) => Effect.Effect<void, never, Scope.Scope>
    /** TCP connections now open, of either kind. */
    readonly connections: Effect.Effect<number>
  }
>() {}

/** A listening socket, and Effect's `HttpServer` on it. Call it once and bind the result: two calls listen twice. */
export const layer = (options: Options): Layer.Layer<HttpListener | HttpServer.HttpServer, ListenFailed> =>
  Layer.scopedContext(
    Effect.map(make(options), ({ listener, server }) =>
      Context.make(HttpListener, listener).pipe(Context.add(HttpServer.HttpServer, server))
    )
  )

const make = Effect.fnUntraced(function* (options: Options) {
  const limit = { ...limits, ...options.limits }
  const sockets = new Set<Net.Socket>()
  const metrics = yield* Metrics
  metrics.gauge("offhook_connections", () => sockets.size)
  const clients = new Set<WebSocket>()
  const routes = new Set<UpgradeRoute>()

  // Outlives the server, whose release refuses what is not decided yet.
  const runTold = yield* FiberSet.makeRuntime<never>()
  const tell = (reason: Refusal.Reason, annotations: Readonly<Record<string, string>> = {}) => {
    runTold(Refusal.told(reason, annotations))
  }

  const server = yield* Effect.acquireRelease(
    Effect.sync(() => listening(limit, sockets, tell)),
    (server) => release(server, sockets, clients, limit.grace)
  )
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: limit.maxPayload,
    perMessageDeflate: false,
    ...untyped(limit)
  })
  let serving = unavailable
  server.on("request", (request, response) => {
    endAlways(request, response)
    // RFC 9112 3.2, as Node.js would by itself.
    if (request.headers.host === undefined && request.httpVersion === "1.1") {
      return refuseRequest(request, response, "http_malformed")
    }
    serving(request, response)
  })
  server.on("checkExpectation", (request, response) => refuseRequest(request, response, "http_expectation"))
  server.on("connect", (request, socket) => refuseUpgrade(socket as Net.Socket, identify(request), "http_method"))
  const run = yield* FiberSet.makeRuntime<never>()

  const refuseRequest = (request: Http.IncomingMessage, response: Http.ServerResponse, reason: Refusal.Reason) => {
    const { code, sentence } = Refusal.reasons[reason]
    const requestId = identify(request)
    problem(response, code, sentence, requestId)
    tell(reason, { requestId })
  }

  const refuseUpgrade = (socket: Net.Socket, requestId: string, reason: Refusal.Reason, fault?: string) => {
    const { code, sentence } = Refusal.reasons[reason]
    answer(socket, code, fault ?? sentence, requestId)
    tell(reason, fault === undefined ? { requestId } : { requestId, fault })
  }

  const upgrade = (route: UpgradeRoute, request: Http.IncomingMessage, socket: Net.Socket, head: Buffer) => {
    const requestId = identify(request)
    const onDefect = (cause: unknown) => {
      run(Effect.annotateLogs(Effect.logError("a WebSocket handler failed", Cause.die(cause)), { requestId }))
    }
    webSockets.handleUpgrade(request, socket, head, (ws: WebSocket) => {
      clients.add(ws)
      ws.once("close", () => clients.delete(ws))
      Wire.open(ws, { pingIdle: limit.pingIdle, onDefect }, (wire) => route.accept(wire, request))
    })
  }

  const settle = (
    verdict: Verdict,
    route: UpgradeRoute,
    request: Http.IncomingMessage,
    socket: Net.Socket,
    head: Buffer
  ) => {
    const requestId = identify(request)
    if (verdict._tag === "Refuse") return answer(socket, verdict.status, verdict.reason, requestId)
    if (!server.listening) return refuseUpgrade(socket, requestId, "upgrade_closed")
    upgrade(route, request, socket, head)
  }

  server.on("upgrade", (request: Http.IncomingMessage, socket: Net.Socket, head: Buffer) => {
    const requestId = identify(request)
    const failed = (cause: Cause.Cause<unknown>) => {
      answer(socket, 500, "internal error", requestId)
      run(Effect.annotateLogs(Effect.logError("an upgrade could not be decided", cause), { requestId }))
    }
    let route: UpgradeRoute | undefined
    let verdict: ReturnType<UpgradeRoute["admit"]>
    try {
      const path = pathOf(request)
      const fault = malformed(request)
      if (fault !== undefined) return refuseUpgrade(socket, requestId, "upgrade_malformed", fault)
      route = [...routes].find((route) => route.matches(path))
      if (route === undefined) return refuseUpgrade(socket, requestId, "upgrade_path")
      verdict = route.admit(request)
    } catch (cause) {
      return failed(Cause.die(cause))
    }
    if (!Effect.isEffect(verdict)) return settle(verdict, route, request, socket, head)

    const chosen = route
    const decided = Effect.timeoutOption(verdict, limit.admitTimeout)
    const fiber = run(Effect.annotateLogs(decided, { requestId }))
    const unwatch = watch(socket, () => fiber.unsafeInterruptAsFork(fiber.id()))
    fiber.addObserver((exit) => {
      unwatch()
      if (Exit.isSuccess(exit)) {
        return Option.isSome(exit.value)
          ? settle(exit.value.value, chosen, request, socket, head)
          : refuseUpgrade(socket, requestId, "upgrade_undecided")
      }
      if (!Cause.isInterruptedOnly(exit.cause)) return failed(exit.cause)
      refuseUpgrade(socket, requestId, "upgrade_undecided")
    })
  })

  yield* listen(server, options)
  const address = server.address() as Net.AddressInfo

  return {
    listener: HttpListener.of({
      hostname: address.address,
      port: address.port,
      upgrade: (route) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => routes.add(route)),
            () => Effect.sync(() => routes.delete(route))
          )
        ),
      connections: Effect.sync(() => sockets.size)
    }),
    server: HttpServer.make({
      address: { _tag: "TcpAddress", hostname: address.address, port: address.port },
      serve: (app, middleware) =>
        Effect.acquireRelease(
          Effect.map(
            middleware === undefined ? NodeHttpServer.makeHandler(app) : NodeHttpServer.makeHandler(app, middleware),
            (handler) => {
              serving = bodyAtMost(limit, handler, tell)
            }
          ),
          () =>
            Effect.sync(() => {
              serving = unavailable
            })
        ).pipe(Effect.provideService(HttpIncomingMessage.MaxBodySize, Option.some(FileSystem.Size(limit.maxBody))))
    })
  }
})

type Tell = (reason: Refusal.Reason, annotations?: Readonly<Record<string, string>>) => void

const listening = (limit: Limits, sockets: Set<Net.Socket>, tell: Tell): Http.Server => {
  const server = Http.createServer({
    maxHeaderSize: limit.maxHeader,
    headersTimeout: limit.headersTimeout,
    requestTimeout: limit.requestTimeout,
    keepAliveTimeout: limit.keepAliveTimeout,
    connectionsCheckingInterval: limit.timeoutCheck,
    // Node.js' own answer is none of ours, and nobody would be told.
    requireHostHeader: false,
    noDelay: true
  })
  server.maxConnections = limit.maxConnections
  server.on("drop", () => tell("http_connections"))
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Net.Socket) => {
    const reason = PARSER_FAULTS[error.code ?? ""] ?? (error.code?.startsWith("HPE_") ? "http_malformed" : undefined)
    // A reset or an end in the middle: nobody is left to be refused anything.
    if (reason === undefined || !socket.writable) {
      socket.destroy()
      return
    }
    const { code, sentence } = Refusal.reasons[reason]
    const requestId = HttpProblem.requestIdOf(undefined)
    answer(socket, code, sentence, requestId)
    tell(reason, { requestId })
  })
  server.on("connection", (socket) => {
    socket.on("error", ignore)
    // Each request of a pipeline waits for its end.
    socket.setMaxListeners(0)
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  return server
}

const PARSER_FAULTS: Readonly<Record<string, Refusal.Reason>> = {
  HPE_HEADER_OVERFLOW: "http_header_size",
  ERR_HTTP_REQUEST_TIMEOUT: "http_timeout"
}

const listen = (server: Http.Server, { host, port }: Options): Effect.Effect<void, ListenFailed> =>
  Effect.async((resume) => {
    const onError = (cause: NodeJS.ErrnoException) =>
      resume(new ListenFailed({ reason: LISTEN_REASONS[cause.code ?? ""] ?? "other", host, port, cause }))
    server.once("error", onError)
    server.listen({ host, port }, () => {
      server.off("error", onError)
      server.on("error", ignore)
      resume(Effect.void)
    })
  })

const LISTEN_REASONS: { readonly [code: string]: ListenFailed["reason"] } = {
  EADDRINUSE: "in-use",
  EACCES: "not-permitted",
  EADDRNOTAVAIL: "no-such-host",
  ENOTFOUND: "no-such-host",
  EAI_AGAIN: "no-such-host"
}

/** Ends when every socket is closed and every WebSocket handler has been told. */
const release = (
  server: Http.Server,
  sockets: ReadonlySet<Net.Socket>,
  clients: ReadonlySet<WebSocket>,
  grace: number
): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (!server.listening) return resume(Effect.void)
    let open = clients.size + 1
    const closed = () => {
      if (--open > 0) return
      clearTimeout(timer)
      resume(Effect.void)
    }
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, grace)
    server.close(closed)
    for (const ws of clients) {
      ws.once("close", closed)
      ws.close(1001, "server is shutting down")
    }
  })

/** ws 8.23 knows these options, its published types do not yet. */
const untyped = ({ maxFragments }: Limits) => ({ closeTimeout: Wire.CLOSE_TIMEOUT, maxFragments })

const pathOf = (request: Http.IncomingMessage): string => {
  const target = request.url ?? ""
  const query = target.indexOf("?")
  return query < 0 ? target : target.slice(0, query)
}

/** Before an app is served and after: a kept-alive connection may ask at any time. */
const unavailable: Http.RequestListener = (_request, response) => {
  problem(response, 503, "not serving", HttpProblem.requestIdOf(undefined))
}

/**
 * A body is too large by what it says of itself, or, in chunks, by what has come of it. Effect would cut off the connection
 * amid the chunks, and nobody would be told why: so they are read here, and the app sees them whole.
 */
const bodyAtMost =
  (limit: Limits, handler: Http.RequestListener, tell: Tell): Http.RequestListener =>
  (request, response) => {
    const refuse = () => {
      const { code, sentence } = Refusal.reasons.http_body_size
      const requestId = identify(request)
      say(response, code, sentence, requestId)
      linger(limit, request, response)
      tell("http_body_size", { requestId })
    }
    if (Number(request.headers["content-length"] ?? 0) > limit.maxBody) return refuse()
    if (request.headers["transfer-encoding"] === undefined) return handler(request, response)

    const body = Buffer.allocUnsafe(limit.maxBody)
    let length = 0
    const onData = (chunk: Buffer) => {
      if (length + chunk.length > limit.maxBody) {
        request.off("data", onData).off("end", onEnd)
        return refuse()
      }
      length += chunk.copy(body, length)
    }
    const onEnd = () => handler(withBody(request, body.subarray(0, length)), response)
    request.on("data", onData).once("end", onEnd)
  }

/** The same request, its body not read yet. */
const withBody = (request: Http.IncomingMessage, body: Buffer): Http.IncomingMessage => {
  const { headers, httpVersion, method, rawHeaders, socket, url } = request
  const whole = Object.assign(new Http.IncomingMessage(socket), { headers, httpVersion, method, rawHeaders, url })
  whole.push(body)
  whole.push(null)
  whole.complete = true
  return whole
}

/** The answer is out; it ends when the request does, or when its bounds are reached. */
const linger = (limit: Limits, request: Http.IncomingMessage, response: Http.ServerResponse): void => {
  let left = limit.maxLingering
  const over = () => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(over, limit.lingeringTimeout)
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) over()
  })
  request.once("end", over).once("close", over)
}

const problem = (response: Http.ServerResponse, status: number, detail: string, requestId: string): void => {
  say(response, status, detail, requestId)
  response.end()
}

/** The whole answer, which is not at its end yet. */
const say = (response: Http.ServerResponse, status: number, detail: string, requestId: string): void => {
  const { body, headers } = HttpProblem.answer(status, detail, requestId)
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body), connection: "close" })
  response.write(body)
}

/** Gives the request its id, for whoever looks at it. */
const identify = ({ headers }: Http.IncomingMessage): string => {
  const given = headers[HttpProblem.REQUEST_ID]
  const requestId = HttpProblem.requestIdOf(typeof given === "string" ? given : undefined)
  headers[HttpProblem.REQUEST_ID] = requestId
  return requestId
}

/** What ws itself would refuse, said before `admit` is asked. */
const malformed = ({ headers, method }: Http.IncomingMessage): string | undefined => {
  if (method !== "GET") return "a WebSocket upgrade is a GET"
  if (headers.upgrade?.toLowerCase() !== "websocket") return "the only upgrade here is to websocket"
  if (headers["sec-websocket-version"] !== "13") return "Sec-WebSocket-Version must be 13"
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? ""))
    return "Sec-WebSocket-Key is missing or malformed"
  return undefined
}

/**
 * Effect waits for the callback of `end`. Node calls it when all is written, and never where the socket closes before:
 * the fiber would wait for ever.
 */
const endAlways = ({ socket }: Http.IncomingMessage, response: Http.ServerResponse): void => {
  const end = response.end.bind(response) as (...args: ReadonlyArray<unknown>) => Http.ServerResponse
  response.end = (...args: ReadonlyArray<unknown>) => {
    const callback = args.at(-1)
    if (typeof callback !== "function") return end(...args)
    const done = () => {
      socket.off("close", done)
      response.off("finish", done)
      callback()
    }
    response.once("finish", done)
    if (socket.closed) process.nextTick(done)
    else socket.once("close", done)
    return end(...args.slice(0, -1))
  }
}

/** Calls `gone` when the peer has left. One that resets right behind its request shows as an end, and never as a close. */
const watch = (socket: Net.Socket, gone: () => void): (() => void) => {
  socket.once("end", gone)
  socket.once("close", gone)
  return () => {
    socket.off("end", gone)
    socket.off("close", gone)
  }
}

/** The socket is destroyed once the answer is out: Node keeps HTTP sockets half open, and a mute peer would hold it. */
const answer = (socket: Net.Socket, status: number, detail: string, requestId: string): void => {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.once("finish", () => socket.destroy())
  // Bytes that nobody read would turn the end of the connection into a reset, and the answer would be lost.
  socket.resume()
  const { body, headers } = HttpProblem.answer(status, detail, requestId)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(
    `HTTP/1.1 ${status} ${Http.STATUS_CODES[status] ?? "Refused"}\r\n` +
      `Connection: close\r\n${lines.join("")}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

const ignore = () => {}
