/**
 * The response slot: at most one response writes to the conversation, and everybody who wants one waits in `wanted`.
 *
 * In `model` turns the model creates a response after each turn of the caller; ours (greeting, tool results, keyed
 * digits, goodbye) go in between, and lose against the model's where both are under way: the refusal names our
 * request and brings it back. In `machine` turns every response is ours.
 *
 * Invariants
 * 1. A `CreateResponse` is only sent from an idle slot, after every truncation, and never while the caller speaks
 *    or protected audio is unheard.
 * 2. Every request ends: created, refused, or given up at its deadline.
 * 3. None is created while the caller has `Limits.aheadMs` of audio still to hear: an agent whose function calls follow
 *    each other does not speak minutes ahead.
 * 4. Audio is played only of the response that holds the slot, and not once it is being cancelled.
 */

import type { ModelError, ModelResponseCreated, ModelResponseDone } from "../Event.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as ModelFault from "../ModelFault.ts"
import * as Prices from "../Prices.ts"
import * as Usage from "../Usage.ts"
import * as Ending from "./Ending.ts"
import * as Interruption from "./Interruption.ts"
import * as Items from "./Items.ts"
import * as Protection from "./Protection.ts"
import * as Slot from "./Slot.ts"
import type { Draft, Wanted } from "./State.ts"
import { count, idle, note, notLost, now } from "./State.ts"
import * as Tools from "./Tools.ts"

/** Sends the wanted response if it may be created now. */
export const request = (call: Draft): void => {
  if (call.wanted === null || !mayCreate(call, call.wanted)) return
  const wanted = Protection.given(call, call.wanted)
  call.requests += 1
  const request = `r${call.requests}`
  call.wanted = null
  call.slot = { _tag: "Requested", request, wanted, cancel: false, due: call.at + Limits.requestMs }
  call.out.push({
    _tag: "CreateResponse",
    session: call.model.session,
    request,
    instructions: wanted.instructions
  })
}

export const created = (call: Draft, event: ModelResponseCreated): void => {
  if (!event.inConversation) return
  const { slot } = call
  const pending = Slot.pending(call)
  const isOurs = pending !== null && pending.request === event.request
  call.speech = { ...call.speech, answerBy: null }
  count(call, { responses: call.sums.responses + 1 })
  call.lost = notLost
  if (slot._tag === "Active" || slot._tag === "Cancelling") superseded(call, slot.response)
  Items.responseCreated(call)
  // What is said before the session speaks our format would be noise.
  if (call.model.status !== "ready") return Slot.cancel(call, event.response, null)
  if (isOurs && pending.cancel) return Slot.cancel(call, event.response, null)
  // Where the carrier does not read, the clear is not there before it does: an estimate would be wrong for good.
  if (call.cut !== null && call.carrier.congestion === null) {
    Interruption.settleByEstimate(call, "the model answered before the clear took effect")
  }
  if (isCoveredBy(event, call.wanted)) call.wanted = null
  call.slot = {
    _tag: "Active",
    response: event.response,
    beaten: isOurs ? null : pending,
    wanted: isOurs ? pending.wanted : null,
    due: call.at + Limits.responseMs
  }
}

export const done = (call: Draft, event: ModelResponseDone): void => {
  if (event.usage !== null) {
    const usage = Usage.add(call.sums.usage, event.usage)
    count(call, { usage, costUsd: Prices.cost(call.config.prices, call.config.agent.model, usage) })
  }
  if (!event.inConversation) return
  call.lost = notLost
  const { slot } = call
  const pending = Slot.pending(call)
  const isActive = slot._tag === "Active" && slot.response === event.response
  const isUncreated = pending !== null && pending.request === event.request
  const cutShort = slot._tag === "Cancelling" && slot.response === event.response
  const wanted = isActive ? slot.wanted : isUncreated ? pending.wanted : null
  const spoke = Items.isAudible(call, event.response)
  const isSilent = !spoke && call.tools.every(({ response }) => response !== event.response)
  if (isUncreated) answered(call)
  over(call, event.response, event.status === "cancelled")
  Tools.responseDone(call, event.response, event.status === "completed", spoke, cutShort)
  if (event.status === "failed") {
    failed(call, event, wanted, isUncreated ? !pending.cancel : isActive || slot._tag === "Idle")
  }
  if (event.status === "completed" && isSilent && wanted?.why === "greeting" && wanted.tries === 0) {
    retry(call, wanted, 0, "the greeting said nothing")
  }
  if (event.status === "incomplete") note(call, "response failed", `incomplete: ${event.reason ?? "no reason given"}`)
  if (call.ending?.revocable === true || wanted?.why === "goodbye") Ending.extend(call)
}

/** The greeting was heard, or interrupted, or could not be. */
export const greeted = (call: Draft): void => {
  if (call.greeting !== "under way" || call.slot._tag !== "Idle") return
  if (call.items.length === 0 && call.wanted === null) call.greeting = "spoken"
}

