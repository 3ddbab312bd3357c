import { assert, describe, it } from "vitest"
import * as Base64 from "../../src/audio/Base64.ts"
import * as Payload from "../../src/audio/Payload.ts"

const bytesOf = (length: number, salt = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 167 + salt * 31 + 5) & 255)

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))

const lengths = [0, 1, 2, 3, 4, 5, 6, 7, 159, 160, 161, 480]

describe("Base64", () => {
  it("writes what the platform writes, and reads it back", () => {
    for (const length of lengths) {
      const bytes = bytesOf(length)
      assert.strictEqual(Base64.encode(bytes), base64(bytes), `${length} bytes`)
      assert.deepStrictEqual(Base64.decode(base64(bytes)), bytes, `${length} bytes`)
    }
    const every = Uint8Array.from({ length: 768 }, (_, index) => index % 256)
    assert.deepStrictEqual(Base64.decode(Base64.encode(every)), every)
  })

  it("counts bytes without decoding", () => {
    for (const length of lengths) assert.strictEqual(Base64.byteLength(base64(bytesOf(length))), length)
  })
})

describe("Payload", () => {
  it("knows its length and its text, whichever it is", () => {
    for (const length of lengths) {
      const bytes = bytesOf(length)
      assert.strictEqual(Payload.byteLength(bytes), length)
      assert.strictEqual(Payload.byteLength(base64(bytes)), length)
      assert.strictEqual(Payload.toBase64(bytes), base64(bytes))
      assert.strictEqual(Payload.toBase64(base64(bytes)), base64(bytes))
    }
  })

  it("is cut at any byte, as text", () => {
    for (const length of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
      const bytes = bytesOf(length)
      for (let from = 0; from <= length; from++) {
        const expected = bytes.slice(from)
        assert.strictEqual(Payload.rest(base64(bytes), from), base64(expected), `from ${from} of ${length}`)
      }
    }
    assert.strictEqual(Payload.rest("", 160), "")
  })
})
