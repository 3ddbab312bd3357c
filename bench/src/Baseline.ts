/**
 * What ratios were when somebody looked at them (bench/baseline.json), and whether they are worse now.
 *
 * Only ratios of processor time are compared: both servers of a pair ran on the same machine a few seconds apart. One
 * is worse when its median over all pairs is beyond `TOLERANCE` times what it was, and again so in a second series.
 * Delays of a busy machine flap; they are told and not compared. What was lost fails at once.
 */

import type { Row } from "./Contest.ts"
import type { Name } from "./Servers.ts"

export interface Baseline {
  readonly calls: number
  /** Offhook's processor time, of each relay's. */
  readonly ratios: Readonly<Partial<Record<Name, number>>>
}

const TOLERANCE = 1.25

export const of = (row: Row): Baseline => ({
  calls: row.calls,
  ratios: Object.fromEntries(
    Object.entries(row.ratios).map(([name, { median }]) => [name, Math.round(median * 100) / 100])
  )
})

/** What is worse, in words; empty: nothing is. */
export const worse = (baseline: Baseline, row: Row): ReadonlyArray<string> =>
  (Object.entries(baseline.ratios) as Array<[Name, number]>).flatMap(([name, was]) => {
    const now = row.ratios[name]?.median ?? Number.NaN
    return now <= was * TOLERANCE ? [] : [`${now.toFixed(2)} x the relay "${name}", and it was ${was.toFixed(2)} x`]
  })
