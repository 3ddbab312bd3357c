/**
 * The calls of this server: each begins with its webhook (the model connects at once, while the carrier is on its way)
 * or, where no Twilio token is configured, with its stream.
 *
 * A call's scope owns everything the call holds: recording, timer, tools, both sockets. It is closed once, when the
 * machine says `Ended` or cannot go on, and the call counts as live until all of it is released.
 *
 * 1. One live call a CallSid: a repeated webhook gets the same token and starts nothing.
 * 2. A stream token is random, is compared in constant time and is used up by the first stream that brings it. Where
 *    a Twilio token is configured only an admitted call with its token may begin a stream.
 * 3. After `close` no call begins; those that are live go on until they end or `endAll` asks them to.
 */

import { Buffer } from "node:buffer"
import { randomBytes, timingSafeEqual } from "node:crypto"
import { type Agent, type Command, Prices, Twilio } from "@offhook/core"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as CallDriver from "./CallDriver.ts"
import { CallObserver } from "./CallObserver.ts"
import { type Problem, StartupProblems } from "./config/Problem.ts"
import type * as Wire from "./net/Wire.ts"
import * as ModelSocket from "./openai/ModelSocket.ts"
import * as RecordingSink from "./recording/RecordingSink.ts"
import * as Tools from "./Tools.ts"
import { TwilioRest } from "./twilio/TwilioRest.ts"
import * as Webhook from "./twilio/Webhook.ts"

export interface Options {
  readonly agent: Agent.Agent
  readonly prices?: Prices.PriceTable
  /** Only calls that a webhook admitted may begin a stream: true where a Twilio token is configured. */
  readonly admittedOnly: boolean
}

/** What the webhook is answered. */
export type Admission = { readonly _tag: "Admitted"; readonly token: string } | { readonly _tag: "Closed" }

/** What a stream's `start` is answered. `reason` holds nothing of the request. */
export type Claim =
  | { readonly _tag: "Claimed"; readonly driver: CallDriver.CallDriver; readonly stream: number }
  | { readonly _tag: "Refused"; readonly reason: string }

/** A stream that names its call. */
export interface Stream {
  readonly callSid: string
  readonly streamSid: string
  /** The parameter `token`; undefined where there was none. */
  readonly token: string | undefined
  readonly wire: Wire.Wire
  /** Waits until the wire's socket is closed. */
  readonly closed: Effect.Effect<void>
}

export class Calls extends Context.Tag("@offhook/adapters/Calls")<
  Calls,
  {
    /** A webhook whose signature was checked. */
    readonly admit: (callSid: string) => Effect.Effect<Admission>
    /** A stream begins: synchronous, since audio is right behind it. Its events go to the driver that comes back. */
    readonly claim: (stream: Stream) => Claim
    /** Calls that have not ended. */
    readonly live: Effect.Effect<number>
    /** Whether calls are admitted. */
    readonly isOpen: Effect.Effect<boolean>
    /** No call begins from now on. */
    readonly close: Effect.Effect<void>
    /** Waits until no call is live. */
    readonly idle: Effect.Effect<void>
    /** Asks every live call to end, and waits until none is live. */
    readonly endAll: (by: "operator" | "shutdown") => Effect.Effect<void>
  }
>() {
  static readonly layer = (
    options: Options
  ): Layer.Layer<
    Calls,
    StartupProblems,
    ModelSocket.ModelSocket | RecordingSink.RecordingSink | Tools.Tools | TwilioRest
  > => Layer.scoped(this, make(options))
}

/** When the layer ends, for calls that nobody asked to end before: the carrier's close takes a round trip. */
const SHUTDOWN_TIMEOUT = Duration.seconds(2)

/** After `close(1000)`: ws itself gives a mute peer 2 s. */
const CLOSE_TIMEOUT = Duration.seconds(3)

interface LiveCall {
  readonly driver: CallDriver.CallDriver
  /** Null: the call began with its stream. */
  readonly token: string | null
  streams: number
  carrier: Stream | null
}

