/** What a response cost, as `response.done` tells it (protocols.md E.7). */
import * as Conversation from "./Conversation.ts"
import type { Usage } from "./ServerEvent.ts"

export interface InputTokens {
  readonly text: number
  readonly audio: number
  readonly cachedText: number
  readonly cachedAudio: number
}

/** Counts what responses read; the cache holds whole blocks of 64 tokens of what an earlier one read. */
export const reader = () => {
  let cached = { text: 0, audio: 0 }
  return (
    items: ReadonlyArray<Conversation.Item>,
    instructions: string,
    tools: ReadonlyArray<unknown>,
    outOfBand: boolean
  ): InputTokens => {
    const { textTokens } = Conversation
    let text = textTokens(instructions) + (tools.length > 0 ? textTokens(JSON.stringify(tools)) : 0)
    let audio = 0
    for (const item of items) {
      const tokens = Conversation.tokens(item)
      text += tokens.text
      audio += tokens.audio
    }
    const blocks = (read: number, now: number) => (outOfBand ? 0 : Math.floor(Math.min(read, now) / 64) * 64)
    const cachedText = blocks(cached.text, text)
    const cachedAudio = blocks(cached.audio, audio)
    if (!outOfBand) cached = { text, audio }
    return { text, audio, cachedText, cachedAudio }
  }
}

/** Ms of audio that items were generated with. */
export const audioMs = (output: ReadonlyArray<Conversation.Item>): number =>
  output.reduce((sum, item) => sum + (Conversation.outputAudio(item)?.generatedMs ?? 0), 0)

export const of = (input: InputTokens, output: ReadonlyArray<Conversation.Item>): Usage => {
  let text = 0
  for (const item of output) {
    text += Conversation.textTokens(item.name) + Conversation.textTokens(item.arguments)
    for (const part of item.content) {
      if (part.type === "output_audio") text += Conversation.textTokens(part.spoken)
      if (part.type === "output_text") text += Conversation.textTokens(part.text)
    }
  }
  const audio = Math.ceil(audioMs(output) / 50)
  const inputTokens = input.text + input.audio
  return {
    total_tokens: inputTokens + text + audio,
    input_tokens: inputTokens,
    output_tokens: text + audio,
    input_token_details: {
      text_tokens: input.text,
      audio_tokens: input.audio,
      image_tokens: 0,
      cached_tokens: input.cachedText + input.cachedAudio,
      cached_tokens_details: { text_tokens: input.cachedText, audio_tokens: input.cachedAudio, image_tokens: 0 }
    },
    output_token_details: { text_tokens: text, audio_tokens: audio }
  }
}

/** What is left for the minute, after `used` responses. */
export const rateLimits = (used: number) => [
  { name: "requests" as const, limit: 5000, remaining: Math.max(0, 5000 - used), reset_seconds: 0.012 * used },
  { name: "tokens" as const, limit: 2_000_000, remaining: Math.max(0, 2_000_000 - 800 * used), reset_seconds: 0.06 }
]
