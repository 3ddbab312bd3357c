/**
 * `offhook doctor`: examines a deployment from outside, as a person would who follows a call's way.
 *
 * 1. Every check ends in its time, and none throws: a check that breaks is a finding of its own.
 * 2. The checks go one after another, since each test call's step needs the one before.
 * 3. The test call is over when the examination is: it hangs up, or is hung up by the server's API on this machine.
 */

import { randomBytes } from "node:crypto"
import { Tools } from "@offhook/adapters"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import type { Startup } from "../Startup.ts"
import type { Case, Check } from "./Check.ts"
import * as Clock from "./Clock.ts"
import * as Configuration from "./Configuration.ts"
import { type Finding, toDo } from "./Finding.ts"
import * as FirstFrame from "./FirstFrame.ts"
import * as Http from "./Http.ts"
import * as Model from "./Model.ts"
import * as PhoneNumbers from "./PhoneNumbers.ts"
import * as Port from "./Port.ts"
import * as TwiML from "./TwiML.ts"
import * as Upgrade from "./Upgrade.ts"
import * as Webhook from "./Webhook.ts"

/** In the order in which they are looked at. */
export const checks: ReadonlyArray<Check> = [
  Configuration.check,
  Port.check,
  Clock.check,
  Model.check,
  Webhook.check,
  TwiML.check,
  Upgrade.check,
  FirstFrame.check,
  PhoneNumbers.check
]

export interface Found {
  readonly check: string
  readonly finding: Finding
}

/** Looks at everything; each check is told when it is done. */
export const examine = Effect.fnUntraced(
  function* ({ agent, settings }: Startup, told: (found: Found) => void, list: ReadonlyArray<Check> = checks) {
    const the: Case = {
      settings,
      agent,
      tools: yield* Tools.Tools,
      origin: settings.publicUrl ?? Port.here({ settings }),
      call: {
        callSid: `CAdoctor${randomBytes(13).toString("hex")}`,
        accountSid: settings.twilio.accountSid ?? `AC${"0".repeat(32)}`,
        from: callerOf(settings.callers.allow),
        answer: null,
        stream: null,
        line: null
      },
      isHere: false
    }
    yield* Effect.addFinalizer(() => hangUp(the))
    return yield* Effect.forEach(list, (check) =>
      Effect.map(bounded(check, the), (finding): Found => {
        const found = { check: check.name, finding }
        told(found)
        return found
      })
    )
  },
  Effect.scoped,
  Logger.withMinimumLogLevel(LogLevel.None)
)

const bounded = (check: Check, the: Case) =>
  check.look(the).pipe(
    Effect.timeoutTo({
      duration: check.timeout,
      onSuccess: (finding) => finding,
      onTimeout: () =>
        toDo(
          `nothing came of it in ${Duration.toSeconds(check.timeout)} s`,
          "look at the network and the load of this machine, and try again"
        )
    }),
    Effect.catchAllCause((cause) => {
      const error = Cause.squash(cause)
      return Effect.succeed(
        toDo(
          `the check itself failed (${error instanceof Error ? error.name : "no error"})`,
          "this is a fault of Offhook: please report it"
        )
      )
    })
  )

/** Somebody who may call; where numbers are demanded, one of theirs that nobody has. */
const callerOf = ([first]: ReadonlyArray<string>): string =>
  first === undefined ? "client:offhook-doctor" : first.replace(/\*$/, "00")

/** A call without its stream would wait a minute for it. The token goes to this machine's Offhook alone. */
const hangUp = ({ call, isHere, settings }: Case): Effect.Effect<void> => {
  const { operator } = settings.api
  if (call.answer === null || call.line !== null || !isHere || operator === null) return Effect.void
  return Effect.ignore(
    Http.ask(`${Port.here({ settings })}/api/v1/calls/${call.callSid}/hang-up`, {
      method: "POST",
      headers: { authorization: `Bearer ${Redacted.value(operator)}` }
    })
  )
}
