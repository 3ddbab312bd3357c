/**
 * `npm run bench [-- MODE] [options]`: what a call costs (docs/PERFORMANCE.md). Exit statuses: 0 done; 1 something was
 * lost, or a ratio is worse than the baseline; 64 wrong arguments; 69 not this system; 75 the machine was never quiet.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Baseline from "./Baseline.ts"
import * as Contest from "./Contest.ts"
import * as Machine from "./Machine.ts"
import * as Page from "./Page.ts"
import * as Profile from "./Profile.ts"
import { isName, type Name, names } from "./Servers.ts"

const USAGE = `npm run bench                       Offhook and three bare relays, in about two minutes
npm run bench -- compare            the same at length: --calls 50,200,500 --rounds 5 --seconds 20
npm run bench -- most               how many calls each carries on one core
npm run bench -- profile            where Offhook's processor time goes
npm run bench -- soak               calls that come and go for ten minutes, and what is left of them
npm run bench -- check              fails where a ratio is worse than bench/baseline.json (also: --check)
npm run bench -- page               docs/PERFORMANCE.md from what was measured last
npm run bench -- micro | NAME …     the micro-benchmarks of the packages

  --servers ${names.join(",")}
  --calls N[,N…]  --rounds N  --seconds N  --warm-up N  --set-up MS
  --write         keeps what was measured (bench/results.json, docs/PERFORMANCE.md; check: bench/baseline.json)
  --noisy         takes disturbed runs too: to try something out`

const STATUS = { failed: 1, usage: 64, unavailable: 69, disturbed: 75 }

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const TEMPLATE = file("bench/PERFORMANCE.md")
const RESULTS = file("bench/results.json")
const BASELINE = file("bench/baseline.json")
const PAGE = file("docs/PERFORMANCE.md")

class Usage extends Error {}

const arguments_ = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        servers: { type: "string" },
        calls: { type: "string" },
        rounds: { type: "string" },
        seconds: { type: "string" },
        "warm-up": { type: "string" },
        "set-up": { type: "string" },
        check: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        noisy: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    })
  } catch (error) {
    throw new Usage(error instanceof Error ? error.message : String(error))
  }
}

const whole = (name: string, text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Usage(`--${name} must be whole and 1 or more`)
  return value
}

/** What was asked for, where `defaults` say nothing else. */
const asked = (defaults: {
  readonly servers: ReadonlyArray<Name>
  readonly calls: string
  readonly rounds: number
  readonly seconds: number
  readonly warmUp: number
}) => {
  const { values } = arguments_()
  const number = (name: "rounds" | "seconds" | "set-up" | "warm-up", value: number): number =>
    values[name] === undefined ? value : whole(name, values[name])
  const servers = values.servers?.split(",") ?? defaults.servers
  const calls = (values.calls ?? defaults.calls).split(",").map((one) => whole("calls", one))
  const settings: Contest.Settings = {
    ...Contest.defaults,
    calls: calls[0] ?? 0,
    seconds: number("seconds", defaults.seconds),
    warmUp: number("warm-up", defaults.warmUp),
    setUp: number("set-up", Contest.defaults.setUp),
    isNoisy: values.noisy
  }
  return {
    calls,
    settings,
    rounds: number("rounds", defaults.rounds),
    servers: servers.map((name) => {
      if (!isName(name)) throw new Usage(`no server is named "${name}"`)
      return name
    })
  }
}

const read = <A>(path: string): A => JSON.parse(readFileSync(path, "utf8"))

const taken = <A extends object>(what: A): Page.Taken<A> => ({
  ...what,
  machine: Machine.described(),
  on: new Date().toISOString().slice(0, 10)
})

const keep = (results: Page.Results): void => {
  if (!arguments_().values.write) return
  write(RESULTS, { ...read<Page.Results>(RESULTS), ...results })
  page()
}

const write = (path: string, value: object): void => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)

const page = (): number => {
  writeFileSync(PAGE, Page.made(readFileSync(TEMPLATE, "utf8"), read(RESULTS)))
  return 0
}

const told = (text: string, rows: ReadonlyArray<Contest.Row>): number => {
  console.log(`\n${Machine.described()}\n\n${text}`)
  return rows.some(({ faults }) => faults.length > 0) ? STATUS.failed : 0
}

const REFERENCES: ReadonlyArray<Name> = ["parse", "bytes", "raw"]

