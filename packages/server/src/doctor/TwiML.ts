/** What the webhook answered, read as Twilio reads it, and where it sends the call. */

import { IncomingCall } from "@offhook/adapters"
import { CarrierTwiml } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import type { Check } from "./Check.ts"
import { ok, quoted, shown, skipped, toDo } from "./Finding.ts"

export const check: Check = {
  name: "TwiML",
  asks: "the answer, as strictly as Twilio: it connects the call to a media stream of this `PUBLIC_URL`, with a token",
  timeout: "5 seconds",
  look: (the) =>
    Effect.sync(() => {
      const { answer } = the.call
      if (answer === null) return skipped("the webhook gave none")
      const document = CarrierTwiml.parse(answer.body, answer.contentType ?? "")
      if (document._tag === "Refused") {
        return toDo(
          `no TwiML (Twilio's error ${document.code}: ${quoted(document.message)})`,
          "let PUBLIC_URL lead to Offhook, and no proxy change its answers"
        )
      }
      const connect = document.verbs.find((verb) => verb._tag === "Connect")
      if (connect === undefined) {
        return document.verbs.some((verb) => verb._tag === "Reject")
          ? toDo(
              "the test call was rejected, by the rules for callers",
              "let OFFHOOK_ALLOW_CALLERS or OFFHOOK_DENY_CALLERS of the server take who calls; or it was examined too often: wait a minute"
            )
          : toDo(
              "the test call was not taken: it is told so, or sent elsewhere",
              "the server is stopping, or full (OFFHOOK_MAX_CALLS, OFFHOOK_CALLS_PER_MINUTE): its log has the reason"
            )
      }
      const { parameters, url } = connect.stream
      const expected = IncomingCall.streamUrlOf(the.settings.publicUrl, new URL(the.origin).host)
      if (!url.startsWith(`${expected}/`)) {
        return toDo(
          `the stream is to be at ${shown(url).replace(/(\/media-stream)\/.*$/, "$1")}, not under this PUBLIC_URL`,
          "give the server the same PUBLIC_URL, and start it again"
        )
      }
      the.call.stream = { url, parameters }
      return ok(`connects the call to ${shown(expected ?? "")}, with a token`)
    })
}
