/**
 * The call that is kept of a bug that a simulation found: a finding in `packages/core/test/calls/found`, named like the
 * bug. Its plan breaks the machine with the bug, and nothing in the machine as it is, which also recorded it.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Finding, type Invariants, type Plan, Shrink, Simulation, type Speech, type World } from "@offhook/simulator"
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

/** Looks for a call that shows the bug, makes it as small as it gets, and keeps it. False where none was found. */
export const hunted = async (bug: KnownBug, audio: Speech.Audio): Promise<boolean> => {
  const found = await Hunt.hunt(bug, audio)
  if (found === null) return false
  const machine = await PatchedCore.load(bug.patches)
  const small = shrunk(Hunt.plan(found.calls - 1), found.invariant, audio, machine)
  const seen = brokenBy({ by: [found.invariant] }, small, audio, machine)
  if (seen === undefined) return false
  const name = file(bug)
  const finding = Finding.read(Finding.text(small, seen, name, { audio, machine }))
  if (finding === null) return false
  const path = fileURLToPath(new URL(name, root))
  mkdirSync(fileURLToPath(new URL(".", new URL(name, root))), { recursive: true })
  writeFileSync(path, Finding.again(finding, name, { audio }))
  return true
}

/** As small as it gets while the bug alone breaks it, with the bug and without. */
const shrunk = (
  plan: Plan.Plan,
  invariant: Invariants.Invariant,
  audio: Speech.Audio,
  machine: World.Machine
): Plan.Plan => {
  const breaks = Shrink.breaks(invariant, { audio, machine })
  const test: Shrink.Test = (plan, untilMs = Hunt.untilMs) => {
    const failure = breaks(plan, untilMs)
    if (failure === null) return null
    const { broken, callMs } = Simulation.run(plan, { audio, untilMs })
    return broken.length > 0 ? null : { ...failure, callMs: Math.max(failure.callMs, callMs) }
  }
  const failure = test(plan)
  return failure === null ? plan : Shrink.shrink(plan, failure, test).plan
}

const brokenBy = (
  { by }: Pick<KnownBug, "by">,
  plan: Plan.Plan,
  audio: Speech.Audio,
  machine: World.Machine
): Invariants.Broken | undefined =>
  Simulation.run(plan, { audio, machine }).broken.find(({ invariant }) => by.includes(invariant))
