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

/** Of base64 text the bytes from `from` on, which is at most the length. Empty stays empty. */
export const rest = (text: string, from: number): string => {
  const groups = text.slice(Math.floor(from / 3) * 4)
  return from % 3 === 0 ? groups : Base64.encode(Base64.decode(groups).subarray(from % 3))
}
