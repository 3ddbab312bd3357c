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
  const holds = stalls.map((stall, index) => ("at" in stall ? once(stall) : recurring(stall, random.split(`${index}`))))
  let last = -Infinity
  return {
    arrival: (sentAt) => {
      let at = Math.max(last, sentAt + delay + (jitter > 0 ? random.next() * jitter : 0))
      for (const hold of holds) at = hold(at)
      last = at
      return at
    }
  }
}

/** When something that would arrive at `at` does; asked in order of time. */
type Hold = (at: number) => number

const once = (stall: Stall): Hold => {
  const end = stall.at + stall.ms
  return (at) => (at >= stall.at && at < end ? end : at)
}

const recurring = ({ everyMs, ms: [least, most] }: Recurring, random: Random): Hold => {
  let start = 0
  let end = 0
  return (at) => {
    while (at >= end) {
      start = end - Math.log(1 - random.next()) * everyMs
      end = start + least + random.next() * (most - least)
    }
    return at >= start ? end : at
  }
}
