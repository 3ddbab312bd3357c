import type { Invariants } from "@offhook/simulator"
import type { Patch } from "./PatchedCore.ts"

/** A mistake that a phone agent can make, as a change of the core's sources. */
export interface KnownBug {
  readonly id: string
  /** What an operator would tell of it. */
  readonly sentence: string
  /** Where it was met, or what makes it likely. */
  readonly seen: string
  readonly patches: ReadonlyArray<Patch>
  /** Only a call whose plan, as JSON, matches all of them can show the bug; others are not placed. */
  readonly where?: ReadonlyArray<RegExp>
  /** The sentences that are not true of a call with this bug; any of them may be what finds it. */
  readonly by: ReadonlyArray<Invariants.Invariant>
}
