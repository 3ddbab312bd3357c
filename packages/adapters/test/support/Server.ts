/** The adapters as a server composes them, on loopback, with logs that can be read and fibers that can be counted. */

import * as Http from "node:http"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { NodeContext } from "@effect/platform-node"
import { assert } from "@effect/vitest"
import { Agent, Recording, Replay } from "@offhook/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Supervisor from "effect/Supervisor"
import { CallObserver, type Observer } from "../../src/CallObserver.ts"
import { Calls, MAX_CALLS } from "../../src/Calls.ts"
import * as Metrics from "../../src/Metrics.ts"
import * as HttpListener from "../../src/net/HttpListener.ts"
import { ModelSocket } from "../../src/openai/ModelSocket.ts"
import { RecordingSink } from "../../src/recording/RecordingSink.ts"
import { type Tool, Tools } from "../../src/Tools.ts"
import * as Accounts from "../../src/twilio/Accounts.ts"
import * as Callers from "../../src/twilio/Callers.ts"
import * as CarrierSocket from "../../src/twilio/CarrierSocket.ts"
import * as IncomingCall from "../../src/twilio/IncomingCall.ts"
import { TwilioRest } from "../../src/twilio/TwilioRest.ts"
import * as Peers from "./Peers.ts"

export const KEY = "sk-test-0123456789abcdef0123456789"

export interface Options {
  readonly modelUrl: string
  readonly agent?: Partial<Agent.Agent>
  readonly tools?: Readonly<Record<string, Tool>>
  readonly tokens?: ReadonlyArray<Redacted.Redacted>
  readonly subaccounts?: Accounts.Accounts["subaccounts"]
  /** None: whatever the tokens sign for. */
  readonly accountSid?: string | null
  readonly callers?: Callers.Callers
  readonly drainUrl?: string
  readonly simulated?: boolean
  readonly maxCalls?: number
  readonly limits?: Partial<HttpListener.Limits>
  readonly publicUrl?: string | null
  readonly rest?: Layer.Layer<TwilioRest>
  readonly observer?: Partial<Observer>
  readonly recordings?: string
}

export interface Server {
  readonly port: number
  readonly calls: Context.Tag.Service<Calls>
  readonly listener: Context.Tag.Service<HttpListener.HttpListener>
  /** Call recordings that are over, by CallSid. */
  readonly files: ReadonlyMap<string, string>
  /** Every log line so far, at every level. */
  readonly logs: ReadonlyArray<string>
  readonly forgetLogs: () => void
  /** What was refused so far: how often, by reason. */
  readonly refusals: Effect.Effect<Readonly<Record<string, number>>>
  /** Fibers that live now, of the server alone. */
  readonly fibers: Effect.Effect<number>
}

