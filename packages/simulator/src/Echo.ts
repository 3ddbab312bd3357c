/**
 * The agent's own voice coming back: what the loudspeaker plays is heard by the microphone, later and fainter.
 *
 * Times are ms on the carrier's clock. A sample of the ear from `at` is in the microphone at `at + delayMs`.
 */
import * as G711 from "./G711.ts"
import type { Span } from "./PlayBuffer.ts"

export interface Options {
  /** From the ear to the microphone; 20 at least. */
  readonly delayMs: number
  /** How much fainter, dB. */
  readonly fainter: number
}

export interface Echo {
  /** A stretch that was heard, in order of time. */
  readonly heard: (span: Span) => void
  /** What the microphone takes up from `from` on, instead of `frame`; undefined where nothing comes back. */
  readonly into: (frame: Uint8Array, from: number, inPlay: Span | undefined) => Uint8Array | undefined
}

export const make = ({ delayMs, fainter }: Options): Echo => {
  const factor = 10 ** (-fainter / 20)
  const back = Int16Array.from(G711.DECODED, (sample) => Math.round(sample * factor))
  let recent: Array<Span> = []
  return {
    heard: (span) => recent.push(span),
    into: (frame, from, inPlay) => {
      const start = from - delayMs
      if (recent.length > 0) recent = recent.filter((span) => endOf(span) > start)
      let mixed: Uint8Array | undefined
      for (const span of inPlay === undefined ? recent : [...recent, inPlay]) {
        const shift = Math.round((start - span.at) * G711.BYTES_PER_MS)
        const first = Math.max(0, -shift)
        const last = Math.min(frame.length, span.payload.length - shift)
        if (first >= last) continue
        mixed ??= frame.slice()
        for (let index = first; index < last; index++) {
          const sample = back[span.payload[index + shift] as number] as number
          mixed[index] = G711.encodeSample((G711.DECODED[frame[index] as number] as number) + sample)
        }
      }
      return mixed
    }
  }
}

const endOf = ({ at, payload }: Span): number => at + payload.length / G711.BYTES_PER_MS
