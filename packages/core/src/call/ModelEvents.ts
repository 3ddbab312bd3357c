/** What the model's events do to a call. Events of another session than the present one change nothing. */

import * as CommandId from "../CommandId.ts"
import type { AudioFormat, ModelAudio, ModelErred, ModelItemAdded, ModelSessionUpdated, ModelText } from "../Event.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as ModelFault from "../ModelFault.ts"
import * as Transcript from "../Transcript.ts"
import * as CallerAudio from "./CallerAudio.ts"
import * as Ending from "./Ending.ts"
import * as Items from "./Items.ts"
import * as Keys from "./Keys.ts"
import * as Responses from "./Responses.ts"
import * as Slot from "./Slot.ts"
import * as Sound from "./Sound.ts"
import type { Draft } from "./State.ts"
import { count, note, noteOnce, now } from "./State.ts"

export const isCurrent = (call: Draft, session: number): boolean =>
  call.model.session === session && call.model.status !== "closed"

export const connected = (call: Draft): void => {
  if (call.model.status !== "connecting") return
  call.model = { ...call.model, status: "configuring" }
  call.out.push({ _tag: "ConfigureModel", session: call.model.session, agent: call.config.agent })
}

export const sessionCreated = (call: Draft): void => {
  call.model = { ...call.model, warnAt: call.at + Limits.sessionWarnMs }
}

/** The model is configured as asked: it hears what was kept, and greets. */
export const sessionUpdated = (call: Draft, event: ModelSessionUpdated): void => {
  if (!isMulaw(event.input) || !isMulaw(event.output)) {
    const formats = `input ${named(event.input)}, output ${named(event.output)}`
    note(call, "model error", `session.updated echoes ${formats}, not audio/pcmu: the caller would hear noise`)
    return Ending.fail(call, "format mismatch")
  }
  if (call.model.status !== "configuring") return
  const { agent } = call.config
  const { session } = call.model
  call.model = { ...call.model, status: "ready" }
  if (call.slot._tag === "Cancelling") Slot.cancel(call, call.slot.response, null)
  if (call.caller.lostBytes > 0) {
    const lostMs = Math.floor(call.caller.lostBytes / Limits.bytesPerMs)
    note(call, "audio overflow", `the first ${lostMs} ms of the caller were spoken too long before the model was ready`)
  }
  if (agent.greeting !== null) {
    call.out.push({ _tag: "AddText", session, item: "greeting", role: "system", text: agent.greeting })
  }
  call.caller = CallerAudio.anew(call.caller)
  if (call.model.congestion === null) call.caller = CallerAudio.flush(call.caller, session, 0, call.out)
  if (agent.greeting !== null) {
    call.greeting = "under way"
    call.protect = agent.greetingProtected && agent.turns === "machine"
    Slot.want(call, "greeting")
  }
  Keys.flush(call)
}

export const itemAdded = (call: Draft, event: ModelItemAdded): void => {
  call.transcript = Transcript.added(call.transcript, event)
  const slot = call.slot
  if (event.kind !== "message" || event.role !== "assistant") return
  if (slot._tag === "Active" || slot._tag === "Cancelling") {
    Items.opened(call, event.session, event.item, 0, slot.response)
  }
}

export const audio = (call: Draft, event: ModelAudio): void => {
  if (!Slot.holds(call, event.response)) return
  Items.opened(call, event.session, event.item, event.contentIndex, event.response)
  if (Slot.alive(call, event.response)) {
    const { lostBytes } = call.ledger
    call.ledger = Ledger.receive(call.ledger, event, now(call), call.out)
    if (call.ledger.lostBytes > lostBytes) Items.dropped(call, event.session, event.item, event.contentIndex)
    if (call.pause !== null && !Ledger.isKept(call.ledger)) Sound.cannotGoOn(call)
  } else {
    call.ledger = Ledger.drop(call.ledger, event)
    Items.dropped(call, event.session, event.item, event.contentIndex)
  }
}

export const text = (call: Draft, event: ModelText): void => {
  if (!Slot.holds(call, event.response)) return
  Slot.alive(call, event.response)
  Items.opened(call, event.session, event.item, event.contentIndex, event.response)
  const figures = Ledger.progress(call.ledger, now(call), event.session, event.item, event.contentIndex)
  call.transcript = Transcript.text(call.transcript, event, figures?.receivedBytes ?? 0)
}

export const erred = (call: Draft, { error }: ModelErred): void => {
  const kind = ModelFault.classify(error)
  count(call, { modelErrors: call.sums.modelErrors + 1 })
  if (kind !== "ignore") note(call, "model error", describe(error))
  if (kind === "end") return Ending.fail(call, "model refused")
  if (kind === "renew") return Ending.fail(call, "model lost")
  if (Responses.refused(call, error) || Items.refused(call, error.cause)) return
  if (call.model.status === "configuring" && error.cause === CommandId.configureModel)
    Ending.fail(call, "model refused")
}

export const lost = (call: Draft, kind: "end" | "renew", reason: string): void => {
  note(call, "model error", reason)
  Ending.fail(call, kind === "end" ? "model refused" : "model lost")
}

/** The model is not ready when it should long be. */
export const notReady = (call: Draft): void => {
  note(call, "model unanswered", `no session after ${Limits.modelReadyMs} ms`)
  Ending.fail(call, "model lost")
}

/** It hears nothing of the caller any more. */
export const unread = (call: Draft): void => Ending.fail(call, "model lost")

export const expiring = (call: Draft): void => {
  call.model = { ...call.model, warnAt: null }
  noteOnce(call, "model session expiring", "a session lasts 60 minutes; this one ends in three")
}

const isMulaw = (format: AudioFormat | null): boolean => format === null || format.type === "audio/pcmu"

const named = (format: AudioFormat | null): string =>
  format === null ? "(not named)" : format.type === "other" ? format.name : format.type

const describe = (error: ModelErred["error"]): string =>
  `${error.code ?? error.type}${error.param === null ? "" : ` (${error.param})`}: ${error.message.slice(0, 200)}`
