/** Paints the story for a terminal: columns, wrapped words, colours only where a terminal is and NO_COLOR is not set. */

import type { Line, Speaker } from "./Story.ts"

export interface Screen {
  readonly line: (line: Line) => void
  /** A paragraph, wrapped, with an indent for every line of it. */
  readonly text: (text: string, indent?: number) => void
  readonly heading: (text: string) => void
  readonly row: (label: string, text: string) => void
}

export interface Output {
  readonly write: (text: string) => unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** https://no-color.org: set and not empty means no colour. */
export const isColourful = ({ isTTY }: Output, noColor: string | undefined): boolean =>
  isTTY === true && (noColor === undefined || noColor === "")

export const make = (output: Output, noColor: string | undefined): Screen => {
  const colour = isColourful(output, noColor)
  const paint = (code: string, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const width = Math.max(40, Math.min(output.columns || 120, 120))
  const write = (text: string) => output.write(`${text}\n`)

  const columns = (head: string, indent: number, text: string, tail: string | null): void => {
    const rows = wrap(tail === null ? text : `${text}  [${tail}]`, width - indent)
    const mark = tail === null ? "" : `[${tail}]`
    rows.forEach((row, index) => {
      const shown = mark !== "" && row.endsWith(mark) ? row.slice(0, -mark.length) + paint("2", mark) : row
      write(index === 0 ? head + shown : " ".repeat(indent) + shown)
    })
  }

  return {
    line: ({ at, remark, text, who }) => {
      const time = `${(at / 1000).toFixed(1)} s`.padStart(8)
      const speaker = who.padEnd(7)
      columns(`${paint("2", time)}  ${paint(COLOURS[who], speaker)} `, time.length + speaker.length + 3, text, remark)
    },
    text: (text, indent = 0) => columns(" ".repeat(indent), indent, text, null),
    heading: (text) => write(`\n${paint("1", text)}`),
    row: (label, text) => columns(`  ${paint("2", label.padEnd(10))} `, 13, text, null)
  }
}

const COLOURS: Readonly<Record<Speaker, string>> = {
  agent: "36",
  call: "2",
  caller: "33",
  cut: "1;31",
  model: "2",
  phone: "2",
  tool: "35"
}

/** Words that stand together (a path, a bracket without spaces) are never broken. */
const wrap = (text: string, width: number): ReadonlyArray<string> => {
  const rows: Array<string> = []
  let row = ""
  for (const word of text.split(/ (?=\S)/)) {
    if (row !== "" && row.length + 1 + word.length > width) {
      rows.push(row.trimEnd())
      row = word.trimStart()
    } else row = row === "" ? word : `${row} ${word}`
  }
  rows.push(row)
  return rows
}
