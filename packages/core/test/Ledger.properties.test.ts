import { assert, describe, it } from "vitest"
import * as CarrierClock from "../src/CarrierClock.ts"
import type { Command } from "../src/Command.ts"
import * as Ledger from "../src/Ledger.ts"
import * as Conversation from "./support/Conversation.ts"
import * as PlayBufferModel from "./support/PlayBufferModel.ts"

const kinds = ["start", "middle", "end", "after the end", "several items", "twice", "thrice at once"] as const
const networks = [
  { roundTrip: 0, jitter: 2 },
  { roundTrip: 80, jitter: 8 },
  { roundTrip: 240, jitter: 15 }
] as const

interface Scenario {
  readonly seed: number
  readonly kind: (typeof kinds)[number]
  readonly network: (typeof networks)[number]
}

const scenarios = (seeds: number): ReadonlyArray<Scenario> =>
  networks.flatMap((network) =>
    kinds.flatMap((kind, index) =>
      Array.from({ length: seeds }, (_, seed) => ({ seed: seed * 100 + index + network.roundTrip, kind, network }))
    )
  )

/** One call with its cuts: drift, underruns and silence suppression by the seed. */
const converse = (scenario: Scenario, options: Partial<Conversation.Options> = {}): Conversation.Conversation => {
  const { kind, network, seed } = scenario
  const random = PlayBufferModel.mulberry(seed + 7)
  const start = 1000 + random() * 1000 + (seed % 5 === 0 ? 32_000 : 0)
  const it = Conversation.make({
    ...network,
    seed,
    ppm: seed % 3 === 0 ? 200 : seed % 3 === 1 ? -200 : 0,
    suppressed: seed % 4 === 0 ? [[start - 500 + random() * 2000, start + 60_000]] : [],
    ...options
  })

  let items = 0
  const respond = (from: number, until: number, count: number): number => {
    let time = from
    let playMs = 0
    for (let item = 0; item < count; item++) {
      const name = `item ${items++}`
      const deltas = 3 + Math.floor(random() * 6)
      for (let delta = 0; delta < deltas; delta++) {
        const bytes = 1 + Math.floor(random() * 4000)
        if (time < until) it.audioAt(time, name, bytes)
        else it.dropAt(time, name, bytes)
        playMs += bytes / 8
        const isSlow = seed % 6 === 1 && random() < 0.2
        time += isSlow ? random() * 1500 : bytes / 8 / (2 + random() * 6)
      }
    }
    return Math.max(playMs, time - from)
  }

  const count = kind === "several items" ? 3 : 1
  const probed = PlayBufferModel.mulberry(seed)
  const length = 1500
  const cutAt =
    start +
    (kind === "start"
      ? random() * 200
      : kind === "after the end"
        ? 12_000 * count + random() * 500
        : 200 + random() * length * count)
  if (kind === "end") {
    for (let delta = 0; delta < 4; delta++) it.audioAt(start + delta * 50, `item ${items}`, 2000)
    it.clearAt(start + 800 + probed() * 200)
    it.buffer.run(start + 6000)
    return it
  }
  respond(start, cutAt, count)
  it.clearAt(cutAt)
  if (kind === "twice") {
    const again = cutAt + 20 + random() * 400
    const second = again + random() * 900
    respond(again, second, 2)
    it.clearAt(second)
  }
  if (kind === "thrice at once") {
    const second = cutAt + random() * 60
    respond(cutAt + 1, second, 1)
    it.clearAt(second)
    const third = second + random() * 300
    respond(second + 1, third, 1)
    it.clearAt(third)
  }
  it.buffer.run(cutAt + 6000)
  return it
}

const quantile = (values: ReadonlyArray<number>, share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))] ?? 0

