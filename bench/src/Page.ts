/** docs/PERFORMANCE.md: bench/PERFORMANCE.md with the tables of bench/results.json in it. */

import { BOUND, type Most, type Pair, type Row } from "./Contest.ts"
import type { Profile } from "./Profile.ts"
import { type Name, servers } from "./Servers.ts"
import type * as Statistics from "./Statistics.ts"

/** What was measured last, mode by mode; each names its machine and day. */
export interface Results {
  readonly compare?: Taken<{ readonly rounds: number; readonly seconds: number; readonly rows: ReadonlyArray<Row> }>
  readonly most?: Taken<{ readonly seconds: number; readonly rows: ReadonlyArray<Most> }>
  readonly profile?: Taken<Profile>
  readonly soak?: Taken<{ readonly seconds: number; readonly row: Row }>
}

export type Taken<A> = A & { readonly machine: string; readonly on: string }

const BLOCK = /(<!-- bench: (\w+) -->\n)[\s\S]*?(<!-- \/bench -->)/g

/** The page; a table that was never measured says so. */
export const made = (template: string, results: Results): string =>
  template.replace(BLOCK, (_, begin, name, end) => `${begin}${section(name, results)}\n${end}`)

const section = (name: string, results: Results): string => {
  switch (name) {
    case "compare":
      return results.compare === undefined ? NOT_YET : comparison(results.compare.rows) + source(results.compare)
    case "most":
      return results.most === undefined ? NOT_YET : mostTable(results.most.rows) + source(results.most)
    case "profile":
      return results.profile === undefined ? NOT_YET : profileTables(results.profile) + source(results.profile)
    case "soak":
      return results.soak === undefined ? NOT_YET : soakTable(results.soak) + source(results.soak)
    default:
      throw new Error(`no section is named "${name}"`)
  }
}

const NOT_YET = "Not measured yet."

const source = ({ machine, on, ...taken }: Taken<object>): string => {
  const rounds = "rounds" in taken ? `, ${taken.rounds} rounds` : ""
  const seconds = "seconds" in taken ? `, ${taken.seconds} s each` : ""
  return `\n\n${on}, ${machine}${rounds}${seconds}.`
}

/** Also what the terminal shows. */
export const comparison = (rows: ReadonlyArray<Row>): string => {
  const references = [...new Set(rows.flatMap(({ ratios }) => Object.keys(ratios) as Array<Name>))]
  const notes = rows.flatMap(({ calls, faults, isDisturbed, server }) => [
    ...faults.map((fault) => `\n- **${servers[server].title}, ${calls} calls**: ${fault}`),
    ...(isDisturbed ? [`\n- **${servers[server].title}, ${calls} calls**: disturbed, no result`] : [])
  ])
  const head = [
    "server",
    "calls",
    "CPU ms per call-second",
    ...references.map((reference) => `× \`${reference}\``),
    "caller → model ms, p50 / p99",
    "model → caller ms",
    "barge-in → clear ms",
    "loop p99 ms",
    "heap kB a call",
    "RSS kB a call"
  ]
  const body = rows.map((row) => [
    servers[row.server].title,
    String(row.calls),
    `${row.cpu.median.toFixed(2)} (${row.system.toFixed(2)} kernel)`,
    ...references.map((reference) => {
      const ratio = row.ratios[reference]
      return ratio === undefined ? "" : ranged(ratio)
    }),
    pair(row.up),
    pair(row.down),
    pair(row.bargeIn),
    row.loopDelay.toFixed(1),
    kilobytes(row.heapPerCall),
    kilobytes(row.rssPerCall)
  ])
  return table(head, body) + (notes.length > 0 ? `\n${notes.join("")}` : "")
}

export const mostTable = (rows: ReadonlyArray<Most>): string =>
  table(
    ["server", `most calls on one core, p99 caller → model within ${BOUND} ms`],
    rows.map(({ calls, isAtLeast, server }) => [servers[server].title, isAtLeast ? `at least ${calls}` : String(calls)])
  )

export const profileTables = ({ calls, functions, parts, server }: Profile): string =>
  [
    `${servers[server].title}, ${calls} calls.`,
    table(
      ["part", "of the time"],
      parts.map(({ name, share }) => [name, percent(share)])
    ),
    table(
      ["function", "of the time, itself"],
      functions.map(({ name, share }) => [`\`${name}\``, percent(share)])
    )
  ].join("\n\n")

export const soakTable = ({ row }: { readonly row: Row }): string =>
  table(
    ["server", "calls, as many at once", "heap grew by", "files and sockets left open", "wrong"],
    [
      [
        servers[row.server].title,
        `${row.placed}, ${row.calls}`,
        `${kilobytes(row.heapGrowth)} kB`,
        String(row.leftOpen),
        row.faults.join("; ") || "nothing"
      ]
    ]
  )

const ranged = ({ max, median, min }: Statistics.Spread): string =>
  min === max ? median.toFixed(2) : `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`

const pair = ({ p50, p99 }: Pair): string => `${p50.toFixed(1)} / ${p99.toFixed(1)}`

const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(0)

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

const table = (head: ReadonlyArray<string>, body: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
