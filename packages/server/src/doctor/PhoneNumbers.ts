/** What Twilio's console says of the phone number: does a call come in at our webhook? */

import { IncomingCall } from "@offhook/adapters"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Case, Check } from "./Check.ts"
import { type Finding, ok, shown, skipped, toDo } from "./Finding.ts"
import * as Http from "./Http.ts"

export const check: Check = {
  name: "number",
  asks: "Twilio's settings of the account's numbers: at least one calls this webhook",
  timeout: "25 seconds",
  look: ({ settings }) => {
    const { accountSid, apiUrl, tokens } = settings.twilio
    const [token] = tokens
    if (accountSid === null || token === undefined || settings.publicUrl === null) {
      return Effect.succeed(skipped("TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and PUBLIC_URL are needed to ask Twilio"))
    }
    const webhook = settings.publicUrl + IncomingCall.PATH
    const url = `${apiUrl.replace(/\/+$/, "")}/2010-04-01/Accounts/${accountSid}/IncomingPhoneNumbers.json?PageSize=1000`
    const basic = Buffer.from(`${accountSid}:${Redacted.value(token)}`).toString("base64")
    return Http.ask(url, { headers: { authorization: `Basic ${basic}` } }).pipe(
      Effect.map((answer) => judge(settings, webhook, answer)),
      Effect.catchTag("Unanswered", (fault) => {
        const fix = "let this machine reach Twilio's REST API by HTTPS, or put TWILIO_API_URL right"
        return Effect.succeed(Http.silent(fault, url, { name: fix, refused: fix }))
      })
    )
  }
}

interface PhoneNumber {
  /** Masked. */
  readonly number: string
  readonly webhook: string
  /** A TwiML app or a trunk takes its calls, and the webhook is not asked. */
  readonly isElsewhere: boolean
}

const judge = ({ twilio }: Case["settings"], webhook: string, { body, status }: Http.Answer): Finding => {
  if (status === 401 || status === 403) {
    return toDo(
      `Twilio refuses account and token (${status})`,
      "copy TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN again from the first page of the Twilio console"
    )
  }
  const numbers = status === 200 ? numbersOf(body) : null
  if (numbers === null) {
    return toDo(
      `Twilio's REST API answers ${status}`,
      "put TWILIO_API_URL and TWILIO_ACCOUNT_SID right, or try again later"
    )
  }
  const fix = `in the Twilio console, at the number, under “A call comes in”: Webhook, ${webhook}, HTTP POST`
  const right = numbers.filter(({ isElsewhere, webhook: one }) => !isElsewhere && isSame(one, webhook))
  if (right.length > 0) {
    const [first] = right
    return ok(`${first?.number}${right.length > 1 ? ` and ${right.length - 1} more` : ""} calls ${webhook}`)
  }
  if (numbers.length === 0) {
    return twilio.subaccounts.size > 0
      ? skipped("the main account has no number; those of subaccounts are not looked at")
      : toDo("the account has no phone number", `buy one with the capability Voice; then ${fix}`)
  }
  const elsewhere = numbers.slice(0, MAX_SHOWN).map(({ isElsewhere, number, webhook: one }) => {
    if (isElsewhere) return `${number} is given to a TwiML app or a trunk`
    return one === "" ? `${number} calls nothing` : `${number} calls ${shown(one)}`
  })
  const more = numbers.length > MAX_SHOWN ? [`${numbers.length - MAX_SHOWN} more`] : []
  return toDo(`no number calls this webhook: ${[...elsewhere, ...more].join("; ")}`, fix)
}

const MAX_SHOWN = 5

const numbersOf = (body: string): ReadonlyArray<PhoneNumber> | null => {
  const parsed = Http.json(body) as { readonly incoming_phone_numbers?: unknown } | null | undefined
  const list = parsed?.incoming_phone_numbers
  if (!Array.isArray(list)) return null
  return list.map((entry: Readonly<Record<string, unknown>> | null) => {
    const text = (name: string): string => {
      const value = entry?.[name]
      return typeof value === "string" ? value : ""
    }
    return {
      number: IncomingCall.masked(text("phone_number")),
      webhook: text("voice_url"),
      isElsewhere: text("voice_application_sid") !== "" || text("trunk_sid") !== ""
    }
  })
}

/** A query and a user may stand in the number's: Twilio signs them, and so do we check. */
const isSame = (one: string, webhook: string): boolean => URL.canParse(one) && shown(one) === shown(webhook)
