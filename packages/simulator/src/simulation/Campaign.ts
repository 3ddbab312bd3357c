/**
 * Many calls of one seed, played one after another and summed up. Threads play pieces of a campaign at the same time
 * (node/Threads.ts); the sums are the same.
 *
 * Invariants
 * 1. A tally of calls `from` to `to` depends on seed, options and these numbers alone; tallies of neighbouring pieces
 *    merge, in order, to the tally of both.
 * 2. A tally does not grow with the number of calls.
 */

import type * as Speech from "../Speech.ts"
import type * as World from "../World.ts"
import * as Experience from "./Experience.ts"
import type { Broken, Invariant } from "./Invariants.ts"
import type * as Plan from "./Plan.ts"
import * as Population from "./Population.ts"
import * as Simulation from "./Simulation.ts"

export interface Options {
  readonly seed: string
  readonly population: Population.Options
  readonly audio: Speech.Audio
  /** Default: the core's. */
  readonly machine?: World.Machine
}

export interface Tally {
  calls: number
  /** Calls in which something broke. */
  failed: number
  /** All calls together, ms. */
  callMs: number
  /** Calls of over ten minutes, and of over an hour. */
  readonly long: { tenMinutes: number; hour: number }
  steps: number
  readonly broken: Map<Invariant, Breakage>
  readonly experience: Experience.Experience
}

export interface Breakage {
  /** In how many calls. */
  calls: number
  /** The first of them. */
  readonly first: Failure
}

export interface Failure extends Broken {
  readonly index: number
}

export const none = (): Tally => ({
  calls: 0,
  failed: 0,
  callMs: 0,
  long: { tenMinutes: 0, hour: 0 },
  steps: 0,
  broken: new Map(),
  experience: Experience.none()
})

/** `other` comes after `into`. */
export const merge = (into: Tally, other: Tally): void => {
  into.calls += other.calls
  into.failed += other.failed
  into.callMs += other.callMs
  into.long.tenMinutes += other.long.tenMinutes
  into.long.hour += other.long.hour
  into.steps += other.steps
  for (const [invariant, { calls, first }] of other.broken) {
    const known = into.broken.get(invariant)
    if (known === undefined) into.broken.set(invariant, { calls, first })
    else known.calls += calls
  }
  Experience.merge(into.experience, other.experience)
}

/** Plays the call number `index` of the seed. */
export const play = (tally: Tally, index: number, options: Options): ReadonlyArray<Broken> =>
  playPlan(tally, index, Population.plan(options.seed, index, options.population), options)

export const playPlan = (
  tally: Tally,
  index: number,
  plan: Plan.Plan,
  { audio, machine }: Pick<Options, "audio" | "machine">
): ReadonlyArray<Broken> => {
  const listen = Experience.listen(tally.experience)
  const { broken, callMs, measures, steps } = Simulation.run(plan, {
    audio,
    ...(machine === undefined ? {} : { machine }),
    onStep: (_event, commands) => listen(commands)
  })
  Experience.measured(tally.experience, measures)
  tally.callMs += Math.round(callMs)
  tally.steps += steps
  if (callMs > tenMinutesMs) tally.long.tenMinutes++
  if (callMs > hourMs) tally.long.hour++
  judged(tally, index, broken)
  return broken
}

const tenMinutesMs = 10 * 60_000
const hourMs = 60 * 60_000

/** A call of which nothing is known but what broke. */
export const judged = (tally: Tally, index: number, broken: ReadonlyArray<Broken>): void => {
  tally.calls++
  if (broken.length > 0) tally.failed++
  const seen = new Set<Invariant>()
  for (const one of broken) {
    if (seen.has(one.invariant)) continue
    seen.add(one.invariant)
    const known = tally.broken.get(one.invariant)
    if (known === undefined) tally.broken.set(one.invariant, { calls: 1, first: { ...one, index } })
    else known.calls++
  }
}
