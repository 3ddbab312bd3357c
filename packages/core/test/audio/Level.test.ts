import { assert, describe, it } from "vitest"
import * as Base64 from "../../src/audio/Base64.ts"
import * as Level from "../../src/audio/Level.ts"
import * as Mulaw from "../../src/audio/Mulaw.ts"

/** A sine of 1 kHz with a peak of so much of full scale. */
const tone = (peak: number, bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, index) =>
    Mulaw.encode(Math.round(32_768 * peak * Math.sin((index * Math.PI) / 4)))
  )

const noise = (bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, index) => (index * 7_919 + 13) & 255)

/** What the header of Level says, sample by sample. */
const reference = (bytes: Uint8Array, window = 160): string => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  let levels = ""
  for (let from = 0; from < bytes.length; from += window) {
    const samples = Array.from(bytes.slice(from, from + window), Mulaw.decode)
    const rms = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)
    const step = Math.round(63 + (20 * Math.log10(rms / 32_768)) / 1.5)
    levels += alphabet.charAt(Math.min(63, Math.max(0, step)))
  }
  return levels
}

describe("Level", () => {
  it("reads a tone within half a step of its decibels", () => {
    for (const decibels of [-60, -48, -40, -30, -20, -12, -6, 0]) {
      const levels = Level.ofBytes(tone(10 ** (decibels / 20), 160))
      assert.strictEqual(levels.length, 1)
      assert.closeTo(Level.dbfs(levels, 0), decibels - 3.01, 0.8 + (decibels < -50 ? 1.5 : 0))
    }
  })

  it("knows silence and full scale", () => {
    assert.strictEqual(Level.ofBase64(Mulaw.silence(160)), "A")
    assert.strictEqual(Level.ofBytes(new Uint8Array(160)), "_")
    assert.strictEqual(Level.dbfs("A_", 0), -94.5)
    assert.strictEqual(Level.dbfs("A_", 1), 0)
    assert.strictEqual(Level.dbfs("", 0), -94.5)
  })

  it("writes one character for every 20 ms begun", () => {
    for (const bytes of [1, 2, 3, 80, 159, 160, 161, 162, 319, 320, 321, 480, 1_600, 1_601]) {
      assert.strictEqual(Level.ofBytes(noise(bytes)).length, Math.ceil(bytes / 160), `${bytes} bytes`)
    }
  })

  it("says the same of text, of bytes and by its definition", () => {
    for (let bytes = 1; bytes < 700; bytes += bytes < 12 ? 1 : 13) {
      const audio = Uint8Array.from([...noise(bytes)].map((byte, index) => (index < 300 ? byte : 0xff)))
      const expected = reference(audio)
      assert.strictEqual(Level.ofBytes(audio), expected, `${bytes} bytes`)
      assert.strictEqual(Level.ofBase64(Base64.encode(audio)), expected, `${bytes} bytes as text`)
      assert.strictEqual(
        Level.ofBase64(Base64.encode(audio), 80),
        reference(audio, 80),
        `${bytes} bytes, windows of 80`
      )
    }
  })

  it("reads a part of a text in place", () => {
    const text = Base64.encode(noise(160))
    assert.strictEqual(Level.ofBase64(`{"x":"${text}"}`, 160, 6, 6 + text.length), Level.ofBase64(text))
  })

  it("has none for text that is not base64", () => {
    const valid = Base64.encode(noise(160))
    const wrong = [
      "",
      "A",
      "AA",
      "AAA",
      "AAAAA",
      "A===",
      "====",
      "AA=A",
      "AA==AAAA",
      "AA-A",
      "AA_A",
      "AA A",
      "AAA\n",
      "AAA\u0000",
      "AAA\u00c1",
      "AAA\u0141",
      "AAA\uff21",
      `${valid.slice(0, 100)}"${valid.slice(101)}`,
      `=${valid.slice(1)}`
    ]
    assert.strictEqual(Level.ofBase64("AAAAAAAA", 160, 0, 6), "")
    for (const text of wrong) assert.strictEqual(Level.ofBase64(text), "", JSON.stringify(text))
  })
})
