/**
 * Who asks for a response, who holds it, and what the strict model refuses.
 *
 * A response is *known* from `response.created` (or our request for it) until `response.done`, or until it was given up:
 * after the silence that the bounds name.
 */

import type { Command, Event } from "@offhook/core"
import type * as Plan from "../Plan.ts"
import * as Bounds from "./Bounds.ts"
import type { Case } from "./Case.ts"
import type { Rule } from "./Rule.ts"

interface Request {
  readonly id: string
  readonly at: number
  readonly order: number
}

interface Active {
  readonly id: string
  readonly order: number
  /** The last event of it. */
  aliveAt: number
  cancelledAt: number
}

export const make = (on: Case): Rule => {
  const { bounds, found, peers, plan, world } = on
  /** As the host's clock counts, and what it gave late was due before. */
  const grain = 1 + bounds.clock
  const late = grain + bounds.timers
  let order = 0
  let requested: Request | null = null
  const active = new Map<string, Active>()
  /** Of which nothing was heard for too long. */
  const givenUp = new Set<string>()
  /** In the order of steps: when a response was announced, and when each request of ours was given. */
  const announced = new Map<string, number>()
  const asked = new Map<string, number>()
  /** Cancellations that the model may have found nothing for: their `response.done` was on its way. */
  const cancelling = new Set<string>()
  let crossed = 0
  /** Over since this step: a deadline that was due before its event may still have cancelled it. */
  let justDone: string | null = null
  let blind = 0
  let refused = 0
  let errors = 0
  let session = 0
  const given = madeUp(plan)
  /** Items that were edited before their responses, which do not end when they are cancelled, were done. */
  const tried = new Set<string>()
  const endsLate =
    plan.faults.model.some(({ _tag }) => lateEnds.includes(_tag)) || bounds.toModel.most - bounds.toModel.least > heldMs

  const forget = (): void => {
    requested = null
    active.clear()
    cancelling.clear()
  }

  const ask = (command: Extract<Command, { _tag: "CreateResponse" }>, at: number): void => {
    for (const one of active.values()) {
      const isGivenUp =
        at - one.aliveAt >= Bounds.stuck - grain ||
        (one.cancelledAt > 0 && at - one.cancelledAt >= Bounds.cancelled - late)
      if (isGivenUp) givenUp.add(one.id)
      else found("one response", at, `${command.request} is asked for while ${one.id} is active`)
    }
    if (requested !== null && at - requested.at < Bounds.requested - late) {
      found("one response", at, `${command.request} is asked for while ${requested.id} is`)
    }
    if (asked.has(command.request)) found("one response", at, `${command.request} is asked for twice`)
    requested = { id: command.request, at, order }
    asked.set(command.request, order)
    if (asked.size > most) asked.delete(first(asked))
  }

  const created = (event: Extract<Event, { _tag: "ModelResponseCreated" }>, at: number): void => {
    if (!event.inConversation) return
    announced.set(event.response, order)
    if (announced.size > most) announced.delete(first(announced))
    // One at a time writes to the conversation: a new one says that those before are over.
    active.clear()
    active.set(event.response, { id: event.response, order, aliveAt: at, cancelledAt: 0 })
    if (requested !== null && event.request === requested.id) requested = null
  }

  const done = (event: Extract<Event, { _tag: "ModelResponseDone" }>): void => {
    active.delete(event.response)
    justDone = event.response
    if (requested !== null && event.request === requested.id) requested = null
    if (cancelling.delete(event.response) && event.reason !== "client_cancelled") crossed++
  }

  const alive = (response: string, at: number): void => {
    const one = active.get(response)
    if (one !== undefined) one.aliveAt = at
  }

  const isCrossing = (error: { readonly message: string; readonly event_id: string | null }): boolean => {
    const running = /resp_\w+/.exec(error.message)?.[0]
    const askedAt = asked.get(error.event_id ?? "")
    if (running !== undefined && givenUp.has(running)) return true
    if (running === undefined || askedAt === undefined) return false
    const announcedAt = announced.get(running)
    return plan.agent.turns === "model" && (announcedAt === undefined || announcedAt > askedAt)
  }

  /** The server has truncated the item by itself, to less than was heard (protocols.md G.2, 15). */
  const isBeatenCut = (message: string): boolean =>
    plan.agent.turns === "model" &&
    world.models[session]?.choices.truncatesItself === true &&
    message.startsWith("Audio content of ")

  /** Nobody said whether an item can be edited before its response is done: where that takes long, it is tried once. */
  const isTried = (message: string): boolean => {
    const item = /^Item '(\S+)' belongs to a response that is still in progress/.exec(message)?.[1]
    if (item === undefined || tried.has(item) || !endsLate) return false
    tried.add(item)
    return true
  }

  const readErrors = (at: number): void => {
    const sent = world.models[session]?.errorsSent
    if (sent === undefined) return
    for (; errors < sent.length; errors++) {
      const error = sent[errors]
      if (error === undefined || given.has(error.code) || error.code === "session_expired") continue
      switch (error.code) {
        case "conversation_already_has_active_response":
          if (!isCrossing(error)) found("no refusal", at, error.message)
          continue
        case "response_cancel_not_active":
          refused++
          continue
        default:
          if (isBeatenCut(error.message) || isTried(error.message)) continue
          found("no refusal", at, `${error.code}: ${error.message}`)
      }
    }
  }

  return {
    event: (event, at) => {
      order++
      justDone = null
      switch (event._tag) {
        case "ModelSpeechStarted":
          // The model interrupts by itself: its response is to end like one that we cancelled.
          if (plan.agent.turns === "model") for (const one of active.values()) one.cancelledAt ||= at
          return
        case "ModelResponseCreated":
          return created(event, at)
        case "ModelResponseDone":
          return done(event)
        case "ModelAudio":
        case "ModelText":
        case "ModelToolCalled":
          return alive(event.response, at)
        case "ModelErred":
          if (requested !== null && event.error.cause === requested.id) requested = null
          return
        case "ModelClosed":
        case "ModelConnectFailed":
          return forget()
      }
    },
    command: (command, at) => {
      switch (command._tag) {
        case "CreateResponse":
          return ask(command, at)
        case "CancelResponse": {
          if (command.response === null) {
            blind++
            return
          }
          if (command.response === justDone) {
            crossed++
            return
          }
          cancelling.add(command.response)
          const one = active.get(command.response)
          if (one === undefined) found("no refusal", at, `${command.response} is cancelled and is not active`)
          else one.cancelledAt = at
          return
        }
        case "CloseModel":
          return forget()
        case "ConnectModel":
          readErrors(at)
          session = command.session
          errors = 0
      }
    },
    over: (at) => {
      readErrors(at)
      // What was cancelled and is not done yet may be over at the model.
      const excused = crossed + cancelling.size + blind
      const lost = peers.sessions.at(session)?.endedBy === null ? 0 : 1
      if (refused > excused + lost) {
        found("no refusal", at, `${refused} cancellations found nothing to cancel, ${excused} of them could not know`)
      }
    }
  }
}

/** An edit of its items waits so long for the end of a response that was cancelled. */
const heldMs = 300

/** After these it goes on for longer. So it may where the cancellation is stuck in a stall, and the edit behind it. */
const lateEnds: ReadonlyArray<string> = ["CancelIgnored", "CancelSlow", "ResponseHangs"]

/** Responses and requests that are remembered. */
const most = 256

const first = (map: ReadonlyMap<string, unknown>): string => map.keys().next().value ?? ""

/** The codes of the errors that a plan's faults make up. */
const madeUp = (plan: Plan.Plan): ReadonlySet<string | null> =>
  new Set(
    plan.faults.model.flatMap((fault) => {
      switch (fault._tag) {
        case "Error":
        case "UpdateRefused":
          return [fault.code]
        case "ResponseRefused":
          return [fault.code === undefined ? "conversation_already_has_active_response" : fault.code]
        default:
          return []
      }
    })
  )
