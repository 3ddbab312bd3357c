/** What Twilio's console says of the phone number: does a call come in at our webhook? */

import { IncomingCall } from "@offhook/adapters"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Case, Check } from "./Check.ts"
import { type Finding, ok, shown, skipped, toDo } from "./Finding.ts"
import * as Http from "./Http.ts"

export const check: Check = {
  name: "number",
  asks: "Twilio's settings of the numbers, of the account and of each subaccount: at least one calls this webhook",
  timeout: "25 seconds",
  look: ({ settings: { publicUrl, twilio } }) => {
    const accounts = accountsOf(twilio)
    if (accounts.length === 0 || publicUrl === null) {
      return Effect.succeed(skipped("TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and PUBLIC_URL are needed to ask Twilio"))
    }
    return Effect.forEach(accounts, (account) => listed(twilio.apiUrl.replace(/\/+$/, ""), account), {
      concurrency: 4
    }).pipe(
      Effect.map((lists) => judge(publicUrl + IncomingCall.PATH, lists.flat())),
      Effect.merge
    )
  }
}

interface Account {
  readonly name: string
  readonly accountSid: string
  readonly token: Redacted.Redacted
}

/** Each is asked by its own token, which is then known to be right. */
const accountsOf = ({ accountSid, subaccounts, tokens }: Case["settings"]["twilio"]): ReadonlyArray<Account> => {
  const main = accountSid === null ? [] : [{ name: "account", accountSid, tokens }]
  const others = [...subaccounts].map(([accountSid, tokens]) => ({
    name: `subaccount …${accountSid.slice(-4)}`,
    accountSid,
    tokens
  }))
  return [...main, ...others].flatMap(({ accountSid, name, tokens: [token] }) =>
    token === undefined ? [] : [{ name, accountSid, token }]
  )
}

interface PhoneNumber {
  /** Masked. */
  readonly number: string
  readonly webhook: string
  /** A TwiML app or a trunk takes its calls, and the webhook is not asked. */
  readonly isElsewhere: boolean
}

/** A page of 200 numbers has about 400 kB. */
const PAGE = "PageSize=200"

/** More numbers than these are not looked at. */
const MAX_PAGES = 25

/** The numbers of an account; fails with what is to be done where Twilio does not tell them. */
const listed = (apiUrl: string, account: Account): Effect.Effect<ReadonlyArray<PhoneNumber>, Finding> =>
  Effect.gen(function* () {
    const authorization = `Basic ${Buffer.from(`${account.accountSid}:${Redacted.value(account.token)}`).toString("base64")}`
    const numbers: Array<PhoneNumber> = []
    let path: string | null = `/2010-04-01/Accounts/${account.accountSid}/IncomingPhoneNumbers.json?${PAGE}`
    for (let pages = 0; path !== null && pages < MAX_PAGES; pages++) {
      const page: Page = yield* pageOf(account, yield* Http.ask(apiUrl + path, { headers: { authorization } }))
      numbers.push(...page.numbers)
      path = page.next
    }
    return numbers
  }).pipe(
    Effect.catchTag("Unanswered", (fault) => {
      const fix = "let this machine reach Twilio's REST API by HTTPS, or put TWILIO_API_URL right"
      return Effect.fail(Http.silent(fault, apiUrl, { name: fix, refused: fix }))
    })
  )

interface Page {
  readonly numbers: ReadonlyArray<PhoneNumber>
  /** A path of the same API, since the token goes along. */
  readonly next: string | null
}

const pageOf = ({ name }: Account, { body, status }: Http.Answer): Effect.Effect<Page, Finding> => {
  if (status === 401 || status === 403) {
    return Effect.fail(
      toDo(
        `Twilio refuses SID and token of the ${name} (${status})`,
        "copy both again from the account's page of the Twilio console, into TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or TWILIO_SUBACCOUNT_TOKENS"
      )
    )
  }
  const page = status === 200 ? read(body) : null
  return page === null
    ? Effect.fail(
        toDo(
          `Twilio's REST API answers ${status} for the ${name}`,
          "put TWILIO_API_URL and the account's SID right, or try again later"
        )
      )
    : Effect.succeed(page)
}

const judge = (webhook: string, numbers: ReadonlyArray<PhoneNumber>): Finding => {
  const fix = `in the Twilio console, at the number, under “A call comes in”: Webhook, ${webhook}, HTTP POST`
  const right = numbers.filter(({ isElsewhere, webhook: one }) => !isElsewhere && isSame(one, webhook))
  if (right.length > 0) {
    const [first] = right
    return ok(`${first?.number}${right.length > 1 ? ` and ${right.length - 1} more` : ""} calls ${webhook}`)
  }
  if (numbers.length === 0) {
    return toDo("there is no phone number", `buy one with the capability Voice; then ${fix}`)
  }
  const elsewhere = numbers.slice(0, MAX_SHOWN).map(({ isElsewhere, number, webhook: one }) => {
    if (isElsewhere) return `${number} is given to a TwiML app or a trunk`
    return one === "" ? `${number} calls nothing` : `${number} calls ${shown(one)}`
  })
  const more = numbers.length > MAX_SHOWN ? [`${numbers.length - MAX_SHOWN} more`] : []
  return toDo(`no number calls this webhook: ${[...elsewhere, ...more].join("; ")}`, fix)
}

const MAX_SHOWN = 5

const read = (body: string): Page | null => {
  const parsed = Http.json(body) as
    | { readonly incoming_phone_numbers?: unknown; readonly next_page_uri?: unknown }
    | null
    | undefined
  const list = parsed?.incoming_phone_numbers
  if (!Array.isArray(list)) return null
  const numbers = list.map((entry: Readonly<Record<string, unknown>> | null): PhoneNumber => {
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
  const next = parsed?.next_page_uri
  return { numbers, next: typeof next === "string" && next.startsWith("/2010-04-01/Accounts/") ? next : null }
}

/** A query and a user may stand in the number's: Twilio signs them, and so do we check. */
const isSame = (one: string, webhook: string): boolean => URL.canParse(one) && shown(one) === shown(webhook)