const make = Effect.fnUntraced(function* ({ admittedOnly, agent, prices = Prices.table }: Options) {
  const models = yield* ModelSocket.ModelSocket
  const recordings = yield* RecordingSink.RecordingSink
  const tools = yield* Tools.Tools
  const rest = yield* TwilioRest
  const observer = yield* CallObserver
  yield* implemented(agent, tools)

  const config: Agent.Config = { agent, prices }
  const runLayer = yield* FiberSet.makeRuntime<never>()
  // In parallel: mute peers are waited for together, or a shutdown would take seconds a call.
  const callScopes = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.parallel)
  const runtime = yield* Effect.runtime<never>()
  const calls = new Map<string, LiveCall>()
  const idle = yield* Effect.makeLatch(true)
  let unreleased = 0
  let isOpen = true
  let isShuttingDown = false

  /** By the layer's runtime: the span and the annotations of the request that brought the call are not the call's. */
  const begin = (callSid: string, token: string | null): LiveCall =>
    Runtime.runSync(
      runtime,
      Effect.flatMap(Scope.fork(callScopes, ExecutionStrategy.sequential), (scope) =>
        start(callSid, token, scope).pipe(
          Effect.provideService(Scope.Scope, scope),
          Effect.annotateLogs("callSid", callSid)
        )
      )
    )

  const start = Effect.fnUntraced(function* (callSid: string, token: string | null, scope: Scope.CloseableScope) {
    const recording = yield* recordings.open({ callSid, config })
    const run = yield* FiberSet.makeRuntime<never>()
    const callRuntime = yield* Effect.runtime<Scope.Scope>()
    const sessions = new Map<number, ModelSocket.Session>()
    let isWatched = true

    const log = (effect: Effect.Effect<void>): void => {
      runLayer(Effect.annotateLogs(effect, "callSid", callSid))
    }

    const release = (): void => {
      calls.delete(callSid)
      const released = Effect.sync(() => {
        try {
          if (isWatched) observer.onReleased(callSid, recording.path())
        } catch (cause) {
          unwatch(cause)
        }
        if (--unreleased === 0) idle.unsafeOpen()
      })
      runLayer(
        Scope.close(scope, Exit.void).pipe(
          Effect.tapErrorCause((cause) => Effect.logError("a call was not released", cause)),
          Effect.ensuring(released),
          Effect.annotateLogs("callSid", callSid),
          Effect.uninterruptible
        )
      )
    }

    const unwatch = (cause: unknown): void => {
      isWatched = false
      log(Effect.logError("an observer failed: it sees no more of this call", Cause.die(cause)))
    }

    const execute = (command: Command): void => {
      switch (command._tag) {
        case "PlayAudio":
        case "Mark":
        case "Clear": {
          const carrier = live.carrier
          carrier?.wire.send(Twilio.encode(command, carrier.streamSid))
          return
        }
        case "CloseCarrier":
          return live.carrier?.wire.close(1000, "")
        case "HangUp":
          run(hangUp)
          return
        case "ConnectModel": {
          const opened = models.open({ session: command.session, model: agent.model, driver })
          sessions.set(command.session, Runtime.runSync(callRuntime, opened))
          return
        }
        case "CloseModel":
          return sessions.get(command.session)?.close()
        case "RunTool":
          run(runTool(command))
          return
        case "Note":
          log(Effect.logDebug(`note: ${command.note.what}`))
          return
        case "Reacted":
          log(Effect.logDebug(`${command.to} after ${command.ms} ms`))
          return
        case "Settled":
          log(Effect.logDebug(`turn of the ${command.turn.speaker} settled`))
          return
        case "Ended": {
          const { costUsd, durationMs, interruptions, outcome, responses } = command.summary
          log(
            Effect.annotateLogs(Effect.logInfo("call ended"), {
              outcome,
              durationMs,
              responses,
              interruptions,
              costUsd: costUsd ?? "unknown"
            })
          )
          return release()
        }
        default:
          return sessions.get(command.session)?.send(command)
      }
    }

    const driver = yield* CallDriver.make({
      config,
      execute,
      onStep: (event, commands) => {
        recording.add(event, commands)
        try {
          if (isWatched) observer.onStep(callSid, event, commands)
        } catch (cause) {
          unwatch(cause)
        }
      },
      onDefect: (cause) => {
        log(Effect.logError("call failed", Cause.die(cause)))
        live.carrier?.wire.close(1011, "internal error")
        release()
      }
    })

    const hangUpFailed = Effect.sync(() => driver.dispatch({ _tag: "HangUpFailed", at: driver.now() }))
    const hangUp = rest.hangUp(callSid).pipe(
      Effect.catchTag("TwilioRestError", ({ message, reason }) =>
        Effect.andThen(reason === "NotConfigured" ? Effect.logDebug(message) : Effect.logWarning(message), hangUpFailed)
      ),
      Effect.catchAllDefect((defect) =>
        Effect.andThen(Effect.logError("hanging up failed", Cause.die(defect)), hangUpFailed)
      )
    )

    const runTool = ({ arguments: args, call, name }: Extract<Command, { readonly _tag: "RunTool" }>) => {
      const spec = agent.tools.find((tool) => tool.name === name) ?? { name, timeoutMs: 0 }
      return Tools.run(tools, spec, args, { callSid, call }).pipe(
        Effect.map((output) => driver.dispatch({ _tag: "ToolFinished", at: driver.now(), call, output })),
        Effect.catchTag("TimeoutException", () => Effect.void)
      )
    }

    const live: LiveCall = { driver, token, streams: 0, carrier: null }
    yield* Effect.addFinalizer(() => closeCarrier(live))
    calls.set(callSid, live)
    unreleased++
    idle.unsafeClose()
    yield* Effect.logInfo("call started")
    driver.start()
    return live
  })

  const claim = (stream: Stream): Claim => {
    const { callSid, token } = stream
    if (!Webhook.CALL_SID.test(callSid)) return refused("CallSid must be CA and letters or digits")
    const known = calls.get(callSid)
    if (known === undefined) {
      if (admittedOnly) return refused("no webhook admitted this call")
      if (!isOpen) return refused("the server is shutting down")
    } else {
      if (known.streams > 0) return refused("the call has had its stream")
      // Where anybody may begin a call, a missing token proves nothing.
      if (token === undefined ? admittedOnly : known.token === null || !same(token, known.token)) {
        return refused("the stream token is not the call's")
      }
    }
    const live = known ?? begin(callSid, null)
    if (calls.get(callSid) !== live) return refused("the call could not begin")
    live.carrier = stream
    return { _tag: "Claimed", driver: live.driver, stream: live.streams++ }
  }

  const requestEnd = (by: "operator" | "shutdown") =>
    Effect.sync(() => {
      isShuttingDown ||= by === "shutdown"
      for (const { driver } of [...calls.values()]) driver.dispatch({ _tag: "EndRequested", at: driver.now(), by })
    })

  const endAll = (by: "operator" | "shutdown") => Effect.andThen(requestEnd(by), idle.await)
  const close = Effect.sync(() => {
    isOpen = false
  })

  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      close,
      Effect.suspend(() =>
        isShuttingDown
          ? Effect.void
          : endAll("shutdown").pipe(Effect.interruptible, Effect.timeout(SHUTDOWN_TIMEOUT), Effect.ignore)
      )
    )
  )

  return Calls.of({
    admit: (callSid) =>
      Effect.suspend((): Effect.Effect<Admission> => {
        const known = calls.get(callSid)
        if (known !== undefined) return Effect.succeed({ _tag: "Admitted", token: known.token ?? "" })
        if (!isOpen) return Effect.succeed({ _tag: "Closed" })
        const token = randomBytes(24).toString("base64url")
        return Effect.as(
          Effect.sync(() => begin(callSid, token)),
          { _tag: "Admitted", token }
        )
      }),
    claim,
    live: Effect.sync(() => calls.size),
    isOpen: Effect.sync(() => isOpen),
    close,
    idle: idle.await,
    endAll
  })
})

const implemented = (
  agent: Agent.Agent,
  tools: ReadonlyMap<string, Tools.Tool>
): Effect.Effect<void, StartupProblems> => {
  const problems = Tools.missing(agent, tools).map(
    (name): Problem => ({
      name: "OFFHOOK_AGENT",
      problem: `the agent offers the tool "${name}", which this program does not have`,
      fix: `take it out of "tools", or give it to Tools.layer`
    })
  )
  return problems.length === 0 ? Effect.void : Effect.fail(new StartupProblems({ problems }))
}

const closeCarrier = ({ carrier }: LiveCall): Effect.Effect<void> => {
  if (carrier === null) return Effect.void
  const { closed, wire } = carrier
  return Effect.sync(() => wire.close(1000, "")).pipe(
    Effect.andThen(closed.pipe(Effect.interruptible, Effect.timeout(CLOSE_TIMEOUT), Effect.ignore)),
    Effect.ensuring(Effect.sync(wire.terminate))
  )
}

const refused = (reason: string): Claim => ({ _tag: "Refused", reason })

const same = (given: string, expected: string): boolean => {
  const a = Buffer.from(given)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}
