/**
 * A peer that does not read: what is sent to it waits in its socket, behind everything before. The host says when that
 * has lasted for 500 ms, and when it is over.
 *
 * Audio is kept here instead, where it can still be cleared, and is sent in order once the peer reads: the agent's in the
 * ledger (60 s), the caller's in call/CallerAudio (10 s). Everything else is small, and goes on.
 *
 * Invariants
 * 1. Nothing is lost but what those bounds leave no room for, and that is noted, with its length, when the peer reads
 *    again, or at the end; the summary has the sum.
 * 2. What was asked of a peer is not overdue before it could be read: a request for a response, the mark of a clear, the
 *    end of a response that is cut.
 * 3. A peer that does not read for `Limits.congestedMs` is given up.
 */

import type { Summary } from "../Command.ts"
import type { Millis } from "../Event.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as CallerAudio from "./CallerAudio.ts"
import * as Items from "./Items.ts"
import type { Congestion, Draft } from "./State.ts"
import { note, now } from "./State.ts"

export const ofCarrier = (call: Draft): void => {
  if (call.carrier.congestion !== null) return
  call.carrier = { ...call.carrier, congestion: { since: call.at, lostBytes: call.ledger.lostBytes } }
  call.ledger = Ledger.congest(call.ledger)
}

export const carrierDrained = (call: Draft): void => {
  if (call.carrier.congestion === null) return
  carrierGone(call)
  // On a stream that is about to close nobody would hear it.
  if (call.phase !== "live") return
  call.ledger = Ledger.drain(call.ledger, now(call), call.out)
  Items.settleHeard(call)
}

/** It is told what became of the agent's audio. */
export const carrierGone = (call: Draft): void => {
  const { congestion } = call.carrier
  if (congestion === null) return
  call.carrier = { ...call.carrier, congestion: null }
  over(call, "carrier", congestion)
  // The marks of a clear leave only now.
  const echoBy = call.at + Ledger.echoWaitMs(call.ledger)
  if (call.cut !== null) call.cut = { ...call.cut, due: Math.max(call.cut.due, echoBy) }
  if (call.pause?.goesOn === true) call.pause = { ...call.pause, due: Math.max(call.pause.due, echoBy) }
  const lost = toMs(call.ledger.lostBytes - congestion.lostBytes)
  if (lost > 0)
    note(call, "audio dropped", `${lost} ms of the agent's audio found no room while the carrier did not read`)
}

export const ofModel = (call: Draft): void => {
  if (call.model.congestion !== null) return
  call.model = { ...call.model, congestion: { since: call.at, lostBytes: call.caller.lostBytes } }
}

export const modelDrained = (call: Draft): void => {
  if (call.model.congestion === null) return
  modelGone(call)
  if (call.model.status !== "ready") return
  call.caller = CallerAudio.flush(call.caller, call.model.session, Limits.stuckMs, call.out)
}

/** It is told what became of the caller's audio. */
export const modelGone = (call: Draft): void => {
  const { congestion, status } = call.model
  if (congestion === null) return
  call.model = { ...call.model, congestion: null }
  over(call, "model", congestion)
  if (call.slot._tag !== "Idle") call.slot = { ...call.slot, due: Math.max(call.slot.due, call.at + Limits.requestMs) }
  const heldUntil = call.at + Limits.holdMs
  call.held = call.held.map((held) => (held.due === null ? held : { ...held, due: Math.max(held.due, heldUntil) }))
  const lost = toMs(call.caller.lostBytes - congestion.lostBytes)
  // Before it is ready that is told then.
  if (lost > 0 && status === "ready") {
    note(call, "audio overflow", `${lost} ms of the caller found no room while the model did not read`)
  }
}

/** Whom the caller's audio goes to now; null: it is kept. */
export const listener = ({ model }: Draft): number | null =>
  model.status === "ready" && model.congestion === null ? model.session : null

/** When a peer is given up. */
export const due = (congestion: Congestion | null): Millis | null =>
  congestion === null ? null : congestion.since + Limits.congestedMs

/** For the summary. */
export const dropped = ({ caller, ledger }: Draft): Pick<Summary, "droppedMs"> =>
  caller.lostBytes + ledger.lostBytes === 0
    ? {}
    : { droppedMs: { caller: toMs(caller.lostBytes), agent: toMs(ledger.lostBytes) } }

const over = (call: Draft, peer: string, { since }: Congestion): void =>
  note(call, "congested", `the ${peer} did not read for ${call.at - since} ms`)

const toMs = (bytes: number): number => Math.floor(bytes / Limits.bytesPerMs)
