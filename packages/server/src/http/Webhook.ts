/** `POST|GET /incoming-call`: what Twilio asks when the phone rings, answered with TwiML (adapters' IncomingCall). */

import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { Calls, IncomingCall, Metrics } from "@offhook/adapters"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Route } from "./Problems.ts"

export const routes: ReadonlyArray<Route> = [
  { method: "GET", path: IncomingCall.PATH },
  { method: "POST", path: IncomingCall.PATH }
]

export const layer = (options: IncomingCall.Options) =>
  HttpLayerRouter.use((router) =>
    Effect.gen(function* () {
      const calls = yield* Calls.Calls
      const metrics = yield* Metrics.Metrics
      const handler = IncomingCall.handler(options).pipe(
        Effect.provideService(Calls.Calls, calls),
        Effect.timed,
        Effect.map(([took, response]) => {
          metrics.observe("offhook_webhook_seconds", Duration.toSeconds(took), { status: String(response.status) })
          return response
        })
      )
      // Of any method: what is no call is refused as such, told and counted.
      yield* router.add("*", IncomingCall.PATH, handler)
    })
  )
