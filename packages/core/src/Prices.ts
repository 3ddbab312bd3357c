/**
 * What tokens cost. Prices change: the table carries the day it was read, and stands in every recording's header.
 *
 * Invariants
 * 1. Cached tokens are part of the input tokens (protocols.md E.7): they are priced once, at the cached price.
 * 2. A model that the table does not name has no cost, rather than a guessed one.
 * 3. Images have no price of their own in the source of this table: they are priced as text input.
 */

import type { Usage } from "./Event.ts"

/** US dollars per million tokens (protocols.md E.1). */
export interface Price {
  readonly textInput: number
  readonly textCached: number
  readonly textOutput: number
  readonly audioInput: number
  readonly audioCached: number
  readonly audioOutput: number
}

export interface PriceTable {
  /** The day the prices were read, `YYYY-MM-DD`. */
  readonly date: string
  readonly models: Readonly<Record<string, Price>>
}

const flagship: Price = {
  textInput: 4,
  textCached: 0.4,
  textOutput: 24,
  audioInput: 32,
  audioCached: 0.4,
  audioOutput: 64
}

/** The models whose prices OpenAI's model pages state (protocols.md E.1); transcription is billed apart. */
export const table: PriceTable = {
  date: "2026-11-22",
  models: {
    "gpt-realtime-1.5": { ...flagship, textOutput: 16 },
    "gpt-realtime-2": flagship,
    "gpt-realtime-2.1": flagship,
    "gpt-realtime-2.1-mini": {
      textInput: 0.6,
      textCached: 0.06,
      textOutput: 2.4,
      audioInput: 10,
      audioCached: 0.3,
      audioOutput: 20
    }
  }
}

/** US dollars, exact to far below a millionth of a cent; null for a model that the table does not name. */
export const cost = (prices: PriceTable, model: string, usage: Usage): number | null => {
  const price = Object.hasOwn(prices.models, model) ? prices.models[model] : undefined
  if (price === undefined) return null
  const cachedText = Math.min(usage.cachedText, usage.inputText) + Math.min(usage.cachedImage, usage.inputImage)
  const cachedAudio = Math.min(usage.cachedAudio, usage.inputAudio)
  const perMillion =
    (usage.inputText + usage.inputImage - cachedText) * price.textInput +
    cachedText * price.textCached +
    usage.outputText * price.textOutput +
    (usage.inputAudio - cachedAudio) * price.audioInput +
    cachedAudio * price.audioCached +
    usage.outputAudio * price.audioOutput
  return perMillion / 1_000_000
}
