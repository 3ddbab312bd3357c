/**
 * From sending to the moment of the echo where the play buffer is empty, ms: the way to the carrier, told on its clock.
 *
 * A stall makes a round trip longer, nothing makes one shorter. So the shortest that was measured counts, longer ones
 * little; and no mark's echo tells less than a round trip, wherever the mark stood (`atMost`).
 */

import type { Moment } from "./CarrierClock.ts"
import * as CarrierClock from "./CarrierClock.ts"

export interface RoundTrip {
  /** null until measured. */
  readonly ms: number | null
  /** The last measurement, until the next frame tells its echo's place. */
  readonly last: Measured | null
}

interface Measured {
  readonly before: number | null
  readonly sentAt: number
  readonly echoed: Moment
}

export const unknown: RoundTrip = { ms: null, last: null }

/** What was sent to an empty buffer at `sentAt` was echoed. */
export const measured = ({ ms: before }: RoundTrip, sentAt: number, echoed: Moment): RoundTrip => ({
  ms: smoothed(before, echoed.at - sentAt),
  last: { before, sentAt, echoed }
})

/** What is measured is no longer than that. */
export const atMost = (roundTrip: RoundTrip, ms: number): RoundTrip =>
  roundTrip.ms === null || roundTrip.ms <= ms || ms < 0 ? roundTrip : { ...roundTrip, ms }

/** A frame arrived that ends at `latest`. */
export const notAfter = (roundTrip: RoundTrip, latest: number): RoundTrip => {
  const { last } = roundTrip
  if (last === null) return roundTrip
  return { ms: smoothed(last.before, CarrierClock.notAfter(last.echoed, latest).at - last.sentAt), last: null }
}

/** The carrier's clock was corrected by so many ms. */
export const correct = (roundTrip: RoundTrip, ms: number, first: number): RoundTrip => {
  const { last } = roundTrip
  if (last === null) return roundTrip
  const { at } = last.echoed
  const echoed = { ...last.echoed, at: CarrierClock.corrected(at, ms, first) }
  return { ...roundTrip, last: { ...last, sentAt: last.sentAt + ms, echoed } }
}

const smoothed = (before: number | null, measured: number): number | null => {
  if (measured < 0 || measured > MOST_MS) return before
  return before === null || measured < before ? measured : before + (measured - before) / 8
}

const MOST_MS = 5000
