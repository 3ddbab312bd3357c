/** The server itself: what it is, how it was configured, what it has counted. */

import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { Reader } from "./Authorization.ts"
import { count, text } from "./Described.ts"

export const Information = Schema.Struct({
  version: text("Offhook's"),
  node: text("Node.js'"),
  startedAt: text("When the server began (ISO 8601, UTC)"),
  uptimeSeconds: count("Seconds since then"),
  accepting: Schema.Boolean.annotations({ description: "Whether calls are taken: false while the server shuts down" }),
  calls: count("Live calls"),
  connections: count("TCP connections, HTTP and WebSocket"),
  signatures: Schema.Literal("checked", "not checked").annotations({
    description: "Of Twilio's webhooks and upgrades"
  }),
  model: text("The model that answers"),
  limits: Schema.Record({ key: Schema.String, value: Schema.Number }).annotations({
    description: "The limits in force, by name (docs/OPERATIONS.md)"
  })
}).annotations({ identifier: "Server", description: "What this server is" })

export const Setting = Schema.Struct({
  name: text("The environment variable"),
  value: Schema.NullOr(Schema.String).annotations({
    description: "As it was given, or its default; null: not set; `(set)` in place of a secret"
  }),
  isDefault: Schema.Boolean.annotations({ description: "Nobody set it" })
}).annotations({ identifier: "Setting" })

export const Server = HttpApiGroup.make("server")
  .add(
    HttpApiEndpoint.get("information", "/api/v1/server")
      .addSuccess(Information)
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
      .annotate(OpenApi.Summary, "The configuration in force, without secrets")
  )
  .add(
    HttpApiEndpoint.get("metrics", "/metrics")
      .addSuccess(
        HttpApiSchema.Text({ contentType: "text/plain; version=0.0.4; charset=utf-8" }).annotations({
          description: "Prometheus' text format"
        })
      )
      .annotate(OpenApi.Summary, "Metrics, as Prometheus reads them")
  )
  .middlewareEndpoints(Reader)
  .annotate(OpenApi.Description, "This process")
