/**
 * Base64 as both wires write it (RFC 4648 section 4: `A-Za-z0-9+/`, padded), for a core that has neither `Buffer` nor
 * `atob`. Audio passes through as text; it is taken apart only where a piece is cut or bytes come from a host.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/** What each character of a group of four adds to its 24 bits, by its code below 128; negative outside the alphabet. */
const sextets = (shift: number): Int32Array => {
  const table = new Int32Array(128).fill(-1)
  for (let sextet = 0; sextet < 64; sextet++) table[ALPHABET.charCodeAt(sextet)] = sextet << shift
  return table
}

export const FIRST: Int32Array = sextets(18)
export const SECOND: Int32Array = sextets(12)
export const THIRD: Int32Array = sextets(6)
export const FOURTH: Int32Array = sextets(0)

const EQUALS = 61

/** How many `=` end the text: 0, 1 or 2. */
export const padding = (text: string, end: number = text.length): number =>
  text.charCodeAt(end - 1) !== EQUALS ? 0 : text.charCodeAt(end - 2) !== EQUALS ? 1 : 2

/** The bytes that valid base64 text holds, without decoding (protocols.md F.1). */
export const byteLength = (text: string): number => (text.length >> 2) * 3 - padding(text)

/** The bytes of valid base64 text; bits that belong to no byte are dropped. */
export const decode = (text: string): Uint8Array => {
  const bytes = new Uint8Array(byteLength(text))
  for (let at = 0, from = 0; at < bytes.length; at += 3, from += 4) {
    const group =
      bits(FIRST, text, from) |
      bits(SECOND, text, from + 1) |
      bits(THIRD, text, from + 2) |
      bits(FOURTH, text, from + 3)
    bytes[at] = group >> 16
    bytes[at + 1] = group >> 8
    bytes[at + 2] = group
  }
  return bytes
}

export const encode = (bytes: Uint8Array): string => {
  let text = ""
  const whole = bytes.length - (bytes.length % 3)
  for (let at = 0; at < whole; at += 3) {
    const group = (byte(bytes, at) << 16) | (byte(bytes, at + 1) << 8) | byte(bytes, at + 2)
    text += letter(group >> 18) + letter(group >> 12) + letter(group >> 6) + letter(group)
  }
  if (bytes.length - whole === 1) {
    const group = byte(bytes, whole) << 16
    text += `${letter(group >> 18)}${letter(group >> 12)}==`
  }
  if (bytes.length - whole === 2) {
    const group = (byte(bytes, whole) << 16) | (byte(bytes, whole + 1) << 8)
    text += `${letter(group >> 18)}${letter(group >> 12)}${letter(group >> 6)}=`
  }
  return text
}

/** Padding holds no bits. */
const bits = (table: Int32Array, text: string, at: number): number =>
  Math.max(0, table[text.charCodeAt(at) & 127] as number)
const byte = (bytes: Uint8Array, at: number): number => bytes[at] as number
const letter = (sextet: number): string => ALPHABET[sextet & 63] as string
