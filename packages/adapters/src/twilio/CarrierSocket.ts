/**
 * The carrier's side of a call: the WebSocket that Twilio opens to `/media-stream/<token>` (protocols.md B).
 *
 * 1. With Twilio tokens an upgrade is accepted only if Twilio signed it and its path holds a stream token that is right
 *    and unused; without them only from this machine.
 * 2. Until its `start` names a call that takes it, a socket is a stranger: it has 10 s and a few messages, and the first
 *    thing wrong ends it. Strangers are few: who comes beyond `MAX_WAITING` is not let in.
 * 3. From then on every message becomes an event in the tick in which it arrives, and the machine judges it.
 * 4. Nobody sends more than `RATE`, pings and pongs included, from the first moment. Echoes of marks that are outstanding
 *    never count: we asked for them.
 */

import type { IncomingMessage } from "node:http"
import { type Event, Twilio } from "@offhook/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import { Calls, type Claim } from "../Calls.ts"
import * as HttpListener from "../net/HttpListener.ts"
import * as HttpProblem from "../net/HttpProblem.ts"
import * as Loopback from "../net/Loopback.ts"
import type * as Wire from "../net/Wire.ts"
import * as Refusal from "../Refusal.ts"
import * as Accounts from "./Accounts.ts"
import * as Signature from "./Signature.ts"
import * as StreamToken from "./StreamToken.ts"

export interface Options {
  /** Whose auth tokens may have signed the upgrade; without any, only this machine is answered. */
  readonly accounts: Accounts.Accounts
  /** Needed where there are tokens. */
  readonly publicUrl: string
}

/** The segment after it is the stream token. */
export const PATH = "/media-stream"

/** Twilio sends `connected` and `start` at once; who says nothing for so long is somebody else. */
export const START_TIMEOUT = Duration.seconds(10)

/** Messages before `start`: Twilio sends one. */
export const MAX_BEFORE_START = 5

/** Sockets that have not said `start`: many times what a burst of calls needs for the round trip between the two. */
export const MAX_WAITING = 256

