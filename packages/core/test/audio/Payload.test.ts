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

  it("is cut at any byte, as text and as bytes", () => {
    for (const length of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
      const bytes = bytesOf(length)
      for (let from = 0; from <= length; from++) {
        for (let to = from; to <= length; to++) {
          const expected = bytes.slice(from, to)
          assert.strictEqual(Payload.slice(base64(bytes), from, to), base64(expected), `${from} to ${to} of ${length}`)
          assert.deepStrictEqual(Payload.slice(bytes, from, to), expected)
        }
      }
    }
  })

  it("is cut only where it is", () => {
    const text = base64(bytesOf(10))
    assert.strictEqual(Payload.slice(text, -5, 99), text)
    assert.strictEqual(Payload.slice(text, 12, 20), "")
    assert.strictEqual(Payload.slice(text, 6, 2), "")
    assert.strictEqual(Payload.slice("", 0, 160), "")
  })

  it("is joined piece by piece, padded or not", () => {
    for (const first of lengths) {
      for (const second of [0, 1, 2, 3, 160]) {
        const pieces = [bytesOf(first, 1), bytesOf(second, 2), bytesOf(3, 3)]
        const joined = new Uint8Array(pieces.flatMap((piece) => [...piece]))
        assert.strictEqual(Payload.concat(pieces.map(base64)), base64(joined), `${first} + ${second} + 3`)
        assert.deepStrictEqual(Payload.concat(pieces), joined)
        assert.strictEqual(Payload.concat([pieces[0]!, base64(pieces[1]!), base64(pieces[2]!)]), base64(joined))
      }
    }
    assert.strictEqual(Payload.concat([]), "")
    assert.strictEqual(Payload.concat(["", ""]), "")
  })
})
