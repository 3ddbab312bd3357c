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

/** The bytes from `from` on, which is at most the length; text stays text. Empty stays empty. */
export const rest = (payload: Payload, from: number): Payload => {
  if (typeof payload !== "string") return payload.subarray(from)
  const text = payload.slice(Math.floor(from / 3) * 4)
  return from % 3 === 0 ? text : Base64.encode(Base64.decode(text).subarray(from % 3))
}
