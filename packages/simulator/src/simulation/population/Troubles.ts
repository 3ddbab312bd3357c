/** Where the call is made, and what goes wrong in it. */
import type { Pace } from "../../model/Choices.ts"
import * as Choices from "../../model/Choices.ts"
import type { Fault } from "../../model/Fault.ts"
import type * as Random from "../../Random.ts"
import type { Carrier, Host, Model, Plan } from "../Plan.ts"
import { chance, pick, weighted } from "./Draw.ts"

export type Network = "good" | "mobile" | "poor"

export const network = (random: Random.Random, kind: Network): Plan["network"] => {
  switch (kind) {
    case "good":
      return {
        carrier: { delay: random.integer(5, 40), jitter: random.integer(0, 5) },
        model: { delay: random.integer(2, 30), jitter: random.integer(0, 5) }
      }
    case "mobile":
      return {
        carrier: { delay: random.integer(40, 120), jitter: random.integer(5, 30) },
        model: { delay: random.integer(10, 60), jitter: random.integer(0, 10) }
      }
    case "poor":
      return {
        carrier: { delay: random.integer(80, 300), jitter: random.integer(20, 120) },
        model: { delay: random.integer(30, 150), jitter: random.integer(5, 60) }
      }
  }
}

export const carrier = (random: Random.Random, kind: Network): Carrier => ({
  clockOffset: random.integer(0, 1_000),
  driftPpm: random.integer(-100, 100),
  ...(chance(random, 0.3) ? { withoutStop: true } : {}),
  ...(chance(random, 0.2) ? { playoutQuantum: 20 } : {}),
  ...line(random.split("line"), kind)
})

/** What the line does to the caller's audio. */
const line = (random: Random.Random, kind: Network): Carrier => {
  if (chance(random, 0.12)) return { noise: true, impairments: { silenceSuppression: true } }
  const gaps = kind === "good" ? 0 : kind === "mobile" ? random.integer(0, 2) : random.integer(1, 6)
  return {
    noise: gaps > 0 || chance(random, 0.5),
    ...(gaps === 0
      ? {}
      : {
          impairments: {
            gaps: Array.from({ length: gaps }, (_, index) => ({
              at: 4_000 * index + random.integer(500, 3_500),
              ms: 20 * random.integer(1, 100)
            }))
          }
        })
  }
}

export const model = (random: Random.Random): Pick<Model, "choices" | "pace"> => ({
  choices: Choices.draw(random.split("choices")),
  pace: pace(random.split("pace"))
})

const pace = (random: Random.Random): Partial<Pace> => ({
  speed: pick<Pace["speed"]>(random, [
    [4, 6],
    [1, 1.3],
    [3, 6],
    [8, 12]
  ]),
  ...(chance(random, 0.1) ? { thinkMs: [5, 30] } : {}),
  ...(chance(random, 0.05) ? { thinkMs: [800, 2_500] } : {}),
  ...(chance(random, 0.1) ? { updateMs: [500, 4_000] } : {})
})

export const host = (random: Random.Random): Host => ({ rest: chance(random, 0.75) })

/** Something that goes wrong: a change to the plan. */
export type Trouble = (plan: Plan) => Plan

/** `survivable`: the call goes on after it. */
export const trouble = (random: Random.Random, survivable: boolean): Trouble => {
  const fault = survivable ? survivableFault(random) : anyFault(random)
  return (plan) => ({ ...plan, model: { ...plan.model, faults: [...(plan.model.faults ?? []), fault] } })
}

const points = ["response.created", "response.output_audio.delta", "response.done"] as const

const survivableFault = (random: Random.Random): Fault =>
  weighted<Fault>(random, [
    [1, { _tag: "UnknownEvent", after: pick(random, points) }],
    [2, { _tag: "Error", code: pick(random, ["server_error", "something_new", null]), after: pick(random, points) }],
    [2, { _tag: "ResponseFailed", code: "server_error", part: random.next() }],
    [1, { _tag: "ResponseFailed", code: "rate_limit_exceeded", unannounced: true }],
    [
      1,
      { _tag: "ResponseIncomplete", reason: pick(random, ["max_output_tokens", "content_filter"]), part: random.next() }
    ],
    [2, { _tag: "ResponseSlow", speed: 0.2 + 0.7 * random.next() }],
    [1, { _tag: "ResponseIgnored" }],
    [1, { _tag: "TranscriptionFailed" }]
  ])

const anyFault = (random: Random.Random): Fault =>
  weighted<Fault>(random, [
    [6, survivableFault(random)],
    [2, { _tag: "SocketLost", after: pick(random, points) }],
    [1, { _tag: "SocketLost", code: pick(random, [1000, 1001, 1011, 3000, 4000]), after: pick(random, points) }],
    [1, { _tag: "Error", code: "session_expired", after: pick(random, points) }],
    [1, { _tag: "UpdateIgnored" }]
  ])
