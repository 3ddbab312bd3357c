/**
 * Every wait of a call, as a table: when it is due, and what then happens. Deadlines that are due together fire in
 * this order. A deadline is computed from the state, so it can't get out of step with it.
 *
 * Invariant: firing a deadline moves or removes it.
 */

import type { Millis } from "../Event.ts"
import * as Keypad from "../Keypad.ts"
import * as Limits from "../Limits.ts"
import * as Transcript from "../Transcript.ts"
import * as CallerAudio from "./CallerAudio.ts"
import * as CarrierEvents from "./CarrierEvents.ts"
import * as Congestion from "./Congestion.ts"
import * as Ending from "./Ending.ts"
import * as Interruption from "./Interruption.ts"
import * as Items from "./Items.ts"
import * as Keys from "./Keys.ts"
import * as ModelEvents from "./ModelEvents.ts"
import * as Responses from "./Responses.ts"
import * as Sound from "./Sound.ts"
import type { Draft, State } from "./State.ts"
import * as Tools from "./Tools.ts"

export interface Deadline {
  readonly name: string
  readonly due: (state: State) => Millis | null
  readonly fire: (call: Draft) => void
}

/** Nothing to do but what every step does at its end. */
const look = (): void => {}

export const table: readonly [Deadline, ...ReadonlyArray<Deadline>] = [
  {
    name: "clear not echoed",
    due: ({ carrier, cut }) => (cut === null || carrier.congestion !== null ? null : cut.due),
    fire: Interruption.overdue
  },
  {
    name: "pause",
    due: ({ carrier, pause }) => (pause === null || (pause.goesOn && carrier.congestion !== null) ? null : pause.due),
    fire: Sound.paused
  },
  {
    name: "truncation held",
    due: ({ held, model }) => (model.congestion === null ? earliestOf(held) : null),
    fire: Items.releaseDue
  },
  { name: "speech long enough", due: (state) => state.speech.lookAt, fire: Sound.look },
  { name: "words of a sound", due: (state) => earliestOf(state.sounds), fire: Sound.undecided },
  {
    name: "media stopped",
    due: (state) =>
      state.speech.speaking &&
      state.caller.expected !== null &&
      state.caller.aheadMs === 0 &&
      state.model.status === "ready" &&
      state.carrier.status === "open"
        ? Math.max(state.at, state.caller.lastAt + Limits.speechGapMs)
        : null,
    fire: (call) => {
      call.caller = CallerAudio.fillSpeechGap(call.caller, Congestion.listener(call), call.out)
    }
  },
  {
    name: "response",
    due: ({ model, slot }) => (slot._tag === "Idle" || model.congestion !== null ? null : slot.due),
    fire: Responses.overdue
  },
  {
    name: "retry",
    due: ({ at, lost, wanted }) => {
      const due = wanted === null ? at : Math.max(wanted.notBefore, lost.notBefore)
      return due > at ? due : null
    },
    fire: look
  },
  { name: "answer", due: (state) => state.speech.answerBy, fire: Responses.unanswered },
  { name: "tool", due: (state) => earliestOf(state.tools), fire: Tools.timedOut },
  { name: "keys", due: (state) => Keypad.nextDeadline(state.keypad), fire: Keys.due },
  { name: "transcription", due: (state) => Transcript.nextDeadline(state.transcript), fire: look },
  {
    name: "model ready",
    due: ({ model }) =>
      model.status === "connecting" || model.status === "configuring" ? model.since + Limits.modelReadyMs : null,
    fire: ModelEvents.notReady
  },
  { name: "session end", due: (state) => state.model.warnAt, fire: ModelEvents.expiring },
  {
    name: "call length",
    due: ({ config, ending }) => (ending === null || ending.revocable ? config.agent.maxCallMs : null),
    fire: Ending.timeIsUp
  },
  {
    name: "ending",
    due: (state) => (state.ending === null || state.phase === "waiting" ? null : state.ending.due),
    fire: Ending.overdue
  },
  {
    name: "stream",
    due: (state) => (state.phase === "waiting" ? Limits.streamMs : null),
    fire: (call) => Ending.over(call, "never connected")
  },
  {
    name: "carrier silent",
    due: ({ carrier, phase }) =>
      carrier.status === "open" && phase === "live" ? carrier.lastAt + Limits.carrierSilentMs : null,
    fire: CarrierEvents.silent
  },
  {
    name: "carrier congested",
    due: ({ carrier, phase }) => (phase === "live" ? Congestion.due(carrier.congestion) : null),
    fire: CarrierEvents.unread
  },
  {
    name: "model congested",
    due: ({ model, phase }) => (phase === "closing" ? null : Congestion.due(model.congestion)),
    fire: ModelEvents.unread
  }
]

/** The earliest deadline, the first in the table among equals. There is one until the end: the call's length, or its ending. */
export const earliest = (state: State): { readonly at: Millis; readonly deadline: Deadline } => {
  let [deadline] = table
  let at = Number.POSITIVE_INFINITY
  for (const candidate of table) {
    const due = candidate.due(state)
    if (due !== null && due < at) {
      deadline = candidate
      at = due
    }
  }
  return { at, deadline }
}

const earliestOf = (waits: ReadonlyArray<{ readonly due: Millis | null }>): Millis | null => {
  let first: Millis | null = null
  for (const { due } of waits) if (due !== null && (first === null || due < first)) first = due
  return first
}
