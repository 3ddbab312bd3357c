/**
 * Who may ask the API: bearer tokens with a role, compared in constant time.
 *
 * A token is compared by its HMAC under a key of this process, with every token there is, so the time that takes tells
 * nothing of it. Where no token is configured nobody is answered, in the words of a wrong token. Who guesses is answered
 * no more (adapters' Guesses).
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Guesses, Refusal } from "@offhook/adapters"
import { Operator, Problem, Reader } from "@offhook/api"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { RequestId } from "./Problems.ts"

/** Null: there is none. */
export interface Tokens {
  readonly operator: Redacted.Redacted | null
  readonly reader: Redacted.Redacted | null
}

export type Role = "operator" | "reader"

/** Whose token this is; null: nobody's. */
export type RoleOf = (given: string | undefined) => Role | null

const roles = (tokens: Tokens): RoleOf => {
  const key = randomBytes(32)
  const digest = (text: string) => createHmac("sha256", key).update(text).digest()
  const known = (["operator", "reader"] as const).flatMap((role) => {
    const token = tokens[role]
    return token === null ? [] : [{ role, digest: digest(Redacted.value(token)) }]
  })
  return (given) => {
    if (given === undefined) return null
    const asked = digest(given)
    let found: Role | null = null
    for (const { digest, role } of known) if (timingSafeEqual(digest, asked)) found ??= role
    return found
  }
}

/** Who asks by what a request brings as its token, if anything; null: nobody, "guesses": not to be told. */
export type Gate = (
  given: string | undefined
) => Effect.Effect<Role | "guesses" | null, never, HttpServerRequest.HttpServerRequest>

export const gate = (tokens: Tokens, limits: Guesses.Limits): Gate => {
  const roleOf = roles(tokens)
  const guesses = Guesses.make(limits)
  return Effect.fnUntraced(function* (given) {
    if (given === undefined) return null
    const { remoteAddress } = yield* HttpServerRequest.HttpServerRequest
    const address = Option.getOrElse(remoteAddress, () => "")
    const role = roleOf(given)
    return (yield* guesses.mayBeTold(address, role !== null)) ? role : "guesses"
  })
}

/** What the contract's middleware does with the header. */
export const layer = (gate: Gate): Layer.Layer<Operator | Reader> => {
  const reader = Effect.gen(function* () {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const role = yield* gate(bearerOf(headers["authorization"]))
    return role === "guesses" ? yield* tooMany : (role ?? (yield* unauthorized))
  })
  const operator = Effect.filterOrElse(
    reader,
    (role) => role === "operator",
    () => forbidden
  )
  return Layer.merge(
    Layer.succeed(Reader, Reader.of({ bearer: () => Effect.asVoid(reader) })),
    Layer.succeed(Operator, Operator.of({ bearer: () => Effect.asVoid(operator) }))
  )
}

/**
 * Before pages that a browser asks for by itself, which knows no bearer token: either token as the password of Basic,
 * whatever the name. Only where a GET changes nothing, since a browser sends it along with requests of other pages too.
 */
export const guarded =
  (gate: Gate) =>
  <E, R>(page: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.gen(function* () {
      const header = (yield* HttpServerRequest.HttpServerRequest).headers["authorization"]
      const role = yield* gate(bearerOf(header) ?? passwordOf(header))
      if (role === "guesses") {
        yield* Refusal.told("api_guesses")
        return HttpServerResponse.text(WAIT, { status: 429 })
      }
      if (role !== null) return yield* page
      yield* Refusal.told("api_unauthorized")
      return HttpServerResponse.text(HOW, {
        status: 401,
        headers: { "www-authenticate": `Basic realm="Offhook", charset="UTF-8"` }
      })
    })

const HOW =
  "A token of this server is needed, its OFFHOOK_API_TOKEN or OFFHOOK_API_READ_TOKEN. While neither is set, nobody is " +
  "answered."

const WAIT = "Too many wrong tokens have come. Wait a minute."

const tooMany = Effect.zipRight(
  Refusal.told("api_guesses"),
  Effect.flatMap(RequestId, (requestId) => Effect.fail(Problem.TooManyGuesses.make({ detail: WAIT, requestId })))
)

const unauthorized = Effect.zipRight(
  Refusal.told("api_unauthorized"),
  Effect.flatMap(RequestId, (requestId) => Effect.fail(Problem.Unauthorized.make({ detail: HOW, requestId })))
)

const forbidden = Effect.zipRight(
  Refusal.told("api_forbidden"),
  Effect.flatMap(RequestId, (requestId) =>
    Effect.fail(
      Problem.Forbidden.make({ detail: "This token may read. To change something, send OFFHOOK_API_TOKEN.", requestId })
    )
  )
)

const bearerOf = (header: string | undefined): string | undefined => /^Bearer +([\x21-\x7e]+)$/i.exec(header ?? "")?.[1]

const passwordOf = (header: string | undefined): string | undefined => {
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? "")?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, "base64").toString("utf8")
  const colon = text.indexOf(":")
  return colon < 0 ? undefined : text.slice(colon + 1)
}