describe("what the ledger says was heard, against what was heard", () => {
  const errors = scenarios(30).flatMap((scenario) =>
    converse(scenario).settled.flatMap((cuts) =>
      cuts.map((cut) => ({
        scenario,
        cut,
        interrupted: cut.trueBytes > 0 && cut.trueBytes < cut.sentBytes,
        ms: Math.abs(cut.heardBytes - cut.trueBytes) / 8
      }))
    )
  )
  const interrupted = (roundTrip?: number) =>
    errors
      .filter(
        (error) =>
          error.interrupted && (roundTrip ?? error.scenario.network.roundTrip) === error.scenario.network.roundTrip
      )
      .map((error) => error.ms)

  it("has at least 300 cuts of items that were partly heard, of all kinds", () => {
    assert.isAtLeast(interrupted().length, 300)
    for (const kind of kinds) {
      assert.isAtLeast(errors.filter((error) => error.scenario.kind === kind).length, 30, kind)
    }
  })

  it("errs by 3 ms in the median, over all round trips", () => {
    assert.isAtMost(quantile(interrupted(), 0.5), 3)
  })

  it.each([
    [0, 2],
    [80, 3],
    [240, 6]
  ])("at a round trip of %d ms errs by %d ms in the median", (roundTrip, ms) => {
    assert.isAtMost(quantile(interrupted(roundTrip), 0.5), ms)
  })

  it("never errs by more than 25 ms", () => {
    for (const { cut, ms, scenario } of errors) assert.isAtMost(ms, 25, JSON.stringify({ scenario, cut }))
  })

  it("errs by less than 15 ms in 95 of 100 cuts", () => {
    assert.isAtMost(quantile(interrupted(), 0.95), 15)
  })

  it("knows what was heard to its end", () => {
    const ended = errors.filter((error) => error.scenario.kind === "after the end")
    assert.isAtLeast(ended.length, 90)
    for (const { cut } of ended) assert.strictEqual(cut.heardBytes, cut.receivedBytes)
  })

  it("needs no estimate while the probes come back", () => {
    for (const { cut, scenario } of errors) assert.isFalse(cut.estimated && cut.sentBytes > 0, JSON.stringify(scenario))
  })
})

describe("a line with silence suppression, where the agent speaks before the first frame comes", () => {
  interface Late {
    readonly roundTrip: number
    readonly jitter: number
    /** Frames come up to here; then none until the caller speaks, seconds later. */
    readonly framesUntil?: number
    /** The first frames are held back by the line, up to 400 ms. */
    readonly stalled?: boolean
  }
  const spokenOver = (seed: number, { roundTrip, jitter, framesUntil = 0, stalled = false }: Late) => {
    const random = PlayBufferModel.mulberry(seed + 11)
    const start = (framesUntil > 0 ? 150_000 : 200) + random() * 800
    const first = start + 300 + random() * 2500
    const release = first + 120 + roundTrip / 2 + random() * 300
    const cutAt = stalled ? release + 100 + random() * 500 : first + 100 + random() * 600
    let heard = 0
    const it = Conversation.make({
      seed,
      roundTrip,
      jitter,
      ppm: seed % 3 === 0 ? 200 : seed % 3 === 1 ? -200 : 0,
      suppressed: [[framesUntil, first]],
      stalls: stalled ? [[first + 20 + roundTrip / 2, release]] : [],
      check: ({ ledger }, moment) => {
        const told = Ledger.progress(ledger, moment, 0, "item", 0)
        if (told === null) return
        assert.isTrue(told.heardBytes <= told.sentBytes && told.sentBytes <= told.receivedBytes)
        if (!stalled) assert.isAtLeast(told.heardBytes, heard - 25 * 8, `seed ${seed}`)
        heard = told.heardBytes
      }
    })
    for (let time = start; time < Math.min(start + 1500, cutAt); time += 120) it.audioAt(time, "item", 4000)
    it.clearAt(cutAt)
    it.buffer.run(cutAt + 3000)
    const [cut] = it.settled[0] ?? []
    assert.isDefined(cut)
    assert.isTrue(0 < cut.trueBytes && cut.trueBytes < cut.sentBytes, `seed ${seed}: it is cut in its middle`)
    return Math.abs(cut.heardBytes - cut.trueBytes) / 8
  }
  const errors = (line: Late) => Array.from({ length: 150 }, (_, seed) => spokenOver(seed, line))

  it.each(networks)("errs by 5 ms in the median and 25 at most: $roundTrip ms", (network) => {
    const told = errors(network)
    assert.isAtMost(quantile(told, 0.5), 5)
    assert.isAtMost(Math.max(...told), 25)
  })

  it.each(networks)("likewise after a silence in which the clocks drift apart: $roundTrip ms", (network) => {
    const told = errors({ ...network, framesUntil: 3000 })
    assert.isAtMost(quantile(told, 0.5), 5)
    assert.isAtMost(Math.max(...told), 25)
  })

  it.each(networks)("likewise where the first frames are stalled: $roundTrip ms", (network) => {
    const told = errors({ ...network, stalled: true })
    assert.isAtMost(quantile(told, 0.5), 8)
    assert.isAtMost(quantile(told, 0.95), 25)
  })
})

