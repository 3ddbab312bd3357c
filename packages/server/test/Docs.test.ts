/** What the documents say is so: tables, quotes, links, paths, names of tests, commands. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { AgentFile, AppConfig, EdgeLimits, Metrics, Refusal } from "@offhook/adapters"
import { Invariants } from "@offhook/simulator"
import * as Deadlines from "../../core/src/call/Deadlines.ts"
import * as Limits from "../../core/src/Limits.ts"
import * as Doctor from "../src/doctor/Doctor.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), "utf8")

const markdown = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name))

const documents = [
  ...markdown("."),
  ...markdown("docs"),
  ...markdown("docs/decisions"),
  ...["host-the-core", "replay-in-vitest"].flatMap((example) => markdown(`examples/${example}`))
]

const matches = (text: string, pattern: RegExp): ReadonlyArray<string> =>
  [...text.matchAll(pattern)].map((match) => match[1] ?? "")

/** As GitHub makes them. */
const anchors = (text: string): ReadonlyArray<string> =>
  matches(text, /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-")
  )

describe("what is made from the code", () => {
  it("is up to date: `npm run docs` would change nothing", async () => {
    const docs = await import(new URL("../../../scripts/docs.mjs", import.meta.url).href)
    const { installed } = await import(new URL("../../../scripts/dependencies.mjs", import.meta.url).href)
    const sources = {
      fields: AppConfig.fields,
      agentSchema: AgentFile.jsonSchema,
      deadlines: Deadlines.table,
      limits: Limits,
      edgeLimits: EdgeLimits.table,
      checks: Doctor.checks,
      refusals: Refusal.reasons,
      metrics: Metrics.table,
      invariants: Invariants.rules,
      installed: installed(),
      read,
      list: (folder: string) => readdirSync(join(root, folder))
    }
    for (const document of docs.documents as ReadonlyArray<string>) {
      const text = read(document)
      assert.include(text, "<!-- docs: ")
      assert.strictEqual(text, docs.regenerate(text, sources), `${document}: run \`npm run docs\``)
    }
  })

  it("every piece of TypeScript is quoted from a file that is compiled", () => {
    let pieces = 0
    for (const document of documents) {
      for (const before of matches(read(document), /(.*)\n *```ts\n/g)) {
        pieces++
        assert.match(before, /^<!-- docs: quote examples\/[\w/.-]+\.ts(#\w+)? -->$/, document)
      }
    }
    assert.strictEqual(pieces, 4)
  })

  it("`.env.example` names every variable that is read, with its default, and nothing else", () => {
    const lines = [...read(".env.example").matchAll(/^#?([A-Z][A-Z0-9_]+)=(.*)$/gm)]
    const named = lines.map(([, name = "", value = ""]) => [name, value] as const)
    const known = AppConfig.fields.map(({ default: value, name }) => [name, value ?? ""] as const)
    assert.deepStrictEqual([...named].sort(), [...known].sort())
  })

  it("the agents of docs/POLICIES.md are sound, and each policy has one", () => {
    const snippets = matches(read("docs/POLICIES.md"), /^```json\n([\s\S]*?)^```$/gm)
    for (const snippet of snippets) {
      const agent = AgentFile.parse(JSON.parse(snippet))
      assert.isFalse(AgentFile.isProblems(agent), `${snippet}: ${JSON.stringify(agent)}`)
    }
    const fields = ["interruptAfterMs", "backchannels", "pauseToDecide", "greetingProtected", "protectAnswer", "gate"]
    for (const field of fields)
      assert.isTrue(
        snippets.some((snippet) => snippet.includes(`"${field}"`)),
        field
      )
  })

  it("the example agents are sound", () => {
    const files = readdirSync(join(root, "examples")).filter((name) => /^(?!package|tsconfig).*\.json$/.test(name))
    assert.deepStrictEqual(files, ["agent.json", "eager.json"])
    for (const file of files) {
      const agent = AgentFile.parse(JSON.parse(read(`examples/${file}`)))
      assert.isFalse(AgentFile.isProblems(agent), `${file}: ${JSON.stringify(agent)}`)
    }
  })
})

describe("what the documents name", () => {
  it("links lead to files and headings that are there", () => {
    let links = 0
    for (const document of documents) {
      const text = read(document)
      for (const link of matches(text, /\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(link)) continue
        links++
        const [path = "", heading] = link.split("#")
        const target = path === "" ? document : join(dirname(document), path)
        assert.isTrue(existsSync(join(root, target)), `${document}: ${link}`)
        if (heading !== undefined) assert.include(anchors(read(target)), heading, `${document}: ${link}`)
      }
    }
    assert.isAtLeast(links, 15)
  })

  it("paths of sources are there", () => {
    let paths = 0
    for (const document of documents) {
      for (const path of matches(
        read(document),
        /`(?:packages\/)?((?:core|adapters|server|simulator)\/src\/[\w./-]+)`/g
      )) {
        paths++
        assert.isTrue(existsSync(resolve(root, "packages", path)), `${document}: ${path}`)
      }
    }
    assert.isAtLeast(paths, 40)
  })

  it("tests that hold off a defect are there, by their titles", () => {
    let tests = 0
    for (const [, path = "", titles = ""] of read("docs/MIGRATING.md").matchAll(
      /`([\w/.-]+\.ts)`: ((?:“[^”]+”(?:, )?)+)/g
    )) {
      for (const title of matches(titles, /“([^”]+)”/g)) {
        tests++
        assert.include(read(path), `"${title}"`, path)
      }
    }
    assert.strictEqual(tests, 14)
  })

  it("the demo sends its reader to a heading of the README", () => {
    const heading = /README\.md, “([^”]+)”/.exec(read("packages/server/src/Demo.ts"))?.[1] ?? "(none)"
    assert.include(read("README.md"), `\n## ${heading}\n`)
  })

  it("what the README says one will hear or read is what is said", () => {
    const said = {
      "the signature is missing or wrong": "packages/adapters/src/Refusal.ts",
      "This call ends here": "packages/core/src/twilio/TwiML.ts",
      "model refused": "packages/core/src/Command.ts",
      "model lost": "packages/core/src/Command.ts"
    }
    for (const [words, source] of Object.entries(said)) {
      assert.include(read("README.md"), words)
      assert.include(read(source), words, source)
    }
  })

  it("npm scripts and scripts are there", () => {
    const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Record<string, string> }
    for (const document of documents) {
      const text = read(document)
      for (const script of matches(text, /`npm run ([\w:-]+)/g)) assert.property(scripts, script, document)
      for (const script of matches(text, /`node (scripts\/[\w.-]+)/g))
        assert.isTrue(existsSync(join(root, script)), script)
    }
  })
})

/** Where each command of the documents is run; `by` is a file of the repository that holds `as`. */
const commands: Readonly<Record<string, { readonly by: string; readonly as: string }>> = {
  "npm start": { by: ".ci/start.mjs", as: 'spawn("npm", ["start"]' },
  "npm test": { by: ".ci/run", as: 'bash -euo pipefail -c "$test_command"' },
  "node packages/server/dist/main.js": {
    by: "packages/server/test/Docs.live.test.ts",
    as: "packages/server/dist/main.js"
  },
  "npm run doctor": { by: "packages/server/test/Doctor.live.test.ts", as: '"npm", ["run", "doctor"]' },
  "node packages/server/dist/main.js doctor": {
    by: "packages/server/test/Doctor.live.test.ts",
    as: '[main, "doctor", ...args]'
  },
  "cp .env.example .env": { by: "packages/server/test/Docs.live.test.ts", as: '".env.example"' },
  "npm run replay -- examples/replay-in-vitest/calls/interruption.jsonl": {
    by: "packages/server/test/Docs.live.test.ts",
    as: "npm run replay -- "
  },
  "npm run replay -- --what-if examples/eager.json packages/core/test/calls/machine-owns-the-turns.jsonl": {
    by: "packages/server/test/Docs.live.test.ts",
    as: "npm run replay -- "
  },
  "npm run simulate -- --agent examples/agent.json --calls 200": {
    by: "packages/server/test/Docs.live.test.ts",
    as: "npm run simulate -- "
  },
  "EXACTNESS_SEEDS=6 npm test -- --project simulator test/Exactness": {
    by: "packages/server/test/Docs.live.test.ts",
    as: "EXACTNESS_SEEDS=6 npm test"
  },
  // Programs of others, which no test starts; the same tunnel and the same services stand in the compose file.
  "cloudflared tunnel --url http://localhost:5050": { by: "compose.yaml", as: '"tunnel", "--no-autoupdate"' },
  "docker compose up -d": { by: "compose.yaml", as: "\n  offhook:\n" },
  "docker compose logs offhook": { by: "compose.yaml", as: "\n  offhook:\n" }
}

describe("the commands", () => {
  const fenced = documents.flatMap((document) =>
    matches(read(document), /^```(?:sh|bash|shell|console)\n([\s\S]*?)^```$/gm).flatMap((block) =>
      block.trim().split("\n")
    )
  )

  it("are known, each of them, and no other is listed", () => {
    assert.deepStrictEqual([...new Set(fenced)].sort(), Object.keys(commands).sort())
  })

  it("are run where the list says", () => {
    for (const [command, { as, by }] of Object.entries(commands)) assert.include(read(by), as, command)
  })

  it("the test command stands where CI looks for it", () => {
    assert.match(read("README.md"), /<!-- test-command -->\n```sh\nnpm test\n```\n/)
  })
})
