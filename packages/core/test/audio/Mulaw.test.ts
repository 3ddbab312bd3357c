import { assert, describe, it } from "vitest"
import * as Mulaw from "../../src/audio/Mulaw.ts"

const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) =>
    byte.toString(16).padStart(2, "0")
  ).join("")

describe("Mulaw", () => {
  it("decodes every byte as G.711 does", async () => {
    const table = new DataView(new ArrayBuffer(512))
    for (let byte = 0; byte < 256; byte++) table.setInt16(byte * 2, Mulaw.decode(byte), true)
    assert.strictEqual(
      await sha256(new Uint8Array(table.buffer)),
      "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827"
    )
    assert.deepStrictEqual([0x00, 0x7f, 0x80, 0xce, 0xff].map(Mulaw.decode), [-32_124, 0, 32_124, 988, 0])
  })

  it("encodes every sample as G.711 does", async () => {
    const encoded = Uint8Array.from({ length: 65_536 }, (_, index) => Mulaw.encode(index - 32_768))
    assert.strictEqual(await sha256(encoded), "5ee7cf5f273f842d2234121e4cb0c98d6b20a99ac29026f94e05b36955b195be")
  })

  it("gives every byte back but negative zero", () => {
    for (let byte = 0; byte < 256; byte++) {
      assert.strictEqual(Mulaw.encode(Mulaw.decode(byte)), byte === 0x7f ? 0xff : byte)
    }
  })

  it("counts 8 bytes a millisecond, and whole ones", () => {
    assert.deepStrictEqual([0, 7, 8, 160, 167].map(Mulaw.msOf), [0, 0, 1, 20, 20])
    assert.deepStrictEqual([0, 1, 20, 0.2].map(Mulaw.bytesOf), [0, 8, 160, 1])
  })

  it("writes silence as base64 of 0xFF", () => {
    for (const bytes of [0, 1, 2, 3, 80, 159, 160, 161, 8_000]) {
      assert.strictEqual(Mulaw.silence(bytes), btoa("\u00ff".repeat(bytes)), `${bytes} bytes`)
    }
    assert.strictEqual(Mulaw.silence(160), `${"/".repeat(213)}w==`)
  })
})
