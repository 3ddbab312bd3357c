/** How long a caller would wait for the agent's first sound. It ends the test call, whatever came. */

import * as Effect from "effect/Effect"
import type { Check } from "./Check.ts"
import { ok, quoted, skipped, toDo } from "./Finding.ts"

export const check: Check = {
  name: "first frame",
  asks: "the time from the begin of the stream to the agent's first sound; then the test call hangs up",
  timeout: "25 seconds",
  look: ({ agent, call }) => {
    const { accountSid, callSid, line, stream } = call
    if (line === null || stream === null) return Effect.succeed(skipped("no stream is open"))
    const heard = line.talk({ accountSid, callSid, parameters: stream.parameters }).pipe(
      Effect.map((first) =>
        first._tag === "Audio"
          ? ok(`the agent is heard after ${first.ms} ms`)
          : first.code === 1000 || first.code === 1005
            ? toDo(
                "the server ended the test call before a sound",
                `its model failed: look at the outcome of ${callSid} in its log; its OPENAI_API_KEY or agent may be others than here`
              )
            : toDo(
                `the stream was closed (${first.code}${first.reason === "" ? "" : `: ${quoted(first.reason)}`})`,
                "look at the server's log; 1006 is a proxy or tunnel that cut the connection"
              )
      ),
      agent.greeting === null
        ? Effect.timeoutTo({
            duration: QUIET,
            onSuccess: (finding) => finding,
            onTimeout: () => ok("the stream has begun; the agent waits for the caller to speak first")
          })
        : Effect.timeoutTo({
            duration: PATIENCE,
            onSuccess: (finding) => finding,
            onTimeout: () =>
              toDo(
                `the stream has begun, and no sound came in ${PATIENCE / 1000} s`,
                `look at ${callSid} in the server's log: does it reach the model? Does a proxy hold frames back?`
              )
          })
    )
    return Effect.ensuring(heard, line.hangUp)
  }
}

/** ms. Longer nobody stays on the line. */
const PATIENCE = 15_000

/** ms in which a stream that is refused would have been closed. */
const QUIET = 2_000
