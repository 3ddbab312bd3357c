/** The server itself: what it is, how it was configured, what it has counted. */

import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { Reader } from "./Authorization.ts"
import { count } from "./Count.ts"

export const Information = Schema.Struct({
  version: Schema.String.annotations({ description: "Offhook's" }),
  node: Schema.String.annotations({ description: "Node.js'" }),
  startedAt: Schema.String.annotations({ description: "When the server began (ISO 8601, UTC)" }),
  uptimeSeconds: count("Seconds since then"),
  accepting: Schema.Boolean.annotations({ description: "Whether calls are taken: false while the server shuts down" }),
  calls: count("Live calls"),
  connections: count("TCP connections, HTTP and WebSocket"),
  signatures: Schema.Literal("checked", "not checked").annotations({
    description: "Of Twilio's webhooks and upgrades"
  }),
  model: Schema.String.annotations({ description: "The model that answers" }),
  limits: Schema.Record({ key: Schema.String, value: Schema.Number }).annotations({
    description: "The limits in force, by name (docs/OPERATIONS.md)"
  })
}).annotations({ identifier: "Server", description: "What this server is" })

export const Setting = Schema.Struct({
  name: Schema.String.annotations({ description: "The environment variable" }),
  value: Schema.NullOr(Schema.String).annotations({
    description: "As it was given, or its default; null: not set; `(set)` in place of a secret"
  }),
  isDefault: Schema.Boolean.annotations({ description: "Nobody set it" })
}).annotations({ identifier: "Setting" })

export const Server = HttpApiGroup.make("server")
  .add(
    HttpApiEndpoint.get("information", "/api/v1/server")
      .addSuccess(Information)
      .middleware(Reader)
      .annotate(OpenApi.Summary, "Version, uptime, live calls, limits")
  )
  .add(
    HttpApiEndpoint.get("configuration", "/api/v1/configuration")
      .addSuccess(
        Schema.Struct({ settings: Schema.Array(Setting) }).annotations({
          identifier: "Configuration",
          description: "Every variable that is read"
        })
      )
      .middleware(Reader)
      .annotate(OpenApi.Summary, "The configuration in force, without secrets")
  )
  .add(
    HttpApiEndpoint.get("metrics", "/metrics")
      .addSuccess(
        HttpApiSchema.Text({ contentType: "text/plain; version=0.0.4; charset=utf-8" }).annotations({
          description: "Prometheus' text format"
        })
      )
      .middleware(Reader)
      .annotate(OpenApi.Summary, "Metrics, as Prometheus reads them")
  )
  .annotate(OpenApi.Description, "This process")
