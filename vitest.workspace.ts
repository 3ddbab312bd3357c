import { defineWorkspace } from "vitest/config"

const conditions = ["@offhook/source"]

const project = (name: string, environment: "node" | "edge-runtime", directory: string) => ({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    name,
    root: `packages/${directory}`,
    include: ["test/**/*.test.ts"],
    environment,
    fakeTimers: { toFake: [] }
  }
})

export default defineWorkspace([
  project("core", "node", "core"),
  project("adapters", "node", "adapters"),
  project("simulator", "node", "simulator"),
  project("server", "node", "server")
])
