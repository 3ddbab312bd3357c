/** `npm run bench [-- NAME …]`: runs the benchmarks (`packages/<name>/bench/*.mjs`), which measure what is built. */
import { readdirSync } from "node:fs"
import { basename, join } from "node:path"
import { build, install, node, root, sequence } from "./workspace.mjs"

const names = process.argv.slice(2)
const packages = join(root, "packages")
const files = readdirSync(packages, { recursive: true, encoding: "utf8" })
  .filter((file) => /^[^/\\]+[/\\]bench[/\\][^/\\]+\.mjs$/.test(file))
  .filter((file) => names.length === 0 || names.includes(basename(file, ".mjs")))
  .map((file) => join(packages, file))

if (files.length === 0) {
  console.error(`no benchmark is named ${names.join(" or ")}`)
  process.exit(64)
}
process.exit(await sequence(install, build, ...files.map((file) => () => node([file]))))
