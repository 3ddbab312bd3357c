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
export const most = 2_000

const seed = "known bugs"

/** Of longer calls only the beginning is looked at: what takes longer to show is the campaign's to find. */
const untilMs = 5 * 60_000

/** Null where the bug was in none of the calls, or nobody noticed. */
export const hunt = async (bug: KnownBug, audio: Speech.Audio): Promise<Found | null> => {
  const machine = await PatchedCore.load(bug.patches)
  for (let index = 0; index < most; index++) {
    const found = broken(index, audio, machine).find(({ invariant }) => bug.by.includes(invariant))
    if (found !== undefined) return { invariant: found.invariant, detail: found.detail, calls: index + 1 }
  }
  return null
}

/** What is broken in one of the calls that are hunted through, by the core as it is or by another machine. */
export const broken = (index: number, audio: Speech.Audio, machine?: World.Machine): ReadonlyArray<Invariants.Broken> =>
  Simulation.run(
    { ...Population.plan(seed, index), wire: "direct" },
    { audio, untilMs, ...(machine === undefined ? {} : { machine }) }
  ).broken
