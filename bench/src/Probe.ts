/**
 * Preloaded into every server that is measured (`--import`), so that all carry it: answers what only the process itself
 * knows. It ends with its parent.
 */

import { monitorEventLoopDelay } from "node:perf_hooks"

export interface Inside {
  /** Bytes, after collection where the process was started with `--expose-gc`. */
  readonly rss: number
  readonly heap: number
  /** ms, since the last reset: how late a timer of 20 ms was at p99. */
  readonly loopDelay: number
}

const RESOLUTION = 20

if (process.send !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION })
  delay.enable()
  process.on("message", (message) => {
    if (message === "reset") delay.reset()
    if (message !== "probe") return
    const loopDelay = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION)
    globalThis.gc?.()
    globalThis.gc?.()
    const { external, heapUsed, rss } = process.memoryUsage()
    const inside: Inside = { rss, heap: heapUsed + external, loopDelay }
    process.send?.(inside)
  })
  process.on("disconnect", () => process.exit(0))
  process.channel?.unref()
}
