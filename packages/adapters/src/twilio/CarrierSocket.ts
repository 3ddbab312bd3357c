/**
 * The carrier's side of a call: the WebSocket that Twilio opens to `/media-stream` (protocols.md B).
 *
 * 1. With Twilio tokens an upgrade is accepted only if Twilio signed it.
 * 2. Until its `start` names a call that takes it, a socket is a stranger: it has 10 s and a few messages, and the first
 *    thing wrong ends it with 1008 (1003 for a binary frame, ws itself says 1009 to an oversized one) and one log line.
 * 3. From then on every message becomes an event in the tick in which it arrives, and the machine judges it.
 */

import type { IncomingMessage } from "node:http"
import { Twilio } from "@offhook/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { Calls, type Claim } from "../Calls.ts"
import * as HttpListener from "../net/HttpListener.ts"
import type * as Wire from "../net/Wire.ts"
import * as Signature from "./Signature.ts"

export interface Options {
  /** Auth tokens that may have signed the upgrade; none: nothing is checked. */
  readonly tokens: ReadonlyArray<Redacted.Redacted>
  /** Needed where there are tokens. */
  readonly publicUrl: string
}

/** More path segments after it are ours. */
export const PATH = "/media-stream"

/** Twilio sends `connected` and `start` at once; who says nothing for so long is somebody else. */
export const START_TIMEOUT = Duration.seconds(10)

/** Messages before `start`: Twilio sends one. */
export const MAX_BEFORE_START = 5

/** Serves media streams on the listener. */
export const layer = (options: Options): Layer.Layer<never, never, Calls | HttpListener.HttpListener> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const listener = yield* HttpListener.HttpListener
      yield* listener.upgrade(yield* route(options))
    })
  )

export const route = Effect.fnUntraced(function* (options: Options) {
  const calls = yield* Calls
  const run = yield* FiberSet.makeRuntime<never>()

  const admit = (request: IncomingMessage): Effect.Effect<HttpListener.Verdict> =>
    Effect.gen(function* () {
      if (!(yield* calls.isOpen)) return HttpListener.refuse(503, "shutting down")
      if (isSigned(options, request)) return HttpListener.accept
      yield* Effect.logWarning("a media stream was refused: Twilio did not sign it")
      return HttpListener.refuse(403, "the signature is missing or wrong")
    })

  const accept = (wire: Wire.Wire): Wire.Handlers => {
    const closed = Effect.unsafeMakeLatch(false)
    let messages = 0
    let claimed: Extract<Claim, { readonly _tag: "Claimed" }> | undefined
    let connection: Twilio.Connection = { stream: 0, streamSid: null }
    let isRefused = false

    const refuse = (code: number, reason: string): void => {
      isRefused = true
      waiting.unsafeInterruptAsFork(FiberId.none)
      wire.close(code, reason)
      run(Effect.logWarning(`a media stream was closed before it began: ${reason}`))
    }

    const waiting: Fiber.RuntimeFiber<void> = run(
      Effect.andThen(
        Effect.sleep(START_TIMEOUT),
        Effect.sync(() => refuse(1008, "no start in time"))
      )
    )

    const stranger = (text: string, binary: boolean): void => {
      if (isRefused) return
      if (binary) return refuse(1003, "binary frame")
      const event = Twilio.decode(text, 0, connection)
      if (event === null && ++messages < MAX_BEFORE_START) return
      if (event === null) return refuse(1008, "too many messages before start")
      if (event._tag !== "CarrierStarted") {
        return refuse(1008, event._tag === "CarrierMisbehaved" ? event.what : "message before start")
      }
      const { callSid, parameters, streamSid } = event
      const claim = calls.claim({ callSid, streamSid, token: parameters["token"], wire, closed: closed.await })
      if (claim._tag === "Refused") return refuse(1008, claim.reason)
      waiting.unsafeInterruptAsFork(FiberId.none)
      claimed = claim
      connection = { stream: claim.stream, streamSid }
      claim.driver.dispatch({ ...event, at: claim.driver.now(), stream: claim.stream })
    }

    return {
      onText: (text, binary) => {
        if (claimed === undefined) return stranger(text, binary)
        const { driver, stream } = claimed
        const at = driver.now()
        if (binary) return driver.dispatch({ _tag: "CarrierMisbehaved", at, stream, what: "binary frame" })
        const event = Twilio.decode(text, at, connection)
        if (event !== null) driver.dispatch(event)
      },
      onClose: (code) => {
        closed.unsafeOpen()
        if (claimed !== undefined) {
          const { driver, stream } = claimed
          return driver.dispatch({ _tag: "CarrierClosed", at: driver.now(), stream, code })
        }
        if (isRefused) return
        waiting.unsafeInterruptAsFork(FiberId.none)
        run(Effect.logWarning(`a media stream closed before it began: ${code}`))
      }
    }
  }

  return {
    matches: (path: string) => path === PATH || path.startsWith(`${PATH}/`),
    admit,
    accept
  } satisfies HttpListener.UpgradeRoute
})

const isSigned = ({ publicUrl, tokens }: Options, request: IncomingMessage): boolean => {
  if (tokens.length === 0) return true
  const header = request.headers["x-twilio-signature"]
  return Signature.upgrade({
    tokens,
    header: typeof header === "string" ? header : undefined,
    publicUrl,
    target: request.url ?? ""
  })
}
