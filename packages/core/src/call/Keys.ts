/**
 * The keys the caller presses: an entry is gathered (Keypad), becomes one text of the caller's, and is answered when
 * nobody speaks. Entries that are complete before a model listens wait for it.
 */

import type { CarrierKeyed } from "../Event.ts"
import * as Keypad from "../Keypad.ts"
import * as Limits from "../Limits.ts"
import * as Transcript from "../Transcript.ts"
import * as Ending from "./Ending.ts"
import * as Slot from "./Slot.ts"
import type { Draft } from "./State.ts"

export const pressed = (call: Draft, event: CarrierKeyed): void => {
  const [keypad, digits] = Keypad.press(call.keypad, event.digit, event.at)
  call.keypad = keypad
  if (digits !== null) entered(call, digits)
}

/** No key for a while: the entry is complete. */
export const due = (call: Draft): void => {
  const [keypad, digits] = Keypad.due(call.keypad)
  call.keypad = keypad
  entered(call, digits)
}

/** A model listens: what was keyed before is told. */
export const flush = (call: Draft): void => {
  const { entries } = call
  call.entries = []
  for (const digits of entries) entered(call, digits)
}

const entered = (call: Draft, digits: string): void => {
  if (call.model.status !== "ready") {
    call.entries = [...call.entries, digits].slice(-Limits.entries)
    return
  }
  const text = Keypad.sentence(digits)
  call.requests += 1
  const item = `keys_${call.requests}`
  call.out.push({ _tag: "AddText", session: call.model.session, item, role: "user", text })
  call.transcript = Transcript.keyed(call.transcript, call.model.session, item, text, call.at)
  Ending.revoke(call)
  Slot.want(call, "keys")
}
