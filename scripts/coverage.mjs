/**
 * `npm run coverage [-- options of simulate]`: how much of the core's statements and branches the simulation alone
 * executes, and the places that no call came by. Exit status 1 below 95 % of either; what breaks is told, and fails
 * `npm run simulate`.
 *
 * V8 counts, in every thread of `simulate`; source maps and the sources' syntax make statements and branches of it. An
 * `if` without `else` has two branches.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CoverageReport } from "monocart-coverage-reports"
import { bin, build, install, node, root, sequence } from "./workspace.mjs"

const least = 95
const metrics = /** @type {const} */ (["statements", "branches"])

const counts = mkdtempSync(join(tmpdir(), "offhook-coverage-"))
const status = await sequence(install, build, () => {
  process.env["NODE_V8_COVERAGE"] = counts
  return node([bin.offhook, "simulate", ...process.argv.slice(2)])
})
process.on("exit", () => rmSync(counts, { recursive: true }))
if (status > 1) process.exit(status)

const report = new CoverageReport({
  outputDir: join(counts, "report"),
  baseDir: root,
  logging: "error",
  reports: [["none", {}]],
  entryFilter: { "**/packages/core/dist/**": true },
  sourceFilter: { "**/src/**": true }
})
await report.addFromDir(counts)
const results = await report.generate()

/** @param {number} share */
const percent = (share) => `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`

/**
 * Numbers in order, neighbours as ranges.
 *
 * @param {Iterable<number>} numbers
 */
const ranges = (numbers) => {
  /** @type {Array<[number, number]>} */
  const found = []
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = found.at(-1)
    if (last !== undefined && number === last[1] + 1) last[1] = number
    else found.push([number, number])
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(", ")
}

const total = { statements: { covered: 0, all: 0 }, branches: { covered: 0, all: 0 } }
console.log("\nThe core, executed by simulated calls alone. Lines that no call came by:\n")
for (const file of results?.files ?? []) {
  const { data, source, sourcePath } = /** @type {any} */ (file)
  /** @param {number} offset */
  const line = (offset) => source.slice(0, offset).split("\n").length
  const missed = []
  for (const metric of metrics) {
    /** @type {Array<{ start: number, count: number }>} */
    const places = data[metric]
    const never = places.filter(({ count }) => count === 0)
    total[metric].all += places.length
    total[metric].covered += places.length - never.length
    if (never.length > 0) {
      const share = 1 - never.length / places.length
      missed.push(
        `    ${metric.padEnd(10)} ${percent(share).padStart(8)}  ${ranges(never.map(({ start }) => line(start)))}`
      )
    }
  }
  if (missed.length > 0) console.log([`  ${sourcePath}`, ...missed].join("\n"))
}

let enough = total.statements.all > 0
for (const metric of metrics) {
  const { all, covered } = total[metric]
  enough &&= covered >= (least / 100) * all
  console.log(
    `${metric === "statements" ? "\n" : ""}${metric.padEnd(10)} ${percent(covered / all).padStart(8)}  ${covered} of ${all}`
  )
}
if (!enough) console.log(`At least ${least} % of both are asked for.`)
process.exit(enough ? 0 : 1)
