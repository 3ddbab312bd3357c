/**
 * The sounds of the caller, as the model's voice activity detection reports them: each is speech, which interrupts and
 * is answered, or an aside, which does neither.
 *
 * In `model` turns the model takes every sound for speech. In `machine` turns the policies decide (call/Verdict), when
 * the sound is long enough, when it is over, or when its words are known, `Limits.decideMs` after its end at the
 * latest: undecided, it was speech.
 *
 * An onset counts at its place on the carrier's clock. One that was spoken before our audio began to play, and reached
 * the model only in a backlog, interrupts nothing.
 *
 * Invariants
 * 1. Every sound is speech or an aside, once; what is undecided is in `speech.lookAt` or in `sounds`, never for good.
 * 2. An aside is deleted from the model's conversation as soon as its item exists, and stays in the transcript.
 * 3. What was owed to the caller before an aside is owed after it.
 */

import type {
  ModelSpeechCommitted,
  ModelSpeechStarted,
  ModelSpeechStopped,
  ModelTranscribed,
  ModelTranscriptionFailed
} from "../Event.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as Transcript from "../Transcript.ts"
import * as CallerAudio from "./CallerAudio.ts"
import * as Ending from "./Ending.ts"
import * as Interruption from "./Interruption.ts"
import * as Pause from "./Pause.ts"
import * as Protection from "./Protection.ts"
import * as Slot from "./Slot.ts"
import type { Draft, Sound } from "./State.ts"
import { count, note, now } from "./State.ts"
import * as Verdict from "./Verdict.ts"

export const started = (call: Draft, event: ModelSpeechStarted): void => {
  const modelMs = Math.min(event.audioStartMs + paddingMs(call), call.caller.appended / Limits.bytesPerMs)
  const onset = CallerAudio.carrierTime(call.caller, modelMs)
  const { answerBy, owedFrom } = call.speech
  const isBacklog = CallerAudio.isBacklog(call.caller, modelMs)
  call.speech = { speaking: true, item: event.item, onset, lookAt: null, owedFrom: null, answerBy: null }
  if (isBacklog && !Ledger.wasAudible(call.ledger, onset, now(call))) return
  if (call.config.agent.turns === "model") return Interruption.interrupt(call)
  call.speech = { ...call.speech, lookAt: call.at, owedFrom, answerBy }
  look(call)
}

/** The sound under way may have become long enough, or be over. */
export const look = (call: Draft): void => {
  const { gate, pauseToDecide } = call.config.agent
  if (Verdict.of(call, false).is === "speech") return speaks(call)
  if (pauseToDecide) pauseOrGoOn(call)
  if (call.speech.lookAt === null) return
  const missing = pauseToDecide || gate !== null ? 0 : Math.ceil(longestAside(call) - Verdict.lengthMs(call))
  call.speech = { ...call.speech, lookAt: call.at + Math.max(Limits.lookMs, missing) }
}

/** The time to decide is over. */
export const paused = (call: Draft): void => {
  if (call.pause?.goesOn === true) Pause.resume(call)
  else speaks(call)
}

/** Not everything that the caller has not heard could be sent again: the pause, or what would be one, is for good. */
export const cannotGoOn = (call: Draft): void => {
  note(call, "not paused", `more than ${Limits.keptMs / 1000} s of audio are unheard: what the caller says is speech`)
  speaks(call)
}

export const stopped = (call: Draft, event: ModelSpeechStopped): void => {
  const { answerBy, item, lookAt, owedFrom, speaking } = call.speech
  if (!speaking) return
  const { detection } = call.config.agent
  const silence = detection.type === "server_vad" ? detection.silenceDurationMs : 0
  const end = CallerAudio.carrierTime(call.caller, event.audioEndMs - silence)
  const verdict = lookAt === null ? null : Verdict.of(call, true)
  call.speech = { ...call.speech, speaking: false, lookAt: null }
  if (verdict === null || verdict.is === "speech") {
    if (verdict !== null) speaks(call)
    call.speech = { ...call.speech, owedFrom: end, answerBy: call.at + Limits.answerMs }
    return
  }
  call.speech = { ...call.speech, owedFrom, answerBy }
  const due = call.pause?.goesOn === false ? call.pause.due : call.at + Limits.decideMs
  const sound: Sound = { item, end, due, committed: false }
  if (verdict.is === "aside") return ignore(call, sound, verdict.why)
  call.sounds = [...call.sounds, sound].slice(-Limits.sounds)
  heard(call, sound, Transcript.words(call.transcript, call.model.session, item))
}

