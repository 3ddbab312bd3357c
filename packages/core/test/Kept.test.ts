import { assert, describe, it } from "vitest"
import * as Kept from "../src/Kept.ts"

/** 40 ms at 8 bytes a ms. */
const piece = (from: number, levels: string, item = "item_1"): Kept.Piece => ({
  session: 0,
  item,
  contentIndex: 0,
  from,
  bytes: 320,
  payload: btoa(String.fromCharCode(...Array.from({ length: 320 }, (_, index) => (from + index) & 255))),
  levels,
  skipped: 0
})

const all = { audio: true, levels: true }
const most = 960

const two = [piece(0, "BC"), piece(320, "DE")].reduce(
  (kept, piece) => Kept.add(kept, piece, piece.from, 0, most, all),
  Kept.empty
)

describe("Kept audio", () => {
  it("behind a position is cut at that byte", () => {
    const [first, second] = Kept.from(two, 101)
    assert.deepInclude(first, { from: 101, bytes: 219 })
    assert.strictEqual(atob(String(first?.payload)).charCodeAt(0), 101)
    assert.strictEqual(atob(String(first?.payload)).length, 219)
    assert.deepInclude(second, { from: 320, bytes: 320 })
    assert.isEmpty(Kept.from(two, 640))
  })

  it("is cut again where it was cut before, and its levels stay in place", () => {
    const resent = Kept.from(two, 200).reduce(
      (kept, piece) => Kept.add(kept, piece, kept.bytes, 0, most, all),
      Kept.empty
    )
    assert.deepInclude(Kept.from(resent, 60)[0], { from: 260, bytes: 60 })
    assert.strictEqual(Kept.levelAt(resent, 0, 8), "C")
    assert.strictEqual(Kept.levelAt(resent, 119, 8), "C")
    assert.strictEqual(Kept.levelAt(resent, 120, 8), "D")
    assert.strictEqual(Kept.levelAt(resent, 279, 8), "D")
    assert.strictEqual(Kept.levelAt(resent, 280, 8), "E")
    assert.strictEqual(Kept.levelAt(resent, 440, 8), "A", "nothing plays behind the last")
  })

  it("leaves when it was heard", () => {
    assert.deepInclude(Kept.release(two, 319), { bytes: 640 })
    assert.deepInclude(Kept.release(two, 320), { bytes: 320 })
    assert.isEmpty(Kept.release(two, 640).pieces)
  })

  it("beyond the bound is not whole until all was heard", () => {
    const full = Kept.add(two, piece(640, "FG"), 640, 0, most, all)
    assert.isTrue(full.isWhole)
    const over = Kept.add(full, piece(960, "HI"), 960, 0, most, all)
    assert.deepInclude(over, { isWhole: false, bytes: 960 })
    const later = Kept.release(over, 640)
    assert.isFalse(Kept.add(later, piece(1280, "JK"), 1280, 640, most, all).isWhole, "there is a hole")
    assert.isTrue(Kept.add(Kept.release(over, 1280), piece(1280, "JK"), 1280, 1280, most, all).isWhole)
  })

  it("is levels alone where audio is not asked for, and without payloads the same ranges", () => {
    const levels = Kept.add(Kept.empty, piece(0, "BC"), 0, 0, most, { audio: false, levels: true })
    assert.deepInclude(levels.pieces[0], { payload: "", levels: "BC" })
    const [rest] = Kept.from(levels, 100)
    assert.deepInclude(rest, { from: 100, bytes: 220, payload: "" })
  })
})
