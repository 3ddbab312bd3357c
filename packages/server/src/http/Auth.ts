/**
 * Who may ask the API: bearer tokens with a role, compared in constant time.
 *
 * A token is compared by its HMAC under a key of this process, with every token there is, so the time that takes tells
 * nothing of it. Where no token is configured nobody is answered, in the words of a wrong token.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Refusal } from "@offhook/adapters"
import { Operator, Problem, Reader } from "@offhook/api"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
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

export const roles = (tokens: Tokens): RoleOf => {
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

/** What the contract's middleware does with the header. */
export const layer = (roleOf: RoleOf): Layer.Layer<Operator | Reader> => {
  const role = Effect.map(HttpServerRequest.HttpServerRequest, ({ headers }) =>
    roleOf(bearerOf(headers["authorization"]))
  )
  const reader = Effect.flatMap(role, (role) => (role === null ? unauthorized : Effect.void))
  const operator = Effect.filterOrElse(
    Effect.flatMap(role, (role) => (role === null ? unauthorized : Effect.succeed(role))),
    (role) => role === "operator",
    () => forbidden
  )
  return Layer.merge(
    Layer.succeed(Reader, Reader.of({ bearer: () => reader })),
    Layer.succeed(Operator, Operator.of({ bearer: () => Effect.asVoid(operator) }))
  )
}

/**
 * Before pages that a browser asks for by itself, which knows no bearer token: either token as the password of Basic,
 * whatever the name. Only where a GET changes nothing, since a browser sends it along with requests of other pages too.
 */
export const guarded =
  (roleOf: RoleOf) =>
  <E, R>(page: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
      const header = headers["authorization"]
      if (roleOf(bearerOf(header) ?? passwordOf(header)) !== null) return page
      return Effect.as(
        Refusal.told("api_unauthorized"),
        HttpServerResponse.text(HOW, {
          status: 401,
          headers: { "www-authenticate": `Basic realm="Offhook", charset="UTF-8"` }
        })
      )
    })

const HOW =
  "A token of this server is needed, its OFFHOOK_API_TOKEN or OFFHOOK_API_READ_TOKEN. While neither is set, nobody is " +
  "answered."

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
