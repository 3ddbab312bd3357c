/**
 * Who asks. A reader sees everything that the API tells, an operator may also end calls; both bring a bearer token.
 *
 * Where the server was given no token at all, nobody is answered, in the same words: who asks learns nothing of it.
 */

import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { Forbidden, TooManyGuesses, Unauthorized } from "./Problem.ts"

const bearer = HttpApiSecurity.bearer.pipe(
  HttpApiSecurity.annotate(
    OpenApi.Description,
    "A token of the server: OFFHOOK_API_READ_TOKEN to read, OFFHOOK_API_TOKEN to read and to end calls"
  )
)

/** Either token. */
export class Reader extends HttpApiMiddleware.Tag<Reader>()("@offhook/api/Reader", {
  failure: Schema.Union(Unauthorized, TooManyGuesses),
  security: { bearer }
}) {}

/** The operator's token: 403 to the reader's. */
export class Operator extends HttpApiMiddleware.Tag<Operator>()("@offhook/api/Operator", {
  failure: Schema.Union(Unauthorized, Forbidden, TooManyGuesses),
  security: { bearer }
}) {}
