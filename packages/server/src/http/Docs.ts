/**
 * `/openapi.json` and `/docs`, Swagger UI around it: one page that brings everything it needs (Effect's HttpApiSwagger).
 * Its policy allows the very scripts that stand in it, by their hashes, and no address but this server's.
 */

import { createHash } from "node:crypto"
import * as HttpApiSwagger from "@effect/platform/HttpApiSwagger"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Api, openApi } from "@offhook/api"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Auth from "./Auth.ts"
import type { Route } from "./Problems.ts"

const PAGE = "/docs"
const DOCUMENT = "/openapi.json"

export const routes: ReadonlyArray<Route> = [
  { method: "GET", path: PAGE },
  { method: "GET", path: DOCUMENT }
]

export const layer = (gate: Auth.Gate) => {
  const guarded = Auth.guarded(gate)
  const document = HttpLayerRouter.use((router) =>
    router.add("GET", DOCUMENT, guarded(Effect.succeed(HttpServerResponse.unsafeJson(openApi))))
  )
  let policy: string | undefined
  const guard = HttpLayerRouter.middleware((page) =>
    Effect.map(guarded(page), (response) => {
      if (response.status !== 200) return response
      policy ??= policyOf(response)
      return HttpServerResponse.setHeader(response, "content-security-policy", policy)
    })
  ).layer
  const page = Layer.provide(HttpApiSwagger.layerHttpLayerRouter({ api: Api, path: PAGE }), guard)
  return Layer.merge(document, page)
}

/** Swagger UI sets styles on elements and has its pictures in the page; what it asks for is this server's API. */
const policyOf = ({ body }: HttpServerResponse.HttpServerResponse): string => {
  const html = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""
  const hashes = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
    ([, script = ""]) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`
  )
  return [
    "default-src 'none'",
    `script-src ${hashes.join(" ")}`,
    "style-src 'unsafe-inline'",
    "img-src data:",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'"
  ].join("; ")
}
