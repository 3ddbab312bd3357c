/**
 * `simulate`: many calls of a seed in virtual time, each held against every sentence of the judge; progress while they
 * are played, and at the end what callers experienced, what broke, and how to see it again.
 *
 * Invariants
 * 1. The seed is told before the first call and after the last.
 * 2. However the run ends, what is known so far is told, once.
 */

import { availableParallelism } from "node:os"
import * as FileSystem from "@effect/platform/FileSystem"
import type { Agent } from "@offhook/core"
import {
  Campaign,
  Finding,
  type Invariants,
  type Plan,
  Population,
  Random,
  SpeechFiles,
  Threads
} from "@offhook/simulator"
import * as Effect from "effect/Effect"
import * as ReplayFiles from "./ReplayFiles.ts"
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
  /** Where calls that broke something are kept, made small. */
  readonly keep: string
}

/** Whether all held. To be run uninterruptibly: it stops the calls itself, and then tells. */
export const run = (options: Options): Effect.Effect<boolean, ReplayFiles.FileUnusable, FileSystem.FileSystem> =>
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
    const spent = clock()
    progress.over()
    const isWhole = tally.calls === options.calls || tally.failed >= options.failures
    const kept = isWhole ? yield* shrunk(tally, { seed, population, directory: options.keep, threads }) : new Map()
    SimulationReport.show(screen, tally, kept, {
      seed,
      wanted: options.calls,
      threads,
      ...spent,
      flags: [
        ...(options.agent === null ? [] : ["--agent", options.agent.file]),
        ...(options.network === null ? [] : ["--network", options.network]),
        ...(options.faults === null ? [] : ["--faults", options.faults])
      ]
    })
    return tally.failed === 0
  })

/** The first call that broke each invariant, made small and written down. */
const shrunk = (
  tally: Campaign.Tally,
  { threads, ...where }: Pick<Threads.ToShrink, "directory" | "population" | "seed"> & { readonly threads: number }
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const kept = new Map<Invariants.Invariant, Threads.Small>()
    if (tally.broken.size === 0) return kept
    const screen = Screen.make(process.stderr, process.env["NO_COLOR"])
    if (process.stdout.isTTY) screen.text("Making what broke small …")
    const found = yield* untilInterrupted((signal) => {
      const left = [...tally.broken]
      const next = async (): Promise<ReadonlyArray<readonly [Invariants.Invariant, Threads.Small]>> => {
        const one = left.shift()
        if (one === undefined || signal.aborted) return []
        const [invariant, { first }] = one
        const small = await Threads.shrink({ ...where, invariant, index: first.index }, signal)
        const others = await next()
        return small === null ? others : [[invariant, small], ...others]
      }
      return Promise.all(Array.from({ length: threads }, next))
    })
    for (const [invariant, small] of found.flat()) {
      yield* fs.makeDirectory(where.directory, { recursive: true }).pipe(
        Effect.andThen(fs.writeFileString(small.file, small.text)),
        Effect.mapError((error) => ReplayFiles.unusable(small.file, error))
      )
      kept.set(invariant, small)
    }
    return kept
  })

/** Findings that were kept: each plan is played again and judged. Whether all held. */
export const again = (files: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    let held = true
    for (const file of files) {
      const finding = Finding.read(yield* ReplayFiles.read(file))
      if (finding === null) {
        return yield* new ReplayFiles.FileUnusable({
          file,
          reason: "it is no recording of a call that a simulation found"
        })
      }
      held = one(file, finding.plan) && held
    }
    return held
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
      output.write(terminal ? `\r\u001b[2K${line.slice(0, (output.columns || 80) - 1)}` : `${line}\n`)
    },
    over: () => {
      if (terminal && shown) output.write("\r\u001b[2K")
    }
  }
}