/** Messages a second, twice what audio is. `burst` is what a line of 60 s that stood still delivers at once, and more. */
export const RATE = { perSecond: 100, burst: 4_000 }

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
  const clock = yield* Effect.clock
  const run = yield* FiberSet.makeRuntime<never>()
  let strangers = 0

  const fault = (request: IncomingMessage): Refusal.Reason | null => {
    const { accounts } = options
    const text = tokenOf(request)
    if (Accounts.areConfigured(accounts)) {
      if (!isSigned(options, request, text)) return "upgrade_signature"
      if (text === undefined) return "upgrade_token_missing"
    } else if (!Loopback.isLocal(request.headers)) {
      return "upgrade_remote"
    }
    const token = text === undefined ? null : calls.verify(text)
    if (typeof token === "string") return `upgrade_token_${token}`
    if (!calls.takesStream(token)) return "upgrade_closed"
    return strangers < MAX_WAITING ? null : "upgrade_waiting"
  }

  const admit = (request: IncomingMessage): HttpListener.Verdict | Effect.Effect<HttpListener.Verdict> => {
    const reason = fault(request)
    if (reason === null) return HttpListener.accept
    return Effect.map(Refusal.told(reason), ({ code, sentence }) => HttpListener.refuse(code, sentence))
  }

  const accept = (wire: Wire.Wire, request: IncomingMessage): Wire.Handlers => {
    const urlToken = tokenOf(request)
    const closed = Effect.unsafeMakeLatch(false)
    const marks = { outstanding: 0 }
    let messages = 0
    let claimed: Extract<Claim, { readonly _tag: "Claimed" }> | undefined
    let connection: Twilio.Connection = { stream: 0, streamSid: null }
    // Of the token, which was verified, until a start names the call.
    let callSid = urlToken === undefined ? undefined : StreamToken.parse(urlToken)?.callSid
    const header = request.headers[HttpProblem.REQUEST_ID]
    const requestId = typeof header === "string" ? header : undefined
    let isRefused = false
    let isWaiting = true
    // Of the rate: what came and has not been forgotten yet, and when it was counted, ms.
    let level = 0
    let countedAt = 0
    strangers++

    const tell = (reason: Refusal.Reason, annotations: Readonly<Record<string, string | number>> = {}): void => {
      run(
        Refusal.told(reason, {
          ...annotations,
          ...(callSid === undefined ? {} : { callSid }),
          ...(requestId === undefined ? {} : { requestId })
        })
      )
    }

    const refuse = (reason: Refusal.Reason, what?: string): void => {
      isRefused = true
      noLonger()
      const { code, sentence } = Refusal.reasons[reason]
      wire.close(code, sentence)
      tell(reason, what === undefined ? {} : { what })
    }

    const waiting: Fiber.RuntimeFiber<void> = run(
      Effect.andThen(
        Effect.sleep(START_TIMEOUT),
        Effect.sync(() => refuse("stream_start_timeout"))
      )
    )

    const noLonger = (): void => {
      if (!isWaiting) return
      isWaiting = false
      strangers--
      waiting.unsafeInterruptAsFork(FiberId.none)
    }

    const stranger = (text: string, binary: boolean): void => {
      if (binary) return refuse("stream_binary")
      const event = Twilio.decode(text, 0, connection)
      if (event === null && ++messages < MAX_BEFORE_START) return
      if (event === null) return refuse("stream_before_start", "too many messages before start")
      if (event._tag !== "CarrierStarted") {
        return refuse("stream_before_start", event._tag === "CarrierMisbehaved" ? event.what : "message before start")
      }
      const { accountSid, parameters, streamSid } = event
      const claim = calls.claim({
        callSid: event.callSid,
        accountSid,
        streamSid,
        token: parameters["token"],
        urlToken,
        requestId,
        marks,
        wire,
        closed: closed.await
      })
      if (claim._tag === "Refused") return refuse(claim.reason)
      noLonger()
      claimed = claim
      callSid = event.callSid
      connection = { stream: claim.stream, streamSid }
      claim.driver.dispatch({ ...event, at: claim.driver.now(), stream: claim.stream })
    }

    const isTooFast = (): boolean => {
      const at = Number(clock.unsafeCurrentTimeNanos()) / 1e6
      level = Math.max(0, level - ((at - countedAt) * RATE.perSecond) / 1000) + 1
      countedAt = at
      return level > RATE.burst
    }

    return {
      onText: (text, binary) => {
        if (isRefused) return
        if (claimed === undefined) return stranger(text, binary)
        const { driver, stream } = claimed
        const at = driver.now()
        const event: Event | null = binary
          ? { _tag: "CarrierMisbehaved", at, stream, what: "binary frame" }
          : Twilio.decode(text, at, connection)
        if (event !== null && event._tag === "CarrierMarked" && marks.outstanding > 0) marks.outstanding--
        else if (isTooFast()) return refuse("stream_rate")
        if (event !== null) driver.dispatch(event)
      },
      onControl: () => {
        if (!isRefused && isTooFast()) refuse("stream_rate")
      },
      onCongested: () => {
        if (claimed === undefined) return
        const { driver, stream } = claimed
        driver.dispatch({ _tag: "CarrierCongested", at: driver.now(), stream })
      },
      onDrained: () => {
        if (claimed === undefined) return
        const { driver, stream } = claimed
        driver.dispatch({ _tag: "CarrierDrained", at: driver.now(), stream })
      },
      onClose: (code) => {
        noLonger()
        closed.unsafeOpen()
        if (!isRefused) {
          const breach = BREACHES[code]
          if (breach !== undefined) tell(breach)
          else if (claimed === undefined) tell("stream_gone", { code })
        }
        if (claimed === undefined) {
          if (urlToken !== undefined) calls.gone(urlToken, code)
          return
        }
        const { driver, stream } = claimed
        driver.dispatch({ _tag: "CarrierClosed", at: driver.now(), stream, code })
      }
    }
  }

  return {
    matches: (path: string) => path === PATH || path.startsWith(`${PATH}/`),
    admit,
    accept
  } satisfies HttpListener.UpgradeRoute
})

/** Close codes of ours for what ws itself finds wrong; a peer may send them too, and then means the same. */
const BREACHES: Readonly<Record<number, Refusal.Reason>> = {
  1002: "stream_protocol",
  1007: "stream_protocol",
  1008: "stream_message_size",
  1009: "stream_message_size"
}

/** Undefined where the path has no further segment; with a slash at its end Twilio may call what was written without. */
const tokenOf = (request: IncomingMessage): string | undefined => {
  const path = (request.url ?? "").split("?", 1)[0] ?? ""
  const text = path.slice(PATH.length + 1).replace(/\/$/, "")
  return text === "" ? undefined : text
}

/** By the account that the token names; what it names is believed only after the signature. */
const isSigned = ({ accounts, publicUrl }: Options, request: IncomingMessage, token: string | undefined): boolean => {
  const accountSid = token === undefined ? "" : (StreamToken.parse(token)?.accountSid ?? "")
  const header = request.headers["x-twilio-signature"]
  return Signature.upgrade({
    tokens: Accounts.tokensOf(accounts, accountSid),
    header: typeof header === "string" ? header : undefined,
    publicUrl,
    target: request.url ?? ""
  })
}
