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
 * 1. Undecided, a pause lasts `Limits.decideMs` at most; decided, it waits for the mark and the frame behind it,
 *    `Limits.cutWaitMostMs` from its beginning at most.
 * 2. While it lasts no response is created, no item settles, and the line does not close. What ends the call ends it.
 * 3. Resumed, no byte is lost or heard twice but for the error of the mark's place.
 */

import type { Moment } from "../CarrierClock.ts"
import * as CarrierClock from "../CarrierClock.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as Items from "./Items.ts"
import type { Draft, Pause } from "./State.ts"
import { count, nextFrameMs, note, now } from "./State.ts"

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
export const echoed = (call: Draft, pause: Pause, when: Moment): void => {
  call.pause = { ...pause, silentAt: when.at }
  if (pause.goesOn) resumeFrom(call, when)
}

/** A frame came: what came back before it has its place. */
export const framed = (call: Draft): void => {
  if (call.pause?.goesOn === true && call.pause.silentAt !== null) resume(call)
}

/** It was no speech. */
export const goOn = (call: Draft): void => {
  if (call.pause === null || call.pause.goesOn) return
  const silence = Ledger.silence(call.ledger)
  call.pause = {
    ...call.pause,
    goesOn: true,
    due: call.pause.since + Math.max(Limits.decideMs, Ledger.echoWaitMs(call.ledger))
  }
  if (silence !== null) return resumeFrom(call, silence)
  if (call.pause.due <= call.at && call.carrier.congestion === null) resume(call)
}

/** The mark's place may be told more closely by the next frame (call/Interruption). */
const resumeFrom = (call: Draft, when: Moment): void => {
  if (call.pause === null || CarrierClock.isFirm(when)) return resume(call)
  call.pause = { ...call.pause, due: Math.min(call.pause.due, call.at + nextFrameMs(call)) }
  if (call.pause.due <= call.at) resume(call)
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
