/** The whole server as `App` composes it, between the simulated carrier and the simulated model, over real sockets. */

import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert } from "@effect/vitest"
import {
  type AppConfig,
  Calls,
  type Errors,
  type Guesses,
  HttpListener,
  IncomingCall,
  type Problem,
  Tools
} from "@offhook/adapters"
import { Agent, type Command, Recording, Replay, type Summary } from "@offhook/core"
import { type Brain, CarrierClient, CarrierRest, ModelServer, Speech, SpeechFiles } from "@offhook/simulator"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Supervisor from "effect/Supervisor"
import * as App from "../../src/App.ts"
import * as Port from "./Port.ts"

export interface Options {
  readonly brain: Brain.Brain
  readonly agent?: Partial<Agent.Agent>
  readonly tools?: Readonly<Record<string, Tools.Tool>>
  /** Signatures are checked, and the carrier signs. */
  readonly authToken?: string
  readonly model?: Partial<ModelServer.Options>
  /** Instead of the tokens below. */
  readonly api?: Partial<AppConfig.Settings["api"]>
  readonly guesses?: Guesses.Limits
  readonly traces?: AppConfig.Settings["traces"]
  /** Of what `logs` keeps. */
  readonly logLevel?: LogLevel.LogLevel
}

export type CallOptions = Omit<CarrierClient.Options, "accountSid" | "rest" | "webhookUrl">

export const audio = SpeechFiles.load()

export const clip = (id: Speech.ClipId): Brain.Clip => ({ audio: audio[id], text: Speech.clip(id).text })

export const accountSid = `AC${"0123456789abcdef".repeat(2)}`

export interface Live {
  readonly url: string
  readonly webhookUrl: string
  readonly model: ModelServer.ModelServer
  readonly calls: Context.Tag.Service<Calls.Calls>
  /** Every line of the log so far. */
  readonly logs: ReadonlyArray<string>
  readonly place: (call: CallOptions) => Effect.Effect<CarrierClient.CallResult>
  /** The recording of a call that is over: whole, and the same when it is replayed. */
  readonly recording: (callSid: string) => Effect.Effect<Recorded, PlatformError>
  /** Sockets on the server's port, and fibers of the server, that are there now. */
  readonly connections: Effect.Effect<number>
  readonly fibers: Effect.Effect<number>
  /** Until nothing of a call is left: no call, no socket on either side. */
  readonly settled: Effect.Effect<void, Cause.TimeoutException>
}

export interface Recorded {
  readonly recording: Recording.Recording
  readonly commands: ReadonlyArray<Command>
  readonly summary: Summary
}

