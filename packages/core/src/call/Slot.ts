/** The response slot by itself: who holds it, who waits for it, and how it is given up. */

import type { Millis } from "../Event.ts"
import * as Limits from "../Limits.ts"
import type { Draft, Request, Wanted } from "./State.ts"

/**
 * A response is to be created as soon as it may be; where the call ends, only a goodbye. What was to be said protected is
 * said by it then.
 */
export const want = (call: Draft, why: Wanted["why"], instructions: string | null = null): void => {
  if (why !== "goodbye" && call.ending !== null) return
  if (call.wanted?.protected === true) call.protect = true
  const covered = call.speech.speaking && call.config.agent.turns === "model" && why !== "goodbye"
  call.wanted = { ...wanted(why, call.at), instructions, covered }
}

export const wanted = (why: Wanted["why"], at: Millis): Wanted => ({
  why,
  instructions: null,
  notBefore: at,
  tries: 0,
  covered: false,
  protected: false
})

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
  if (slot._tag === "Cancelling") call.slot = { ...slot, beaten: withCancel(slot.beaten) }
  if (slot._tag !== "Active") return
  const beaten = withCancel(slot.beaten)
  if (byUs) cancel(call, slot.response, beaten)
  else call.slot = { _tag: "Cancelling", response: slot.response, beaten, due: call.at + Limits.cancelMs }
}

export const cancel = (call: Draft, response: string, beaten: Request | null): void => {
  const { session, status } = call.model
  if (status === "ready") call.out.push({ _tag: "CancelResponse", session, response })
  call.slot = { _tag: "Cancelling", response, beaten, due: call.at + Limits.cancelMs }
}

/** Our request that is neither created nor refused. */
export const pending = ({ slot }: Draft): Request | null => {
  if (slot._tag === "Idle") return null
  if (slot._tag !== "Requested") return slot.beaten
  return { request: slot.request, wanted: slot.wanted, cancel: slot.cancel }
}

const withCancel = (request: Request | null): Request | null => (request === null ? null : { ...request, cancel: true })
