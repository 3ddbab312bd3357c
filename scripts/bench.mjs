/** `npm run bench [-- filter]`: runs the benchmarks (`packages/<name>/bench/*.bench.ts`). */
import { bin, install, node, sequence } from "./workspace.mjs"

process.exit(await sequence(install, () => node([bin.vitest, "bench", "--run", ...process.argv.slice(2)])))
