import { assert, describe, it } from "vitest"
import * as CarrierClock from "../src/CarrierClock.ts"

/** Frames 20 ms apart from `from`, each late by `lateness(n)`, on a host clock that runs 5000 ms ahead. */
const frames = (count: number, lateness: (n: number) => number = () => 0, from = 100, clock = CarrierClock.initial) => {
  let last = clock
  for (let n = 0; n < count; n++) {
    const timestamp = from + n * 20
    last = CarrierClock.frame(last, 5000 + timestamp + 20 + lateness(n), timestamp, 20)
  }
  return last
}

describe("CarrierClock.moment", () => {
  it("places what arrives between two frames to the ms, on a line without jitter", () => {
    const clock = frames(50)
    for (let ms = 0; ms <= 20; ms++) {
      const { at, uncertainty } = CarrierClock.moment(clock, 5000 + 1100 + ms)
      assert.closeTo(at, 1100 + ms, 1)
      assert.isAtMost(uncertainty, 1)
    }
  })

  it("never leaves the time between the last frame and the next, however late the message is", () => {
    const clock = frames(500, (n) => (n % 7) * 3)
    for (let late = 0; late <= 18; late++) {
      for (let ms = 0; ms <= 20; ms++) {
        const { at, uncertainty } = CarrierClock.moment(clock, 5000 + 10_100 + ms + late)
        assert.isAtLeast(at - uncertainty, 10_100)
        assert.isAtMost(at + uncertainty, 10_120)
        assert.closeTo(at, 10_100 + ms, uncertainty + 1, `${ms} late by ${late}`)
      }
    }
  })

  it("is wider where frames come late", () => {
    const calm = CarrierClock.moment(frames(500), 5000 + 10_112)
    const rough = CarrierClock.moment(
      frames(500, (n) => (n % 5) * 2),
      5000 + 10_112
    )
    assert.isAbove(rough.uncertainty, calm.uncertainty + 2)
  })

  it("goes by arrival when frames have stopped for 60 ms", () => {
    const clock = frames(50, (n) => n % 3)
    for (const ms of [61, 500, 60_000]) {
      const { at, uncertainty } = CarrierClock.moment(clock, 5000 + 1100 + ms)
      assert.closeTo(at, 1100 + ms, 2)
      assert.isAtMost(uncertainty, 3)
    }
  })

  it("then takes a message for as late as frames usually are: a stall tells nothing of what comes behind it", () => {
    const stalled = frames(505, (n) => (n < 500 ? 0 : (505 - n) * 20))
    const { at, uncertainty } = CarrierClock.moment(stalled, 5000 + 10_400)
    assert.closeTo(at, 10_400, 6)
    assert.isAtLeast(uncertainty, 11)
    const rough = CarrierClock.moment(
      frames(500, (n) => (n % 5) * 10),
      5000 + 10_400
    )
    assert.closeTo(rough.at, 10_380, 6)
  })

  it("holds both explanations until then: the frames ended, or the line stalls", () => {
    const { at, uncertainty } = CarrierClock.moment(frames(50), 5000 + 1100 + 36)
    assert.isAtMost(at - uncertainty, 1100)
    assert.isAtLeast(at + uncertainty, 1136)
  })

  it("holds them also for what comes in the same instant as a frame that waited", () => {
    const stalled = frames(505, (n) => (n < 500 ? 0 : 400 - (n - 500) * 20))
    const { at, uncertainty } = CarrierClock.moment(stalled, 5000 + 10_520)
    assert.deepStrictEqual([at - uncertainty, at + uncertainty], [10_200, 10_520])
  })

  it("goes by arrival before the first frame", () => {
    assert.deepStrictEqual(CarrierClock.moment(CarrierClock.initial, 700), { at: 700, uncertainty: 10, after: 0 })
    assert.deepStrictEqual(CarrierClock.moment(CarrierClock.started(600), 700), { at: 100, uncertainty: 10, after: 0 })
  })
})

describe("CarrierClock.notAfter", () => {
  it("leaves all between two frames to what came as late as none lately", () => {
    const stalled = CarrierClock.notAfter({ at: 1140, uncertainty: 30, after: 1000 }, 1020)
    assert.deepStrictEqual(stalled, { at: 1010, uncertainty: 10, after: 1000 })
    const late = CarrierClock.notAfter({ at: 1020, uncertainty: 15, after: 1000 }, 1020)
    assert.deepStrictEqual(late, { at: 1012.5, uncertainty: 7.5, after: 1000 })
  })
})

describe("CarrierClock.isFirm", () => {
  it("is no moment behind which a frame is overdue: the line stalls, perhaps", () => {
    assert.isTrue(CarrierClock.isFirm({ at: 1010, uncertainty: 10, after: 1000 }))
    assert.isFalse(CarrierClock.isFirm({ at: 1137, uncertainty: 7, after: 1000 }))
  })
})

