/** The bytes by which a relay knows an audio message, and between which it puts the payload. */

import { Buffer } from "node:buffer"

export const QUOTE = 0x22

export const carrierMedia = Buffer.from('{"event":"media"')
export const carrierPayload = Buffer.from('"payload":"')
export const modelAudio = Buffer.from('{"type":"response.output_audio.delta"')
export const modelDelta = Buffer.from('"delta":"')

export const append = Buffer.from('{"type":"input_audio_buffer.append","audio":"')
export const appendEnd = Buffer.from('"}')
export const mediaOf = (streamSid: string): Buffer =>
  Buffer.from(`{"event":"media","streamSid":"${streamSid}","media":{"payload":"`)
export const mediaEnd = Buffer.from('"}}')
