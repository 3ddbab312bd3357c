/**
 * The agent: who answers the call and how. Everything a call's machine is configured by is in `Config`, which is plain
 * data and stands in the recording's header, so that a replay needs nothing else.
 *
 * Invariants
 * 1. `turns: "model"`: the model's voice activity detection both answers and interrupts. A policy that delays or
 *    ignores an interruption therefore needs `turns: "machine"`; `problems` refuses the mix.
 */

import * as Limits from "./Limits.ts"
import type { PriceTable } from "./Prices.ts"

/** A function the model may call; `parameters` is JSON Schema. Descriptions hold at most 1,024 characters (protocols.md E.2). */
export interface Tool {
  readonly name: string
  readonly description: string
  readonly parameters: Readonly<Record<string, unknown>>
  /** After this the model is told that the tool did not answer. */
  readonly timeoutMs: number
  /** What the agent says to the tool's result is protected (a legal notice); true needs `turns: "machine"`. */
  readonly protectAnswer?: boolean
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

/** "mm-hm": the caller shows that they listen. */
export interface Backchannels {
  /** Longer speech interrupts as soon as it is longer. */
  readonly maxMs: number
  /** What it has to be, as transcribed, case and punctuation apart; empty: whatever was said. */
  readonly words: ReadonlyArray<string>
}

/** Against the agent's own voice coming back from a loudspeaker. */
export interface Gate {
  /** A sound that stays quieter than this is none, dBFS; null: no such gate. */
  readonly minDbfs: number | null
  /** A sound that stays so many dB below what the agent was saying is its echo; null: no such gate. */
  readonly echoDb: number | null
}

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
  /** Short speech while the agent talks that interrupts nothing; needs `turns: "machine"`. */
  readonly backchannels: Backchannels | null
  /** Pause as soon as the caller makes a sound, and go on if it was none to listen to; needs `turns: "machine"`. */
  readonly pauseToDecide: boolean
  /** What a sound needs while the agent is audible, to be taken for the caller; needs `turns: "machine"`. */
  readonly gate: Gate | null
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
  backchannels: null,
  pauseToDecide: false,
  gate: null,
  detection: { type: "server_vad", threshold: 0.5, prefixPaddingMs: 300, silenceDurationMs: 500 },
  noiseReduction: null,
  transcription: { model: "gpt-transcribe", language: null },
  tools: [],
  endCall: true,
  maxCallMs: 30 * 60_000
}

/** English words for `Agent.backchannels`. "yes" and "no" are not among them: they may answer a question. */
export const backchannels: ReadonlyArray<string> = [
  "mm-hm",
  "mhm",
  "mm",
  "mmm",
  "hm",
  "hmm",
  "uh-huh",
  "aha",
  "ah",
  "oh",
  "okay",
  "ok",
  "yeah",
  "right",
  "sure",
  "alright",
  "all right",
  "i see",
  "got it"
]

export interface Problem {
  readonly field: string
  readonly fix: string
}

/** Contradictions between fields; an empty list is a sound agent. */
export const problems = (agent: Agent): ReadonlyArray<Problem> => {
  const found: Array<Problem> = []
  const add = (field: string, fix: string) => found.push({ field, fix })
  if (agent.turns === "model") {
    for (const [field, off] of modelTurns(agent)) {
      add(field, `the model interrupts by itself in turns "model": set turns to "machine" or ${off}`)
    }
  }
  const { backchannels, gate, interruptAfterMs } = agent
  const longest = Math.max(interruptAfterMs, backchannels?.maxMs ?? 0)
  if (backchannels !== null && backchannels.words.length > 0 && agent.transcription === null) {
    add("backchannels", 'words are found in the transcript: set "transcription", or "words" to []')
  }
  if (backchannels !== null && backchannels.maxMs <= interruptAfterMs) {
    add("backchannels", `speech shorter than interruptAfterMs is ignored already: set maxMs above ${interruptAfterMs}`)
  }
  if (agent.pauseToDecide && longest === 0) {
    add("pauseToDecide", "nothing says what is no speech: set interruptAfterMs or backchannels")
  }
  if (agent.pauseToDecide && longest >= Limits.decideMs) {
    const field = interruptAfterMs === longest ? "interruptAfterMs" : "backchannels.maxMs"
    add("pauseToDecide", `a pause lasts ${Limits.decideMs} ms at most: set ${field} below that`)
  }
  if (gate !== null && gate.minDbfs === null && gate.echoDb === null) {
    add("gate", "it lets everything pass: set minDbfs or echoDb, or gate to null")
  }
  const names = agent.tools.map((tool) => tool.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) add("tools", `two tools are named "${twice}": rename one`)
  if (agent.endCall && names.includes("end_call")) {
    add("tools", 'end_call is built in: rename your tool, or set "endCall" to false')
  }
  return found
}

/** What only the machine can do, and how it is switched off. */
const modelTurns = (agent: Agent): ReadonlyArray<readonly [field: string, off: string]> => {
  const set: Array<readonly [string, string]> = []
  if (agent.greetingProtected) set.push(["greetingProtected", "greetingProtected to false"])
  if (agent.interruptAfterMs > 0) set.push(["interruptAfterMs", "interruptAfterMs to 0"])
  if (agent.backchannels !== null) set.push(["backchannels", "backchannels to null"])
  if (agent.pauseToDecide) set.push(["pauseToDecide", "pauseToDecide to false"])
  if (agent.gate !== null) set.push(["gate", "gate to null"])
  agent.tools.forEach(({ protectAnswer }, index) => {
    if (protectAnswer === true) set.push([`tools[${index}].protectAnswer`, "protectAnswer to false"])
  })
  return set
}
