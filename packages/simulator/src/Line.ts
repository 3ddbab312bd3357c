/**
 * One direction of a network path, seeded.
 *
 * It keeps order, as TCP does: 1. nothing arrives before it was sent; 2. nothing overtakes; 3. what would arrive during a
 * stall arrives, in order and in one burst, when the stall ends.
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

/** Stalls that come by themselves: `everyMs` apart on average, each of `ms[0]` to `ms[1]` ms. */
export interface Recurring {
  readonly everyMs: number
  readonly ms: readonly [number, number]
}

/** A direction as plain data. */
export interface Network {
  /** One way, ms. */
  readonly delay: number
  /** Added to each passage, uniform in [0, jitter) ms. */
  readonly jitter: number
  readonly stalls?: ReadonlyArray<Stall | Recurring>
}

export interface Options extends Network {
  readonly random: Random
}

/** The path without a network: everything arrives when it is sent. */
export const instant: Line = { arrival: (sentAt) => sentAt }

export const make = ({ delay, jitter, random, stalls = [] }: Options): Line => {
  const found = stalls.map((stall, index) => windows(stall, random.split(`${index}`)))
  let last = -Infinity
  return {
    arrival: (sentAt) => {
      let at = Math.max(last, sentAt + delay + (jitter > 0 ? random.next() * jitter : 0))
      for (const stalled of found) {
        const stall = stalled(at)
        if (stall !== undefined) at = stall.at + stall.ms
      }
      last = at
      return at
    }
  }
}

/** The stall that `at` falls into; to be asked in order of time. */
export const windows = (stall: Stall | Recurring, random: Random): ((at: number) => Stall | undefined) => {
  if ("at" in stall) return (at) => (at >= stall.at && at < stall.at + stall.ms ? stall : undefined)
  const {
    everyMs,
    ms: [least, most]
  } = stall
  const draw = (from: number): Stall => ({
    at: from - Math.log(1 - random.next()) * everyMs,
    ms: least + random.next() * (most - least)
  })
  let next = draw(0)
  return (at) => {
    while (at >= next.at + next.ms) next = draw(next.at + next.ms)
    return at >= next.at ? next : undefined
  }
}
