import { assert, describe, it } from "vitest"
import * as Prices from "../src/Prices.ts"
import * as Usage from "../src/Usage.ts"

const model = "gpt-realtime-2.1"
const million = 1_000_000

describe("Prices", () => {
  it("carries the day it was read", () => {
    assert.strictEqual(Prices.table.date, "2026-11-22")
  })

  it.each([
    [{ inputText: million }, 4],
    [{ inputText: million, cachedText: million }, 0.4],
    [{ outputText: million }, 24],
    [{ inputAudio: million }, 32],
    [{ inputAudio: million, cachedAudio: million }, 0.4],
    [{ outputAudio: million }, 64]
  ])("prices a million tokens %j at $%d", (usage, dollars) => {
    assert.strictEqual(Prices.cost(Prices.table, model, { ...Usage.zero, ...usage }), dollars)
  })

  it.each([
    ["gpt-realtime-2.1", 24, 64],
    ["gpt-realtime-2", 24, 64],
    ["gpt-realtime-1.5", 16, 64],
    ["gpt-realtime-2.1-mini", 2.4, 20]
  ])("knows what %s writes and says for", (name, text, audio) => {
    assert.strictEqual(Prices.cost(Prices.table, name, { ...Usage.zero, outputText: million }), text)
    assert.strictEqual(Prices.cost(Prices.table, name, { ...Usage.zero, outputAudio: million }), audio)
  })

  it("takes cached tokens out of the input tokens", () => {
    const usage = { ...Usage.zero, inputAudio: 1_000, cachedAudio: 900 }
    assert.closeTo(Prices.cost(Prices.table, model, usage)!, (100 * 32 + 900 * 0.4) / million, 1e-12)
  })

  it("never gives money back when more is cached than came in", () => {
    const usage = { ...Usage.zero, inputText: 10, cachedText: 1_000 }
    assert.closeTo(Prices.cost(Prices.table, model, usage)!, (10 * 0.4) / million, 1e-12)
  })

  it("prices images as text input", () => {
    const usage = { ...Usage.zero, inputImage: 1_000, cachedImage: 600 }
    const asText = { ...Usage.zero, inputText: 1_000, cachedText: 600 }
    assert.strictEqual(Prices.cost(Prices.table, model, usage), Prices.cost(Prices.table, model, asText))
  })

  it("has no price for a model it does not name", () => {
    assert.isNull(Prices.cost(Prices.table, "gpt-realtime", { ...Usage.zero, inputText: 1 }))
    assert.isNull(Prices.cost(Prices.table, "constructor", Usage.zero))
  })

  it("prices a sum as the sum of the prices", () => {
    const a = { ...Usage.zero, inputText: 123, inputAudio: 4_567, cachedAudio: 4_000, outputAudio: 890 }
    const b = { ...Usage.zero, inputText: 77, cachedText: 64, inputImage: 5, outputText: 31 }
    const apart = Prices.cost(Prices.table, model, a)! + Prices.cost(Prices.table, model, b)!
    assert.closeTo(Prices.cost(Prices.table, model, Usage.add(a, b))!, apart, 1e-12)
  })

  it("costs nothing where nothing was used", () => {
    assert.strictEqual(Prices.cost(Prices.table, model, Usage.zero), 0)
  })
})

describe("Usage", () => {
  it("adds every kind of token", () => {
    const one = {
      inputText: 1,
      inputAudio: 2,
      inputImage: 3,
      cachedText: 4,
      cachedAudio: 5,
      cachedImage: 6,
      outputText: 7,
      outputAudio: 8
    }
    assert.deepStrictEqual(Usage.add(one, Usage.zero), one)
    assert.deepStrictEqual(Object.values(Usage.add(one, one)), [2, 4, 6, 8, 10, 12, 14, 16])
  })
})
