import { assert, describe, it } from "vitest"
import type { Moment } from "../src/CarrierClock.ts"
import type { Command } from "../src/Command.ts"
import * as Ledger from "../src/Ledger.ts"
import * as Playback from "../src/Playback.ts"
import { audioOf } from "./support/Conversation.ts"

const at = (ms: number, uncertainty = 1): Moment => ({ at: ms, uncertainty, after: ms - uncertainty })

/** A ledger that is told what happens, and what it asked for, shortly. */
class Told {
  ledger = Ledger.empty
  echoed: Ledger.Echo = { kind: "stale" }
  private out: Array<Command> = []

  begin(ms: number, stream = 0, bytesPerMs = 8) {
    this.ledger = Ledger.begin(this.ledger, stream, bytesPerMs, at(ms), this.out)
    return this
  }
  receive(ms: number, item: string, bytes: number, contentIndex = 0) {
    this.ledger = Ledger.receive(this.ledger, audioOf(item, bytes, contentIndex), at(ms), this.out)
    return this
  }
  drop(item: string, bytes: number) {
    this.ledger = Ledger.drop(this.ledger, audioOf(item, bytes))
    return this
  }
  echo(ms: number, name: string, uncertainty = 1) {
    const [ledger, echo] = Ledger.echo(this.ledger, name, at(ms, uncertainty))
    this.ledger = ledger
    this.echoed = echo
    return this
  }
  clear(ms: number) {
    this.ledger = Ledger.clear(this.ledger, at(ms), this.out)
    return this
  }
  correct(ms: number, first: number) {
    this.ledger = Ledger.correct(this.ledger, ms, first)
    return this
  }
  settle(ms: number): ReadonlyArray<Ledger.Cut> {
    const [ledger, cuts] = Ledger.settleCut(this.ledger, at(ms))
    this.ledger = ledger
    return cuts
  }
  progress(ms: number, item: string) {
    const told = Ledger.progress(this.ledger, at(ms), 0, item, 0)
    return told === null ? null : [told.receivedBytes, told.sentBytes, told.heardBytes]
  }
  commands(): ReadonlyArray<string> {
    const told = this.out.map((command) => {
      if (command._tag === "Mark") return `mark ${command.name}`
      if (command._tag === "PlayAudio") return `play ${command.item} ${command.from}+${command.bytes}`
      return command._tag
    })
    this.out = []
    return told
  }
}

const figures = (cuts: ReadonlyArray<Ledger.Cut>) =>
  cuts.map((cut) => [cut.item, cut.receivedBytes, cut.sentBytes, cut.heardBytes, cut.estimated])

/** Two seconds of one item in two deltas, playing since 1000. */
const playing = () => {
  const it = new Told().begin(900).receive(920, "a", 8000).receive(940, "a", 8000).echo(1000, "g0-0")
  it.commands()
  return it
}

/** When the stretch began that plays now; null when nothing plays, or its leading mark is not back. */
const playingSince = ({ playback: { marks, played, since } }: Ledger.Ledger): number | null => {
  const [next] = marks
  return next === undefined || (next.leading && next.position === played) ? null : since
}

