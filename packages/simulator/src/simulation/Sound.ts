/**
 * What is heard on a line, as data: a clip of the recorded voices, as long as wanted and as faint, or noise.
 *
 * A clip that lasts longer than it was recorded is said again from its start. Audio is mu-law, 8 bytes a ms.
 *
 * Invariant: the same sound with the same signature has the same bytes; with another signature it has others, which a
 * person cannot tell apart and a judge can.
 */
import * as G711 from "../G711.ts"
import * as Random from "../Random.ts"
import * as Speech from "../Speech.ts"

export type Sound =
  | {
      readonly clip: Speech.ClipId
      readonly ms: number
      /** Fainter than it was recorded, dB. */
      readonly fainter?: number
    }
  /** White noise, as loud as `dbfs` (RMS). */
  | { readonly noise: number; readonly ms: number }

/** A clip as it was recorded. */
export const whole = (clip: Speech.ClipId): Sound => ({ clip, ms: Speech.clip(clip).durationMs })

export const withMs = (sound: Sound, ms: number): Sound => ({ ...sound, ms })

/** What a transcription makes of it, at best. */
export const text = (sound: Sound): string => {
  if ("noise" in sound) return ""
  const { durationMs, text } = Speech.clip(sound.clip)
  const times = sound.ms / durationMs
  const again = Array.from({ length: Math.ceil(times) }, () => text).join(" ")
  return again.slice(0, Math.max(1, Math.round((again.length * times) / Math.ceil(times))))
}

export const bytes = (sound: Sound, audio: Speech.Audio): Uint8Array => {
  const made = new Uint8Array(lengthOf(sound))
  let at = 0
  for (const piece of pieces(sound, audio)) {
    made.set(piece, at)
    at += piece.length
  }
  return made
}

/** The same in pieces, of which many are one: a monologue takes no more memory than a word. */
export const pieces = (sound: Sound, audio: Speech.Audio): ReadonlyArray<Uint8Array> => {
  const piece = "noise" in sound ? noise(sound.noise) : clip(sound, audio)
  const length = lengthOf(sound)
  const whole = Math.floor(length / piece.length)
  const rest = piece.subarray(0, length - whole * piece.length)
  return [...Array.from({ length: whole }, () => piece), ...(rest.length === 0 ? [] : [rest])]
}

const lengthOf = ({ ms }: Sound): number => Math.round(ms * G711.BYTES_PER_MS)

const clip = (sound: Extract<Sound, { readonly clip: string }>, audio: Speech.Audio): Uint8Array =>
  sound.fainter === undefined ? audio[sound.clip] : audio[sound.clip].map(quieter(sound.fainter))

/**
 * The bytes of a sound with a signature in their lowest bits. The audio of every signature is its own from the first
 * bytes on: two items that say the same differ in half of their bytes.
 */
export const signed = (audio: Uint8Array, signature: number): Uint8Array => {
  const bytes = new Uint8Array(audio.length + (-audio.length & 3))
  bytes.set(audio)
  const words = new Uint32Array(bytes.buffer)
  for (let block = 0, from = 0; from < words.length; block++, from += blockWords) {
    const start = (Math.imul(signature, 2_861) + Math.imul(block, 1_103)) & (starts - 1)
    const to = Math.min(words.length, from + blockWords)
    for (let at = from; at < to; at++) words[at] = (words[at] as number) ^ (flips[start + at - from] as number)
  }
  return bytes.subarray(0, audio.length)
}

/** A second of it. */
const noise = (dbfs: number): Uint8Array => {
  const known = noises.get(dbfs)
  if (known !== undefined) return known
  const peak = 32_768 * 10 ** (dbfs / 20) * Math.sqrt(3)
  const random = Random.make(`noise ${dbfs}`)
  const made = Uint8Array.from({ length: 1_000 * G711.BYTES_PER_MS }, () =>
    G711.encodeSample(Math.round((2 * random.next() - 1) * peak))
  )
  noises.set(dbfs, made)
  return made
}

const noises = new Map<number, Uint8Array>()

const quieter = (db: number): ((byte: number) => number) => {
  const factor = 10 ** (-db / 20)
  const table = Uint8Array.from(G711.DECODED, (sample) => G711.encodeSample(Math.round(sample * factor)))
  return (byte) => table[byte] as number
}

/** Words. Each block of a sound has a stretch of `flips` of its own. */
const blockWords = 256

/** Items, and blocks of one, that start at different places of `flips`: 17 minutes of one item. */
const starts = 2 ** 13

/** Four lowest bits each, at random. */
const flips = ((): Uint32Array => {
  const random = Random.make("signatures")
  return Uint32Array.from({ length: starts + blockWords }, () => Math.floor(random.next() * 2 ** 32) & 0x01010101)
})()
