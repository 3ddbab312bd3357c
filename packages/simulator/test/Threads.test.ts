/** Campaigns on threads whose calls are made up: what comes back, in which order, and what of threads that do not. */

import { type Campaign, Threads } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

/** Each call lasts its own number of ms; `misbehave` is code with `index` in sight, run before a call is counted. */
const program = (misbehave: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort, workerData } from "node:worker_threads"
      const { playing } = workerData
      const experience = () => {
        const none = () => ({ step: 1, counts: new Map() })
        return {
          reactions: { greeting: none(), answer: none(), interruption: none() },
          deadAir: none(), cutErrors: none(), resumeErrors: none(),
          outcomes: new Map(), unanswered: new Map(),
          turns: { caller: 0, agent: 0, answered: 0 },
          interruptions: { made: 0, asides: 0, pauses: 0, resumed: 0 }
        }
      }
      parentPort.on("message", async (piece) => {
        if (piece === null) return parentPort.close()
        const tally = {
          calls: 0, failed: 0, callMs: 0, steps: 0, long: { tenMinutes: 0, hour: 0 }, broken: new Map(),
          experience: experience()
        }
        const fail = (index, invariant, detail) => {
          tally.failed++
          const known = tally.broken.get(invariant)
          if (known === undefined) tally.broken.set(invariant, { calls: 1, first: { index, invariant, at: 0, detail } })
          else known.calls++
        }
        for (let index = piece.from; index < piece.to; index++) {
          tally.calls++
          const lost = piece.lost.find((one) => one.index === index)
          if (lost !== undefined) {
            fail(index, lost.broken.invariant, lost.broken.detail)
            continue
          }
          Atomics.store(playing, 0, index)
          ${misbehave}
          tally.callMs += index
        }
        Atomics.store(playing, 0, -1)
        parentPort.postMessage(tally)
      })
    `)}`
  )

const run = (options: Partial<Threads.Options>): Promise<Campaign.Tally> =>
  Threads.run({ seed: "s", calls: 95, population: {}, threads: 3, failures: 1_000, ...options })

const sumBelow = (calls: number): number => (calls * (calls - 1)) / 2

describe("a campaign", () => {
  it("counts every call once, whatever the number of threads, and in order, whichever is faster", async () => {
    for (const threads of [1, 2, 5]) {
      const seen: Array<number> = []
      const tally = await run({
        threads,
        program: program("if (index % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 30))"),
        onProgress: ({ callMs, calls }) => {
          seen.push(calls)
          assert.strictEqual(callMs, sumBelow(calls))
        }
      })
      assert.strictEqual(tally.calls, 95)
      assert.strictEqual(tally.callMs, sumBelow(95))
      assert.deepStrictEqual(
        [...seen],
        [...seen].sort((a, b) => a - b)
      )
    }
  })

  it("begins no more calls when enough have failed, and tells the first", async () => {
    const tally = await run({
      program: program(`if (index >= 33) fail(index, "ends once", "call " + index)`),
      failures: 5
    })
    assert.strictEqual(tally.calls, 40)
    assert.strictEqual(tally.failed, 7)
    assert.strictEqual(tally.broken.get("ends once")?.first.detail, "call 33")
  })

  it("ends when it is told to, with what is known by then", async () => {
    const abort = new AbortController()
    const tally = await run({
      program: program("if (index >= 30) for (;;) {}"),
      signal: abort.signal,
      onProgress: ({ calls }) => {
        if (calls === 30) abort.abort()
      }
    })
    assert.strictEqual(tally.calls, 30)
    assert.strictEqual(tally.callMs, sumBelow(30))
  })

  it("has no calls", async () => {
    assert.strictEqual((await run({ calls: 0 })).calls, 0)
  })
})

describe("a call that takes its thread with it", () => {
  it("is broken, and no other is", async () => {
    const tally = await run({ program: program(`if (index === 42) throw new Error("out of " + index)`) })
    assert.strictEqual(tally.calls, 95)
    assert.strictEqual(tally.failed, 1)
    const { at: _, ...first } = tally.broken.get("never throws")?.first ?? { at: 0 }
    assert.deepStrictEqual(first, { index: 42, invariant: "never throws", detail: "out of 42" })
    assert.strictEqual(tally.callMs, sumBelow(95) - 42)
  })

  it("does so by ending it, too", async () => {
    const tally = await run({ program: program("if (index === 7) process.exit(3)") })
    assert.strictEqual(tally.calls, 95)
    assert.strictEqual(tally.broken.get("never throws")?.first.index, 7)
  })

  it("does not come back: it is broken, and no other is", async () => {
    const tally = await run({ program: program("if (index === 42 || index === 44) for (;;) {}"), patience: 300 })
    assert.strictEqual(tally.calls, 95)
    assert.strictEqual(tally.broken.get("no livelock")?.calls, 2)
    assert.strictEqual(tally.broken.get("no livelock")?.first.index, 42)
  })
})

it("a thread that does not even start ends the campaign with its reason", async () => {
  const failed = await run({ program: new URL("data:text/javascript,throw new Error('no audio')") }).catch(String)
  assert.include(failed, "no audio")
})
