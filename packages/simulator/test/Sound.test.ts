import { G711, Sound, SpeechFiles } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

const dbfs = (bytes: Uint8Array): number => {
  const power = bytes.reduce((sum, byte) => sum + (G711.SQUARES[byte] ?? 0), 0) / bytes.length
  return 10 * Math.log10(power / 32_768 ** 2)
}

describe("a sound", () => {
  it("is as long as it says, from a word to a minute", () => {
    for (const ms of [1, 20, 350, 5_000, 60_000]) {
      assert.strictEqual(Sound.bytes({ clip: "agent-booked", ms }, audio).length, 8 * ms)
      assert.strictEqual(Sound.bytes({ noise: -30, ms }, audio).length, 8 * ms)
    }
  })

  it("as it was recorded is the clip", () => {
    assert.deepStrictEqual(Sound.bytes(Sound.whole("caller-yes"), audio), audio["caller-yes"])
    assert.strictEqual(Sound.text(Sound.whole("caller-yes")), "Yes.")
  })

  it("that is longer than the clip is the clip again, and its words", () => {
    const ms = 2.5 * 350.25
    const bytes = Sound.bytes({ clip: "caller-yes", ms }, audio)
    const clip = audio["caller-yes"]
    assert.deepStrictEqual(bytes.subarray(clip.length, 2 * clip.length), clip)
    assert.strictEqual(Sound.text({ clip: "caller-yes", ms }), "Yes. Yes. Ye")
  })

  it("is as loud as it says", () => {
    assert.closeTo(dbfs(Sound.bytes({ noise: -30, ms: 2_000 }, audio)), -30, 0.5)
    const sound = Sound.whole("caller-how-many")
    const faint = dbfs(Sound.bytes({ ...sound, fainter: 12 }, audio))
    assert.closeTo(faint, dbfs(Sound.bytes(sound, audio)) - 12, 0.7)
  })
})

describe("a signature", () => {
  const sound = Sound.bytes({ clip: "agent-opening-hours", ms: 20_000 }, audio)
  const silence = new Uint8Array(16_000).fill(0xff)

  it("changes the lowest bit of a byte and nothing else, always in the same way", () => {
    const made = Sound.signed(sound, 7)
    assert.isTrue(made.every((byte, index) => (byte | 1) === ((sound[index] ?? 0) | 1)))
    assert.deepStrictEqual(Sound.signed(sound, 7), made)
    assert.deepStrictEqual(Sound.signed(sound.subarray(0, 1_001), 7), made.subarray(0, 1_001))
  })

  it("tells any two of a thousand items apart in their first 8 ms, silence too", () => {
    const starts = new Set(
      Array.from({ length: 1_000 }, (_, index) => Sound.signed(silence.subarray(0, 64), index).join())
    )
    assert.strictEqual(starts.size, 1_000)
  })

  it("does not come again within a sound", () => {
    const made = Sound.signed(silence, 3)
    const pieces = new Set(Array.from({ length: 250 }, (_, index) => made.subarray(64 * index, 64 * index + 64).join()))
    assert.strictEqual(pieces.size, 250)
  })
})
