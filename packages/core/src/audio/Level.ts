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
/** What a character of the levels stands for. */
export const WINDOW_MS = 20
/** The level of silence. */
export const SILENCE = "A"
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
  const last = to - 4
  let codes = 0
  let bits = 0
  let power = 0
  let left = bytesPerWindow
  let levels = ""
  for (let at = from; at < to; at += 4) {
    const groups = Math.min(Math.floor((left - 1) / 3), (last - at) >> 2)
    left -= groups * 3
    for (const end = at + groups * 4; at < end; at += 4) {
      const first = text.charCodeAt(at)
      const second = text.charCodeAt(at + 1)
      const third = text.charCodeAt(at + 2)
      const fourth = text.charCodeAt(at + 3)
      const group =
        (FIRST[first & 127] as number) |
        (SECOND[second & 127] as number) |
        (THIRD[third & 127] as number) |
        (FOURTH[fourth & 127] as number)
      codes |= first | second | third | fourth
      bits |= group
      power +=
        (POWERS[(group >> 16) & 255] as number) +
        (POWERS[(group >> 8) & 255] as number) +
        (POWERS[group & 255] as number)
    }
    // The group in which a window or the text ends.
    const first = text.charCodeAt(at)
    const second = text.charCodeAt(at + 1)
    const third = at === last && padding === 2 ? LETTER_A : text.charCodeAt(at + 2)
    const fourth = at === last && padding > 0 ? LETTER_A : text.charCodeAt(at + 3)
    const group =
      (FIRST[first & 127] as number) |
      (SECOND[second & 127] as number) |
      (THIRD[third & 127] as number) |
      (FOURTH[fourth & 127] as number)
    codes |= first | second | third | fourth
    bits |= group
    for (let shift = 16; shift >= (at === last ? padding * 8 : 0); shift -= 8) {
      power += POWERS[(group >> shift) & 255] as number
      left -= 1
      if (left === 0) {
        levels += letter(power / bytesPerWindow)
        power = 0
        left = bytesPerWindow
      }
    }
  }
  if (codes > 127 || bits < 0) return ""
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

const { FIRST, SECOND, THIRD, FOURTH } = Base64
const LETTERS: ReadonlyArray<string> = [...ALPHABET]
const LETTER_A = 65
const POWERS = Float64Array.from({ length: 256 }, (_, byte) => Mulaw.decode(byte) ** 2)
