/** The media stream's WebSocket, through proxy or tunnel, with the token of the TwiML and a signature over its URL. */

import { CarrierSocket, type Errors, Refusal } from "@offhook/adapters"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Check } from "./Check.ts"
import { type Finding, ok, quoted, skipped, toDo } from "./Finding.ts"
import * as Http from "./Http.ts"
import * as Line from "./Line.ts"
import * as Webhook from "./Webhook.ts"

export const check: Check = {
  name: "upgrade",
  asks: "the WebSocket of the media stream, through proxy or tunnel, signed and with the token",
  timeout: "15 seconds",
  look: (the) => {
    const { stream } = the.call
    if (stream === null) return Effect.succeed(skipped("no TwiML names a stream"))
    return Line.open(stream.url, Webhook.signature(the, stream.url)).pipe(
      Effect.timed,
      Effect.map(([took, line]) => {
        the.call.line = line
        return ok(`the WebSocket is open after ${Math.round(Duration.toMillis(took))} ms`)
      }),
      Effect.catchTag("ConnectFailed", (failed) => Effect.succeed(judge(failed)))
    )
  }
}

const PROXY =
  `let the proxy pass WebSockets to ${CarrierSocket.PATH} (HTTP/1.1 with Upgrade and Connection, which nginx does not by ` +
  "itself), with path and X-Twilio-Signature as they are"

const judge = ({ body, reason, status }: Errors.ConnectFailed): Finding => {
  if (reason !== "status") {
    return toDo(
      reason === "timeout" ? "no answer to the upgrade in time" : "the connection is lost at the upgrade",
      PROXY
    )
  }
  const problem = Http.problemOf(undefined, body ?? "")
  if (problem === null) {
    return toDo(`something that is not Offhook answers the upgrade with ${status}`, PROXY)
  }
  return problem === Refusal.reasons.upgrade_signature.sentence
    ? toDo(
        "Offhook refuses the upgrade: the signature is missing or wrong",
        "the proxy must pass X-Twilio-Signature and leave the path as it is; the server's PUBLIC_URL must be the one given here"
      )
    : toDo(
        `Offhook refuses the upgrade with ${status}: ${quoted(problem)}`,
        status === 404 ? PROXY : "look at the server's log: each refusal has its line"
      )
}
