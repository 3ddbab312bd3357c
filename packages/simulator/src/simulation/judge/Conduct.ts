/**
 * How the agent behaves towards the caller and the model, besides what is heard: it greets once, tells what was keyed,
 * asks a few times, and ends for a reason, after its goodbye, within its time.
 */

import type { Command, Event } from "@offhook/core"
import type { Case } from "./Case.ts"
import type { Rule } from "./Rule.ts"
import type { Books } from "./Spoken.ts"

/** Codes after which no session goes on (protocols.md E.9). */
const fatal: ReadonlySet<string> = new Set([
  "account_deactivated",
  "beta_api_shape_disabled",
  "billing_hard_limit_reached",
  "insufficient_quota",
  "invalid_api_key",
  "invalid_intent",
  "model_not_found",
  "session_expired"
])

/** Failures of a model that may be given up. */
const attempts = 3
const requestsInARow = 12
/** Of an answer, and of the goodbye behind it. */
const failuresInARow = 2 * attempts
const keysMs = 10_000
const hangUpMs = 15_000
/** From the caller's mouth to us, and the model's rounding of an onset. */
const lateMs = 300
const goodbyeMs = 15_000
const deadLegMs = 65_000
/** A call to which no stream has come yet may still hear its goodbye. */
const streamMs = 61_000
const readyMs = 10_000
/** What may come late at the end of a goodbye. */
const marginMs = 2_000

