import { Buffer } from "node:buffer"
import { assert, describe, it } from "vitest"
import * as Histogram from "../src/Histogram.ts"
import * as Stamp from "../src/peers/Stamp.ts"
import * as Tally from "../src/peers/Tally.ts"

const tail = Stamp.tails(Stamp.FRAME)[3] ?? ""

const stampsOf = (base64: string): ReadonlyArray<readonly [number, number] | null> => {
  const bytes = Buffer.from(base64)
  const found: Array<readonly [number, number] | null> = []
  Stamp.each(bytes, 0, bytes.length, Stamp.FRAME, (stamp) =>
    found.push(stamp < 0 ? null : [Stamp.senderOf(stamp), Stamp.numberOf(stamp)])
  )
  return found
}

describe("Stamp", () => {
  it("is read from the base64 as from the bytes", () => {
    for (const [sender, number] of [
      [0, 0],
      [1, 4095],
      [511, 4096],
      [65_535, 2 ** 24 - 1]
    ] as const) {
      const audio = Stamp.write(sender, number) + tail
      assert.strictEqual(Buffer.from(audio, "base64").length, Stamp.FRAME)
      assert.deepStrictEqual(stampsOf(audio), [[sender, number]])
    }
  })

  it("is found in messages that were joined, and nothing in silence", () => {
    const frames = [1, 2, 3].map((number) => Buffer.from(Stamp.write(7, number) + tail, "base64"))
    const silence = Buffer.alloc(Stamp.FRAME, 0xff)
    assert.deepStrictEqual(stampsOf(Buffer.concat([...frames, silence]).toString("base64")), [
      [7, 1],
      [7, 2],
      [7, 3],
      null
    ])
    assert.deepStrictEqual(stampsOf(silence.toString("base64")), [null])
  })
})

describe("Tally", () => {
  const received = (numbers: ReadonlyArray<number>, sent = 10): Tally.Sums => {
    const tally = Tally.make()
    const lane = tally.lane()
    for (let number = 0; number < sent; number++) lane.sent(number)
    for (const number of numbers) lane.received(number, sent)
    return tally.sums()
  }
  const sound = { sent: 8, received: 8, lost: 0, duplicated: 0, disordered: 0, foreign: 0 }

  it("counts from the first piece that came", () => {
    assert.deepStrictEqual(received([2, 3, 4, 5, 6, 7, 8, 9]), sound)
    assert.deepStrictEqual(received([]), { ...sound, sent: 0, received: 0 })
  })

  it("tells loss in the middle and at the end, what came twice, late, and from nowhere", () => {
    assert.deepStrictEqual(received([2, 3, 5, 6, 7, 8]), { ...sound, received: 6, lost: 2 })
    assert.deepStrictEqual(received([2, 3, 4, 4, 5, 6, 7, 8, 9]), { ...sound, duplicated: 1 })
    assert.deepStrictEqual(received([2, 3, 5, 4, 6, 7, 8, 9]), { ...sound, disordered: 1 })
    assert.deepStrictEqual(received([2, 3, 4, 5, 6, 7, 8, 9, 10]), { ...sound, foreign: 1 })
  })
})

describe("Histogram", () => {
  it("has the quantiles of what was added, to 10 us", () => {
    const histogram = Histogram.make()
    for (let ms = 1; ms <= 1000; ms++) histogram.add(ms)
    histogram.add(5_000)
    assert.deepStrictEqual(histogram.quantiles(), { count: 1001, p50: 501, p99: 991, max: 5_000 })
    histogram.reset()
    assert.deepStrictEqual(histogram.quantiles(), { count: 0, p50: 0, p99: 0, max: 0 })
  })
})
