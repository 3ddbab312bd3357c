/** `POST|GET /incoming-call`: what Twilio asks when the phone rings, answered with TwiML (adapters' IncomingCall). */

import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Calls, IncomingCall } from "@offhook/adapters"
import * as Effect from "effect/Effect"

export interface Options extends IncomingCall.Options {
  /** Only who asks this machine by its own name gets an answer: no tunnel brings a public number here. */
  readonly loopbackOnly: boolean
}

export const layer = (options: Options) =>
  HttpLayerRouter.use((router) =>
    Effect.gen(function* () {
      const calls = yield* Calls.Calls
      const answer = IncomingCall.handler(options).pipe(
        Effect.provideService(Calls.Calls, calls),
        Effect.catchTag("RequestError", () =>
          Effect.as(
            Effect.logWarning("a webhook was refused: its body cannot be read"),
            plain(400, "the body cannot be read")
          )
        )
      )
      const handler = options.loopbackOnly ? Effect.flatMap(isLocal, (local) => (local ? answer : SIMULATED)) : answer
      yield* router.add("GET", IncomingCall.PATH, handler)
      yield* router.add("POST", IncomingCall.PATH, handler)
    })
  )

/** A proxy or tunnel on this machine gives itself away: it keeps the public host, or says for whom it asks. */
const isLocal = Effect.map(
  HttpServerRequest.HttpServerRequest,
  ({ headers }) => LOOPBACK.test(headers["host"] ?? "") && headers["x-forwarded-for"] === undefined
)

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i

const plain = (status: number, text: string) =>
  HttpServerResponse.text(text, { status, contentType: "text/plain; charset=utf-8" })

const SIMULATED = Effect.as(
  Effect.logWarning("a webhook was refused: it came from elsewhere, and the model here is simulated"),
  plain(403, "the model of this server is simulated: it answers nobody but this machine")
)