const compare = async (defaults: Parameters<typeof asked>[0]): Promise<number> => {
  const { calls, rounds, servers, settings } = asked(defaults)
  const rows: Array<Contest.Row> = []
  for (const count of calls) {
    const results = await Contest.interleaved(servers, rounds, { ...settings, calls: count })
    rows.push(...Contest.rows(results, REFERENCES))
  }
  keep({ compare: taken({ rounds, seconds: settings.seconds, rows }) })
  return told(Page.comparison(rows), rows)
}

const most = async (): Promise<number> => {
  const { servers, settings } = asked({ ...SHORT, calls: "200" })
  const rows: Array<Contest.Most> = []
  for (const server of servers) rows.push(await Contest.most(server, settings))
  keep({ most: taken({ seconds: settings.seconds, rows }) })
  return told(Page.mostTable(rows), [])
}

const profile = async (): Promise<number> => {
  const { servers, settings } = asked({ ...SHORT, servers: ["offhook"], calls: "100", seconds: 20 })
  const directory = mkdtempSync(join(tmpdir(), "offhook-profile-"))
  try {
    const [server = "offhook"] = servers
    const profile = await Profile.take(server, settings, directory)
    keep({ profile: taken(profile) })
    return told(Page.profileTables(profile), [])
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** ms that a call of a soak lasts. */
const CALL_MS = 30_000

const soak = async (): Promise<number> => {
  const { servers, settings } = asked({ ...SHORT, servers: ["offhook"], calls: "100", seconds: 600, warmUp: 60 })
  const results = await Contest.interleaved(servers.slice(0, 1), 1, { ...settings, callMs: CALL_MS })
  const rows = Contest.rows(results, [])
  const [row] = rows
  if (row === undefined) return STATUS.usage
  keep({ soak: taken({ seconds: settings.seconds, row }) })
  return told(Page.soakTable({ row }), rows)
}

const check = async (): Promise<number> => {
  const isWritten = arguments_().values.write
  const baseline = isWritten ? undefined : read<Baseline.Baseline>(BASELINE)
  const defaults = { ...SHORT, servers: COMPARED, rounds: 3, calls: String(baseline?.calls ?? SHORT.calls) }
  const { rounds, servers, settings } = asked(defaults)
  if (baseline !== undefined && baseline.calls !== settings.calls) {
    throw new Usage(`the baseline is of ${baseline.calls} calls`)
  }
  for (let series = 1; ; series++) {
    const rows = Contest.rows(await Contest.interleaved(servers, rounds, settings), REFERENCES)
    const status = told(Page.comparison(rows), rows)
    const row = rows.find(({ server }) => server === "offhook")
    if (row === undefined) throw new Usage("check compares offhook")
    if (status !== 0) return status
    if (baseline === undefined) {
      write(BASELINE, Baseline.of(row))
      return 0
    }
    const worse = Baseline.worse(baseline, row)
    for (const one of worse) console.log(`\nWorse: ${one}`)
    if (worse.length === 0 || series === 2) return worse.length === 0 ? 0 : STATUS.failed
    console.log("Once more, to be sure.")
  }
}

const COMPARED = ["offhook", "parse", "bytes"] as const
const SHORT = { servers: ["offhook", ...REFERENCES], calls: "50", rounds: 2, seconds: 8, warmUp: 4 } as const
const LONG = { servers: names, calls: "50,200,500", rounds: 5, seconds: 20, warmUp: 8 } as const

const modes: Readonly<Record<string, () => number | Promise<number>>> = {
  short: () => compare(SHORT),
  compare: () => compare(LONG),
  most,
  profile,
  soak,
  check,
  page
}

const main = async (): Promise<number> => {
  const { positionals, values } = arguments_()
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const name = positionals[0] ?? (values.check ? "check" : "short")
  const mode = modes[name]
  if (mode === undefined || positionals.length > 1) throw new Usage(`no benchmark is named "${positionals.join(" ")}"`)
  if (values.noisy && values.write) throw new Usage("what --noisy gives is no result, and not kept")
  if (process.platform !== "linux") {
    console.error("Processor time is read as Linux accounts it: run this in a container.")
    return STATUS.unavailable
  }
  if (Machine.cores() === null) console.log("No two cores, or no taskset: server and driver share what there is.")
  return mode()
}

const statusOf = (error: unknown): number => {
  if (error instanceof Usage) {
    console.error(`${error.message}\n\n${USAGE}`)
    return STATUS.usage
  }
  if (error instanceof Contest.Disturbed) {
    console.error(`\nNo result: ${error.message}. Let nothing else run, or see what --noisy gives.`)
    return STATUS.disturbed
  }
  throw error
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

process.exitCode = await main().catch(statusOf)
