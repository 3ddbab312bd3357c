/** `node scripts/offhook.mjs <subcommand> [args]`: installs and builds what is missing, then runs Offhook. */
import { bin, build, install, node, sequence } from "./workspace.mjs"

process.exit(await sequence(install, build, () => node([bin.offhook, ...process.argv.slice(2)])))
