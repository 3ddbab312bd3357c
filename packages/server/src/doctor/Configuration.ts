/** What is configured, beyond what the server would refuse to start with. */

import { Accounts, Loopback, Tools } from "@offhook/adapters"
import * as Effect from "effect/Effect"
import type { Check } from "./Check.ts"
import { ok, toDo } from "./Finding.ts"

export const check: Check = {
  name: "configuration",
  asks:
    "every variable and the agent file, as the server reads them; whether Twilio can be told from strangers, and " +
    "`PUBLIC_URL` is more than this machine's own",
  timeout: "5 seconds",
  look: ({ agent, settings: { agentFile, publicUrl, twilio }, tools }) =>
    Effect.sync(() => {
      const missing = Tools.missing(agent, tools)
      if (missing.length > 0) {
        return toDo(
          `the agent offers tools that this program does not have: ${missing.join(", ")}`,
          `take them out of "tools" in the agent file, or give them to Tools.layer`
        )
      }
      if (!Accounts.areConfigured(twilio)) {
        return toDo(
          "no Twilio token: signatures are not checked, and nobody but this machine is answered",
          "set TWILIO_AUTH_TOKEN and PUBLIC_URL to take calls"
        )
      }
      if (publicUrl !== null && isLoopback(publicUrl) && !isLoopback(twilio.apiUrl)) {
        return toDo(
          `PUBLIC_URL is ${publicUrl}, which nobody but this machine can reach`,
          "set it to the address of your tunnel or proxy, as Twilio calls it"
        )
      }
      const how = twilio.accountSid === null ? "by closing the stream (no TWILIO_ACCOUNT_SID)" : "by REST"
      return ok(
        `${agent.model}, ${agentFile === null ? "the built-in agent" : "an agent of your own"}; signatures are checked ` +
          `against ${publicUrl}; calls are hung up ${how}`
      )
    })
}

/** Simulated phone networks are on this machine, Twilio is not. */
const isLoopback = (url: string): boolean => Loopback.isLoopback(new URL(url).host)
