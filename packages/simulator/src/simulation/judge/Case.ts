/** What the rules of the Judge share: the call they look at, and where they say what is not true of it. */

import type { Command, Event } from "@offhook/core"
import type * as World from "../../World.ts"
import type { Invariant } from "../Invariants.ts"
import type * as Plan from "../Plan.ts"
import type { Bounds } from "./Bounds.ts"
import type { Measures } from "./Measures.ts"
import type { Peers } from "./Peers.ts"

export interface Case {
  readonly world: World.World
  readonly plan: Plan.Plan
  readonly bounds: Bounds
  readonly peers: Peers
  readonly measures: Measures
  readonly found: (invariant: Invariant, at: number, detail: string) => void
}

/** `at`: ms since the call was placed. */
export interface Rule {
  /** Before the commands that answered it. */
  readonly event?: (event: Event, at: number) => void
  readonly command?: (command: Command, at: number) => void
  /** After the commands of every step. */
  readonly stepped?: (at: number) => void
  /** Nothing is left to happen. */
  readonly over?: (at: number) => void
}
