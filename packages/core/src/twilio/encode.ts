/**
 * Commands to text of Twilio Media Streams: exactly the three shapes of protocols.md B.3, by concatenation. Nothing
 * needs escaping: payloads are base64, mark names are ours, and a `streamSid` was checked when the stream began.
 */

import * as Payload from "../audio/Payload.ts"
import type { Command } from "../Command.ts"

export type Encodable = Extract<Command, { readonly _tag: "Clear" | "Mark" | "PlayAudio" }>

export const encode = (command: Encodable, streamSid: string): string => {
  switch (command._tag) {
    case "PlayAudio":
      return `{"event":"media","streamSid":"${streamSid}","media":{"payload":"${Payload.toBase64(command.payload)}"}}`
    case "Mark":
      return `{"event":"mark","streamSid":"${streamSid}","mark":{"name":"${command.name}"}}`
    case "Clear":
      return `{"event":"clear","streamSid":"${streamSid}"}`
  }
}
