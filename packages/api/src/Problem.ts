/**
 * What every answer of 400 and above is: problem details (RFC 9457), as `application/problem+json`.
 *
 * `type` is `about:blank`: the status says what kind of problem it is. `code` says it more exactly, for programs;
 * `detail` says it to a person, and what to do. `requestId` is that of `X-Request-Id` and of the server's log lines.
 */

import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"

export const CONTENT_TYPE = "application/problem+json"

/** What each status is called, and the code where nothing more exact is known. */
export const statuses = {
  400: { code: "bad-request", title: "Bad Request" },
  401: { code: "unauthorized", title: "Unauthorized" },
  403: { code: "forbidden", title: "Forbidden" },
  404: { code: "not-found", title: "Not Found" },
  405: { code: "method-not-allowed", title: "Method Not Allowed" },
  408: { code: "request-timeout", title: "Request Timeout" },
  413: { code: "content-too-large", title: "Content Too Large" },
  415: { code: "unsupported-media-type", title: "Unsupported Media Type" },
  429: { code: "too-many-requests", title: "Too Many Requests" },
  431: { code: "request-header-fields-too-large", title: "Request Header Fields Too Large" },
  500: { code: "internal-server-error", title: "Internal Server Error" },
  503: { code: "service-unavailable", title: "Service Unavailable" }
} as const satisfies Readonly<Record<number, { readonly code: string; readonly title: string }>>

export type Status = keyof typeof statuses

const common = {
  type: Schema.Literal("about:blank"),
  detail: Schema.String.annotations({ description: "What is wrong and what to do, for a person" }),
  requestId: Schema.String.annotations({ description: "That of X-Request-Id and of the server's log lines" })
}

/** Any problem. */
export const Problem = Schema.Struct({
  ...common,
  title: Schema.String.annotations({ description: "The status, in words" }),
  status: Schema.Int.annotations({ description: "The status of the answer" }),
  code: Schema.String.annotations({ description: "What is wrong, for a program" })
}).annotations({ identifier: "Problem", description: "Problem details (RFC 9457)" })

export interface Problem extends Schema.Schema.Type<typeof Problem> {}

const problem = <const S extends Status, const C extends string>(
  identifier: string,
  status: S,
  code: C,
  description: string
) =>
  Schema.Struct({
    ...common,
    title: Schema.Literal(statuses[status].title),
    status: Schema.Literal(status),
    code: Schema.Literal(code)
  }).pipe(
    HttpApiSchema.withEncoding({ kind: "Json", contentType: CONTENT_TYPE }),
    Schema.annotations(HttpApiSchema.annotations({ identifier, description, status }))
  )

export const Unauthorized = problem("Unauthorized", 401, "unauthorized", "The token is missing or wrong")

export const Forbidden = problem("Forbidden", 403, "forbidden", "The token may read, and nothing else")

export const CallNotFound = problem("CallNotFound", 404, "call-not-found", "No live call has this CallSid")

export const NotReady = problem("NotReady", 503, "not-ready", "No call is taken: the server is shutting down")
