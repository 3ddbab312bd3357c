/**
 * X-Twilio-Signature: proof that a webhook or a WebSocket upgrade comes from Twilio (protocols.md C).
 *
 * The signature is base64 of HMAC-SHA1, keyed by the account's auth token, over the URL as Twilio used it, followed by
 * the form's names and values in order. The URL is the configured public one plus the raw request target: what a proxy
 * says about itself (`X-Forwarded-*`, `Host`) is the client's word and is never asked.
 *
 * 1. Nothing here throws; whatever is wrong is `false`.
 * 2. A check takes the same time wherever the signatures differ, and tries every variant whatever the first ones say.
 * 3. Names and values go in as received: no fixed list of fields, empty values count, repeated values count once.
 * 4. A body that is no form is believed only by its `bodySHA256` in the signed URL.
 *
 * Why not `twilio`'s own `validateRequest`: docs/decisions/002-signature.md. It is the oracle of the tests.
 */

import { Buffer } from "node:buffer"
import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import * as Redacted from "effect/Redacted"

/** Form fields by name; a name that came more than once has several values. */
export type Params = ReadonlyMap<string, ReadonlyArray<string>>

export interface Signed {
  /** Auth tokens that may have signed: the primary and, during a rotation, the secondary. */
  readonly tokens: ReadonlyArray<Redacted.Redacted>
  /** The value of `X-Twilio-Signature`. */
  readonly header: string | undefined
  /** The public origin, `PUBLIC_URL`; a path in it is a prefix that a proxy took off. */
  readonly publicUrl: string
  /** The request target as received: path and query, nothing decoded. */
  readonly target: string
}

export interface SignedWebhook extends Signed {
  /** Of the form body; empty with GET, whose parameters are in the target. */
  readonly params: Params
  /** The raw body. */
  readonly body: string | Uint8Array
}

/** Whether Twilio signed this webhook. */
export const webhook = (request: SignedWebhook): boolean => {
  const url = publicOf(request)
  const bodyHash = new URLSearchParams(afterQuestionMark(request.target)).get("bodySHA256")
  if (bodyHash !== null) {
    const hash = createHash("sha256").update(request.body).digest("hex")
    return signedAny(request, variants(url), NONE) && equal(bodyHash, hash)
  }
  if (request.params.size === 0 && request.body.length > 0) return false
  return signedAny(request, variants(url), request.params)
}

/**
 * Whether Twilio signed this WebSocket upgrade: over the `wss://` URL of the TwiML, no parameters. Nothing says whether
 * with a trailing slash, so both are taken; either needs the token.
 */
export const upgrade = (request: Signed): boolean => {
  const url = publicOf(request).replace(/^http/i, "ws")
  return signedAny(request, [...variants(url), ...variants(otherSlash(url))], NONE)
}

/** The signature Twilio computes. */
export const sign = (token: Redacted.Redacted, url: string, params: Params = NONE): string =>
  hmac(token, url + textOf(params))

const NONE: Params = new Map()

const textOf = (params: Params): string => {
  let text = ""
  for (const name of [...params.keys()].sort()) {
    for (const value of [...new Set(params.get(name))].sort()) text += name + value
  }
  return text
}

const hmac = (token: Redacted.Redacted, data: string): string =>
  createHmac("sha1", Redacted.value(token)).update(data, "utf8").digest("base64")

const signedAny = ({ header, tokens }: Signed, urls: ReadonlyArray<string>, params: Params): boolean => {
  if (header === undefined) return false
  const text = textOf(params)
  let matches = false
  for (const token of tokens) {
    // An empty token would be a key that everybody knows.
    if (Redacted.value(token) === "") continue
    for (const url of new Set(urls)) matches = equal(header, hmac(token, url + text)) || matches
  }
  return matches
}

/** In a time that tells nothing of where they differ. */
export const equal = (given: string, expected: string): boolean => {
  const a = Buffer.from(given)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}

const publicOf = ({ publicUrl, target }: Signed): string => publicUrl.replace(/\/+$/, "") + target

const afterQuestionMark = (url: string): string => {
  const start = url.indexOf("?")
  return start < 0 ? "" : url.slice(start + 1)
}

/** The URL as it is and as `URL` writes it: Twilio has signed a query configured as `it's` with `it%27s` (C.5). */
const variants = (url: string): ReadonlyArray<string> =>
  URL.canParse(url) ? [...ports(url), ...ports(new URL(url).href)] : ports(url)

const AUTHORITY = /^(https?|wss?):\/\/([^/?#]*@)?(\[[^\]]*\]|[^/?#:]*)(:\d*)?/i

/** The URL as it is, without its port, and with the standard one: Twilio has signed each (protocols.md C.2). */
const ports = (url: string): ReadonlyArray<string> => {
  const match = AUTHORITY.exec(url)
  if (match === null) return [url]
  const [all, scheme = "", user = "", host = "", port] = match
  const rest = url.slice(all.length)
  const bare = `${scheme}://${user}${host}`
  if (port !== undefined) return [url, bare + rest]
  return [url, `${bare}:${/s$/i.test(scheme) ? 443 : 80}${rest}`]
}

const otherSlash = (url: string): string => {
  const query = url.indexOf("?")
  const path = query < 0 ? url : url.slice(0, query)
  return (path.endsWith("/") ? path.slice(0, -1) : `${path}/`) + url.slice(path.length)
}
