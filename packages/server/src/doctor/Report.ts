/** Findings as lines for a person. */

import type { Found } from "./Doctor.ts"

/** One line, and below it what to do. */
export const lines = ({ check, finding }: Found): ReadonlyArray<string> => [
  `${MARKS[finding._tag].padEnd(7)} ${check.padEnd(14)} ${finding.text}`,
  ...(finding._tag === "ToDo" ? [`${" ".repeat(22)} → ${finding.fix}`] : [])
]

export const sum = (found: ReadonlyArray<Found>): string => {
  const open = toDos(found)
  if (open > 0) return `${open} ${open === 1 ? "thing" : "things"} to do.`
  return "Everything that was looked at is well."
}

export const toDos = (found: ReadonlyArray<Found>): number =>
  found.filter(({ finding }) => finding._tag === "ToDo").length

/** The same for a program. */
export const json = (found: ReadonlyArray<Found>): string =>
  JSON.stringify(
    found.map(({ check, finding: { _tag, ...finding } }) => ({ check, result: MARKS[_tag], ...finding })),
    null,
    2
  )

const MARKS = { Ok: "ok", ToDo: "to do", Skipped: "skipped" } as const
