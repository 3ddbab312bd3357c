/**
 * What is known of a call between two events: plain JSON data, bounded.
 *
 * A step opens a `Draft`, the handlers write to it and push commands, and `close` hands out the next state. Nothing
 * inside a state is ever changed in place: a handler replaces whole values.
 */

import type { Config } from "../Agent.ts"
import type { CarrierClock, Moment } from "../CarrierClock.ts"
import * as Clock from "../CarrierClock.ts"
import type { Command, NoteCode, Outcome } from "../Command.ts"
import type { Millis, Usage } from "../Event.ts"
import type { Keypad } from "../Keypad.ts"
import * as Keys from "../Keypad.ts"
import type { Ledger } from "../Ledger.ts"
import * as Playback from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as Prices from "../Prices.ts"
import type { Transcript } from "../Transcript.ts"
import * as Text from "../Transcript.ts"
import * as Tokens from "../Usage.ts"
import type { CallerAudio } from "./CallerAudio.ts"
import * as Caller from "./CallerAudio.ts"

export interface State {
  readonly config: Config
  readonly phase: "closing" | "ended" | "live" | "waiting"
  /** When the last event happened. */
  readonly at: Millis
  readonly carrier: Carrier
  readonly clock: CarrierClock
  readonly ledger: Ledger
  readonly model: Model
  readonly caller: CallerAudio
  readonly speech: Speech
  /** Not known to be speech yet, in order. */
  readonly sounds: ReadonlyArray<Sound>
  /** Items of sounds that were no speech, to be deleted once they exist. */
  readonly asides: ReadonlyArray<string>
  readonly slot: Slot
  readonly wanted: Wanted | null
  /** Requests that lost, in a row, against a response that is not known here; none is sent before `notBefore`. */
  readonly lost: { readonly requests: number; readonly notBefore: Millis }
  /** The next response is protected. */
  readonly protect: boolean
  readonly pause: Pause | null
  /** For the echo gate. */
  readonly outbound: Outbound
  readonly cut: PendingCut | null
  /** Truncations and deletions that wait for the end of their response. */
  readonly held: ReadonlyArray<HeldCut>
  /** Agent items that are generated, queued or played, in order. */
  readonly items: ReadonlyArray<OpenItem>
  readonly tools: ReadonlyArray<ToolCall>
  /** The last function calls that were answered, so that a repeated one is not run again. */
  readonly answered: ReadonlyArray<string>
  readonly greeting: "due" | "none" | "spoken" | "under way"
  readonly keypad: Keypad
  /** Keyed before a model listened. */
  readonly entries: ReadonlyArray<string>
  readonly transcript: Transcript
  readonly ending: Ending | null
  /** What has been noted once for good. */
  readonly noted: ReadonlyArray<string>
  readonly requests: number
  readonly sums: Sums
}

export interface Carrier {
  readonly stream: number
  /** `closing`: we have asked for the socket's close. */
  readonly status: "awaited" | "closed" | "closing" | "open"
  /** The caller has heard the agent's first word. */
  readonly greeted: boolean
  /** Arrival of the last message. */
  readonly lastAt: Millis
  readonly congestion: Congestion | null
}

/** A peer does not read (call/Congestion). */
export interface Congestion {
  readonly since: Millis
  /** Of what is meant for that peer, what had been lost before. */
  readonly lostBytes: number
}

export interface Model {
  readonly session: number
  readonly status: "closed" | "configuring" | "connecting" | "ready"
  /** When the connection was asked for. */
  readonly since: Millis
  /** When the session's end is to be noted. */
  readonly warnAt: Millis | null
  readonly congestion: Congestion | null
}

/** The caller's turn: places in time are on the carrier's clock. */
export interface Speech {
  readonly speaking: boolean
  readonly item: string
  readonly onset: number
  /** Machine turns: not known to be speech yet, and looked at again then. */
  readonly lookAt: Millis | null
  /** The end of the speech that waits for an answer to be heard. */
  readonly owedFrom: number | null
  /** By then the model should have created its response (model turns), or made an item of the speech. */
  readonly answerBy: Millis | null
}

/** A sound of the caller's that is over, and is speech or not by what was said. */
export interface Sound {
  readonly item: string
  /** On the carrier's clock. */
  readonly end: number
  /** Speech, if nothing is known by then. */
  readonly due: Millis
  /** Its item is in the model's conversation. */
  readonly committed: boolean
}

