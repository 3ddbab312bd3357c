/** The agent of the demo: what it says to the caller of `Speech`, and how it recognises what the caller said. */

import * as Speech from "../Speech.ts"
import * as Brain from "./Brain.ts"
import type { Speech as Heard } from "./Hearing.ts"

/** Greets, answers three turns, says goodbye and calls `end_call`. */
export const brain = (audio: Speech.Audio): Brain.Brain => {
  const clip = (id: Speech.ClipId): Brain.Clip => ({ audio: audio[id], text: Speech.clip(id).text })
  return Brain.conversation({
    greeting: clip("agent-greeting"),
    answers: [clip("agent-opening-hours"), clip("agent-how-many"), clip("agent-booked")],
    goodbye: clip("agent-goodbye")
  })
}

/** A transcriber that knows the caller's clips by their bytes; what it does not know is "(speech 1.2 s)". */
export const transcriber = (audio: Speech.Audio): ((heard: Heard) => string) => {
  const known = Speech.clips
    .filter((clip) => clip.voice === "caller")
    .map(({ id, text }) => ({ text, print: fingerprint(audio[id]) }))
  return ({ audio: heard, durationMs }) =>
    known.find(({ print }) => contains(heard, print))?.text ?? `(speech ${(durationMs / 1000).toFixed(1)} s)`
}

const PRINT_BYTES = 160

/** The stretch of a clip with the most different bytes: silence and hum are in every clip, this is in one. */
const fingerprint = (clip: Uint8Array): Uint8Array => {
  let best = clip.subarray(0, PRINT_BYTES)
  let most = 0
  for (let at = 0; at + PRINT_BYTES <= clip.length; at += PRINT_BYTES) {
    const stretch = clip.subarray(at, at + PRINT_BYTES)
    const different = new Set(stretch).size
    if (different > most) {
      most = different
      best = stretch
    }
  }
  return best
}

const contains = (bytes: Uint8Array, part: Uint8Array): boolean => {
  const first = part[0] ?? 0
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let same = 1
    while (same < part.length && bytes[at + same] === part[same]) same++
    if (same === part.length) return true
  }
  return false
}
