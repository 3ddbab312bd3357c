/**
 * The bugs that simulations found in the machine: the call that is kept of each breaks when the bug is brought back, and
 * nothing is broken in it today. `FOUND_BUGS=write` looks for those that are not kept, or do not show it any more.
 */

import { readFileSync } from "node:fs"
import { Simulation, SpeechFiles } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import { list } from "./bugs/FoundBugs.ts"
import * as Kept from "./bugs/Kept.ts"

const audio = SpeechFiles.load()
const isHunting = process.env["FOUND_BUGS"] === "write"
const changelog = readFileSync(new URL("../../../CHANGELOG.md", import.meta.url), "utf8")

describe("bugs that simulations found", () => {
  for (const bug of list) {
    it(bug.id, { timeout: 600_000 }, async () => {
      const before = Kept.read(bug)
      const isShown = before !== null && (await Kept.broken(bug, before.plan, audio)) !== null
      if (isHunting && !isShown) assert.isTrue(await Kept.hunted(bug, audio), "it is in none of the calls")
      const finding = Kept.read(bug)
      assert.isNotNull(finding, `${Kept.file(bug)} is not there`)
      assert.isNotNull(
        await Kept.broken(bug, finding.plan, audio),
        "its call does not show it any more: `node scripts/found-bugs.mjs` looks for another"
      )
      assert.deepStrictEqual(Simulation.run(finding.plan, { audio }).broken, [])
      assert.include(changelog, `found/${bug.id}.jsonl`)
    })
  }
})
