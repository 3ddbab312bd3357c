/**
 * One call: a plan is played in virtual time and judged at every step.
 *
 * Invariant: `run` never throws. What throws in a call, or never ends, is broken like anything else that must be true.
 */

import { Call, type Command, type Event } from "@offhook/core"
import type * as Speech from "../Speech.ts"
import * as World from "../World.ts"
import * as Contradictions from "./Contradictions.ts"
import type { Broken } from "./Invariants.ts"
import * as Judge from "./Judge.ts"
import * as Plan from "./Plan.ts"
import * as Replays from "./Replays.ts"

export interface Options {
  readonly audio: Speech.Audio
  /** Keep the steps, for a recording. */
  readonly keep?: boolean
  /** Default: the core's. */
  readonly machine?: World.Machine
  /** Only so much of the call is looked at, ms; what must be true of its end is not asked then. */
  readonly untilMs?: number
  /** Called with each event and what it was answered with, after the judge. */
  readonly onStep?: (event: Event, commands: ReadonlyArray<Command>) => void
}

export interface Result {
  readonly broken: ReadonlyArray<Broken>
  /** What the caller experienced, by their ear. */
  readonly measures: Judge.Measures
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

/** No call lasts longer, ms; what still happens then, happens for ever. */
const longestMs = 3 * 3_600_000

export const run = (plan: Plan.Plan, options: Options): Result => {
  const machine = options.machine ?? Call
  const kept: Array<readonly [Event, ReadonlyArray<Command>]> = []
  const failed: Array<Broken> = []
  let steps = 0
  const world: World.World = World.make({
    ...Plan.options(plan, options.audio),
    machine,
    onStep: (event, commands, state, deadline) => {
      steps++
      if (options.keep === true) kept.push([event, commands])
      judge.stepped({ at: world.now(), event, commands, state, deadline })
      replays.stepped(event, commands)
      options.onStep?.(event, commands)
    }
  })
  const judge = Judge.make(world, plan)
  const replays = Replays.make(world, plan, machine)
  try {
    const over = world.run(Math.min(options.untilMs ?? longestMs, longestMs))
    if (over) {
      judge.over()
      replays.over()
    } else if (options.untilMs === undefined)
      throw new Error(`a livelock: it goes on after ${longestMs / 60_000} minutes`)
  } catch (error) {
    failed.push(thrown(error, world.now()))
  }
  return {
    broken: [...judge.broken, ...replays.broken, ...Contradictions.found(plan), ...failed],
    measures: judge.measures,
    callMs: world.now(),
    steps,
    kept: options.keep === true ? { first: world.first, steps: kept } : null
  }
}

const thrown = (error: unknown, at: number): Broken => {
  const message = error instanceof Error ? error.message : String(error)
  if (message.startsWith("a livelock")) return { invariant: "no livelock", at, detail: message }
  const place = error instanceof Error ? /\bat .*?([\w.-]+\.[jt]s:\d+)/.exec(error.stack ?? "")?.[1] : undefined
  return { invariant: "never throws", at, detail: place === undefined ? message : `${message} (${place})` }
}