/** At most one response writes to the conversation. */
export type Slot =
  | { readonly _tag: "Idle" }
  | ({ readonly _tag: "Requested"; readonly due: Millis } & Request)
  | {
      readonly _tag: "Active"
      readonly response: string
      readonly beaten: Request | null
      readonly wanted: Wanted | null
      readonly due: Millis
    }
  | { readonly _tag: "Cancelling"; readonly response: string; readonly beaten: Request | null; readonly due: Millis }

/**
 * A request of ours that is neither created nor refused. One that another response has beaten to the slot is refused
 * before that is done, or has reached the model after it.
 */
export interface Request {
  readonly request: string
  readonly wanted: Wanted
  /** The caller spoke since: it is to be cancelled when it is created. */
  readonly cancel: boolean
}

/** A response that is to be created as soon as it may be. */
export interface Wanted {
  readonly why: "answer" | "goodbye" | "greeting" | "keys" | "tools"
  readonly instructions: string | null
  readonly notBefore: Millis
  readonly tries: number
  /** The model's own response to the speech under way will cover it. */
  readonly covered: boolean
  /** It is spoken to its end, whatever the caller says (call/Protection). */
  readonly protected: boolean
}

/** Playback is cleared until it is known whether a sound was speech (call/Pause). */
export interface Pause {
  readonly onset: number
  readonly since: Millis
  /** Decided by then; where `goesOn`, resumed. */
  readonly due: Millis
  /** When the ear fell silent, on the carrier's clock; null: the mark is not back. */
  readonly silentAt: number | null
  /** Decided: it waits for the mark. */
  readonly goesOn: boolean
}

/** The levels of what the agent said, per 20 ms, up to the carrier's time `until` (call/Gate). */
export interface Outbound {
  readonly until: number
  readonly levels: string
}

/** A clear whose effect is not known yet. */
export interface PendingCut {
  readonly onset: number
  readonly due: Millis
}

export interface HeldCut {
  readonly session: number
  readonly item: string
  readonly contentIndex: number
  readonly heardBytes: number
  readonly response: string
  /**
   * Carried out then at the latest; null: with the end of its response, as all of it was heard so far, and only more of
   * it would need a truncation, or as it was refused before.
   */
  readonly due: Millis | null
  readonly refused: boolean
}

export interface OpenItem {
  readonly session: number
  readonly item: string
  readonly contentIndex: number
  readonly response: string
  readonly protected: boolean
  /** Its response is done: nothing more will be generated. */
  readonly done: boolean
  /** Some of it was generated after its response was interrupted, and never sent. */
  readonly dropped: boolean
  /** The heard bytes that the model has been told; null: not cut, or not told yet. */
  readonly told: number | null
  /** Another content of the item was heard: it is not to be deleted. */
  readonly spared: boolean
  /** The model was told to delete the whole item. */
  readonly deleted: boolean
}

export interface ToolCall {
  readonly call: string
  readonly name: string
  readonly arguments: string
  readonly response: string
  /** Running until then; null while its response is not done. */
  readonly due: Millis | null
}

/** The call is to end once the caller has heard what is queued, or at `due`. */
export interface Ending {
  readonly outcome: Outcome
  /** `close`: our socket goes away and the carrier runs the tail of its TwiML, an apology. */
  readonly how: "close" | "hang up"
  /** The caller may call it off by speaking. */
  readonly revocable: boolean
  readonly due: Millis
}

export interface Sums {
  readonly interruptions: number
  readonly asides: number
  readonly pauses: number
  readonly resumed: number
  readonly responses: number
  readonly toolCalls: number
  readonly truncations: number
  readonly deletions: number
  readonly answers: number
  readonly answerMs: number
  readonly worstAnswerMs: number
  readonly deadAirMs: number
  readonly generatedBytes: number
  readonly heardBytes: number
  readonly callerTurns: number
  readonly agentTurns: number
  readonly modelErrors: number
  readonly usage: Usage
  readonly costUsd: number | null
}

export type Draft = { -readonly [K in keyof State]: State[K] } & { readonly out: Array<Command> }

export const idle: Slot = { _tag: "Idle" }
export const notLost: State["lost"] = { requests: 0, notBefore: 0 }

