/**
 * The calls that a seed stands for: who calls, over which network, what goes wrong, and how often.
 *
 * Invariants
 * 1. A plan is a function of the seed, its index and the options. Each part of it is drawn from a stream of its own.
 * 2. Of 200 calls in a row one lasts over ten minutes, of 2,000 one over an hour, of 20,000 one two hours, where the agent lets them.
 */

import type { Agent } from "@offhook/core"
import * as Caller from "../Caller.ts"
import * as Random from "../Random.ts"
import type { Plan } from "./Plan.ts"
import * as Agents from "./population/Agents.ts"
import * as Answers from "./population/Answers.ts"
import * as Callers from "./population/Callers.ts"
import { chance, pick, weighted } from "./population/Draw.ts"
import * as Lines from "./population/Lines.ts"
import * as Troubles from "./population/Troubles.ts"
import * as Sound from "./Sound.ts"

export interface Options {
  /** The agent of every call; without it the seed chooses one, with all its policies. */
  readonly agent?: Agent.Agent
  /** Default: mixed. */
  readonly network?: Network
  /** Default: some. */
  readonly faults?: Faults
}

/** `mixed`: the seed chooses among the others, call by call. */
export type Network = "good" | "mixed" | "mobile" | "poor"

/** `some`: in about half of the calls something goes wrong. */
export type Faults = "many" | "none" | "some"

/** The call number `index` of a seed. */
export const plan = (seed: string, index: number, options: Options = {}): Plan => {
  const random = Random.make(`${seed}/${index}`)
  const longMs = longOf(random.split("length"), index)
  const agent = options.agent ?? Agents.draw(random.split("agent"), longMs === null ? ordinaryMs : longMs + marginMs)
  const kind = network(random.split("network"), options.network ?? "mixed")
  const quiet: Plan = {
    seed: `${seed}/${index}`,
    wire: random.split("wire").next() < 1 / 8 ? "text" : "direct",
    agent,
    ...(longMs === null ? ordinary(random, agent) : long(random, agent, longMs)),
    tools: Answers.tools(random.split("tools")),
    network: Lines.network(random.split("lines"), kind),
    carrier: Lines.carrier(
      random.split("carrier"),
      kind,
      longMs === null && chance(random.split("echo"), agent.gate === null ? 0.03 : 0.4)
    ),
    model: { ...Answers.model(random.split("model")), ...(longMs === null ? {} : { limitMs: longMs + 2 * marginMs }) },
    host: random.split("host").next() < 0.75 ? {} : { rest: false },
    ...webhook(random.split("webhook")),
    faults: { carrier: Troubles.echoes(random.split("echoes")), model: [], network: [] }
  }
  const begun = longMs === null ? ending(random.split("ending"), quiet, options.agent === undefined) : quiet
  const situated = longMs === null && options.faults !== "none" ? situation(random.split("situation"), begun) : begun
  const faults = random.split("faults")
  return Array.from({ length: troubles(faults, options.faults ?? "some") }).reduce<Plan>(
    (plan, _, number) => Troubles.trouble(faults.split(`${number}`), plan, longMs ?? usualMs, longMs !== null),
    situated
  )
}

const network = (random: Random.Random, kind: Network): Lines.Kind =>
  kind === "mixed"
    ? weighted(random, [
        [5, "good"],
        [3, "mobile"],
        [2, "poor"]
      ])
    : kind

/** How many things go wrong. */
const troubles = (random: Random.Random, kind: Faults): number => {
  switch (kind) {
    case "many":
      return random.integer(2, 5)
    case "none":
      return 0
    case "some":
      return chance(random, 0.5) ? 0 : pick(random, [1, 1, 1, 2, 2, 3])
  }
}

const tenMinutesMs = 10 * 60_000
const hourMs = 60 * 60_000
const ordinaryMs = 30 * 60_000
/** An ordinary call, about. */
const usualMs = 20_000
/** Between a long call and what would end it. */
const marginMs = 10 * 60_000

/** How long a call is held at least; null: as long as it happens to be. */
const longOf = (random: Random.Random, index: number): number | null => {
  if (index % 20_000 === 10_900) return 2 * hourMs
  if (index % 2_000 === 900) return hourMs + random.integer(5_000, 120_000)
  if (index % 200 === 100) return tenMinutesMs + random.integer(5_000, 90_000)
  return null
}

