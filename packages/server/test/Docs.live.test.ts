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
  const readme = readFileSync(join(root, "README.md"), "utf8")
  const replays = [...readme.matchAll(/^npm run replay -- .+$/gm)].map(([command]) => command)

  it("there are two replays", () => assert.lengthOf(replays, 2))

  for (const command of replays) {
    it(command, { timeout: 120_000 }, async () => {
      const [npm = "", ...args] = command.split(" ")
      const { output, status } = await run(npm, args, root)
      assert.strictEqual(status, 0, output)
      assert.match(output, /: the same \d+ commands from \d+ events/)
      if (command.includes("--what-if")) {
        const shown = [...readme.matchAll(/^ {2}(Up to [\d.]+ s there would .+)$/gm)].map(([, line = ""]) => line)
        assert.lengthOf(shown, 1)
        assert.include(output, shown[0] ?? "")
      }
    })
  }

  it("npm run simulate -- …: it ends with what callers experienced, what broke, and the seed", {
    timeout: 300_000
  }, async () => {
    const command = readme.match(/^npm run simulate -- .+$/m)?.[0] ?? "false"
    const { output, status } = await run("sh", ["-c", `${command} --seed README`], root)
    assert.strictEqual(status, 0, output)
    for (const row of [...readme.matchAll(/^ {2}(first word|answers|silence|cut off|dead air|turns|ended) /gm)]) {
      assert.match(output, new RegExp(`^ {2}${row[1]} +\\d`, "m"))
    }
    assert.match(output, /^ {2}Nothing: \d+ sentences held in each of 200 calls\.$/m)
    assert.match(output, /^ {2}seed {7}README$/m)
  })

  it("EXACTNESS_SEEDS=6 npm test …: the README's figures are those of this version", { timeout: 180_000 }, async () => {
    const command = readme.match(/^EXACTNESS_SEEDS=6 npm test .+$/m)?.[0] ?? "false"
    const { output, status } = await run("sh", ["-c", command], root)
    assert.strictEqual(status, 0, output)
    const rows = [...readme.matchAll(/^\| (\d+) ms \| (\d+) \| ([\d.]+) ms \| ([\d.]+) ms \|$/gm)]
    assert.lengthOf(rows, 3)
    for (const [, roundTrip, cuts, median, maximum] of rows) {
      const line = output.match(
        new RegExp(`round trip ${roundTrip} ms: (\\d+) cuts, median ([\\d.]+) ms, maximum ([\\d.]+) ms`)
      )
      const said = `round trip ${roundTrip} ms: the README says ${cuts} cuts, ${median} and ${maximum} ms, measured is ${line?.[0]}`
      assert.closeTo(Number(line?.[1]), Number(cuts), 15, said)
      assert.closeTo(Number(line?.[2]), Number(median), 1.5, said)
      assert.closeTo(Number(line?.[3]), Number(maximum), 5, said)
    }
  })

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