describe("sending", () => {
  it("marks each delta, before it where the buffer may be empty and behind it always", () => {
    const it = new Told().begin(0)
    assert.deepStrictEqual(it.receive(10, "a", 8000).commands(), ["mark g0-0", "play a 0+8000", "mark g0-1"])
    assert.deepStrictEqual(it.receive(20, "a", 8000).commands(), ["play a 8000+8000", "mark g0-2"])
    it.echo(100, "g0-0")
    assert.deepStrictEqual(it.receive(1050, "a", 160).commands(), ["play a 16000+160", "mark g0-3"])
    it.echo(1100, "g0-1")
    assert.deepStrictEqual(it.receive(1300, "a", 160).commands(), ["mark g0-4", "play a 16160+160", "mark g0-5"])
  })

  it("keeps what is received before any stream, and sends it in order when one begins", () => {
    const it = new Told().receive(0, "a", 100).receive(1, "b", 200).receive(2, "b", 300)
    assert.deepStrictEqual(it.commands(), [])
    assert.deepStrictEqual(it.progress(5, "b"), [500, 0, 0])
    assert.isFalse(Ledger.isEmpty(it.ledger, at(5)))
    assert.strictEqual(Ledger.remainingMs(it.ledger, at(5)), 75)
    assert.deepStrictEqual(
      it
        .begin(10)
        .commands()
        .filter((told) => told.startsWith("play")),
      ["play a 0+100", "play b 0+200", "play b 200+300"]
    )
    assert.deepStrictEqual(it.progress(11, "b"), [500, 500, 0])
    assert.strictEqual(it.ledger.unsentBytes, 0)
  })

  it("keeps 60 s at most", () => {
    const it = new Told()
    for (let second = 0; second < 61; second++) it.receive(second, "a", 8000)
    assert.deepStrictEqual(it.progress(0, "a"), [488_000, 0, 0])
    it.begin(100)
    assert.deepStrictEqual(it.progress(101, "a"), [488_000, 480_000, 0])
  })

  it("counts late audio of an interrupted response as received, and none of an item that is gone", () => {
    const it = playing().drop("a", 400)
    assert.deepStrictEqual(it.commands(), [])
    assert.deepStrictEqual(it.progress(1100, "a"), [16_400, 16_000, 796])
    it.ledger = Ledger.forget(it.ledger, 0, "a", 0)
    const before = it.ledger
    assert.strictEqual(it.drop("a", 400).ledger, before)
    assert.isNull(it.progress(1100, "a"))
  })

  it("measures bytes by the stream's format", () => {
    const it = new Told().begin(0, 0, 16).receive(0, "a", 16_000).echo(100, "g0-0")
    assert.deepStrictEqual(it.progress(600, "a"), [16_000, 16_000, 7992])
  })

  it("does not hear an item's other content", () => {
    const it = new Told().begin(0).receive(0, "a", 800, 0).receive(0, "a", 800, 1).echo(100, "g0-0")
    assert.strictEqual(Ledger.progress(it.ledger, at(150), 0, "a", 0)?.heardBytes, 396)
    assert.strictEqual(Ledger.progress(it.ledger, at(150), 0, "a", 1)?.heardBytes, 0)
  })
})

describe("a clear that does not come back", () => {
  it("took a round trip, though nothing comes for long: the line may be stalled", () => {
    const it = playing().clear(1500)
    it.ledger = Ledger.notAfter(it.ledger, 1560)
    assert.deepStrictEqual(figures(it.settle(2300)), [["a", 16_000, 16_000, 4636, true]])
  })

  it("took as long as the first mark, though that comes back behind the clear", () => {
    const it = new Told().begin(0).receive(0, "a", 16_000).clear(100).echo(400, "g0-0")
    assert.closeTo(it.settle(450)[0]?.heardBytes ?? 0, 100 * 8, 16)
  })

  it("takes longer than that where frames come and its mark does not", () => {
    const it = playing().clear(1500)
    it.ledger = Ledger.notAfter(it.ledger, 1700)
    assert.deepStrictEqual(figures(it.settle(2300)), [["a", 16_000, 16_000, 5596, true]])
  })
})

