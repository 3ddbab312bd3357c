/**
 * `npm run bench [-- MODE] [options]`: what a call costs (bench/src/main.ts); `npm run bench -- micro`, or the name of a
 * file: benchmarks of one thing (`packages/<name>/bench/*.mjs`). All measure what is built.
 */
import { readdirSync } from "node:fs"
import { basename, join } from "node:path"
import { bin, build, install, node, root, sequence } from "./workspace.mjs"

const args = process.argv.slice(2)
const packages = join(root, "packages")
const files = readdirSync(packages, { recursive: true, encoding: "utf8" })
  .filter((file) => /^[^/\\]+[/\\]bench[/\\][^/\\]+\.mjs$/.test(file))
  .map((file) => join(packages, file))
const micro = args.includes("micro") ? files : files.filter((file) => args.includes(basename(file, ".mjs")))

const buildBench = () => node([bin.tsc, "-b", "bench/tsconfig.src.json"])
const steps =
  micro.length > 0 ? micro.map((file) => () => node([file])) : [buildBench, () => node(["bench/dist/main.js", ...args])]
process.exit(await sequence(install, build, ...steps))
