/**
 * A bare relay on `ws` that decodes no text: an audio message is known by its bytes, its payload is cut out and put
 * between bytes that were made before. It stands on what both peers write, and would not do on the internet.
 */

import { Buffer } from "node:buffer"
import type { Server } from "node:http"
import { WebSocket, WebSocketServer } from "ws"
import { type Relay, STREAM, serve, sessionUpdate } from "./Webhook.ts"
import * as Wire from "./Wire.ts"

const AS_TEXT = { binary: false }

export const listen = ({ modelUrl, port }: Relay): Server => {
  const server = serve(port)
  const carriers = new WebSocketServer({ server, path: STREAM })
  carriers.on("connection", (carrier) => {
    const model = new WebSocket(modelUrl, { perMessageDeflate: false, headers: { Authorization: "Bearer none" } })
    let streamSid = ""
    let media: Buffer = Buffer.alloc(0)
    let marks = 0

    model.on("open", () => model.send(sessionUpdate))
    model.on("message", (bytes: Buffer) => {
      if (startsWith(bytes, Wire.modelAudio)) {
        carrier.send(around(media, bytes, Wire.modelDelta, Wire.mediaEnd), AS_TEXT)
        carrier.send(`{"event":"mark","streamSid":"${streamSid}","mark":{"name":"${marks++}"}}`)
        return
      }
      const { type } = JSON.parse(bytes.toString())
      if (type === "input_audio_buffer.speech_started") carrier.send(`{"event":"clear","streamSid":"${streamSid}"}`)
    })
    carrier.on("message", (bytes: Buffer) => {
      if (startsWith(bytes, Wire.carrierMedia)) {
        if (model.readyState === WebSocket.OPEN)
          model.send(around(Wire.append, bytes, Wire.carrierPayload, Wire.appendEnd), AS_TEXT)
        return
      }
      const message = JSON.parse(bytes.toString())
      if (message.event !== "start") return
      streamSid = message.streamSid
      media = Wire.mediaOf(streamSid)
    })
    carrier.on("close", () => model.close())
    model.on("close", () => carrier.close())
    model.on("error", () => carrier.close())
  })
  return server.listen(port, "127.0.0.1")
}

const startsWith = (bytes: Buffer, start: Buffer): boolean =>
  bytes.length > start.length && bytes.compare(start, 0, start.length, 0, start.length) === 0

/** What follows `name` up to the next quote, between the two. */
const around = (before: Buffer, bytes: Buffer, name: Buffer, after: Buffer): Buffer => {
  const start = bytes.indexOf(name) + name.length
  const end = bytes.indexOf(Wire.QUOTE, start)
  const message = Buffer.allocUnsafe(before.length + end - start + after.length)
  before.copy(message, 0)
  bytes.copy(message, before.length, start, end)
  after.copy(message, before.length + end - start)
  return message
}
