/**
 * The story of a call as it happens, for a stranger at a terminal: who speaks, what is cut where, how long each reaction
 * took. Pure: what happened goes in, lines come out; `Screen` paints them.
 *
 * It listens at two places: at the machine (events and commands) and at the simulated phone (traces). What the caller
 * says and hears comes from the phone, what the model says and remembers from the machine.
 *
 * 1. Lines come in the order of `at`, ms since the call was placed.
 * 2. A line that waits for a detail (the words of an answer, the place of a cut) is told at the latest before the next.
 */

import type { Command, Event, Reaction, Summary, Turn } from "@offhook/core"
import { type SimCarrier, Speech } from "@offhook/simulator"

export type Speaker = "agent" | "call" | "caller" | "cut" | "model" | "phone" | "tool"

export interface Line {
  readonly at: number
  readonly who: Speaker
  readonly text: string
  /** A time that a person would want to see at once, e.g. "answered after 0.71 s". */
  readonly remark: string | null
}

/** How often and how fast: `Summary` has sums, a person wants the middle and the worst. */
export type Reactions = Readonly<Record<Reaction, ReadonlyArray<number>>>

export interface Story {
  /** An event and its commands; `event` null: the call begins. */
  readonly stepped: (at: number, event: Event | null, commands: ReadonlyArray<Command>) => ReadonlyArray<Line>
  readonly traced: (at: number, trace: SimCarrier.Trace) => ReadonlyArray<Line>
  /** What still waited to be told. */
  readonly finish: () => ReadonlyArray<Line>
  readonly reactions: () => Reactions
  /** Null while the call goes on. */
  readonly summary: () => Summary | null
}

type Cut = Extract<Turn, { readonly speaker: "agent" }>

export const make = (): Story => {
  const reactions: Record<Reaction, Array<number>> = { answer: [], greeting: [], interruption: [] }
  /** What the agent says now, until it is told. */
  let said: { readonly response: string; text: string; done: boolean } | null = null
  /** How long the caller waited for it. */
  let waited: string | null = null
  let heardSince: number | null = null
  let told = 0
  let lines: Array<Line> = []
  let cut: { readonly at: number; turn: Cut | null; reaction: number | null } | null = null
  let summary: Summary | null = null
  /** The connection to the model was given up by us. */
  let given = false

  const add = (at: number, who: Speaker, text: string, remark: string | null = null): void => {
    told = Math.max(told, at)
    lines.push({ at: told, who, text, remark })
  }

  const tellAnswer = (at: number): void => {
    if (said === null) return
    const { done, text } = said
    add(Math.max(told, heardSince ?? at), "agent", quoted(done ? text : `${text.trimEnd()} …`), waited)
    said = null
    waited = null
  }

  const tellCut = (): void => {
    if (cut === null) return
    const { at, reaction, turn } = cut
    cut = null
    const remark = reaction === null ? null : `silent ${seconds(reaction)} after the caller began`
    if (turn === null) add(at, "cut", "the agent is interrupted", remark)
    else add(at, "cut", cutWords(turn), remark)
  }

  const flush = (at: number): void => {
    tellAnswer(at)
    tellCut()
  }

  const tell = (at: number, who: Speaker, text: string, remark: string | null = null): void => {
    flush(at)
    add(at, who, text, remark)
  }

  const isTold = (): boolean => said?.done === true && (heardSince !== null || waited !== null)

  const stepped = (at: number, event: Event | null): void => {
    switch (event?._tag) {
      case "ModelSessionUpdated":
        return tell(at, "model", "the session is configured: G.711 both ways, nothing is transcoded")
      case "ModelConnectFailed":
        return tell(
          at,
          "model",
          `no connection: ${event.failure}${event.status === null ? "" : ` (HTTP ${event.status})`}`
        )
      case "ModelClosed":
        return given ? undefined : tell(at, "model", `the connection was closed (${event.code})`)
      case "ModelText": {
        if (said !== null && said.response !== event.response) tellAnswer(at)
        said ??= { response: event.response, text: "", done: false }
        said.text += event.text
        return
      }
      case "ModelResponseDone":
        if (said?.response === event.response) said.done = true
        return
      case "ModelToolCalled":
        if (said?.response === event.response) said.done = true
        return event.name === "end_call"
          ? tell(at, "tool", "the agent calls end_call: the line closes when the goodbye has been heard")
          : tell(at, "tool", `the agent calls ${event.name}(${clipped(event.arguments)})`)
      case "ToolFinished":
        return tell(at, "tool", `came back with ${clipped(event.output)}`)
      case "CarrierKeyed":
        return tell(at, "caller", `presses ${event.digit}`)
      case "ModelErred":
        return tell(at, "model", `error: ${clipped(event.error.message)}`)
    }
  }

  const commanded = (at: number, command: Command): void => {
    switch (command._tag) {
      case "Clear":
        tellAnswer(at)
        cut ??= { at, turn: null, reaction: null }
        return
      case "Reacted": {
        reactions[command.to].push(command.ms)
        if (command.to !== "interruption") {
          waited = `${command.to === "greeting" ? "first word" : "answered"} after ${seconds(command.ms)}`
        } else if (cut !== null) cut.reaction = command.ms
        return
      }
      case "Settled": {
        const { turn } = command
        if (turn.speaker === "agent" && turn.interrupted) {
          if (cut === null || cut.turn !== null) {
            tellCut()
            cut = { at, turn, reaction: null }
          } else cut.turn = turn
        }
        return
      }
      case "HangUp":
        return tell(at, "call", "the goodbye was heard: hanging up, by the carrier's REST API")
      case "CloseCarrier":
        return tell(at, "call", "the stream is closed: the carrier goes on with what its TwiML says next")
      case "CloseModel":
        given = true
        return
      case "Ended": {
        summary = command.summary
        return tell(at, "call", `over: ${command.summary.outcome}`)
      }
    }
  }

  const traced = (at: number, trace: SimCarrier.Trace): void => {
    switch (trace._tag) {
      case "Answered":
        return tell(at, "phone", "the webhook is answered with TwiML: connect the call to a media stream")
      case "VerbExecuted":
        return trace.verb === "Say" ? tell(at, "phone", `says ${quoted(trace.detail)}`) : undefined
      case "StreamStarted":
        return tell(at, "phone", "the media stream begins: 20 ms of sound in each message, both ways")
      case "StreamEnded":
        heardSince = null
        return
      case "AudioStarted":
        heardSince = at
        return
      case "AudioEnded":
        heardSince = null
        return
      case "CallerSpeaking":
        return tell(at, "caller", quoted(wordsOf(trace.clip)), heardSince === null ? null : "talks over the agent")
      case "HungUp":
        return tell(at, "phone", HUNG_UP[trace.by])
      case "Warned":
        return tell(at, "phone", `warning ${trace.code}: ${trace.message}`)
    }
  }

  const taken = (at: number): ReadonlyArray<Line> => {
    if (isTold()) tellAnswer(at)
    if (cut !== null && cut.turn !== null && cut.reaction !== null) tellCut()
    const out = lines
    lines = []
    return out
  }

  return {
    stepped: (at, event, commands) => {
      stepped(at, event)
      for (const command of commands) commanded(at, command)
      return taken(at)
    },
    traced: (at, trace) => {
      traced(at, trace)
      return taken(at)
    },
    finish: () => {
      flush(told)
      return taken(told)
    },
    reactions: () => reactions,
    summary: () => summary
  }
}

