/** Who answers on the configured port of this machine: Offhook, nobody, or somebody else. */

import * as Effect from "effect/Effect"
import type { Case, Check } from "./Check.ts"
import { ok, toDo } from "./Finding.ts"
import * as Http from "./Http.ts"

export const check: Check = {
  name: "port",
  asks: "`PORT` of this machine: free, or answered by Offhook that takes calls",
  timeout: "10 seconds",
  look: (the) => {
    const { port } = the.settings
    if (port === 0) return Effect.succeed(ok("a free one is taken at each start (PORT=0)"))
    const asked = (path: string) => Http.ask(here(the) + path, {}, TIMEOUT)
    return Effect.all([asked("/"), asked("/ready")], { concurrency: 2 }).pipe(
      Effect.map(([live, ready]) => {
        if (statusOf(live) !== "ok") return stranger(port)
        const problem = Http.problemOf(ready.contentType, ready.body)
        if (statusOf(ready) !== "ready" && problem === null) return stranger(port)
        the.isHere = true
        return problem === null
          ? ok(`Offhook answers on ${port} and takes calls`)
          : toDo(
              `Offhook answers on ${port} and takes no calls: ${problem}`,
              "wait until it has stopped, start it again"
            )
      }),
      Effect.catchTag("Unanswered", ({ code }) =>
        Effect.succeed(
          code === "ECONNREFUSED" ? ok(`${port} is free: Offhook does not run on this machine`) : stranger(port)
        )
      )
    )
  }
}

/** Nothing lies between. */
const TIMEOUT = "4 seconds"

/** The origin of the server on this machine. */
export const here = ({ settings: { host, port } }: Pick<Case, "settings">): string => {
  const isEverywhere = host === "0.0.0.0" || host === "::"
  return `http://${isEverywhere ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${port}`
}

const statusOf = ({ body }: Http.Answer): unknown =>
  (Http.json(body) as { readonly status?: unknown } | null | undefined)?.status

const stranger = (port: number) =>
  toDo(`${port} is taken by something that is not Offhook`, "stop the program that listens there, or set another PORT")
