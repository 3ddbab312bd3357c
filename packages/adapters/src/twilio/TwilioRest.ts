/**
 * The phone company's REST side: what cannot be said over the media stream (protocols.md D).
 *
 * Only what Twilio certainly did not carry out is tried again: 429, of which Twilio says so, and a failed connection,
 * where carrying it out twice changes nothing. A call that is already over is a success of hanging up.
 */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { TwilioRestError } from "../Errors.ts"

export interface Options {
  /** The main account. */
  readonly accountSid: string
  readonly authToken: Redacted.Redacted
  /** Auth tokens of subaccounts, the first of each in use: their calls are theirs alone. */
  readonly subaccounts?: ReadonlyMap<string, ReadonlyArray<Redacted.Redacted>>
  /** `TWILIO_API_URL`: an origin, without `/2010-04-01`. */
  readonly apiUrl?: string
}

export const API_URL = "https://api.twilio.com"

/** For one command, attempts and waits together. Longer, and the caller sits in the silence that it should have ended. */
export const TIMEOUT = Duration.seconds(10)

/** Twilio's SDK tries 3 times more after a 429, from 100 ms, jittered; so do we. */
const BACKOFF = Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.intersect(Schedule.recurs(3)))

export class TwilioRest extends Context.Tag("@offhook/adapters/twilio/TwilioRest")<
  TwilioRest,
  {
    /** Ends the call, in whatever state it is; already over is fine. An account that is no subaccount is the main one. */
    readonly hangUp: (callSid: string, accountSid?: string) => Effect.Effect<void, TwilioRestError>
  }
>() {
  static readonly layer = (options: Options): Layer.Layer<TwilioRest, never, HttpClient.HttpClient> =>
    Layer.effect(this, make(options))

  /** Without account SID and token: every command fails with `NotConfigured`. */
  static readonly layerNone: Layer.Layer<TwilioRest> = Layer.succeed(this, {
    hangUp: () => new TwilioRestError({ reason: "NotConfigured" })
  })
}

const make = Effect.fnUntraced(function* ({ apiUrl = API_URL, subaccounts, ...main }: Options) {
  // Twilio is no part of our trace.
  const client = HttpClient.withTracerPropagation(yield* HttpClient.HttpClient, false)
  const accounts = `${apiUrl.replace(/\/+$/, "")}/2010-04-01/Accounts`

  const accountOf = (accountSid: string) => {
    const [authToken] = subaccounts?.get(accountSid) ?? []
    return authToken === undefined ? main : { accountSid, authToken }
  }

  const update = (
    callSid: string,
    { accountSid, authToken }: Pick<Options, "accountSid" | "authToken">,
    params: Record<string, string>
  ): Effect.Effect<void, TwilioRestError> =>
    HttpClientRequest.post(
      `${accounts}/${encodeURIComponent(accountSid)}/Calls/${encodeURIComponent(callSid)}.json`
    ).pipe(
      HttpClientRequest.basicAuth(accountSid, authToken),
      HttpClientRequest.bodyUrlParams(params),
      client.execute,
      Effect.mapError(unreachable),
      Effect.flatMap(judge),
      Effect.scoped,
      Effect.retry({ schedule: BACKOFF, while: isTransient }),
      Effect.timeoutFail({ duration: TIMEOUT, onTimeout: () => new TwilioRestError({ reason: "Timeout" }) })
    )

  return TwilioRest.of({
    hangUp: Effect.fn("TwilioRest.hangUp")((callSid: string, accountSid = "") =>
      update(callSid, accountOf(accountSid), { Status: "completed" }).pipe(
        Effect.catchIf(isOver, () => Effect.logDebug("the call was already over"))
      )
    )
  })
})

const isTransient = ({ reason }: TwilioRestError): boolean => reason === "RateLimited" || reason === "Unreachable"

/** Twilio has been seen to answer either for a call that had ended (protocols.md D.1). */
const isOver = ({ code, status }: TwilioRestError): boolean => status === 404 || code === 20404 || code === 21220

const unreachable = (cause: HttpClientError.HttpClientError | HttpBody.HttpBodyError): TwilioRestError =>
  new TwilioRestError({ reason: "Unreachable", cause })

const judge = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void, TwilioRestError> => {
  if (response.status >= 200 && response.status < 300) return Effect.void
  return response.text.pipe(
    Effect.orElseSucceed(() => ""),
    Effect.flatMap(
      (body) =>
        new TwilioRestError({
          reason: response.status === 429 ? "RateLimited" : "Refused",
          status: response.status,
          ...describe(body)
        })
    )
  )
}

const describe = (body: string): { readonly code?: number; readonly detail?: string } => {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return {}
  }
  if (typeof parsed !== "object" || parsed === null) return {}
  const { code, message } = parsed as { readonly code?: unknown; readonly message?: unknown }
  return {
    ...(typeof code === "number" ? { code } : {}),
    ...(typeof message === "string" ? { detail: detailOf(message) } : {})
  }
}

/** One line for a log, in which no phone number stands. */
const detailOf = (message: string): string =>
  message
    .slice(0, MAX_DETAIL)
    .replace(/\s+/g, " ")
    .replace(/\+?\d{7,}/g, "*")

/** Twilio's messages are a sentence; a proxy's may be a page. */
const MAX_DETAIL = 300
