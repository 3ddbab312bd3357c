/** The program as users run it: compiled. */

import { execFile } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

/** The repository. */
export const root = fileURLToPath(new URL("../../../..", import.meta.url))

export const main = join(root, "packages/server/dist/main.js")

/** Brings what is compiled up to its sources; the first time that takes longer than a test may (ms: {@link BUILD_MS}). */
export const build = async (): Promise<void> => {
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  await promisify(execFile)(process.execPath, [tsc, "-b", "packages/server/tsconfig.src.json"], { cwd: root })
}

export const BUILD_MS = 120_000
