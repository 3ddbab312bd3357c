/**
 * What the model says. A brain is a function from what it was asked to a plan; it keeps no state of its own, so one brain serves many sessions.
 *
 * Clips are mu-law bytes with their text (Speech.ts makes them); the session's output format is the model's concern.
 */
import type { Item } from "./Conversation.ts"
import type { Config } from "./Session.ts"

export interface Clip {
  /** Mu-law, 8 kHz, mono. */
  readonly audio: Uint8Array
  readonly text: string
}

/** One output item of a response. */
export type Part =
  | { readonly _tag: "Say"; readonly clip: Clip }
  | { readonly _tag: "Call"; readonly name: string; readonly arguments: string; readonly callId?: string }

export interface Plan {
  readonly parts: ReadonlyArray<Part>
  /** Ms from `response.created` to the first output, instead of the pace's. */
  readonly thinkMs?: number
}

export interface Request {
  /** How many responses of this kind (default conversation, or out of band) began before. */
  readonly index: number
  /** Turns of the caller so far, spoken or typed. */
  readonly turns: number
  readonly trigger: "client" | "turn"
  readonly outOfBand: boolean
  /** Per-response instructions, else the session's. */
  readonly instructions: string
  readonly metadata: { readonly [key: string]: string } | null
  /** Names of the function tools offered. */
  readonly tools: ReadonlyArray<string>
  readonly session: Config
  /** What the response can read, in order. */
  readonly items: ReadonlyArray<Item>
}

export type Brain = (request: Request) => Plan

/** Says nothing. */
export const NOTHING: Plan = { parts: [] }

export const say = (clip: Clip): Part => ({ _tag: "Say", clip })

export const call = (name: string, args: string, callId?: string): Part =>
  callId === undefined ? { _tag: "Call", name, arguments: args } : { _tag: "Call", name, arguments: args, callId }

/** One plan a response, in order of their creation; after the last, `rest`. Out-of-band responses get `outOfBand`. */
export const scripted =
  (turns: ReadonlyArray<Plan>, options: { readonly rest?: Plan; readonly outOfBand?: Plan } = {}): Brain =>
  (request) =>
    request.outOfBand ? (options.outOfBand ?? NOTHING) : (turns[request.index] ?? options.rest ?? NOTHING)

export interface Talk {
  readonly greeting: Clip
  /** What is answered to the caller's turns, in order. */
  readonly answers: ReadonlyArray<Clip>
  /** Said when the answers are used up; then `end_call` is called, if it is offered. */
  readonly goodbye: Clip
  /** Said when a tool's output is to be told and the model was not saying goodbye. */
  readonly followUp?: Clip
}

/** Greets when nobody has spoken yet, answers turn by turn, says goodbye and ends the call. */
export const conversation =
  (talk: Talk): Brain =>
  (request) => {
    if (request.outOfBand) return NOTHING
    const last = request.items.at(-1)
    if (last?.type === "function_call_output") {
      const asked = request.items.find((item) => item.type === "function_call" && item.callId === last.callId)
      return asked?.name === "end_call" || talk.followUp === undefined ? NOTHING : { parts: [say(talk.followUp)] }
    }
    if (request.turns === 0) return { parts: [say(talk.greeting)] }
    const answer = talk.answers[request.turns - 1]
    if (answer !== undefined) return { parts: [say(answer)] }
    return request.tools.includes("end_call")
      ? { parts: [say(talk.goodbye), call("end_call", '{"reason":"The caller said goodbye."}')] }
      : { parts: [say(talk.goodbye)] }
  }
