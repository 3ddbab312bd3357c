/**
 * Every byte of audio a session received, in order, with the time each piece came: the truth for "exactly once and in order".
 */
export interface Received {
  readonly append: (bytes: Uint8Array, length: number, at: number) => void
  readonly length: () => number
  /** A copy of bytes `[start, end)`. */
  readonly bytes: (start?: number, end?: number) => Uint8Array
  /** One entry an append: when it came and where it ends. */
  readonly pieces: ReadonlyArray<{ readonly at: number; readonly end: number }>
}

export const make = (): Received => {
  let buffer = new Uint8Array(16_384)
  let length = 0
  const pieces: Array<{ readonly at: number; readonly end: number }> = []
  return {
    append: (bytes, count, at) => {
      if (length + count > buffer.length) {
        const larger = new Uint8Array(Math.max(buffer.length * 2, length + count))
        larger.set(buffer)
        buffer = larger
      }
      buffer.set(bytes.length === count ? bytes : bytes.subarray(0, count), length)
      length += count
      pieces.push({ at, end: length })
    },
    length: () => length,
    bytes: (start = 0, end = length) => buffer.slice(Math.max(0, start), Math.min(length, end)),
    pieces
  }
}
