/** Who calls: what they say, press and wait for, and how they leave. */
import * as Caller from "../../Caller.ts"
import type * as Random from "../../Random.ts"
import type { Step } from "../Plan.ts"
import * as Sound from "../Sound.ts"
import { chance, pick, spread, weighted } from "./Draw.ts"

/** Steps of a conversation with about `turns` turns of the caller; some begin before the agent does, some say nothing. */
export const conversation = (random: Random.Random, turns: number): ReadonlyArray<Step> => {
  if (chance(random, 0.02)) return [{ when: Caller.after(spread(random, 3_000, 30_000)), act: wait }]
  const steps: Array<Step> = weighted<() => Array<Step>>(random, [
    [84, () => []],
    [10, () => [say(Caller.after(random.integer(0, 600)), words(random))]],
    [2, () => [{ when: Caller.after(random.integer(0, 600)), act: { _tag: "Press", digits: digits(random) } }]]
  ])()
  for (let turn = 0; turn < turns; turn++) steps.push(...exchange(random))
  return steps
}

/** Steps that fill a call until `untilMs`, more or less; who calls for so long tells and waits for long. */
export const longConversation = (random: Random.Random, untilMs: number): ReadonlyArray<Step> => {
  const steps: Array<Step> = []
  for (let at = 0; at < untilMs; ) {
    const more = weighted(random, [
      [30, () => exchange(random)],
      [1, () => [say(answering(random), monologue(random))]],
      [
        2,
        () => [say(answering(random), words(random)), { when: Caller.after(spread(random, 5_000, 40_000)), act: wait }]
      ]
    ])()
    steps.push(...more)
    for (const step of more) at += durationMs(step)
  }
  return steps
}

/** The last step: the caller has had enough. */
export const leaving = (random: Random.Random): Step => ({
  when: weighted(random, [
    [4, Caller.after(random.integer(0, 2_000))],
    [3, Caller.agentSilent(random.integer(100, 1_500), 5_000)],
    [2, Caller.agentSpeaking(random.integer(0, 2_500), 4_000)]
  ]),
  act: { _tag: "HangUp" }
})

const wait = { _tag: "Wait" } as const

const say = (when: Caller.When, sound: Sound.Sound): Step => ({ when, act: { _tag: "Say", sound } })

/** One turn, or something like it. */
const exchange = (random: Random.Random): ReadonlyArray<Step> =>
  weighted<() => ReadonlyArray<Step>>(random, [
    [50, () => [say(answering(random), words(random))]],
    [20, () => [say(interrupting(random), words(random))]],
    [10, () => [say(interrupting(random), agreeing(random)), say(answering(random), words(random))]],
    [10, () => [say(interrupting(random), noise(random)), say(answering(random), words(random))]],
    [4, () => [say(answering(random), words(random)), say(Caller.after(random.integer(0, 900)), words(random))]],
    [
      3,
      () => [
        say(interrupting(random), words(random)),
        say(Caller.agentSpeaking(random.integer(0, 300), 1_500), words(random))
      ]
    ],
    [6, () => [{ when: interrupting(random), act: { _tag: "Press", digits: digits(random) } }]],
    [2, () => [{ when: interrupting(random), act: { _tag: "Say", sound: words(random), keys: keys(random) } }]],
    [2, () => [{ when: Caller.after(random.integer(1_000, 5_000)), act: wait }]],
    [0.3, () => [say(answering(random), monologue(random))]]
  ])()

const answering = (random: Random.Random): Caller.When =>
  Caller.agentSilent(spread(random, 20, 1_500), random.integer(2_000, 5_000))

/** Anywhere in what the agent says: at its very start, in its middle, near its end. */
const interrupting = (random: Random.Random): Caller.When =>
  Caller.agentSpeaking(
    chance(random, 0.2) ? random.integer(0, 200) : random.integer(0, 3_000),
    random.integer(1_500, 4_000)
  )

const words = (random: Random.Random): Sound.Sound => {
  const sound = Sound.whole(
    weighted(random, [
      [3, "caller-yes"],
      [2, "caller-table-for-four"],
      [2, "caller-how-many"],
      [1, "caller-opening-hours"]
    ])
  )
  return weighted(random, [
    [12, sound],
    [4, Sound.withMs(sound, Math.max(200, Math.round(sound.ms * random.next())))],
    [1, "clip" in sound ? { ...sound, fainter: pick(random, [6, 12, 20]) } : sound]
  ])
}

const agreeing = (random: Random.Random): Sound.Sound =>
  Sound.whole(pick(random, ["caller-mhm", "caller-mhm", "caller-yes"]))

const noise = (random: Random.Random): Sound.Sound =>
  chance(random, 0.5)
    ? Sound.whole("caller-cough")
    : { noise: pick(random, [-50, -40, -30, -20]), ms: spread(random, 20, 1_500) }

const monologue = (random: Random.Random): Sound.Sound => ({
  clip: pick(random, ["caller-opening-hours", "caller-how-many", "caller-table-for-four"]),
  ms: spread(random, 15_000, 60_000)
})

const digits = (random: Random.Random): string =>
  weighted(random, [
    [3, pick(random, ["1", "2", "#", "*", "0"])],
    [2, pick(random, ["12#", "4711", "4711#", "**", "1#2"])],
    [1, Array.from({ length: random.integer(5, 30) }, () => pick(random, ["1", "5", "9", "0", "#"])).join("")],
    [0.2, "0123456789".repeat(7)]
  ])

/** In mid-speech. */
const keys = (random: Random.Random): ReadonlyArray<Caller.Key> =>
  Array.from({ length: random.integer(1, 3) }, (_, index) => ({
    ms: 150 * index + random.integer(0, 140),
    digit: pick(random, ["1", "7", "#", "*"])
  }))

/** About. The agent answers in two seconds and a half. */
const durationMs = ({ act, when }: Step): number => {
  const waited = when._tag === "After" ? when.ms : 800
  if (act._tag !== "Say") return waited + 500
  return waited + act.sound.ms + (when._tag === "AgentSilent" ? 3_500 : 800)
}
