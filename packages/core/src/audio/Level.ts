/**
 * How loud audio is, per 20 ms, as text: one character of `A-Za-z0-9-_` for every 20 ms begun. The character's place
 * v in the alphabet, 0 to 63, says (v - 63) * 1.5 dBFS: `_` is full scale, each step down is 1.5 dB, `A` is silence
 * (-94.5 dBFS or less). 0 dBFS is a root mean square of 32,768, so that a full-scale sine has -3 dBFS.
 *
 * The samples are G.711 mu-law; they are summed straight from the base64 text of the wire. Sums of squares are whole
 * numbers below 2^53, so the level is the same in every runtime.
 */

import * as Base64 from "./Base64.ts"
import * as Mulaw from "./Mulaw.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
const TOP = 63
const DB_PER_STEP = 1.5
const FULL_SCALE = 32_768

/**
 * The levels of base64 text (of its characters `from` up to `to`). Text that is empty or not base64 has none: "".
 */
export const ofBase64 = (
  text: string,
  bytesPerWindow: number = Mulaw.FRAME_BYTES,
  from = 0,
  to: number = text.length
): string => {
  if (to <= from || ((to - from) & 3) !== 0) return ""
  const padding = Base64.padding(text, to)
  const end = to - 4
  let codes = 0
  let bits = 0
  let power = 0
  let left = bytesPerWindow
  let levels = ""
  for (let at = from; at <= end; at += 4) {
    const code0 = text.charCodeAt(at)
    const code1 = text.charCodeAt(at + 1)
    let code2 = text.charCodeAt(at + 2)
    let code3 = text.charCodeAt(at + 3)
    let count = 3
    if (at === end && padding > 0) {
      count -= padding
      code3 = LETTER_A
      if (padding === 2) code2 = LETTER_A
    }
    const sextet0 = Base64.SEXTETS[code0 & 127] as number
    const sextet1 = Base64.SEXTETS[code1 & 127] as number
    const sextet2 = Base64.SEXTETS[code2 & 127] as number
    const sextet3 = Base64.SEXTETS[code3 & 127] as number
    codes |= code0 | code1 | code2 | code3
    bits |= sextet0 | sextet1 | sextet2 | sextet3
    const first = POWERS[((sextet0 << 2) | (sextet1 >> 4)) & 255] as number
    const second = POWERS[((sextet1 << 4) | (sextet2 >> 2)) & 255] as number
    const third = POWERS[((sextet2 << 6) | sextet3) & 255] as number
    if (count === 3 && left > 3) {
      power += first + second + third
      left -= 3
      continue
    }
    for (let index = 0; index < count; index++) {
      power += index === 0 ? first : index === 1 ? second : third
      left -= 1
      if (left === 0) {
        levels += letter(power / bytesPerWindow)
        power = 0
        left = bytesPerWindow
      }
    }
  }
  if (codes > 127 || bits >= Base64.INVALID) return ""
  return left === bytesPerWindow ? levels : levels + letter(power / (bytesPerWindow - left))
}

export const ofBytes = (bytes: Uint8Array, bytesPerWindow: number = Mulaw.FRAME_BYTES): string => {
  let levels = ""
  for (let from = 0; from < bytes.length; from += bytesPerWindow) {
    const to = Math.min(from + bytesPerWindow, bytes.length)
    let power = 0
    for (let at = from; at < to; at++) power += POWERS[bytes[at] as number] as number
    levels += letter(power / (to - from))
  }
  return levels
}

/** The dBFS at an index; silence where the levels are too short (a recording may leave them out). */
export const dbfs = (levels: string, index: number): number =>
  (Math.max(0, ALPHABET.indexOf(levels.charAt(index) || "A")) - TOP) * DB_PER_STEP

const letter = (meanSquare: number): string => {
  if (meanSquare === 0) return "A"
  const decibels = 10 * Math.log10(meanSquare / (FULL_SCALE * FULL_SCALE))
  return LETTERS[Math.min(TOP, Math.max(0, Math.round(TOP + decibels / DB_PER_STEP)))] as string
}

const LETTERS: ReadonlyArray<string> = [...ALPHABET]
const LETTER_A = 65
const POWERS = Float64Array.from({ length: 256 }, (_, byte) => Mulaw.decode(byte) ** 2)
