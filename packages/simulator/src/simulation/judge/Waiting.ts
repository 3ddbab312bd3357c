/**
 * What the caller waits for: the greeting, and an answer to each of their turns.
 *
 * The wait begins when the line is open and the model ready, or when the caller's speech is over; it ends when the ear
 * hears the agent, when the caller speaks again, or when the recording has a reason: a note, a response without words,
 * an aside, an end. While a response is under way, or a function runs, something is being done about it. While the carrier
 * does not read, which the recording says, nothing can be.
 */

import type { Command, Event, NoteCode } from "@offhook/core"
import * as Bounds from "./Bounds.ts"
import type { Case } from "./Case.ts"
import type { Rule } from "./Rule.ts"
import type { Books } from "./Spoken.ts"

interface Turn {
  readonly item: string
  readonly at: number
}

export const make = (on: Case, books: Books): Rule => {
  const { found, measures, peers, plan, world } = on
  let owed: { readonly since: number; readonly to: "answer" | "greeting" } | null = null
  /** Something was done about it, or said of it, the last time. */
  let busyAt = Number.NEGATIVE_INFINITY
  let turns: Array<Turn> = []
  /** How long turns have waited while nobody spoke and nothing was done about them. */
  let waited = 0
  /** How long those before the last had. */
  let waitedBefore = 0
  let lookedAt = 0
  const active = new Set<string>()
  const running = new Set<string>()
  const silent = new Set<string>()
  const wordless = new Set<string>()
  let speaking = false
  let asked = false
  let isCongested = false
  /** The response that failed last did so for what passes, so it is no reason to leave the caller without an answer. */
  let isPassing = false
  let greeted = plan.agent.greeting === null
  /** Responses without words in a row. */
  let wordlessInARow = 0
  let onset = Number.NaN
  let nextLook = 0
  const silence = plan.agent.detection.type === "server_vad" ? plan.agent.detection.silenceDurationMs : 0

  const begin = (at: number): void => {
    if (greeted || owed !== null || !peers.isStreaming() || !peers.isReady(peers.sessions.length - 1)) return
    owed = { since: at, to: "greeting" }
    busyAt = at
  }

  const heard = (at: number): void => {
    if (owed === null) return
    const ms = Math.max(0, at - owed.since)
    measures.deadAirMs += ms
    if (owed.to === "greeting") measures.greetings.push(ms)
    else measures.answers.push(ms)
    owed = null
    greeted = true
  }

  const isUnderWay = (): boolean => active.size > 0 || running.size > 0 || asked || isCongested

  const look = (at: number): void => {
    if (peers.endingAt < Number.POSITIVE_INFINITY || world.carrier.isEnded()) {
      for (const _ of turns) measures.unanswered.push("the call ended")
      turns = []
      owed = null
      return
    }
    if (isUnderWay() || speaking || books.heardUntil() > busyAt) busyAt = Math.max(busyAt, at)
    if (owed !== null && books.startedAt() > owed.since) heard(books.startedAt())
    const most = isPassing ? Bounds.retry : Bounds.deadAir
    if (owed !== null && at - busyAt > most && world.carrier.inPlay(at) === undefined) {
      found("no dead air", at, `${Math.round((at - owed.since) / 100) / 10} s of silence: the ${owed.to} never came`)
      owed = null
    }
    const first = turns[0]
    const isIdle = !isUnderWay() && !speaking && world.carrier.inPlay(at) === undefined
    const idleSince = Math.max(lookedAt, Math.min(at, books.heardUntil()))
    waited = first === undefined || isUnderWay() ? 0 : waited + (isIdle ? at - idleSince : 0)
    lookedAt = at
    if (first !== undefined && (at - Math.max(first.at, busyAt) > Bounds.answer || waited > Bounds.idle)) {
      found("turn answered", at, `${first.item} of ${Math.round(first.at)} ms is not answered`)
      turns = []
      waited = 0
    }
  }

  const spoke = (event: Extract<Event, { _tag: "ModelSpeechStopped" }>, at: number): void => {
    if (!speaking) return
    speaking = false
    // Nobody is known to be on the line before the carrier's stream has begun.
    if (peers.isStreaming()) owed ??= { since: at - silence, to: "answer" }
    busyAt = at
    void event
  }

  const excused = (item: string): void => {
    turns = turns.filter((turn) => turn.item !== item)
  }

  const reason = (what: NoteCode, at: number): void => {
    busyAt = at
    if (!reasons.has(what) || (what === "response failed" && isPassing)) return
    owed = null
    for (const _ of turns) measures.unanswered.push(what)
    turns = []
  }

  const answered = (): void => {
    turns = []
  }

  /** A model hears nobody before its session is configured, nor before there is a stream: it imagines that. */
  const isImagined = (event: Event): boolean =>
    speech.has(event._tag) && "session" in event && (!peers.isReady(event.session) || peers.streams.length === 0)

  return {
    event: (event, at) => {
      if (isImagined(event)) return
      switch (event._tag) {
        case "CarrierStarted":
        case "ModelSessionUpdated":
          return begin(at)
        case "CarrierCongested":
          isCongested = true
          return
        case "CarrierDrained":
          isCongested = false
          return
        case "ModelSpeechStarted":
          speaking = true
          isPassing = false
          onset = at
          owed = null
          greeted = true
          return
        case "ModelSpeechStopped":
          return spoke(event, at)
        case "ModelSpeechCommitted":
          measures.callerTurns++
          // Who goes on before anybody had to ask for an answer has not waited for one.
          if (waited - waitedBefore < Bounds.idle / 2) waited = Math.min(waited, waitedBefore)
          waitedBefore = waited
          turns.push({ item: event.item, at })
          return
        case "ModelResponseCreated":
          if (!event.inConversation) return
          asked = false
          isPassing = false
          active.clear()
          active.add(event.response)
          wordless.add(event.response)
          return answered()
        case "ModelAudio":
          wordless.delete(event.response)
          return
        case "ModelToolCalled":
          wordless.delete(event.response)
          return
        case "ModelResponseDone":
          active.delete(event.response)
          busyAt = at
          isPassing = event.status === "failed" && passing.has(event.error?.code ?? "server_error")
          asked = false
          // A response without words is what the model has to say.
          wordlessInARow = wordless.delete(event.response) && event.status === "completed" ? wordlessInARow + 1 : 0
          if (wordlessInARow > 0) owed = null
          if (wordlessInARow > 1) greeted = true
          silent.delete(event.response)
          return
        case "ModelErred":
          asked = false
          busyAt = at
      }
    },
    command: (command: Command, at) => {
      switch (command._tag) {
        case "CreateResponse":
          isPassing = false
          asked = true
          waited = 0
          busyAt = at
          return
        case "RunTool":
          running.add(command.call)
          return
        case "AnswerTool":
          running.delete(command.call)
          busyAt = at
          return
        case "DeleteItem":
          if (turns.some(({ item }) => item === command.item)) {
            owed = null
            excused(command.item)
          }
          return
        case "Clear":
          if (!Number.isNaN(onset)) measures.cuts++
          return
        case "Note":
          return reason(command.note.what, at)
        case "Reacted":
          if (command.to === "interruption") measures.interruptions.push(command.ms)
          return
        case "Settled":
          if (command.turn.speaker === "caller" && command.turn.aside) excused(command.turn.item)
      }
    },
    stepped: (at) => {
      if (at < nextLook) return
      nextLook = at + 200
      look(at)
    }
  }
}

const speech: ReadonlySet<Event["_tag"]> = new Set(["ModelSpeechStarted", "ModelSpeechStopped", "ModelSpeechCommitted"])

/** Codes of failures after which another attempt may succeed (protocols.md E.9). */
const passing: ReadonlySet<string> = new Set(["overloaded", "rate_limit_exceeded", "server_error"])

/** What a person who reads the recording takes for a reason. */
const reasons: ReadonlySet<NoteCode> = new Set<NoteCode>([
  "interruption ignored",
  "model error",
  "model misbehaved",
  "model unanswered",
  "response failed",
  "tool timed out",
  "turn unanswered"
])
