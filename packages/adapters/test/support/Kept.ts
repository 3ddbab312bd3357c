/** The calls that the core keeps, played to a watcher. */

import { readdirSync, readFileSync } from "node:fs"
import { Call, Recording, Replay, type Summary } from "@offhook/core"
import { assert } from "vitest"
import type { Watcher } from "../../src/CallObserver.ts"

const folder = new URL("../../../core/test/calls/", import.meta.url)

export const names = readdirSync(folder).filter((name) => name.endsWith(".jsonl"))

/** The watcher sees the whole call and its release; what comes back is what the call says of itself. */
export const play = (name: string, watcher: Watcher): { readonly summary: Summary } => {
  const recording = Recording.parse(readFileSync(new URL(name, folder), "utf8"))
  const replay = Replay.run(recording, {
    initial: (config) => {
      const begun = Call.initial(config)
      watcher.onStep(null, begun[1])
      return begun
    },
    step: (state: Call.State, event) => {
      const next = Call.step(state, event)
      watcher.onStep(event, next[1])
      return next
    }
  })
  assert(replay.same && replay.end.end === "complete")
  watcher.onReleased(null)
  return { summary: replay.end.summary }
}
