/**
 * Base64 without a runtime: the simulated machines name no platform, and frames are decoded into a buffer that is used again.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

const VALUES = new Int8Array(128).fill(-1)
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i

const PAIRS = Array.from({ length: 4096 }, (_, i) => ALPHABET.charAt(i >> 6) + ALPHABET.charAt(i & 63))

/** Byte count of well-formed base64 text. */
export const byteLength = (text: string): number =>
  (text.length / 4) * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0)

/** Decodes padded base64 into `target`, which must hold `byteLength(text)`; returns the byte count, or -1 when it is not base64. */
export const decodeInto = (text: string, target: Uint8Array): number => {
  const length = text.length
  if (length === 0) return 0
  if (length % 4 !== 0) return -1
  const padding = text.charCodeAt(length - 1) !== 61 ? 0 : text.charCodeAt(length - 2) !== 61 ? 1 : 2
  const whole = padding === 0 ? length : length - 4
  let invalid = 0
  let at = 0
  for (let i = 0; i < whole; i += 4) {
    const a = text.charCodeAt(i)
    const b = text.charCodeAt(i + 1)
    const c = text.charCodeAt(i + 2)
    const d = text.charCodeAt(i + 3)
    if ((a | b | c | d) > 127) return -1
    const bits = ((VALUES[a] ?? -1) << 18) | ((VALUES[b] ?? -1) << 12) | ((VALUES[c] ?? -1) << 6) | (VALUES[d] ?? -1)
    invalid |= bits
    target[at++] = bits >> 16
    target[at++] = bits >> 8
    target[at++] = bits
  }
  if (padding !== 0) {
    const a = VALUES[text.charCodeAt(whole)] ?? -1
    const b = VALUES[text.charCodeAt(whole + 1)] ?? -1
    const c = padding === 1 ? (VALUES[text.charCodeAt(whole + 2)] ?? -1) : 0
    const bits = (a << 18) | (b << 12) | (c << 6)
    invalid |= bits
    target[at++] = bits >> 16
    if (padding === 1) target[at++] = bits >> 8
  }
  return invalid < 0 ? -1 : at
}

/** Decodes padded base64; undefined when it is not base64. */
export const decode = (text: string): Uint8Array | undefined => {
  if (text.length % 4 !== 0) return undefined
  const bytes = new Uint8Array(byteLength(text))
  return decodeInto(text, bytes) < 0 ? undefined : bytes
}

/** Encodes bytes `[start, end)`, padded. */
export const encode = (bytes: Uint8Array, start = 0, end = bytes.length): string => {
  let text = ""
  let i = start
  for (; i + 2 < end; i += 3) {
    const bits = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    text += (PAIRS[bits >> 12] ?? "") + (PAIRS[bits & 4095] ?? "")
  }
  if (end - i === 1) return `${text}${PAIRS[(bytes[i] ?? 0) << 4] ?? ""}==`
  if (end - i === 2) {
    const bits = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8)
    return `${text}${PAIRS[bits >> 12] ?? ""}${ALPHABET.charAt((bits >> 6) & 63)}=`
  }
  return text
}
