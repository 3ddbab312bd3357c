import { Base64, Random } from "@offhook/simulator"
import { assert, it } from "vitest"

it("encodes and decodes as the platform does, and refuses what is not base64", () => {
  const random = Random.make("base64")
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, () => random.integer(0, 255))
    const text = Buffer.from(bytes).toString("base64")
    assert.strictEqual(Base64.encode(bytes), text)
    assert.deepStrictEqual(Base64.decode(text), bytes)
  }
  for (const wrong of ["A", "AA", "AAA", "=AAA", "A===", "AA=A", "AAA\n", "AA AA AA", "A-__", "ÄAAA", "AA==AAAA"]) {
    assert.isUndefined(Base64.decode(wrong), wrong)
  }
})
