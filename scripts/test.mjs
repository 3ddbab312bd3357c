/**
 * `npm test [-- vitest arguments]`: runs every test of every package.
 *
 * The last line counts tests: `N passed, N failed`. What keeps tests from running counts as failed: a file that does
 * not load, a hook that throws, a build that breaks, and a run without any test.
 */
import { fileURLToPath } from "node:url"
import { bin, build, install, node, sequence } from "./workspace.mjs"

const reporter = fileURLToPath(new URL("counting-reporter.mjs", import.meta.url))
let counts = { passed: 0, failed: 0 }

const status = await sequence(install, build, () =>
  node([bin.vitest, "run", "--reporter=default", `--reporter=${reporter}`, ...process.argv.slice(2)], {
    onMessage: (message) => {
      counts = /** @type {typeof counts} */ (message)
    }
  })
)
const passed = status === 0 && counts.failed === 0 && counts.passed > 0
const failed = passed ? 0 : Math.max(counts.failed, 1)
console.log(`\n${counts.passed} passed, ${failed} failed`)
process.exit(passed ? 0 : status || 1)
