import type { WhatIf } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as WhatIfTable from "../src/WhatIfTable.ts"

const none: WhatIf.Counts = {
  interruptions: 0,
  pauses: 0,
  ignored: 0,
  responses: 0,
  cancellations: 0,
  truncations: 0,
  deletions: 0,
  toolRuns: 0,
  hangUps: 0
}

const report = (changes: Partial<WhatIf.Report>): WhatIf.Report => ({
  recorded: none,
  whatIf: none,
  certain: { recorded: none, whatIf: none },
  settings: [],
  divergence: null,
  durationMs: 10_000,
  ...changes
})

const row = (name: string, changes: Partial<WhatIf.Report> = {}) => ({ name, report: report(changes) })

/** The cells of one call, spaces made one. */
const cells = (lines: ReadonlyArray<string>, name: string): string =>
  (lines.find((line) => line.startsWith(name)) ?? "").replace(/ +/g, " ")

const diverging = {
  divergence: { line: 7, at: 4_000, event: "CarrierAudio", recorded: null, whatIf: { c: "CancelResponse" } }
} as const

describe("a call's line", () => {
  it("names the file without what all names have in common", () => {
    const lines = WhatIfTable.lines("a.json", [row("calls/monday/one.jsonl"), row("calls/tuesday/one.jsonl")])
    assert.strictEqual(cells(lines, "monday/one.jsonl"), "monday/one.jsonl 10.0 s 0 0 0 0 its end")
    assert.strictEqual(cells(lines, "tuesday/one.jsonl"), "tuesday/one.jsonl 10.0 s 0 0 0 0 its end")
  })

  it("tells what is certain from what is only played on", () => {
    const lines = WhatIfTable.lines("a.json", [
      row("x/certain", {
        recorded: { ...none, interruptions: 1 },
        whatIf: none,
        certain: { recorded: { ...none, interruptions: 1 }, whatIf: none }
      }),
      row("x/guess", { ...diverging, recorded: none, whatIf: { ...none, responses: 2 } }),
      row("x/both", {
        ...diverging,
        recorded: { ...none, truncations: 3 },
        whatIf: none,
        certain: { recorded: { ...none, truncations: 1 }, whatIf: none }
      })
    ])
    assert.strictEqual(cells(lines, "certain"), "certain 10.0 s 1→0 0 0 0 its end")
    assert.strictEqual(cells(lines, "guess"), "guess 10.0 s 0 (0→2) 0 0 4.0 s (line 7, CarrierAudio)")
    assert.strictEqual(cells(lines, "both"), "both 10.0 s 0 0 1→0 (3→0) 0 4.0 s (line 7, CarrierAudio)")
  })
})

describe("the sums", () => {
  it("count calls, time that is evidence, and every kind of command that is there at all", () => {
    const lines = WhatIfTable.lines("a.json", [
      row("x/1", {
        recorded: { ...none, hangUps: 1 },
        whatIf: none,
        certain: { recorded: { ...none, hangUps: 1 }, whatIf: none }
      }),
      row("x/2", { ...diverging, whatIf: { ...none, hangUps: 1 }, settings: ["turns"] })
    ])
    const text = lines.join("\n")
    assert.include(text, "2 calls, 20.0 s: 1 call surely different; 1 where the evidence ends before the call.")
    assert.include(text, "70 % of the time is evidence (14.0 s).")
    assert.include(text, "configured differently (turns), in 1 call:")
    assert.strictEqual(cells(lines, "hang-ups"), "hang-ups 1→0 1→1")
    assert.notInclude(text, "tool runs")
  })
})
