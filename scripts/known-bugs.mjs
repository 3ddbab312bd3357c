/** Looks for every known bug by simulation, and makes docs/KNOWN-BUGS.md anew of what was found. */
import { bin, install, node, sequence } from "./workspace.mjs"

process.env["KNOWN_BUGS"] = "write"
const test = "packages/simulator/test/KnownBugs.test.ts"
process.exit(await sequence(install, () => node([bin.vitest, "run", "--project", "simulator", test])))
