/**
 * What the program starts with: `.env`, the environment, the agent file. Every problem of them is told at once.
 *
 * Whether a call is simulated is decided here, by one rule: a simulated model answers only where no Twilio account is
 * configured, and only `start` and `demo` ask for it.
 */

import { AgentFile, AppConfig, Problem } from "@offhook/adapters"
import { Agent } from "@offhook/core"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"

export interface Startup {
  readonly settings: AppConfig.Settings
  readonly agent: Agent.Agent
  /** What the settings were made of, without secrets. */
  readonly configuration: ReadonlyArray<AppConfig.Effective>
}

/** Reads `.env` of the working directory, if there is one. What the environment sets already, wins. */
export const loadEnvFile: Effect.Effect<void, Problem.StartupProblems> = Effect.try({
  try: () => process.loadEnvFile(),
  catch: (cause) => cause as NodeJS.ErrnoException
}).pipe(
  Effect.catchAll((error) =>
    error.code === "ENOENT"
      ? Effect.void
      : new Problem.StartupProblems({
          problems: [
            { name: ".env", problem: `cannot be read: ${error.message}`, fix: "make it readable, or remove it" }
          ]
        })
  )
)

/** Settings and agent; `overrides` stand before the environment ("" unsets a variable). */
export const load = (overrides: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const settings = yield* Effect.either(AppConfig.load)
    const file = yield* variable("OFFHOOK_AGENT")
    const agent = yield* Effect.either(file === "" ? Effect.succeed(Agent.defaults) : AgentFile.load(file))
    if (Either.isLeft(settings) || Either.isLeft(agent)) {
      return yield* new Problem.StartupProblems({ problems: [...problemsOf(settings), ...problemsOf(agent)] })
    }
    const { model } = settings.right.openai
    const chosen: Agent.Agent = model === null ? agent.right : { ...agent.right, model }
    const configuration = yield* AppConfig.effective
    return { settings: settings.right, agent: chosen, configuration } satisfies Startup
  }).pipe(
    Effect.withConfigProvider(
      ConfigProvider.orElse(ConfigProvider.fromMap(new Map(Object.entries(overrides))), ConfigProvider.fromEnv)
    )
  )

/** Who is at the two ends of what `start` runs. */
export type Mode =
  /** Twilio calls, OpenAI answers: no call is placed. */
  | { readonly _tag: "Real" }
  /** A simulated call, answered by OpenAI. */
  | { readonly _tag: "RealModel" }
  /** `keyIgnored`: there is a key, but nobody said that it may cost money. */
  | { readonly _tag: "Simulated"; readonly keyIgnored: boolean }

export const mode = (real: boolean): Effect.Effect<Mode, Problem.StartupProblems> =>
  Effect.gen(function* (): Effect.fn.Return<Mode, Problem.StartupProblems> {
    const hasKey = (yield* variable("OPENAI_API_KEY")) !== ""
    const twilio: Array<string> = []
    for (const name of TWILIO) if ((yield* variable(name)) !== "") twilio.push(name)
    if (hasKey && twilio.length > 0) return { _tag: "Real" }
    if (hasKey) return real ? { _tag: "RealModel" } : { _tag: "Simulated", keyIgnored: true }
    if (twilio.length === 0 && !real) return { _tag: "Simulated", keyIgnored: false }
    return yield* new Problem.StartupProblems({
      problems: [
        {
          name: "OPENAI_API_KEY",
          problem: `is not set, but ${real ? "--real asks for the real model" : `${twilio.join(", ")} ${twilio.length === 1 ? "is" : "are"}`}`,
          fix: real
            ? "set OPENAI_API_KEY, or leave --real out for a simulated call"
            : "set OPENAI_API_KEY (a simulated model never answers a public number), or unset the Twilio variables for a simulated call"
        }
      ]
    })
  }).pipe(Effect.withConfigProvider(ConfigProvider.fromEnv()))

const TWILIO = ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY"]

const variable = (name: string): Effect.Effect<string> =>
  Config.string(name).pipe(
    Config.withDefault(""),
    Effect.map((value) => value.trim()),
    Effect.orDie
  )

const problemsOf = (either: Either.Either<unknown, Problem.StartupProblems>): ReadonlyArray<Problem.Problem> =>
  Either.isLeft(either) ? either.left.problems : []
