/**
 * Commands to text of OpenAI's Realtime API (protocols.md E.4). Audio is concatenated, never read.
 *
 * What the model may refuse carries an `event_id`, which comes back as the error's `cause`: `CreateResponse` its
 * request, every other command the id that `eventId` gives it.
 */

import * as Mulaw from "../audio/Mulaw.ts"
import * as Payload from "../audio/Payload.ts"
import type { Command } from "../Command.ts"
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

/** The `event_id` of a command, so that an error's `cause` can be told. */
export const eventId = (command: Exclude<Encodable, { readonly _tag: "ForwardAudio" | "ForwardSilence" }>): string => {
  switch (command._tag) {
    case "AddText":
      return `add_text:${command.item}`
    case "AnswerTool":
      return `answer_tool:${command.call}`
    case "CancelResponse":
      return "cancel_response"
    case "ConfigureModel":
      return "configure_model"
    case "CreateResponse":
      return command.request
    case "DeleteItem":
      return `delete_item:${command.item}`
    case "Truncate":
      return `truncate:${command.item}`
  }
}

const clientEvent = (
  command: Exclude<Encodable, { readonly _tag: "ForwardAudio" | "ForwardSilence" }>
): ClientEvent => {
  const event_id = eventId(command)
  switch (command._tag) {
    case "AddText":
      return {
        type: "conversation.item.create",
        event_id,
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
        event_id,
        item: { type: "function_call_output", call_id: command.call, output: command.output }
      }
    case "CancelResponse":
      return command.response === null
        ? { type: "response.cancel", event_id }
        : { type: "response.cancel", event_id, response_id: command.response }
    case "ConfigureModel":
      return { type: "session.update", event_id, session: session(command.agent) }
    case "CreateResponse": {
      const metadata = { offhook_request: command.request }
      return {
        type: "response.create",
        event_id,
        response: command.instructions === null ? { metadata } : { instructions: command.instructions, metadata }
      }
    }
    case "DeleteItem":
      return { type: "conversation.item.delete", event_id, item_id: command.item }
    case "Truncate":
      return {
        type: "conversation.item.truncate",
        event_id,
        item_id: command.item,
        content_index: command.contentIndex,
        audio_end_ms: command.audioEndMs
      }
  }
}

const append = (audio: string): string => `{"type":"input_audio_buffer.append","audio":"${audio}"}`
