/** The test call's webhook: signed as Twilio signs, through the public URL, for a call whose SID says what it is. */

import { IncomingCall, Refusal, Signature } from "@offhook/adapters"
import * as Effect from "effect/Effect"
import type { Case, Check } from "./Check.ts"
import { type Finding, ok, quoted, toDo } from "./Finding.ts"
import * as Http from "./Http.ts"

export const check: Check = {
  name: "webhook",
  asks: "a webhook through `PUBLIC_URL`, signed with `TWILIO_AUTH_TOKEN`, of a test call `CAdoctor…`",
  timeout: "15 seconds",
  look: (the) => {
    const url = the.origin + IncomingCall.PATH
    const fields = {
      AccountSid: the.call.accountSid,
      ApiVersion: "2010-04-01",
      CallSid: the.call.callSid,
      CallStatus: "ringing",
      Direction: "inbound",
      From: the.call.from,
      To: "client:offhook-doctor"
    }
    const headers = {
      "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
      ...signature(the, url, new Map(Object.entries(fields).map(([name, value]) => [name, [value]])))
    }
    return Http.ask(url, { method: "POST", headers, body: new URLSearchParams(fields).toString() }).pipe(
      Effect.map((answer) => {
        if (answer.status !== 200) return judge(the, answer)
        the.call.answer = answer
        return ok(`answered in ${answer.ms} ms`)
      }),
      Effect.catchTag("Unanswered", (fault) =>
        Effect.succeed(
          Http.silent(fault, url, {
            name: "start the tunnel and set PUBLIC_URL to the address it prints, or let DNS know the name",
            refused: `start Offhook and the proxy or tunnel in front of it; PUBLIC_URL must lead to port ${the.settings.port}`
          })
        )
      )
    )
  }
}

/** The header that Twilio would send, where there is a token. */
export const signature = (
  { settings }: Case,
  url: string,
  params: Signature.Params = new Map()
): Readonly<Record<string, string>> => {
  const [token] = settings.twilio.tokens
  return token === undefined ? {} : { "x-twilio-signature": Signature.sign(token, url, params) }
}

const judge = ({ settings: { port } }: Case, { body, contentType, status }: Http.Answer): Finding => {
  const problem = Http.problemOf(contentType, body)
  if (status >= 300 && status < 400) {
    return toDo(
      `PUBLIC_URL redirects (${status})`,
      "set PUBLIC_URL, here and at the number, to where the redirect leads: a signature is of one URL"
    )
  }
  if (problem === null) {
    return status >= 502 && status <= 530
      ? toDo(
          `a proxy or tunnel answers ${status}: it is there, and does not reach Offhook`,
          `start Offhook, and let the proxy or tunnel lead to port ${port}`
        )
      : toDo(
          `something that is not Offhook answers ${status}`,
          `let PUBLIC_URL lead to Offhook, with the path ${IncomingCall.PATH} as it is; a tunnel may have another address by now`
        )
  }
  const { webhook_account, webhook_remote, webhook_signature, webhook_simulated } = Refusal.reasons
  switch (problem) {
    case webhook_signature.sentence:
      return toDo(
        "Offhook refuses: the signature is missing or wrong",
        "the server's PUBLIC_URL and TWILIO_AUTH_TOKEN must be those given here, and a proxy must leave path, query, body " +
          "and X-Twilio-Signature as they are (a prefix that it takes off belongs into PUBLIC_URL)"
      )
    case webhook_account.sentence:
      return toDo(
        "Offhook refuses: it has another TWILIO_ACCOUNT_SID",
        "give the server the account and its token, or name it in TWILIO_SUBACCOUNT_TOKENS"
      )
    case webhook_remote.sentence:
    case webhook_simulated.sentence:
      return toDo(
        `Offhook refuses: ${problem}`,
        "set TWILIO_AUTH_TOKEN and PUBLIC_URL for the server, and start it again"
      )
    default:
      return toDo(
        `Offhook refuses with ${status}: ${quoted(problem)}`,
        status === 404
          ? `let the proxy pass the path ${IncomingCall.PATH} as it is`
          : "look at the server's log: each refusal has its line"
      )
  }
}
