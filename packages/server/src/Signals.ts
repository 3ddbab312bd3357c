/**
 * Ctrl-C, once. A terminal sends SIGINT to the whole process group and npm passes it on to its child once more, so
 * signals within `TOGETHER` are one: the first ends the program politely (`runMain` interrupts it), the others are the
 * same wish. A later one means it: the program ends at once.
 */

import { constants } from "node:os"
import * as Effect from "effect/Effect"

/** ms. npm passes a signal on within a few; a person needs longer to mean it. */
const TOGETHER = 500

const SIGNALS = ["SIGINT", "SIGTERM"] as const

/** Until the process ends: `runMain` takes its own listeners away at the first signal. */
export const listen: Effect.Effect<void> = Effect.sync(() => {
  let first: number | undefined
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const now = performance.now()
      if (first === undefined) first = now
      else if (now - first > TOGETHER) process.exit(128 + constants.signals[signal])
    })
  }
})
