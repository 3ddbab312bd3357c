import { PlayBuffer } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = (ms: number, byte = 0x20) => new Uint8Array(ms * 8).fill(byte)

const make = (quantum = 0) => {
  const log: Array<string> = []
  const heard: Array<PlayBuffer.Span> = []
  const cleared: Array<PlayBuffer.Span & { readonly clearedAt: number }> = []
  const buffer = PlayBuffer.make({
    quantum,
    listener: {
      started: (at) => log.push(`${at} started`),
      ended: (at, cut) => log.push(`${at} ended${cut ? " by clear" : ""}`),
      heard: (span) => {
        heard.push(span)
        log.push(`${span.at} heard ${span.message}:${span.from}-${span.to}`)
      },
      cleared: (clearedAt, span) => {
        cleared.push({ ...span, clearedAt })
        log.push(`${clearedAt} cleared ${span.message}:${span.from}-${span.to}`)
      },
      echoed: (at, name, flushed) => log.push(`${at} ${flushed ? "flushed" : "echoed"} ${name}`)
    }
  })
  return { buffer, log, heard, cleared }
}

describe("PlayBuffer", () => {
  it("plays messages one after another, continuously, and echoes marks when what is before them was played", () => {
    const { buffer, log } = make()
    buffer.mark(1000, "lead")
    buffer.media(1000, audio(100))
    buffer.mark(1000, "a")
    buffer.media(1001.5, audio(33))
    buffer.mark(1002, "b")
    buffer.mark(1002, "c")
    assert.strictEqual(buffer.nextDeadline(), 1100)
    buffer.advance(1099.999)
    assert.deepStrictEqual(log, ["1000 echoed lead", "1000 started"])
    buffer.advance(1132)
    assert.deepStrictEqual(log.slice(2), ["1000 heard 0:0-800", "1100 echoed a"])
    buffer.advance(5000)
    assert.deepStrictEqual(log.slice(4), ["1100 heard 1:0-264", "1133 echoed b", "1133 echoed c", "1133 ended"])
    assert.isUndefined(buffer.nextDeadline())
  })

  it("discards on clear what has not been played, to the byte, and flushes every pending mark at once", () => {
    const { buffer, log, heard, cleared } = make()
    buffer.media(0, audio(100, 1))
    buffer.mark(0, "a")
    buffer.media(0, audio(100, 2))
    buffer.mark(0, "b")
    buffer.media(0, audio(100, 3))
    buffer.mark(0, "c")
    buffer.clear(150.3)
    assert.deepStrictEqual(log, [
      "0 started",
      "0 heard 0:0-800",
      "100 echoed a",
      "100 heard 1:0-402",
      "150.3 cleared 1:402-800",
      "150.3 cleared 2:0-800",
      "150.3 ended by clear",
      "150.3 flushed b",
      "150.3 flushed c"
    ])
    assert.deepStrictEqual([...heard.map((one) => one.payload[0])], [1, 2])
    assert.strictEqual(heard[1]?.payload.length, 402)
    assert.strictEqual(cleared[0]?.payload.length, 398)
    buffer.media(151, audio(20))
    buffer.mark(151, "d")
    buffer.advance(400)
    assert.deepStrictEqual(log.slice(9), ["151 started", "151 heard 3:0-160", "171 echoed d", "171 ended"])
  })

  it("echoes a mark at once that comes when the last byte has been played", () => {
    const { buffer, log } = make()
    buffer.media(0, audio(20))
    buffer.mark(20, "a")
    assert.deepStrictEqual(log.at(-1), "20 echoed a")
  })

  it("lets audio join a piece of a quantum that has not been taken yet, and wait for the next one otherwise", () => {
    const { buffer, heard } = make(20)
    buffer.media(0, audio(30))
    buffer.media(15, audio(5))
    buffer.media(25, audio(5))
    buffer.advance(100)
    assert.deepStrictEqual(
      heard.map((one) => one.at),
      [0, 30, 40]
    )
  })

  it("has nothing to clear when nothing plays", () => {
    const { buffer, log } = make()
    buffer.clear(5)
    buffer.media(10, audio(10))
    buffer.advance(20)
    buffer.clear(20)
    assert.deepStrictEqual(log, ["10 started", "10 heard 0:0-80", "20 ended"])
  })

  it("goes on after an underrun when the next audio comes", () => {
    const { buffer, heard, log } = make()
    buffer.media(0, audio(20))
    buffer.media(50.5, audio(20))
    buffer.media(60, audio(20))
    buffer.advance(1000)
    assert.deepStrictEqual(
      heard.map((one) => one.at),
      [0, 50.5, 70.5]
    )
    assert.deepStrictEqual(
      log.filter((line) => line.includes("ed") && !line.includes("heard")),
      ["0 started", "20 ended", "50.5 started", "90.5 ended"]
    )
  })

  it("knows what is in play", () => {
    const { buffer } = make()
    buffer.media(0, audio(100))
    assert.isUndefined(buffer.inPlay(0))
    const span = buffer.inPlay(10)
    assert.deepStrictEqual([span?.from, span?.to], [0, 80])
  })

  it("says nothing more once the line is gone, but counts every byte", () => {
    const { buffer, log } = make()
    buffer.media(0, audio(100))
    buffer.mark(0, "a")
    buffer.end(40)
    assert.deepStrictEqual(log, ["0 started", "0 heard 0:0-320", "40 cleared 0:320-800", "40 ended by clear"])
  })

  it("plays pieces of a quantum: starts on a tick, echoes at the end of a piece, finishes the piece at a clear", () => {
    const { buffer, log } = make(20)
    buffer.media(3, audio(50))
    buffer.mark(3, "a")
    buffer.advance(100)
    assert.deepStrictEqual(log, ["20 started", "20 heard 0:0-400", "70 ended", "80 echoed a"])
    log.length = 0
    buffer.media(101, audio(100))
    buffer.mark(101, "b")
    buffer.clear(165)
    buffer.advance(300)
    assert.deepStrictEqual(log, [
      "120 started",
      "180 cleared 1:480-800",
      "165 flushed b",
      "120 heard 1:0-480",
      "180 ended by clear"
    ])
  })

  it("is silent at once when the line is gone, also inside a piece of a quantum", () => {
    const { buffer, log } = make(20)
    buffer.media(0, audio(100))
    buffer.end(50)
    assert.deepStrictEqual(log, ["0 started", "0 heard 0:0-400", "50 cleared 0:400-800", "50 ended by clear"])
    assert.isUndefined(buffer.nextDeadline())
  })
})
