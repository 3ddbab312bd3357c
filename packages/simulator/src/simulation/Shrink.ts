/**
 * Makes a plan that fails smaller, for as long as it fails in the same way: what is left is what it takes.
 *
 * Greedy: one thing is taken away or lowered at a time, and stays away where the call still fails. Large pieces come
 * first: the call's end, halves of its lists, whole fields, then numbers. It goes on until nothing gives any more, or
 * the runs are used up.
 *
 * Invariants
 * 1. The result fails; it is smaller than what was given, or the same.
 * 2. Every step makes `size` and the call's length together less, so it comes to an end.
 * 3. The same plan and test give the same result.
 */

import { Agent } from "@offhook/core"
import type { Invariant } from "./Invariants.ts"
import type { Plan } from "./Plan.ts"
import * as Simulation from "./Simulation.ts"

/** When the plan failed, and how long its call was, ms since it was placed. */
export interface Failure {
  readonly at: number
  readonly callMs: number
}

/** Plays a plan, for so many ms at most; null where it does not fail in that time, or fails otherwise. */
export type Test = (plan: Plan, untilMs?: number) => Failure | null

/** What is tried at most. */
export interface Bounds {
  /** Default 400. */
  readonly runs?: number
  /** Of all tried calls together, ms. Default: eight hours, which take half a minute or less. */
  readonly callMs?: number
}

export interface Shrunk {
  readonly plan: Plan
  readonly failure: Failure
  readonly runs: number
}

/** Fails where this is what breaks, whatever else does. */
export const breaks =
  (invariant: Invariant, options: Simulation.Options): Test =>
  (plan, untilMs) => {
    const { broken, callMs } = Simulation.run(plan, untilMs === undefined ? options : { ...options, untilMs })
    const found = broken.find((one) => one.invariant === invariant)
    return found === undefined ? null : { at: found.at, callMs }
  }

/** `failure`: how the plan fails. */
export const shrink = (plan: Plan, failure: Failure, test: Test, bounds: Bounds = {}): Shrunk => {
  const { callMs = 8 * 3_600_000, runs: mostRuns = 400 } = bounds
  let best = plan
  let bestSize = size(plan)
  let how = failure
  let runs = 0
  let spentMs = 0

  const attempt: Attempt = (candidate, shorter = false) => {
    if (runs >= mostRuns || spentMs >= callMs) return false
    const candidateSize = size(candidate)
    if (candidateSize >= bestSize && !shorter) return false
    runs++
    const failed = test(candidate, how.callMs + patienceMs)
    spentMs += failed?.callMs ?? how.callMs
    if (failed === null || effort(candidateSize, failed) >= effort(bestSize, how)) return false
    best = candidate
    bestSize = candidateSize
    how = failed
    return true
  }

  for (let before = Number.POSITIVE_INFINITY; effort(bestSize, how) < before && runs < mostRuns; ) {
    before = effort(bestSize, how)
    cutTheEnd(() => [best, how], attempt)
    for (const pass of [lists, fields, agent, numbers]) pass(() => best, attempt)
  }
  return { plan: best, failure: how, runs }
}

/** A call may become so much longer by a smaller plan. */
const patienceMs = 3_000

/** A character of the plan is worth 50 ms of the call. */
const effort = (size: number, { callMs }: Failure): number => size + callMs / 50

/** How much there is to read: characters, and more for large numbers. */
export const size = (plan: Plan): number => {
  let sum = 0
  const count = (_key: string, value: unknown) => {
    if (typeof value === "number") sum += Math.log2(1 + Math.abs(value))
    return value
  }
  return JSON.stringify({ ...plan, agent: deviations(plan.agent) }, count).length + sum
}

/** The fields that are not as they are by default. */
const deviations = (agent: Agent.Agent): Partial<Agent.Agent> =>
  Object.fromEntries(
    Object.entries(agent).filter(
      ([key, value]) => JSON.stringify(value) !== JSON.stringify(Agent.defaults[key as keyof Agent.Agent])
    )
  )

/** True: it still fails, and is the plan from now on. `shorter`: the plan may be larger, where its call is shorter. */
type Attempt = (candidate: Plan, shorter?: boolean) => boolean

type Pass = (plan: () => Plan, attempt: Attempt) => void

/** Where a value stands in a plan. */
type Path = ReadonlyArray<number | string>

/** Shortly after the failure the caller hangs up; or, where that is no failure any more, much earlier than now. */
const cutTheEnd = (now: () => readonly [Plan, Failure], attempt: Attempt): void => {
  const until = (ms: number) => {
    const [plan, { callMs }] = now()
    const patience = Math.ceil(ms)
    if (patience + leastCutMs > callMs || patience >= (plan.carrier.patience ?? Number.POSITIVE_INFINITY)) return false
    return attempt({ ...plan, caller: begunBy(plan, patience), carrier: { ...plan.carrier, patience } }, true)
  }
  const { at, callMs } = now()[1]
  if (until(at + 100) || until(at + 1_000) || until(at + 5_000)) return
  if (callMs > longMs) for (const share of [1 / 32, 1 / 8, 1 / 2]) if (until(callMs * share)) return
}

