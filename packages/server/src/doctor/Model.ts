/** A session of the model, opened and configured as a call's is, and closed again. It speaks no word, so it costs nothing. */

import { ModelSocket } from "@offhook/adapters"
import type { Event } from "@offhook/core"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Case, Check } from "./Check.ts"
import { type Finding, ok, quoted, shown, toDo } from "./Finding.ts"

export const check: Check = {
  name: "model",
  asks: "the OpenAI key, the model and the agent: a session is opened, configured, and must echo G.711 mu-law",
  timeout: "20 seconds",
  look: (the) =>
    Effect.gen(function* () {
      const { agent } = the
      const models = yield* ModelSocket.ModelSocket
      const events = yield* Queue.unbounded<Event>()
      const began = performance.now()
      const now = () => Math.round(performance.now() - began)
      const driver = { now, dispatch: (event: Event) => void Queue.unsafeOffer(events, event) }
      const session = yield* models.open({ session: 0, model: agent.model, driver })
      while (true) {
        const event = yield* Queue.take(events)
        if (event._tag === "ModelConnected") session.send({ _tag: "ConfigureModel", session: 0, agent })
        const finding = judge(the, event)
        if (finding !== null) return finding
      }
    }).pipe(Effect.scoped, Effect.provide(ModelSocket.ModelSocket.layer(the.settings.openai)))
}

const judge = ({ agent: { model }, settings }: Case, event: Event): Finding | null => {
  switch (event._tag) {
    case "ModelConnectFailed":
      return event.failure === "status"
        ? ofStatus(event.status ?? 0, model)
        : toDo(
            `${shown(settings.openai.url)} ${event.failure === "timeout" ? "does not answer in time" : "cannot be reached"}`,
            "let this machine reach it by TLS on port 443, or put OPENAI_REALTIME_URL right"
          )
    case "ModelErred": {
      const { code, message, param } = event.error
      const isKnown = code !== null && Object.hasOwn(CODES, code)
      return isKnown
        ? CODES[code as keyof typeof CODES](model)
        : toDo(
            `the session was refused: ${quoted(`${code ?? event.error.type}: ${message}`)}`,
            param === null
              ? "put the agent file right, or look at status.openai.com"
              : `put right what the agent file says of ${quoted(param)}`
          )
    }
    case "ModelClosed":
      return event.code === 3000
        ? CODES.invalid_api_key()
        : toDo(
            `the session was closed before it was configured (${event.code}${event.reason === "" ? "" : `: ${quoted(event.reason)}`})`,
            "look at status.openai.com and at the limits of the OpenAI account"
          )
    case "ModelMisbehaved":
      return toDo(
        `what answers does not speak the Realtime protocol: ${event.what}`,
        "leave OPENAI_REALTIME_URL out, or let it lead to OpenAI's Realtime API"
      )
    case "ModelSessionUpdated": {
      const formats = [event.input, event.output].map((format) =>
        format === null ? null : format.type === "other" ? format.name : format.type
      )
      const others = formats.filter((format) => format !== null && format !== "audio/pcmu")
      return others.length === 0
        ? ok(`${model} is configured after ${event.at} ms, mu-law both ways`)
        : toDo(
            `${model} echoes ${others.map((format) => quoted(String(format))).join(" and ")}, not audio/pcmu: callers would hear noise`,
            "choose a model of the Realtime API that takes G.711 (OPENAI_MODEL)"
          )
    }
    default:
      return null
  }
}

const KEY = "create a key at https://platform.openai.com/api-keys and set OPENAI_API_KEY"

const CODES = {
  invalid_api_key: () => toDo("OpenAI does not know the key", KEY),
  account_deactivated: () => toDo("the OpenAI account is deactivated", KEY),
  model_not_found: (model: string) =>
    toDo(
      `${model} does not exist for this OpenAI account`,
      "set OPENAI_MODEL (or the agent's model) to one of https://platform.openai.com/docs/models that the account may use"
    ),
  insufficient_quota: () =>
    toDo("the OpenAI account has no credit", "add some at https://platform.openai.com/settings/organization/billing"),
  billing_hard_limit_reached: () =>
    toDo(
      "the OpenAI account has reached its limit",
      "raise it at https://platform.openai.com/settings/organization/limits"
    )
} satisfies Readonly<Record<string, (model: string) => Finding>>

const ofStatus = (status: number, model: string): Finding => {
  switch (status) {
    case 401:
      return CODES.invalid_api_key()
    case 403:
      return toDo(
        "OpenAI refuses with 403: the key may not use the Realtime API, or not from this country",
        "give the key the permission, or take one of another project"
      )
    case 400:
    case 404:
      return toDo(
        `OpenAI answers ${status}: there is no model ${model} for this account, or OPENAI_REALTIME_URL leads elsewhere`,
        "put OPENAI_MODEL right (or the agent's model), and leave OPENAI_REALTIME_URL out"
      )
    case 429:
      return toDo(
        "OpenAI refuses with 429: too many sessions, or no credit",
        "look at the limits of the OpenAI account"
      )
    default:
      return toDo(
        `OpenAI answers ${status} instead of opening a session`,
        "look at https://status.openai.com, try again"
      )
  }
}
