/** What was sent one way and what came of it: each number once, in order, and how long it took. */

import * as Histogram from "../Histogram.ts"

export interface Sums {
  readonly sent: number
  readonly received: number
  /** Sent, and never received. */
  readonly lost: number
  readonly duplicated: number
  /** Received behind a later one. */
  readonly disordered: number
  /** Audio that nobody sent, or that came to somebody else. */
  readonly foreign: number
}

/** One way of one call. */
export interface Lane {
  /** The number that the next piece gets. */
  readonly next: () => number
  /** The next piece leaves now. */
  readonly sent: (now: number) => void
  readonly received: (number: number, now: number) => void
}

export interface Tally {
  readonly lane: () => Lane
  readonly foreign: () => void
  readonly delays: Histogram.Histogram
  readonly sums: () => Sums
}

/** Pieces on their way that a lane remembers: 20 s of frames. */
const REMEMBERED = 1024

/**
 * A lane counts from the first piece that arrived: until its session is ready, a server may keep or drop what comes.
 */
export const make = (): Tally => {
  const delays = Histogram.make()
  const lanes: Array<() => Pick<Sums, "lost" | "received" | "sent">> = []
  let duplicated = 0
  let disordered = 0
  let foreign = 0

  const lane = (): Lane => {
    const times = new Float64Array(REMEMBERED)
    const missing = new Set<number>()
    let next = 0
    let first = -1
    let expected = 0
    let received = 0
    lanes.push(() => ({
      sent: first < 0 ? 0 : next - first,
      received,
      lost: first < 0 ? 0 : missing.size + next - expected
    }))
    return {
      next: () => next,
      sent: (now) => {
        times[next % REMEMBERED] = now
        next++
      },
      received: (number, now) => {
        if (number >= next) {
          foreign++
          return
        }
        if (first < 0) {
          first = number
          expected = number
        }
        if (number < expected) {
          if (missing.delete(number)) disordered++
          else {
            duplicated++
            return
          }
        } else {
          for (; expected < number; expected++) missing.add(expected)
          expected = number + 1
        }
        received++
        if (next - number <= REMEMBERED) delays.add(now - (times[number % REMEMBERED] as number))
      }
    }
  }

  return {
    lane,
    foreign: () => {
      foreign++
    },
    delays,
    sums: () => {
      const all = lanes.map((sums) => sums())
      const sum = (name: "lost" | "received" | "sent") => all.reduce((total, one) => total + one[name], 0)
      return {
        sent: sum("sent"),
        received: sum("received"),
        lost: sum("lost"),
        duplicated,
        disordered,
        foreign
      }
    }
  }
}
