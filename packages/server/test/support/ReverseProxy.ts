/** What stands between Twilio and the server, and may do to requests what proxies do; or somebody else altogether. */

import * as Http from "node:http"
import * as Net from "node:net"

export interface Options {
  readonly path?: (path: string) => string
  /** What becomes of upgrades; without it they pass. */
  readonly upgrade?: "cut" | "ordinary" | "unsigned"
  /** Nothing passes, everything is answered with this. */
  readonly status?: number
  readonly page?: { readonly contentType: string; readonly body: string }
  /** By how much the `Date` of such answers is ahead. */
  readonly minutes?: number
}

export const start = async (
  port: number,
  { minutes = 0, page = { contentType: "text/html", body: "a page" }, path = (same) => same, status, upgrade }: Options
) => {
  const sockets = new Set<Net.Socket>()
  const passed = (request: Http.IncomingMessage, headers: Http.IncomingHttpHeaders): Http.ClientRequest =>
    Http.request({
      host: "127.0.0.1",
      port,
      method: request.method ?? "GET",
      path: path(request.url ?? ""),
      headers,
      agent: false
    })
  const server = Http.createServer((request, response) => {
    if (status !== undefined) {
      const date = new Date(Date.now() + minutes * 60_000).toUTCString()
      response
        .writeHead(status, { date, "content-type": page.contentType, location: "https://example.com/" })
        .end(page.body)
      return
    }
    const forward = passed(request, request.headers)
    forward.on("error", () => response.destroy())
    forward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(forward)
  })
  server.on("connection", (socket: Net.Socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => sockets.delete(socket))
  })
  server.on("upgrade", (request: Http.IncomingMessage, socket: Net.Socket) => {
    if (upgrade === "cut") {
      socket.destroy()
      return
    }
    const { "x-twilio-signature": _, ...unsigned } = request.headers
    const { connection: __, upgrade: ___, ...ordinary } = request.headers
    const forward = passed(
      request,
      upgrade === "ordinary" ? ordinary : upgrade === "unsigned" ? unsigned : request.headers
    )
    const head = ({ headers, statusCode }: Http.IncomingMessage) =>
      `HTTP/1.1 ${statusCode} Passed\r\n${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("")}\r\n`
    forward.on("error", () => socket.destroy())
    forward.on("upgrade", (answer, behind) => {
      behind.on("error", () => socket.destroy())
      behind.once("close", () => socket.destroy())
      socket.once("close", () => behind.destroy())
      socket.write(head(answer))
      behind.pipe(socket).pipe(behind)
    })
    forward.on("response", (answer) => {
      socket.write(head(answer))
      answer.pipe(socket)
    })
    forward.end()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}`,
    close: closing(server, sockets)
  }
}

/** A port on which nobody answers a word. */
export const startMute = async () => {
  const sockets = new Set<Net.Socket>()
  const server = Net.createServer((socket) => {
    sockets.add(socket.on("error", () => {}))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as Net.AddressInfo).port,
    close: closing(server, sockets)
  }
}

const closing = (server: Net.Server, sockets: ReadonlySet<Net.Socket>) => () =>
  new Promise<void>((resolve) => {
    server.close(() => resolve())
    for (const socket of sockets) socket.destroy()
  })
