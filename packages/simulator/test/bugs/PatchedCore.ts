/**
 * The core with a bug in it: its sources are read, changed, transpiled into a folder of their own and loaded. The core
 * itself has no switches for bugs.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Call } from "@offhook/core"
import type { World } from "@offhook/simulator"
import ts from "typescript"

/** One place of the sources and what stands there instead. */
export interface Patch {
  /** Below `packages/core/src`, with `/`. */
  readonly file: string
  /** Must occur there exactly once, so that no bug is left behind when the core changes. */
  readonly find: string
  readonly replace: string
}

type Sources = ReadonlyMap<string, string>

const folder = fileURLToPath(new URL("../../../core/src/", import.meta.url))

/** The core's modules by their path. */
const sources = (): Sources =>
  new Map(
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        return [relative(folder, path).replaceAll("\\", "/"), readFileSync(path, "utf8")]
      })
  )

/** Throws an Error where a patch does not fit its source. */
export const patched = (sources: Sources, patches: ReadonlyArray<Patch>): Sources => {
  const changed = new Map(sources)
  for (const { file, find, replace } of patches) {
    const before = changed.get(file)
    if (before === undefined) throw new Error(`a patch is for ${file}, which the core does not have`)
    const times = before.split(find).length - 1
    if (times !== 1) throw new Error(`a patch of ${file} fits ${times} places instead of one: ${find}`)
    changed.set(
      file,
      before.replace(find, () => replace)
    )
  }
  return changed
}

/** The core's call with the patches applied; without any it behaves as the core does. */
export const load = async (patches: ReadonlyArray<Patch>): Promise<World.Machine> => {
  const target = mkdtempSync(join(tmpdir(), "offhook-core-"))
  try {
    for (const [path, source] of patched(sources(), patches)) {
      const file = join(target, path.replace(/\.ts$/, ".mjs"))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, transpiled(source))
    }
    const call: typeof Call = await import(pathToFileURL(join(target, "Call.mjs")).href)
    return call
  } finally {
    rmSync(target, { recursive: true })
  }
}

const known = new Map<string, string>()

const transpiled = (source: string): string => {
  const before = known.get(source)
  if (before !== undefined) return before
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true }
  })
  const output = outputText.replace(/(\bfrom\s+"\.[^"]*)\.ts"/g, '$1.mjs"')
  known.set(source, output)
  return output
}
