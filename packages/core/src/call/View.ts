/** A live call for a person who looks after it: what it is doing, nothing of what is said. */

import * as Clock from "../CarrierClock.ts"
import type { Outcome } from "../Command.ts"
import type { Millis } from "../Event.ts"
import * as Ledger from "../Ledger.ts"
import type { Carrier, Model, State } from "./State.ts"

export interface View {
  readonly phase: State["phase"]
  readonly carrier: Carrier["status"]
  readonly model: Model["status"]
  /** By what is known now: the caller by the model's or our own detection, the agent by what is still to be heard. */
  readonly speaking: { readonly caller: boolean; readonly agent: boolean }
  /** That have settled. */
  readonly turns: { readonly caller: number; readonly agent: number }
  readonly interruptions: number
  readonly toolCalls: number
  readonly modelErrors: number
  /** US dollars so far; null: the model has no price. */
  readonly costUsd: number | null
  /** What the call is about to end with; null: it goes on. */
  readonly ending: Outcome | null
}

/** At `at`, or when the last event happened, if that is later. */
export const view = (state: State, at: Millis): View => {
  const { carrier, clock, ending, ledger, model, phase, speech, sums } = state
  const now = Clock.moment(clock, Math.max(at, state.at))
  return {
    phase,
    carrier: carrier.status,
    model: model.status,
    speaking: { caller: speech.speaking, agent: carrier.status === "open" && Ledger.remainingMs(ledger, now) > 0 },
    turns: { caller: sums.callerTurns, agent: sums.agentTurns },
    interruptions: sums.interruptions,
    toolCalls: sums.toolCalls,
    modelErrors: sums.modelErrors,
    costUsd: sums.costUsd,
    ending: ending?.outcome ?? null
  }
}
