/**
 * Which rules a plan's faults suspend, and why: as narrow as possible. A fault that stands nowhere here suspends
 * nothing.
 */

import type { Invariant } from "../Invariants.ts"
import type * as Plan from "../Plan.ts"

export const of = (_plan: Plan.Plan): ReadonlySet<Invariant> => new Set()
