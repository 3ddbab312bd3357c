/**
 * A phone call with an AI agent, as a pure state machine: `step(state, event)` gives the next state and the commands.
 *
 * The carrier is the phone side, the model the voice side. Between them the machine keeps the caller's audio on its
 * way to the model (call/CallerAudio), what the caller's ear has heard of the model's (Ledger, on the carrier's clock),
 * who holds the one response slot (call/Responses), which sounds of the caller are speech (call/Sound, call/Verdict),
 * what an interruption cuts (call/Interruption, call/Items) and what it may not (call/Protection), the function calls in
 * flight (call/Tools), who does not read (call/Congestion), the three texts (Transcript) and how the call ends (call/Ending). Every wait is a row in
 * call/Deadlines; every number is in Limits.
 *
 * Invariants
 * 1. `step` is total: it never throws, whatever the event, and the same state and event give the same result.
 * 2. State is plain JSON data and bounded; a step after `JSON.parse(JSON.stringify(state))` is the same.
 * 3. Before an event, every deadline that is due at its time fires, earliest first, ties in table order: a host whose
 *    timers are late behaves like one whose timers are not. Time does not go back: an earlier event happens now.
 * 4. Nothing is sent to a peer that is not there: carrier commands only on an open stream, model commands only in an
 *    open session.
 * 5. An ended call is silent.
 */

import type { Config } from "./Agent.ts"
import type { Command } from "./Command.ts"
import * as CarrierEvents from "./call/CarrierEvents.ts"
import * as Congestion from "./call/Congestion.ts"
import * as Deadlines from "./call/Deadlines.ts"
import * as Ending from "./call/Ending.ts"
import * as Items from "./call/Items.ts"
import * as Keys from "./call/Keys.ts"
import * as ModelEvents from "./call/ModelEvents.ts"
import * as Responses from "./call/Responses.ts"
import * as Sound from "./call/Sound.ts"
import type { Draft, State } from "./call/State.ts"
import { close, create, noteOnce, open } from "./call/State.ts"
import * as Tools from "./call/Tools.ts"
import type { Event, Millis } from "./Event.ts"
import * as ModelFault from "./ModelFault.ts"

export type { State } from "./call/State.ts"
export { type View, view } from "./call/View.ts"

export type Step = readonly [State, ReadonlyArray<Command>]

/** A call is admitted: the model is connected while the carrier is still on its way. */
export const initial = (config: Config): Step => {
  const state = create(config)
  return [state, [{ _tag: "ConnectModel", session: state.model.session }]]
}

export const step = (state: State, event: Event): Step => {
  if (state.phase === "ended") return [state, []]
  const call = open(state)
  const now = event.at >= state.at ? event : { ...event, at: state.at }
  fireDue(call, now.at)
  call.at = now.at
  handle(call, now)
  if (now._tag !== "CarrierAudio" || call.wanted !== null || call.ending !== null) conclude(call)
  return [close(call), call.out]
}

/** When the host has to send `TimeAdvanced` at the latest; null: the call is over. */
export const nextDeadline = (state: State): Millis | null =>
  state.phase === "ended" ? null : Deadlines.earliest(state).at

/** What is waited for next, for a person. */
export const nextReason = (state: State): string | null =>
  state.phase === "ended" ? null : Deadlines.earliest(state).deadline.name

export const isEnded = (state: State): boolean => state.phase === "ended"

const fireDue = (call: Draft, at: Millis): void => {
  for (let next = Deadlines.earliest(call); next.at <= at; next = Deadlines.earliest(call)) {
    call.at = Math.max(call.at, next.at)
    next.deadline.fire(call)
    conclude(call)
    if (call.phase === "ended") return
  }
}

/**
 * What follows from any change: turns that are final leave, the line closes when all is said, the next response. Frames
 * change nothing of that but the time, for which only what waits for the end of playback has to look.
 */
