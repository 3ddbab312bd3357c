/**
 * What another agent would have done in many recorded calls: a line for each, then sums. Pure: reports go in, lines come
 * out.
 *
 * Words: *certain* is what lies before the first event after which the model would have been told something else; from
 * there on the recording no longer tells what the model would have done, and its events are only *played on*.
 */

import type { WhatIf } from "@offhook/core"

export interface Row {
  readonly name: string
  readonly report: WhatIf.Report
}

export const lines = (agent: string, rows: ReadonlyArray<Row>): ReadonlyArray<string> => [
  `What if ${agent} had answered?`,
  "",
  ...aligned([
    ["recording", "length", ...columns.map(([, title]) => title), "certain up to"],
    ...rows.map(ofCall(folder(rows)))
  ]),
  "",
  "1→2: two where one is recorded, for certain. (1→2): only if the model had done the same after all. A call is certain up to",
  "the event after which the model would have been told something else; the rest of its recording is no evidence.",
  "",
  ...sums(rows)
]

type Key = keyof WhatIf.Counts

const columns: ReadonlyArray<readonly [Key, title: string]> = [
  ["interruptions", "interruptions"],
  ["responses", "responses"],
  ["truncations", "truncations"],
  ["hangUps", "hang-ups"]
]

const titles: Readonly<Record<Key, string>> = {
  interruptions: "interruptions",
  pauses: "pauses",
  ignored: "ignored sounds",
  responses: "requested responses",
  cancellations: "cancelled responses",
  truncations: "truncations",
  deletions: "deleted items",
  toolRuns: "tool runs",
  hangUps: "hang-ups"
}

/** What all names begin with, up to a slash. */
const folder = ([first, ...others]: ReadonlyArray<Row>): number => {
  const name = first?.name ?? ""
  let end = name.length
  for (const other of others) while (!other.name.startsWith(name.slice(0, end))) end--
  return name.slice(0, end).search(/[^/\\]*$/)
}

const ofCall =
  (folder: number) =>
  ({ name, report }: Row): ReadonlyArray<string> => [
    shortened(name.slice(folder)),
    seconds(report.durationMs),
    ...columns.map(([key]) => cell(report, key)),
    report.divergence === null
      ? "its end"
      : `${seconds(report.divergence.at)} (line ${report.divergence.line}, ${report.divergence.event ?? "the beginning"})`
  ]

const longestName = 48

const shortened = (name: string): string => (name.length > longestName ? `…${name.slice(1 - longestName)}` : name)

const cell = ({ certain, recorded, whatIf }: WhatIf.Report, key: Key): string => {
  const isCertain = certain.recorded[key] !== certain.whatIf[key]
  const surely = `${certain.recorded[key]}→${certain.whatIf[key]}`
  const playedOn = `${recorded[key]}→${whatIf[key]}`
  if (recorded[key] - whatIf[key] === certain.recorded[key] - certain.whatIf[key]) {
    return isCertain ? playedOn : `${recorded[key]}`
  }
  return isCertain ? `${surely} (${playedOn})` : `(${playedOn})`
}

const sums = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const reports = rows.map(({ report }) => report)
  const sum = (of: (report: WhatIf.Report) => number) => reports.reduce((total, report) => total + of(report), 0)
  const length = sum(({ durationMs }) => durationMs)
  const certain = sum(({ divergence, durationMs }) => divergence?.at ?? durationMs)
  const isCertain = ({ certain: { recorded, whatIf } }: WhatIf.Report) =>
    (Object.keys(titles) as ReadonlyArray<Key>).some((key) => recorded[key] !== whatIf[key])
  const settings = new Set(reports.flatMap((report) => report.settings))
  return [
    `${plural(rows.length, "call")}, ${minutes(length)}: ${plural(
      sum((report) => Number(isCertain(report))),
      "call"
    )} ` +
      `surely different; ${sum(({ divergence }) => Number(divergence !== null))} where the evidence ends before the call.`,
    `${length === 0 ? 100 : Math.floor((100 * certain) / length)} % of the time is evidence (${minutes(certain)}).`,
    ...(settings.size === 0
      ? []
      : [
          `The model would also have been configured differently (${[...settings].sort().join(", ")}), in ` +
            `${plural(
              sum((report) => Number(report.settings.length > 0)),
              "call"
            )}: what it would have done then, no recording tells.`
        ]),
    "",
    ...aligned([
      ["", "for certain", "played on to the end", ""],
      ...(Object.keys(titles) as ReadonlyArray<Key>)
        .filter((key) => sum(({ recorded, whatIf }) => recorded[key] + whatIf[key]) > 0)
        .map((key) => [
          titles[key],
          `${sum(({ certain }) => certain.recorded[key])}→${sum(({ certain }) => certain.whatIf[key])}`,
          `${sum(({ recorded }) => recorded[key])}→${sum(({ whatIf }) => whatIf[key])}`,
          ""
        ])
    ])
  ]
}

/** The first column to the left, numbers to the right, words to the left. */
const aligned = (table: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const last = widths.length - 1
  return table.map((row) =>
    row
      .map((text, column) =>
        column === 0 || column === last ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)
      )
      .join("  ")
      .trimEnd()
  )
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

const minutes = (ms: number): string => (ms < 60_000 ? seconds(ms) : `${(ms / 60_000).toFixed(1)} minutes`)

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`
