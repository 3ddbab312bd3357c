/** This machine's clock against Twilio's and OpenAI's: stream tokens, certificates and recordings tell the time. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Check } from "./Check.ts"
import { ok, toDo } from "./Finding.ts"
import * as Http from "./Http.ts"

export const check: Check = {
  name: "clock",
  asks: "this machine's clock against the `Date` of Twilio's answers, or OpenAI's: 10 s apart at most",
  timeout: "25 seconds",
  look: ({ settings: { openai, twilio } }) =>
    Effect.firstSuccessOf([skewOf(twilio.apiUrl), skewOf(openai.url.replace(/^ws/, "http"))]).pipe(
      Effect.map(({ host, skew }) => {
        const seconds = Math.round(Math.abs(skew) / 1000)
        return Math.abs(skew) <= MAX_SKEW
          ? ok(`within ${Math.max(1, seconds)} s of ${host}`)
          : toDo(
              `${seconds} s ${skew > 0 ? "ahead of" : "behind"} ${host}`,
              "let the system keep the time (NTP: timedatectl set-ntp true): stream tokens live for 60 s"
            )
      }),
      Effect.orElseSucceed(() =>
        toDo(
          "neither Twilio nor OpenAI can be asked for the time",
          "let this machine reach api.twilio.com and api.openai.com by HTTPS"
        )
      )
    )
}

/** ms. A token lives for 60 s, of which ringing and a spoken line take some; logs of several machines are read together. */
const MAX_SKEW = 10_000

/** ms that we are ahead of a host. Its `Date` is of whole seconds, cut off. */
const skewOf = Effect.fnUntraced(function* (url: string) {
  const { host, origin } = new URL(url)
  const asked = yield* Clock.currentTimeMillis
  const { date } = yield* Http.ask(`${origin}/`)
  const answered = yield* Clock.currentTimeMillis
  if (date === null) return yield* Effect.fail("no date" as const)
  return { host, skew: (asked + answered) / 2 - (date + 500) }
})
