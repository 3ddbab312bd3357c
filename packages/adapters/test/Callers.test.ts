import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Callers from "../src/twilio/Callers.ts"

const UNLIMITED = { ...Callers.defaults, callerPerMinute: 0, callerPerHour: 0, perMinute: 0 }
const ANN = "+15551230001"
const BEN = "+15551230002"

const judged = (callers: Callers.Callers, ...calls: ReadonlyArray<string>) =>
  Effect.runPromise(Effect.forEach(calls, callers.judge))

describe("lists", () => {
  it("name numbers, beginnings and words", () => {
    const list = [ANN, "+49*", "anonymous", "sip:ann@*"]
    for (const from of [ANN, "+4915112345678", "sip:ann@example.com"]) {
      assert.isTrue(Callers.isOn(list, from), from)
    }
    for (const from of [BEN, `${ANN}0`, "+4", "sip:bob@example.com", "client:anonymous"]) {
      assert.isFalse(Callers.isOn(list, from), from)
    }
  })

  it("`anonymous` is whoever withholds the number, however Twilio says so", () => {
    for (const from of ["anonymous", "Restricted", "unknown", "+266696687", "+86282452253", ""]) {
      assert.isTrue(Callers.isOn(["anonymous"], from), from)
      assert.isFalse(Callers.isOn([ANN], from), from)
    }
  })

  it("empty allow everybody; deny wins over allow", async () => {
    assert.deepStrictEqual(await judged(Callers.make(UNLIMITED), ANN, "", "anonymous"), [null, null, null])
    const callers = Callers.make({ ...UNLIMITED, allow: ["+1*"], deny: [BEN] })
    assert.deepStrictEqual(await judged(callers, ANN, BEN, "+4915112345678", ""), [
      null,
      "call_denied",
      "call_denied",
      "call_denied"
    ])
  })
})

describe("rates", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }))
  afterEach(() => void vi.useRealTimers())

  it("of one caller leave the others alone, and end with the minute and the hour", async () => {
    const callers = Callers.make({ ...UNLIMITED, callerPerMinute: 2, callerPerHour: 3 })
    const busy = "call_caller_rate"
    assert.deepStrictEqual(await judged(callers, ANN, ANN, ANN, BEN), [null, null, busy, null])
    vi.setSystemTime(Date.now() + 60_000)
    assert.deepStrictEqual(await judged(callers, ANN, ANN, BEN), [null, busy, null])
    vi.setSystemTime(Date.now() + 3_600_000)
    assert.deepStrictEqual(await judged(callers, ANN), [null])
  })

  it("overall: what was refused for its caller takes none of it", async () => {
    const callers = Callers.make({ ...UNLIMITED, deny: ["+49*"], callerPerMinute: 1, perMinute: 2 })
    const refused = ["call_caller_rate", "call_caller_rate", "call_denied"]
    assert.deepStrictEqual(await judged(callers, ANN, ANN, ANN, "+491"), [null, ...refused])
    assert.deepStrictEqual(await judged(callers, BEN, "+15551230003"), [null, "call_rate"])
  })

  it("hold for calls that come at once: one caller takes nothing of the others", async () => {
    const callers = Callers.make({ ...UNLIMITED, callerPerMinute: 1, perMinute: 2 })
    const atOnce = await Promise.all([ANN, ANN, ANN, ANN].map((from) => Effect.runPromise(callers.judge(from))))
    assert.deepStrictEqual(atOnce, [null, "call_caller_rate", "call_caller_rate", "call_caller_rate"])
    assert.deepStrictEqual(await judged(callers, BEN), [null])
  })

  it("overall: who is refused for it is not remembered", async () => {
    const callers = Callers.make({ ...UNLIMITED, callerPerHour: 1, perMinute: 1 })
    assert.deepStrictEqual(await judged(callers, ANN, BEN, BEN), [null, "call_rate", "call_rate"])
    vi.setSystemTime(Date.now() + 60_000)
    assert.deepStrictEqual(await judged(callers, BEN), [null])
  })

  it("of those who withhold their number are the overall one alone", async () => {
    const callers = Callers.make({ ...UNLIMITED, callerPerMinute: 1, perMinute: 3 })
    const withheld = ["anonymous", "+266696687", "", "anonymous"]
    assert.deepStrictEqual(await judged(callers, ...withheld), [null, null, null, "call_rate"])
    assert.deepStrictEqual([ANN, "client:ann", "sip:ann@example.com"].map(Callers.isWithheld), [false, false, false])
  })

  it("keep no process alive", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
    const before = timers()
    const callers = Callers.make({ ...UNLIMITED, callerPerMinute: 1, callerPerHour: 5, perMinute: 10_000 })
    await judged(callers, ...Array.from({ length: 500 }, (_, index) => `+1555${index}`))
    assert.strictEqual(timers(), before)
  })
})
