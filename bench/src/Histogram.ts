/** Durations in ms, to 10 us; what is longer than two seconds is counted as that, beside the exact maximum. */

export interface Quantiles {
  readonly count: number
  /** ms. */
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface Histogram {
  readonly add: (ms: number) => void
  readonly reset: () => void
  readonly quantiles: () => Quantiles
}

const BUCKETS = 200_000
const PER_MS = 100

export const make = (): Histogram => {
  const buckets = new Uint32Array(BUCKETS)
  let count = 0
  let max = 0

  const quantile = (share: number): number => {
    let rank = Math.ceil(count * share)
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      rank -= buckets[bucket] as number
      if (rank <= 0) return bucket / PER_MS
    }
    return max
  }

  return {
    add: (ms) => {
      const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.round(ms * PER_MS)))
      buckets[bucket] = (buckets[bucket] as number) + 1
      count++
      if (ms > max) max = ms
    },
    reset: () => {
      buckets.fill(0)
      count = 0
      max = 0
    },
    quantiles: () =>
      count === 0 ? { count, p50: 0, p99: 0, max } : { count, p50: quantile(0.5), p99: quantile(0.99), max }
  }
}
