/** `npm run build`: compiles every package, tests included. */
import { bin, install, node, sequence } from "./workspace.mjs"

process.exit(await sequence(install, () => node([bin.tsc, "-b", ...process.argv.slice(2)])))
