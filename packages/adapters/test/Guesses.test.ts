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
  return {
    mayTry: (address: string) => Effect.runPromise(guesses.mayTry(address)),
    right: (address: string) => Effect.runPromise(guesses.right(address)),
    wrong: async (address: string, times = 1) => {
      for (let time = 0; time < times; time++) await Effect.runPromise(guesses.wrong(address))
    }
  }
}

describe("who guesses", () => {
  it("waits from the last wrong token that is let be until the minute is over", async () => {
    const { mayTry, wrong } = made()
    await wrong("a", 2)
    assert.isTrue(await mayTry("a"))
    vi.advanceTimersByTime(30_000)
    await wrong("a")
    assert.isFalse(await mayTry("a"))
    assert.isTrue(await mayTry("b"))
    vi.advanceTimersByTime(29_999)
    assert.isFalse(await mayTry("a"))
    vi.advanceTimersByTime(1)
    assert.isTrue(await mayTry("a"))
  })

  it("is not let in by a right token of the same address", async () => {
    const { mayTry, right, wrong } = made()
    await right("a")
    await wrong("a", 3)
    assert.isFalse(await mayTry("a"))
  })

  it("from many addresses shuts out all but those who are known, for an hour", async () => {
    const { mayTry, right, wrong } = made({ perAddress: 1 })
    await right("known")
    for (const address of ["a", "b", "c", "d", "e"]) await wrong(address)
    assert.isFalse(await mayTry("f"))
    assert.isTrue(await mayTry("known"))
    vi.advanceTimersByTime(60_000)
    assert.isTrue(await mayTry("f"))
    vi.advanceTimersByTime(3_540_000)
    for (const address of ["a", "b", "c", "d", "e"]) await wrong(address)
    assert.isFalse(await mayTry("known"))
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
