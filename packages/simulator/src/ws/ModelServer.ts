/**
 * The simulated model behind real sockets: `ws://…/v1/realtime?model=…`, one `SimModel` a connection, real time.
 *
 * 1. One timer is armed a connection, for the machine's next deadline or what is on its way on a line; nothing runs per frame besides.
 * 2. `close()` leaves no socket and no timer.
 */

import type { IncomingMessage } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import type { WebSocket } from "ws"
import { WebSocketServer } from "ws"
import type { Line } from "../Line.ts"
import type { Brain } from "../model/Brain.ts"
import type { Fault } from "../model/Fault.ts"
import * as SimModel from "../SimModel.ts"

export interface Options extends Omit<SimModel.Options, "seed" | "brain" | "epochMs" | "direct"> {
  /** 0 for any free port. */
  readonly port?: number
  readonly host?: string
  readonly brain: Brain
  /** Session `i` gets the seed `seed + "/" + i`; "model" by default. */
  readonly seed?: number | string
  /** The key every client must bring; without it any key, or none, will do. */
  readonly apiKey?: string
  /** What a wrong key gets: HTTP 401 at the upgrade, or 101 and close 3000 (protocols.md G.2, 14). */
  readonly badKey?: "http" | "close"
  /** The network between client and model, one line a direction and session. */
  readonly lines?: (session: number) => { readonly up: Line; readonly down: Line }
  /** Called with each new session, before anything is sent. */
  readonly onSession?: (session: Session) => void
  /** What the machines tell, as it happens. */
  readonly onTrace?: (trace: SimModel.Trace, session: Session) => void
}

export interface Session {
  readonly index: number
  readonly model: SimModel.SimModel
  /** Ms since this session opened. */
  readonly now: () => number
  /** Takes a fault; one without a point at once. */
  readonly fail: (fault: Fault) => void
  /** Resolves when the socket is gone. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}

export interface ModelServer {
  /** `ws://127.0.0.1:PORT/v1/realtime`, without the model. */
  readonly url: string
  /** Every session there ever was, in order. */
  readonly sessions: ReadonlyArray<Session>
  readonly close: () => Promise<void>
}

/** 15 MiB of audio in base64 is 20 MiB; what is larger is cut off by the socket (close 1009). */
const MAX_PAYLOAD = 24 * 1024 * 1024

const TERMINATE_MS = 250

/** What the vendor's guide says of WebSockets, where the host does not choose otherwise (protocols.md G.2, 15). */
const GUIDE = { truncatesItself: false }

export const start = async (options: Options): Promise<ModelServer> => {
  const sessions: Array<Session> = []
  const running = new Set<() => Promise<void>>()
  const webSockets = new WebSocketServer({ noServer: true, maxPayload: MAX_PAYLOAD, perMessageDeflate: false })
  const server = createServer((_, response) => response.writeHead(404).end())

  server.on("connection", (socket) => socket.on("error", () => {}))
  server.on("upgrade", (request, socket, head) => {
    const admission = admit(request, options)
    if (typeof admission === "number") return refuse(socket, admission)
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const end = serve(webSocket, admission, options, sessions)
      running.add(end)
      webSocket.once("close", () => running.delete(end))
    })
  })

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve)
  })
  const { address, port } = server.address() as AddressInfo

  return {
    url: `ws://${address.includes(":") ? `[${address}]` : address}:${port}/v1/realtime`,
    sessions,
    close: async () => {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()))
      await Promise.all([...running].map((end) => end()))
      server.closeAllConnections()
      webSockets.close()
      await stopped
    }
  }
}

interface Admission {
  readonly model: string
  readonly refusal?: SimModel.Refusal
}

/** An HTTP status refuses the upgrade. */
const admit = (request: IncomingMessage, { apiKey, badKey }: Options): Admission | number => {
  const url = new URL(request.url ?? "/", "ws://model.invalid")
  if (url.pathname !== "/v1/realtime") return 404
  const keys = ["model", "intent", "call_id"].filter((key) => url.searchParams.has(key))
  if (keys.length !== 1) return 400
  const model = url.searchParams.get("model") ?? ""
  if (apiKey !== undefined && request.headers.authorization !== `Bearer ${apiKey}`) {
    return badKey === "close" ? { model, refusal: "invalid_api_key" } : 401
  }
  if (request.headers["openai-beta"] !== undefined) return { model, refusal: "beta_api_shape_disabled" }
  return keys[0] === "model" ? { model } : { model, refusal: "invalid_intent" }
}

