/** `npm run check`: every static check, each with all its findings, and one exit status. */
import { bin, install, node } from "./workspace.mjs"

const checks = [
  { name: "types", args: [bin.tsc, "-b"] },
  { name: "lint and format", args: [bin.biome, "check", "--error-on-warnings", "--max-diagnostics=none"] },
  { name: "boundaries", args: [bin.depcruise, "--config", ".dependency-cruiser.mjs", "bench", "packages", "examples"] },
  { name: "unused", args: [bin.knip] },
  { name: "dependencies and licences", args: ["scripts/dependencies.mjs"] }
]

const installed = await install()
if (installed !== 0) process.exit(installed)

const failed = []
for (const check of checks) {
  console.log(`\n── ${check.name} ──`)
  if ((await node(check.args)) !== 0) failed.push(check.name)
}
console.log(failed.length === 0 ? "\nAll checks passed." : `\nFailed: ${failed.join(", ")}`)
process.exit(failed.length === 0 ? 0 : 1)
