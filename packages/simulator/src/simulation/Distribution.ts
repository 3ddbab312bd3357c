/**
 * How often each value came: enough for medians and percentiles over any number of values, in memory that does not grow
 * with them. Values are rounded to a step, so there are as many entries as there are different values.
 *
 * Invariant: adding and merging commute; the same values give the same distribution in whatever order they came.
 */

export interface Distribution {
  /** Values are multiples of it. */
  readonly step: number
  readonly counts: Map<number, number>
}

export const make = (step = 1): Distribution => ({ step, counts: new Map() })

export const add = ({ counts, step }: Distribution, value: number): void => {
  const key = Math.round(value / step)
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

export const merge = (into: Distribution, other: Distribution): void => {
  for (const [key, count] of other.counts) into.counts.set(key, (into.counts.get(key) ?? 0) + count)
}

export const size = ({ counts }: Distribution): number => {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}

/** The smallest value that at least this share (0 to 1) of all does not exceed; 1 is the largest. Null without values. */
export const quantile = (distribution: Distribution, share: number): number | null => {
  const wanted = Math.max(1, Math.ceil(share * size(distribution)))
  let seen = 0
  for (const [key, count] of [...distribution.counts].sort(([a], [b]) => a - b)) {
    seen += count
    if (seen >= wanted) return key * distribution.step
  }
  return null
}
