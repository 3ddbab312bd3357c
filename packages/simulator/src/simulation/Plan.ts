/**
 * All that a simulated call is made of, as plain JSON data: it can be written down, made smaller, and played again.
 *
 * Words: a *step* is what the caller does and when; a *response* is what the model says and calls in one answer, in
 * *parts*. What a field does not say is drawn from the seed, by a stream of its own: jitter, identifiers, sizes of deltas.
 *
 * Invariants
 * 1. The same plan gives the same call, event for event; so does the plan read back from its JSON text.
 * 2. Leaving a step, a response, a part or a fault out gives a plan again; the draws that other fields cause do not
 *    change by it.
 */

import type { Agent } from "@offhook/core"
import type * as Caller from "../Caller.ts"
import * as Brain from "../model/Brain.ts"
import type { Choices, Pace } from "../model/Choices.ts"
import type { Fault } from "../model/Fault.ts"
import * as Restaurant from "../model/Restaurant.ts"
import type * as SimCarrier from "../SimCarrier.ts"
import type * as Speech from "../Speech.ts"
import type * as World from "../World.ts"
import * as Sound from "./Sound.ts"

export interface Plan {
  readonly seed: string
  readonly wire: "direct" | "text"
  readonly agent: Agent.Agent
  readonly caller: ReadonlyArray<Step>
  /** What the model says in each response to the conversation, in order; used up, from the first again. */
  readonly responses: ReadonlyArray<ReadonlyArray<Part>>
  /** What becomes of each function call, in order; used up, from the first again. */
  readonly tools: ReadonlyArray<Tool>
  readonly network: { readonly carrier: World.Network; readonly model: World.Network }
  readonly carrier: Carrier
  readonly model: Model
  readonly host: Host
}

export interface Step {
  readonly when: Caller.When
  readonly act:
    | { readonly _tag: "HangUp" }
    | { readonly _tag: "Press"; readonly digits: string }
    | { readonly _tag: "Say"; readonly sound: Sound.Sound }
    | { readonly _tag: "Wait" }
}

export type Part =
  | { readonly _tag: "Call"; readonly name: string; readonly arguments: string }
  | { readonly _tag: "Say"; readonly sound: Sound.Sound }

export interface Tool {
  /** Null: it never answers. */
  readonly afterMs: number | null
  readonly output: string
}

/** The carrier and its line. Left out: nothing of it. */
export type Carrier = Pick<
  SimCarrier.Options,
  "clockOffset" | "driftPpm" | "impairments" | "noise" | "patience" | "playoutQuantum" | "withoutStop"
>

/** The model, how fast it is and what goes wrong there. Choices and paces left out are the seed's. */
export interface Model {
  readonly choices?: Partial<Choices>
  readonly pace?: Partial<Pace>
  /** How long a session lasts. Default: an hour. */
  readonly limitMs?: number
  readonly faults?: ReadonlyArray<Fault>
}

export interface Host {
  /** The carrier's REST side can be reached. */
  readonly rest: boolean
}

/** What the world is to be made of. */
export const options = (plan: Plan, audio: Speech.Audio): World.Options => {
  const used = { tools: 0 }
  return {
    seed: plan.seed,
    wire: plan.wire,
    agent: plan.agent,
    script: plan.caller.map(({ act, when }) => ({ when, act: doing(act, audio) })),
    brain: brain(plan.responses, audio),
    carrierLine: plan.network.carrier,
    modelLine: plan.network.model,
    carrier: plan.carrier,
    model: { ...plan.model, transcribe: transcriber(audio) },
    rest: plan.host.rest,
    tool: () => {
      const tool = plan.tools[used.tools++ % plan.tools.length]
      return tool === undefined || tool.afterMs === null ? undefined : { output: tool.output, afterMs: tool.afterMs }
    }
  }
}

const digitMs = 250

const doing = (act: Step["act"], audio: Speech.Audio): Caller.Act => {
  switch (act._tag) {
    case "Press":
      return { _tag: "Press", digits: act.digits, everyMs: digitMs }
    case "Say":
      return said(act.sound, audio)
    default:
      return act
  }
}

/** Its audio is made when it is said: a long call has hours of it. */
const said = (sound: Sound.Sound, audio: Speech.Audio): Caller.Act => {
  let made: Uint8Array | undefined
  return {
    _tag: "Say",
    clip: "clip" in sound ? sound.clip : "noise",
    get audio() {
      made ??= Sound.bytes(sound, audio)
      return made
    }
  }
}

const brain = (responses: Plan["responses"], audio: Speech.Audio): Brain.Brain => {
  let begun = 0
  let items = 0
  return ({ outOfBand }) => {
    if (outOfBand || responses.length === 0) return Brain.NOTHING
    const parts = responses[begun++ % responses.length] ?? []
    return {
      parts: parts.map((part) => {
        if (part._tag === "Call") return Brain.call(part.name, part.arguments)
        const number = items++
        return Brain.say({
          audio: Sound.signed(Sound.bytes(part.sound, audio), number),
          text: `${number + 1}: ${Sound.text(part.sound)}`
        })
      })
    }
  }
}

const transcribers = new WeakMap<Speech.Audio, ReturnType<typeof Restaurant.transcriber>>()

const transcriber = (audio: Speech.Audio) => {
  const known = transcribers.get(audio) ?? Restaurant.transcriber(audio)
  transcribers.set(audio, known)
  return known
}
