/**
 * The golden calls: every recording in calls/ comes out of this version's machine command for command. Those in
 * calls/found/ are failures that simulations found and that are mended.
 * `node scripts/update-calls.mjs` records them again after a change that is meant.
 */
import { assert, describe, it } from "vitest"
import { replay } from "../src/testing.ts"

const calls = Object.entries(
  import.meta.glob<string>("./calls/{,found/}*.jsonl", { query: "?raw", import: "default", eager: true })
)

describe("golden calls", () => {
  it("are ten or more", () => assert.isAtLeast(calls.length, 10))

  for (const [file, text] of calls) {
    it(file.slice("./calls/".length), () => assert.isNotNull(replay(text).summary, "the call was recorded to its end"))
  }
})
