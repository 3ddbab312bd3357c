/** Looks for a bug among the calls of one seed, from the first, until the judge finds it. */

import { type Invariants, Population, Simulation, type Speech, type World } from "@offhook/simulator"
import type { KnownBug } from "./KnownBug.ts"
import * as PatchedCore from "./PatchedCore.ts"

export interface Found {
  readonly invariant: Invariants.Invariant
  readonly detail: string
  /** Calls that were placed, the one in which it was found included. */
  readonly calls: number
}

/** So many calls at most for each bug. */
export const most = Number(process.env["HUNT"] ?? 2_000)

const seed = "known bugs"

/** Of longer calls only the beginning is looked at, ms. */
const longestMs = 300_000

/** Steps without any time going by. */
const mostAtOnce = 20_000

/** Null where the bug was in none of the calls, or nobody noticed. */
export const hunt = async (bug: KnownBug, audio: Speech.Audio): Promise<Found | null> => {
  const machine = await PatchedCore.load(bug.patches)
  for (let index = 0; index < most; index++) {
    const found = broken(index, audio, machine).find(
      ({ invariant }) => bug.by.length === 0 || bug.by.includes(invariant)
    )
    if (found !== undefined) return { invariant: found.invariant, detail: found.detail, calls: index + 1 }
  }
  return null
}

/** What is broken in one of the calls that are hunted through, by the core as it is or by another machine. */
export const broken = (
  index: number,
  audio: Speech.Audio,
  machine?: World.Machine
): ReadonlyArray<Invariants.Broken> => {
  let at = 0
  let steps = 0
  const { broken } = Simulation.run(Population.plan(seed, index), {
    audio,
    ...(machine === undefined ? {} : { machine }),
    onStep: (event) => {
      steps = event.at === at ? steps + 1 : 0
      at = event.at
      if (steps > mostAtOnce) throw new Error(`a livelock: nothing but steps at ${at} ms`)
      if (at > longestMs) throw new Error(enough)
    }
  })
  return broken.filter(({ detail }) => !detail.startsWith(enough))
}

const enough = "this much of a long call is enough"