/** The steps that may have begun by then: one takes as long as what is said in it. */
const begunBy = (plan: Plan, ms: number): Plan["caller"] => {
  let at = 0
  const end = plan.caller.findIndex(({ act }) => {
    if (at > ms) return true
    if (act._tag === "Say") at += act.sound.ms
    return false
  })
  return end < 0 ? plan.caller : plan.caller.slice(0, end)
}

const leastCutMs = 500
const longMs = 60_000

/** Halves, quarters and so on of every list of the plan, the last ones first. */
const lists: Pass = (plan, attempt) => {
  for (const path of paths(plan(), isList)) {
    for (let many = lengthAt(plan(), path); many >= 1; many = many > 1 ? Math.ceil(many / 2) : 0) {
      for (let end = lengthAt(plan(), path); end > 0; end -= many) {
        const list = at(plan(), path)
        if (!Array.isArray(list)) break
        attempt(changed(plan(), path, [...list.slice(0, Math.max(0, end - many)), ...list.slice(end)]))
      }
    }
  }
}

/** What may be left out: impairments, choices, paces, limits, stalls, and all that is odd about the host. */
const fields: Pass = (plan, attempt) => {
  for (const path of paths(plan(), isSpare)) attempt(changed(plan(), path, undefined))
}

const agent: Pass = (plan, attempt) => {
  for (const key of Object.keys(plan().agent)) {
    const value = Agent.defaults[key as keyof Agent.Agent]
    attempt(changed(plan(), ["agent", key], value))
  }
  for (let index = plan().agent.tools.length - 1; index >= 0; index--) {
    const tools = plan().agent.tools.filter((_, other) => other !== index)
    attempt({ ...plan(), agent: { ...plan().agent, tools } })
  }
}

/** Every number, to the least it may be, or half, or at least a round one. */
const numbers: Pass = (plan, attempt) => {
  for (const path of paths(plan(), isNumber)) {
    const least = leastOf(path)
    const lower = (to: (value: number) => number) => {
      const value = at(plan(), path)
      if (typeof value !== "number" || value <= least) return false
      return attempt(changed(plan(), path, Math.max(least, to(value))))
    }
    if (lower(() => least)) continue
    while (lower((value) => rounded(value / 2)));
    lower(rounded)
  }
}

/** With less, time would stand still. */
const leastOf = (path: Path): number => {
  const name = String(path.at(-1))
  return path[1] === "pace" ? 1 : Object.hasOwn(leasts, name) ? (leasts[name] ?? 0) : 0
}

const leasts: Readonly<Record<string, number>> = {
  clockMs: 1,
  delayMs: 20,
  everyMs: 1_000,
  frameBytes: 160,
  nth: 1,
  speed: 0.1
}

/** One digit, then zeros; below 1 only two digits after the point. */
const rounded = (value: number): number => {
  if (Math.abs(value) < 1) return Math.round(value * 100) / 100
  const unit = 10 ** Math.floor(Math.log10(Math.abs(value)))
  return Math.round(value / unit) * unit
}

type Kind = (path: Path, value: unknown) => boolean

/** Not the lists of the agent, which is no plan but a program; not pairs of numbers. */
const isList: Kind = (path, value) =>
  Array.isArray(value) && path[0] !== "agent" && !value.some((one) => typeof one === "number")

/** Fields that are optional. */
const isSpare: Kind = (path) =>
  path[0] !== "agent" &&
  ((path.length === 2 && groups.includes(String(path[0]))) ||
    (path.length === 3 && subgroups.includes(String(path[1]))) ||
    spare.includes(String(path.at(-1))))

/** Of these every field is. */
const groups = ["carrier", "host", "model"]
const subgroups = ["choices", "impairments", "pace"]
const spare = ["againMs", "fainter", "keys", "nth", "stalls"]

const isNumber: Kind = (path, value) => typeof value === "number" && path[0] !== "agent"

/** Of what is of that kind, the outer before the inner. */
const paths = (value: unknown, kind: Kind, path: Path = []): ReadonlyArray<Path> => {
  const here = kind(path, value) ? [path] : []
  if (!isObject(value)) return here
  const inside = Array.isArray(value)
    ? value.map((one, index) => paths(one, kind, [...path, index]))
    : Object.entries(value).map(([key, one]) => paths(one, kind, [...path, key]))
  return here.concat(...inside)
}

const at = (value: unknown, [key, ...rest]: Path): unknown =>
  key === undefined ? value : isObject(value) ? at(value[key as keyof typeof value], rest) : undefined

const lengthAt = (plan: Plan, path: Path): number => {
  const list = at(plan, path)
  return Array.isArray(list) ? list.length : 0
}

/** With another value at `path`; undefined: with none. What is not there stays away. */
const changed = (plan: Plan, path: Path, value: unknown): Plan => replaced(plan, path, value) as Plan

const replaced = (whole: unknown, [key, ...rest]: Path, value: unknown): unknown => {
  if (key === undefined) return value
  if (!isObject(whole) || !Object.hasOwn(whole, key)) return whole
  if (Array.isArray(whole)) return whole.map((one, index) => (index === key ? replaced(one, rest, value) : one))
  const { [key as keyof typeof whole]: inside, ...others } = whole
  const other = replaced(inside, rest, value)
  return other === undefined ? others : { ...whole, [key]: other }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null
