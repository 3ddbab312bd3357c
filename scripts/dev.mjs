/** `npm run dev [-- start arguments]`: rebuilds and restarts the server whenever a source file changes. */
import { bin, build, install, node, sequence } from "./workspace.mjs"

process.exit(
  await sequence(install, build, async () => {
    const [, server] = await Promise.all([
      node([bin.tsc, "-b", "--watch", "--preserveWatchOutput", "packages/server/tsconfig.src.json"]),
      node(["--watch", "--watch-preserve-output", bin.offhook, "start", ...process.argv.slice(2)])
    ])
    return server
  })
)
