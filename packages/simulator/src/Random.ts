/**
 * Seeded randomness: sfc32, split by name.
 *
 * One seed decides a whole simulation. `split(name)` gives an independent stream whose numbers do not depend on how many
 * the parent has drawn, so one more draw in the network does not change what the caller says.
 */
export interface Random {
  /** Uniform in [0, 1). */
  readonly next: () => number
  /** Uniform integer in [min, max], both included. */
  readonly integer: (min: number, max: number) => number
  /** `length` lower-case hexadecimal digits. */
  readonly hex: (length: number) => string
  readonly split: (name: string) => Random
}

export const make = (seed: number | string): Random => fromKey(String(seed))

const fromKey = (key: string): Random => {
  const next = sfc32(hash(key, 0x9e3779b9), hash(key, 0x243f6a88), hash(key, 0xb7e15162))
  return {
    next,
    integer: (min, max) => min + Math.floor(next() * (max - min + 1)),
    hex: (length) => {
      let text = ""
      for (let i = 0; i < length; i++) text += Math.floor(next() * 16).toString(16)
      return text
    },
    split: (name) => fromKey(`${key}/${name}`)
  }
}

const sfc32 = (seedA: number, seedB: number, seedC: number): (() => number) => {
  let a = seedA | 0
  let b = seedB | 0
  let c = seedC | 0
  let counter = 1
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    return (t >>> 0) / 4294967296
  }
  for (let i = 0; i < 15; i++) next()
  return next
}

/** FNV-1a with a final avalanche. */
const hash = (text: string, basis: number): number => {
  let h = basis | 0
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
