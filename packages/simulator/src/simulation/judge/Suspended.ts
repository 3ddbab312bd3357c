/**
 * Which rules a plan's faults suspend. Under what no sane peer does, only what its data still allows is asked: a fault
 * that stands in no table here suspends nothing, and no fault suspends what is safe whatever the peers do.
 *
 * The tables are as narrow as they can be: a rule stands behind a fault only where that fault makes it impossible, not
 * where it makes it hard.
 */

import type { CarrierFault, Odd } from "../../CarrierFault.ts"
import * as Fault from "../../model/Fault.ts"
import type { Invariant } from "../Invariants.ts"
import { rules } from "../Invariants.ts"
import type * as Plan from "../Plan.ts"

type List = ReadonlyArray<Invariant>

/** What is heard depends on when echoes come, and on the carrier's clock. */
const clock: List = [
  "believed is heard",
  "settled is heard",
  "unheard is deleted",
  "whole is left alone",
  "told first",
  "told in time",
  "pause is short",
  "cut is timed",
  "goodbye is heard"
]

/** A model that lies about its conversation: what it believes is nobody's promise. The caller's side still holds. */
const conversation: List = (Object.keys(rules) as Array<Invariant>).filter(
  (name) =>
    !rules[name].isSafety && name !== "caller heard once" && name !== "truncated within" && name !== "texts shrink"
)

const everything: List = (Object.keys(rules) as Array<Invariant>).filter((name) => !rules[name].isSafety)

const byModel: { readonly [tag in Fault.Tag]?: List } = {
  // Its audio is not mu-law at 8 bytes a ms any more, or its items are two at once.
  FormatChanged: everything,
  // A copy may tell of an item, or of its end, what is not true.
  Garbled: [...conversation, "truncated within", "texts shrink"],
  ItemIdRepeated: everything,
  // `previous_item_id` is all that anybody knows of the order.
  PreviousItem: ["settled once"]
}

const byCarrier: { readonly [tag in CarrierFault["_tag"]]?: List } = {
  EchoesMissing: [...clock, "sums add up"],
  MediaBeforeStart: [],
  MediaLost: [...clock, "silent when spoken to"],
  MediaSwapped: [...clock, "caller heard once"],
  TimestampsShifted: [...clock, "caller heard once", "silent when spoken to"]
}

const byMessage: { readonly [what in Odd]?: List } = {
  "outdated media": [...clock, "caller heard once"],
  "repeated echo": clock
}

export const of = (plan: Plan.Plan): ReadonlySet<Invariant> => {
  const suspended = new Set<Invariant>()
  const suspend = (list: List): void => {
    for (const name of list) if (!rules[name].isSafety) suspended.add(name)
  }
  for (const fault of plan.faults.model) {
    suspend(byModel[fault._tag] ?? (Fault.standing(fault) === "misbehaviour" ? conversation : []))
  }
  for (const fault of plan.faults.carrier) {
    suspend(byCarrier[fault._tag] ?? [])
    if (fault._tag === "Sends") suspend(byMessage[fault.what] ?? [])
  }
  return suspended
}
