/** What the rules of the Judge share: the call they look at, and where they say what is not true of it. */

import type * as World from "../../World.ts"
import type { Invariant } from "../Invariants.ts"
import type * as Plan from "../Plan.ts"
import type { Bounds } from "./Bounds.ts"
import type { Measures } from "./Measures.ts"
import type { Peers } from "./Peers.ts"
import type { Found } from "./Rule.ts"

export interface Case {
  readonly world: World.World
  readonly plan: Plan.Plan
  readonly bounds: Bounds
  /** Nothing that is found of these counts. */
  readonly suspended: ReadonlySet<Invariant>
  readonly peers: Peers
  readonly measures: Measures
  readonly found: Found
}
