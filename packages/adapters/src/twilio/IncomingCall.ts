/**
 * The answer to the incoming-call webhook: the TwiML that brings the call's audio to us (protocols.md A).
 *
 * The order is what makes it safe: form, signature, call, caller, and only then a model session. A webhook that is wrong
 * is told with a status and nothing of the request; a call that is not taken (shutting down, too many, not allowed) is
 * told in TwiML, since the caller would hear any status as an application error. A repeated webhook is judged once.
 */

import type * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Twilio } from "@offhook/core"
import * as Effect from "effect/Effect"
import { Calls } from "../Calls.ts"
import * as Loopback from "../net/Loopback.ts"
import * as Refusal from "../Refusal.ts"
import * as Accounts from "./Accounts.ts"
import * as Callers from "./Callers.ts"
import * as CarrierSocket from "./CarrierSocket.ts"
import * as Signature from "./Signature.ts"
import * as Webhook from "./Webhook.ts"

export interface Options {
  /** Whose auth tokens may have signed the webhook; without any, nothing is checked and only this machine is answered. */
  readonly accounts: Accounts.Accounts
  /** Who may call; undefined: everybody. */
  readonly callers?: Callers.Callers
  /** The model is simulated: nobody but this machine is answered. */
  readonly simulated?: boolean
  /** The public origin; null: the request's own host, as far as that can be known. */
  readonly publicUrl: string | null
  /** Spoken by Twilio before the agent is connected. */
  readonly greetingLine?: string
  /** Spoken by Twilio when our socket is gone; its words must fit a polite end and a crash. */
  readonly tailLine?: string
  /** Where Twilio sends new calls while the server drains; without it they hear an apology. */
  readonly drainUrl?: string
  /** Spoken by Twilio where as many calls are live as may be. */
  readonly busyLine?: string
}

export const BUSY_LINE = "All our lines are busy at the moment. Please call again in a few minutes."

export interface Request extends Webhook.Request {
  /** `X-Twilio-Signature`. */
  readonly signature: string | undefined
  readonly headers: Readonly<Record<string, string | undefined>>
}

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export const PATH = "/incoming-call"

export const answer = Effect.fnUntraced(function* (
  options: Options,
  request: Request
): Effect.fn.Return<Answer, never, Calls> {
  const calls = yield* Calls
  const { accounts, callers = Callers.everybody, publicUrl } = options
  if (options.simulated === true && !Loopback.isLocal(request.headers)) return yield* refused("webhook_simulated")
  if (!Accounts.areConfigured(accounts) && !Loopback.isLocal(request.headers)) return yield* refused("webhook_remote")
  const form = Webhook.read(request)
  if (form._tag === "Malformed") return yield* refused(form.reason)
  const fault = signatureFault(options, request, form)
  if (fault !== null) return yield* refused(fault)
  const call = Webhook.incomingCall(form)
  if (call._tag === "Malformed") return yield* refused(call.reason)
  const { callSid } = call
  const streamUrl = streamUrlOf(publicUrl, request.headers["host"])
  if (streamUrl === null) return yield* refused("webhook_host")

  const parties = { from: masked(call.from), to: masked(call.to) }
  yield* Effect.annotateLogs(Effect.logDebug("incoming call"), { callSid, ...parties })
  const isRepeated = calls.isLive(callSid)
  // Who is sent elsewhere may come back, and has called once.
  if (!isRepeated && !(yield* calls.isOpen)) return yield* notTaken(options, "call_closed", callSid)
  const unwelcome = isRepeated ? null : yield* callers.judge(call.from)
  if (unwelcome !== null) return yield* notTaken(options, unwelcome, callSid)
  const admission = yield* calls.admit(call, parties)
  if (admission._tag === "Refused") return yield* notTaken(options, admission.reason, callSid)
  const { token } = admission
  return twiml(
    Twilio.TwiML.connectStream({
      streamUrl: `${streamUrl}/${token}`,
      parameters: { token },
      ...(options.greetingLine === undefined ? {} : { say: { text: options.greetingLine } }),
      ...(options.tailLine === undefined ? {} : { tail: { text: options.tailLine } })
    })
  )
})

/** The webhook as a route's handler, for every method. A body that cannot be read is no matter of the webhook. */
export const handler = (
  options: Options
): Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  HttpServerError.RequestError,
  Calls | HttpServerRequest.HttpServerRequest
> =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { headers, method, url } = request
    const body = method === "GET" ? "" : yield* request.text
    return yield* answer(options, {
      method,
      target: url,
      contentType: headers["content-type"],
      body,
      signature: headers["x-twilio-signature"],
      headers
    })
  }).pipe(
    Effect.map(({ body, contentType, status }) =>
      HttpServerResponse.text(body, { status, contentType, headers: status === 405 ? { allow: "GET, POST" } : {} })
    )
  )

/** `wss://` under the public origin; without one what the request says of itself, `ws://` on this machine alone. */
export const streamUrlOf = (publicUrl: string | null, host: string | undefined): string | null => {
  if (publicUrl !== null) return publicUrl.replace(/\/+$/, "").replace(/^http/i, "ws") + CarrierSocket.PATH
  if (host === undefined || !HOST.test(host)) return null
  return `${Loopback.isLoopback(host) ? "ws" : "wss"}://${host}${CarrierSocket.PATH}`
}

/** The last two digits tell two calls apart and name nobody. Of a stranger's megabyte only the end is looked at. */
export const masked = (number: string): string =>
  number.slice(-MAX_NUMBER, -2).replace(/[^+.:@]/g, "*") + number.slice(-2).replace(/[^0-9A-Za-z]/g, "*")

/** E.164 has 16 characters, a SIP address seldom more than this. */
const MAX_NUMBER = 40

const signatureFault = (
  { accounts, publicUrl }: Options,
  { body, signature, target }: Request,
  { fields, params }: Webhook.Form
): Refusal.Reason | null => {
  if (!Accounts.areConfigured(accounts)) return null
  const tokens = Accounts.tokensOf(accounts, fields.get("AccountSid")?.[0] ?? "")
  if (tokens.length === 0) return "webhook_account"
  const signed = { tokens, header: signature, publicUrl: publicUrl ?? "", target, params, body }
  return Signature.webhook(signed) ? null : "webhook_signature"
}

const refused = (reason: Refusal.Reason): Effect.Effect<Answer> =>
  Effect.map(Refusal.told(reason), ({ code, sentence }) => ({
    status: code,
    contentType: "text/plain; charset=utf-8",
    body: sentence
  }))

/** What costs nobody anything is not answered at all: the caller hears a tone, and the account pays for no call. */
const notTaken = (options: Options, reason: Refusal.Reason, callSid: string): Effect.Effect<Answer> =>
  Effect.as(
    Refusal.told(reason, { callSid }),
    twiml(
      reason === "call_denied"
        ? Twilio.TwiML.reject("rejected")
        : reason === "call_caller_rate"
          ? Twilio.TwiML.reject("busy")
          : reason !== "call_closed"
            ? Twilio.TwiML.say({ text: options.busyLine ?? BUSY_LINE })
            : options.drainUrl === undefined
              ? Twilio.TwiML.say({ text: CLOSED_LINE })
              : Twilio.TwiML.redirect(options.drainUrl)
    )
  )

const twiml = (body: string): Answer => ({ status: 200, contentType: "text/xml; charset=utf-8", body })

const CLOSED_LINE = "We cannot take your call at the moment. Please call again in a few minutes."

const HOST = /^(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i
