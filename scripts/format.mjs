/** `npm run format`: formats, and fixes what the linter can fix safely. */
import { bin, install, node, sequence } from "./workspace.mjs"

process.exit(await sequence(install, () => node([bin.biome, "check", "--write", ...process.argv.slice(2)])))
