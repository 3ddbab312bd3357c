/**
 * A bare relay on `ws` as one writes it first: every message is parsed, and stringified anew. No ledger, no checks, no
 * truncation: what an audio frame costs before anything is done for the call.
 */

import type { Server } from "node:http"
import { type RawData, WebSocket, WebSocketServer } from "ws"
import { type Relay, STREAM, serve, sessionUpdate } from "./Webhook.ts"

export const listen = ({ modelUrl, port }: Relay): Server => {
  const server = serve(port)
  const carriers = new WebSocketServer({ server, path: STREAM })
  carriers.on("connection", (carrier) => {
    const model = new WebSocket(modelUrl, { perMessageDeflate: false, headers: { Authorization: "Bearer none" } })
    let streamSid = ""
    let marks = 0
    const tell = (message: object): void => carrier.send(JSON.stringify({ ...message, streamSid }))

    model.on("open", () => model.send(sessionUpdate))
    model.on("message", (data: RawData) => {
      const message = JSON.parse(data.toString())
      switch (message.type) {
        case "response.output_audio.delta":
          tell({ event: "media", media: { payload: message.delta } })
          tell({ event: "mark", mark: { name: `${message.item_id}:${marks++}` } })
          return
        case "input_audio_buffer.speech_started":
          return tell({ event: "clear" })
      }
    })
    carrier.on("message", (data: RawData) => {
      const message = JSON.parse(data.toString())
      switch (message.event) {
        case "start":
          streamSid = message.streamSid
          return
        case "media":
          if (model.readyState !== WebSocket.OPEN) return
          return model.send(JSON.stringify({ type: "input_audio_buffer.append", audio: message.media.payload }))
      }
    })
    carrier.on("close", () => model.close())
    model.on("close", () => carrier.close())
    model.on("error", () => carrier.close())
  })
  return server.listen(port, "127.0.0.1")
}
