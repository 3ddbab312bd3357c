/**
 * Every byte of audio a session received, in order, with the time each piece came: the truth for "exactly once and in order".
 *
 * Offsets count bytes since the session began. Bytes are held in chunks, so that hours cost no copy and a reader who keeps up can let them go.
 */
export interface Received {
  readonly append: (bytes: Uint8Array, length: number, at: number) => void
  readonly length: () => number
  /** A copy of bytes `[start, end)`; what was forgotten is zeros. */
  readonly bytes: (start?: number, end?: number) => Uint8Array
  readonly pieces: Pieces
  /** Lets the chunks go that end at or before an offset. */
  readonly forget: (offset: number) => void
}

/** One piece an append. */
export interface Pieces {
  readonly length: () => number
  /** When piece `index` came, ms; NaN where there is none. */
  readonly at: (index: number) => number
  /** The offset at which it ends; NaN where there is none. */
  readonly end: (index: number) => number
}

const CHUNK = 65_536

export const make = (): Received => {
  const chunks: Array<Uint8Array | undefined> = []
  const times: Array<number> = []
  const ends: Array<number> = []
  let length = 0
  let current = new Uint8Array(0)
  let filled = 0
  let forgotten = 0
  return {
    append: (bytes, count, at) => {
      for (let from = 0; from < count; ) {
        if (filled === current.length) {
          current = new Uint8Array(CHUNK)
          chunks.push(current)
          filled = 0
        }
        const room = Math.min(count - from, CHUNK - filled)
        current.set(from === 0 && room === bytes.length ? bytes : bytes.subarray(from, from + room), filled)
        filled += room
        from += room
      }
      length += count
      times.push(at)
      ends.push(length)
    },
    length: () => length,
    bytes: (start = 0, end = length) => {
      const last = Math.min(length, end)
      const first = Math.min(last, Math.max(0, start))
      const copy = new Uint8Array(last - first)
      for (let at = first; at < last; ) {
        const index = Math.floor(at / CHUNK)
        const until = Math.min(last, (index + 1) * CHUNK)
        const chunk = chunks[index]
        if (chunk !== undefined) copy.set(chunk.subarray(at - index * CHUNK, until - index * CHUNK), at - first)
        at = until
      }
      return copy
    },
    pieces: {
      length: () => times.length,
      at: (index) => times[index] ?? Number.NaN,
      end: (index) => ends[index] ?? Number.NaN
    },
    forget: (offset) => {
      while ((forgotten + 1) * CHUNK <= Math.min(offset, length)) chunks[forgotten++] = undefined
    }
  }
}
