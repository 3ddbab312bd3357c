/** Looks by simulation for the bugs of test/bugs/FoundBugs.ts whose kept call is missing or does not show them any more. */
import { bin, install, node, sequence } from "./workspace.mjs"

process.env["FOUND_BUGS"] = "write"
const test = "packages/simulator/test/FoundBugs.test.ts"
process.exit(await sequence(install, () => node([bin.vitest, "run", "--project", "simulator", test])))