describe("an estimate, where the probe is late", () => {
  const errors: Array<number> = []
  for (let seed = 0; seed < 30; seed++) {
    const cutAt = 2700 + PlayBufferModel.mulberry(seed)() * 1000
    const stall = [cutAt + 200, cutAt + 900] as const
    const it = Conversation.make({ seed, roundTrip: 240, jitter: 20, deadline: 300, stalls: [stall] })
    for (let delta = 0; delta < 10; delta++) it.audioAt(2000 + delta * 60, "item", 3000)
    it.clearAt(cutAt)
    it.buffer.run(cutAt + 3000)
    const [cut] = it.settled[0] ?? []
    assert.isTrue(cut?.estimated)
    assert.strictEqual(it.settled.length, 1)
    assert.strictEqual(it.echoes.at(-1)?.echo.kind, "stale")
    errors.push(((cut?.heardBytes ?? 0) - it.buffer.heard("item")) / 8)
  }

  it("errs by less than the round trip", () => {
    assert.isAtMost(Math.max(...errors.map(Math.abs)), 60, `${errors}`)
  })
})

describe("properties", () => {
  const few = scenarios(3)

  it("heard <= sent <= received, and none decreases, but for what a moment goes back", () => {
    for (const scenario of few) {
      const last = new Map<string, Ledger.Progress>()
      let now = -Infinity
      let back = 0
      converse(scenario, {
        check: (it, moment) => {
          now = Math.max(now, moment.at)
          back = Math.max(back, now - moment.at)
          assert.isAtMost(back, 25)
          for (const account of it.ledger.items) {
            const told = Ledger.progress(it.ledger, { ...moment, at: now }, 0, account.item, 0)
            const before = last.get(account.item)
            const where = JSON.stringify({ scenario, item: account.item, before, told, now })
            assert.isNotNull(told)
            if (told === null) return
            assert.isTrue(0 <= told.heardBytes && Number.isInteger(told.heardBytes), where)
            assert.isTrue(told.heardBytes <= told.sentBytes && told.sentBytes <= told.receivedBytes, where)
            if (before !== undefined) {
              assert.isTrue(told.heardBytes >= before.heardBytes - Math.ceil(back * 8), where)
              assert.isTrue(told.sentBytes >= before.sentBytes && told.receivedBytes >= before.receivedBytes, where)
            }
            last.set(account.item, told)
          }
        }
      })
    }
  })

  it("goes on after a round trip through JSON at any point", () => {
    for (const scenario of few) {
      const one = converse(scenario)
      const other = converse(scenario, { revives: true })
      assert.deepStrictEqual(other.ledger, one.ledger)
      assert.deepStrictEqual(other.clock, one.clock)
      assert.deepStrictEqual(other.echoes, one.echoes)
      assert.deepStrictEqual(other.settled, one.settled)
    }
  })

  it("says the same whatever the clocks started at", () => {
    const from = (zero: number) => {
      let clock = CarrierClock.initial
      const moments: Array<CarrierClock.Moment> = []
      const random = PlayBufferModel.mulberry(1)
      for (let n = 0; n < 200; n++) {
        clock = CarrierClock.frame(clock, zero + 40 + n * 20 + Math.floor(random() * 9), 102 + n * 20, 20)
        moments.push(CarrierClock.moment(clock, zero + 50 + n * 20))
      }
      return moments
    }
    assert.deepStrictEqual(from(1000), from(61_000))
  })

  it("stays small in a call of two hours", { timeout: 120_000 }, () => {
    const hours = 2 * 3600 * 1000
    let largest = 0
    let turns = 0
    const it = Conversation.make({ seed: 5, roundTrip: 80, jitter: 10, ppm: 200 })
    const measure = () => {
      largest = Math.max(largest, JSON.stringify(it.ledger).length + JSON.stringify(it.clock).length)
    }
    const turn = (time: number) => {
      const item = `item ${turns++}`
      for (let delta = 0; delta < 40; delta++) it.audioAt(time + delta * 30, item, 1600)
      it.buffer.schedule(time + 1300, measure)
      if (turns % 2 === 0) it.clearAt(time + 4000)
      if (time + 24_000 < hours) it.buffer.schedule(time + 12_000, () => turn(time + 12_000))
    }
    turn(2000)
    it.buffer.run(hours)
    assert.isAtMost(largest, 64 * 1024)
    assert.strictEqual(it.settled.length, Math.floor(turns / 2))
    const last = it.settled.at(-1)?.at(-1)
    assert.isAtMost(Math.abs((last?.heardBytes ?? 0) - (last?.trueBytes ?? 1e9)) / 8, 25)
  })

  it("stays small when no mark ever comes back, whatever it is given", () => {
    let ledger = Ledger.empty
    const random = PlayBufferModel.mulberry(3)
    for (let n = 0; n < 12_000; n++) {
      const now = { at: n * 5, uncertainty: 2, after: n * 5 - 2 }
      const bytes = 1 + Math.floor(random() * 400)
      ledger = Ledger.receive(ledger, Conversation.audioOf(`item ${n >> 2}`, bytes, n % 3), now, [])
      if (n === 7000) ledger = Ledger.begin(ledger, 0, 8, now, [])
      if (n > 10_000 && n % 7 === 0) ledger = Ledger.clear(ledger, now, [])
      if (n % 1000 === 0) assert.isAtMost(JSON.stringify({ ...ledger, unsent: [] }).length, 256 * 1024)
    }
    assert.isAtMost(ledger.cuts.length, 8)
    assert.isAtMost(ledger.unsent.length, 4096)
  })

  it("is total: any order of calls, any name, any moment", () => {
    for (let seed = 0; seed < 30; seed++) {
      const random = PlayBufferModel.mulberry(seed)
      const pick = <A>(list: ReadonlyArray<A>): A => list[Math.floor(random() * list.length)]!
      let ledger = Ledger.empty
      const names = ["", "g0-", "g0-0", "g-1-1", "g1-999999999999", "constructor", "g0-1x"]
      for (let n = 0; n < 300; n++) {
        const now = { at: Math.floor(random() * 20_000) - 5000, uncertainty: pick([0, 5, 1000]), after: 0 }
        const out: Array<Command> = []
        const audio = Conversation.audioOf(pick(["a", "b", "c"]), pick([0, -5, 1, 160, 1e6]))
        const action = Math.floor(random() * 9)
        if (action === 0) ledger = Ledger.begin(ledger, n, pick([8, 0, -1, 16]), now, out)
        else if (action <= 2) ledger = Ledger.receive(ledger, audio, now, out)
        else if (action === 3) ledger = Ledger.drop(ledger, audio)
        else if (action <= 5) ledger = Ledger.echo(ledger, pick(names), now)[0]
        else if (action === 6) ledger = Ledger.clear(ledger, now, out)
        else if (action === 7) ledger = Ledger.settleCut(ledger, now)[0]
        else ledger = Ledger.forget(ledger, 0, audio.item, 0)
        for (const command of out) if (command._tag === "Mark" && random() < 0.5) names.push(command.name)
        assert.isTrue(Number.isFinite(Ledger.remainingMs(ledger, now)))
        assert.isBoolean(Ledger.isEmpty(ledger, now) && Ledger.wasAudible(ledger, now.at, now))
        for (const item of ["a", "b", "c"]) {
          const told = Ledger.progress(ledger, now, 0, item, 0)
          if (told === null) continue
          const where = JSON.stringify({ seed, n, told })
          assert.isTrue(told.heardBytes <= told.sentBytes && told.sentBytes <= told.receivedBytes, where)
          assert.isAtLeast(told.heardBytes, 0, where)
        }
        assert.deepStrictEqual(JSON.parse(JSON.stringify(ledger)), ledger)
      }
    }
  })
})
