/**
 * The calls of this server: each begins with its webhook (the model connects at once, while the carrier is on its way)
 * or with its stream: where another process admitted it, or where no Twilio token is configured.
 *
 * A call's scope owns everything the call holds: recording, timer, tools, both sockets. It is closed once, when the
 * machine says `Ended` or cannot go on, and the call counts as live until all of it is released.
 *
 * 1. One live call a CallSid: a repeated webhook gets the same token and starts nothing.
 * 2. A stream token is used up by the first stream that brings it (twilio/StreamToken.ts). Where only admitted calls are
 *    taken, a stream without the token of its call begins nothing and joins nothing.
 * 3. After `close` no webhook begins a call, nor while `maxCalls` are live. Those that are live go on, and those that were
 *    admitted get their stream, whichever process admitted them: Twilio opens it once, so a refusal loses the call. That
 *    is over when calls are asked to end (`endPolitely`, `endAll`).
 */

import { type Agent, type Call, type Command, Prices, type Turn, Twilio } from "@offhook/core"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as CallDriver from "./CallDriver.ts"
import * as CallMetrics from "./CallMetrics.ts"
import * as CallObserver from "./CallObserver.ts"
import * as CallTraces from "./CallTraces.ts"
import { type Problem, StartupProblems } from "./config/Problem.ts"
import { Metrics } from "./Metrics.ts"
import type * as Wire from "./net/Wire.ts"
import * as ModelSocket from "./openai/ModelSocket.ts"
import type * as Refusal from "./Refusal.ts"
import * as RecordingSink from "./recording/RecordingSink.ts"
import * as Tools from "./Tools.ts"
import * as Accounts from "./twilio/Accounts.ts"
import * as StreamToken from "./twilio/StreamToken.ts"
import { TwilioRest } from "./twilio/TwilioRest.ts"
import * as Webhook from "./twilio/Webhook.ts"

export interface Options {
  readonly agent: Agent.Agent
  readonly prices?: Prices.PriceTable
  /** Only calls that a webhook admitted may begin a stream: true where a Twilio token is configured. */
  readonly admittedOnly: boolean
  /** Whose auth tokens sign stream tokens; without any, this process's own secret does. */
  readonly accounts?: Accounts.Accounts
  /** Calls that may be live at once. */
  readonly maxCalls?: number
}

/** Enough for a small installation, few enough for the first limits of a new OpenAI account. */
export const MAX_CALLS = 100

/** What the webhook is answered. */
export type Admission =
  | { readonly _tag: "Admitted"; readonly token: string }
  | { readonly _tag: "Refused"; readonly reason: Extract<Refusal.Reason, "call_closed" | "call_limit"> }

type StreamReason = Extract<Refusal.Reason, `stream_${string}`>

/** What a stream's `start` is answered. */
export type Claim =
  | { readonly _tag: "Claimed"; readonly driver: CallDriver.CallDriver; readonly stream: number }
  | { readonly _tag: "Refused"; readonly reason: StreamReason }

/** A stream that names its call. */
export interface Stream {
  readonly callSid: string
  readonly accountSid: string
  readonly streamSid: string
  /** The parameter `token`, and the token of the URL; undefined where there was none. */
  readonly token: string | undefined
  readonly urlToken: string | undefined
  /** Of its upgrade, for the lines of a call that begins with it. */
  readonly requestId: string | undefined
  /** Marks that were sent and have not come back. */
  readonly marks: { outstanding: number }
  readonly wire: Wire.Wire
  /** Waits until the wire's socket is closed. */
  readonly closed: Effect.Effect<void>
}

/** Who speaks with whom, masked (IncomingCall.masked). */
export interface Parties {
  readonly from: string
  readonly to: string
}

/** A live call, for who looks after it. */
export interface Listed extends Call.View {
  readonly callSid: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly durationMs: number
  /** Null: no webhook told this process. */
  readonly from: string | null
  readonly to: string | null
}

