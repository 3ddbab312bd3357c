/** `GET /`: whether this server is up, for load balancers and people. 503 once it shuts down: send no new calls. */

import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Calls } from "@offhook/adapters"
import * as Effect from "effect/Effect"

export interface Health {
  readonly status: "ok" | "shutting down"
  readonly version: string
  /** Seconds since start. */
  readonly uptime: number
  /** Live calls. */
  readonly calls: number
}

export const layer = (version: string) =>
  HttpLayerRouter.use((router) =>
    Effect.gen(function* () {
      const calls = yield* Calls.Calls
      const clock = yield* Effect.clock
      const began = clock.unsafeCurrentTimeNanos()
      const health = Effect.gen(function* () {
        const isOpen = yield* calls.isOpen
        const body: Health = {
          status: isOpen ? "ok" : "shutting down",
          version,
          uptime: Math.floor(Number(clock.unsafeCurrentTimeNanos() - began) / 1e9),
          calls: yield* calls.live
        }
        return HttpServerResponse.unsafeJson(body, { status: isOpen ? 200 : 503 })
      })
      yield* router.add("GET", "/", health)
    })
  )
