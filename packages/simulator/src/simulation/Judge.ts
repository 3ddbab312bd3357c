/**
 * What should be true of a call, told from outside the machine: from the bytes at the caller's ear, from what the
 * strict model was told and holds, and from the commands as they were given; never from the machine's own books. Of the
 * core nothing is used but its types.
 *
 * The rules stand in judge/, a theme a file. Each looks at the events and commands of every step as they come, and keeps
 * no more than what is still open: a call of two hours costs the memory of one of a minute.
 *
 * Invariants
 * 1. A judge never throws, and changes nothing of what it looks at.
 * 2. It stops after the first few findings: what follows is mostly their consequence.
 */

import type { Command, Event } from "@offhook/core"
import type * as World from "../World.ts"
import type { Broken, Invariant } from "./Invariants.ts"
import * as Bounds from "./judge/Bounds.ts"
import * as CallerLine from "./judge/CallerLine.ts"
import type { Case } from "./judge/Case.ts"
import * as Conduct from "./judge/Conduct.ts"
import * as Measures from "./judge/Measures.ts"
import * as Peers from "./judge/Peers.ts"
import * as Reactions from "./judge/Reactions.ts"
import * as Responses from "./judge/Responses.ts"
import type { Rule } from "./judge/Rule.ts"
import * as Spoken from "./judge/Spoken.ts"
import * as States from "./judge/States.ts"
import * as Sums from "./judge/Sums.ts"
import * as Suspended from "./judge/Suspended.ts"
import * as Tools from "./judge/Tools.ts"
import * as Transcript from "./judge/Transcript.ts"
import * as Waiting from "./judge/Waiting.ts"
import type * as Plan from "./Plan.ts"

export type { Measures } from "./judge/Measures.ts"

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
  readonly measures: Measures.Measures
}

const mostFindings = 5

export const make = (world: World.World, plan: Plan.Plan): Judge => {
  const broken: Array<Broken> = []
  const suspended = Suspended.of(plan)
  const found = (invariant: Invariant, at: number, detail: string): void => {
    if (broken.length < mostFindings && !suspended.has(invariant)) broken.push({ invariant, at, detail })
  }
  const measures = Measures.make()
  const peers = Peers.make(plan.agent)
  const on: Case = { world, plan, bounds: Bounds.of(plan), suspended, peers, measures, found }
  peers.judge(on)
  const spoken = Spoken.make(on)
  const states = States.make(on)
  const rules: ReadonlyArray<Rule> = [
    peers,
    spoken,
    CallerLine.make(on),
    Responses.make(on),
    Tools.make(on),
    Transcript.make(on),
    Waiting.make(on, spoken),
    Conduct.make(on, spoken),
    Reactions.make(on),
    Sums.make(on)
  ]
  const eventRules = rules.flatMap(({ event }) => event ?? [])
  const commandRules = rules.flatMap(({ command }) => command ?? [])
  const stepRules = rules.flatMap(({ stepped }) => stepped ?? [])
  const overRules = rules.flatMap(({ over }) => over ?? [])
  let begun = false
  let lastDeadline: number | null = null

  const given = (commands: ReadonlyArray<Command>, at: number): void => {
    for (const command of commands) for (const rule of commandRules) rule(command, at)
  }

  const begin = (at: number): void => {
    if (begun) return
    begun = true
    given(world.first, world.admittedAt() ?? at)
  }

  return {
    broken,
    measures,
    stepped: ({ at, commands, deadline, event, state }) => {
      begin(at)
      if (broken.length >= mostFindings) return
      peers.due(lastDeadline !== null && lastDeadline <= event.at)
      lastDeadline = deadline
      for (const rule of eventRules) rule(event, at)
      given(commands, at)
      for (const rule of stepRules) rule(at)
      states.stepped(state, at)
      if (deadline !== null && (event._tag === "TimeAdvanced" ? deadline <= event.at : deadline < event.at)) {
        found("deadline ahead", at, `at ${event.at} ms (${event._tag}) the next deadline is ${deadline} ms`)
      }
    },
    over: () => {
      begin(world.now())
      for (const rule of overRules) rule(world.now())
    }
  }
}
