/** The response slot by itself: who holds it, who waits for it, and how it is given up. */

import * as Limits from "../Limits.ts"
import type { Draft, Wanted } from "./State.ts"

/** A response is to be created as soon as it may be; a goodbye is not replaced by anything else. */
export const want = (call: Draft, why: Wanted["why"], instructions: string | null = null): void => {
  if (call.wanted?.why === "goodbye") return
  const covered = call.speech.speaking && call.config.agent.turns === "model" && why !== "goodbye"
  call.wanted = { why, instructions, notBefore: call.at, tries: 0, covered }
}

/** Something of a response arrived: false unless it holds the slot and is not being cancelled. */
export const alive = (call: Draft, response: string): boolean => {
  const slot = call.slot
  if (slot._tag !== "Active" || slot.response !== response) return false
  if (slot.due - call.at < Limits.responseMs / 2) call.slot = { ...slot, due: call.at + Limits.responseMs }
  return true
}

/** The response is in the slot, active or being cancelled. */
export const holds = (call: Draft, response: string): boolean =>
  (call.slot._tag === "Active" || call.slot._tag === "Cancelling") && call.slot.response === response

/** Gives the slot up to the caller; `byUs` where the model does not cancel by itself. */
export const giveWay = (call: Draft, byUs: boolean): void => {
  const slot = call.slot
  if (call.wanted !== null && call.wanted.why !== "goodbye") call.wanted = null
  if (slot._tag === "Requested") call.slot = { ...slot, cancel: true }
  if (slot._tag !== "Active") return
  if (byUs) return cancel(call, slot.response)
  call.slot = { _tag: "Cancelling", response: slot.response, due: call.at + Limits.cancelMs }
}

export const cancel = (call: Draft, response: string): void => {
  call.out.push({ _tag: "CancelResponse", session: call.model.session, response })
  call.slot = { _tag: "Cancelling", response, due: call.at + Limits.cancelMs }
}
