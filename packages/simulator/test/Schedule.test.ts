import { Random } from "@offhook/simulator"
import { assert, it } from "vitest"
import * as Schedule from "../src/world/Schedule.ts"

it("takes in order of time, and in order of adding what has one time", () => {
  const random = Random.make("schedule")
  const schedule = Schedule.make<null>()
  const added: Array<readonly [at: number, index: number]> = []
  const taken: Array<readonly [at: number, index: number]> = []
  let now = 0
  for (let index = 0; index < 5_000; index++) {
    const at = now + random.integer(0, 20)
    added.push([at, index])
    schedule.add(at, null, () => taken.push([at, index]))
    while (random.next() < 0.49 && schedule.next() < Infinity) {
      now = schedule.next()
      schedule.take()?.act()
    }
  }
  while (schedule.next() < Infinity) schedule.take()?.act()
  assert.deepStrictEqual(
    taken,
    added.toSorted(([a, i], [b, j]) => a - b || i - j)
  )
})