/** An error that names a request of ours: it will not be created. Returns false for any other. */
export const refused = (call: Draft, error: ModelError): boolean => {
  const pending = Slot.pending(call)
  if (pending === null || error.cause !== pending.request) return false
  const { wanted } = pending
  const isBeaten = call.slot._tag !== "Requested"
  const isLost = !isBeaten && error.code === "conversation_already_has_active_response"
  answered(call)
  if (isLost) lose(call)
  if (pending.cancel) return true
  if (isBeaten) {
    if (call.wanted === null && wanted.why !== "answer" && wanted.why !== "greeting") call.wanted = wanted
  } else if (isLost) {
    if (call.wanted === null) call.wanted = wanted
  } else {
    retry(call, wanted, Limits.retryMs, error.code ?? error.message)
  }
  return true
}

/** Whatever is wanted meanwhile waits with the others: more often asked for, it would not be created sooner. */
const lose = (call: Draft): void => {
  const { requests } = call.lost
  if (requests >= Limits.refusals) {
    note(call, "model unanswered", "a response that is not known here keeps ours away")
    return Ending.fail(call, "model lost")
  }
  const wait = Math.min(Limits.refusedMostMs, Limits.refusedMs * 2 ** requests)
  call.lost = { requests: requests + 1, notBefore: call.at + wait }
}

/** The slot's deadline passed. */
export const overdue = (call: Draft): void => {
  const slot = call.slot
  if (slot._tag === "Requested") {
    call.slot = idle
    note(call, "model unanswered", "response.create was neither answered nor refused")
    if (!slot.cancel) retry(call, slot.wanted, 0, "no answer")
  }
  if (slot._tag === "Active") {
    note(call, "model unanswered", "the active response stopped without response.done")
    Slot.cancel(call, slot.response, slot.beaten)
    retry(call, slot.wanted ?? Slot.wanted("answer", call.at), 0, "it stopped in the middle")
  }
  if (slot._tag === "Cancelling") givenUp(call, slot.response)
}

/** The model did not answer the caller by itself, or made no item of what they said. */
export const unanswered = (call: Draft): void => {
  call.speech = { ...call.speech, answerBy: null }
  if ((call.slot._tag === "Requested" && !call.slot.cancel) || call.wanted !== null) return
  note(call, "turn unanswered", "the model created no response: we ask for one")
  Slot.want(call, "answer")
}

/** A response of the model's own answers, and greets; results and keys it covers if they were there before its turn. */
const isCoveredBy = (event: ModelResponseCreated, wanted: Wanted | null): boolean =>
  wanted !== null && event.request === null && (wanted.covered || wanted.why === "answer" || wanted.why === "greeting")

const mayCreate = (call: Draft, wanted: Wanted): boolean =>
  call.model.status === "ready" &&
  (call.phase === "live" || call.phase === "waiting") &&
  call.slot._tag === "Idle" &&
  call.cut === null &&
  call.pause === null &&
  call.held.every(({ refused }) => refused) &&
  !Protection.isUnheard(call) &&
  !call.speech.speaking &&
  call.speech.answerBy === null &&
  Math.max(wanted.notBefore, call.lost.notBefore) <= call.at &&
  (call.ending === null || wanted.why === "goodbye") &&
  (wanted.why === "keys"
    ? Ledger.isEmpty(call.ledger, now(call))
    : Ledger.remainingMs(call.ledger, now(call)) <= Limits.aheadMs)

const over = (call: Draft, response: string, isCancelled: boolean): void => {
  leave(call, response)
  Items.responseDone(call, response, isCancelled)
}

const leave = (call: Draft, response: string): void => {
  if (!Slot.holds(call, response)) return
  const beaten = Slot.pending(call)
  call.slot = beaten === null ? idle : { _tag: "Requested", ...beaten, due: call.at + Limits.requestMs }
}

/** Nothing more comes of our request that was not created. */
const answered = (call: Draft): void => {
  const { slot } = call
  call.slot = slot._tag === "Active" || slot._tag === "Cancelling" ? { ...slot, beaten: null } : idle
}

/** The next is here already: it is over, though nothing said so. */
const superseded = (call: Draft, response: string): void => {
  over(call, response, true)
  Tools.responseDone(call, response, false, false, true)
}

/** Its `response.done` is not waited for any more. */
const givenUp = (call: Draft, response: string): void => {
  leave(call, response)
  Items.responseGivenUp(call, response)
  Tools.responseDone(call, response, false, false, true)
}

const failed = (call: Draft, event: ModelResponseDone, wanted: Wanted | null, isAwaited: boolean): void => {
  const error = event.error ?? { type: "server_error", code: null, message: "no error given" }
  count(call, { modelErrors: call.sums.modelErrors + 1 })
  note(call, "response failed", error.code ?? error.message)
  switch (ModelFault.classify(error)) {
    case "end":
      return Ending.fail(call, "model refused")
    case "renew":
      return Ending.fail(call, "model lost")
    case "retry": {
      if (!isAwaited) return
      const again = wanted ?? Slot.wanted("answer", call.at)
      call.speech = { ...call.speech, answerBy: null }
      return retry(call, again, Limits.retryMs * 2 ** again.tries, error.code ?? error.message)
    }
    case "ignore":
    case "note":
      return
  }
}

const retry = (call: Draft, wanted: Wanted, wait: number, reason: string): void => {
  if (wanted.tries + 1 >= Limits.responseTries) return Ending.fail(call, "model lost")
  note(call, "response retried", reason)
  if (call.wanted === null) call.wanted = { ...wanted, notBefore: call.at + wait, tries: wanted.tries + 1 }
}
