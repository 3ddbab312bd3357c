import { Line, Random } from "@offhook/simulator"
import { assert, it } from "vitest"

it("keeps order, delays, and lets a stall pass", () => {
  const line = Line.make({ delay: 40, jitter: 30, random: Random.make("line"), stalls: [{ at: 500, ms: 200 }] })
  let last = 0
  const delays: Array<number> = []
  for (let sent = 0; sent < 1000; sent += 5) {
    const at = line.arrival(sent)
    assert.isAtLeast(at, last)
    assert.isFalse(at >= 500 && at < 700)
    last = at
    if (at < 500) delays.push(at - sent)
  }
  assert.isAtLeast(Math.min(...delays), 40)
  assert.isBelow(Math.max(...delays), 70)
  assert.isAbove(Math.max(...delays) - Math.min(...delays), 10)
})

it("stalls by itself, every so often, and lets out in one burst what was held", () => {
  const options = { delay: 40, jitter: 5, stalls: [{ everyMs: 2_000, ms: [200, 500] }] } as const
  const line = Line.make({ ...options, random: Random.make("bursts") })
  const arrivals = Array.from({ length: 10_000 }, (_, index) => line.arrival(index * 20))
  const bursts = new Map<number, number>()
  for (const at of arrivals) bursts.set(at, (bursts.get(at) ?? 0) + 1)
  const held = [...bursts].filter(([, count]) => count > 8)
  assert.isTrue(held.length > 50 && held.length < 110, `${held.length} bursts in 200 s`)
  for (const [at, count] of held) {
    assert.isAtMost(count, 27)
    const before = arrivals.filter((other) => other < at).at(-1) ?? 0
    assert.isTrue(at - before >= 200 - 25 && at - before <= 500 + 25, `held for ${at - before} ms`)
  }
  const again = Line.make({ ...options, random: Random.make("bursts") })
  assert.deepStrictEqual(
    arrivals,
    arrivals.map((_, index) => again.arrival(index * 20))
  )
})

it("draws the same for the same seed and name, whatever the others draw", () => {
  const one = Random.make(7)
  const two = Random.make(7)
  two.next()
  two.split("other").next()
  const draw = (random: Random.Random) => Array.from({ length: 5 }, () => random.next())
  assert.deepStrictEqual(draw(one.split("a")), draw(two.split("a")))
  assert.notDeepEqual(draw(one.split("a")), draw(one.split("b")))
  assert.notDeepEqual(draw(Random.make(7)), draw(Random.make(8)))
  const many = Array.from({ length: 10_000 }, () => one.integer(1, 6))
  assert.deepStrictEqual([...new Set(many)].sort(), [1, 2, 3, 4, 5, 6])
  assert.match(one.hex(32), /^[0-9a-f]{32}$/)
})
