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
import type { CarrierFault } from "../CarrierFault.ts"
import * as Brain from "../model/Brain.ts"
import type { Choices, Pace } from "../model/Choices.ts"
import type { Fault } from "../model/Fault.ts"
import * as Restaurant from "../model/Restaurant.ts"
import type { NetworkFault } from "../NetworkFault.ts"
import type * as SimCarrier from "../SimCarrier.ts"
import type * as SimModel from "../SimModel.ts"
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
  /** Between the host and its peers, one way each. */
  readonly network: Readonly<Record<Direction, World.Network>>
  readonly carrier: Carrier
  readonly model: Model
  readonly host: Host
  readonly webhook?: World.Webhook
  /** What goes wrong, besides what a network does by itself. */
  readonly faults: {
    readonly carrier: ReadonlyArray<CarrierFault>
    readonly model: ReadonlyArray<Fault>
    readonly network: ReadonlyArray<NetworkFault>
  }
}

export type Direction = "fromCarrier" | "fromModel" | "toCarrier" | "toModel"

export interface Step {
  readonly when: Caller.When
  readonly act:
    | { readonly _tag: "HangUp" }
    | { readonly _tag: "Press"; readonly digits: string }
    /** `keys` are pressed while it is said. */
    | { readonly _tag: "Say"; readonly sound: Sound.Sound; readonly keys?: ReadonlyArray<Caller.Key> }
    | { readonly _tag: "Wait" }
}

export type Part =
  | { readonly _tag: "Call"; readonly name: string; readonly arguments: string }
  | { readonly _tag: "Say"; readonly sound: Sound.Sound }

export interface Tool {
  /** Null: it never answers. */
  readonly afterMs: number | null
  readonly output: string
  /** It answers again, so long after the call. */
  readonly againMs?: number
}

/** The carrier, and the caller's line to it; `patience`: the caller hangs up then, whatever they are doing. */
export type Carrier = Pick<
  SimCarrier.Options,
  "clockOffset" | "driftPpm" | "frameBytes" | "impairments" | "noise" | "patience" | "playoutQuantum" | "withoutStop"
>

/** How fast the model is, and what it does where the protocol leaves it open. What is left out is the seed's choice. */
export interface Model {
  readonly choices?: Partial<Choices>
  readonly pace?: Partial<Pace>
  /** What the model says is written without spaces. */
  readonly unspaced?: true
  /** How long a session lasts. Default: an hour. */
  readonly limitMs?: number
}

export interface Host extends World.Host {
  /** The carrier's REST side can be reached. Default: it can. */
  readonly rest?: boolean
}

/** A call in which nobody does anything, over lines that take no time, and nothing goes wrong. */
export const plainest = (seed: string, agent: Agent.Agent): Plan => ({
  seed,
  wire: "direct",
  agent,
  caller: [],
  responses: [],
  tools: [],
  network: { fromCarrier: instant, toCarrier: instant, fromModel: instant, toModel: instant },
  carrier: {},
  model: {},
  host: {},
  faults: { carrier: [], model: [], network: [] }
})

const instant: World.Network = { delay: 0, jitter: 0 }

/** What the world is to be made of. */
export const options = (plan: Plan, audio: Speech.Audio): World.Options => {
  const { rest = true, ...host } = plan.host
  return {
    seed: plan.seed,
    wire: plan.wire,
    agent: plan.agent,
    script: plan.caller.map(({ act, when }) => ({ when, act: doing(act, audio) })),
    brain: brain(plan, audio),
    lines: plan.network,
    network: plan.faults.network,
    carrier: { ...plan.carrier, faults: plan.faults.carrier },
    model: { ...plan.model, faults: plan.faults.model, transcribe: transcriber(audio) },
    host,
    ...(plan.webhook === undefined ? {} : { webhook: plan.webhook }),
    rest,
    tool: tools(plan.tools)
  }
}

const tools = (tools: Plan["tools"]): NonNullable<World.Options["tool"]> => {
  let called = 0
  return () => {
    const { afterMs = null, againMs, output = "" } = tools[called++ % tools.length] ?? {}
    if (afterMs === null) return undefined
    return againMs === undefined ? { output, afterMs } : [afterMs, againMs].map((afterMs) => ({ output, afterMs }))
  }
}

const digitMs = 250

const doing = (act: Step["act"], audio: Speech.Audio): Caller.Act => {
  switch (act._tag) {
    case "Press":
      return { _tag: "Press", digits: act.digits, everyMs: digitMs }
    case "Say":
      return said(act.sound, audio, act.keys)
    default:
      return act
  }
}

const said = (sound: Sound.Sound, audio: Speech.Audio, keys: ReadonlyArray<Caller.Key> = []): Caller.Act => ({
  _tag: "Say",
  clip: "clip" in sound ? sound.clip : "noise",
  audio: Sound.pieces(sound, audio),
  keys
})

const brain = ({ model, responses }: Plan, audio: Speech.Audio): Brain.Brain => {
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
          text: `${number + 1}: ${model.unspaced ? unspaced(Sound.text(part.sound)) : Sound.text(part.sound)}`
        })
      })
    }
  }
}

/** A character a word. */
const unspaced = (text: string): string => text.replace(/\p{L}+['\u2019]?\p{L}*\s?/gu, "\u8a71")

const transcribers = new WeakMap<Speech.Audio, NonNullable<SimModel.Options["transcribe"]>>()

/** A cough has no words. */
const transcriber = (audio: Speech.Audio): NonNullable<SimModel.Options["transcribe"]> => {
  const known = transcribers.get(audio)
  if (known !== undefined) return known
  const words = Restaurant.transcriber(audio)
  const transcribe: NonNullable<SimModel.Options["transcribe"]> = (speech) => {
    const text = words(speech)
    return text.startsWith("[") ? "" : text
  }
  transcribers.set(audio, transcribe)
  return transcribe
}
