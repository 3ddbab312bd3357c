/**
 * A client over a raw socket that keeps to no protocol: it says any bytes, at any time, and may never read.
 *
 * What it says of WebSocket frames is RFC 6455 5.2 written down, so that each field of it can be wrong.
 */

import { Buffer } from "node:buffer"
import * as Net from "node:net"

export interface HostileClient {
  readonly socket: Net.Socket
  /** Of what the server said: latin1, as far as it was read. */
  readonly heard: () => string
  /** Until the connection is over, in whatever way: all that the server said. */
  readonly closed: Promise<string>
  readonly say: (bytes: string | Uint8Array) => void
  /** Until the server has said `text`, or nothing more can come. */
  readonly hears: (text: string) => Promise<void>
}

export const dial = async (port: number): Promise<HostileClient> => {
  const socket = Net.connect({ host: "127.0.0.1", port, noDelay: true })
  let heard = ""
  const waiting = new Set<() => void>()
  socket.setEncoding("latin1")
  socket.on("data", (text: string) => {
    heard += text
    for (const look of waiting) look()
  })
  socket.on("error", () => {})
  // A server that ends its side is left: who stays half open is another act.
  socket.on("end", () => socket.end())
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve(heard)))
  await Promise.race([new Promise<void>((resolve) => socket.once("connect", resolve)), closed])
  return {
    socket,
    heard: () => heard,
    closed,
    say: (bytes) => {
      if (!socket.destroyed) socket.write(bytes)
    },
    hears: (text) =>
      Promise.race([
        closed.then(() => {}),
        new Promise<void>((resolve) => {
          const look = () => {
            if (!heard.includes(text)) return
            waiting.delete(look)
            resolve()
          }
          waiting.add(look)
          look()
        })
      ])
  }
}

export const UPGRADE = [
  "GET /media-stream HTTP/1.1",
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "",
  ""
].join("\r\n")

/** With its 101 there. */
export const upgraded = async (port: number): Promise<HostileClient> => {
  const client = await dial(port)
  client.say(UPGRADE)
  await client.hears("\r\n\r\n")
  return client
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

export interface Frame {
  readonly opcode: number
  readonly payload?: string | Uint8Array
  /** The last of its message; true unless told. */
  readonly fin?: boolean
  /** The three reserved bits. */
  readonly reserved?: number
  readonly isMasked?: boolean
  /** What the header says of the length, whatever follows; as 64 bits. */
  readonly claimed?: bigint
}

export const frame = ({ claimed, fin = true, isMasked = true, opcode, payload = "", reserved = 0 }: Frame): Buffer => {
  const data = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  const mask = isMasked ? 0x80 : 0
  let head: Buffer
  if (claimed !== undefined || data.length > 0xffff) {
    head = Buffer.alloc(10)
    head.writeUInt8(mask | 127, 1)
    head.writeBigUInt64BE(claimed ?? BigInt(data.length), 2)
  } else if (data.length > 125) {
    head = Buffer.alloc(4)
    head.writeUInt8(mask | 126, 1)
    head.writeUInt16BE(data.length, 2)
  } else {
    head = Buffer.alloc(2)
    head.writeUInt8(mask | data.length, 1)
  }
  head.writeUInt8(first, 0)
  // A mask of zeros changes nothing, and is one.
  return Buffer.concat(isMasked ? [head, Buffer.alloc(4), data] : [head, data])
}

export const text = (message: string): Buffer => frame({ opcode: opcodes.text, payload: message })

/** The code of the close frame in what a server said behind its 101, the status of an answer before it; else undefined. */
export const codeOf = (heard: string): number | undefined => {
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(heard)?.[1])
  if (status !== 101) return status || undefined
  const frames = Buffer.from(heard.slice(heard.indexOf("\r\n\r\n") + 4), "latin1")
  for (let at = 0; at + 2 <= frames.length; ) {
    const length = frames[at + 1] ?? 0
    if (length > 125) return undefined
    if (((frames[at] ?? 0) & 0x0f) === opcodes.close) return length < 2 ? 1005 : frames.readUInt16BE(at + 2)
    at += 2 + length
  }
  return undefined
}
