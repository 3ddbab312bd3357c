/**
 * Pause-then-decide: as soon as the caller makes a sound the agent falls silent, and goes on from the very byte when it
 * was no speech.
 *
 * To the carrier a pause is an interruption: a mark and a clear. To the model it is nothing: its response is not
 * cancelled, deltas wait behind the unheard rest, and no item is truncated. A verdict of call/Sound ends it. An aside:
 * rest and deltas are sent in order, once the mark has come back and said where the ear fell silent. Speech: it was
 * an interruption from its beginning on (call/Interruption).
 *
 * Invariants
 * 1. A pause lasts `Limits.decideMs` at most, and then `Limits.cutWaitMs` from its beginning for the mark.
 * 2. While it lasts no response is created, no item settles, and the line does not close. What ends the call ends it.
 * 3. Resumed, no byte is lost or heard twice but for the error of the mark's place.
 */

import type { Moment } from "../CarrierClock.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as Items from "./Items.ts"
import type { Draft } from "./State.ts"
import { count, note, now } from "./State.ts"

export const begin = (call: Draft): void => {
  call.ledger = Ledger.pause(call.ledger, now(call), call.out)
  call.pause = {
    onset: call.speech.onset,
    since: call.at,
    due: call.at + Limits.decideMs,
    silentAt: null,
    goesOn: false
  }
  count(call, { pauses: call.sums.pauses + 1 })
}

/** The mark before the clear came back. */
export const echoed = (call: Draft, when: Moment): void => {
  if (call.pause === null) return
  call.pause = { ...call.pause, silentAt: when.at }
  if (call.pause.goesOn) resume(call)
}

/** It was no speech. */
export const goOn = (call: Draft): void => {
  if (call.pause === null) return
  const due = call.pause.since + Limits.cutWaitMs
  if (call.pause.silentAt !== null || due <= call.at) return resume(call)
  call.pause = { ...call.pause, goesOn: true, due }
}

/** The agent goes on at once; the wait for the end of a goodbye is longer by the pause. */
export const resume = (call: Draft): void => {
  const { ending, pause } = call
  if (pause === null) return
  if (pause.silentAt === null) note(call, "cut estimated", "the mark before the clear has not come back")
  note(call, "playback resumed", `after ${call.at - pause.since} ms`)
  call.ledger = Ledger.resume(call.ledger, now(call), call.out)
  call.pause = null
  if (ending !== null) call.ending = { ...ending, due: ending.due + call.at - pause.since }
  count(call, { resumed: call.sums.resumed + 1 })
  Items.settleHeard(call)
}