/** Mostly a stream and nothing else. */
const webhook = (random: Random.Random): Pick<Plan, "webhook"> => {
  if (chance(random, 0.85)) return {}
  const tail = { text: "That was Luigi's. <Goodbye> & good night \u{1f355}\u0007\uffff", language: "en-GB" }
  return {
    webhook: {
      parameters: { caller: "+1 (555) 010-4477", token: random.hex(16), order: 'a "large" one' },
      ...(chance(random, 0.3) ? { say: { text: "One moment.", voice: "Polly.Joanna-Neural" } } : {}),
      ...(chance(random, 0.5) ? { tail } : {})
    }
  }
}

const ordinary = (random: Random.Random, agent: Agent.Agent): Pick<Plan, "caller" | "responses"> => {
  const turns = random.split("turns").integer(2, 5)
  const caller = Callers.conversation(random.split("caller"), turns)
  return {
    caller: [...caller, Callers.leaving(random.split("leaving"))],
    responses: Answers.responses(random.split("responses"), agent, turns + 3)
  }
}

const long = (random: Random.Random, agent: Agent.Agent, ms: number): Pick<Plan, "caller" | "responses"> => ({
  caller: [...Callers.longConversation(random.split("caller"), ms), { when: Caller.at(ms), act: { _tag: "HangUp" } }],
  responses: Answers.responses(random.split("responses"), agent, 97)
})

/** Some calls end otherwise than by a caller who has said everything. */
const ending = (random: Random.Random, plan: Plan, mayChangeAgent: boolean): Plan =>
  weighted(random, [
    [60, (): Plan => plan],
    [25, (): Plan => goodbye(random, plan)],
    [6, (): Plan => ({ ...plan, carrier: { ...plan.carrier, patience: random.integer(0, 30_000) } })],
    [3, (): Plan => ({ ...plan, host: { ...plan.host, ...Troubles.ending(random, usualMs) } })],
    [
      4,
      (): Plan =>
        mayChangeAgent ? { ...plan, agent: { ...plan.agent, maxCallMs: random.integer(5_000, 30_000) } } : plan
    ],
    [
      1,
      (): Plan => ({
        ...plan,
        caller: plan.caller.slice(0, -1),
        ...(mayChangeAgent
          ? { agent: { ...plan.agent, maxCallMs: 60_000 } }
          : { carrier: { ...plan.carrier, patience: 60_000 } })
      })
    ]
  ])()

/** What seldom comes together by itself. */
const situation = (random: Random.Random, plan: Plan): Plan =>
  weighted(random, [
    [93, (): Plan => plan],
    [3, (): Plan => farewell(random, plan)],
    [2, (): Plan => hanging(random, plan)],
    [2, (): Plan => lecture(random, plan)]
  ])()

/** While the goodbye is heard the model is gone. */
const farewell = (random: Random.Random, plan: Plan): Plan => ({
  ...goodbye(random, { ...plan, responses: plan.responses.slice(0, 1) }),
  faults: { ...plan.faults, model: [Troubles.afterResponse(random, random.integer(1, 3))] }
})

/** A response stops in its middle, and the caller waits for the rest. */
const hanging = (random: Random.Random, plan: Plan): Plan => ({
  ...plan,
  caller: [
    ...plan.caller.slice(0, random.integer(0, 1)),
    { when: Caller.after(random.integer(35_000, 60_000)), act: { _tag: "HangUp" } }
  ],
  faults: { ...plan.faults, model: [{ _tag: "ResponseHangs", part: Math.round(10 * random.next()) / 10 }] }
})

/** The agent says more than anybody listens to, and is interrupted late. */
const lecture = (random: Random.Random, plan: Plan): Plan => {
  const long = (sound: Sound.Sound): Sound.Sound => Sound.withMs(sound, random.integer(70_000, 150_000))
  return {
    ...plan,
    caller: plan.caller.map((step, index) =>
      index === 0 ? { ...step, when: Caller.agentSpeaking(random.integer(4_000, 25_000), 4_000) } : step
    ),
    responses: plan.responses.map((parts) =>
      parts.map((part) => (part._tag === "Say" ? { ...part, sound: long(part.sound) } : part))
    )
  }
}

/** The agent says goodbye in one of its last responses; the caller waits for it, but not for ever. */
const goodbye = (random: Random.Random, plan: Plan): Plan => {
  const at = random.integer(Math.min(3, plan.responses.length), plan.responses.length)
  return {
    ...plan,
    caller: [
      ...plan.caller.slice(0, -1),
      { when: Caller.after(random.integer(6_000, 12_000)), act: { _tag: "HangUp" } }
    ],
    responses: [
      ...plan.responses.slice(0, at),
      Answers.goodbye(random.split("goodbye"), plan.agent),
      ...plan.responses.slice(at)
    ]
  }
}
