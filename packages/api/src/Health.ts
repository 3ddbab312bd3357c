/** For those who watch over the process and need no token: they learn that it is up, and whether it takes calls. */

import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { NotReady } from "./Problem.ts"

export const Health = HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("live", "/")
      .addSuccess(Schema.Struct({ status: Schema.Literal("ok") }).annotations({ identifier: "Live" }))
      .annotate(OpenApi.Summary, "Liveness: the process answers")
      .annotate(OpenApi.Description, "200 as long as the process can answer, also while it shuts down.")
  )
  .add(
    HttpApiEndpoint.get("ready", "/ready")
      .addSuccess(Schema.Struct({ status: Schema.Literal("ready") }).annotations({ identifier: "Ready" }))
      .addError(NotReady)
      .annotate(OpenApi.Summary, "Readiness: calls are taken")
      .annotate(OpenApi.Description, "503 from the moment at which the server begins to shut down.")
  )
  .annotate(OpenApi.Description, "For load balancers and supervisors; no token")
