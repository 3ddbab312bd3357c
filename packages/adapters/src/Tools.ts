/**
 * The functions that an agent may call, by name: the port behind which users put their own code.
 *
 * 1. Whatever a tool does, the model gets an answer: a failure or a defect becomes `{"error": …}`.
 * 2. A tool is interrupted when its call ends, and when its `timeoutMs` is over; nobody waits until it obeys.
 */

import { type Agent, Json } from "@offhook/core"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** A tool could not do what was asked; the model reads `message`, so it says what the agent may tell the caller. */
export class ToolError extends Data.TaggedError("ToolError")<{ readonly message: string }> {}

/** What is known of the call that a tool works for. */
export interface ToolCall {
  readonly callSid: string
  /** The id of the function call: the same one is never run twice. */
  readonly call: string
}

/** `args` is the JSON object that the model gave, not validated. The result is text, or JSON that is made text. */
export type Tool = (args: Json.JsonObject, call: ToolCall) => Effect.Effect<unknown, ToolError>

export class Tools extends Context.Tag("@offhook/adapters/Tools")<Tools, ReadonlyMap<string, Tool>>() {
  static readonly layer = (tools: Readonly<Record<string, Tool>>): Layer.Layer<Tools> =>
    Layer.succeed(this, new Map(Object.entries(tools)))

  static readonly layerNone: Layer.Layer<Tools> = Layer.succeed(this, new Map())
}

/** Tools that the agent offers and nobody implements. */
export const missing = (agent: Agent.Agent, tools: ReadonlyMap<string, Tool>): ReadonlyArray<string> =>
  agent.tools.flatMap(({ name }) => (tools.has(name) ? [] : [name]))

/** The output that the model reads. Fails only when `timeoutMs` is over, when the model has been told already. */
export const run = (
  tools: ReadonlyMap<string, Tool>,
  { name, timeoutMs }: Pick<Agent.Tool, "name" | "timeoutMs">,
  args: string,
  call: ToolCall
): Effect.Effect<string, Cause.TimeoutException> => {
  const tool = tools.get(name)
  const given = Json.parse(args)
  if (tool === undefined) return Effect.succeed(failure("there is no such tool"))
  return Effect.suspend(() => tool(Json.isObject(given) ? given : {}, call)).pipe(
    Effect.flatMap((result) => Effect.try(() => text(result))),
    Effect.catchTags({
      ToolError: ({ message }) => Effect.succeed(failure(message)),
      UnknownException: () => Effect.succeed(failure("the tool's result is no JSON"))
    }),
    // Also failures that the type rules out: tools are other people's code.
    Effect.catchAllCause((cause) =>
      Effect.as(
        Effect.annotateLogs(Effect.logError("a tool failed", cause), { tool: name }),
        failure("the tool failed")
      )
    ),
    Effect.disconnect,
    Effect.timeout(Duration.millis(timeoutMs))
  )
}

const text = (result: unknown): string =>
  typeof result === "string" ? result : (JSON.stringify(result) ?? '{"status":"done"}')

const failure = (error: string): string => JSON.stringify({ error })
