/**
 * Runs one call: stamps what happens, asks the machine, carries out what it answers. The only place that holds a call's
 * state, and the only one that changes it.
 *
 * Socket callbacks call `dispatch` and everything follows in the same tick: no fiber, promise, closure or log a frame.
 * A fiber exists for the timer alone, one a call.
 *
 * 1. One event, all its commands, the next event: what arrives while commands are carried out waits in the inbox.
 * 2. `now` is whole ms since the call began, on Effect's monotonic clock (the wall clock jumps), and never goes back.
 * 3. The timer is armed for the earliest deadline and moved only to an earlier one; a later one is found when it fires.
 * 4. Each command is carried out once. An exception of the machine or of a port ends the call: what the machine believes
 *    and what was done differ from then on, and nothing that it could say next would be right. Other calls go on.
 * 5. After the end, and after a defect, `dispatch` does nothing.
 */

import { type Agent, Call, type Command, type Event } from "@offhook/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Scope from "effect/Scope"

export interface Options {
  readonly config: Agent.Config
  /** Carries out one command, at once or by what it starts; never waits. */
  readonly execute: (command: Command) => void
  /** What happened and what follows, before it is carried out; `event` null: the call begins. */
  readonly onStep: (event: Event | null, commands: ReadonlyArray<Command>) => void
  /** The call cannot go on: close what it holds. Called at most once, and nothing after. */
  readonly onDefect: (cause: unknown) => void
}

export interface CallDriver {
  /** Whole ms since the call began: the `at` of an event that happens now. */
  readonly now: () => number
  /** Something happened. Never throws. */
  readonly dispatch: (event: Event) => void
  /** Carries out the call's first commands; once. */
  readonly start: () => void
  /** What the call is doing now. */
  readonly view: () => Call.View
}

/** A call that begins now; the end of the scope stops its timer. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<CallDriver, never, Scope.Scope> {
  const clock = yield* Effect.clock
  const runTimer = yield* FiberHandle.makeRuntime<never>()
  const began = clock.unsafeCurrentTimeNanos()
  const inbox: Array<Event> = []
  let [state, commands] = Call.initial(options.config)
  let latest = 0
  let draining = false
  let over = false
  let armed = Number.POSITIVE_INFINITY

  const now = (): number => {
    const at = Math.floor(Number(clock.unsafeCurrentTimeNanos() - began) / 1e6)
    if (at > latest) latest = at
    return latest
  }

  const carryOut = (event: Event | null): void => {
    options.onStep(event, commands)
    for (const command of commands) options.execute(command)
  }

  const drain = (): void => {
    draining = true
    try {
      for (let event = inbox.shift(); event !== undefined && !over; event = inbox.shift()) {
        ;[state, commands] = Call.step(state, event)
        carryOut(event)
        over = Call.isEnded(state)
      }
      rearm()
    } catch (cause) {
      fail(cause)
    }
    draining = false
  }

  const fail = (cause: unknown): void => {
    over = true
    inbox.length = 0
    options.onDefect(cause)
  }

  const dispatch = (event: Event): void => {
    if (over) return
    inbox.push(event)
    if (!draining) drain()
  }

  const rearm = (): void => {
    if (over) return
    const due = Call.nextDeadline(state)
    if (due === null || due >= armed) return
    armed = due
    runTimer(Effect.andThen(Effect.sleep(Duration.millis(Math.max(0, due - now()))), Effect.sync(ring)))
  }

  const ring = (): void => {
    armed = Number.POSITIVE_INFINITY
    if (over) return
    const due = Call.nextDeadline(state)
    if (due === null) return
    const at = now()
    // Timers have a grain of 1 ms and may ring early.
    if (due > at) rearm()
    else dispatch({ _tag: "TimeAdvanced", at })
  }

  return {
    now,
    dispatch,
    start: () => {
      draining = true
      try {
        carryOut(null)
      } catch (cause) {
        fail(cause)
      }
      drain()
    },
    view: () => Call.view(state, now())
  }
})
