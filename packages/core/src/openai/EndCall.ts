/** The built-in tool with which the agent hangs up, once its goodbye was heard. */

import type { FunctionTool } from "./ClientEvent.ts"

export const name = "end_call"

export const tool: FunctionTool = {
  type: "function",
  name,
  description:
    "Hang up the phone. Say goodbye first, in the same response. " +
    "Call this when the caller has said goodbye or wants to end the call, never while the caller still needs something.",
  parameters: {
    type: "object",
    properties: { reason: { type: "string", description: "Why the call ends, in a few words." } }
  }
}
