/**
 * The response slot: at most one response writes to the conversation, and everybody who wants one waits in `wanted`.
 *
 * In `model` turns the model creates a response after each turn of the caller; ours (greeting, tool results, keyed
 * digits, goodbye) go in between, and lose against the model's where both are under way: the refusal names our
 * request and brings it back. In `machine` turns every response is ours.
 *
 * Invariants
 * 1. A `CreateResponse` is only sent from an idle slot, after every truncation, and never while the caller speaks.
 * 2. Every request ends: created, refused, or given up at its deadline.
 * 3. Audio is played only of the response that holds the slot, and not once it is being cancelled.
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
import * as Slot from "./Slot.ts"
import type { Draft, Wanted } from "./State.ts"
import { count, idle, note, now } from "./State.ts"
import * as Tools from "./Tools.ts"

/** Sends the wanted response if it may be created now. */
export const request = (call: Draft): void => {
  const wanted = call.wanted
  if (wanted === null || !mayCreate(call, wanted)) return
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
  if (call.cut !== null) Interruption.settleByEstimate(call, "the model answered before the clear took effect")
  call.speech = { ...call.speech, answerBy: null }
  if (isCoveredBy(event, call.wanted)) call.wanted = null
  count(call, { responses: call.sums.responses + 1 })
  const slot = call.slot
  const due = call.at + Limits.responseMs
  if (slot._tag === "Requested" && slot.request === event.request) {
    if (slot.cancel) return Slot.cancel(call, event.response)
    call.slot = { _tag: "Active", response: event.response, beaten: null, wanted: slot.wanted, due }
    return
  }
  if (slot._tag === "Active" || slot._tag === "Cancelling") over(call, slot.response)
  const beaten = slot._tag === "Requested" && !slot.cancel ? { request: slot.request, wanted: slot.wanted } : null
  call.slot = { _tag: "Active", response: event.response, beaten, wanted: null, due }
}

export const done = (call: Draft, event: ModelResponseDone): void => {
  if (event.usage !== null) {
    const usage = Usage.add(call.sums.usage, event.usage)
    count(call, { usage, costUsd: Prices.cost(call.config.prices, call.config.agent.model, usage) })
  }
  if (!event.inConversation) return
  const slot = call.slot
  const wanted = slot._tag === "Active" || slot._tag === "Requested" ? slot.wanted : null
  const isOurs = slot._tag === "Requested" && slot.request === event.request
  const spoke = call.items.some((open) => open.response === event.response)
  if (isOurs) call.slot = idle
  over(call, event.response)
  Tools.responseDone(call, event.response, event.status === "completed", spoke)
  if (event.status === "failed") failed(call, event, wanted)
  if (event.status === "incomplete") note(call, "response failed", `incomplete: ${event.reason ?? "no reason given"}`)
  if (call.ending?.revocable === true) Ending.extend(call)
}

/** An error that names a request of ours: it will not be created. Returns false for any other. */
export const refused = (call: Draft, error: ModelError): boolean => {
  const slot = call.slot
  if (slot._tag === "Requested" && error.cause === slot.request) {
    call.slot = idle
    if (slot.cancel) return true
    if (error.code !== "conversation_already_has_active_response") {
      retry(call, slot.wanted, Limits.retryMs, error.code ?? error.message)
    } else if (call.wanted === null) {
      call.wanted = { ...slot.wanted, notBefore: call.at + Limits.refusedMs }
    }
    return true
  }
  if (slot._tag === "Active" && slot.beaten !== null && error.cause === slot.beaten.request) {
    const { wanted } = slot.beaten
    call.slot = { ...slot, beaten: null }
    if (call.wanted === null && wanted.why !== "answer" && wanted.why !== "greeting") call.wanted = wanted
    return true
  }
  return false
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
    Slot.cancel(call, slot.response)
  }
  if (slot._tag === "Cancelling") over(call, slot.response)
}

/** Model turns: the model did not answer the caller by itself. */
export const unanswered = (call: Draft): void => {
  call.speech = { ...call.speech, answerBy: null }
  if (call.slot._tag !== "Idle" || call.wanted !== null) return
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
  call.held.length === 0 &&
  !call.speech.speaking &&
  call.speech.answerBy === null &&
  wanted.notBefore <= call.at &&
  (call.ending === null || wanted.why === "goodbye") &&
  (wanted.why !== "keys" || Ledger.isEmpty(call.ledger, now(call)))

const over = (call: Draft, response: string): void => {
  if (Slot.holds(call, response)) call.slot = idle
  Items.responseDone(call, response)
}

const failed = (call: Draft, event: ModelResponseDone, wanted: Wanted | null): void => {
  const error = event.error ?? { type: "server_error", code: null, message: "no error given" }
  count(call, { modelErrors: call.sums.modelErrors + 1 })
  note(call, "response failed", error.code ?? error.message)
  switch (ModelFault.classify(error)) {
    case "end":
      return Ending.fail(call, "model refused")
    case "renew":
      return Ending.fail(call, "model lost")
    case "retry": {
      const again = wanted ?? { why: "answer", instructions: null, notBefore: call.at, tries: 0, covered: false }
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
