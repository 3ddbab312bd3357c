/**
 * One run: a fresh server, a fresh driver, N calls for so many seconds. It runs in a process of its own (main.ts forks
 * it), pinned to the other core, so that no run inherits what another one compiled or collected.
 */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import * as Machine from "./Machine.ts"
import * as Process from "./Process.ts"
import * as Driver from "./peers/Driver.ts"
import { accountSid, authToken, type Name, servers } from "./Servers.ts"

export interface Plan {
  readonly server: Name
  readonly calls: number
  /** Measured, after those of the warm-up. */
  readonly seconds: number
  readonly warmUp: number
  /** ms that the model takes to open a session. */
  readonly setUp: number
  /** ms that a call lasts before the next one takes its place; null: as long as the run. */
  readonly callMs: number | null
  readonly cores: { readonly server: number; readonly driver: number } | null
  /** Directory for a profile of the server's processor time. */
  readonly profile: string | null
}

export interface Result extends Driver.Measured {
  readonly plan: Plan
  /** Processor time of the server, ms a second of one call. */
  readonly cpu: number
  /** Of it in the kernel. */
  readonly system: number
  /** Part of the server's core that was busy with anything, and with the server. */
  readonly core: { readonly busy: number; readonly server: number } | null
  /** ms that a timer of the server was late, p99. */
  readonly loopDelay: number
  /** Bytes a call more than before the first one, of collected memory and of the process: the code that calls load included. */
  readonly heapPerCall: number
  readonly rssPerCall: number
  /** Bytes of collected memory at the end of what was measured more than at its beginning, with as many calls live. */
  readonly heapGrowth: number
  /** Files and sockets more, after the last call, than before the first one. */
  readonly leftOpen: number
  /** Of the clock that never goes back, us: when what is measured began and ended. */
  readonly window: { readonly from: number; readonly to: number }
}

/** Part of the server's core that others may use. */
const MAX_FOREIGN = 0.1

const run = async (plan: Plan): Promise<Result> => {
  const directory = mkdtempSync(join(tmpdir(), "offhook-bench-"))
  const abandon = (): void => {
    rmSync(directory, { recursive: true, force: true })
    process.exit(1)
  }
  // The server ends with this process (Probe).
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, abandon)
  const { callMs, calls, setUp } = plan
  const driver = await Driver.make({ calls, setUp, callMs, rate: RATE, turns: Driver.turns })
  let server: Process.Server | undefined
  try {
    const port = await Process.freePort()
    const core = plan.cores?.server ?? null
    const peers = { port, modelPort: driver.modelPort, directory }
    const started = await Process.start(servers[plan.server], peers, { core, profile: plan.profile })
    server = started
    const idle = await started.probe()
    const openBefore = Machine.openOf(started.pid)
    await driver.ramp({ port, accountSid, authToken })
    await setTimeout(plan.warmUp * 1000)

    const look = () => ({
      at: performance.now(),
      clock: Number(process.hrtime.bigint() / 1000n),
      cpu: Machine.cpuOf(started.pid),
      core: core === null ? 0 : Machine.busyOf(core)
    })
    const begun = await started.probe()
    started.reset()
    driver.begin()
    const from = look()
    await setTimeout(plan.seconds * 1000)
    const to = look()
    driver.end()
    const live = await started.probe()
    const measured = await driver.finish()
    const leftOpen = await leftOpenBy(started.pid, openBefore)

    const wall = to.at - from.at
    const system = to.cpu.system - from.cpu.system
    const cpu = to.cpu.user - from.cpu.user + system
    const busy = { busy: (to.core - from.core) / wall, server: cpu / wall }
    const disturbances = [...measured.disturbances]
    if (core !== null && busy.busy - busy.server > MAX_FOREIGN) {
      disturbances.push(`others used the server's core ${Math.round((busy.busy - busy.server) * 100)} % of the time`)
    }
    return {
      ...measured,
      plan,
      cpu: cpu / measured.callSeconds,
      system: system / measured.callSeconds,
      core: core === null ? null : busy,
      loopDelay: live.loopDelay,
      heapPerCall: (live.heap - idle.heap) / calls,
      rssPerCall: (live.rss - idle.rss) / calls,
      heapGrowth: live.heap - begun.heap,
      leftOpen,
      window: { from: from.clock, to: to.clock },
      faults: [...measured.faults, ...lossesOf(measured)],
      disturbances
    }
  } finally {
    await server?.stop()
    await driver.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What is open more than before, once a server has had time to end what its calls leave behind. */
const leftOpenBy = async (pid: number, before: number): Promise<number> => {
  const deadline = performance.now() + LINGERING
  for (;;) {
    const left = Machine.openOf(pid) - before
    if (left <= 0 || performance.now() > deadline) return left
    await setTimeout(100)
  }
}

/** ms: a recording is finished behind the call. */
const LINGERING = 10_000

/** Calls a second that begin: as fast as a server of one core can be asked to take them beside those that are live. */
const RATE = 50

const lossesOf = (measured: Driver.Measured): ReadonlyArray<string> => {
  const ways = [
    { name: "caller to model", sums: measured.up },
    { name: "model to caller", sums: measured.down }
  ]
  const found = ways.flatMap(({ name, sums }) =>
    (["lost", "duplicated", "disordered", "foreign"] as const)
      .filter((what) => sums[what] > 0)
      .map((what) => `${sums[what]} of ${sums.sent} pieces ${what}, ${name}`)
  )
  if (measured.up.received === 0) found.push("nothing came from callers to the model")
  if (measured.bargeInsMissed > 0) found.push(`${measured.bargeInsMissed} interruptions without a clear`)
  return found
}

/** What the process that runs a plan answers. */
export type Reply = { readonly result: Result } | { readonly error: string }

const reply = (reply: Reply): void => {
  process.send?.(reply, undefined, {}, () => process.exit())
}

if (process.argv[2] === "run") {
  process.once("message", (plan) => {
    run(plan as Plan).then(
      (result) => reply({ result }),
      (error) => reply({ error: error instanceof Error ? error.message : String(error) })
    )
  })
}
