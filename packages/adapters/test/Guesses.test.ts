import * as Effect from "effect/Effect"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import * as EdgeLimits from "../src/EdgeLimits.ts"
import * as Guesses from "../src/net/Guesses.ts"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const made = (limits: Partial<Guesses.Limits> = {}) => {
  const guesses = Guesses.make({ perAddress: 3, overall: 5, ...limits })
  const ask = (isRight: boolean) => (address: string) => Effect.runPromise(guesses.mayBeTold(address, isRight))
  return { right: ask(true), wrong: ask(false) }
}

describe("who guesses", () => {
  it("is told so many wrong ones and then nothing, until the minute is over", async () => {
    const { right, wrong } = made()
    assert.deepStrictEqual([await wrong("a"), await wrong("a"), await right("a")], [true, true, true])
    vi.advanceTimersByTime(30_000)
    assert.isTrue(await wrong("a"))
    assert.isFalse(await right("a"))
    assert.isFalse(await wrong("a"))
    assert.isTrue(await right("b"))
    vi.advanceTimersByTime(29_999)
    assert.isFalse(await right("a"))
    vi.advanceTimersByTime(1)
    assert.isTrue(await right("a"))
  })

  it("all at once is told no more than one by one, the right one behind them neither", async () => {
    const { right, wrong } = made({ overall: 1_000 })
    const told = await Promise.all([...Array.from({ length: 100 }, () => wrong("a")), right("a")])
    assert.deepStrictEqual(told.indexOf(false), 3)
    assert.strictEqual(told.lastIndexOf(true), 2)
  })

  it("alone does not shut out the others", async () => {
    const { right, wrong } = made()
    for (let time = 0; time < 100; time++) await wrong("a")
    assert.isTrue(await right("b"))
  })

  it("from many addresses shuts out all but those who are known, for an hour", async () => {
    const { right, wrong } = made({ perAddress: 1 })
    await right("known")
    for (const address of ["a", "b", "c", "d", "e"]) assert.isTrue(await wrong(address))
    assert.isFalse(await wrong("f"))
    assert.isFalse(await right("g"))
    assert.isTrue(await right("known"))
    vi.advanceTimersByTime(3_599_999)
    for (const address of ["a", "b", "c", "d", "e"]) await wrong(address)
    assert.isTrue(await right("known"))
    vi.advanceTimersByTime(3_600_000)
    for (const address of ["a", "b", "c", "d", "e"]) await wrong(address)
    assert.isFalse(await right("known"))
  })
})

describe("the limits", () => {
  it("that are in force are those of the table, each of them once", () => {
    const inForce = EdgeLimits.inForce({
      agent: { maxCallMs: 1 },
      callers: { callerPerHour: 2, callerPerMinute: 3, perMinute: 4 },
      maxCalls: 5
    })
    assert.sameMembers(
      EdgeLimits.table.flatMap(({ keys }) => keys),
      Object.keys(inForce)
    )
    const { callerCallsPerHour, callerCallsPerMinute, callsPerMinute, maxCallMs, maxCalls } = inForce
    assert.deepStrictEqual(
      [maxCallMs, callerCallsPerHour, callerCallsPerMinute, callsPerMinute, maxCalls],
      [1, 2, 3, 4, 5]
    )
    for (const limit of Object.values(inForce)) assert.isAbove(limit, 0)
  })
})
