import { G711, Speech, SpeechFiles } from "@offhook/simulator"
import { assert, it } from "vitest"

it("has the audio of every clip, as long as the catalogue says, as loud as a voice on the telephone", () => {
  const audio = SpeechFiles.load()
  let total = 0
  for (const { id, durationMs } of Speech.clips) {
    const bytes = audio[id]
    assert.strictEqual(bytes.length / 8, durationMs, id)
    total += bytes.length
    const energy = bytes.reduce((sum, byte) => sum + (G711.DECODED[byte] ?? 0) ** 2, 0)
    const dbfs = 10 * Math.log10(energy / bytes.length / 32_768 ** 2)
    assert.isTrue(dbfs > -30 && dbfs < -15, `${id}: ${dbfs} dBFS`)
  }
  assert.isBelow(total, 600_000)
  assert.strictEqual(Speech.clip("caller-yes").text, "Yes.")
})
