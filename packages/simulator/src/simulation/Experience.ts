/**
 * What callers experienced, over any number of calls: how fast they were answered, how often they were not, how they
 * interrupted, how their calls ended. Told by the machine's own commands, as live metrics would be; how exact its cuts
 * were, the judge measured at the ear.
 *
 * A caller's turn is answered when something that the agent said after it was heard. Asides are no turns.
 *
 * Invariant: merging commutes; the same calls give the same experience however they are spread over threads.
 */

import type { Command, Outcome, Reaction } from "@offhook/core"
import * as Distribution from "./Distribution.ts"
import type { Measures } from "./Judge.ts"

export interface Experience {
  /** ms, one value a reaction. */
  readonly reactions: Readonly<Record<Reaction, Distribution.Distribution>>
  /** ms, one value a call. */
  readonly deadAir: Distribution.Distribution
  readonly outcomes: Map<Outcome, number>
  readonly turns: { caller: number; agent: number; answered: number }
  /** Turns that nobody answered, by the reason. */
  readonly unanswered: Map<string, number>
  /** `asides`: sounds of the caller that interrupted nothing. `resumed`: of the pauses. */
  readonly interruptions: { made: number; asides: number; pauses: number; resumed: number }
  /** ms between what the model believes was heard, and what was; one value a cut. */
  readonly cutErrors: Distribution.Distribution
  /** ms of audio lost or repeated, one value a pause after which the agent went on. */
  readonly resumeErrors: Distribution.Distribution
}

/** To what measured times are rounded, ms: a sample has an eighth. */
const exact = 0.125

export const none = (): Experience => ({
  reactions: { greeting: Distribution.make(), answer: Distribution.make(), interruption: Distribution.make() },
  deadAir: Distribution.make(),
  outcomes: new Map(),
  turns: { caller: 0, agent: 0, answered: 0 },
  unanswered: new Map(),
  interruptions: { made: 0, asides: 0, pauses: 0, resumed: 0 },
  cutErrors: Distribution.make(exact),
  resumeErrors: Distribution.make(exact)
})

export const merge = (into: Experience, other: Experience): void => {
  for (const to of ["greeting", "answer", "interruption"] as const) {
    Distribution.merge(into.reactions[to], other.reactions[to])
  }
  Distribution.merge(into.deadAir, other.deadAir)
  for (const [outcome, calls] of other.outcomes) count(into.outcomes, outcome, calls)
  for (const [reason, turns] of other.unanswered) count(into.unanswered, reason, turns)
  into.turns.caller += other.turns.caller
  into.turns.agent += other.turns.agent
  into.turns.answered += other.turns.answered
  into.interruptions.made += other.interruptions.made
  into.interruptions.asides += other.interruptions.asides
  into.interruptions.pauses += other.interruptions.pauses
  into.interruptions.resumed += other.interruptions.resumed
  Distribution.merge(into.cutErrors, other.cutErrors)
  Distribution.merge(into.resumeErrors, other.resumeErrors)
}

/** Adds what the judge measured in one call. */
export const measured = (experience: Experience, { cutErrors, resumeErrors }: Measures): void => {
  for (const ms of cutErrors) Distribution.add(experience.cutErrors, Math.abs(ms))
  for (const ms of resumeErrors) Distribution.add(experience.resumeErrors, Math.abs(ms))
}

/** Adds one call to `experience`, command by command. */
export const listen = (experience: Experience): ((commands: ReadonlyArray<Command>) => void) => {
  const { interruptions, reactions, turns } = experience
  let waiting = 0
  let failed = false
  return (commands) => {
    for (const command of commands) {
      switch (command._tag) {
        case "Reacted":
          Distribution.add(reactions[command.to], command.ms)
          break
        case "Note":
          if (command.note.what === "response failed") failed = true
          break
        case "Settled":
          if (command.turn.speaker === "caller") {
            if (command.turn.aside) break
            turns.caller++
            waiting++
          } else {
            turns.agent++
            if (command.turn.heardMs === 0) break
            turns.answered += waiting
            waiting = 0
            failed = false
          }
          break
        case "Ended": {
          const { asides, deadAirMs, interruptions: made, outcome, pauses, resumed } = command.summary
          Distribution.add(experience.deadAir, deadAirMs)
          count(experience.outcomes, outcome, 1)
          if (waiting > 0) count(experience.unanswered, failed ? "the response failed" : WORDS[outcome], waiting)
          interruptions.made += made
          interruptions.asides += asides
          interruptions.pauses += pauses
          interruptions.resumed += resumed
          break
        }
      }
    }
  }
}

const WORDS: Readonly<Record<Outcome, string>> = {
  "agent hung up": "the agent was saying goodbye",
  "caller hung up": "the caller hung up first",
  "carrier lost": "the carrier was lost",
  "carrier silent": "the carrier fell silent",
  "duration limit": "the call had reached its limit",
  "format mismatch": "the model's audio format was another",
  "model lost": "the model was lost",
  "model refused": "the model refused the session",
  "never connected": "the phone never connected",
  operator: "an operator ended the call",
  shutdown: "the server was shut down"
}

const count = <K>(counts: Map<K, number>, key: K, by: number): void => {
  counts.set(key, (counts.get(key) ?? 0) + by)
}
