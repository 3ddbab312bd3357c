/**
 * A piece of G.711 audio on its way through: base64 text as both wires carry it, or bytes where a host has them.
 * Empty where a recording was made without audio. The machine never looks inside.
 *
 * Offsets are bytes. Text is valid base64: the decoders refuse everything else.
 */

import * as Base64 from "./Base64.ts"

export type Payload = string | Uint8Array

export const byteLength = (payload: Payload): number =>
  typeof payload === "string" ? Base64.byteLength(payload) : payload.length

export const toBase64 = (payload: Payload): string => (typeof payload === "string" ? payload : Base64.encode(payload))

/** The bytes from `from` up to `to`, clamped to what is there; text stays text. Empty stays empty. */
export const slice = (payload: Payload, from: number, to: number): Payload => {
  const length = byteLength(payload)
  const start = Math.min(Math.max(from, 0), length)
  const end = Math.min(Math.max(to, start), length)
  if (typeof payload !== "string") return payload.subarray(start, end)
  if (start % 3 !== 0)
    return Base64.encode(Base64.decode(groups(payload, start, end)).subarray(start % 3, (start % 3) + end - start))
  if (end === length) return payload.slice((start / 3) * 4)
  const whole = end - (end % 3)
  const text = payload.slice((start / 3) * 4, (whole / 3) * 4)
  return whole === end
    ? text
    : text + Base64.encode(Base64.decode(groups(payload, whole, end)).subarray(0, end - whole))
}

/** One piece after the other; text where any of them is text. Padded text cannot be joined as it is (protocols.md F.1). */
export const concat = (payloads: ReadonlyArray<Payload>): Payload => {
  const pieces = payloads.filter((payload) => payload.length > 0)
  if (pieces.length === 0) return ""
  const last = pieces.length - 1
  if (pieces.every((piece, index) => typeof piece === "string" && (index === last || Base64.padding(piece) === 0))) {
    return pieces.join("")
  }
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + byteLength(piece), 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(typeof piece === "string" ? Base64.decode(piece) : piece, at)
    at += byteLength(piece)
  }
  return pieces.some((piece) => typeof piece === "string") ? Base64.encode(joined) : joined
}

/** The text of the groups of three bytes that hold the bytes from `from` up to `to`. */
const groups = (text: string, from: number, to: number): string =>
  text.slice(Math.floor(from / 3) * 4, Math.ceil(to / 3) * 4)
