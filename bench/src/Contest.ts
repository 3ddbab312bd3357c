/**
 * Runs of several servers that are compared: interleaved (A B C, C B A, …), so that a machine that slows down slows all.
 *
 * A run that was disturbed is no result. It is repeated; a machine that is never quiet gives none (`Disturbed`).
 */

import { fork, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import * as Machine from "./Machine.ts"
import type { Plan, Reply, Result } from "./Run.ts"
import type { Name } from "./Servers.ts"
import * as Statistics from "./Statistics.ts"

export interface Settings {
  readonly calls: number
  readonly seconds: number
  readonly warmUp: number
  readonly setUp: number
  readonly callMs: number | null
  readonly profile: string | null
  /** Takes disturbed runs for what they are: to try something out on a machine that is busy. */
  readonly isNoisy: boolean
}

export const defaults: Settings = {
  calls: 50,
  seconds: 8,
  warmUp: 4,
  setUp: 300,
  callMs: null,
  profile: null,
  isNoisy: false
}

export class Disturbed extends Error {}

const ATTEMPTS = 3

/** One run in a process of its own. */
const attempt = async (plan: Plan): Promise<Result> => {
  const args = ["run"]
  const module = fileURLToPath(new URL("Run.js", import.meta.url))
  const child =
    plan.cores === null
      ? fork(module, args)
      : spawn("taskset", ["-c", String(plan.cores.driver), process.execPath, module, ...args], {
          stdio: ["ignore", "inherit", "inherit", "ipc"]
        })
  const stop = () => child.kill()
  process.once("exit", stop)
  child.send(plan)
  const ended = once(child, "exit").then(() => [{ error: "the driver ended without a result" }])
  const [reply] = (await Promise.race([once(child, "message"), ended])) as [Reply]
  process.off("exit", stop)
  await ended
  if ("error" in reply) throw new Error(reply.error)
  return reply.result
}

export const measure = async (server: Name, { isNoisy, ...settings }: Settings): Promise<Result> => {
  const plan: Plan = { ...settings, server, cores: Machine.cores() }
  let last: Result | undefined
  for (let count = 0; count < ATTEMPTS; count++) {
    last = await attempt(plan)
    const { disturbances, faults } = last
    const told = [...disturbances, ...faults].map((one) => `\n    ${one}`).join("")
    console.log(`  ${server}, ${plan.calls} calls: ${last.cpu.toFixed(2)} ms a call-second${told}`)
    if (isNoisy || disturbances.length === 0) return last
  }
  throw new Disturbed(`${ATTEMPTS} runs were disturbed: ${last?.disturbances.join("; ")}`)
}

/** The runs of each server; those with the same index stand beside each other in time. */
export type Rounds = ReadonlyMap<Name, ReadonlyArray<Result>>

export const interleaved = async (names: ReadonlyArray<Name>, rounds: number, settings: Settings): Promise<Rounds> => {
  const results = new Map<Name, Array<Result>>(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : names.toReversed()
    for (const name of order) results.get(name)?.push(await measure(name, settings))
  }
  return results
}

/** What is told of a server, medians of its runs; ms, bytes. */
export interface Row {
  readonly server: Name
  readonly calls: number
  readonly cpu: Statistics.Spread
  readonly system: number
  /** Of processor time, pair by pair. */
  readonly ratios: Readonly<Partial<Record<Name, Statistics.Spread>>>
  readonly up: Pair
  readonly down: Pair
  readonly bargeIn: Pair
  /** null: it does not greet. */
  readonly firstAudio: Pair | null
  readonly loopDelay: number
  readonly heapPerCall: number
  readonly rssPerCall: number
  readonly heapGrowth: number
  readonly leftOpen: number
  readonly placed: number
  readonly faults: ReadonlyArray<string>
  readonly isDisturbed: boolean
}

export interface Pair {
  readonly p50: number
  readonly p99: number
}

export const rows = (rounds: Rounds, references: ReadonlyArray<Name>): ReadonlyArray<Row> =>
  [...rounds].map(([server, results]) => {
    const of = (value: (result: Result) => number): number => Statistics.spread(results.map(value)).median
    const pair = (value: (result: Result) => Pair): Pair => ({
      p50: of((result) => value(result).p50),
      p99: of((result) => value(result).p99)
    })
    const cpus = (name: Name) => (rounds.get(name) ?? []).map(({ cpu }) => cpu)
    const compared = references.filter((reference) => reference !== server && rounds.has(reference))
    const [first] = results
    return {
      server,
      calls: first?.plan.calls ?? 0,
      cpu: Statistics.spread(cpus(server)),
      system: of(({ system }) => system),
      ratios: Object.fromEntries(compared.map((name) => [name, Statistics.ratio(cpus(server), cpus(name))])),
      up: pair(({ upDelay }) => upDelay),
      down: pair(({ downDelay }) => downDelay),
      bargeIn: pair(({ bargeIn }) => bargeIn),
      firstAudio: results.some(({ firstAudio }) => firstAudio.count > 0) ? pair(({ firstAudio }) => firstAudio) : null,
      loopDelay: of(({ loopDelay }) => loopDelay),
      heapPerCall: of(({ heapPerCall }) => heapPerCall),
      rssPerCall: of(({ rssPerCall }) => rssPerCall),
      heapGrowth: of(({ heapGrowth }) => heapGrowth),
      leftOpen: of(({ leftOpen }) => leftOpen),
      placed: of(({ placed }) => placed),
      faults: [...new Set(results.flatMap(({ faults }) => faults))],
      isDisturbed: results.some(({ disturbances }) => disturbances.length > 0)
    }
  })

/** p99 that a server may add on the way from the caller to the model, ms. */
export const BOUND = 20

export interface Most {
  readonly server: Name
  readonly calls: number
  /** The driver, not the server, ended the search. */
  readonly isAtLeast: boolean
}

/** How many calls a server carries on its core with nothing wrong, and p99 within `BOUND`: to a twentieth. */
export const most = async (server: Name, settings: Settings): Promise<Most> => {
  let held = 0
  let broke = Infinity
  let calls = settings.calls
  for (;;) {
    let isHeld: boolean
    try {
      const result = await measure(server, { ...settings, calls })
      isHeld = result.faults.length === 0 && result.upDelay.p99 <= BOUND
    } catch (error) {
      if (!(error instanceof Disturbed)) throw error
      return { server, calls: held, isAtLeast: true }
    }
    if (isHeld) held = calls
    else broke = calls
    if (broke - held <= Math.max(1, held / 20)) return { server, calls: held, isAtLeast: false }
    calls = broke === Infinity ? Math.round(held * 1.5) : Math.round((held + broke) / 2)
  }
}
