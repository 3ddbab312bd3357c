/** Of repeated runs: the middle, and how far apart they were. */

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export const spread = (values: ReadonlyArray<number>): Spread => {
  const sorted = values.toSorted((one, other) => one - other)
  const half = sorted.length / 2
  const upper = sorted[Math.floor(half)] ?? Number.NaN
  const lower = sorted[Math.ceil(half) - 1] ?? Number.NaN
  return { median: (lower + upper) / 2, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

/** Pair by pair: what slowed the machine slowed both of a pair. */
export const ratio = (values: ReadonlyArray<number>, others: ReadonlyArray<number>): Spread =>
  spread(values.map((value, index) => value / (others[index] ?? Number.NaN)))
