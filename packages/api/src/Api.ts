/**
 * Offhook's HTTP API, declared once: the server implements it, tests and clients call it (`HttpApiClient.make(Api)`),
 * docs/openapi.json is made from it.
 */

import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import type * as Context from "effect/Context"
import { Calls } from "./Calls.ts"
import { Health } from "./Health.ts"
import { CONTENT_TYPE, Problem } from "./Problem.ts"
import { Server } from "./Server.ts"

/**
 * Effect gives each endpoint a 400 of its own for requests that do not decode. Here every request decodes, and whatever
 * else may go wrong is a problem.
 */
const problems: Context.Tag.Service<OpenApi.Transform> = (spec) => {
  const { components, paths, ...rest } = spec as OpenApi.OpenAPISpec
  const { HttpApiDecodeError: _error, Issue: _issue, PropertyKey: _key, ...schemas } = components.schemas
  const answers = {
    description: "Any other problem",
    content: { [CONTENT_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } }
  }
  return {
    ...rest,
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, methods]) => [
        path,
        Object.fromEntries(
          Object.entries(methods).map(([method, operation]) => {
            const { 400: _, ...responses } = operation.responses
            return [method, { ...operation, responses: { ...responses, default: answers } }]
          })
        )
      ])
    ),
    components: { ...components, schemas }
  }
}

export const Api = HttpApi.make("offhook")
  .add(Health)
  .add(Calls)
  .add(Server)
  .annotate(OpenApi.Title, "Offhook")
  .annotate(OpenApi.Version, "1")
  .annotate(OpenApi.Description, "An AI agent on a phone number: the live calls of a server, and the server itself.")
  .annotate(OpenApi.License, { name: "MIT", url: "https://opensource.org/license/mit" })
  .annotate(HttpApi.AdditionalSchemas, [Problem])
  .annotate(OpenApi.Transform, problems)

/** The same as an OpenAPI 3.1 document. */
export const openApi: OpenApi.OpenAPISpec = OpenApi.fromApi(Api)
