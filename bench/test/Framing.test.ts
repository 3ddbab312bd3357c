/** Our framing against that of `ws`. */

import { Buffer } from "node:buffer"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import * as Net from "node:net"
import { afterEach, assert, describe, it } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import * as Framing from "../src/peers/Framing.ts"
import * as Http from "../src/peers/Http.ts"

/** Around every border of the header's length, and of the mask's four bytes. */
const LENGTHS = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 400, 65_534, 65_535, 65_536, 70_001]

const messages = LENGTHS.map((length) => "0123456789abcdef".repeat(Math.ceil(length / 16)).slice(0, length))

let closing: Array<() => void> = []

afterEach(() => {
  for (const close of closing) close()
  closing = []
})

/** Every message that comes, until there are as many as were sent. */
const collected = () => {
  const received: Array<string> = []
  let enough: (received: ReadonlyArray<string>) => void
  const all = new Promise<ReadonlyArray<string>>((resolve) => {
    enough = resolve
  })
  return {
    all,
    add: (message: string) => {
      received.push(message)
      if (received.length === messages.length) enough(received)
    }
  }
}

describe("Framing", () => {
  it("what a client of ours writes, ws reads, and the other way round", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
    closing.push(() => server.close())
    await once(server, "listening")
    server.on("connection", (socket) => socket.on("message", (data) => socket.send(data.toString())))
    const { add, all } = collected()
    const request = { host: "127.0.0.1", port: (server.address() as AddressInfo).port, line: "GET /", headers: {} }
    await Http.upgrade(request, (socket) => {
      closing.push(() => socket.destroy())
      for (const message of messages) socket.write(Framing.text(message, Framing.KEY))
      return Framing.reader((opcode, bytes, start, end) => {
        assert.strictEqual(opcode, Framing.TEXT)
        add(bytes.toString("latin1", start, end))
      })
    })
    assert.deepStrictEqual(await all, messages)
  })

  it("what a server of ours writes, ws reads, and the other way round", async () => {
    const server = Net.createServer((socket) => {
      Http.headed(socket, ({ headers }) => {
        socket.write(Http.switching(Framing.acceptOf(headers.get("sec-websocket-key") ?? "")))
        return Framing.reader((_, bytes, start, end) =>
          socket.write(Framing.text(bytes.toString("latin1", start, end), null))
        )
      })
    }).listen(0, "127.0.0.1")
    closing.push(() => server.close())
    await once(server, "listening")
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    closing.push(() => socket.terminate())
    await once(socket, "open")
    const { add, all } = collected()
    socket.on("message", (data) => add(data.toString()))
    for (const message of messages) socket.send(message)
    assert.deepStrictEqual(await all, messages)
  })

  it("frames are read however they are cut", () => {
    const stream = Buffer.concat(messages.slice(0, 12).map((message) => Framing.text(message, Framing.KEY)))
    for (const size of [1, 2, 3, 7, 64, 500]) {
      const read: Array<string> = []
      const reader = Framing.reader((_, bytes, start, end) => read.push(bytes.toString("latin1", start, end)))
      for (let at = 0; at < stream.length; at += size) reader(Buffer.from(stream.subarray(at, at + size)))
      assert.deepStrictEqual(read, messages.slice(0, 12), `in pieces of ${size}`)
    }
  })

  it("a fragmented message is refused", () => {
    const reader = Framing.reader(() => {})
    assert.throws(() => reader(Buffer.from([0x01, 0x00])), "fragmented")
  })
})
