/**
 * How a call ends. A goodbye is heard to its end before the line closes, within a bound, and is called off if the
 * caller speaks. A normal end is the carrier's REST `completed`; where the model is gone, our socket closes and the
 * carrier runs the tail of its TwiML, an apology (design.md, "Ending").
 *
 * Invariants
 * 1. After `Ended` the machine is silent.
 * 2. Before `Ended` both sockets are closed, or asked to close.
 */

import type { Outcome, Summary } from "../Command.ts"
import * as EndCall from "../EndCall.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as Congestion from "./Congestion.ts"
import * as Items from "./Items.ts"
import * as Pause from "./Pause.ts"
import * as Slot from "./Slot.ts"
import type { Draft } from "./State.ts"
import { idle, now } from "./State.ts"

/** The agent wants to hang up. A goodbye is asked for once, where it has not spoken. */
export const afterGoodbye = (call: Draft, spoke: boolean): void => {
  if (call.ending !== null) return
  call.ending = { outcome: "agent hung up", how: "hang up", revocable: true, due: call.at + Limits.goodbyeMs }
  if (!spoke) Slot.want(call, "goodbye", EndCall.goodbye)
}

/** The goodbye's length is known now: the wait covers it. */
export const extend = (call: Draft): void => {
  if (call.ending === null) return
  const heardBy = call.at + Math.ceil(Ledger.remainingMs(call.ledger, now(call))) + Limits.playbackMarginMs
  call.ending = { ...call.ending, due: Math.max(call.ending.due, heardBy) }
}

/** The caller has something to say: the line stays open. */
export const revoke = (call: Draft): void => {
  if (call.ending?.revocable !== true || call.phase !== "live") return
  call.ending = null
  if (call.wanted?.why === "goodbye") call.wanted = null
}

/** The longest a call may last: a goodbye is said, or the one under way is the last word. */
export const timeIsUp = (call: Draft): void => {
  if (call.ending !== null) {
    call.ending = { ...call.ending, revocable: false }
    return
  }
  call.ending = { outcome: "duration limit", how: "hang up", revocable: false, due: call.at + Limits.goodbyeMs }
  Slot.want(call, "goodbye", "The time for this call is up. Say so and say goodbye, in one short sentence.")
}

/** There is no model any more: the caller hears what is queued, then the carrier's apology, unless it was a goodbye. */
export const fail = (call: Draft, outcome: Outcome): void => {
  if (call.phase === "closing" || call.phase === "ended" || call.ending?.how === "close") return
  Pause.resume(call)
  const isGoodbyeSpoken = call.ending !== null && call.slot._tag === "Idle" && call.wanted?.why !== "goodbye"
  closeModel(call)
  if (isGoodbyeSpoken) return
  call.ending = { outcome, how: "close", revocable: false, due: lastWordsBy(call) }
}

/** Somebody outside ends the call at once. */
export const endNow = (call: Draft, outcome: Outcome, how: "close" | "hang up"): void => {
  if (call.phase !== "live") return over(call, call.phase === "closing" ? (call.ending?.outcome ?? outcome) : outcome)
  finish(call, { outcome, how, revocable: false, due: call.at })
}

/** Closes the line when the caller has heard everything, and says nothing that might call it off. */
export const progress = (call: Draft): void => {
  if (call.phase !== "live" || call.ending === null || call.slot._tag !== "Idle" || call.cut !== null) return
  if (call.wanted?.why === "goodbye") return
  if (call.ending.revocable && (call.speech.lookAt !== null || call.sounds.length > 0)) return
  if (Ledger.isEmpty(call.ledger, now(call))) finish(call, call.ending)
}

/** The wait for the goodbye, or for the carrier's close, is over. What the caller hears meanwhile is heard to its end. */
export const overdue = (call: Draft): void => {
  const { ending } = call
  if (ending === null) return
  if (call.phase === "closing") over(call, ending.outcome)
  else if (ending.how === "hang up" && !Ledger.isEmpty(call.ledger, now(call))) extend(call)
  else finish(call, ending)
}

/** The carrier could not hang up by REST. */
export const hangUpFailed = (call: Draft): void => {
  if (call.phase === "closing") closeCarrier(call)
}

/** The carrier said that the stream is over; its socket closes next. */
export const stopped = (call: Draft): void => {
  if (call.phase === "closing") return
  const outcome = call.ending !== null && !call.ending.revocable ? call.ending.outcome : "caller hung up"
  call.phase = "closing"
  call.ending = { outcome, how: "close", revocable: false, due: call.at + Limits.closingMs }
  closeModel(call)
}

/** The carrier's socket is gone. */
export const carrierClosed = (call: Draft): void => {
  call.carrier = { ...call.carrier, status: "closed" }
  over(call, call.phase === "closing" && call.ending !== null ? call.ending.outcome : "carrier lost")
}

export const over = (call: Draft, outcome: Outcome): void => {
  Congestion.carrierGone(call)
  closeCarrier(call)
  closeModel(call)
  Items.settleAll(call)
  call.phase = "ended"
  call.ending = null
  call.out.push({ _tag: "Ended", summary: summary(call, outcome) })
}

const summary = (call: Draft, outcome: Outcome): Summary => {
  const { sums } = call
  return {
    outcome,
    durationMs: call.at,
    turns: { caller: sums.callerTurns, agent: sums.agentTurns },
    interruptions: sums.interruptions,
    asides: sums.asides,
    pauses: sums.pauses,
    resumed: sums.resumed,
    responses: sums.responses,
    toolCalls: sums.toolCalls,
    truncations: sums.truncations,
    deletions: sums.deletions,
    reactions: { answers: sums.answers, answerMs: sums.answerMs, worstAnswerMs: sums.worstAnswerMs },
    deadAirMs: sums.deadAirMs,
    generatedMs: Math.floor(sums.generatedBytes / Limits.bytesPerMs),
    heardMs: Math.floor(sums.heardBytes / Limits.bytesPerMs),
    ...Congestion.dropped(call),
    usage: sums.usage,
    costUsd: sums.costUsd,
    modelErrors: sums.modelErrors
  }
}

const lastWordsBy = (call: Draft): number =>
  call.at +
  Math.min(Math.ceil(Ledger.remainingMs(call.ledger, now(call))) + Limits.playbackMarginMs, Limits.lastWordsMs)

const finish = (call: Draft, ending: NonNullable<Draft["ending"]>): void => {
  call.phase = "closing"
  call.ending = { ...ending, revocable: false, due: call.at + Limits.closingMs }
  if (ending.how === "hang up") call.out.push({ _tag: "HangUp" })
  else closeCarrier(call)
  closeModel(call)
}

const closeCarrier = (call: Draft): void => {
  if (call.carrier.status !== "open") return
  call.carrier = { ...call.carrier, status: "closing" }
  call.out.push({ _tag: "CloseCarrier", stream: call.carrier.stream })
}

const closeModel = (call: Draft): void => {
  if (call.model.status !== "closed") {
    Congestion.modelGone(call)
    call.out.push({ _tag: "CloseModel", session: call.model.session })
    call.model = { ...call.model, status: "closed", warnAt: null }
  }
  call.slot = idle
  call.wanted = null
  call.held = []
  call.tools = []
  call.speech = { ...call.speech, speaking: false, lookAt: null }
  call.sounds = []
  call.pause = null
}
