/**
 * How the server stops: the first thing that happens when it is asked to, while every route still answers.
 *
 * 1. At once it is not ready any more, and new calls are refused in words or sent elsewhere (IncomingCall). Nothing else
 *    changes: health and API answer, and calls that were admitted get their stream.
 * 2. Live calls go on until they end, `seconds` at most.
 * 3. Then they are ended politely: each once nobody speaks in it, the rest after `LAST_WORDS`. Their streams close, and
 *    Twilio speaks the tail of their TwiML.
 *    Without any seconds they are ended at once.
 * 4. All of it takes under `seconds` + 10 s, mute peers included: what a platform has to wait before it kills. Behind the
 *    6 s here are 3 for sockets and 1 for the last traces, one after another.
 */

import { type AppConfig, Calls } from "@offhook/adapters"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

/** A sentence is over by then. */
const LAST_WORDS = Duration.seconds(5)

/** Last words, and the round trip of a close. */
const END_TIMEOUT = Duration.seconds(6)

export const layer = (options: AppConfig.Settings["drain"]): Layer.Layer<never, never, Calls.Calls> =>
  Layer.scopedDiscard(
    Effect.flatMap(Calls.Calls, (calls) => Effect.addFinalizer(() => stop(calls, Duration.seconds(options.seconds))))
  )

/** A finalizer cannot be interrupted, so its waits must be made interruptible or their timeouts would never fire. */
const stop = Effect.fnUntraced(function* (calls: Calls.Calls["Type"], patience: Duration.Duration) {
  yield* calls.close
  const live = yield* calls.live
  yield* Effect.annotateLogs(Effect.logInfo("stopping: no new calls"), {
    calls: live,
    seconds: Duration.toSeconds(patience)
  })
  const ended = yield* calls.idle.pipe(Effect.interruptible, Effect.timeoutOption(patience))
  if (Option.isSome(ended)) return
  yield* Effect.annotateLogs(Effect.logWarning("the time to stop is up: calls are ended"), { calls: yield* calls.live })
  const ending = Duration.toMillis(patience) === 0 ? calls.endAll("shutdown") : calls.endPolitely(LAST_WORDS)
  yield* ending.pipe(Effect.interruptible, Effect.timeout(END_TIMEOUT), Effect.ignore)
})
