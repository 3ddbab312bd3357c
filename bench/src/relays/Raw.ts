/**
 * The floor: a relay on plain sockets with a framing of its own, bytes to bytes, one write a message. What it leaves out is
 * what `ws` costs: streams, validation, events. Its mask is zero, which is on the wire what RFC 6455 asks for, and
 * protects nobody. No one should run this; it says what Node.js itself costs.
 */

import { Buffer } from "node:buffer"
import * as Net from "node:net"
import * as Framing from "../peers/Framing.ts"
import * as Http from "../peers/Http.ts"
import { type Relay, sessionUpdate, twiml } from "./Webhook.ts"
import * as Wire from "./Wire.ts"

const KEY = 0

export const listen = (relay: Relay): Net.Server =>
  Net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {})
    Http.headed(socket, ({ headers, line }) => {
      const key = headers.get("sec-websocket-key")
      if (key === undefined) {
        socket.end(Http.answer("200 OK", "text/xml", line.startsWith("POST") ? twiml(relay.port) : "ok"))
        return () => {}
      }
      socket.write(Http.switching(Framing.acceptOf(key)))
      return bridge(socket, new URL(relay.modelUrl))
    })
  }).listen(relay.port, "127.0.0.1")

const bridge = (carrier: Net.Socket, url: URL): ((chunk: Buffer) => void) => {
  let model: Net.Socket | undefined
  let streamSid = ""
  let media: Buffer = Buffer.alloc(0)
  let marks = 0

  const onModel: Framing.OnFrame = (opcode, bytes, start, end) => {
    if (opcode !== Framing.TEXT) return
    if (startsWith(bytes, Wire.modelAudio, start, end)) {
      carrier.write(around(media, bytes, start, Wire.modelDelta, Wire.mediaEnd, null))
      carrier.write(Framing.text(`{"event":"mark","streamSid":"${streamSid}","mark":{"name":"${marks++}"}}`, null))
      return
    }
    const { type } = JSON.parse(bytes.toString("utf8", start, end))
    if (type !== "input_audio_buffer.speech_started") return
    carrier.write(Framing.text(`{"event":"clear","streamSid":"${streamSid}"}`, null))
  }

  const onCarrier: Framing.OnFrame = (opcode, bytes, start, end) => {
    if (opcode === Framing.CLOSE) carrier.end(Framing.frame(Framing.CLOSE, Framing.NORMAL_CLOSURE, null))
    if (opcode !== Framing.TEXT) return
    if (startsWith(bytes, Wire.carrierMedia, start, end)) {
      model?.write(around(Wire.append, bytes, start, Wire.carrierPayload, Wire.appendEnd, KEY))
      return
    }
    const message = JSON.parse(bytes.toString("utf8", start, end))
    if (message.event !== "start") return
    streamSid = message.streamSid
    media = Wire.mediaOf(streamSid)
  }

  Http.upgrade(
    { host: url.hostname, port: Number(url.port), line: `GET ${url.pathname}${url.search}`, headers: {} },
    (opened) => {
      model = opened
      opened.on("close", () => carrier.destroy())
      opened.write(Framing.text(sessionUpdate, KEY))
      return Framing.reader(onModel)
    }
  ).catch(() => carrier.destroy())
  carrier.on("close", () => model?.destroy())
  return Framing.reader(onCarrier)
}

const startsWith = (bytes: Buffer, expected: Buffer, start: number, end: number): boolean =>
  end - start > expected.length && bytes.compare(expected, 0, expected.length, start, start + expected.length) === 0

/** A whole frame of what follows `name` up to the next quote, between the two. */
const around = (
  before: Buffer,
  bytes: Buffer,
  from: number,
  name: Buffer,
  after: Buffer,
  key: number | null
): Buffer => {
  const start = bytes.indexOf(name, from) + name.length
  const end = bytes.indexOf(Wire.QUOTE, start)
  const length = before.length + end - start + after.length
  const frame = Buffer.allocUnsafe(Framing.headerBytes(length, key !== null) + length)
  const at = Framing.writeHeader(frame, length, Framing.TEXT, key)
  before.copy(frame, at)
  bytes.copy(frame, at + before.length, start, end)
  after.copy(frame, frame.length - after.length)
  return frame
}
