import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"
import * as Baseline from "../src/Baseline.ts"
import type { Row } from "../src/Contest.ts"
import * as Page from "../src/Page.ts"
import * as Statistics from "../src/Statistics.ts"

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8")

const row = (parse: number, bytes: number): Row => ({
  server: "offhook",
  calls: 50,
  cpu: { median: 2, min: 1.9, max: 2.1 },
  system: 0.5,
  ratios: { parse: { median: parse, min: parse, max: parse }, bytes: { median: bytes, min: 0.8, max: 1.4 } },
  up: { p50: 0.1, p99: 1 },
  down: { p50: 0.2, p99: 2 },
  bargeIn: { p50: 0.3, p99: 3 },
  firstAudio: null,
  loopDelay: 1,
  heapPerCall: 60_000,
  rssPerCall: 90_000,
  heapGrowth: 0,
  leftOpen: 0,
  placed: 50,
  faults: [],
  isDisturbed: false
})

describe("Statistics", () => {
  it("pairs are compared one by one: what slows both changes nothing", () => {
    assert.deepStrictEqual(Statistics.ratio([2, 20, 6], [1, 10, 2]), { median: 2, min: 2, max: 3 })
    assert.deepStrictEqual(Statistics.spread([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 })
  })
})

describe("Baseline", () => {
  it("forgives a quarter, and tells what is beyond it", () => {
    const baseline = Baseline.of(row(0.8, 1))
    assert.deepStrictEqual(baseline, { calls: 50, ratios: { parse: 0.8, bytes: 1 } })
    assert.deepStrictEqual(Baseline.worse(baseline, row(0.99, 1.25)), [])
    assert.deepStrictEqual(Baseline.worse(baseline, row(1.01, 1.25)), [`1.01 x the relay "parse", and it was 0.80 x`])
    assert.lengthOf(Baseline.worse(baseline, { ...row(1, 1), ratios: {} }), 2)
  })
})

describe("docs/PERFORMANCE.md", () => {
  it("is what was measured last, in the words of its template", () => {
    assert.strictEqual(
      read("../docs/PERFORMANCE.md"),
      Page.made(read("PERFORMANCE.md"), JSON.parse(read("results.json")))
    )
  })

  it("shows ratios with their spread, and tells of a row what makes it no result", () => {
    const table = Page.comparison([{ ...row(0.8, 1), faults: ["3 of 9 pieces lost"], isDisturbed: true }])
    assert.include(table, "| Offhook | 50 | 2.00 (0.50 kernel) | 0.80 | 1.00 (0.80–1.40) | 0.1 / 1.0 |")
    assert.include(table, "- **Offhook, 50 calls**: 3 of 9 pieces lost")
    assert.include(table, "- **Offhook, 50 calls**: disturbed, no result")
  })
})