const conclude = (call: Draft): void => {
  if (call.phase === "ended") return
  Items.settleTurns(call)
  Responses.greeted(call)
  Ending.progress(call)
  Responses.request(call)
}

/** The host says it of the carrier's socket; the carrier said nothing. */
const isOurs = ({ _tag }: Event): boolean => _tag === "CarrierCongested" || _tag === "CarrierDrained"

const handle = (call: Draft, event: Event): void => {
  if (call.phase === "ended") return
  if ("stream" in event && event._tag !== "CarrierStarted") {
    if (call.phase === "waiting" && event._tag === "CarrierClosed") return Ending.over(call, "never connected")
    if (!CarrierEvents.isCurrent(call, event.stream)) return
    call.carrier = {
      stream: call.carrier.stream,
      status: call.carrier.status,
      greeted: call.carrier.greeted,
      lastAt: isOurs(event) ? call.carrier.lastAt : call.at,
      congestion: call.carrier.congestion
    }
  }
  if ("session" in event && !ModelEvents.isCurrent(call, event.session)) return
  switch (event._tag) {
    case "CarrierStarted":
      return CarrierEvents.started(call, event)
    case "CarrierAudio":
      return CarrierEvents.audio(call, event)
    case "CarrierMarked":
      return CarrierEvents.marked(call, event)
    case "CarrierKeyed":
      return Keys.pressed(call, event)
    case "CarrierStopped":
      return Ending.stopped(call)
    case "CarrierCongested":
      return Congestion.ofCarrier(call)
    case "CarrierDrained":
      return Congestion.carrierDrained(call)
    case "CarrierClosed":
      return Ending.carrierClosed(call)
    case "CarrierMisbehaved":
      return noteOnce(call, "carrier misbehaved", event.what)
    case "ModelConnected":
      return ModelEvents.connected(call)
    case "ModelConnectFailed":
      return ModelEvents.lost(
        call,
        ModelFault.classifyConnectFailure(event.failure, event.status),
        `no connection to the model: ${event.failure}${event.status === null ? "" : ` ${event.status}`}`
      )
    case "ModelSessionCreated":
      return ModelEvents.sessionCreated(call)
    case "ModelSessionUpdated":
      return ModelEvents.sessionUpdated(call, event)
    case "ModelSpeechStarted":
      return Sound.started(call, event)
    case "ModelSpeechStopped":
      return Sound.stopped(call, event)
    case "ModelSpeechCommitted":
      return Sound.committed(call, event)
    case "ModelItemAdded":
      return ModelEvents.itemAdded(call, event)
    case "ModelTranscribed":
    case "ModelTranscriptionFailed":
      return Sound.transcribed(call, event)
    case "ModelResponseCreated":
      return Responses.created(call, event)
    case "ModelAudio":
      return ModelEvents.audio(call, event)
    case "ModelText":
      return ModelEvents.text(call, event)
    case "ModelToolCalled":
      return Tools.called(call, event)
    case "ModelResponseDone":
      return Responses.done(call, event)
    case "ModelErred":
      return ModelEvents.erred(call, event)
    case "ModelMisbehaved":
      return noteOnce(call, "model misbehaved", event.what)
    case "ModelCongested":
      return Congestion.ofModel(call)
    case "ModelDrained":
      return Congestion.modelDrained(call)
    case "ModelClosed":
      return ModelEvents.lost(
        call,
        ModelFault.classifyClose(event.code, event.reason),
        `the model closed the connection: ${event.code}${event.reason === "" ? "" : ` ${event.reason.slice(0, 200)}`}`
      )
    case "ToolFinished":
      return Tools.finished(call, event)
    case "HangUpFailed":
      return Ending.hangUpFailed(call)
    case "EndRequested":
      return Ending.endNow(call, event.by, event.by === "operator" ? "hang up" : "close")
    case "ModelItemTruncated":
    case "ModelItemDeleted":
    case "ModelIgnored":
    case "TimeAdvanced":
      return
  }
}
