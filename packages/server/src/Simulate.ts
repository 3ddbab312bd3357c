/**
 * `simulate`: many calls of a seed in virtual time, each held against every sentence of the judge; progress while they
 * are played, and at the end what callers experienced, what broke, and how to see it again.
 *
 * Invariants
 * 1. The seed is told before the first call and after the last.
 * 2. However the run ends, what is known so far is told, once.
 */

import { availableParallelism } from "node:os"
import type { Agent } from "@offhook/core"
import { Campaign, type Plan, Population, Random, SpeechFiles, Threads } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import * as Screen from "./Screen.ts"
import * as SimulationReport from "./SimulationReport.ts"

/** Which calls a seed stands for. */
export interface Calls {
  /** Null: the seed chooses, call by call. */
  readonly agent: { readonly file: string; readonly agent: Agent.Agent } | null
  readonly network: Population.Network | null
  readonly faults: Population.Faults | null
}

export interface Options extends Calls {
  readonly calls: number
  readonly seed: string
  /** Threads; null: one a core. */
  readonly jobs: number | null
  /** No more calls are begun when so many have failed. */
  readonly failures: number
}

/** Whether all held. To be run uninterruptibly: it stops the calls itself, and then tells. */
export const run = (options: Options): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const screen = Screen.make(process.stdout, process.env["NO_COLOR"])
    const { seed } = options
    const threads = options.jobs ?? availableParallelism()
    const population = populationOf(options)
    const clock = stopwatch()
    const progress = makeProgress(process.stdout, options.calls, clock)
    screen.text(`Simulating ${SimulationReport.plural(options.calls, "call")} with seed ${seed}.`)
    const tally = yield* untilInterrupted((signal) =>
      Threads.run({
        seed,
        calls: options.calls,
        population,
        threads,
        failures: options.failures,
        onProgress: progress.known,
        signal
      })
    )
    progress.over()
    SimulationReport.show(screen, tally, {
      seed,
      wanted: options.calls,
      threads,
      ...clock(),
      flags: [
        ...(options.agent === null ? [] : ["--agent", options.agent.file]),
        ...(options.network === null ? [] : ["--network", options.network]),
        ...(options.faults === null ? [] : ["--faults", options.faults])
      ]
    })
    return tally.failed === 0
  })

/** One call of a seed, alone. */
export const call = (seed: string, index: number, options: Calls): Effect.Effect<boolean> =>
  Effect.sync(() => one(`Call ${index} of seed ${seed}`, Population.plan(seed, index, populationOf(options))))

/** Whether all held in one call. */
const one = (title: string, plan: Plan.Plan): boolean => {
  const tally = Campaign.none()
  const broken = Campaign.playPlan(tally, 0, plan, { audio: SpeechFiles.load() })
  SimulationReport.showOne(Screen.make(process.stdout, process.env["NO_COLOR"]), title, tally, broken)
  return broken.length === 0
}

const populationOf = ({ agent, faults, network }: Calls): Population.Options => ({
  ...(agent === null ? {} : { agent: agent.agent }),
  ...(network === null ? {} : { network }),
  ...(faults === null ? {} : { faults })
})

/** Eight letters and digits: short enough to say, and no two runs share one. */
export const newSeed = (): string => Random.make(`${process.pid}/${performance.timeOrigin}/${performance.now()}`).hex(8)

/** Who interrupts gets what is there so far. */
const untilInterrupted = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A> =>
  Effect.suspend(() => {
    const abort = new AbortController()
    const result = run(abort.signal)
    const waited = Effect.promise(() => result)
    return Effect.catchAllCause(Effect.interruptible(waited), () => {
      abort.abort()
      return waited
    })
  })

/** Seconds of real time and of processor time, of all threads. */
const stopwatch = () => {
  const began = performance.now()
  const { system, user } = process.cpuUsage()
  return () => {
    const now = process.cpuUsage({ system, user })
    return { seconds: (performance.now() - began) / 1000, cpuSeconds: (now.system + now.user) / 1_000_000 }
  }
}

type Clock = ReturnType<typeof stopwatch>

/** ms between two lines of progress, where lines cannot be rewritten. */
const LINE_EVERY = 10_000
const REWRITE_EVERY = 100

/** One line, rewritten, on a terminal; elsewhere a line now and then. */
const makeProgress = (output: NodeJS.WriteStream, calls: number, clock: Clock) => {
  const terminal = output.isTTY === true
  let told = performance.now()
  let shown = false
  return {
    known: (tally: Campaign.Tally) => {
      const now = performance.now()
      if (now - told < (terminal ? REWRITE_EVERY : LINE_EVERY)) return
      told = now
      shown = true
      const line = SimulationReport.progress(tally, calls, clock().seconds)
      output.write(terminal ? `\r\u001b[2K${line.slice(0, Math.max(20, output.columns - 1))}` : `${line}\n`)
    },
    over: () => {
      if (terminal && shown) output.write("\r\u001b[2K")
    }
  }
}
