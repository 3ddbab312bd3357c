/**
 * The session that an agent asks for: mu-law both ways, so that audio passes through untouched (protocols.md E.2).
 */

import type { Agent, Detection, Tool } from "../Agent.ts"
import * as EndCall from "../EndCall.ts"
import type { FunctionTool, Session, TurnDetection } from "./ClientEvent.ts"

export const session = (agent: Agent): Session => ({
  type: "realtime",
  output_modalities: ["audio"],
  instructions: agent.instructions,
  tools: (agent.endCall ? [...agent.tools, EndCall.tool] : agent.tools).map(functionTool),
  tool_choice: "auto",
  audio: {
    input: {
      format: { type: "audio/pcmu" },
      transcription: transcription(agent),
      noise_reduction: agent.noiseReduction === null ? null : { type: agent.noiseReduction },
      turn_detection: turnDetection(agent.detection, agent.turns === "model")
    },
    output: { format: { type: "audio/pcmu" }, voice: agent.voice }
  }
})

const functionTool = ({ description, name, parameters }: Tool): FunctionTool => ({
  type: "function",
  name,
  description,
  parameters
})

const transcription = ({ transcription }: Agent): Session["audio"]["input"]["transcription"] => {
  if (transcription === null) return null
  const { language, model } = transcription
  return language === null ? { model } : { model, language }
}

const turnDetection = (detection: Detection, modelOwnsTurns: boolean): TurnDetection => {
  const owner = { create_response: modelOwnsTurns, interrupt_response: modelOwnsTurns }
  switch (detection.type) {
    case "server_vad":
      return {
        type: "server_vad",
        threshold: detection.threshold,
        prefix_padding_ms: detection.prefixPaddingMs,
        silence_duration_ms: detection.silenceDurationMs,
        ...owner
      }
    case "semantic_vad":
      return { type: "semantic_vad", eagerness: detection.eagerness, ...owner }
  }
}