export class Calls extends Context.Tag("@offhook/adapters/Calls")<
  Calls,
  {
    /**
     * A webhook whose signature was checked. Repeated it gets the same token and begins nothing. The annotation `requestId`
     * of who asks is on every line of the call that begins.
     */
    readonly admit: (call: StreamToken.Bound, parties?: Parties) => Effect.Effect<Admission>
    /** Whether a webhook of this call would be a repeated one. */
    readonly isLive: (callSid: string) => boolean
    /** What a stream token proves, before its stream is there. */
    readonly verify: StreamToken.StreamTokens["verify"]
    /** Whether a stream with this token, which was verified, or with none may still come. */
    readonly takesStream: (token: StreamToken.StreamToken | null) => boolean
    /** A stream begins: synchronous, since audio is right behind it. Its events go to the driver that comes back. */
    readonly claim: (stream: Stream) => Claim
    /**
     * A stream with this token of its URL, which was verified, is gone and claimed nothing. Twilio opens no second one, so a
     * call that waits for it is over.
     */
    readonly gone: (urlToken: string, code: number) => void
    /** Calls that have not ended. */
    readonly live: Effect.Effect<number>
    /** The same, the oldest first. */
    readonly list: Effect.Effect<ReadonlyArray<Listed>>
    /** Null: no such call is live. */
    readonly get: (callSid: string) => Effect.Effect<Listed | null>
    /** Asks a call to end, and says what it is then; null: no such call is live. */
    readonly hangUp: (callSid: string) => Effect.Effect<Listed | null>
    /** Whether calls are admitted. */
    readonly isOpen: Effect.Effect<boolean>
    /** No call begins from now on. */
    readonly close: Effect.Effect<void>
    /** Waits until no call is live. */
    readonly idle: Effect.Effect<void>
    /**
     * For a shutdown: asks each live call to end once nobody speaks in it, all that are left after `within`, and waits
     * until none is live.
     */
    readonly endPolitely: (within: Duration.DurationInput) => Effect.Effect<void>
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

/** How often a call that is to end is asked whether somebody speaks: between two words there is more silence. */
const LOOK = Duration.millis(100)

/** After `close(1000)`: ws itself gives a mute peer 2 s. */
const CLOSE_TIMEOUT = Duration.seconds(3)

interface LiveCall {
  readonly driver: CallDriver.CallDriver
  readonly callSid: string
  /** Empty where nobody named it. */
  readonly accountSid: string
  /** ms, by the wall clock. */
  readonly began: number
  parties: Parties | null
  /** Null: the call began with its stream. */
  token: string | null
  streams: number
  carrier: Stream | null
}

const make = Effect.fnUntraced(function* ({
  accounts = Accounts.none,
  admittedOnly,
  agent,
  maxCalls = MAX_CALLS,
  prices = Prices.table
}: Options) {
  const models = yield* ModelSocket.ModelSocket
  const recordings = yield* RecordingSink.RecordingSink
  const tools = yield* Tools.Tools
  const rest = yield* TwilioRest
  const observer = yield* CallObserver.CallObserver
  const metrics = yield* Metrics
  const tracer = yield* CallTraces.CallTraces
  yield* implemented(agent, tools)
  CallMetrics.declare(
    metrics,
    agent.tools.map(({ name }) => name)
  )
  metrics.gauge("offhook_calls_live", () => calls.size)
  metrics.gauge("offhook_draining", () => (isOpen ? 0 : 1))

  const config: Agent.Config = { agent, prices }
  const runLayer = yield* FiberSet.makeRuntime<never>()
  // In parallel: mute peers are waited for together, or a shutdown would take seconds a call.
  const callScopes = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.parallel)
  const runtime = yield* Effect.runtime<never>()
  const clock = yield* Effect.clock
  const tokens = StreamToken.make(accounts, () => clock.unsafeCurrentTimeMillis())
  const calls = new Map<string, LiveCall>()
  const idle = yield* Effect.makeLatch(true)
  let unreleased = 0
  let isOpen = true
  let isShuttingDown = false

  /** By the layer's runtime: the span of the request that brought the call is not the call's, its id is. */
  const begin = (bound: StreamToken.Bound, token: string | null, requestId: string | undefined): LiveCall => {
    const annotations = { callSid: bound.callSid, ...(requestId === undefined ? {} : { requestId }) }
    return Runtime.runSync(
      runtime,
      Effect.flatMap(Scope.fork(callScopes, ExecutionStrategy.sequential), (scope) =>
        start(bound, token, annotations, scope).pipe(
          Effect.provideService(Scope.Scope, scope),
          Effect.annotateLogs(annotations)
        )
      )
    )
  }

  const start = Effect.fnUntraced(function* (
    { accountSid, callSid }: StreamToken.Bound,
    token: string | null,
    annotations: Readonly<Record<string, string>>,
    scope: Scope.CloseableScope
  ) {
    const recording = yield* recordings.open({ callSid, config })
    const run = yield* FiberSet.makeRuntime<never>()
    const callRuntime = yield* Effect.runtime<Scope.Scope>()
    const sessions = new Map<number, ModelSocket.Session>()
    const watchers = [CallMetrics.watch(metrics), CallObserver.watch(observer, callSid)]
    if (tracer !== null) {
      watchers.push(CallTraces.watch(tracer, { callSid, model: agent.model, began: clock.unsafeCurrentTimeMillis() }))
    }
    const watcher = CallObserver.all(watchers, (cause) =>
      log(Effect.logError("an observer failed: it sees no more of this call", Cause.die(cause)))
    )

    const log = (effect: Effect.Effect<void>): void => {
      runLayer(Effect.annotateLogs(effect, annotations))
    }

    const release = (): void => {
      calls.delete(callSid)
      // A stream that is still on its way would begin the call again.
      const token = live.token === null ? "used" : tokens.verify(live.token)
      if (typeof token !== "string") tokens.use(token)
      const released = Effect.sync(() => {
        watcher.onReleased(recording.path())
        if (--unreleased === 0) idle.unsafeOpen()
      })
      runLayer(
        Scope.close(scope, Exit.void).pipe(
          Effect.tapErrorCause((cause) => Effect.logError("a call was not released", cause)),
          Effect.ensuring(released),
          Effect.annotateLogs(annotations),
          Effect.uninterruptible
        )
      )
    }

    const execute = (command: Command): void => {
      switch (command._tag) {
        case "PlayAudio":
        case "Mark":
        case "Clear": {
          const carrier = live.carrier
          if (command._tag === "Mark" && carrier !== null) carrier.marks.outstanding++
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
          log(Effect.annotateLogs(Effect.logDebug("noted"), { what: command.note.what }))
          return
        case "Reacted":
          log(Effect.annotateLogs(Effect.logDebug("reacted"), { to: command.to, ms: command.ms }))
          return
        case "Settled":
          log(Effect.annotateLogs(Effect.logDebug("turn settled"), figuresOf(command.turn)))
          return
        case "Ended": {
          const { costUsd, durationMs, interruptions, outcome, responses } = command.summary
          log(
            Effect.annotateLogs(Effect.logInfo("call ended"), {
              outcome,
              durationMs,
              responses,
              interruptions,
              costUsd: costUsd === null ? "unknown" : Number(costUsd.toFixed(6))
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
        watcher.onStep(event, commands)
      },
      onDefect: (cause) => {
        log(Effect.logError("call failed", Cause.die(cause)))
        live.carrier?.wire.close(1011, "internal error")
        release()
      }
    })

    const hangUpFailed = Effect.sync(() => driver.dispatch({ _tag: "HangUpFailed", at: driver.now() }))
    const hangUp = rest.hangUp(callSid, accountSid).pipe(
      Effect.catchTag("TwilioRestError", ({ message, reason }) =>
        (reason === "NotConfigured" ? Effect.logDebug : Effect.logWarning)(
          "not hung up by REST: the stream is closed"
        ).pipe(Effect.annotateLogs({ reason, fault: message }), Effect.andThen(hangUpFailed))
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

    const began = clock.unsafeCurrentTimeMillis()
    const live: LiveCall = { driver, callSid, accountSid, began, parties: null, token, streams: 0, carrier: null }
    yield* Effect.addFinalizer(() => closeCarrier(live))
    calls.set(callSid, live)
    unreleased++
    idle.unsafeClose()
    yield* Effect.logInfo("call started")
    driver.start()
    return live
  })

  /** The token of a stream that may begin; null where it needs none and has none. */
  const proof = ({ accountSid, callSid, token, urlToken }: Stream): StreamToken.StreamToken | null | StreamReason => {
    if (urlToken !== undefined && token !== urlToken) return "stream_token_mismatch"
    // Where anybody may begin a call, a missing token proves nothing.
    if (token === undefined) return admittedOnly ? "stream_not_admitted" : null
    const verified = tokens.verify(token)
    if (typeof verified === "string") return `stream_token_${verified}`
    const isOfAccount = verified.accountSid === "" || verified.accountSid === accountSid
    return verified.callSid === callSid && isOfAccount ? verified : "stream_token_other"
  }

  const takesStream = (token: StreamToken.StreamToken | null): boolean =>
    calls.has(token?.callSid ?? "") || (!isShuttingDown && (isOpen || token !== null))

  const claim = (stream: Stream): Claim => {
    const { callSid } = stream
    if (!Webhook.CALL_SID.test(callSid)) return refused("stream_call_sid")
    const proven = proof(stream)
    if (typeof proven === "string") return refused(proven)
    const known = calls.get(callSid)
    if (known === undefined && !takesStream(proven)) return refused("stream_closed")
    if (known === undefined && calls.size >= maxCalls) return refused("stream_limit")
    if (known !== undefined && known.streams > 0) return refused("stream_repeated")
    if (proven !== null) tokens.use(proven)
    const live = known ?? begin(stream, proven?.text ?? null, stream.requestId)
    if (calls.get(callSid) !== live) return refused("stream_failed")
    live.carrier = stream
    return { _tag: "Claimed", driver: live.driver, stream: live.streams++ }
  }

  const gone = (urlToken: string, code: number): void => {
    const live = calls.get(StreamToken.parse(urlToken)?.callSid ?? "")
    if (live === undefined || live.token !== urlToken || live.streams > 0) return
    live.driver.dispatch({ _tag: "CarrierClosed", at: live.driver.now(), stream: 0, code })
  }

  const listed = ({ began, callSid, driver, parties }: LiveCall): Listed => ({
    callSid,
    startedAt: DateTime.formatIso(DateTime.unsafeMake(began)),
    durationMs: driver.now(),
    from: parties?.from ?? null,
    to: parties?.to ?? null,
    ...driver.view()
  })

  const one = (callSid: string, first: (call: LiveCall) => void) =>
    Effect.sync((): Listed | null => {
      const call = calls.get(callSid)
      if (call === undefined) return null
      first(call)
      return listed(call)
    })

  const requestEnd = (by: "operator" | "shutdown") =>
    Effect.sync(() => {
      isShuttingDown ||= by === "shutdown"
      for (const { driver } of [...calls.values()]) driver.dispatch({ _tag: "EndRequested", at: driver.now(), by })
    })

  /** Whether every call has been asked; one that is about to end by itself needs nobody to ask. */
  const requestQuietEnds = Effect.sync(() => {
    isShuttingDown = true
    let everyOne = true
    for (const { driver } of [...calls.values()]) {
      const { ending, speaking } = driver.view()
      if (ending !== null) continue
      if (speaking.agent || speaking.caller) everyOne = false
      else driver.dispatch({ _tag: "EndRequested", at: driver.now(), by: "shutdown" })
    }
    return everyOne
  })

  const endPolitely = (within: Duration.DurationInput) =>
    requestQuietEnds.pipe(
      Effect.repeat({ until: (everyOne) => everyOne, schedule: Schedule.spaced(LOOK) }),
      Effect.andThen(idle.await),
      Effect.timeoutTo({ duration: within, onSuccess: () => Effect.void, onTimeout: () => endAll("shutdown") }),
      Effect.flatten
    )

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
    admit: (call, parties) =>
      Effect.map(Effect.logAnnotations, (annotations): Admission => {
        const known = calls.get(call.callSid)
        if (known !== undefined) {
          known.token ??= tokens.mint(call)
          known.parties ??= parties ?? null
          return { _tag: "Admitted", token: known.token }
        }
        if (!isOpen) return { _tag: "Refused", reason: "call_closed" }
        if (calls.size >= maxCalls) return { _tag: "Refused", reason: "call_limit" }
        const token = tokens.mint(call)
        const requestId = Option.getOrUndefined(HashMap.get(annotations, "requestId"))
        begin(call, token, typeof requestId === "string" ? requestId : undefined).parties = parties ?? null
        return { _tag: "Admitted", token }
      }),
    isLive: (callSid) => calls.has(callSid),
    verify: tokens.verify,
    takesStream,
    claim,
    gone,
    live: Effect.sync(() => calls.size),
    list: Effect.sync(() => [...calls.values()].map(listed)),
    get: (callSid) => one(callSid, () => {}),
    hangUp: (callSid) =>
      one(callSid, ({ driver }) => driver.dispatch({ _tag: "EndRequested", at: driver.now(), by: "operator" })),
    isOpen: Effect.sync(() => isOpen),
    close,
    idle: idle.await,
    endPolitely,
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

/** What may stand in a log of a turn: never its words. */
const figuresOf = (turn: Turn): Readonly<Record<string, boolean | number | string>> => {
  if (turn.speaker === "caller") return { speaker: turn.speaker, aside: turn.aside }
  const { generatedMs, heardMs, interrupted, speaker } = turn
  return { speaker, generatedMs, heardMs, interrupted }
}

const closeCarrier = ({ carrier }: LiveCall): Effect.Effect<void> => {
  if (carrier === null) return Effect.void
  const { closed, wire } = carrier
  return Effect.sync(() => wire.close(1000, "")).pipe(
    Effect.andThen(closed.pipe(Effect.interruptible, Effect.timeout(CLOSE_TIMEOUT), Effect.ignore)),
    Effect.ensuring(Effect.sync(wire.terminate))
  )
}

const refused = (reason: StreamReason): Claim => ({ _tag: "Refused", reason })
