/** The live calls of a server: to see what they do, and to end one. Nothing of what is said is told here. */

import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { Operator, Reader } from "./Authorization.ts"
import { count, text } from "./Described.ts"
import { CallNotFound } from "./Problem.ts"

export const Call = Schema.Struct({
  callSid: text("Twilio's CallSid"),
  startedAt: text("When the call began (ISO 8601, UTC)"),
  durationMs: count("ms since then"),
  from: Schema.NullOr(Schema.String).annotations({
    description: "The caller's number, masked; null where the webhook came to another process"
  }),
  to: Schema.NullOr(Schema.String).annotations({ description: "The number that was called, masked; null likewise" }),
  phase: Schema.Literal("waiting", "live", "closing", "ended").annotations({
    description: "waiting: for the media stream; closing: the line is being closed"
  }),
  carrier: Schema.Literal("awaited", "open", "closing", "closed").annotations({
    description: "The media stream from Twilio"
  }),
  model: Schema.Literal("connecting", "configuring", "ready", "closed").annotations({
    description: "The connection to the model"
  }),
  speaking: Schema.Struct({ caller: Schema.Boolean, agent: Schema.Boolean }).annotations({
    description: "Who speaks now, as far as the server knows"
  }),
  turns: Schema.Struct({ caller: count("The caller's"), agent: count("The agent's") }).annotations({
    description: "Turns that are over"
  }),
  interruptions: count("How often the caller interrupted the agent"),
  toolCalls: count("Tools that the agent has called"),
  modelErrors: count("Errors that the model has told"),
  costUsd: Schema.NullOr(Schema.Number).annotations({
    description: "What the model's tokens have cost so far; null: the model has no price"
  }),
  ending: Schema.NullOr(Schema.String).annotations({
    description: "What the call is about to end with; null: it goes on"
  })
}).annotations({ identifier: "Call", description: "A live call" })

export interface Call extends Schema.Schema.Type<typeof Call> {}

/** Asked to end. */
const Ending = Call.annotations(
  HttpApiSchema.annotations({ identifier: "Call", description: "The call, as it is now", status: 202 })
)

const path = Schema.Struct({ callSid: text("Twilio's CallSid") })

export const Calls = HttpApiGroup.make("calls")
  .add(
    HttpApiEndpoint.get("list", "/api/v1/calls")
      .addSuccess(
        Schema.Struct({ calls: Schema.Array(Call) }).annotations({
          identifier: "Calls",
          description: "The calls that are live, the oldest first"
        })
      )
      .annotate(OpenApi.Summary, "Live calls, the oldest first")
  )
  .add(
    HttpApiEndpoint.get("get", "/api/v1/calls/:callSid")
      .setPath(path)
      .addSuccess(Call)
      .addError(CallNotFound)
      .annotate(OpenApi.Summary, "One live call")
  )
  .middlewareEndpoints(Reader)
  .add(
    HttpApiEndpoint.post("hangUp", "/api/v1/calls/:callSid/hang-up")
      .setPath(path)
      .addSuccess(Ending)
      .addError(CallNotFound)
      .middleware(Operator)
      .annotate(OpenApi.Summary, "Hang up a call")
      .annotate(
        OpenApi.Description,
        "Ends the call at once, by Twilio's REST API or, where that is not possible, by closing its stream. The answer " +
          "is the call as it is then; asked again, it is the same, until the call is gone."
      )
  )
  .annotate(OpenApi.Description, "The calls that are live in this process")