describe("hearing", () => {
  it("begins at the echo of the leading mark", () => {
    const it = new Told().begin(900).receive(920, "a", 8000)
    assert.deepStrictEqual(it.progress(1000, "a"), [8000, 8000, 0])
    assert.isNull(playingSince(it.ledger))
    it.echo(1000, "g0-0")
    assert.deepStrictEqual(it.echoed, { kind: "started", at: at(1000), underrunMs: 0 })
    assert.strictEqual(playingSince(it.ledger), 1000)
    assert.deepStrictEqual(it.progress(1250, "a"), [8000, 8000, 1996])
  })

  it("may have begun after the leading mark: the next one narrows it down from both sides", () => {
    const it = new Told().begin(0).receive(0, "a", 8000).receive(0, "a", 8000).echo(1000, "g0-0", 10)
    it.echo(2022, "g0-1", 10)
    assert.deepStrictEqual(it.progress(2522, "a"), [16_000, 16_000, 12_000])
  })

  it("began before the end of a frame that came behind the leading mark's echo", () => {
    const it = new Told().begin(0).receive(0, "a", 8000).echo(1000, "g0-0", 20)
    assert.deepStrictEqual(it.progress(1500, "a"), [8000, 8000, 3920])
    it.ledger = Ledger.notAfter(it.ledger, 984)
    assert.deepStrictEqual(it.progress(1500, "a"), [8000, 8000, 4136])
    it.ledger = Ledger.notAfter(it.ledger, 1004)
    assert.deepStrictEqual(it.progress(1500, "a"), [8000, 8000, 4136])
  })

  it("measures a round trip by marks that find an empty buffer", () => {
    const it = new Told().begin(0).receive(0, "a", 800).echo(100, "g0-0").receive(110, "a", 8000)
    it.echo(200, "g0-1").echo(800, "g0-2")
    assert.strictEqual(it.ledger.roundTrip.ms, 100)
    it.echo(1800, "g0-3").receive(2000, "b", 8000).echo(2080, "g0-4")
    assert.strictEqual(it.ledger.roundTrip.ms, 80)
  })

  it("shortens a round trip as later marks of the run do, and as the clock is corrected", () => {
    const it = new Told().begin(0).receive(0, "a", 800).receive(10, "a", 8000).echo(300, "g0-0")
    assert.strictEqual(it.ledger.roundTrip.ms, 300)
    it.echo(310, "g0-1")
    assert.isAtMost(it.ledger.roundTrip.ms ?? 0, 215, "what plays for 100 ms had begun by then")
    const stalled = new Told().begin(0).receive(0, "a", 8000).echo(300, "g0-0")
    stalled.ledger = Ledger.notAfter(Ledger.correct(stalled.ledger, 500, 1000), 1000)
    assert.strictEqual(stalled.ledger.roundTrip.ms, 300)
  })

  it("takes an echo by its mark's name: one that is not waited for eats no other's", () => {
    const it = new Told().begin(0).receive(0, "a", 8000).echo(100, "g0-0").echo(150, "g0-77")
    assert.deepStrictEqual(it.echoed, { kind: "stale" })
    assert.isBelow(it.progress(150, "a")?.[2] ?? 8000, 500)
  })

  it("takes what is a millisecond apart for one moment, unless a frame came between", () => {
    const moment = (at: number, uncertainty: number, after: number) => ({ at, uncertainty, after })
    assert.isTrue(Playback.mayBeOne(moment(240, 1, 221), moment(241, 0, 221)))
    assert.isFalse(Playback.mayBeOne(moment(231, 10, 221), moment(251, 10, 241)))
  })

  it("hears nothing of audio that was late, and came together with the clear behind it", () => {
    const it = new Told().begin(0).receive(0, "a", 16_000).receive(500, "b", 8000).echo(100, "g0-0").echo(2100, "g0-1")
    it.clear(6000).echo(6100, "g0-2").echo(6100, "g0-3")
    assert.deepStrictEqual(
      it.settle(6100).map(({ heardBytes, item }) => [item, heardBytes]),
      [
        ["a", 16_000],
        ["b", 0]
      ]
    )
  })

  it("takes a line that was never measured for as slow as its first mark proves it to be", () => {
    const it = new Told().begin(0).receive(0, "a", 16_000).clear(350)
    it.ledger = Ledger.notAfter(it.ledger, 430)
    // It is heard from 430 at the earliest to 350 + 430.
    assert.deepStrictEqual(figures(it.settle(450)), [["a", 16_000, 16_000, 2800, true]])
  })

  it("narrows the beginning down with every echo", () => {
    const it = new Told().begin(0).receive(0, "a", 8000).receive(0, "a", 8000).receive(0, "a", 8000)
    it.echo(1000, "g0-0", 10).echo(1990, "g0-1", 10).echo(3006, "g0-2", 10)
    assert.deepStrictEqual(it.progress(3498, "a"), [24_000, 24_000, 20_000])
  })

  it("goes on between marks, and stops at the next that is not back", () => {
    const it = playing()
    assert.deepStrictEqual(it.progress(1500, "a"), [16_000, 16_000, 3996])
    assert.deepStrictEqual(it.progress(1900, "a"), [16_000, 16_000, 7196])
    assert.deepStrictEqual(it.progress(2500, "a"), [16_000, 16_000, 8000])
    it.echo(2000, "g0-1")
    assert.deepInclude(it.echoed, { kind: "played", underrunMs: 0 })
    assert.deepStrictEqual(it.progress(2500, "a"), [16_000, 16_000, 12_000])
  })

  it("hears items in the order they were sent", () => {
    const it = new Told().begin(0).receive(0, "a", 800).receive(0, "b", 800).receive(0, "c", 800).echo(100, "g0-0")
    it.echo(200, "g0-1").echo(200, "g0-2")
    assert.deepStrictEqual(it.progress(250, "a"), [800, 800, 800])
    assert.strictEqual(it.progress(250, "b")?.[2], 400)
    assert.strictEqual(it.progress(250, "c")?.[2], 0)
  })

  it("tells an underrun: an echo later than the audio before it explains", () => {
    const it = playing().echo(2300, "g0-1")
    assert.strictEqual(it.echoed.kind, "played")
    assert.closeTo(it.echoed.kind === "played" ? it.echoed.underrunMs : 0, 300, 2)
    assert.deepStrictEqual(it.progress(2400, "a"), [16_000, 16_000, 8800])
    assert.strictEqual(playingSince(it.ledger), 1000)
  })

  it("starts again after silence, and calls silence inside an item an underrun", () => {
    const it = new Told().begin(0).receive(0, "a", 800).echo(100, "g0-0").echo(200, "g0-1")
    assert.isNull(playingSince(it.ledger))
    assert.isTrue(Ledger.isEmpty(it.ledger, at(200)))
    it.receive(900, "b", 800).echo(1000, "g0-2")
    assert.deepInclude(it.echoed, { kind: "started", underrunMs: 0 })
    assert.strictEqual(playingSince(it.ledger), 1000)
    it.echo(1100, "g0-3").receive(1200, "b", 800).echo(1300, "g0-4")
    assert.strictEqual(it.echoed.kind, "started")
    assert.closeTo(it.echoed.kind === "started" ? it.echoed.underrunMs : 0, 200, 2)
    assert.strictEqual(playingSince(it.ledger), 1000)
  })

  it("calls a leading mark played where playback went on", () => {
    const it = new Told().begin(0).receive(0, "a", 800).receive(10, "b", 800).echo(100, "g0-0").echo(200, "g0-1")
    assert.strictEqual(it.echo(200, "g0-2").echoed.kind, "played")
    assert.strictEqual(playingSince(it.ledger), 100)
  })

  it("takes marks as played whose own echo was lost", () => {
    const it = new Told().begin(0).receive(0, "a", 800).receive(10, "b", 800).echo(300, "g0-3")
    assert.strictEqual(it.echoed.kind, "played")
    assert.deepStrictEqual(it.progress(300, "a"), [800, 800, 800])
    assert.deepStrictEqual(it.progress(300, "b"), [800, 800, 800])
  })

  it("knows what is left", () => {
    const it = playing()
    assert.closeTo(Ledger.remainingMs(it.ledger, at(1500)), 1500, 1)
    assert.isFalse(Ledger.isEmpty(it.ledger, at(2990)))
    it.echo(2000, "g0-1").echo(3000, "g0-2")
    assert.isTrue(Ledger.isEmpty(it.ledger, at(3000)))
    assert.strictEqual(Ledger.remainingMs(it.ledger, at(3000)), 0)
  })

  it("is not empty while the last echo is under way, for a second", () => {
    const it = playing().echo(2000, "g0-1")
    assert.strictEqual(Ledger.remainingMs(it.ledger, at(3500)), 0)
    assert.isFalse(Ledger.isEmpty(it.ledger, at(3900)))
    assert.isTrue(Ledger.isEmpty(it.ledger, at(4100)))
  })

  it("knows what was audible when, of this stretch and the one before", () => {
    const it = new Told().begin(0).receive(0, "a", 1600).echo(100, "g0-0").echo(300, "g0-1")
    it.receive(900, "b", 1600).echo(1000, "g0-2")
    const audible = (ms: number) => Ledger.wasAudible(it.ledger, ms, at(1100))
    assert.deepStrictEqual([50, 150, 290, 400, 990, 1001, 1150].map(audible), [
      false,
      true,
      true,
      false,
      false,
      true,
      true
    ])
    it.clear(1050)
    assert.isTrue(Ledger.wasAudible(it.ledger, 1040, at(1100)))
    it.echo(1130, "g0-4")
    it.settle(1130)
    assert.isTrue(Ledger.wasAudible(it.ledger, 1120, at(2000)))
    assert.isFalse(Ledger.wasAudible(it.ledger, 1150, at(2000)))
    assert.isTrue(Ledger.wasAudible(it.ledger, 150, at(2000)))
  })
})

