/**
 * A failing call as a file: the recording of the call, whose header says what was not true of it, why that matters, and
 * which plan plays it again. Kept in `packages/core/test/calls/found`, it is a golden call of the core for ever.
 *
 * Invariants
 * 1. `read(text(plan, …))` gives the plan back, agent and all.
 * 2. The recording replays: it is the call that the plan makes with the machine that it was played with.
 */

import { Call, Prices, Recorder, Recording } from "@offhook/core"
import type { Broken } from "./Invariants.ts"
import { rules } from "./Invariants.ts"
import * as Plan from "./Plan.ts"
import * as Shrink from "./Shrink.ts"
import * as Simulation from "./Simulation.ts"

export interface Finding {
  readonly plan: Plan.Plan
  readonly invariant: string
  /** What must be true, and what was seen instead. */
  readonly sentence: string
}

type Options = Pick<Simulation.Options, "audio" | "machine">

/** The plan made as small as `bounds` let it, what is broken in its call, and how many calls that took. */
export const shrunk = (
  plan: Plan.Plan,
  broken: Broken,
  options: Options,
  bounds?: Shrink.Bounds
): { readonly plan: Plan.Plan; readonly broken: Broken; readonly runs: number } => {
  const test = Shrink.breaks(broken.invariant, options)
  const failure = test(plan)
  if (failure === null) return { plan, broken, runs: 1 }
  const small = Shrink.shrink(plan, failure, test, bounds)
  const seen = Simulation.run(small.plan, options).broken.find(({ invariant }) => invariant === broken.invariant)
  return { plan: small.plan, broken: seen ?? broken, runs: small.runs + 2 }
}

/** A name for the file: what is broken, and which plan breaks it. */
export const name = (plan: Plan.Plan, { invariant }: Broken): string =>
  `${invariant.replace(/[^a-z0-9]+/gi, "-")}-${hash(JSON.stringify(plan))}.jsonl`

/** `file`: where it will be, as the command that plays it again says it. */
export const text = (plan: Plan.Plan, broken: Broken, file: string, options: Options): string =>
  recorded(plan, { invariant: broken.invariant, sentence: sentence(broken) }, file, options)

/** A finding played again: the recording of its plan by the machine as it is now. */
export const again = ({ plan, ...told }: Finding, file: string, options: Options): string =>
  recorded(plan, told, file, options)

/** Null: the text is a recording, but of no simulated call, or it is none at all. */
export const read = (text: string): Finding | null => {
  const { header } = Recording.parse(text.slice(0, text.indexOf("\n") + 1))
  if (header?.found === undefined) return null
  const { invariant, plan, seed, sentence } = header.found
  return { plan: { ...Plan.plainest(seed, header.config.agent), ...plan }, invariant, sentence }
}

const recorded = (
  plan: Plan.Plan,
  told: Omit<Finding, "plan">,
  file: string,
  { audio, machine = Call }: Options
): string => {
  const { agent, seed, ...rest } = plan
  const recorder = Recorder.make({
    version: "simulation",
    call: seed,
    startedAt: "2026-11-22T00:00:00.000Z",
    config: { agent, prices: Prices.table },
    digits: true,
    numbers: true,
    maxBytes: Number.POSITIVE_INFINITY,
    found: { ...told, seed, command: `npm run simulate -- --again ${file}`, plan: rest }
  })
  const { kept } = Simulation.run(plan, { audio, machine, keep: true })
  let text = recorder.start(kept?.first ?? [])
  for (const [event, commands] of kept?.steps ?? []) text += recorder.add(event, commands)
  return text + recorder.finish()
}

const sentence = ({ at, detail, invariant }: Broken): string =>
  `${rules[invariant].sentence} Here, after ${(at / 1_000).toFixed(1)} s: ${detail}.`

/** Eight hexadecimal digits, FNV-1a. */
const hash = (text: string): string => {
  let h = 0x811c9dc5
  for (let index = 0; index < text.length; index++) h = Math.imul(h ^ text.charCodeAt(index), 0x01000193)
  return (h >>> 0).toString(16).padStart(8, "0")
}
