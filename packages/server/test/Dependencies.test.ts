/** The checks of scripts/dependencies.mjs and scripts/audit.mjs find what they are for. */

import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"

const scripts = new URL("../../../scripts/", import.meta.url)
const { direct, installed, problems } = await import(new URL("dependencies.mjs", scripts).href)
const { judge } = await import(new URL("audit.mjs", scripts).href)
const document = readFileSync(new URL("../docs/DEPENDENCIES.md", scripts), "utf8")

describe("docs/DEPENDENCIES.md", () => {
  const row = "| `ws` |"

  it("tells of every dependency, and all that is installed may be", () => {
    assert.deepStrictEqual(problems(document, direct(), installed()), [])
    assert.isAbove(installed().length, 20)
  })

  it("a dependency without a row, a row without a dependency, two rows, no reason", () => {
    const line = document.split("\n").find((line) => line.startsWith(row)) ?? ""
    const found = (changed: string) => problems(document.replace(line, changed), direct(), [])
    assert.deepStrictEqual(found("| `left-pad` | pads |"), [
      "ws is not told of under “At run time”",
      "left-pad is not a dependency “At run time”"
    ])
    assert.deepStrictEqual(found(`${line}\n${line}`), ["ws is told of twice"])
    assert.deepStrictEqual(found(`${row}  |`), ["ws is there without a reason"])
  })

  it("licences: one of the choices must be allowed, and every part of it", () => {
    const refused = (licence: string) =>
      problems(document, direct(), [{ name: "x", licence, onThisPlatformOnly: false }]).length === 1
    for (const licence of ["MIT", "(MIT OR GPL-3.0)", "Apache-2.0 AND MIT"]) assert.isFalse(refused(licence), licence)
    for (const licence of ["GPL-3.0", "none", "MIT AND GPL-3.0", "UNLICENSED"]) assert.isTrue(refused(licence), licence)
  })
})

describe("npm run audit", () => {
  it("fails on a finding alone", () => {
    const advisory = {
      severity: "high",
      module_name: "ws",
      title: "a hole",
      url: "https://example.com/1",
      findings: [{ version: "8.0.0" }]
    }
    assert.deepStrictEqual(judge(JSON.stringify({ advisories: { 1: advisory } })), {
      answered: true,
      findings: ["high: ws 8.0.0: a hole (https://example.com/1)"]
    })
    assert.deepStrictEqual(judge('npm warn x\n{"advisories":{}}'), { answered: true, findings: [] })
  })

  it("a registry that does not answer is no finding, and what it said is told", () => {
    const error = { code: "ERR_PNPM_AUDIT_BAD_RESPONSE", message: "The audit endpoint responded with 405: ." }
    for (const [output, why] of [
      ["", "no report came"],
      ["<html>", "no report came"],
      ["{}", "no report came"],
      [JSON.stringify({ error }), "405"],
      [JSON.stringify({ error: { code: "ENOTFOUND" } }), "ENOTFOUND"]
    ]) {
      assert.deepStrictEqual(judge(output), { answered: false, findings: [], why })
    }
  })
})
