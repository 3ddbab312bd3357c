/** A rule of the Judge: what it looks at, and how it says what is not true. */

import type { Command, Event } from "@offhook/core"
import type { Invariant } from "../Invariants.ts"

/** `at`: ms since the call was placed. */
export type Found = (invariant: Invariant, at: number, detail: string) => void

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
