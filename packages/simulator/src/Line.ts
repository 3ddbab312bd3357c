/**
 * One direction of a network path, seeded.
 *
 * It keeps order, as TCP does: 1. nothing arrives before it was sent; 2. nothing overtakes; 3. what would arrive during a
 * stall arrives, in order, when the stall ends.
 */
import type { Random } from "./Random.ts"

export interface Line {
  /** When something sent at `sentAt` (ms) arrives (ms). Call in the order of sending. */
  readonly arrival: (sentAt: number) => number
}

export interface Stall {
  /** Start, ms on the clock of `arrival`. */
  readonly at: number
  readonly ms: number
}

export interface Options {
  /** One way, ms. */
  readonly delay: number
  /** Added to each passage, uniform in [0, jitter) ms. */
  readonly jitter: number
  readonly random: Random
  readonly stalls?: ReadonlyArray<Stall>
}

/** The path without a network: everything arrives when it is sent. */
export const instant: Line = { arrival: (sentAt) => sentAt }

export const make = ({ delay, jitter, random, stalls = [] }: Options): Line => {
  let last = -Infinity
  return {
    arrival: (sentAt) => {
      let at = Math.max(last, sentAt + delay + (jitter > 0 ? random.next() * jitter : 0))
      for (const stall of stalls) if (at >= stall.at && at < stall.at + stall.ms) at = stall.at + stall.ms
      last = at
      return at
    }
  }
}
