/**
 * What every answer of 400 and above is: problem details (RFC 9457), as `application/problem+json`.
 *
 * `type` is `about:blank`: the status says what kind of problem it is. `code` says it more exactly, for programs;
 * `detail` says it to a person, and what to do. `requestId` is that of `X-Request-Id` and of the server's log lines.
 */

import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"
import { text } from "./Described.ts"

export const CONTENT_TYPE = "application/problem+json"

const constant = <const A extends number | string>(value: A) =>
  Schema.Literal(value).pipe(
    Schema.propertySignature,
    Schema.withConstructorDefault(() => value)
  )

const common = {
  type: constant("about:blank"),
  detail: text("What is wrong and what to do, for a person"),
  requestId: text("That of X-Request-Id and of the server's log lines")
}

/** Any problem. */
export const Problem = Schema.Struct({
  ...common,
  title: text("The status, in words"),
  status: Schema.Int.annotations({ description: "The status of the answer" }),
  code: text("What is wrong, for a program")
}).annotations({ identifier: "Problem", description: "Problem details (RFC 9457)" })

export interface Problem extends Schema.Schema.Type<typeof Problem> {}

const problem = <const S extends number, const T extends string, const C extends string>(
  identifier: string,
  status: S,
  title: T,
  code: C,
  description: string
) =>
  Schema.Struct({ ...common, title: constant(title), status: constant(status), code: constant(code) }).pipe(
    HttpApiSchema.withEncoding({ kind: "Json", contentType: CONTENT_TYPE }),
    Schema.annotations(HttpApiSchema.annotations({ identifier, description, status }))
  )

export const Unauthorized = problem(
  "Unauthorized",
  401,
  "Unauthorized",
  "unauthorized",
  "The token is missing or wrong"
)

export const Forbidden = problem("Forbidden", 403, "Forbidden", "forbidden", "The token may read, and nothing else")

export const TooManyGuesses = problem(
  "TooManyGuesses",
  429,
  "Too Many Requests",
  "too-many-requests",
  "Too many wrong tokens have come; wait a minute"
)

export const CallNotFound = problem("CallNotFound", 404, "Not Found", "call-not-found", "No live call has this CallSid")

export const NotReady = problem(
  "NotReady",
  503,
  "Service Unavailable",
  "not-ready",
  "No call is taken: the server is shutting down"
)