/** In the test's scope. When the server is gone, every call that it recorded must replay. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<
  Live,
  Errors.ListenFailed | PlatformError | Problem.StartupProblems,
  FileSystem.FileSystem | Path.Path | Scope.Scope
> {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  yield* Effect.addFinalizer(() => Effect.orDie(allReplay(fs, directory)))
  const { authToken } = options
  const port = authToken === undefined ? 0 : yield* Effect.promise(Port.free)
  const model = yield* closing(() => ModelServer.start({ seed: "server test", ...options.model, brain: options.brain }))
  const rest = yield* closing(() => CarrierRest.start(authToken === undefined ? {} : { authToken }))
  const logs: Array<string> = []
  const supervisor = yield* Supervisor.track

  const settings: AppConfig.Settings = {
    port,
    host: "127.0.0.1",
    publicUrl: authToken === undefined ? null : `http://127.0.0.1:${port}`,
    openai: { apiKey: Redacted.make(KEY), url: model.url, model: null },
    twilio: {
      accountSid,
      tokens: authToken === undefined ? [] : [Redacted.make(authToken)],
      subaccounts: new Map(),
      apiUrl: rest.url
    },
    api: { operator: Redacted.make(OPERATOR), reader: Redacted.make(READER), ...options.api },
    agentFile: null,
    recordings: { directory, audio: true, digits: false, numbers: false, days: 1, maxBytes: 64 * 1024 * 1024 },
    greetingLine: null,
    tailLine: null,
    logLevel: options.logLevel ?? LogLevel.Info,
    traces: options.traces ?? null,
    busyLine: null,
    drain: { seconds: 0, url: null },
    maxCalls: 100,
    callers: { allow: [], deny: [], callerPerMinute: 0, callerPerHour: 0, perMinute: 0 }
  }
  // In a fiber of its own: logger and supervisor are the server's, not the test's.
  const building = yield* App.layer({
    settings,
    agent: { ...Agent.defaults, ...options.agent },
    tools: Tools.Tools.layer(options.tools ?? {}),
    rest: { accountSid, authToken: Redacted.make(authToken ?? "any"), apiUrl: rest.url },
    simulated: false,
    ...(options.guesses === undefined ? {} : { guesses: options.guesses }),
    configuration: [{ name: "OPENAI_API_KEY", value: "(set)", isDefault: false }]
  }).pipe(
    Layer.provide(
      Layer.mergeAll(
        Logger.replace(
          Logger.defaultLogger,
          Logger.make((entry) => void logs.push(Logger.logfmtLogger.log(entry)))
        ),
        Logger.minimumLogLevel(options.logLevel ?? LogLevel.Info),
        Supervisor.addSupervisor(supervisor)
      )
    ),
    Layer.build,
    Effect.fork
  )
  const app = yield* Effect.flatten(Fiber.await(building))
  const listener = Context.get(app, HttpListener.HttpListener)
  const calls = Context.get(app, Calls.Calls)
  const url = `http://127.0.0.1:${listener.port}`
  const webhookUrl = url + IncomingCall.PATH

  return {
    url,
    webhookUrl,
    model,
    calls,
    logs,
    place: (call: CallOptions): Effect.Effect<CarrierClient.CallResult> =>
      Effect.promise((signal) =>
        CarrierClient.placeCall({
          seed: "server test",
          ...(authToken === undefined ? {} : { authToken }),
          signal,
          ...call,
          accountSid,
          webhookUrl,
          rest
        })
      ),
    recording: Effect.fnUntraced(function* (callSid: string) {
      yield* calls.idle
      const recording = Recording.parse(yield* fs.readFileString(`${directory}/${callSid}.jsonl`))
      assert.deepStrictEqual(recording.problems, [])
      const replay = Replay.run(recording)
      assert.isTrue(replay.same, replay.same ? "" : Replay.explain(replay.difference))
      if (!replay.same || recording.end.end !== "complete") return assert.fail("the recording is not whole")
      return { recording, commands: replay.commands, summary: recording.end.summary }
    }),
    connections: listener.connections,
    fibers: Effect.map(supervisor.value, (fibers) => fibers.length),
    settled: Effect.gen(function* () {
      yield* calls.idle
      yield* Effect.promise(() => Promise.all(model.sessions.map(({ closed }) => closed)))
      yield* listener.connections.pipe(
        Effect.repeat({ until: (open) => open === 0, schedule: Schedule.spaced("5 millis") }),
        Effect.timeout("5 seconds")
      )
    })
  }
}, Effect.provide(NodeContext.layer))

const allReplay = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, directory: string) {
  for (const name of yield* fs.readDirectory(directory)) {
    const replay = Replay.run(Recording.parse(yield* fs.readFileString(`${directory}/${name}`)))
    assert.isTrue(replay.same, replay.same ? "" : `${name}: ${Replay.explain(replay.difference)}`)
  }
})

/** What must never be in a log line. */
export const KEY = "sk-test-0123456789abcdef"
export const OPERATOR = "operator-0123456789abcdef"
export const READER = "reader-0123456789abcdef"

/** In the test's scope. */
export const closing = <S extends { readonly close: () => Promise<void> }>(start: () => Promise<S>) =>
  Effect.acquireRelease(Effect.promise(start), (server) => Effect.promise(() => server.close()))

/** All bytes, one after another. */
export const joined = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** How often `part` is in `whole`. */
export const occurrences = (whole: Uint8Array, part: Uint8Array): number => {
  const text = Buffer.from(whole)
  let count = 0
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) count++
  return count
}
