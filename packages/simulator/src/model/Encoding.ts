/** Audio of the model's voice in the formats of a session. */
import * as G711 from "../G711.ts"
import type { AudioFormat } from "./ClientEvent.ts"

/** Audio of a clip in a format: a G.711 byte is three 16-bit samples at 24 kHz. A view of the clip where nothing is to be converted. */
export const convert = (clip: Uint8Array, from: number, to: number, format: AudioFormat): Uint8Array => {
  if (format.type === "audio/pcmu") return clip.subarray(from, to)
  if (format.type === "audio/pcma") return clip.slice(from, to).map((byte) => G711.MULAW_TO_ALAW[byte] ?? 0)
  const pcm = new Uint8Array((to - from) * 6)
  let previous = G711.decodeByte(clip[Math.max(0, from - 1)] ?? G711.SILENCE)
  for (let i = from; i < to; i++) {
    const next = G711.decodeByte(clip[i] ?? G711.SILENCE)
    for (let third = 1; third <= 3; third++) {
      const sample = Math.round(previous + ((next - previous) * third) / 3)
      const at = (i - from) * 6 + (third - 1) * 2
      pcm[at] = sample
      pcm[at + 1] = sample >> 8
    }
    previous = next
  }
  return pcm
}