const REASONS: { readonly [status: number]: string } = { 400: "Bad Request", 401: "Unauthorized", 404: "Not Found" }

const refuse = (socket: Duplex, status: number) => {
  socket.end(`HTTP/1.1 ${status} ${REASONS[status] ?? "Refused"}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** Runs one session; the returned function ends it and resolves when its socket is gone. */
const serve = (
  webSocket: WebSocket,
  admission: Admission,
  options: Options,
  sessions: Array<Session>
): (() => Promise<void>) => {
  const index = sessions.length
  const choices = { ...GUIDE, ...options.choices }
  const model = SimModel.make({ ...options, choices, seed: `${options.seed ?? "model"}/${index}`, epochMs: Date.now() })
  const lines = options.lines?.(index)
  const startedAt = performance.now()
  const now = () => performance.now() - startedAt
  const arriving: Array<{ readonly at: number; readonly text: string | undefined }> = []
  const leaving: Array<{ readonly at: number; readonly output: SimModel.Output }> = []
  let timer: NodeJS.Timeout | undefined
  let armedFor = Infinity
  let gone = false

  const send = (output: SimModel.Output) => {
    if (output._tag === "SendText") {
      if (webSocket.readyState === webSocket.OPEN)
        webSocket.send(output.binary === true ? Buffer.from(output.text) : output.text)
    } else if (output._tag === "CloseSocket") {
      if (output.code === 1006) webSocket.terminate()
      else webSocket.close(output.code, output.reason)
    }
  }

  const perform = (outputs: ReadonlyArray<SimModel.Output>) => {
    for (const output of outputs) {
      if (output._tag === "Trace") options.onTrace?.(output.trace, session)
      else if (lines === undefined) send(output)
      else leaving.push({ at: lines.down.arrival(output.at), output })
    }
  }

  const deliver = (at: number, text: string | undefined) => {
    perform(model.handle(text === undefined ? { _tag: "BinaryReceived", at } : { _tag: "TextReceived", at, text }))
  }

  const wake = () => {
    armedFor = Infinity
    timer = undefined
    const at = now()
    for (let next = arriving[0]; next !== undefined && next.at <= at; next = arriving[0]) {
      arriving.shift()
      deliver(next.at, next.text)
    }
    if ((model.nextDeadline() ?? Infinity) <= at) perform(model.handle({ _tag: "TimeAdvanced", at }))
    for (let next = leaving[0]; next !== undefined && next.at <= at; next = leaving[0]) {
      leaving.shift()
      send(next.output)
    }
    arm()
  }

  const arm = () => {
    if (gone) return
    const deadline = Math.min(model.nextDeadline() ?? Infinity, arriving[0]?.at ?? Infinity, leaving[0]?.at ?? Infinity)
    if (deadline === armedFor) return
    clearTimeout(timer)
    armedFor = deadline
    timer = deadline === Infinity ? undefined : setTimeout(wake, Math.max(0, Math.ceil(deadline - now())))
  }

  const session: Session = {
    index,
    model,
    now,
    fail: (fault) => {
      model.failNext(fault)
      perform(model.handle({ _tag: "TimeAdvanced", at: now() }))
      arm()
    },
    closed: new Promise((resolve) => {
      webSocket.once("close", (code, reason) => {
        clearTimeout(timer)
        gone = true
        model.handle({ _tag: "Closed", at: now() })
        resolve({ code, reason: reason.toString() })
      })
    })
  }
  sessions.push(session)
  options.onSession?.(session)

  webSocket.on("error", () => {})
  webSocket.on("message", (data, binary) => {
    const text = binary ? undefined : data.toString()
    if (lines === undefined) deliver(now(), text)
    else arriving.push({ at: lines.up.arrival(now()), text })
    arm()
  })
  perform(model.handle({ _tag: "Opened", at: now(), ...admission }))
  arm()

  return async () => {
    clearTimeout(timer)
    webSocket.close(1001, "The model server is going away.")
    const deadline = setTimeout(() => webSocket.terminate(), TERMINATE_MS)
    await session.closed
    clearTimeout(deadline)
  }
}
