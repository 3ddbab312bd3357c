/**
 * Commands to text of OpenAI's Realtime API (protocols.md E.4). Audio is concatenated, never read.
 *
 * What the model may refuse carries an `event_id` (CommandId), which comes back as the error's `cause`.
 */

import * as Mulaw from "../audio/Mulaw.ts"
import * as Payload from "../audio/Payload.ts"
import type { Command } from "../Command.ts"
import * as CommandId from "../CommandId.ts"
import type { ClientEvent } from "./ClientEvent.ts"
import { session } from "./Session.ts"

export type Encodable = Extract<
  Command,
  {
    readonly _tag:
      | "AddText"
      | "AnswerTool"
      | "CancelResponse"
      | "ConfigureModel"
      | "CreateResponse"
      | "DeleteItem"
      | "ForwardAudio"
      | "ForwardSilence"
      | "Truncate"
  }
>

export const encode = (command: Encodable): string => {
  switch (command._tag) {
    case "ForwardAudio":
      return append(Payload.toBase64(command.payload))
    case "ForwardSilence":
      return append(Mulaw.silence(command.bytes))
    default:
      return JSON.stringify(clientEvent(command))
  }
}

const clientEvent = (
  command: Exclude<Encodable, { readonly _tag: "ForwardAudio" | "ForwardSilence" }>
): ClientEvent => {
  switch (command._tag) {
    case "AddText":
      return {
        type: "conversation.item.create",
        event_id: CommandId.addText(command.item),
        item: {
          id: command.item,
          type: "message",
          role: command.role,
          content: [{ type: "input_text", text: command.text }]
        }
      }
    case "AnswerTool":
      return {
        type: "conversation.item.create",
        event_id: CommandId.answerTool(command.call),
        item: { type: "function_call_output", call_id: command.call, output: command.output }
      }
    case "CancelResponse":
      return { type: "response.cancel", event_id: CommandId.cancelResponse, response_id: command.response }
    case "ConfigureModel":
      return { type: "session.update", event_id: CommandId.configureModel, session: session(command.agent) }
    case "CreateResponse": {
      const metadata = { offhook_request: command.request }
      return {
        type: "response.create",
        event_id: command.request,
        response: command.instructions === null ? { metadata } : { instructions: command.instructions, metadata }
      }
    }
    case "DeleteItem":
      return { type: "conversation.item.delete", event_id: CommandId.deleteItem(command.item), item_id: command.item }
    case "Truncate":
      return {
        type: "conversation.item.truncate",
        event_id: CommandId.truncate(command.item),
        item_id: command.item,
        content_index: command.contentIndex,
        audio_end_ms: command.audioEndMs
      }
  }
}

const append = (audio: string): string => `{"type":"input_audio_buffer.append","audio":"${audio}"}`
