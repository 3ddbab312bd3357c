/**
 * RFC 6455 as far as both peers of a measured server need it: whole text frames, pings, closes. It costs the driver a
 * fraction of what `ws` costs the server that is measured; test/Framing.test.ts holds it against `ws`.
 *
 * 1. A frame is read however TCP cuts it; its bytes are a view into what was received, unmasked in place.
 * 2. A fragmented or reserved frame is a throw: no server here sends one, and one that did would be measured wrongly.
 */

import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"

export const TEXT = 1
export const CLOSE = 8
export const PING = 9
export const PONG = 10

/** `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`. */
export const acceptOf = (key: string): string =>
  createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")

/** Not zero: `ws` skips the unmasking of what a zero key masks, and a carrier's keys are random. */
export const KEY = 0x37fa213d

export const headerBytes = (length: number, isMasked: boolean): number =>
  (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (isMasked ? 4 : 0)

/** Writes the header of a frame whose payload of `length` bytes follows; answers where that begins. */
export const writeHeader = (target: Buffer, length: number, opcode: number, key: number | null): number => {
  target[0] = 0x80 | opcode
  const bit = key === null ? 0 : 0x80
  let at = 2
  if (length < 126) {
    target[1] = bit | length
  } else if (length < 65_536) {
    target[1] = bit | 126
    at = target.writeUInt16BE(length, 2)
  } else {
    target[1] = bit | 127
    at = target.writeUInt32BE(length, target.writeUInt32BE(0, 2))
  }
  return key === null ? at : target.writeUInt32BE(key, at)
}

/** Masks or unmasks in place. */
const mask = (bytes: Buffer, start: number, end: number, key: number): void => {
  if (key === 0) return
  const [a, b, c, d] = [(key >>> 24) & 255, (key >>> 16) & 255, (key >>> 8) & 255, key & 255]
  let at = start
  for (; at + 3 < end; at += 4) {
    bytes[at] = (bytes[at] as number) ^ a
    bytes[at + 1] = (bytes[at + 1] as number) ^ b
    bytes[at + 2] = (bytes[at + 2] as number) ^ c
    bytes[at + 3] = (bytes[at + 3] as number) ^ d
  }
  if (at < end) bytes[at] = (bytes[at++] as number) ^ a
  if (at < end) bytes[at] = (bytes[at++] as number) ^ b
  if (at < end) bytes[at] = (bytes[at] as number) ^ c
}

/** A whole frame of ASCII text (latin1). A client's frames are masked with `key`. */
export const text = (message: string, key: number | null): Buffer => frame(TEXT, message, key)

export const frame = (opcode: number, message: string, key: number | null): Buffer => {
  const frame = Buffer.allocUnsafe(headerBytes(message.length, key !== null) + message.length)
  const start = writeHeader(frame, message.length, opcode, key)
  frame.write(message, start, "latin1")
  if (key !== null) mask(frame, start, frame.length, key)
  return frame
}

/** The payload of a close frame with 1000. */
export const NORMAL_CLOSURE = "\x03\xe8"

/** `bytes` from `start` to `end` are the payload, good during the call. */
export type OnFrame = (opcode: number, bytes: Buffer, start: number, end: number) => void

/** Takes what the socket received, calls `onFrame` for each frame that is complete. */
export const reader = (onFrame: OnFrame): ((chunk: Buffer) => void) => {
  let rest: Buffer | null = null
  return (chunk) => {
    const bytes: Buffer = rest === null ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (;;) {
      if (bytes.length - at < 2) break
      const first = bytes[at] as number
      const second = bytes[at + 1] as number
      if ((first & 0xf0) !== 0x80) throw new Error("a fragmented or reserved frame")
      let length = second & 0x7f
      const isMasked = second >= 0x80
      const start = at + (length < 126 ? 2 : length === 126 ? 4 : 10) + (isMasked ? 4 : 0)
      if (bytes.length < start) break
      if (length === 126) length = bytes.readUInt16BE(at + 2)
      else if (length === 127) length = bytes.readUIntBE(at + 4, 6)
      const end = start + length
      if (bytes.length < end) break
      if (isMasked) mask(bytes, start, end, bytes.readUInt32BE(start - 4))
      onFrame(first & 15, bytes, start, end)
      at = end
    }
    rest = at === bytes.length ? null : bytes.subarray(at)
  }
}
