/**
 * Who may import whom (docs/design.md "Shape"): core <- adapters, core <- simulator, all of them and api <- server.
 *
 * Packages resolve to their sources, by the export condition `@offhook/source`, so that every rule is about files.
 */

const src = (name) => `^packages/${name}/src/`
/** Where the simulator's machines meet the world. */
const shells = "(ws|node|bin)/"

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "resolves",
      comment: "An import that leads nowhere.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true }
    },
    {
      name: "no-cycles",
      severity: "error",
      from: { path: "^(bench|packages)/" },
      to: { circular: true }
    },
    {
      name: "no-tests-in-sources",
      severity: "error",
      from: { path: "^packages/[^/]+/src/" },
      to: { path: "^packages/[^/]+/(test|bench)/|(^|/)node_modules/(vitest|@vitest|@effect/vitest)/" }
    },
    {
      name: "core-imports-nothing",
      comment: "The core is pure: no package, no Node.js, no sibling.",
      severity: "error",
      from: { path: src("core") },
      to: { pathNot: src("core") }
    },
    {
      name: "api-is-the-contract-alone",
      comment: "Clients take it without the server: Effect's HttpApi, and nothing else.",
      severity: "error",
      from: { path: src("api") },
      to: { pathNot: `${src("api")}|(^|/)node_modules/(effect|@effect/platform)/` }
    },
    {
      name: "adapters-know-core",
      severity: "error",
      from: { path: src("adapters") },
      to: { path: "^packages/(?!adapters/src/|core/src/)" }
    },
    {
      name: "simulator-knows-core",
      severity: "error",
      from: { path: src("simulator") },
      to: { path: "^packages/(?!simulator/src/|core/src/)" }
    },
    {
      name: "simulator-is-sans-io",
      comment: "Only what stands in src/ws, src/node and src/bin touches sockets or Node.js.",
      severity: "error",
      from: { path: src("simulator"), pathNot: `${src("simulator")}${shells}` },
      to: { dependencyTypes: ["core"] }
    },
    {
      name: "simulator-is-sans-ws",
      comment: "Only what stands in src/ws, src/node and src/bin touches sockets or Node.js.",
      severity: "error",
      from: { path: src("simulator"), pathNot: `${src("simulator")}${shells}` },
      to: { path: "(^|/)node_modules/(@types/)?(ws|node)/" }
    },
    {
      name: "simulator-knows-no-shell",
      comment: "The machines do not know what drives them; the index names both.",
      severity: "error",
      from: { path: src("simulator"), pathNot: `${src("simulator")}(${shells}|index\\.ts$)` },
      to: { path: `${src("simulator")}${shells}` }
    },
    {
      name: "bench-stands-outside",
      comment: "What is measured runs in a process of its own, as users run it; the measure shares no code with it.",
      severity: "error",
      from: { path: "^bench/" },
      to: { path: "^packages/" }
    },
    {
      name: "twilio-knows-the-vocabulary",
      comment: "The carrier's wire words meet the core's own words, and nothing else.",
      severity: "error",
      from: { path: `${src("core")}twilio/` },
      to: { path: `${src("core")}(openai/|index\\.ts|testing\\.ts|Call\\.ts|Replay\\.ts)` }
    },
    {
      name: "openai-knows-the-vocabulary",
      comment: "The model's wire words meet the core's own words, and nothing else.",
      severity: "error",
      from: { path: `${src("core")}openai/` },
      to: { path: `${src("core")}(twilio/|index\\.ts|testing\\.ts|Call\\.ts|Replay\\.ts)` }
    },
    {
      name: "core-speaks-no-wire",
      comment:
        "Inside the core only the index names a wire's modules: the machine would serve another carrier or model.",
      severity: "error",
      from: { path: src("core"), pathNot: `${src("core")}(twilio/|openai/|index\\.ts$|testing\\.ts$)` },
      to: { path: `${src("core")}(twilio|openai)/` }
    },
    {
      name: "declared-dependencies",
      comment: "What a package imports stands in its own package.json.",
      severity: "error",
      from: { path: "^(bench|packages)/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] }
    },
    {
      name: "no-dev-dependencies-in-sources",
      comment: "Who installs a package does not get its development dependencies.",
      severity: "error",
      from: { path: "^packages/[^/]+/src/" },
      to: { dependencyTypes: ["npm-dev"] }
    }
  ],
  options: {
    doNotFollow: { path: "(^|/)node_modules/" },
    exclude: { path: "^(bench|packages/[^/]+)/(dist|build)/" },
    combinedDependencies: false,
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ["@offhook/source", "import", "types", "default"],
      exportsFields: ["exports"],
      extensions: [".ts", ".mts", ".js", ".mjs", ".json"],
      mainFields: ["module", "main", "types"]
    }
  }
}
