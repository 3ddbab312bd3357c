/**
 * Tokens of a call, summed: `Prices.cost` is linear, so a sum of responses of one model is priced once.
 */

import type { Usage } from "./Event.ts"

export const zero: Usage = {
  inputText: 0,
  inputAudio: 0,
  inputImage: 0,
  cachedText: 0,
  cachedAudio: 0,
  cachedImage: 0,
  outputText: 0,
  outputAudio: 0
}

export const add = (a: Usage, b: Usage): Usage => ({
  inputText: a.inputText + b.inputText,
  inputAudio: a.inputAudio + b.inputAudio,
  inputImage: a.inputImage + b.inputImage,
  cachedText: a.cachedText + b.cachedText,
  cachedAudio: a.cachedAudio + b.cachedAudio,
  cachedImage: a.cachedImage + b.cachedImage,
  outputText: a.outputText + b.outputText,
  outputAudio: a.outputAudio + b.outputAudio
})