export const make = (on: Case, books: Books): Rule => {
  const { found, peers, plan, world } = on
  let nextLook = 0
  let speaking = false
  let failures = 0
  let isFatal = false
  let isRefused = false
  let requests = 0
  /** Responses of the conversation that failed, in a row. */
  let failed = 0
  let greetings = 0
  let greeting: "due" | "none" | "over" = "none"
  let wantsMore = false
  let keyed = ""
  let keyedAt = 0
  let told = ""
  const wrong = new Set<number>()
  /** Bytes of what each item says that came before its session changed the format. */
  const right = new Map<string, number>()
  const endCalls = new Set<string>()
  let goodbyeAt = Number.POSITIVE_INFINITY
  /** The response that called for the end had nothing for the ear, and none that has was asked for since. */
  let isUnsaid = false
  /** The latest response that has something for the ear. */
  let audible = ""
  let doneResponse = ""
  let requestedEnd = false
  /** When the speech under way was begun, where the model learned of it from the backlog. */
  let spokenAt: number | null = null
  let carrierAt = Number.NEGATIVE_INFINITY
  let busyAt = 0
  let connectedAt = 0

  const fails = (code: string | null): void => {
    failures++
    if (code !== null && fatal.has(code)) isFatal = true
  }

  const done = (event: Extract<Event, { _tag: "ModelResponseDone" }>, at: number): void => {
    busyAt = at
    if (event.status === "failed") {
      fails(event.error?.code ?? null)
      if (event.inConversation) failed++
    } else if (event.inConversation && event.status !== "incomplete") {
      requests = 0
      failed = 0
      // A response that hung is cancelled in the end: that is no success.
      if (event.status === "completed") failures = 0
    }
  }

  const ended = (outcome: string, at: number): void => {
    if (outcome !== "model lost" && outcome !== "model refused") return
    const readyAt = peers.sessions.at(-1)?.readyAt ?? Number.POSITIVE_INFINITY
    const isLate = Math.min(readyAt, at) - connectedAt >= readyMs - 1
    const isLost = peers.sessions.some(({ endedBy }) => endedBy === "model")
    if (isFatal || isLost || isLate || failures >= attempts || isRefused) return
    found("ends for a reason", at, `"${outcome}", and nothing of it was seen but ${failures} failures`)
  }

  const hungUp = (at: number): void => {
    if (requestedEnd || goodbyeAt === Number.POSITIVE_INFINITY) return
    books.read()
    if (isUnsaid && peers.isReady(peers.sessions.length - 1)) found("goodbye is heard", at, "it hangs up without one")
    if (speaking && isImmediate) found("goodbye is heard", at, "it hangs up while the caller speaks")
    for (const one of books.open) {
      const enough = one.sentAt + one.sent / 8 + marginMs
      if (one.pending > 0 && !one.isCut && at < enough) {
        found("goodbye is heard", at, `it hangs up ${one.pending / 8} ms before the end of ${one.item}`)
      }
    }
  }

  /** The agent is cut off: it has done so by itself, and nobody has spoken since what it was told late. */
  const cutOff = (at: number): void => {
    if (spokenAt === null) return
    books.read()
    const isFirst = books.heardUntil() === Number.NEGATIVE_INFINITY || books.startedAt() > spokenAt + lateMs
    if (isFirst && books.firstAt() > spokenAt + lateMs) {
      const ms = Math.round(at - spokenAt)
      found(
        "old speech cuts nothing",
        at,
        `what the caller said ${ms} ms ago, before anything was heard, cuts the agent off`
      )
    }
    spokenAt = null
  }

  const isImmediate = plan.agent.interruptAfterMs === 0 && plan.agent.backchannels === null && plan.agent.gate === null

  const look = (at: number): void => {
    const isLive = peers.endingAt === Number.POSITIVE_INFINITY
    if (!isLive) return
    if (
      told.length < keyed.length &&
      at - Math.max(keyedAt, busyAt) > keysMs &&
      peers.isReady(peers.sessions.length - 1)
    ) {
      found("keys are told", at, `"${keyed}" was keyed, "${told}" was told`)
      told = keyed
    }
    const quietAt = Math.max(books.heardUntil(), busyAt)
    const begun = world.admittedAt() ?? 0
    const isAwaited = peers.streams.length === 0 && at - begun < streamMs
    const isSilent = !speaking && world.carrier.inPlay(at) === undefined
    if (at - Math.max(goodbyeAt, quietAt) > hangUpMs && isSilent && !isAwaited) {
      found("goodbye is heard", at, "it said goodbye and does not hang up")
      goodbyeAt = Number.POSITIVE_INFINITY
    }
    if (at - begun - plan.agent.maxCallMs > goodbyeMs && at - quietAt > goodbyeMs && !peers.isOver && !isAwaited) {
      found("within its length", at, `it lasts ${Math.round((at - begun) / 1_000)} s`)
    }
    if (peers.isStreaming() && at - carrierAt > deadLegMs) {
      found("dead leg ends", at, `nothing came from the carrier for ${Math.round((at - carrierAt) / 1_000)} s`)
    }
  }

  return {
    event: (event, at) => {
      if ("stream" in event) carrierAt = at
      switch (event._tag) {
        case "CarrierKeyed":
          if (!peers.isStreaming()) return
          // `#` ends an entry and is told only where it stands alone.
          if (!/^[0-9*A-D]$/.test(event.digit)) return
          keyed += event.digit
          keyedAt = at
          return
        case "ModelSpeechStarted":
          speaking = true
          requests = 0
          failed = 0
          goodbyeAt = Number.POSITIVE_INFINITY
          spokenAt = peers.backlogged(event)
          return
        case "ModelSpeechStopped":
          // A goodbye that was said meanwhile may have been called off.
          if (speaking) goodbyeAt = Number.POSITIVE_INFINITY
          speaking = false
          return
        case "ModelSessionUpdated":
          if (event.output !== null && event.output.type !== "audio/pcmu") wrong.add(event.session)
          if (event.input !== null && event.input.type !== "audio/pcmu") wrong.add(event.session)
          return
        case "ModelAudio":
          audible = event.response
          if (!wrong.has(event.session)) right.set(contentOf(event), (right.get(contentOf(event)) ?? 0) + event.bytes)
          return
        case "ModelToolCalled":
          if (event.name === "end_call" && plan.agent.endCall) endCalls.add(event.call)
          return
        case "ModelResponseCreated":
          if (!event.inConversation) return
          busyAt = at
          if (greeting === "due") greeting = "over"
          return
        case "ModelResponseDone":
          doneResponse = event.response
          return done(event, at)
        case "ModelErred":
          // What is wrong with our configuration, no patience mends.
          if (event.error.type === "invalid_request_error" && !peers.isReady(event.session)) isRefused = true
          return fails(event.error.code)
        case "EndRequested":
          requestedEnd = true
          return
      }
    },

    command: (command: Command, at) => {
      switch (command._tag) {
        case "ConnectModel":
          connectedAt = at
          return
        case "CancelResponse":
        case "Clear":
          return cutOff(at)
        case "ForwardAudio":
        case "PlayAudio":
          // What was generated before its session changed the format may still be played.
          if (
            wrong.has(command.session) &&
            (command._tag === "ForwardAudio" || command.from + command.bytes > (right.get(contentOf(command)) ?? 0))
          )
            found("right format", at, `${command._tag} with a session of another format`)
          if ((peers.sessions[command.session]?.readyAt ?? Number.POSITIVE_INFINITY) > at) {
            found("right format", at, `${command._tag} with a session whose format is not known yet`)
          }
          return
        case "AddText":
          if (command.role === "user") {
            wantsMore = true
            failed = 0
            told += (/keyed ((?:[0-9*A-D] ?)+)/.exec(command.text)?.[1] ?? "").replaceAll(" ", "")
            if (!keyed.startsWith(told)) found("keys are told", at, `"${keyed}" was keyed, "${told}" was told`)
            if (told.length === keyed.length) {
              told = ""
              keyed = ""
            }
          } else if (command.item === "greeting") {
            greetings++
            greeting = "due"
            if (greetings > 1) found("greets once", at, "it is asked to greet twice")
          }
          return
        case "CreateResponse":
          requests++
          isUnsaid = false
          if (requests === requestsInARow + 1) found("retries are few", at, `${requests} requests in a row`)
          if (failed === failuresInARow) found("retries are few", at, `asked for after ${failed} responses that failed`)
          if (greeting === "over" && !wantsMore && command.request === "r1" && command.instructions === null) {
            found("greets once", at, `${command.request} is asked for after the model has spoken`)
          }
          return
        case "AnswerTool":
          wantsMore = true
          busyAt = at
          failed = 0
          if (endCalls.delete(command.call) && !command.output.includes('"error"')) {
            isUnsaid = audible !== doneResponse
            goodbyeAt = at
          }
          return
        case "Note":
          // It is given up for another reason.
          if (command.note.what === "model unanswered") {
            fails(null)
            spokenAt = null
          }
          if (command.note.what !== "underrun") wantsMore = true
          return
        case "HangUp":
          return hungUp(at)
        case "Ended":
          return ended(command.summary.outcome, at)
      }
    },

    stepped: (at) => {
      if (at < nextLook) return
      nextLook = at + 500
      look(at)
    }
  }
}

const contentOf = ({ contentIndex, item }: { readonly contentIndex: number; readonly item: string }): string =>
  `${item} ${contentIndex}`
