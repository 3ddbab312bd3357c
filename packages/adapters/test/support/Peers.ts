/** Both ends of a call on real sockets, as small as a test needs: a model that answers, a carrier that speaks. */

import { once } from "node:events"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { WebSocket, WebSocketServer } from "ws"

/** A message of either wire, as far as tests read it. */
export interface Json {
  readonly type?: string
  readonly event?: string
  readonly audio?: string
  readonly item?: { readonly type?: string; readonly output?: string; readonly [field: string]: unknown }
  readonly mark?: { readonly name: string }
  readonly media?: { readonly [field: string]: unknown }
  readonly response?: { readonly metadata?: unknown; readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

export interface ModelPeer {
  readonly url: string
  readonly request: Http.IncomingMessage
  readonly received: ReadonlyArray<Json>
  readonly send: (event: Json) => void
  readonly ws: WebSocket
}

export interface ModelServer {
  readonly url: string
  /** Sessions that were opened, in order. */
  readonly peers: ReadonlyArray<ModelPeer>
  readonly sockets: ReadonlySet<Net.Socket>
  /** Forgets the sessions so far, and what they were told. */
  readonly forget: () => void
}

const MULAW = {
  audio: { input: { format: { type: "audio/pcmu" } }, output: { format: { type: "audio/pcmu" } } }
}

/** Answers `session.update`; `onEvent` says what else it answers. */
export const model = (onEvent: (peer: ModelPeer, event: Json) => void = () => {}) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = Http.createServer()
      const peers: Array<ModelPeer> = []
      const sockets = new Set<Net.Socket>()
      const upgrades = new WebSocketServer({ server })
      server.on("connection", (socket: Net.Socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.once("close", () => sockets.delete(socket))
      })
      upgrades.on("connection", (ws: WebSocket, request: Http.IncomingMessage) => {
        const received: Array<Json> = []
        const peer: ModelPeer = {
          url: request.url ?? "",
          request,
          received,
          ws,
          send: (event) => ws.send(JSON.stringify(event))
        }
        peers.push(peer)
        peer.send({ type: "session.created", session: { id: "sess_1", ...MULAW } })
        ws.on("message", (data) => {
          const event = JSON.parse(String(data))
          received.push(event)
          if (event.type === "session.update")
            peer.send({ type: "session.updated", session: { id: "sess_1", ...MULAW } })
          onEvent(peer, event)
        })
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const { port } = server.address() as Net.AddressInfo
      const forget = () => {
        peers.length = 0
      }
      return { server, sockets, peers, forget, url: `ws://127.0.0.1:${port}/v1/realtime` }
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )

/** A model that takes connections, and answers nothing. */
export const mute = Effect.acquireRelease(
  Effect.async<{ readonly server: Net.Server; readonly sockets: Set<Net.Socket>; readonly url: string }>((resume) => {
    const sockets = new Set<Net.Socket>()
    const server = Net.createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.resume()
      socket.once("close", () => sockets.delete(socket))
    }).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as Net.AddressInfo
      resume(Effect.succeed({ server, sockets, url: `ws://127.0.0.1:${port}/v1/realtime` }))
    })
  }),
  ({ server, sockets }) =>
    Effect.async<void>((resume) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resume(Effect.void))
    })
)

export const SPEECH = Buffer.alloc(160, 0x10).toString("base64")

/** The message that begins a stream. */
export const started = ({
  callSid = "CA1",
  customParameters = {},
  streamSid = "MZ1"
}: {
  readonly callSid?: string
  readonly customParameters?: Json
  readonly streamSid?: string
}): Json => ({
  event: "start",
  sequenceNumber: "1",
  streamSid,
  start: {
    streamSid,
    callSid,
    accountSid: "AC0123456789abcdef0123456789abcdef",
    tracks: ["inbound"],
    mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
    customParameters
  }
})

export interface CarrierPeer {
  readonly ws: WebSocket
  readonly received: ReadonlyArray<Json>
  readonly streamSid: string
  readonly send: (message: Json | string | Buffer) => void
  readonly connected: () => void
  readonly start: (parameters?: Json) => void
  readonly media: (chunk: number, payload?: string) => void
  readonly stop: () => void
  /** Waits for the close frame: its code. */
  readonly closed: Effect.Effect<number>
}

/** A socket to `/media-stream`, open. Echoes marks at once unless told otherwise. */
export const carrier = (
  port: number,
  callSid: string,
  options: { readonly echo?: boolean; readonly path?: string; readonly headers?: Record<string, string> } = {}
) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<CarrierPeer> => {
      const ws = new WebSocket(`ws://127.0.0.1:${port}${options.path ?? "/media-stream"}`, {
        headers: options.headers ?? {}
      })
      const streamSid = `MZ${callSid.slice(2)}`
      const received: Array<Json> = []
      let code: number | undefined
      ws.on("error", () => {})
      ws.on("close", (given) => {
        code = given
      })
      ws.on("message", (data) => {
        const message = JSON.parse(String(data))
        received.push(message)
        if (message.event === "mark" && options.echo !== false) {
          ws.send(JSON.stringify({ event: "mark", sequenceNumber: "3", streamSid, mark: message.mark }))
        }
      })
      await once(ws, "open")
      const send = (message: Json | string | Buffer) =>
        ws.send(typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message))
      return {
        ws,
        received,
        streamSid,
        send,
        connected: () => send({ event: "connected", protocol: "Call", version: "1.0.0" }),
        start: (customParameters = {}) => send(started({ streamSid, callSid, customParameters })),
        media: (chunk, payload = SPEECH) =>
          send(
            `{"event":"media","sequenceNumber":"${chunk + 1}","streamSid":"${streamSid}","media":` +
              `{"track":"inbound","chunk":"${chunk}","timestamp":"${(chunk - 1) * 20}","payload":"${payload}"}}`
          ),
        stop: () => send({ event: "stop", sequenceNumber: "9", streamSid, stop: { callSid } }),
        closed: Effect.async<number>((resume) => {
          if (code !== undefined) return resume(Effect.succeed(code))
          ws.once("close", (given) => resume(Effect.succeed(given)))
        })
      }
    }),
    ({ ws }) => Effect.sync(() => ws.terminate())
  )

/** Polls what no event tells; fails after 5 s. */
export const until = (done: () => boolean) =>
  Effect.sync(done).pipe(
    Effect.repeat({ until: (done) => done, schedule: Schedule.spaced("2 millis") }),
    Effect.timeout("5 seconds")
  )
