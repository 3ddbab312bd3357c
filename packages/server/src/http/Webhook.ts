/** `POST|GET /incoming-call`: what Twilio asks when the phone rings, answered with TwiML (adapters' IncomingCall). */

import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { Calls, IncomingCall } from "@offhook/adapters"
import * as Effect from "effect/Effect"

export const layer = (options: IncomingCall.Options) =>
  HttpLayerRouter.use((router) =>
    Effect.gen(function* () {
      const calls = yield* Calls.Calls
      const handler = Effect.provideService(IncomingCall.handler(options), Calls.Calls, calls)
      yield* router.add("GET", IncomingCall.PATH, handler)
      yield* router.add("POST", IncomingCall.PATH, handler)
    })
  )
