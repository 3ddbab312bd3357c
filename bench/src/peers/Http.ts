/**
 * HTTP/1.1 as far as both peers of a measured server need it: heads that are read once, webhooks, upgrades.
 */

import { Buffer } from "node:buffer"
import * as Net from "node:net"

export interface Head {
  /** The request's or status line. */
  readonly line: string
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
}

/** Reads a head; what follows it goes to the function that `onHead` answers, from then on with everything received. */
export const headed = (socket: Net.Socket, onHead: (head: Head) => (chunk: Buffer) => void): void => {
  let received: Buffer = Buffer.alloc(0)
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const end = received.indexOf("\r\n\r\n")
    if (end < 0) return
    const [line = "", ...lines] = received.toString("latin1", 0, end).split("\r\n")
    const headers = lines.map((one) => [
      one.slice(0, one.indexOf(":")).toLowerCase(),
      one.slice(one.indexOf(":") + 1).trim()
    ])
    socket.off("data", onData)
    const onRest = onHead({ line, headers: new Map(headers as Array<[string, string]>) })
    socket.on("data", onRest)
    if (received.length > end + 4) onRest(received.subarray(end + 4))
  }
  socket.on("data", onData)
}

export interface Request {
  readonly host: string
  readonly port: number
  readonly line: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

const textOf = ({ body, headers, host, line, port }: Request): string => {
  const fields = {
    Host: `${host}:${port}`,
    ...headers,
    ...(body === undefined ? {} : { "Content-Length": body.length })
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${line} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/** One exchange on a connection of its own. */
export const exchange = (request: Request): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const socket = Net.connect(request.port, request.host)
    let received = ""
    socket.setNoDelay(true)
    socket.on("error", reject)
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1")
    })
    socket.on("close", () => {
      const end = received.indexOf("\r\n\r\n")
      if (end < 0) return reject(new Error("no answer"))
      resolve({ status: statusOf(received), body: received.slice(end + 4) })
    })
    socket.write(textOf({ ...request, headers: { ...request.headers, Connection: "close" } }), "latin1")
  })

/** An upgrade to a WebSocket; `onOpen` is called in the tick of the 101 and takes what is received from then on. */
export const upgrade = (request: Request, onOpen: (socket: Net.Socket) => (chunk: Buffer) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = Net.connect(request.port, request.host)
    socket.setNoDelay(true)
    socket.on("error", reject)
    socket.once("close", () => reject(new Error("the connection closed during the upgrade")))
    headed(socket, ({ line }) => {
      if (statusOf(line) !== 101) {
        reject(new Error(`the upgrade was answered: ${line}`))
        socket.destroy()
        return () => {}
      }
      resolve()
      return onOpen(socket)
    })
    const headers = {
      ...request.headers,
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": KEY
    }
    socket.write(textOf({ ...request, headers }), "latin1")
  })

/** 16 bytes in base64. It proves that the answer is not a cache's, and there is none here. */
const KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="

const statusOf = (line: string): number => Number(line.slice(9, 12))

/** 101 for an upgrade. */
export const switching = (accept: string): string =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`

/** An answer after which the connection ends. */
export const answer = (status: string, contentType: string, body: string): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
