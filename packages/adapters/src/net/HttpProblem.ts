/**
 * What every answer over HTTP has in common, whoever writes it, Effect's server or the bare socket: constant headers,
 * and from 400 on problem details (RFC 9457) with the request's id.
 */

import { randomUUID } from "node:crypto"

export const CONTENT_TYPE = "application/problem+json"

/**
 * Nothing here is a page of another's, is shown in another's, or may be kept. There is no CORS header on purpose: no
 * page of another origin reads an answer. HSTS is for who terminates TLS.
 */
export const headers = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
} as const

export const REQUEST_ID = "x-request-id"

/** The client's, where it is short and harmless in a log; else a new one. */
export const requestIdOf = (given: string | undefined): string =>
  given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID()

/** `type` is `about:blank`, so the title is the status in words; `code` is the same for programs. */
export const body = (status: number, detail: string, requestId: string): string => {
  const title = TITLES[status] ?? "Refused"
  const code = title.toLowerCase().replaceAll(" ", "-")
  return JSON.stringify({ type: "about:blank", title, status, code, detail, requestId })
}

/** For who has a status and a sentence, and no Effect server around it. */
export const answer = (
  status: number,
  detail: string,
  requestId: string
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } => ({
  headers: { ...headers, [REQUEST_ID]: requestId, "content-type": CONTENT_TYPE },
  body: body(status, detail, requestId)
})

/** Of RFC 9110; Node.js' own differ from version to version. */
const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  417: "Expectation Failed",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable"
}
