/** `end_call`, the one tool that is built in: the agent hangs up once its goodbye was heard. */

import type { Tool } from "./Agent.ts"

export const name = "end_call"

export const tool: Tool = {
  name,
  description:
    "Hang up the phone. Say goodbye first, in the same response. " +
    "Call this when the caller has said goodbye or wants to end the call, never while the caller still needs something.",
  parameters: {
    type: "object",
    properties: { reason: { type: "string", description: "Why the call ends, in a few words" } }
  },
  timeoutMs: 0
}

/** What the model is told: the line closes later, or not at all if the caller speaks. */
export const accepted = '{"status":"the line closes once the caller has heard you"}'

/** For a response that called the tool without a word. */
export const goodbye = "Say goodbye to the caller in one short sentence. Do not call any tool."
