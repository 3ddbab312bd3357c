/** `simulate`, and `replay --what-if` over a directory, as a process. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Finding, Population, SpeechFiles } from "@offhook/simulator"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { BUILD_MS, build, main, root } from "./support/Built.ts"

const env = { PATH: process.env["PATH"] }
let directory: string

beforeAll(async () => {
  await build()
  directory = mkdtempSync(join(tmpdir(), "offhook-simulate-"))
}, BUILD_MS)

afterAll(() => rmSync(directory, { recursive: true }))

const offhook = async (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [main, ...args], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] })
  let output = ""
  let errors = ""
  child.stdout.on("data", (data) => (output += data))
  child.stderr.on("data", (data) => (errors += data))
  const [status] = await once(child, "close")
  return { status: status as number, output, errors }
}

/** Nothing may go wrong in them. */
const quiet = ["--faults", "none", "--network", "good"]

describe("simulate", () => {
  it("plays the same calls on any number of threads, and tells the same of them", async () => {
    const play = (jobs: string) => offhook("simulate", "--calls", "25", "--seed", "live test", "--jobs", jobs, ...quiet)
    const [one, three] = [await play("1"), await play("3")]
    assert.strictEqual(one.status, 0, one.output + one.errors)
    const withoutSpeed = (text: string) => text.replace(/^ {2}speed .*$/m, "").replace(/^\d+ of 25 calls, .*\n/gm, "")
    assert.strictEqual(withoutSpeed(three.output), withoutSpeed(one.output))
    assert.match(one.output, /^Simulating 25 calls with seed live test\.\n/)
    assert.match(one.output, /Nothing: \d+ sentences held in each of 25 calls\./)
    assert.notInclude(one.output, "\u001b")
    assert.deepStrictEqual(readdirSync(directory), [])
  })

  it("takes a new seed where none is given, and says which", async () => {
    const seeds = new Set<string>()
    for (let run = 0; run < 2; run++) {
      const { output } = await offhook("simulate", "--calls", "1", ...quiet)
      const [, first, last] = /with seed ([0-9a-f]{8})\.[\s\S]*\n {2}seed {7}(\w+)\n/.exec(output) ?? []
      assert.isDefined(first, output)
      assert.strictEqual(last, first)
      seeds.add(first!)
    }
    assert.strictEqual(seeds.size, 2)
  })

  it("plays one call alone", async () => {
    const { output, status } = await offhook("simulate", "--seed", "live test", "--call", "3", ...quiet)
    assert.strictEqual(status, 0, output)
    assert.match(
      output,
      /^Call 3 of seed live test: [a-z ]+ after \d+\.\d\d s, \d+ turns? of the caller, .*nothing broke\.\s$/
    )
  })

  it("ends at Ctrl-C, with the summary of what was played by then", async () => {
    const child = spawn(process.execPath, [main, "simulate", "--calls", "1000000", ...quiet], { cwd: directory, env })
    let output = ""
    child.stdout.on("data", (data) => {
      if (output === "") child.kill("SIGINT")
      output += data
    })
    const [status] = await once(child, "close")
    assert.strictEqual(status, 0, output)
    assert.match(output, /\n {2}calls {6}[\d,]+ of 1,000,000, /)
  })

  it("plays kept findings again, and judges them", async () => {
    const plan = Population.plan("live test", 1, { faults: "none", network: "good" })
    const broken = { invariant: "ends once", at: 1_000, detail: "made up" } as const
    mkdirSync(join(directory, "kept"))
    const file = join("kept", Finding.name(plan, broken))
    writeFileSync(join(directory, file), Finding.text(plan, broken, file, { audio: SpeechFiles.load() }))
    const held = await offhook("simulate", "--again", "kept")
    assert.strictEqual(held.status, 0, held.output + held.errors)
    assert.match(held.output.replace(/\n +/g, " "), /^kept.ends-once-\w+\.jsonl: .* nothing broke\.\s$/)
    writeFileSync(join(directory, "notes.jsonl"), "hello\n")
    const none = await offhook("simulate", "--again", "notes.jsonl")
    assert.strictEqual(none.status, 66)
    assert.include(none.errors, "notes.jsonl: it is no recording of a call that a simulation found")
  })

  it("takes an agent of one's own; wrong arguments are 64, an agent that is not sound 78", async () => {
    writeFileSync(join(directory, "agent.json"), `{ "greeting": null, "turns": "machine" }`)
    const own = await offhook("simulate", "--calls", "2", "--agent", "agent.json", ...quiet)
    assert.strictEqual(own.status, 0, own.output + own.errors)
    assert.match(own.output, /first word none/)
    for (const wrong of [
      ["--network", "carrier pigeon"],
      ["--jobs", "0"],
      ["--calls", "-1"]
    ]) {
      assert.strictEqual((await offhook("simulate", ...wrong)).status, 64, wrong.join(" "))
    }
    const nobody = await offhook("simulate", "--agent", "nobody.json")
    assert.strictEqual(nobody.status, 78)
    assert.match(nobody.errors, /--agent nobody\.json cannot be read/)
  })
})

describe("replay --what-if over a directory", () => {
  it("is a table; a file that is no recording keeps no other from it", async () => {
    const folder = join(directory, "calls")
    mkdirSync(folder)
    const golden = join(root, "packages/core/test/calls")
    for (const name of ["interrupted-three-times.jsonl", "keyed-digits.jsonl"]) {
      copyFileSync(join(golden, name), join(folder, name))
    }
    writeFileSync(join(folder, "hello.jsonl"), "hello\n")
    const { errors, output, status } = await offhook("replay", "--what-if", join(root, "examples/eager.json"), "calls")
    assert.strictEqual(status, 66)
    assert.include(errors, "calls/hello.jsonl: this is not an Offhook recording")
    assert.match(output, /\ninterrupted-three-times\.jsonl +12\.3 s .*→.* \d+\.\d s \(line \d+, \w+\)\n/)
    assert.match(output, /\nkeyed-digits\.jsonl +9\.7 s /)
    assert.match(output, /\n2 calls, \d+\.\d s: /)
  })
})