export const create = (config: Config): State => ({
  config,
  phase: "waiting",
  at: 0,
  carrier: { stream: 0, status: "awaited", greeted: false, lastAt: 0, congestion: null },
  clock: Clock.initial,
  ledger: Playback.make({ audio: config.agent.pauseToDecide, levels: (config.agent.gate?.echoDb ?? null) !== null }),
  model: { session: 0, status: "connecting", since: 0, warnAt: null, congestion: null },
  caller: Caller.initial,
  speech: { speaking: false, item: "", onset: 0, lookAt: null, owedFrom: null, answerBy: null },
  sounds: [],
  asides: [],
  slot: idle,
  wanted: null,
  lost: notLost,
  protect: false,
  pause: null,
  outbound: { until: 0, levels: "" },
  cut: null,
  held: [],
  items: [],
  tools: [],
  answered: [],
  greeting: config.agent.greeting === null ? "none" : "due",
  keypad: Keys.initial,
  entries: [],
  transcript: Text.initial,
  ending: null,
  noted: [],
  requests: 0,
  sums: {
    interruptions: 0,
    asides: 0,
    pauses: 0,
    resumed: 0,
    responses: 0,
    toolCalls: 0,
    truncations: 0,
    deletions: 0,
    answers: 0,
    answerMs: 0,
    worstAnswerMs: 0,
    deadAirMs: 0,
    generatedBytes: 0,
    heardBytes: 0,
    callerTurns: 0,
    agentTurns: 0,
    modelErrors: 0,
    usage: Tokens.zero,
    costUsd: Prices.cost(config.prices, config.agent.model, Tokens.zero)
  }
})

export const open = (state: State): Draft => ({
  config: state.config,
  phase: state.phase,
  at: state.at,
  carrier: state.carrier,
  clock: state.clock,
  ledger: state.ledger,
  model: state.model,
  caller: state.caller,
  speech: state.speech,
  sounds: state.sounds,
  asides: state.asides,
  slot: state.slot,
  wanted: state.wanted,
  lost: state.lost,
  protect: state.protect,
  pause: state.pause,
  outbound: state.outbound,
  cut: state.cut,
  held: state.held,
  items: state.items,
  tools: state.tools,
  answered: state.answered,
  greeting: state.greeting,
  keypad: state.keypad,
  entries: state.entries,
  transcript: state.transcript,
  ending: state.ending,
  noted: state.noted,
  requests: state.requests,
  sums: state.sums,
  out: []
})

export const close = (draft: Draft): State => ({
  config: draft.config,
  phase: draft.phase,
  at: draft.at,
  carrier: draft.carrier,
  clock: draft.clock,
  ledger: draft.ledger,
  model: draft.model,
  caller: draft.caller,
  speech: draft.speech,
  sounds: draft.sounds,
  asides: draft.asides,
  slot: draft.slot,
  wanted: draft.wanted,
  lost: draft.lost,
  protect: draft.protect,
  pause: draft.pause,
  outbound: draft.outbound,
  cut: draft.cut,
  held: draft.held,
  items: draft.items,
  tools: draft.tools,
  answered: draft.answered,
  greeting: draft.greeting,
  keypad: draft.keypad,
  entries: draft.entries,
  transcript: draft.transcript,
  ending: draft.ending,
  noted: draft.noted,
  requests: draft.requests,
  sums: draft.sums
})

/** Now, on the carrier's clock. */
export const now = (call: Draft): Moment => Clock.moment(call.clock, call.at)

/** How long the frame behind a message is waited for, ms. */
export const nextFrameMs = (call: Draft): number => Math.max(Limits.nextFrameMs, Clock.nextFrameMs(call.clock))

export const note = (call: Draft, what: NoteCode, detail: string): void => {
  call.out.push({ _tag: "Note", note: { what, detail } })
}

/** Notes a thing at most once in a call, so that a peer that repeats it cannot flood the recording. */
export const noteOnce = (call: Draft, what: NoteCode, detail: string): void => {
  const key = `${what}: ${detail}`
  if (call.noted.includes(key) || call.noted.length >= 64) return
  call.noted = [...call.noted, key]
  note(call, what, detail)
}

export const count = (call: Draft, sums: Partial<Sums>): void => {
  call.sums = { ...call.sums, ...sums }
}
