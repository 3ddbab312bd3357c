/** docs/KNOWN-BUGS.md: the bugs, and what finds them. */

import type { Found } from "./Hunt.ts"
import type { KnownBug } from "./KnownBug.ts"

export interface Row {
  readonly bug: KnownBug
  /** What found it, when the table was made. */
  readonly found: Pick<Found, "calls">
}

const heading = `# Known bugs

Mistakes that phone agents make, each put into the state machine as a small change of its sources, and what the
simulation says of it. Every one must be found within 2,000 calls, by a sentence that is about it
(\`packages/simulator/test/KnownBugs.test.ts\`); the machine without the change breaks nothing in the same calls.

*Calls* is how many of one seed it took when this table was last made (\`node scripts/known-bugs.mjs\`). The test looks at
the last of them first, and hunts from the beginning where the bug does not show there any more; it holds the rest of the
table to the bugs as they are.

`

export const page = (rows: ReadonlyArray<Row>): string =>
  `${heading}${[["Bug", "What happens", "Seen", "Found by", "Calls"], ["---", "---", "---", "---", "---:"], ...rows.map(cells)].map(line).join("\n")}\n`

/** After how many calls each bug was found, when the page was made. */
export const calls = (page: string): ReadonlyMap<string, number> =>
  new Map([...page.matchAll(/^\| `([^`]+)` .* (\d+) \|$/gm)].map(([, id, calls]) => [id ?? "", Number(calls)]))

/** The page without what changes from one making to the next. */
export const lasting = (page: string): string => page.replace(/ \| \d+ \|$/gm, " |")

const cells = ({ bug, found }: Row): ReadonlyArray<string> => [
  `\`${bug.id}\``,
  bug.sentence,
  bug.seen,
  bug.by.join(", or "),
  String(found.calls)
]

const line = (cells: ReadonlyArray<string>): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
