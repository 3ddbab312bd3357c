/** `offhook doctor` and checks that go wrong themselves. */

import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { Tools } from "@offhook/adapters"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import type * as Check from "../src/doctor/Check.ts"
import * as Doctor from "../src/doctor/Doctor.ts"
import * as Startup from "../src/Startup.ts"
import { KEY } from "./support/Live.ts"

describe("the checks themselves", () => {
  const examinedBy = (look: Check.Check["look"]) =>
    Effect.gen(function* () {
      const startup = yield* Startup.load({ OPENAI_API_KEY: KEY })
      const checks = [{ name: "one", asks: "", timeout: "3 seconds", look } as const]
      return yield* Doctor.examine(startup, () => {}, checks)
    }).pipe(Effect.provide([Tools.Tools.layerNone, NodeContext.layer]))

  it.effect("one that does not end is broken off", () =>
    Effect.gen(function* () {
      const examining = yield* Effect.fork(examinedBy(() => Effect.never))
      yield* TestClock.adjust("3 seconds")
      const [found] = yield* Fiber.join(examining)
      assert.match(found?.finding.text ?? "", /nothing came of it in 3 s/)
    })
  )

  it.effect("one that throws is a finding, without what it threw", () =>
    Effect.gen(function* () {
      const [found] = yield* examinedBy(() => Effect.die(new TypeError(KEY)))
      assert.strictEqual(found?.finding._tag, "ToDo")
      assert.strictEqual(found?.finding.text, "the check itself failed (TypeError)")
    })
  )
})
