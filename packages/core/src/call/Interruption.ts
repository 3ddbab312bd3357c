/**
 * An interruption: a mark and a clear, at once; the mark's echo says when the ear went silent; then the items that were
 * cut are settled with the model (call/Items). In `model` turns a response created before the truncation would believe
 * that everything was heard, so the cut is settled by estimate when the echo is late.
 */

import type { Moment } from "../CarrierClock.ts"
import * as CarrierClock from "../CarrierClock.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as Ending from "./Ending.ts"
import * as Items from "./Items.ts"
import * as Slot from "./Slot.ts"
import type { Draft } from "./State.ts"
import { count, nextFrameMs, note, now } from "./State.ts"

/** The caller is listened to: the agent falls silent, or stays so where it had paused. */
export const interrupt = (call: Draft): void => {
  const { pause, speech } = call
  Ending.revoke(call)
  Slot.giveWay(call, call.config.agent.turns === "machine")
  if (Ledger.isEmpty(call.ledger, now(call))) return
  call.ledger = pause === null ? Ledger.clear(call.ledger, now(call), call.out) : Ledger.giveUp(call.ledger)
  call.cut = { onset: pause?.onset ?? speech.onset, due: (pause?.since ?? call.at) + cutWaitMs(call) }
  call.pause = null
  if (call.carrier.status === "open") count(call, { interruptions: call.sums.interruptions + 1 })
  if (!Ledger.isCutting(call.ledger)) return cutAt(call, pause?.silentAt ?? null)
  if (call.cut.due <= call.at && call.carrier.congestion === null)
    settleByEstimate(call, "the mark before the clear has not come back")
}

/** The mark before a clear came back: the ear went silent at `when`, which the next frame may tell more closely. */
export const cutEchoed = (call: Draft, when: Moment): void => {
  if (call.cut === null || CarrierClock.isFirm(when)) return silent(call, when)
  call.cut = { ...call.cut, due: Math.min(call.cut.due, call.at + nextFrameMs(call)) }
}

/** A frame came. */
export const framed = (call: Draft): void => {
  if (call.cut === null) return
  const when = Ledger.silence(call.ledger)
  if (when !== null) silent(call, when)
}

/** The wait for the mark, or for a frame behind it, is over. */
export const overdue = (call: Draft): void => {
  if (Ledger.silence(call.ledger) !== null) framed(call)
  else settleByEstimate(call, "the mark before the clear has not come back")
}

export const settleByEstimate = (call: Draft, reason: string): void => {
  if (Ledger.silence(call.ledger) === null) note(call, "cut estimated", reason)
  while (call.cut !== null) settleCut(call, now(call), call.config.agent.turns === "model")
}

const silent = (call: Draft, when: Moment): void => {
  if (call.cut !== null) reacted(call, when.at - call.cut.onset)
  settleCut(call, when, false)
}

/** Nothing is waited for: there is no carrier to tell, or it fell silent at `at` in the pause before. */
const cutAt = (call: Draft, at: number | null): void => {
  if (call.cut !== null && at !== null) reacted(call, at - call.cut.onset)
  settleCut(call, now(call), false)
}

const reacted = (call: Draft, ms: number): void => {
  call.out.push({ _tag: "Reacted", to: "interruption", ms: Math.max(0, Math.round(ms)) })
}

const settleCut = (call: Draft, when: Moment, atOnce: boolean): void => {
  const [ledger, cuts] = Ledger.settleCut(call.ledger, when)
  call.ledger = ledger
  if (!Ledger.isCutting(ledger)) call.cut = null
  Items.cut(call, cuts, atOnce)
  Items.settleHeard(call)
}

const cutWaitMs = (call: Draft): number => {
  const { detection, turns } = call.config.agent
  if (turns === "machine" || detection.type !== "server_vad") return Ledger.echoWaitMs(call.ledger)
  return Math.max(0, detection.silenceDurationMs - Limits.cutBeforeAnswerMs)
}
