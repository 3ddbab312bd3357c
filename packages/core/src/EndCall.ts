/** `end_call`, the one tool that is built in: the agent hangs up once its goodbye was heard. */

import type { Tool } from "./Agent.ts"

export const name = "end_call"

export const tool: Tool = {
  name,
  description:
    "Hang up the telephone. Call it when the conversation is over and you have said goodbye. " +
    "The caller hears your goodbye to its end before the line closes.",
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