describe("CarrierClock.frame", () => {
  it("forgets a minimum after 30 s: our clock runs fast by 1 ms a second", () => {
    const drift = (n: number) => Math.floor(n / 50)
    assert.closeTo(frames(50 * 25, drift).offset, 5000, 0)
    assert.closeTo(frames(50 * 60, drift).offset, 5030, 1)
    assert.closeTo(frames(50 * 300, drift).offset, 5270, 1)
  })

  it("follows a minimum at once: our clock runs slow", () => {
    assert.strictEqual(frames(50 * 60, (n) => -Math.floor(n / 50)).offset, 4941)
  })

  it("takes a minimum out of the window also across seconds without frames", () => {
    const before = frames(50)
    const after = frames(50, () => 9, 45_000, before)
    assert.strictEqual(after.offset, 5009)
  })

  it("starts anew when timestamps go back", () => {
    const clock = CarrierClock.frame(
      frames(500, (n) => n % 9),
      90_000,
      40,
      20
    )
    assert.deepStrictEqual(clock, CarrierClock.frame(CarrierClock.initial, 90_000, 40, 20))
    assert.closeTo(CarrierClock.moment(clock, 90_010).at, 70, 1)
  })

  it("copies the window once a second only, and keeps it at 30", () => {
    let clock = CarrierClock.initial
    let copies = 0
    for (let n = 0; n < 50 * 120; n++) {
      const next = CarrierClock.frame(clock, 20 + n * 20, n * 20, 20)
      if (next.minima !== clock.minima) copies++
      clock = next
      assert.isAtMost(clock.minima.length, 30)
    }
    assert.isAtMost(copies, 122)
  })

  it("takes frames of any length", () => {
    const clock = CarrierClock.frame(CarrierClock.initial, 1060, 0, 60)
    assert.closeTo(CarrierClock.moment(clock, 1060).at, 60, 1)
  })
})

describe("CarrierClock.correction", () => {
  /** Where a moment belongs that was told at `at`, after each of the frames (arrival, timestamp). */
  const followed = (
    clock: CarrierClock.CarrierClock,
    at: number,
    arrived: ReadonlyArray<readonly [number, number]>
  ) => {
    let before = clock
    let moment = CarrierClock.moment(clock, at).at
    return arrived.map(([arrival, timestamp]) => {
      const after = CarrierClock.frame(before, arrival, timestamp, 20)
      moment = CarrierClock.corrected(moment, CarrierClock.correction(before, after), after.first)
      before = after
      return moment
    })
  }

  it("moves what was guessed before the first frame to where that frame puts it", () => {
    assert.deepStrictEqual(followed(CarrierClock.started(5080), 6000, [[7020, 2000]]), [1000])
    assert.deepStrictEqual(followed(CarrierClock.started(4900), 6000, [[7020, 2000]]), [1000])
  })

  it("follows faster frames where the first was late: the line was stalled", () => {
    const burst = [
      [7120, 2000],
      [7120, 2020],
      [7120, 2080],
      [7124, 2100],
      [7141, 2120]
    ] as const
    assert.deepStrictEqual(followed(CarrierClock.started(5080), 6000, burst), [900, 920, 980, 996, 999])
  })

  it("moves nothing beyond the end of the frame it arrived before", () => {
    const burst = [
      [7120, 2000],
      [7120, 2020],
      [7120, 2100]
    ] as const
    assert.deepStrictEqual(followed(CarrierClock.started(5080), 7090, burst), [1990, 2010, 2020])
    assert.deepStrictEqual(followed(CarrierClock.started(5080), 7120, burst), [2020, 2020, 2020])
  })

  it("moves with the clocks' drift in a long silence, and with a new start of the timestamps", () => {
    const clock = frames(500)
    const silence = CarrierClock.frame(clock, 5000 + 100_020 + 9, 100_000, 20)
    assert.strictEqual(CarrierClock.correction(clock, silence), -9)
    const anew = CarrierClock.frame(clock, 20_000, 40, 20)
    assert.strictEqual(CarrierClock.correction(clock, anew), 5000 - 19_940)
  })

  it("is nothing in the run of frames, however they jitter", () => {
    let clock = frames(150, (n) => 9 - (n % 3))
    for (let n = 0; n < 500; n++) {
      const timestamp = 3100 + n * 20
      const next = CarrierClock.frame(clock, 5000 + timestamp + 20 + ((n * 7) % 5), timestamp, 20)
      assert.strictEqual(CarrierClock.correction(clock, next), 0)
      clock = next
    }
    assert.strictEqual(clock.offset, 5000)
  })
})
