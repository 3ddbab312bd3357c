/**
 * Looks for a bug among the calls of one seed, from the first, until the judge finds it in one in which the core
 * without the bug breaks nothing.
 */

import { type Invariants, type Plan, Population, Simulation, type Speech, type World } from "@offhook/simulator"
import type { KnownBug } from "./KnownBug.ts"
import * as PatchedCore from "./PatchedCore.ts"

export interface Found {
  readonly invariant: Invariants.Invariant
  readonly detail: string
  /** Calls up to the one in which it was found, that included. */
  readonly calls: number
}

/** So many calls at most for each bug. */
export const most = 2_000

const seed = "known bugs"

/** Of longer calls only the beginning is looked at: what takes longer to show is the campaign's to find. */
const untilMs = 5 * 60_000

/**
 * Null where the bug was in none of the calls, or nobody noticed. `calls`, of an earlier hunt: the last of so many is
 * looked at first.
 */
export const hunt = async (bug: KnownBug, audio: Speech.Audio, calls?: number): Promise<Found | null> => {
  const machine = await PatchedCore.load(bug.patches)
  const foundIn = (index: number): Found | null => {
    const found = broken(index, audio, machine).find(({ invariant }) => bug.by.includes(invariant))
    if (found === undefined || broken(index, audio).length > 0) return null
    return { invariant: found.invariant, detail: found.detail, calls: index + 1 }
  }
  const again = calls === undefined ? null : foundIn(calls - 1)
  if (again !== null) return again
  for (let index = 0; index < most; index++) {
    if (!mayShow(bug, index)) continue
    const found = foundIn(index)
    if (found !== null) return found
  }
  return null
}

const broken = (index: number, audio: Speech.Audio, machine?: World.Machine): ReadonlyArray<Invariants.Broken> =>
  Simulation.run(known(index).plan, { audio, untilMs, ...(machine === undefined ? {} : { machine }) }).broken

/** Every other call has several faults. */
export const plan = (index: number): Plan.Plan => ({
  ...Population.plan(seed, index, { faults: index % 2 === 0 ? "some" : "many" }),
  wire: "direct"
})

const mayShow = ({ where }: KnownBug, index: number): boolean =>
  where === undefined || where.every((one) => one.test(known(index).text))

const plans = new Map<number, { readonly plan: Plan.Plan; readonly text: string }>()

/** The calls are the same for every bug: each is drawn once. */
const known = (index: number): { readonly plan: Plan.Plan; readonly text: string } => {
  const before = plans.get(index)
  if (before !== undefined) return before
  const drawn = plan(index)
  const now = { plan: drawn, text: JSON.stringify(drawn) }
  plans.set(index, now)
  return now
}
