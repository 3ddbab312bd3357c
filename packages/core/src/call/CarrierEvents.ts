/** What the carrier's events do to a call. Events of another stream than the present one change nothing. */

import * as Clock from "../CarrierClock.ts"
import type { CarrierAudio, CarrierMarked, CarrierStarted } from "../Event.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as CallerAudio from "./CallerAudio.ts"
import * as Congestion from "./Congestion.ts"
import * as Ending from "./Ending.ts"
import * as Gate from "./Gate.ts"
import * as Interruption from "./Interruption.ts"
import * as Items from "./Items.ts"
import * as Pause from "./Pause.ts"
import type { Draft } from "./State.ts"
import { count, note, noteOnce, now } from "./State.ts"

export const isCurrent = (call: Draft, stream: number): boolean =>
  call.carrier.stream === stream && (call.carrier.status === "open" || call.carrier.status === "closing")

export const started = (call: Draft, event: CarrierStarted): void => {
  if (call.phase !== "waiting") return noteOnce(call, "carrier misbehaved", "second start")
  call.phase = "live"
  call.carrier = { stream: event.stream, status: "open", greeted: false, lastAt: event.at, congestion: null }
  call.clock = Clock.started(event.at)
  if (event.encoding !== "audio/x-mulaw" || event.sampleRate !== 8000 || event.channels !== 1) {
    note(call, "unexpected event", `the stream carries ${event.encoding} ${event.sampleRate} Hz x ${event.channels}`)
    return Ending.endNow(call, "format mismatch", "close")
  }
  if (call.ending !== null) call.ending = { ...call.ending, due: call.at + Limits.lastWordsMs }
  const bytesPerMs = (event.sampleRate * event.channels) / 1000
  call.ledger = Ledger.begin(call.ledger, event.stream, bytesPerMs, now(call), call.out)
}

export const audio = (call: Draft, event: CarrierAudio): void => {
  const ms = event.bytes / call.ledger.bytesPerMs
  const before = call.clock
  call.clock = Clock.frame(before, event.at, event.timestamp, ms)
  call.ledger = Ledger.correct(call.ledger, Clock.correction(before, call.clock), call.clock.first)
  if (event.timestamp >= (before.end ?? 0)) {
    call.ledger = Ledger.notAfter(call.ledger, event.timestamp + ms)
    Interruption.framed(call)
    Pause.framed(call)
  }
  if (call.model.status === "closed") return
  if (CallerAudio.isRepeated(call.caller, event)) return noteOnce(call, "carrier misbehaved", "repeated media")
  const [caller, unfilled] = CallerAudio.frame(
    call.caller,
    event,
    Gate.isLoud(call, event),
    Congestion.listener(call),
    call.out
  )
  call.caller = caller
  if (unfilled > 0) note(call, "audio gap", `${unfilled} ms of missing media were not filled with silence`)
}

export const marked = (call: Draft, event: CarrierMarked): void => {
  const [ledger, echo] = Ledger.echo(call.ledger, event.name, now(call))
  call.ledger = ledger
  switch (echo.kind) {
    case "started":
      underrun(call, echo.underrunMs)
      return heardFrom(call, echo.at.at)
    case "played":
      underrun(call, echo.underrunMs)
      return Items.settleHeard(call)
    case "cut":
      return call.pause === null ? Interruption.cutEchoed(call, echo.at) : Pause.echoed(call, call.pause, echo.at)
    case "stale":
      return
  }
}

/** The line is dead: nothing came for a long time. */
export const silent = (call: Draft): void => {
  note(call, "carrier silent", `nothing came from the carrier for ${Limits.carrierSilentMs} ms`)
  Ending.over(call, "carrier silent")
}

/** Nothing that is said reaches the caller any more, though they may be heard. */
export const unread = (call: Draft): void => Ending.over(call, "carrier lost")

const underrun = (call: Draft, ms: number): void => {
  if (ms >= 1) note(call, "underrun", `${Math.round(ms)} ms of silence inside the speech`)
}

const heardFrom = (call: Draft, at: number): void => {
  if (!call.carrier.greeted) {
    call.carrier = { ...call.carrier, greeted: true }
    if (call.config.agent.greeting !== null) {
      call.speech = { ...call.speech, owedFrom: null }
      react(call, "greeting", at)
      return
    }
  }
  if (call.speech.owedFrom === null) return
  const ms = react(call, "answer", at - call.speech.owedFrom)
  call.speech = { ...call.speech, owedFrom: null }
  count(call, {
    answers: call.sums.answers + 1,
    answerMs: call.sums.answerMs + ms,
    worstAnswerMs: Math.max(call.sums.worstAnswerMs, ms)
  })
}

/** Never less than 0, whatever the timestamps are. */
const react = (call: Draft, to: "answer" | "greeting", waited: number): number => {
  const ms = Math.max(0, Math.round(waited))
  call.out.push({ _tag: "Reacted", to, ms })
  count(call, { deadAirMs: call.sums.deadAirMs + ms })
  return ms
}
