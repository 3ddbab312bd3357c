/** One call: a plan is played in virtual time and judged at every step. */

import { Call, type Command, type Event } from "@offhook/core"
import type * as Speech from "../Speech.ts"
import * as World from "../World.ts"
import type { Broken } from "./Invariants.ts"
import * as Judge from "./Judge.ts"
import * as Plan from "./Plan.ts"

export interface Options {
  readonly audio: Speech.Audio
  /** Keep the steps, for a recording. */
  readonly keep?: boolean
}

export interface Result {
  readonly broken: ReadonlyArray<Broken>
  /** How long the call was, ms. */
  readonly callMs: number
  readonly steps: number
  /** With `keep`: the commands that the call began with, then every event with its answer. */
  readonly kept: Kept | null
}

export interface Kept {
  readonly first: ReadonlyArray<Command>
  readonly steps: ReadonlyArray<readonly [Event, ReadonlyArray<Command>]>
}

export const run = (plan: Plan.Plan, options: Options): Result => {
  const kept: Array<readonly [Event, ReadonlyArray<Command>]> = []
  let steps = 0
  const world: World.World = World.make({
    ...Plan.options(plan, options.audio),
    onStep: (event, commands, state) => {
      steps++
      if (options.keep === true) kept.push([event, commands])
      judge.stepped({ at: world.now(), event, commands, state, deadline: Call.nextDeadline(state) })
    }
  })
  const judge = Judge.make(world, plan)
  world.run()
  judge.over()
  return {
    broken: judge.broken,
    callMs: world.now(),
    steps,
    kept: options.keep === true ? { first: world.first, steps: kept } : null
  }
}
