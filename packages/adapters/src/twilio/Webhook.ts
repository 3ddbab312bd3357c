/**
 * The incoming-call webhook: from a request to a call (protocols.md A.1).
 *
 * Two steps, because the signature stands between them: `read` takes the form apart without judging it, and what it
 * gives is what is signed; `incomingCall` says whether the fields are a call.
 *
 * Twilio adds fields without notice, and sends words where a number is withheld. So only `CallSid` is demanded, and only
 * its letters are judged: it names the call everywhere, and its recording on disk.
 */
import type * as Refusal from "../Refusal.ts"
import type { Params } from "./Signature.ts"

export interface Request {
  readonly method: string
  /** Path and query, raw. */
  readonly target: string
  readonly contentType: string | undefined
  readonly body: string
}

export interface Form {
  readonly _tag: "Form"
  readonly method: "GET" | "POST"
  /** Fields of the body, which the signature covers one by one; none with GET. */
  readonly params: Params
  /** The fields of the call: those of the body, or with GET those of the query. */
  readonly fields: Params
}

export interface IncomingCall {
  readonly _tag: "IncomingCall"
  readonly callSid: string
  /** Empty where the request had none, as the following. */
  readonly accountSid: string
  /** E.164, `client:…`, a SIP address, or a word such as `anonymous`. */
  readonly from: string
  readonly to: string
  readonly direction: string
  readonly callStatus: string
  readonly params: Params
}

/** The request is no incoming call. */
export interface Malformed {
  readonly _tag: "Malformed"
  readonly reason: Extract<Refusal.Reason, `webhook_${string}`>
}

export const read = (request: Request): Form | Malformed => {
  switch (request.method) {
    case "GET":
      return { _tag: "Form", method: "GET", params: new Map(), fields: parse(queryOf(request.target)) }
    case "POST": {
      if (request.body !== "" && mediaType(request.contentType) !== "application/x-www-form-urlencoded") {
        return malformed("webhook_content_type")
      }
      const params = parse(request.body)
      return { _tag: "Form", method: "POST", params, fields: params }
    }
    default:
      return malformed("webhook_method")
  }
}

export const incomingCall = (form: Form): IncomingCall | Malformed => {
  const [callSid, another] = form.fields.get("CallSid") ?? []
  if (callSid === undefined || another !== undefined || !CALL_SID.test(callSid)) return malformed("webhook_call_sid")
  const [accountSid = "", anotherAccount] = form.fields.get("AccountSid") ?? []
  if (anotherAccount !== undefined || !ACCOUNT_SID.test(accountSid)) return malformed("webhook_account_sid")
  const field = (name: string): string => form.fields.get(name)?.[0] ?? ""
  return {
    _tag: "IncomingCall",
    callSid,
    accountSid,
    from: field("From"),
    to: field("To"),
    direction: field("Direction"),
    callStatus: field("CallStatus"),
    params: form.fields
  }
}

/**
 * Twilio's are CA and 32 hex digits; Twilio's own examples and people's tests have others. What must never pass is a
 * name that could leave a directory or start a hidden file.
 */
export const CALL_SID = /^CA[0-9A-Za-z_-]{1,64}$/

/** Or none: people's own tests have it so. */
const ACCOUNT_SID = /^(AC[0-9A-Za-z_-]{1,64})?$/

/** Names and values of a form or query: `+` is a space, `%XX` is UTF-8, a repeated name keeps its values in order. */
export const parse = (form: string): Params => {
  const params = new Map<string, Array<string>>()
  for (const [name, value] of new URLSearchParams(form)) {
    const values = params.get(name)
    if (values === undefined) params.set(name, [value])
    else values.push(value)
  }
  return params
}

const malformed = (reason: Malformed["reason"]): Malformed => ({ _tag: "Malformed", reason })

const mediaType = (contentType: string | undefined): string | undefined =>
  contentType?.split(";", 1)[0]?.trim().toLowerCase()

const queryOf = (target: string): string => {
  const start = target.indexOf("?")
  return start < 0 ? "" : target.slice(start + 1)
}
