/** Where the call is made: the lines between the host and its peers, and the caller's own. */
import type { Impairments } from "../../CarrierStream.ts"
import type * as Echo from "../../Echo.ts"
import type * as Line from "../../Line.ts"
import type * as Random from "../../Random.ts"
import type { Carrier, Plan } from "../Plan.ts"
import { chance, pick } from "./Draw.ts"

export type Kind = "good" | "mobile" | "poor"

/** One way: delay and jitter, ms; and of 10 lines so many stall now and then, for so long. */
interface Quality {
  readonly delay: Range
  readonly jitter: Range
  readonly stalling: number
  readonly stallMs: Range
}

type Range = readonly [number, number]

const qualities: Readonly<Record<Kind, { readonly carrier: Quality; readonly model: Quality }>> = {
  good: {
    carrier: { delay: [5, 40], jitter: [0, 5], stalling: 0, stallMs: [0, 0] },
    model: { delay: [2, 30], jitter: [0, 5], stalling: 0, stallMs: [0, 0] }
  },
  mobile: {
    carrier: { delay: [40, 120], jitter: [5, 30], stalling: 3, stallMs: [60, 250] },
    model: { delay: [10, 60], jitter: [0, 10], stalling: 1, stallMs: [40, 150] }
  },
  poor: {
    carrier: { delay: [80, 300], jitter: [20, 100], stalling: 6, stallMs: [100, 700] },
    model: { delay: [30, 150], jitter: [5, 60], stalling: 4, stallMs: [100, 500] }
  }
}

export const network = (random: Random.Random, kind: Kind): Plan["network"] => {
  const { carrier, model } = qualities[kind]
  return {
    fromCarrier: direction(random.split("from carrier"), carrier),
    toCarrier: direction(random.split("to carrier"), carrier),
    fromModel: direction(random.split("from model"), model),
    toModel: direction(random.split("to model"), model)
  }
}

const direction = (random: Random.Random, { delay, jitter, stallMs, stalling }: Quality): Line.Network => ({
  delay: random.integer(...delay),
  jitter: random.integer(...jitter),
  ...(chance(random, stalling / 10)
    ? { stalls: [{ everyMs: 1_000 * random.integer(3, 20), ms: [stallMs[0], random.integer(...stallMs)] }] }
    : {})
})

/**
 * `echoes`: the caller's telephone is one whose loudspeaker its microphone hears. An agent without a gate then listens to
 * itself, and for ever where nobody hangs up.
 */
export const carrier = (random: Random.Random, kind: Kind, echoes: boolean): Carrier => {
  const { impairments, noise } = microphone(random.split("microphone"), kind)
  const echo = echoes ? { echo: loudspeaker(random.split("loudspeaker")) } : {}
  const patience = echoes ? { patience: random.split("patience").integer(5_000, 30_000) } : {}
  return {
    clockOffset: random.integer(0, 1_000),
    driftPpm: random.integer(-100, 100),
    ...(chance(random, 0.3) ? { withoutStop: true } : {}),
    ...(chance(random, 0.2) ? { playoutQuantum: 20 } : {}),
    ...(chance(random.split("frames"), 0.03) ? { frameBytes: pick(random.split("bytes"), [320, 480, 800]) } : {}),
    noise,
    ...patience,
    ...(impairments === undefined && !echoes ? {} : { impairments: { ...impairments, ...echo } })
  }
}

const loudspeaker = (random: Random.Random): Echo.Options => ({
  delayMs: random.integer(40, 300),
  fainter: random.integer(6, 30)
})

/** What becomes of the caller's audio before it is sent. Noise lets a judge tell every frame from silence filled in. */
const microphone = (random: Random.Random, kind: Kind): { noise: boolean; impairments?: Impairments } => {
  if (chance(random, 0.12)) return { noise: true, impairments: { silenceSuppression: true } }
  const noise = { noise: true }
  switch (kind) {
    case "good":
      return { noise: chance(random, 0.5) }
    case "mobile":
      if (chance(random, 0.4)) return noise
      return { ...noise, impairments: { gaps: [{ at: random.integer(500, 9_000), ms: gapMs(random) }] } }
    case "poor": {
      const everyMs = 1_000 * random.integer(3, 15)
      return { ...noise, impairments: { gaps: [{ everyMs, ms: [20, gapMs(random)] }] } }
    }
  }
}

/** Whole frames, up to two seconds: longer ones end the caller's turn, or would without the silence that is put there. */
const gapMs = (random: Random.Random): number => 20 * random.integer(1, 100)