/** What a stranger asks when the call is over, label and text. */
export const summarize = (
  summary: Summary,
  reactions: Reactions,
  money: "real" | "simulated"
): ReadonlyArray<readonly [label: string, text: string]> => {
  const { costUsd, deadAirMs, durationMs, interruptions, outcome, turns, usage } = summary
  const [first] = reactions.greeting
  const spans = [
    ...(first === undefined ? [] : [`first word ${seconds(first)}`]),
    ...(reactions.answer.length === 0 ? [] : [`answers ${middleAndWorst(reactions.answer)}`]),
    ...(reactions.interruption.length === 0
      ? []
      : [`silence when interrupted ${middleAndWorst(reactions.interruption)}`])
  ]
  const input = usage.inputText + usage.inputAudio + usage.inputImage
  const output = usage.outputText + usage.outputAudio
  const tokens = `${count(input)} in (${count(usage.cachedText + usage.cachedAudio)} cached), ${count(output)} out`
  const price = costUsd === null ? "no price is known for this model" : `$${costUsd.toFixed(4)}`
  return [
    ["outcome", `${outcome}, after ${seconds(durationMs, 1)}`],
    [
      "turns",
      `${plural(turns.caller, "turn")} of the caller, ${turns.agent} of the agent, ${plural(interruptions, "interruption")}`
    ],
    ...(spans.length === 0 ? [] : [["reactions", spans.join("; ")] as const]),
    ["dead air", `${seconds(deadAirMs, 1)} in which the caller waited for a word`],
    ["tokens", money === "real" ? `${tokens}: ${price}` : `${tokens}; with the real model ${price}, simulated: nothing`]
  ]
}

/** Of ms, as seconds: "0.71 s". */
const seconds = (ms: number, digits = 2): string => `${(ms / 1000).toFixed(digits)} s`

const middleAndWorst = (ms: ReadonlyArray<number>): string => {
  const sorted = [...ms].sort((a, b) => a - b)
  const middle = ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2
  return sorted.length === 1 ? seconds(middle) : `${seconds(middle)} median, ${seconds(sorted.at(-1) ?? 0)} worst`
}

const cutWords = ({ generatedMs, heard, heardMs }: Cut): string =>
  heardMs === 0
    ? `before a word of ${seconds(generatedMs)} was heard; the model forgets it`
    : `after ${seconds(heardMs)} of ${seconds(generatedMs)}: the caller heard ${quoted(heard)}, and the model remembers as much`

const wordsOf = (clip: string): string => Speech.clips.find(({ id }) => id === clip)?.text ?? clip

const HUNG_UP: Readonly<Record<SimCarrier.EndReason, string>> = {
  caller: "the caller hangs up",
  rest: "the line is closed, as the server asked",
  twiml: "the line is closed: the TwiML is done",
  rejected: "the call was rejected",
  "application-error": "an application error has occurred (what Twilio says when a webhook fails)"
}

const quoted = (words: string): string => `“${words.trim()}”`

const clipped = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)} …` : text)

const count = (tokens: number): string => tokens.toLocaleString("en-US")

const plural = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`
