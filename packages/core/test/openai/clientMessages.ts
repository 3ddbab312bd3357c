/** What we say to the Realtime API: a table for the encoder and the oracle. */
import * as Agent from "../../src/Agent.ts"
import * as EndCall from "../../src/EndCall.ts"
import type { Encodable } from "../../src/openai/encode.ts"
import { milliwatt } from "../twilio/messages.ts"

const session = 2

const tool: Agent.Tool = {
  name: "look_up",
  description: "Look up an order.",
  parameters: { type: "object", properties: { order: { type: "integer" } }, required: ["order"] },
  timeoutMs: 5_000
}

const telephony = {
  type: "realtime",
  output_modalities: ["audio"],
  instructions: Agent.defaults.instructions,
  tools: [
    {
      type: "function",
      name: EndCall.tool.name,
      description: EndCall.tool.description,
      parameters: EndCall.tool.parameters
    }
  ],
  tool_choice: "auto",
  audio: {
    input: {
      format: { type: "audio/pcmu" },
      transcription: { model: "gpt-transcribe" },
      noise_reduction: null,
      turn_detection: {
        type: "server_vad",
        threshold: 0.5,
        prefix_padding_ms: 300,
        silence_duration_ms: 500,
        create_response: true,
        interrupt_response: true
      }
    },
    output: { format: { type: "audio/pcmu" }, voice: "marin" }
  }
}

export const client: ReadonlyArray<readonly [title: string, command: Encodable, message: unknown]> = [
  [
    "the built-in agent",
    { _tag: "ConfigureModel", session, agent: Agent.defaults },
    { type: "session.update", event_id: "configure_model", session: telephony }
  ],
  [
    "an agent with everything else",
    {
      _tag: "ConfigureModel",
      session,
      agent: {
        ...Agent.defaults,
        turns: "machine",
        detection: { type: "semantic_vad", eagerness: "low" },
        noiseReduction: "near_field",
        transcription: { model: "gpt-transcribe", language: "de" },
        tools: [tool],
        endCall: false
      }
    },
    {
      type: "session.update",
      event_id: "configure_model",
      session: {
        ...telephony,
        tools: [{ type: "function", name: tool.name, description: tool.description, parameters: tool.parameters }],
        audio: {
          ...telephony.audio,
          input: {
            format: { type: "audio/pcmu" },
            transcription: { model: "gpt-transcribe", language: "de" },
            noise_reduction: { type: "near_field" },
            turn_detection: {
              type: "semantic_vad",
              eagerness: "low",
              create_response: false,
              interrupt_response: false
            }
          }
        }
      }
    }
  ],
  [
    "an agent that writes nothing down and can't hang up",
    { _tag: "ConfigureModel", session, agent: { ...Agent.defaults, transcription: null, endCall: false } },
    {
      type: "session.update",
      event_id: "configure_model",
      session: {
        ...telephony,
        tools: [],
        audio: { ...telephony.audio, input: { ...telephony.audio.input, transcription: null } }
      }
    }
  ],
  [
    "caller audio",
    { _tag: "ForwardAudio", session, from: 0, bytes: 160, payload: milliwatt },
    { type: "input_audio_buffer.append", audio: milliwatt }
  ],
  [
    "caller audio as bytes",
    { _tag: "ForwardAudio", session, from: 0, bytes: 3, payload: Uint8Array.of(0xff, 0, 0x7f) },
    { type: "input_audio_buffer.append", audio: "/wB/" }
  ],
  [
    "silence",
    { _tag: "ForwardSilence", session, from: 0, bytes: 8_000 },
    { type: "input_audio_buffer.append", audio: `${"////".repeat(2_666)}//8=` }
  ],
  [
    "truncation",
    { _tag: "Truncate", session, item: "item_1", contentIndex: 0, audioEndMs: 1_234 },
    {
      type: "conversation.item.truncate",
      event_id: "truncate:item_1",
      item_id: "item_1",
      content_index: 0,
      audio_end_ms: 1_234
    }
  ],
  [
    "deletion",
    { _tag: "DeleteItem", session, item: "item_1" },
    { type: "conversation.item.delete", event_id: "delete_item:item_1", item_id: "item_1" }
  ],
  [
    "a response",
    { _tag: "CreateResponse", session, request: "r1", instructions: null },
    { type: "response.create", event_id: "r1", response: { metadata: { offhook_request: "r1" } } }
  ],
  [
    "a response with instructions",
    { _tag: "CreateResponse", session, request: "r1", instructions: 'Say "hello".\n' },
    {
      type: "response.create",
      event_id: "r1",
      response: { instructions: 'Say "hello".\n', metadata: { offhook_request: "r1" } }
    }
  ],
  [
    "cancelling a response",
    { _tag: "CancelResponse", session, response: "resp_1" },
    { type: "response.cancel", event_id: "cancel_response", response_id: "resp_1" }
  ],
  ...(["system", "user"] as const).map(
    (role) =>
      [
        `text of the ${role}`,
        { _tag: "AddText", session, item: "offhook_1", role, text: "Hello." },
        {
          type: "conversation.item.create",
          event_id: "add_text:offhook_1",
          item: { id: "offhook_1", type: "message", role, content: [{ type: "input_text", text: "Hello." }] }
        }
      ] as const
  ),
  [
    "a tool's answer",
    { _tag: "AnswerTool", session, call: "call_1", output: '{"found":true}' },
    {
      type: "conversation.item.create",
      event_id: "answer_tool:call_1",
      item: { type: "function_call_output", call_id: "call_1", output: '{"found":true}' }
    }
  ]
]
