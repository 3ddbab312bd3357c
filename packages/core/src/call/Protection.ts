/**
 * Segments that the caller has to hear: the greeting (`greetingProtected`), or what the agent says to the result of a
 * tool (`protectAnswer`), such as a legal notice.
 *
 * Protection belongs to a request: `State.protect` marks the next one, and it stays with the request through refusals
 * and retries. The items of its response are protected, until they were heard.
 *
 * Invariants (machine turns)
 * 1. Nothing that the caller says clears, cancels or truncates anything while a protected segment is requested, under
 *    way or unheard. Their audio reaches the model all the same.
 * 2. No response is created while protected audio is unheard: an interruption of it would cut that audio too. What the
 *    caller said meanwhile is answered then.
 */

import * as Ledger from "../Ledger.ts"
import * as Slot from "./Slot.ts"
import type { Draft, Wanted } from "./State.ts"
import { now } from "./State.ts"

/** A protected segment is on its way to the caller's ear. */
export const isUnderWay = (call: Draft): boolean => {
  const { slot, wanted } = call
  const pending = Slot.pending(call)
  return (
    wanted?.protected === true ||
    (pending?.wanted.protected === true && !pending.cancel) ||
    (slot._tag === "Active" && slot.wanted?.protected === true) ||
    isUnheard(call)
  )
}

export const isUnheard = (call: Draft): boolean =>
  call.items.some((open) => open.protected) && !Ledger.isEmpty(call.ledger, now(call))

/** The request that is sent now takes the mark. */
export const given = (call: Draft, wanted: Wanted): Wanted => {
  if (!call.protect) return wanted
  call.protect = false
  return { ...wanted, protected: true }
}