/** In the test's scope, with real time. When the server is gone, every call that it recorded must replay. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const files = new Map<string, string>()
  yield* Effect.addFinalizer(() => Effect.sync(() => files.forEach(replays)))
  const logs: Array<string> = []
  const supervisor = yield* Supervisor.track
  const metrics = Metrics.make()
  const logger = Logger.make((entry) => {
    logs.push(Logger.logfmtLogger.log(entry))
  })
  const accounts: Accounts.Accounts = {
    accountSid: options.accountSid ?? null,
    tokens: options.tokens ?? [],
    subaccounts: options.subaccounts ?? new Map()
  }
  const publicUrl = options.publicUrl ?? null
  const agent = { ...Agent.defaults, ...options.agent }
  const answering = IncomingCall.handler({
    accounts,
    publicUrl,
    callers: options.callers ?? Callers.everybody,
    simulated: options.simulated ?? false,
    ...(options.drainUrl === undefined ? {} : { drainUrl: options.drainUrl })
  })
  const media = Layer.mergeAll(
    CarrierSocket.layer({ accounts, publicUrl: publicUrl ?? "" }),
    HttpLayerRouter.serve(HttpLayerRouter.add("*", IncomingCall.PATH, answering), {
      disableLogger: true,
      disableListenLog: true
    })
  )
  const recordings =
    options.recordings === undefined
      ? RecordingSink.layerMemory(files)
      : RecordingSink.layer({ directory: options.recordings, version: "test" }).pipe(Layer.provide(NodeContext.layer))
  const layer = media.pipe(
    Layer.provideMerge(
      Calls.layer({
        agent,
        admittedOnly: Accounts.areConfigured(accounts),
        accounts,
        maxCalls: options.maxCalls ?? MAX_CALLS
      })
    ),
    Layer.provide([
      ModelSocket.layer({ url: options.modelUrl, apiKey: Redacted.make(KEY) }),
      Tools.layer(options.tools ?? {}),
      options.rest ?? TwilioRest.layerNone,
      recordings,
      Layer.succeed(Metrics.Metrics, metrics),
      Layer.succeed(CallObserver, { onStep: () => {}, onReleased: () => {}, ...options.observer })
    ]),
    Layer.provideMerge(HttpListener.layer({ host: "127.0.0.1", port: 0, limits: { grace: 200, ...options.limits } })),
    Layer.provide([
      Layer.succeed(Metrics.Metrics, metrics),
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.All),
      Supervisor.addSupervisor(supervisor)
    ])
  )
  // In a fiber of its own: logger and supervisor are the server's, not the test's.
  const building = yield* Effect.fork(Layer.build(layer))
  const context = yield* Effect.flatten(Fiber.await(building))
  const listener = Context.get(context, HttpListener.HttpListener)
  return {
    port: listener.port,
    listener,
    calls: Context.get(context, Calls),
    files,
    logs,
    forgetLogs: () => {
      logs.length = 0
    },
    refusals: Effect.map(metrics.text, (text) =>
      Object.fromEntries(
        [...text.matchAll(/^offhook_refusals_total\{reason="(\w+)"\} (\d+)$/gm)].map(([, reason = "", count]) => [
          reason,
          Number(count)
        ])
      )
    ),
    fibers: Effect.map(supervisor.value, (fibers) => fibers.length)
  } satisfies Server
})

const replays = (text: string, callSid: string): void => {
  const replayed = Replay.run(Recording.parse(text))
  assert.isTrue(replayed.same, replayed.same ? "" : `${callSid}: ${Replay.explain(replayed.difference)}`)
}

/** Posts the webhook, as Twilio does: status and body. */
export const webhook = (port: number, callSid: string, headers: Record<string, string> = {}) =>
  request(port, "POST", IncomingCall.PATH, `CallSid=${callSid}&From=%2B15551230001&To=%2B15559870002`, {
    "content-type": "application/x-www-form-urlencoded",
    ...headers
  })

/** One request on a connection of its own: `fetch` would leave timers behind. */
export const request = (port: number, method: string, path: string, body = "", headers: Record<string, string> = {}) =>
  Effect.async<{ readonly status: number; readonly body: string }>((resume) => {
    const asked = Http.request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      response.on("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, body: text })))
    })
    asked.on("error", (cause) => resume(Effect.die(cause)))
    asked.end(body)
  })

export const tokenOf = (twiml: string): string => /name="token" value="([^"]*)"/.exec(twiml)?.[1] ?? ""

let calls = 0

/** A CallSid that no other test of the file has. */
export const nextCall = () => `CA${String(++calls).padStart(32, "0")}`

/** Webhook and stream, with the first frame of audio. */
export const begin = (server: Server, callSid: string) =>
  Effect.gen(function* () {
    const { body } = yield* webhook(server.port, callSid)
    const carrier = yield* Peers.carrier(server.port, callSid)
    carrier.connected()
    carrier.start({ token: tokenOf(body) })
    carrier.media(1)
    return carrier
  })

/** Timers that keep the process alive. */
export const timersNow = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length

/** Taken before the first call; what comes back waits until nothing is left but what was there then. */
export const baseOf = Effect.fnUntraced(function* (server: Server) {
  const fibers = yield* server.fibers
  const timers = timersNow()
  return Effect.gen(function* () {
    yield* server.calls.idle
    yield* Effect.zipRight(Effect.sleep("2 millis"), server.listener.connections).pipe(
      Effect.repeat({ until: (open) => open === 0 }),
      Effect.timeout("5 seconds")
    )
    yield* Effect.zipRight(Effect.sleep("2 millis"), server.fibers).pipe(
      Effect.repeat({ until: (now) => now === fibers }),
      Effect.timeout("5 seconds")
    )
    // Without a timeout, which would be a timer too.
    yield* Effect.zipRight(Effect.sleep("2 millis"), Effect.sync(timersNow)).pipe(
      Effect.repeat({ until: (now) => now <= timers })
    )
  })
})