describe("cutting", () => {
  it("sends the probe and the clear at once, and a new generation after them", () => {
    const it = playing().clear(1500)
    assert.deepStrictEqual(it.commands(), ["mark g0-3", "Clear"])
    assert.isTrue(Ledger.isCutting(it.ledger))
    assert.isTrue(Ledger.isEmpty(it.ledger, at(1500)))
    assert.isNull(playingSince(it.ledger))
    assert.deepStrictEqual(it.receive(1510, "b", 800).commands(), ["mark g1-4", "play b 0+800", "mark g1-5"])
  })

  it("hears until the probe is back, and counts no flushed mark", () => {
    const it = playing().clear(1500).echo(1600, "g0-1").echo(1600, "g0-2").echo(1600, "g0-3")
    assert.deepStrictEqual(it.echoed, { kind: "cut", at: at(1600) })
    assert.isFalse(Ledger.isCutting(it.ledger))
    assert.deepStrictEqual(figures(it.settle(1600)), [["a", 16_000, 16_000, 4796, false]])
    assert.deepStrictEqual(it.progress(5000, "a"), [16_000, 16_000, 4796])
  })

  it("takes the first flushed mark's moment for the cut's, where the probe comes a little after it", () => {
    const it = playing().clear(1500).echo(1600, "g0-1", 5).echo(1606, "g0-2", 5).echo(1606, "g0-3", 5)
    assert.deepStrictEqual(it.echoed, { kind: "cut", at: at(1600, 5) })
    const late = playing().clear(1500).echo(1600, "g0-1", 5).echo(1700, "g0-3", 5)
    assert.deepStrictEqual(late.echoed, { kind: "cut", at: at(1700, 5) })
  })

  it("counts a mark that was played while the clear was under way", () => {
    const it = playing().clear(1950).echo(2000, "g0-1").echo(2080, "g0-2").echo(2080, "g0-3")
    assert.deepStrictEqual(figures(it.settle(2080)), [["a", 16_000, 16_000, 8640, false]])
  })

  it("hears everything when the clear found the buffer empty", () => {
    const it = playing().clear(2990).echo(2000, "g0-1").echo(3000, "g0-2").echo(3060, "g0-3")
    assert.deepStrictEqual(figures(it.settle(3060)), [["a", 16_000, 16_000, 16_000, false]])
  })

  it("goes by the probe however late it comes", () => {
    const it = playing().clear(1500).echo(2000, "g0-1").echo(2900, "g0-2").echo(2900, "g0-3")
    assert.deepStrictEqual(figures(it.settle(2900)), [["a", 16_000, 16_000, 15_200, false]])
  })

  it("hears nothing of what waited behind a gap when the clear took effect", () => {
    const it = new Told().begin(0).receive(0, "a", 800).echo(100, "g0-0").echo(200, "g0-1")
    it.receive(400, "a", 800).clear(420).echo(500, "g0-2").echo(510, "g0-3").echo(510, "g0-4")
    const [cut] = it.settle(510)
    assert.closeTo(cut?.heardBytes ?? 0, 880, 16)
  })

  it("tells of every item of the generation, unsent and wholly heard ones too", () => {
    const it = new Told().begin(0).receive(0, "a", 800).receive(0, "b", 1600).receive(0, "c", 800).echo(100, "g0-0")
    it.echo(200, "g0-1").echo(200, "g0-2").clear(250).echo(300, "g0-3").echo(300, "g0-4").echo(300, "g0-5")
    it.echo(300, "g0-6").echo(300, "g0-7")
    assert.deepStrictEqual(figures(it.settle(300)), [
      ["a", 800, 800, 800, false],
      ["b", 1600, 1600, 800, false],
      ["c", 800, 800, 0, false]
    ])
    const unsent = new Told().receive(0, "a", 800).clear(5)
    assert.deepStrictEqual(unsent.commands(), [])
    assert.isFalse(Ledger.isCutting(unsent.ledger))
    assert.deepStrictEqual(figures(unsent.settle(5)), [["a", 800, 0, 0, false]])
  })

  it("settles two clears in quick succession each by its own probe", () => {
    const it = playing().clear(1500).receive(1510, "b", 8000).clear(1600)
    assert.deepStrictEqual(it.commands(), [
      "mark g0-3",
      "Clear",
      "mark g1-4",
      "play b 0+8000",
      "mark g1-5",
      "mark g1-6",
      "Clear"
    ])
    it.echo(1580, "g0-1").echo(1580, "g0-2").echo(1580, "g0-3")
    assert.deepStrictEqual(figures(it.settle(1580)), [["a", 16_000, 16_000, 4636, false]])
    assert.isTrue(Ledger.isCutting(it.ledger))
    it.echo(1590, "g1-4").echo(1680, "g1-5").echo(1680, "g1-6")
    const [b] = it.settle(1680)
    assert.closeTo(b?.heardBytes ?? 0, 720, 8)
    assert.isFalse(Ledger.isCutting(it.ledger))
  })

  it("estimates all that is outstanding at the deadline, and then takes the probe for stale", () => {
    const it = playing().clear(1500)
    it.ledger = Ledger.notAfter(it.ledger, 1700)
    const [cut] = it.settle(1700)
    assert.isTrue(cut?.estimated)
    assert.closeTo(cut?.heardBytes ?? 0, 5600, 8)
    assert.isFalse(Ledger.isCutting(it.ledger))
    assert.strictEqual(it.echo(1710, "g0-3").echoed.kind, "stale")
    assert.deepStrictEqual(it.settle(1710), [])
  })

  it("expects the clear a measured round trip after it was sent", () => {
    const it = playing().clear(1500)
    assert.closeTo(it.settle(1510)[0]?.heardBytes ?? 0, (500 + 80) * 8, 16)
  })

  it("takes unknown names and those of settled generations for stale", () => {
    const it = playing()
    for (const name of ["", "g0-99", "mark", "g0-1 ", "responsePart"]) {
      const before = it.ledger
      assert.strictEqual(it.echo(1100, name).echoed.kind, "stale")
      assert.strictEqual(it.ledger, before)
    }
  })
})

