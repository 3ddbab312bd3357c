/**
 * The answer to the incoming-call webhook: the TwiML that brings the call's audio to us (protocols.md A).
 *
 * The order is what makes it safe: form, signature, call, and only then a model session. What is refused is told with a
 * status and nothing of the request; a call that cannot be taken (shutting down) is told to the caller in words.
 */

import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Twilio } from "@offhook/core"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { Calls } from "../Calls.ts"
import * as CarrierSocket from "./CarrierSocket.ts"
import * as Signature from "./Signature.ts"
import * as Webhook from "./Webhook.ts"

export interface Options {
  /** Auth tokens that may have signed the webhook; none: nothing is checked. */
  readonly tokens: ReadonlyArray<Redacted.Redacted>
  /** The public origin; null: the request's own host, as far as that can be known. */
  readonly publicUrl: string | null
  /** Spoken by Twilio before the agent is connected. */
  readonly greetingLine?: string
  /** Spoken by Twilio when our socket is gone; its words must fit a polite end and a crash. */
  readonly tailLine?: string
}

export interface Request extends Webhook.Request {
  /** `X-Twilio-Signature`. */
  readonly signature: string | undefined
  readonly host: string | undefined
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
  const form = Webhook.read(request)
  if (form._tag === "Malformed") return yield* refused(form.status, form.reason)
  if (!isSigned(options, request, form)) return yield* refused(403, "the signature is missing or wrong")
  const call = Webhook.incomingCall(form)
  if (call._tag === "Malformed") return yield* refused(call.status, call.reason)
  const streamUrl = streamUrlOf(options.publicUrl, request.host)
  if (streamUrl === null) return yield* refused(400, "the request names no host, and PUBLIC_URL is not set")

  yield* Effect.logDebug("incoming call").pipe(
    Effect.annotateLogs({ callSid: call.callSid, from: masked(call.from), to: masked(call.to) })
  )
  const admission = yield* calls.admit(call.callSid)
  if (admission._tag === "Closed") return twiml(Twilio.TwiML.say({ text: CLOSED_LINE }))
  return twiml(
    Twilio.TwiML.connectStream({
      streamUrl,
      parameters: { token: admission.token },
      ...(options.greetingLine === undefined ? {} : { say: { text: options.greetingLine } }),
      ...(options.tailLine === undefined ? {} : { tail: { text: options.tailLine } })
    })
  )
})

/** The webhook as a route's handler, for GET and POST. */
export const handler = Effect.fnUntraced(function* (options: Options) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const { headers, method, url } = request
  const body = method === "GET" ? "" : yield* request.text
  const {
    body: text,
    contentType,
    status
  } = yield* answer(options, {
    method,
    target: url,
    contentType: headers["content-type"],
    body,
    signature: headers["x-twilio-signature"],
    host: headers["host"]
  })
  return HttpServerResponse.text(text, { status, contentType })
})

/** `wss://` under the public origin; without one what the request says of itself, `ws://` on this machine alone. */
export const streamUrlOf = (publicUrl: string | null, host: string | undefined): string | null => {
  if (publicUrl !== null) return publicUrl.replace(/\/+$/, "").replace(/^http/i, "ws") + CarrierSocket.PATH
  if (host === undefined || !HOST.test(host)) return null
  return `${LOOPBACK.test(host) ? "ws" : "wss"}://${host}${CarrierSocket.PATH}`
}

/** The last two digits tell two calls apart and name nobody. Of a stranger's megabyte only the end is looked at. */
export const masked = (number: string): string =>
  number.slice(-MAX_NUMBER, -2).replace(/[^+.:@]/g, "*") + number.slice(-2).replace(/[^0-9A-Za-z]/g, "*")

/** E.164 has 16 characters, a SIP address seldom more than this. */
const MAX_NUMBER = 40

const isSigned = (
  { publicUrl, tokens }: Options,
  { body, signature, target }: Request,
  { params }: Webhook.Form
): boolean =>
  tokens.length === 0 ||
  Signature.webhook({ tokens, header: signature, publicUrl: publicUrl ?? "", target, params, body })

const refused = (status: number, reason: string): Effect.Effect<Answer> =>
  Effect.as(Effect.logWarning(`a webhook was refused: ${reason}`), {
    status,
    contentType: "text/plain; charset=utf-8",
    body: reason
  })

const twiml = (body: string): Answer => ({ status: 200, contentType: "text/xml; charset=utf-8", body })

const CLOSED_LINE = "We cannot take your call at the moment. Please call again in a few minutes."

const HOST = /^(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i
