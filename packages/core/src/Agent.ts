/**
 * The agent: who answers the call and how. Everything a call's machine is configured by is in `Config`, which is plain
 * data and stands in the recording's header, so that a replay needs nothing else.
 *
 * Invariants
 * 1. `turns: "model"`: the model's voice activity detection both answers and interrupts. A policy that delays or
 *    ignores an interruption therefore needs `turns: "machine"`; `problems` refuses the mix.
 */

import type { PriceTable } from "./Prices.ts"

/** A function the model may call; `parameters` is JSON Schema. Descriptions hold at most 1,024 characters (protocols.md E.2). */
export interface Tool {
  readonly name: string
  readonly description: string
  readonly parameters: Readonly<Record<string, unknown>>
  /** After this the model is told that the tool did not answer. */
  readonly timeoutMs: number
}

/** How the end of a turn is found (protocols.md E.2). */
export type Detection =
  | {
      readonly type: "server_vad"
      /** 0 to 1; higher needs louder speech. */
      readonly threshold: number
      readonly prefixPaddingMs: number
      readonly silenceDurationMs: number
    }
  | { readonly type: "semantic_vad"; readonly eagerness: "auto" | "high" | "low" | "medium" }

export interface Agent {
  readonly instructions: string
  readonly model: string
  readonly voice: string
  /** What the agent says first; null: it waits for the caller. */
  readonly greeting: string | null
  /** The greeting is spoken to its end whatever the caller says; needs `turns: "machine"`. */
  readonly greetingProtected: boolean
  readonly turns: "machine" | "model"
  /** Speech shorter than this does not interrupt; needs `turns: "machine"` unless 0. */
  readonly interruptAfterMs: number
  readonly detection: Detection
  readonly noiseReduction: "far_field" | "near_field" | null
  /** Transcription of the caller; null: the caller's words are not written down. `language` is ISO 639-1. */
  readonly transcription: { readonly model: string; readonly language: string | null } | null
  readonly tools: ReadonlyArray<Tool>
  /** Offer `end_call`, with which the agent hangs up after its goodbye was heard. */
  readonly endCall: boolean
  readonly maxCallMs: number
}

/** All that decides a call besides its events. */
export interface Config {
  readonly agent: Agent
  readonly prices: PriceTable
}

export const defaults: Agent = {
  instructions:
    "You are a friendly assistant on the telephone. Speak briefly and naturally, one thing at a time. " +
    "Ask when something is unclear. When the caller says goodbye, say goodbye and call end_call.",
  model: "gpt-realtime-2.1",
  voice: "marin",
  greeting: "Greet the caller warmly in one short sentence and ask how you can help.",
  greetingProtected: false,
  turns: "model",
  interruptAfterMs: 0,
  detection: { type: "server_vad", threshold: 0.5, prefixPaddingMs: 300, silenceDurationMs: 500 },
  noiseReduction: null,
  transcription: { model: "gpt-transcribe", language: null },
  tools: [],
  endCall: true,
  maxCallMs: 30 * 60_000
}

export interface Problem {
  readonly field: string
  readonly fix: string
}

/** Contradictions between fields; an empty list is a sound agent. */
export const problems = (agent: Agent): ReadonlyArray<Problem> => {
  const found: Array<Problem> = []
  if (agent.turns === "model" && agent.greetingProtected) {
    found.push({
      field: "greetingProtected",
      fix: 'the model interrupts by itself in turns "model": set turns to "machine" or greetingProtected to false'
    })
  }
  if (agent.turns === "model" && agent.interruptAfterMs > 0) {
    found.push({
      field: "interruptAfterMs",
      fix: 'the model interrupts by itself in turns "model": set turns to "machine" or interruptAfterMs to 0'
    })
  }
  const names = agent.tools.map((tool) => tool.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) found.push({ field: "tools", fix: `two tools are named "${twice}": rename one` })
  if (agent.endCall && names.includes("end_call")) {
    found.push({ field: "tools", fix: 'end_call is built in: rename your tool, or set "endCall" to false' })
  }
  return found
}
