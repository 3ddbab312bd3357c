/**
 * G.711 mu-law at 8,000 Hz, mono: a byte a sample, 8 bytes a millisecond (protocols.md F).
 *
 * Invariants
 * 1. `encode(decode(b)) === b` for every byte but 0x7F, which is negative zero and becomes 0xFF.
 * 2. Silence is 0xFF. A zero byte is full scale, heard as a click.
 */

export const BYTES_PER_MS = 8

/** Bytes of 20 ms, the carrier's usual frame. */
export const FRAME_BYTES = 160

/** Whole milliseconds that the bytes last. */
export const msOf = (bytes: number): number => Math.floor(bytes / BYTES_PER_MS)

/** Whole bytes that the milliseconds need. */
export const bytesOf = (ms: number): number => Math.floor(ms * BYTES_PER_MS)

/** The 16-bit sample of a byte. */
export const decode = (byte: number): number => {
  const inverted = ~byte & 0xff
  const exponent = (inverted >> 4) & 7
  const magnitude = ((((inverted & 15) << 3) + BIAS) << exponent) - BIAS
  return inverted & 0x80 && magnitude !== 0 ? -magnitude : magnitude
}

/** The byte nearest to a 16-bit sample. */
export const encode = (sample: number): number => {
  const sign = sample < 0 ? 0x80 : 0
  const biased = Math.min(Math.abs(sample), CLIP) + BIAS
  const exponent = 24 - Math.clz32(biased)
  return ~(sign | (exponent << 4) | ((biased >> (exponent + 3)) & 15)) & 0xff
}

/** So many bytes of silence, as base64 text. */
export const silence = (bytes: number): string => {
  if (bytes === FRAME_BYTES) return frame
  const rest = bytes % 3
  return "////".repeat((bytes - rest) / 3) + (rest === 0 ? "" : rest === 1 ? "/w==" : "//8=")
}

const BIAS = 132
const CLIP = 32_635
const frame = `${"////".repeat(53)}/w==`
