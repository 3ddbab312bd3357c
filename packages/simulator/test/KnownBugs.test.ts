/**
 * The simulation bites: every known bug is found within 2,000 calls, by a sentence that is about it, and the core
 * without the bug breaks nothing in the same calls. `KNOWN_BUGS=write` makes docs/KNOWN-BUGS.md anew.
 */

import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Population, Simulation, SpeechFiles } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as Hunt from "./bugs/Hunt.ts"
import { list } from "./bugs/List.ts"
import * as PatchedCore from "./bugs/PatchedCore.ts"
import * as Table from "./bugs/Table.ts"

const audio = SpeechFiles.load()
const file = fileURLToPath(new URL("../../../docs/KNOWN-BUGS.md", import.meta.url))

describe("a patched core", () => {
  it("behaves as the core does where no patch is given", async () => {
    const machine = await PatchedCore.load([])
    for (let index = 0; index < 5; index++) {
      const plan = Population.plan("no patch", index)
      assert.deepStrictEqual(
        Simulation.run(plan, { audio, keep: true, machine }),
        Simulation.run(plan, { audio, keep: true })
      )
    }
  })

  it("is not to be had where a patch fits no place, or several", () => {
    const sources = new Map([["Call.ts", "one two one"]])
    const patch = (file: string, find: string) => () => PatchedCore.patched(sources, [{ file, find, replace: "three" }])
    assert.strictEqual(patch("Call.ts", "two")().get("Call.ts"), "one three one")
    assert.throws(patch("Call.ts", "one"), /fits 2 places/)
    assert.throws(patch("Call.ts", "four"), /fits 0 places/)
    assert.throws(patch("Other.ts", "one"), /which the core does not have/)
  })
})

describe("known bugs", () => {
  const isMakingTable = process.env["KNOWN_BUGS"] === "write"
  const before = isMakingTable ? new Map<string, number>() : Table.calls(readFileSync(file, "utf8"))
  const rows: Array<Table.Row> = []

  it("have a name each", () => {
    assert.strictEqual(new Set(list.map(({ id }) => id)).size, list.length)
  })

  for (const bug of list) {
    it(bug.id, { timeout: 600_000 }, async () => {
      const found = await Hunt.hunt(bug, audio, before.get(bug.id))
      assert.isNotNull(found, `not found in ${Hunt.most} calls: ${bug.sentence}`)
      rows.push({ bug, found })
    })
  }

  it("stand in docs/KNOWN-BUGS.md", () => {
    const page = Table.page(rows)
    if (isMakingTable) writeFileSync(file, page)
    assert.strictEqual(
      Table.lasting(readFileSync(file, "utf8")),
      Table.lasting(page),
      "`node scripts/known-bugs.mjs` makes it anew"
    )
  })
})
