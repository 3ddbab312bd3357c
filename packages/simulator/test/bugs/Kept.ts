/**
 * The call that is kept of a bug that a simulation found: a finding in `packages/core/test/calls/found`, named like the
 * bug. Its plan breaks the machine with the bug, and nothing in the machine as it is, which also recorded it.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import {
  Finding,
  type Invariants,
  type Plan,
  Population,
  Shrink,
  Simulation,
  type Speech,
  type World
} from "@offhook/simulator"
import * as Hunt from "./Hunt.ts"
import type { KnownBug } from "./KnownBug.ts"
import * as PatchedCore from "./PatchedCore.ts"

const root = new URL("../../../../", import.meta.url)

/** From the root of the sources. */
export const file = ({ id }: KnownBug): string => `packages/core/test/calls/found/${id}.jsonl`

/** Null where none is kept. */
export const read = (bug: KnownBug): Finding.Finding | null => {
  const path = fileURLToPath(new URL(file(bug), root))
  return existsSync(path) ? Finding.read(readFileSync(path, "utf8")) : null
}

/** What is broken in a call by the bug, of what it is known by. */
export const broken = async (bug: KnownBug, plan: Plan.Plan, audio: Speech.Audio): Promise<string | null> =>
  brokenBy(bug, plan, audio, await PatchedCore.load(bug.patches))?.detail ?? null

/** Looks for a call that shows the bug, first where it was seen, and keeps it. False where none was found. */
export const hunted = async (bug: KnownBug, audio: Speech.Audio): Promise<boolean> => {
  for (const plan of seen(bug)) if (await keep(bug, plan, audio)) return true
  const found = await Hunt.hunt(bug, audio)
  return found !== null && (await keep(bug, Hunt.plan(found.calls - 1), audio))
}

const seen = ({ seen }: KnownBug): ReadonlyArray<Plan.Plan> =>
  [...seen.matchAll(/seed (\S+?),(?: --network (good|mobile|poor),)? call (\d+)/g)].map(
    ([, seed = "", network, index]) =>
      Population.plan(seed, Number(index), network === undefined ? {} : { network: network as "good" })
  )

/** Makes a call that shows the bug as small as it gets, and keeps it. False where it does not show it. */
const keep = async (bug: KnownBug, plan: Plan.Plan, audio: Speech.Audio): Promise<boolean> => {
  const machine = await PatchedCore.load(bug.patches)
  const found = brokenBy(bug, plan, audio, machine)
  if (found === undefined) return false
  const small = shrunk(plan, found.invariant, audio, machine)
  if (small === null) return false
  const seen = brokenBy({ by: [found.invariant] }, small, audio, machine) ?? found
  const name = file(bug)
  const finding = Finding.read(Finding.text(small, seen, name, { audio, machine }))
  if (finding === null) return false
  const path = fileURLToPath(new URL(name, root))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, Finding.again(finding, name, { audio }))
  return true
}

/** As small as it gets while the bug alone breaks it. Calls are played to their end, with the bug and without. */
const shrunk = (
  plan: Plan.Plan,
  invariant: Invariants.Invariant,
  audio: Speech.Audio,
  machine: World.Machine
): Plan.Plan | null => {
  const test: Shrink.Test = (plan, untilMs = Number.POSITIVE_INFINITY) => {
    const withBug = Simulation.run(plan, { audio, untilMs, machine })
    const found = withBug.broken.find((one) => one.invariant === invariant)
    if (found === undefined || withBug.callMs >= untilMs) return null
    const without = Simulation.run(plan, { audio, untilMs })
    if (without.broken.length > 0 || without.callMs >= untilMs) return null
    return { at: found.at, callMs: Math.max(withBug.callMs, without.callMs) }
  }
  const failure = test(plan)
  return failure === null ? null : Shrink.shrink(plan, failure, test).plan
}

const brokenBy = (
  { by }: Pick<KnownBug, "by">,
  plan: Plan.Plan,
  audio: Speech.Audio,
  machine: World.Machine
): Invariants.Broken | undefined =>
  Simulation.run(plan, { audio, machine }).broken.find(({ invariant }) => by.includes(invariant))
