/** The judge is written without the machine: of the core it has the types alone. */

import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"

const folder = fileURLToPath(new URL("../src/simulation/", import.meta.url))
const files = ["Judge.ts", "Invariants.ts", ...readdirSync(`${folder}judge`).map((name) => `judge/${name}`)]

describe("the judge's sources", () => {
  it("import nothing of the core but types", () => {
    assert.isAtLeast(files.length, 15)
    for (const file of files) {
      const imports = [...readFileSync(folder + file, "utf8").matchAll(/^import (.*?)"(.*?)"$/gms)]
      for (const [text, , from = ""] of imports) {
        if (from.startsWith("@offhook/core")) assert.match(text, /^import type /, file)
        assert.notMatch(from, /Replays|Simulation\.ts/, file)
      }
    }
  })
})
