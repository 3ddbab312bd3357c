/**
 * Who sent a piece of audio, and its number, in the audio itself: six bytes at its start, eight characters of base64.
 * Whatever a server does with the message around it, loss, duplication, order and delay are read from these.
 */

import { Buffer } from "node:buffer"

/** Bytes of a caller's frame: 20 ms of mu-law. */
export const FRAME = 160
/** Bytes of a model's delta: 200 ms. */
export const DELTA = 1600

const STAMP = 6
const MARKER = 0x5a
const NUMBERS = 2 ** 24
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/** 12 bits at once. */
const PAIRS = Array.from({ length: 4096 }, (_, bits) => `${ALPHABET[bits >> 6]}${ALPHABET[bits & 63]}`)

const VALUES = new Uint8Array(256).fill(255)
for (const [value, character] of [...ALPHABET].entries()) VALUES[character.charCodeAt(0)] = value

/** Base64 of the six bytes. `sender` under 2^16, `number` under 2^24. */
export const write = (sender: number, number: number): string => {
  const high = (MARKER << 16) | sender
  return `${PAIRS[high >> 12]}${PAIRS[high & 4095]}${PAIRS[number >> 12]}${PAIRS[number & 4095]}`
}

/** `sender * 2^24 + number`, -1 where no stamp is. */
const read = (bytes: Buffer, at: number): number => {
  const high = quad(bytes, at)
  return high >>> 16 === MARKER ? (high & 0xffff) * NUMBERS + quad(bytes, at + 4) : -1
}

const quad = (bytes: Buffer, at: number): number =>
  (valueAt(bytes, at) << 18) | (valueAt(bytes, at + 1) << 12) | (valueAt(bytes, at + 2) << 6) | valueAt(bytes, at + 3)

const valueAt = (bytes: Buffer, at: number): number => VALUES[bytes[at] ?? 0] as number

export const senderOf = (stamp: number): number => Math.floor(stamp / NUMBERS)

export const numberOf = (stamp: number): number => stamp % NUMBERS

/**
 * Every stamp of audio in base64 that consists of pieces of `size` bytes, in one message or several of them joined.
 * Answers the bytes of audio.
 */
export const each = (
  bytes: Buffer,
  start: number,
  end: number,
  size: number,
  visit: (stamp: number) => void
): number => {
  if (end - start === characters(size)) {
    visit(read(bytes, start))
    return size
  }
  const audio = Buffer.from(bytes.toString("latin1", start, end), "base64")
  for (let at = 0; at < audio.length; at += size) {
    const isStamped = audio[at] === MARKER && audio.length - at >= STAMP
    visit(isStamped ? audio.readUInt16BE(at + 1) * NUMBERS + audio.readUIntBE(at + 3, 3) : -1)
  }
  return audio.length
}

const characters = (bytes: number): number => Math.ceil(bytes / 3) * 4

/** What follows the stamp in `size` bytes of audio, base64: no two are alike, and none is a run of equal bytes. */
export const tails = (size: number): ReadonlyArray<string> =>
  Array.from({ length: 16 }, (_, tail) =>
    Buffer.from(
      Array.from({ length: size - STAMP }, (_, at) => (at * (7_919 + tail) + ((at * at) >> 3)) & 255)
    ).toString("base64")
  )
