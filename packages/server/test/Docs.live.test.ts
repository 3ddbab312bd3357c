/** The README's commands, run as it says. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const root = fileURLToPath(new URL("../../../", import.meta.url))

const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(OPENAI|TWILIO|OFFHOOK)_|^PUBLIC_URL$/.test(name))
  )

const run = async (command: string, args: ReadonlyArray<string>, cwd: string) => {
  const child = spawn(command, args, { cwd, env: environment(), stdio: ["ignore", "pipe", "pipe"] })
  let output = ""
  child.stdout.on("data", (data) => {
    output += data
  })
  child.stderr.on("data", (data) => {
    output += data
  })
  const [status] = await once(child, "close")
  return { status: status as number, output }
}

describe("the README's commands", () => {
  const replays = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^npm run replay -- .+$/gm)].map(
    ([command]) => command
  )

  it("there are two replays", () => assert.lengthOf(replays, 2))

  for (const command of replays) {
    it(command, { timeout: 120_000 }, async () => {
      const [npm = "", ...args] = command.split(" ")
      const { output, status } = await run(npm, args, root)
      assert.strictEqual(status, 0, output)
      assert.match(output, /: the same \d+ commands from \d+ events/)
      if (command.includes("--what-if")) assert.include(output, "there would have been 1 interruption instead of 0")
    })
  }

  it("cp .env.example .env, and nothing filled in: the server says what is missing", { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), "offhook-docs-"))
    copyFileSync(join(root, ".env.example"), join(directory, ".env"))
    const { output, status } = await run(process.execPath, [join(root, "packages/server/dist/main.js")], directory)
    rmSync(directory, { recursive: true })
    assert.strictEqual(status, 78)
    assert.include(output, "OPENAI_API_KEY is not set")
    assert.notInclude(output, "PUBLIC_URL")
  })
})
