/**
 * One thing that `offhook doctor` looks at.
 *
 * Words: the *case* is the deployment under examination; its *test call* goes the way of a real one, and each check takes
 * it a step on.
 */

import type { AppConfig, Tools } from "@offhook/adapters"
import type { Agent } from "@offhook/core"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Finding } from "./Finding.ts"
import type { Answer } from "./Http.ts"
import type { Line } from "./Line.ts"

export interface Check {
  readonly name: string
  /** What it looks at, for the manual. */
  readonly asks: string
  /** A check that has found nothing until then is broken off, and that is its finding. */
  readonly timeout: Duration.DurationInput
  /** The scope is the whole examination's. */
  readonly look: (the: Case) => Effect.Effect<Finding, never, Scope.Scope>
}

export interface Case {
  readonly settings: AppConfig.Settings
  readonly agent: Agent.Agent
  /** Those that this program implements. */
  readonly tools: ReadonlyMap<string, Tools.Tool>
  /** Where calls come in: `PUBLIC_URL`, without one this machine. */
  readonly origin: string
  readonly call: TestCall
  /** Offhook answers on the configured port of this machine. */
  isHere: boolean
}

export interface TestCall {
  readonly callSid: string
  readonly accountSid: string
  readonly from: string
  /** The webhook's, once it was 200. */
  answer: Answer | null
  stream: { readonly url: string; readonly parameters: Readonly<Record<string, string>> } | null
  line: Line | null
}