describe("a second stream", () => {
  it("keeps what was heard of the first by its marks, and plays on its own", () => {
    const it = playing().echo(2000, "g0-1")
    it.begin(50, 1)
    assert.deepStrictEqual(it.progress(60, "a"), [16_000, 16_000, 8000])
    assert.strictEqual(it.echo(60, "g0-2").echoed.kind, "stale")
    assert.deepStrictEqual(it.receive(70, "b", 800).commands(), ["mark g1-3", "play b 0+800", "mark g1-4"])
    assert.strictEqual(it.echo(100, "g1-3").echoed.kind, "started")
  })

  it("leaves an unsettled cut of the first to be settled, as an estimate", () => {
    const it = playing().clear(1500).begin(50, 1)
    assert.isFalse(Ledger.isCutting(it.ledger))
    assert.deepStrictEqual(figures(it.settle(60)), [["a", 16_000, 16_000, 0, true]])
  })
})

describe("a correction of the carrier's clock", () => {
  it("changes no figure: what was placed on the clock moves with it", () => {
    for (const ms of [-90, 60]) {
      const it = playing().echo(2000, "g0-1")
      const before = it.progress(2250, "a")
      it.correct(ms, 3000)
      assert.deepStrictEqual(it.progress(2250 + ms, "a"), before)
      assert.strictEqual(playingSince(it.ledger), 1000 + ms)
      assert.closeTo(Ledger.remainingMs(it.ledger, at(2250 + ms)), 750, 1)
      assert.strictEqual(it.echo(3000 + ms, "g0-2").echoed.kind, "played")
      assert.deepInclude(it.echoed, { underrunMs: 0 })
      assert.isTrue(Ledger.wasAudible(it.ledger, 1001 + ms, at(3100 + ms)))
      assert.isFalse(Ledger.wasAudible(it.ledger, 998 + ms, at(3100 + ms)))
    }
  })

  it("moves a pending cut, flushed or not, and one that is known but not settled", () => {
    const pending = playing().clear(1500).correct(-90, 3000).echo(1510, "g0-1").echo(1510, "g0-2").echo(1510, "g0-3")
    assert.deepStrictEqual(figures(pending.settle(1510)), [["a", 16_000, 16_000, 4796, false]])
    const flushed = playing().clear(1500).echo(1600, "g0-1").correct(-90, 3000).echo(1516, "g0-3", 10)
    assert.deepStrictEqual(flushed.echoed, { kind: "cut", at: { ...at(1510), after: 1599 } })
    assert.deepStrictEqual(figures(flushed.settle(1516)), [["a", 16_000, 16_000, 4796, false]])
    const known = playing().clear(1500).echo(1600, "g0-3").correct(-90, 3000)
    assert.deepStrictEqual(figures(known.settle(1510)), [["a", 16_000, 16_000, 4796, false]])
  })

  it("keeps the stretches before, and the estimate of a cut", () => {
    const it = new Told().begin(0).receive(0, "a", 1600).echo(100, "g0-0").echo(300, "g0-1")
    it.receive(900, "b", 1600).echo(1000, "g0-2").correct(50, 3000)
    assert.deepStrictEqual(
      [140, 160, 340, 360, 1040, 1060].map((ms) => Ledger.wasAudible(it.ledger, ms, at(1150))),
      [false, true, true, false, false, true]
    )
    assert.closeTo(playing().clear(1500).correct(50, 3000).settle(1560)[0]?.heardBytes ?? 0, (500 + 80) * 8, 16)
  })

  it("leaves alone what frames have placed already, and moves nothing later than the first of them", () => {
    assert.strictEqual(playingSince(playing().correct(60, 900).ledger), 1000)
    assert.closeTo(playingSince(playing().correct(60, 1040).ledger) ?? 0, 1040, 1)
    const it = playing()
    assert.strictEqual(it.ledger, it.correct(0, 3000).ledger)
  })
})