export const committed = (call: Draft, event: ModelSpeechCommitted): void => {
  call.transcript = Transcript.committed(call.transcript, event)
  if (call.config.agent.transcription === null) {
    call.transcript = Transcript.transcribed(call.transcript, { ...event, _tag: "ModelTranscriptionFailed" })
  }
  if (call.config.agent.turns === "model") return
  if (call.asides.includes(event.item)) {
    call.asides = call.asides.filter((item) => item !== event.item)
    return forget(call, event.item)
  }
  if (call.sounds.some((sound) => sound.item === event.item)) {
    call.sounds = call.sounds.map((sound) => (sound.item === event.item ? { ...sound, committed: true } : sound))
    return
  }
  call.speech = { ...call.speech, answerBy: null }
  Slot.want(call, "answer")
}

export const transcribed = (call: Draft, event: ModelTranscribed | ModelTranscriptionFailed): void => {
  call.transcript = Transcript.transcribed(call.transcript, event)
  const sound = call.sounds.find((sound) => sound.item === event.item)
  if (sound !== undefined) heard(call, sound, event._tag === "ModelTranscribed" ? event.text : null)
}

/** Nobody knows in time what was said: it was speech. */
export const undecided = (call: Draft): void => speaks(call)

/** A sound is made: pause. It is over: go on, unless it depends on words. */
const pauseOrGoOn = (call: Draft): void => {
  if (call.pause === null) {
    if (!Verdict.isLoud(call) || !mayPause(call)) return
    return Ledger.isKept(call.ledger) ? Pause.begin(call) : cannotGoOn(call)
  }
  if (Verdict.isLoud(call)) return
  if (Verdict.of(call, true).is === "aside") goOn(call)
}

const mayPause = (call: Draft): boolean =>
  call.carrier.status === "open" && call.cut === null && Verdict.isTalking(call) && !Protection.isUnderWay(call)

const goOn = (call: Draft): void => {
  const isOpen = call.speech.lookAt !== null && Verdict.isLoud(call)
  if (call.sounds.length === 0 && !isOpen) Pause.goOn(call)
}

const heard = (call: Draft, sound: Sound, text: string | null | undefined): void => {
  if (text === undefined) return
  const verdict = Verdict.ofWords(call, text)
  if (verdict.is !== "aside") return speaks(call)
  call.sounds = call.sounds.filter((other) => other !== sound)
  ignore(call, sound, verdict.why)
}

/** It is speech, and so is what was said just before. */
const speaks = (call: Draft): void => {
  const { sounds } = call
  call.speech = { ...call.speech, lookAt: null, owedFrom: null, answerBy: null }
  call.sounds = []
  interrupt(call)
  const last = sounds.at(-1)
  if (last === undefined) return
  if (sounds.some(({ committed }) => committed)) Slot.want(call, "answer")
  if (call.speech.speaking) return
  call.speech = { ...call.speech, owedFrom: last.end, answerBy: last.committed ? null : call.at + Limits.answerMs }
}

const interrupt = (call: Draft): void => {
  if (!Protection.isUnderWay(call)) return Interruption.interrupt(call)
  Ending.revoke(call)
  const what = call.greeting === "under way" ? "the greeting" : "what the agent says"
  note(call, "interruption ignored", `${what} is protected`)
}

const ignore = (call: Draft, sound: Sound, why: string): void => {
  note(call, "interruption ignored", why)
  if (sound.committed) forget(call, sound.item)
  else call.asides = [...call.asides, sound.item].slice(-Limits.sounds)
  goOn(call)
}

const forget = (call: Draft, item: string): void => {
  const { session, status } = call.model
  call.transcript = Transcript.aside(call.transcript, session, item)
  if (status !== "ready") return
  call.out.push({ _tag: "DeleteItem", session, item })
  count(call, { deletions: call.sums.deletions + 1 })
}

const longestAside = ({ config: { agent } }: Draft): number =>
  Math.max(agent.interruptAfterMs, agent.backchannels === null ? 0 : agent.backchannels.maxMs + 1)

const paddingMs = (call: Draft): number => {
  const { detection } = call.config.agent
  return detection.type === "server_vad" ? detection.prefixPaddingMs : Limits.prefixPaddingMs
}
