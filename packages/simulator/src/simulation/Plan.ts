/**
 * All that a simulated call is made of, as plain JSON data: it can be written down, made smaller, and played again.
 *
 * Invariants
 * 1. The same plan gives the same call, event for event.
 * 2. Leaving a step, a part or a fault out gives a plan again; the draws that other fields cause do not change by it.
 */

import type { Agent } from "@offhook/core"
import * as Caller from "../Caller.ts"
import * as Brain from "../model/Brain.ts"
import type * as Random from "../Random.ts"
import type * as Speech from "../Speech.ts"
import type * as World from "../World.ts"

export interface Plan {
  /** Decides what no field says: jitter, identifiers, sizes of deltas. */
  readonly seed: string
  readonly agent: Agent.Agent
  readonly caller: ReadonlyArray<Step>
  /** What the model says in each response to the conversation, in order; used up, it says the last again. */
  readonly responses: ReadonlyArray<ReadonlyArray<Part>>
  /** What becomes of each function call, in order; used up, as the last. */
  readonly tools: ReadonlyArray<Tool>
  readonly network: { readonly carrier: World.Network; readonly model: World.Network }
}

export interface Step {
  readonly when: Caller.When
  readonly act:
    | { readonly _tag: "HangUp" }
    | { readonly _tag: "Press"; readonly digits: string }
    | { readonly _tag: "Say"; readonly clip: Speech.ClipId }
}

export type Part =
  | { readonly _tag: "Call"; readonly name: string; readonly arguments: string }
  | { readonly _tag: "Say"; readonly clip: Speech.ClipId }

export interface Tool {
  /** Null: it never answers. */
  readonly afterMs: number | null
}

/** What the world is to be made of. */
export const options = (plan: Plan, audio: Speech.Audio): World.Options => {
  let tools = 0
  return {
    seed: plan.seed,
    agent: plan.agent,
    script: plan.caller.map(({ act, when }) => step(act, when, audio)),
    brain: brain(plan.responses, audio),
    carrierLine: plan.network.carrier,
    modelLine: plan.network.model,
    tool: () => {
      const afterMs = plan.tools[Math.min(tools++, plan.tools.length - 1)]?.afterMs
      return typeof afterMs === "number" ? { output: "{}", afterMs } : undefined
    }
  }
}

const step = (act: Step["act"], when: Caller.When, audio: Speech.Audio): Caller.CallerScript[number] => {
  switch (act._tag) {
    case "HangUp":
      return Caller.hangUp(when)
    case "Press":
      return Caller.press(act.digits, when)
    case "Say":
      return Caller.say(act.clip, audio[act.clip], when)
  }
}

const brain = (responses: Plan["responses"], audio: Speech.Audio): Brain.Brain => {
  let said = 0
  return ({ index, outOfBand }) => {
    const parts = outOfBand ? undefined : responses[Math.min(index, responses.length - 1)]
    return {
      parts: (parts ?? []).map((part) =>
        part._tag === "Call"
          ? Brain.call(part.name, part.arguments)
          : Brain.say({ audio: signed(audio[part.clip], said++), text: `It says ${part.clip} in so many words.` })
      )
    }
  }
}

/** Audio that differs from all other audio in the lowest bit of its bytes: inaudible, and enough to recognise it. */
export const signed = (audio: Uint8Array, signature: number): Uint8Array =>
  audio.map((byte, index) => byte ^ (Math.imul(index + 1, Math.imul(signature + 1, 0x9e3779b1) | 1) >>> 31))

export const pick = <A>(random: Random.Random, list: readonly [A, ...Array<A>]): A =>
  list[random.integer(0, list.length - 1)] ?? list[0]
