/**
 * What should be true of a call, told from outside the machine: from the bytes at the caller's ear, from what the
 * strict model was told, and from the commands as they were given; never from the machine's own books.
 *
 * Nothing of the core is used here but its types.
 */

import type { Command, Event } from "@offhook/core"
import type * as World from "../World.ts"
import type { Broken, Invariant } from "./Invariants.ts"
import type * as Plan from "./Plan.ts"

/** One step of the machine. `at`: ms since the call was placed; `deadline`: the machine's next, on the call's clock. */
export interface Step {
  readonly at: number
  readonly event: Event
  readonly commands: ReadonlyArray<Command>
  /** Plain data, opaque here. */
  readonly state: unknown
  readonly deadline: number | null
}

export interface Judge {
  readonly stepped: (step: Step) => void
  /** Nothing is left to happen. */
  readonly over: () => void
  /** In the order in which they were found. */
  readonly broken: ReadonlyArray<Broken>
}

export const make = (world: World.World, _plan: Plan.Plan): Judge => {
  const broken: Array<Broken> = []
  const found = (invariant: Invariant, at: number, detail: string) => broken.push({ invariant, at, detail })
  let ended = 0
  return {
    broken,
    stepped: ({ at, commands }) => {
      if (ended > 0 && commands.length > 0) found("ends once", at, `${commands[0]?._tag} after the end`)
      for (const command of commands) if (command._tag === "Ended") ended++
    },
    over: () => {
      if (ended !== 1) found("ends once", world.now(), `it ended ${ended} times`)
    }
  }
}
