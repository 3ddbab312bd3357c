/**
 * Is a sound of the caller's speech? The policies of the agent in one place, as a reading of the state.
 *
 * Only while the agent is at work may a sound be no speech: what is said in its silence is answered, however short. An
 * aside is shorter than `interruptAfterMs`, or a backchannel: no longer than `backchannels.maxMs` while the agent
 * talks, and one of its words. With a gate, a sound that has no loud frame while the agent talks is one too. The length is that of the caller's loud frames, from the model's onset: the model's
 * `speech_stopped` comes a silence window late.
 */

import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import type { Draft } from "./State.ts"
import { now } from "./State.ts"

export type Verdict =
  | { readonly is: "speech" }
  /** `why` in words, for a person. */
  | { readonly is: "aside"; readonly why: string }
  /** It depends on what was said. */
  | { readonly is: "unheard" }
  /** It depends on how long it gets. */
  | { readonly is: "open" }

/** Of the sound under way, or of one that is over now. */
export const of = (call: Draft, isOver: boolean): Verdict => {
  const { backchannels, gate, interruptAfterMs } = call.config.agent
  if (!isAtWork(call)) return speech
  const ms = lengthMs(call)
  if (gate !== null && ms === 0 && isTalking(call)) {
    return isOver ? { is: "aside", why: "no louder than the gate" } : { is: "open" }
  }
  const isBackchannel = backchannels !== null && ms <= backchannels.maxMs && isTalking(call)
  if (ms >= interruptAfterMs && !isBackchannel) return speech
  if (!isOver) return { is: "open" }
  if (ms < interruptAfterMs) return { is: "aside", why: `speech shorter than ${interruptAfterMs} ms` }
  return backchannels?.words.length === 0
    ? { is: "aside", why: `a backchannel: no longer than ${backchannels.maxMs} ms` }
    : { is: "unheard" }
}

/** Of a sound that was short enough, by its words; null: nobody will know them. */
export const ofWords = (call: Draft, text: string | null): Verdict => {
  if (text === null) return speech
  const said = plain(text)
  if (said === "") return { is: "aside", why: "a sound without words" }
  const isOne = call.config.agent.backchannels?.words.some((word) => plain(word) === said) === true
  return isOne ? { is: "aside", why: "a backchannel by its words" } : speech
}

/** How long the sound under way has been loud, ms. */
export const lengthMs = (call: Draft): number => Math.max(0, call.caller.loudUntil - call.speech.onset)

/** It was loud just now. */
export const isLoud = (call: Draft): boolean =>
  lengthMs(call) > 0 && now(call).at - call.caller.loudUntil < Limits.quietMs

/** Audible, about to be, or paused. */
export const isTalking = (call: Draft): boolean => !Ledger.isEmpty(call.ledger, now(call))

/** Items of which nothing but a refused truncation is still to be told are none of its work. */
const isAtWork = (call: Draft): boolean =>
  call.slot._tag !== "Idle" ||
  call.items.length > call.held.filter(({ refused }) => refused).length ||
  call.ending !== null ||
  isTalking(call)

const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim()

const speech: Verdict = { is: "speech" }
