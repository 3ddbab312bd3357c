import { fileURLToPath } from "node:url"
import { defineWorkspace } from "vitest/config"

/** Packages are tested from their sources: this export condition stands first in each package.json. */
const conditions = ["@offhook/source"]

const project = (name: string, root = `packages/${name}`, tests = "test/**/*.test.ts") => ({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    name,
    root,
    include: [tests],
    setupFiles: [fileURLToPath(new URL("scripts/take-turns.mjs", import.meta.url))],
    environment: "node",
    // For machines that are busy: no test waits for a time that it could wait for an event.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fakeTimers: { toFake: [] }
  }
})

/** The core once more, in an edge runtime: web standards only, no Node.js. Tests that need Node.js are `*.node.test.ts`. */
const edge = project("core")
const coreOnTheEdge = {
  ...edge,
  test: {
    ...edge.test,
    name: "core:edge",
    exclude: ["test/**/*.node.test.ts"],
    environment: "edge-runtime",
    pool: "vmThreads" as const
  }
}

/** Calls in real time need the machine: after everything else, one file after another. */
const alone = (one: ReturnType<typeof project>) => ({
  ...one,
  test: {
    ...one.test,
    sequence: { groupOrder: 1 },
    pool: "forks" as const,
    poolOptions: { forks: { singleFork: true } }
  }
})

export default defineWorkspace([
  project("core"),
  coreOnTheEdge,
  project("api"),
  project("adapters"),
  project("simulator"),
  alone(project("server")),
  alone(project("bench", "bench")),
  alone(project("examples", "examples", "*/*.test.ts"))
])
