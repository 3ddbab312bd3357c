/**
 * The caller's speech, and what it does to the agent's.
 *
 * An onset counts at its place on the carrier's clock. One that was spoken before our audio began to play, and reached
 * the model only in a backlog, interrupts nothing.
 *
 * Interrupting: a mark and a clear, at once; the mark's echo says when the ear went silent; then the items that were
 * cut are settled with the model (call/Items). In `model` turns a response created before the truncation would believe
 * that everything was heard, so the cut is settled by estimate when the echo is late.
 */

import type { Moment } from "../CarrierClock.ts"
import type { ModelSpeechCommitted, ModelSpeechStarted, ModelSpeechStopped } from "../Event.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as Transcript from "../Transcript.ts"
import * as CallerAudio from "./CallerAudio.ts"
import * as Ending from "./Ending.ts"
import * as Items from "./Items.ts"
import * as Slot from "./Slot.ts"
import type { Draft } from "./State.ts"
import { count, note, now } from "./State.ts"

export const speechStarted = (call: Draft, event: ModelSpeechStarted): void => {
  const { agent } = call.config
  const modelMs = Math.min(event.audioStartMs + paddingMs(call), call.caller.appended / Limits.bytesPerMs)
  const onset = CallerAudio.carrierTime(call.caller, modelMs)
  call.speech = { speaking: true, onset, interruptAt: null, ignored: false, owedFrom: null, answerBy: null }
  const isBacklog = modelMs * Limits.bytesPerMs < call.caller.backlogEnd
  if (isBacklog && !Ledger.wasAudible(call.ledger, onset, now(call))) return
  if (agent.turns === "machine" && agent.greetingProtected && isGreeting(call)) {
    Ending.revoke(call)
    return note(call, "interruption ignored", "the greeting is protected")
  }
  speechLasted(call)
}

/** Interrupts once the caller has been loud for long enough; the model's `speech_stopped` comes a silence window late. */
export const speechLasted = (call: Draft): void => {
  const missing = call.config.agent.interruptAfterMs - Math.max(0, call.caller.loudUntil - call.speech.onset)
  if (call.config.agent.interruptAfterMs === 0 || missing <= 0) return interrupt(call)
  call.speech = { ...call.speech, interruptAt: call.at + Math.max(Limits.lookMs, Math.ceil(missing)) }
}

export const speechStopped = (call: Draft, event: ModelSpeechStopped): void => {
  if (!call.speech.speaking) return
  const { agent } = call.config
  const silence = agent.detection.type === "server_vad" ? agent.detection.silenceDurationMs : 0
  const isShort = call.speech.interruptAt !== null && isAgentAtWork(call)
  if (isShort) note(call, "interruption ignored", `speech shorter than ${agent.interruptAfterMs} ms`)
  call.speech = {
    speaking: false,
    onset: call.speech.onset,
    interruptAt: null,
    ignored: isShort,
    owedFrom: isShort ? null : CallerAudio.carrierTime(call.caller, event.audioEndMs - silence),
    answerBy: isShort ? null : call.at + Limits.answerMs
  }
}

export const speechCommitted = (call: Draft, event: ModelSpeechCommitted): void => {
  call.transcript = Transcript.committed(call.transcript, event)
  if (call.config.agent.transcription === null) {
    call.transcript = Transcript.transcribed(call.transcript, { ...event, _tag: "ModelTranscriptionFailed" })
  }
  if (call.config.agent.turns === "model" || call.speech.ignored) return
  call.speech = { ...call.speech, answerBy: null }
  Slot.want(call, "answer")
}

const interrupt = (call: Draft): void => {
  const { agent } = call.config
  call.speech = { ...call.speech, interruptAt: null }
  Ending.revoke(call)
  Slot.giveWay(call, agent.turns === "machine")
  if (Ledger.isEmpty(call.ledger, now(call))) return
  call.ledger = Ledger.clear(call.ledger, now(call), call.out)
  call.cut = { onset: call.speech.onset, due: call.at + cutWaitMs(call) }
  if (call.carrier.status === "open") count(call, { interruptions: call.sums.interruptions + 1 })
  if (!Ledger.isCutting(call.ledger)) settleCut(call, now(call), false)
}

/** The mark before a clear came back: the ear went silent at `when`. */
export const cutEchoed = (call: Draft, when: Moment): void => {
  if (call.cut !== null) {
    call.out.push({
      _tag: "Reacted",
      to: "interruption",
      ms: Math.max(0, Math.round(when.at - call.cut.onset))
    })
  }
  settleCut(call, when, false)
}

export const settleByEstimate = (call: Draft, reason: string): void => {
  note(call, "cut estimated", reason)
  while (call.cut !== null) settleCut(call, now(call), true)
}

const settleCut = (call: Draft, when: Moment, atOnce: boolean): void => {
  const [ledger, cuts] = Ledger.settleCut(call.ledger, when)
  call.ledger = ledger
  if (!Ledger.isCutting(ledger)) call.cut = null
  Items.cut(call, cuts, atOnce)
  Items.settleHeard(call)
}

const isGreeting = (call: Draft): boolean => call.greeting === "due" || call.greeting === "under way"

const isAgentAtWork = (call: Draft): boolean =>
  call.slot._tag !== "Idle" || call.items.length > 0 || !Ledger.isEmpty(call.ledger, now(call))

const paddingMs = (call: Draft): number => {
  const { detection } = call.config.agent
  return detection.type === "server_vad" ? detection.prefixPaddingMs : Limits.prefixPaddingMs
}

const cutWaitMs = (call: Draft): number => {
  const { detection, turns } = call.config.agent
  if (turns === "machine" || detection.type !== "server_vad") return Limits.cutWaitMs
  return Math.max(0, detection.silenceDurationMs - Limits.cutBeforeAnswerMs)
}
