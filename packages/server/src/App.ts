/**
 * The server, composed once, top to bottom: one port, the calls behind it, the routes in front of them.
 *
 * Layers are released in the reverse order, so the top one is what happens first when the server stops: the server drains
 * (Drain.ts) while everything below still works, then the routes, the calls and the port go, and no socket is left.
 */

import type * as FileSystem from "@effect/platform/FileSystem"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import type * as HttpServer from "@effect/platform/HttpServer"
import type * as Path from "@effect/platform/Path"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import {
  Accounts,
  type AppConfig,
  Callers,
  Calls,
  CallTraces,
  CarrierSocket,
  EdgeLimits,
  type Errors,
  type Guesses,
  HttpListener,
  Metrics,
  ModelSocket,
  type Problem,
  RecordingSink,
  Refusal,
  type Tools,
  TwilioRest
} from "@offhook/adapters"
import type { Agent } from "@offhook/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Drain from "./Drain.ts"
import * as Api from "./http/Api.ts"
import * as Problems from "./http/Problems.ts"
import * as Webhook from "./http/Webhook.ts"
import { version } from "./Version.ts"

export interface Options {
  readonly settings: AppConfig.Settings
  readonly agent: Agent.Agent
  readonly tools: Layer.Layer<Tools.Tools>
  /** How a call is hung up; null: by closing its stream. */
  readonly rest: TwilioRest.Options | null
  /** The model is simulated: nobody but this machine is answered. */
  readonly simulated: boolean
  /** Instead of the usual limits of wrong API tokens. */
  readonly guesses?: Guesses.Limits
  /** What the API tells of the configuration. */
  readonly configuration: ReadonlyArray<AppConfig.Effective>
}

export const layer = (
  options: Options
): Layer.Layer<
  Calls.Calls | HttpListener.HttpListener | HttpServer.HttpServer | Metrics.Metrics,
  Errors.ListenFailed | Problem.StartupProblems,
  FileSystem.FileSystem | Path.Path
> => {
  const { busyLine, drain, greetingLine, host, openai, port, publicUrl, recordings, tailLine, twilio } =
    options.settings

  const sink =
    recordings === null
      ? RecordingSink.RecordingSink.layerNone
      : RecordingSink.RecordingSink.layer({ ...recordings, version })

  const rest =
    options.rest === null
      ? TwilioRest.TwilioRest.layerNone
      : Layer.provide(TwilioRest.TwilioRest.layer(options.rest), NodeHttpClient.layer)

  const calls = Layer.provide(
    Calls.Calls.layer({
      agent: options.agent,
      admittedOnly: Accounts.areConfigured(twilio) || options.simulated,
      accounts: twilio,
      maxCalls: options.settings.maxCalls
    }),
    [ModelSocket.ModelSocket.layer(openai), sink, rest, options.tools]
  )

  const webhook = Webhook.layer({
    accounts: twilio,
    publicUrl,
    callers: Callers.make(options.settings.callers),
    simulated: options.simulated,
    ...(busyLine === null ? {} : { busyLine }),
    ...(drain.url === null ? {} : { drainUrl: drain.url }),
    ...(greetingLine === null ? {} : { greetingLine }),
    ...(tailLine === null ? {} : { tailLine })
  })
  const api = Api.layer({
    tokens: options.settings.api,
    version,
    model: options.agent.model,
    signatures: Accounts.areConfigured(twilio) ? "checked" : "not checked",
    limits: EdgeLimits.inForce({ ...options.settings, agent: options.agent }),
    ...(options.guesses === undefined ? {} : { guesses: options.guesses }),
    configuration: options.configuration
  })
  const problems = Problems.layer([...Api.routes, ...Webhook.routes])
  const http = HttpLayerRouter.serve(Layer.mergeAll(problems, api, webhook), {
    disableLogger: true,
    disableListenLog: true
  })
  const media = CarrierSocket.layer({ accounts: twilio, publicUrl: publicUrl ?? "" })

  return Drain.layer(drain).pipe(
    Layer.provideMerge(Layer.mergeAll(http, media)),
    Layer.provideMerge(calls),
    Layer.provideMerge(HttpListener.layer({ host, port })),
    Layer.provideMerge(Layer.mergeAll(metrics, Refusal.Log.layer, tracesOf(options.settings)))
  )
}

/** Every refusal has its series from the start: its first one is then seen as a step. */
const metrics = Layer.tap(Metrics.Metrics.layer, (context) =>
  Effect.sync(() => {
    const { add } = Context.get(context, Metrics.Metrics)
    for (const reason of Object.keys(Refusal.reasons)) add("offhook_refusals_total", 0, { reason })
  })
)

const tracesOf = ({ traces }: AppConfig.Settings): Layer.Layer<never> =>
  traces === null
    ? Layer.empty
    : Layer.provide(CallTraces.CallTraces.layer({ ...traces, serviceVersion: version }), NodeHttpClient.layer)

/** What the settings say of Twilio's REST API; null where they are not enough. */
export const restOf = ({
  twilio: { accountSid, apiUrl, subaccounts, tokens }
}: AppConfig.Settings): TwilioRest.Options | null => {
  const [authToken] = tokens
  return accountSid === null || authToken === undefined ? null : { accountSid, authToken, apiUrl, subaccounts }
}
