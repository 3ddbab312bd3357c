import { createHash } from "node:crypto"
import { G711 } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

describe("G711", () => {
  it("decodes every byte as the table of protocols.md F.3", () => {
    const littleEndian = new Uint8Array(512)
    const view = new DataView(littleEndian.buffer)
    for (const [byte, sample] of G711.DECODED.entries()) view.setInt16(byte * 2, sample, true)
    assert.strictEqual(sha256(littleEndian), "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827")
  })

  it("encodes every sample as the table of protocols.md F.3", () => {
    const samples = Array.from({ length: 65_536 }, (_, i) => i - 32_768)
    const expected = "5ee7cf5f273f842d2234121e4cb0c98d6b20a99ac29026f94e05b36955b195be"
    assert.strictEqual(sha256(G711.encode(samples)), expected)
  })

  it("measures silence, full scale and the digital milliwatt", () => {
    assert.strictEqual(G711.level(new Uint8Array(80).fill(G711.SILENCE)), -Infinity)
    assert.approximately(G711.level(new Uint8Array(80).fill(0)), -0.17, 0.01)
    assert.approximately(G711.level(Uint8Array.from([0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e])), -6.2, 0.1)
  })

  it("turns mu-law into the nearest A-law, never louder than the coding's step", () => {
    for (let byte = 0; byte < 256; byte++) {
      const sample = G711.DECODED[byte]!
      const error = Math.abs(G711.DECODED_ALAW[G711.MULAW_TO_ALAW[byte]!]! - sample)
      assert.isAtMost(error, Math.max(8, Math.abs(sample) / 16), `byte ${byte}`)
    }
  })
})
