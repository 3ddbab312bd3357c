/**
 * The model's side of a call: one WebSocket a session to OpenAI's Realtime API (protocols.md E.1).
 *
 * 1. Everything that becomes of a connection is an event of its session: connected or failed, then closed.
 * 2. A command before the socket is open, or after it closed, does nothing.
 * 3. The key travels in `Authorization` alone, and stands in no log.
 */

import { type Event, OpenAI } from "@offhook/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { CallDriver } from "../CallDriver.ts"
import type { ConnectFailed } from "../Errors.ts"
import * as WebSocketClient from "../net/WebSocketClient.ts"
import type * as Wire from "../net/Wire.ts"

export interface Options {
  /** `OPENAI_REALTIME_URL`; the model's name is added to its query. */
  readonly url: string
  readonly apiKey: Redacted.Redacted
}

export interface Request {
  readonly session: number
  readonly model: string
  /** Whose events these are. */
  readonly driver: Pick<CallDriver, "dispatch" | "now">
}

export interface Session {
  readonly send: (command: OpenAI.Encodable) => void
  /** Gives the connection up, open or not. */
  readonly close: () => void
}

export class ModelSocket extends Context.Tag("@offhook/adapters/openai/ModelSocket")<
  ModelSocket,
  {
    /** Begins to connect and does not wait; the end of the scope closes the connection. */
    readonly open: (request: Request) => Effect.Effect<Session, never, Scope.Scope>
  }
>() {
  static readonly layer = (options: Options): Layer.Layer<ModelSocket> =>
    Layer.succeed(this, { open: (request) => open(options, request) })
}

const open = Effect.fnUntraced(function* (options: Options, { driver, model, session }: Request) {
  let wire: Wire.Wire | undefined
  let given = false

  const attach = (opened: Wire.Wire): Wire.Handlers => {
    wire = opened
    if (given) opened.close(1000, "")
    else driver.dispatch({ _tag: "ModelConnected", at: driver.now(), session })
    return {
      onText: (text, binary) =>
        driver.dispatch(
          binary
            ? { _tag: "ModelMisbehaved", at: driver.now(), session, what: "binary frame" }
            : OpenAI.decode(text, driver.now(), session)
        ),
      onCongested: () => driver.dispatch({ _tag: "ModelCongested", at: driver.now(), session }),
      onDrained: () => driver.dispatch({ _tag: "ModelDrained", at: driver.now(), session }),
      onClose: (code, reason) => driver.dispatch({ _tag: "ModelClosed", at: driver.now(), session, code, reason })
    }
  }

  const fiber = yield* WebSocketClient.connect(
    { url: urlOf(options.url, model), headers: { Authorization: bearer(options.apiKey) } },
    attach
  ).pipe(
    Effect.catchTag("ConnectFailed", (failed) =>
      Effect.andThen(
        Effect.annotateLogs(Effect.logWarning("no connection to the model"), {
          reason: failed.reason,
          fault: failed.message
        }),
        Effect.sync(() => driver.dispatch(connectFailed(failed, driver.now(), session)))
      )
    ),
    Effect.tapErrorCause((cause) => Effect.logError("the connection to the model failed", cause)),
    Effect.forkScoped
  )

  return {
    send: (command: OpenAI.Encodable) => {
      wire?.send(OpenAI.encode(command))
    },
    close: () => {
      given = true
      if (wire === undefined) Fiber.interruptAsFork(fiber, FiberId.none).pipe(Effect.runFork)
      else wire.close(1000, "")
    }
  }
})

const connectFailed = ({ reason, status }: ConnectFailed, at: number, session: number): Event => ({
  _tag: "ModelConnectFailed",
  at,
  session,
  failure: reason === "timeout" || reason === "status" ? reason : "refused",
  status: status ?? null
})

const urlOf = (url: string, model: string): string => {
  const parsed = new URL(url)
  parsed.searchParams.set("model", model)
  return parsed.href
}

const bearer = (key: Redacted.Redacted): Redacted.Redacted => Redacted.make(`Bearer ${Redacted.value(key)}`)
