/** The rules that keep the core pure do find what they forbid. */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const root = fileURLToPath(new URL("../../../..", import.meta.url))
const core = fileURLToPath(new URL("../..", import.meta.url))

describe("the compiler knows no host", () => {
  const hosts = [
    "AbortController",
    "Buffer",
    "clearTimeout",
    "console",
    "crypto",
    "document",
    "fetch",
    "performance",
    "process",
    "queueMicrotask",
    "require",
    "setImmediate",
    "setInterval",
    "setTimeout",
    "structuredClone",
    "TextEncoder",
    "URL",
    "WebSocket"
  ]
  const file = `${core}src/Purity.ts`
  const parsed = ts.getParsedCommandLineOfConfigFile(`${core}tsconfig.src.json`, undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"))
    }
  })
  assert.isDefined(parsed)
  const host = ts.createCompilerHost(parsed.options)
  const { fileExists, getSourceFile } = host
  const source = hosts.map((name, index) => `export const of${index} = ${name}`).join("\n")
  host.fileExists = (name) => name === file || fileExists(name)
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(file, source, ts.ScriptTarget.ES2022) : getSourceFile(name, ...rest)
  const program = ts.createProgram([...parsed.fileNames, file], parsed.options, host)
  const semantic = program.getSemanticDiagnostics(program.getSourceFile(file))

  for (const [line, name] of hosts.entries()) {
    it(name, () => {
      const found = semantic.filter(
        (one) => one.start !== undefined && source.slice(0, one.start).split("\n").length === line + 1
      )
      assert.isNotEmpty(found)
      assert.match(
        ts.flattenDiagnosticMessageText(found[0]?.messageText, "\n"),
        new RegExp(`Cannot find name '${name}'`)
      )
    })
  }
})

describe("the linter refuses", () => {
  const cases = [
    ["the clock", "export const now = () => Date.now()", "lint/style/noRestrictedGlobals"],
    ["the clock by another name", "export const now = () => globalThis.Date.now()", "lint/style/noRestrictedGlobals"],
    ["randomness", "export const dice = () => Math.random()", "plugin"],
    ["randomness by another name", "export const { random } = Math", "plugin"],
    ["a module of Node.js", 'export { readFileSync } from "node:fs"', "lint/style/noRestrictedImports"],
    ["a package", 'import { never } from "effect"\nexport const it = never', "lint/style/noRestrictedImports"],
    ["an import at run time", 'export const effect = import("effect")', "lint/style/noRestrictedImports"],
    ["nothing else", 'import { one } from "./One.ts"\nexport const floor = Math.floor(one)', undefined]
  ] as const
  const directory = mkdtempSync(join(tmpdir(), "offhook-purity-"))
  let found: ReadonlyArray<{ category: string; location: { path: string } }>

  beforeAll(() => {
    for (const file of [".gitignore", "biome.json", "scripts/core-purity.grit"]) {
      cpSync(join(root, file), join(directory, file))
    }
    mkdirSync(join(directory, "packages/core/src"), { recursive: true })
    for (const [index, [, source]] of cases.entries()) {
      writeFileSync(join(directory, `packages/core/src/Case${index}.ts`), `${source}\n`)
    }
    const biome = join(root, "node_modules/@biomejs/biome/bin/biome")
    const { stderr, stdout } = spawnSync(process.execPath, [biome, "lint", "--reporter=json", "packages"], {
      cwd: directory,
      encoding: "utf8"
    })
    assert.match(stdout, /^\{/, stderr)
    found = JSON.parse(stdout).diagnostics
  }, 30_000)

  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  for (const [index, [what, , category]] of cases.entries()) {
    it(what, () => {
      const here = found.filter((finding) => finding.location.path.endsWith(`/Case${index}.ts`))
      assert.deepStrictEqual(
        [...new Set(here.map((finding) => finding.category))],
        category === undefined ? [] : [category]
      )
    })
  }
})
