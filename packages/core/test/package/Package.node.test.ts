/** The core as others get it: built, packed, installed, and run where there is nothing but JavaScript. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const core = fileURLToPath(new URL("../..", import.meta.url))
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc")

const run = (command: string, args: ReadonlyArray<string>, options: { cwd: string; input?: string }): string => {
  try {
    return execFileSync(command, args, { ...options, encoding: "utf8", stdio: "pipe" })
  } catch (error) {
    const { stderr, stdout } = error as { stderr: string; stdout: string }
    throw new Error(`${command} ${args.join(" ")}\n${stdout}${stderr}`)
  }
}

beforeAll(() => {
  run(process.execPath, [tsc, "-b", "tsconfig.src.json"], { cwd: core })
})

describe("the built core in a context without globals", () => {
  const evaluate = (program: string): unknown =>
    JSON.parse(
      run(
        process.execPath,
        ["--experimental-vm-modules", "--no-warnings", join(core, "test/package/bare-context.mjs"), join(core, "dist")],
        { cwd: core, input: program }
      )
    )

  it("finds nothing of a host there", () => {
    const hosts = "['console', 'crypto', 'Date', 'fetch', 'performance', 'process', 'setTimeout', 'TextDecoder', 'URL']"
    assert.deepStrictEqual(evaluate(`export default JSON.stringify(${hosts}.filter((name) => name in globalThis))`), [])
  })

  it("steps a call", () => {
    const answer = evaluate(`
      import { Agent, Call, Prices, Twilio } from "./index.js"
      import "./testing.js"

      const [initial, first] = Call.initial({ agent: Agent.defaults, prices: Prices.table })
      const start = JSON.stringify({
        event: "start",
        sequenceNumber: "1",
        streamSid: "MZ00000000000000000000000000000001",
        start: {
          streamSid: "MZ00000000000000000000000000000001",
          accountSid: "AC00000000000000000000000000000001",
          callSid: "CA00000000000000000000000000000001",
          tracks: ["inbound"],
          customParameters: {},
          mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 }
        }
      })
      const event = Twilio.decode(start, 40, { stream: 0, streamSid: null })
      const [started] = Call.step(initial, event)
      const [ended, last] = Call.step(started, { _tag: "CarrierClosed", at: 60, stream: 0, code: 1006 })
      export default JSON.stringify({
        first: first.map((command) => command._tag),
        event: event._tag,
        deadline: typeof Call.nextDeadline(started),
        last: last.map((command) => command._tag),
        ended: Call.isEnded(ended)
      })
    `)
    assert.deepStrictEqual(answer, {
      first: ["ConnectModel"],
      event: "CarrierStarted",
      deadline: "number",
      last: ["CloseModel", "Ended"],
      ended: true
    })
  })
})

describe("the packed core", () => {
  let project: string
  let tarball: string

  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), "offhook-package-"))
    const packed = run("npm", ["pack", "--json", "--pack-destination", project], { cwd: core })
    tarball = join(project, (JSON.parse(packed) as [{ filename: string }])[0].filename)
    writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
    run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: project })
  })

  afterAll(() => rmSync(project, { recursive: true, force: true }))

  it("has no dependency", () => {
    const lock = JSON.parse(readFileSync(join(project, "package-lock.json"), "utf8")) as { packages: object }
    assert.deepStrictEqual(Object.keys(lock.packages), ["", "node_modules/@offhook/core"])
  })

  it("holds what runs and what it was made from, and nothing else", () => {
    const files = run("tar", ["-tzf", tarball], { cwd: project }).trim().split("\n")
    const strangers = files.filter(
      (file) => !/^package\/(package\.json|LICENSE|(dist|src)\/.*\.(js|ts|map))$/.test(file)
    )
    assert.deepStrictEqual(strangers, [])
  })

  it("passes publint", async () => {
    const { messages, pkg } = await publint({
      pkgDir: join(project, "node_modules/@offhook/core"),
      strict: true,
      pack: false
    })
    assert.deepStrictEqual(
      messages.map((message) => formatMessage(message, pkg, { color: false })),
      []
    )
  })

  it("resolves as attw sees it, for every importer of ES modules", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))))
    assert.isObject(analysis.types)
    const esmOnly = ["node16-esm", "bundler"]
    assert.deepStrictEqual(
      ("problems" in analysis ? analysis.problems : []).filter(
        (problem) => !("resolutionKind" in problem) || esmOnly.includes(problem.resolutionKind)
      ),
      []
    )
  })

  for (const [module, moduleResolution] of [
    ["NodeNext", "NodeNext"],
    ["ESNext", "Bundler"]
  ]) {
    it(`resolves its types by ${moduleResolution}`, () => {
      writeFileSync(join(project, "consumer.ts"), consumer)
      const compilerOptions = {
        module,
        moduleResolution,
        target: "ES2022",
        lib: ["ES2022"],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true
      }
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }))
      run(process.execPath, [tsc, "-p", "."], { cwd: project })
    })
  }

  it("runs", () => {
    writeFileSync(join(project, "consumer.js"), `import "@offhook/core"\nimport "@offhook/core/testing"\n`)
    run(process.execPath, ["consumer.js"], { cwd: project })
  })
})

const consumer = `
  import type { Command, Event } from "@offhook/core"
  import { Agent } from "@offhook/core"
  import * as testing from "@offhook/core/testing"

  type IsAny<T> = 0 extends 1 & T ? true : false
  export const resolved: [IsAny<Event>, IsAny<Command>, IsAny<typeof Agent>, IsAny<typeof testing>] = [
    false,
    false,
    false,
    false
  ]
`
