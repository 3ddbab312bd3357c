/**
 * Voice activity, measured from the audio that really arrived.
 *
 * Energy of 10 ms windows against a threshold with hysteresis: a window counts as voice above `on`, as silence below `off` (6 dB lower).
 * Speech starts after six voiced windows more than unvoiced ones, so a click (one or two windows) and line noise (below the threshold)
 * do not start it; it stops after `silenceMs` without three voiced windows in a row, so a click does not prolong it.
 *
 * 1. Positions count audio written, never wall time (protocols.md E.5).
 * 2. A start lies `prefixMs` before the first voiced window, never before audio that was already used.
 * 3. A stop lies at the end of the silence it waited for.
 */
import * as G711 from "../G711.ts"

const WINDOW_MS = 10
const ONSET_WINDOWS = 6
const RESUME_WINDOWS = 3
const HYSTERESIS_DB = 6

export interface Settings {
  /** 0 to 1, as `turn_detection.threshold`: 0.5 is -45 dBFS, 0.1 more is 4 dB more. */
  readonly threshold: number
  readonly prefixMs: number
  readonly silenceMs: (speechMs: number) => number
}

export type Encoding = "audio/pcmu" | "audio/pcma" | "audio/pcm"

/** `atMs` is where in the audio the decision fell; `startMs` and `endMs` are what the event says. */
export type Change =
  | { readonly _tag: "Started"; readonly startMs: number; readonly atMs: number }
  | { readonly _tag: "Stopped"; readonly startMs: number; readonly endMs: number }

export interface Vad {
  /** Measures `bytes[0, length)`; returns the changes in order. Shares one empty array when there is none. */
  readonly push: (bytes: Uint8Array, length: number) => ReadonlyArray<Change>
  readonly configure: (settings: Settings | null, encoding: Encoding) => void
  /** Forgets speech in progress; audio before now belongs to no later speech. */
  readonly reset: () => void
  readonly positionMs: () => number
  readonly speaking: () => boolean
}

const NOTHING: ReadonlyArray<Change> = []

const OFF: Settings = { threshold: 1, prefixMs: 0, silenceMs: () => Infinity }

export const bytesPerMs = (encoding: Encoding): number => (encoding === "audio/pcm" ? 48 : 8)

/** Sum of squares of bytes `[from, to)`, in four sums that do not wait for each other: whole numbers add up to the same in any order. */
const energy = (bytes: Uint8Array, from: number, to: number, squares: Float64Array): number => {
  let [a, b, c, d] = [0, 0, 0, 0]
  let i = from
  for (; i + 3 < to; i += 4) {
    a += squares[bytes[i] as number] as number
    b += squares[bytes[i + 1] as number] as number
    c += squares[bytes[i + 2] as number] as number
    d += squares[bytes[i + 3] as number] as number
  }
  for (; i < to; i++) a += squares[bytes[i] as number] as number
  return a + b + c + d
}

const onLevel = (threshold: number): number => -45 + (threshold - 0.5) * 40

export const make = (): Vad => {
  let settings = OFF
  let listening = false
  let encoding: Encoding = "audio/pcm"
  let windowBytes = WINDOW_MS * bytesPerMs(encoding)
  let onSum = Infinity
  let offSum = Infinity
  let writtenMs = 0
  let windowStartMs = 0
  let floorMs = 0
  let sum = 0
  let filled = 0
  let voiced = 0
  let silent = 0
  let onsetMs = 0
  let speaking = false
  let startMs = 0

  const reset = () => {
    sum = 0
    filled = 0
    voiced = 0
    silent = 0
    speaking = false
    windowStartMs = writtenMs
    floorMs = writtenMs
  }

  const closeWindow = (changes: ReadonlyArray<Change>): ReadonlyArray<Change> => {
    const endMs = windowStartMs + WINDOW_MS
    const loud = sum >= onSum
    let change: Change | undefined
    if (!speaking) {
      if (loud) {
        if (voiced === 0) onsetMs = windowStartMs
        voiced++
        if (voiced >= ONSET_WINDOWS) {
          speaking = true
          silent = 0
          voiced = RESUME_WINDOWS
          startMs = Math.max(floorMs, onsetMs - settings.prefixMs)
          change = { _tag: "Started", startMs, atMs: endMs }
        }
      } else if (voiced > 0) voiced--
    } else if (sum >= offSum) {
      voiced++
      if (voiced >= RESUME_WINDOWS) silent = 0
      else silent++
    } else {
      voiced = 0
      silent++
    }
    if (speaking && silent > 0 && silent * WINDOW_MS >= settings.silenceMs(endMs - silent * WINDOW_MS - startMs)) {
      speaking = false
      voiced = 0
      floorMs = endMs
      change = { _tag: "Stopped", startMs, endMs }
    }
    windowStartMs = endMs
    sum = 0
    filled = 0
    return change === undefined ? changes : [...changes, change]
  }

  return {
    push: (bytes, length) => {
      writtenMs += length / bytesPerMs(encoding)
      if (!listening) {
        windowStartMs = writtenMs
        return NOTHING
      }
      let changes = NOTHING
      if (encoding === "audio/pcm") {
        for (let i = 0; i + 1 < length; i += 2) {
          const sample = (((bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8)) << 16) >> 16
          sum += sample * sample
          filled += 2
          if (filled >= windowBytes) changes = closeWindow(changes)
        }
        return changes
      }
      const squares = encoding === "audio/pcmu" ? G711.SQUARES : G711.SQUARES_ALAW
      let i = 0
      while (i < length) {
        const end = Math.min(length, i + windowBytes - filled)
        filled += end - i
        sum += energy(bytes, i, end, squares)
        i = end
        if (filled >= windowBytes) changes = closeWindow(changes)
      }
      return changes
    },
    configure: (next, nextEncoding) => {
      if (next === null || encoding !== nextEncoding) reset()
      settings = next ?? OFF
      listening = next !== null
      encoding = nextEncoding
      windowBytes = WINDOW_MS * bytesPerMs(encoding)
      if (next === null) return
      const samples = encoding === "audio/pcm" ? windowBytes / 2 : windowBytes
      onSum = G711.meanSquare(onLevel(next.threshold)) * samples
      offSum = G711.meanSquare(onLevel(next.threshold) - HYSTERESIS_DB) * samples
    },
    reset,
    positionMs: () => writtenMs,
    speaking: () => speaking
  }
}
