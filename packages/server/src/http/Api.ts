/** The contract of `@offhook/api`, carried out. */

import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { type AppConfig, Calls, Guesses, HttpListener, Metrics } from "@offhook/adapters"
import { Api, Problem } from "@offhook/api"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Auth from "./Auth.ts"
import * as Docs from "./Docs.ts"
import { RequestId, type Route } from "./Problems.ts"

export interface Options {
  readonly tokens: Auth.Tokens
  readonly guesses?: Guesses.Limits
  readonly version: string
  readonly model: string
  readonly signatures: "checked" | "not checked"
  readonly limits: Readonly<Record<string, number>>
  readonly configuration: ReadonlyArray<AppConfig.Effective>
}

/** All that the API and its documents answer to. */
export const routes: ReadonlyArray<Route> = (() => {
  const found: Array<Route> = [...Docs.routes]
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint: { method, path } }) => void found.push({ method, path })
  })
  return found
})()

export const layer = (options: Options) => {
  const gate = Auth.gate(options.tokens, options.guesses ?? Guesses.limits)
  const api = HttpLayerRouter.addHttpApi(Api).pipe(
    Layer.provide([health, calls, server(options)]),
    Layer.provide([Auth.layer(gate), NodeHttpServer.layerContext])
  )
  return Layer.merge(api, Docs.layer(gate))
}

const health = HttpApiBuilder.group(Api, "health", (handlers) =>
  Effect.gen(function* () {
    const calls = yield* Calls.Calls
    return handlers
      .handle("live", () => Effect.succeed({ status: "ok" } as const))
      .handle("ready", () =>
        Effect.gen(function* () {
          if (yield* calls.isOpen) return { status: "ready" } as const
          const requestId = yield* RequestId
          return yield* Effect.fail(Problem.NotReady.make({ detail: "The server is shutting down.", requestId }))
        })
      )
  })
)

const calls = HttpApiBuilder.group(Api, "calls", (handlers) =>
  Effect.gen(function* () {
    const calls = yield* Calls.Calls
    const found = <A>(call: A | null) =>
      call === null
        ? Effect.flatMap(RequestId, (requestId) =>
            Effect.fail(Problem.CallNotFound.make({ detail: "No live call here has this CallSid.", requestId }))
          )
        : Effect.succeed(call)
    return handlers
      .handle("list", () => Effect.map(calls.list, (calls) => ({ calls })))
      .handle("get", ({ path }) => Effect.flatMap(calls.get(path.callSid), found))
      .handle("hangUp", ({ path }) =>
        Effect.flatMap(calls.hangUp(path.callSid), found).pipe(
          Effect.tap(({ callSid }) => Effect.annotateLogs(Effect.logInfo("an operator hangs up"), { callSid }))
        )
      )
  })
)

const server = ({ configuration, limits, model, signatures, version }: Options) =>
  HttpApiBuilder.group(Api, "server", (handlers) =>
    Effect.gen(function* () {
      const calls = yield* Calls.Calls
      const listener = yield* HttpListener.HttpListener
      const metrics = yield* Metrics.Metrics
      const clock = yield* Effect.clock
      const began = clock.unsafeCurrentTimeNanos()
      const startedAt = DateTime.formatIso(yield* DateTime.now)
      return handlers
        .handle("information", () =>
          Effect.all({
            version: Effect.succeed(version),
            node: Effect.succeed(process.versions.node),
            startedAt: Effect.succeed(startedAt),
            uptimeSeconds: Effect.sync(() => Math.floor(Number(clock.unsafeCurrentTimeNanos() - began) / 1e9)),
            accepting: calls.isOpen,
            calls: calls.live,
            connections: listener.connections,
            signatures: Effect.succeed(signatures),
            model: Effect.succeed(model),
            limits: Effect.succeed(limits)
          })
        )
        .handle("configuration", () => Effect.succeed({ settings: configuration }))
        .handle("metrics", () =>
          Effect.map(metrics.text, (text) => HttpServerResponse.text(text, { contentType: metrics.contentType }))
        )
    })
  )
