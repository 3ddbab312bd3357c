import { Base64, Caller, Random } from "@offhook/simulator"
import { assert, it } from "vitest"
import { counted, joined } from "./CarrierCall.ts"

const frameBytes = 160

/** What the caller's line carries in `frames` frames of 20 ms from 0 on, and what was told of it. */
const spoken = (script: Caller.CallerScript, frames: number, noise?: Random.Random) => {
  const told: Array<readonly [number, string]> = []
  const caller = Caller.make({
    script,
    frameBytes,
    listener: {
      speaking: (at, clip, bytes) => told.push([at, `${clip} ${bytes}`]),
      quiet: (at, clip) => told.push([at, `quiet ${clip}`]),
      pressed: (at, digit) => told.push([at, digit]),
      hungUp: (at) => told.push([at, "hung up"])
    },
    ...(noise === undefined ? {} : { noise })
  })
  caller.connected(0, 0)
  const given = Array.from({ length: frames }, (_, index) => {
    caller.advance((index + 1) * 20)
    return caller.frame()
  })
  return { told, given, line: joined(given.map(({ payload }) => payload)) }
}

const [one, two] = [counted(1_000, 1), counted(333, 2)] as const

it("says pieces as one, the same piece as often as it stands there", () => {
  const pieces = [one, two, new Uint8Array(0), one, one]
  const { line, told } = spoken([Caller.say("long", pieces, Caller.after(33))], 40)
  const whole = joined(pieces)
  assert.deepStrictEqual(line.subarray(264, 264 + whole.length), whole)
  assert.isTrue(line.subarray(0, 264).every((byte) => byte === 0xff))
  assert.isTrue(line.subarray(264 + whole.length).every((byte) => byte === 0xff))
  assert.deepStrictEqual(told, [
    [33, `long ${whole.length}`],
    [33 + whole.length / 8, "quiet long"]
  ])
})

it("says a monologue without a copy of it", () => {
  const minute = Uint8Array.from({ length: 480_000 }, (_, index) => index % 100)
  const { given } = spoken([Caller.say("monologue", [minute, minute], Caller.now)], 200)
  assert.isTrue(given.slice(1).every(({ payload }) => payload.buffer === minute.buffer))
})

it("goes from one clip into the next inside a frame", () => {
  const { line } = spoken(
    [Caller.say("a", two, Caller.after(10)), Caller.say("b", one, Caller.now)],
    20,
    Random.make(1)
  )
  assert.deepStrictEqual(line.subarray(80, 80 + 333), two)
  assert.deepStrictEqual(line.subarray(413, 413 + 1_000), one)
})

it("presses keys while it speaks, and none after", () => {
  const keys = [
    { ms: 100, digit: "2" },
    { ms: 20, digit: "1" },
    { ms: 500, digit: "9" }
  ]
  const { line, told } = spoken([Caller.say("a", one, Caller.after(40), keys), Caller.hangUp(Caller.after(600))], 60)
  assert.deepStrictEqual(told, [
    [40, "a 1000"],
    [60, "1"],
    [140, "2"],
    [165, "quiet a"],
    [765, "hung up"]
  ])
  assert.deepStrictEqual(line.subarray(320, 1_320), one)
})

it("gives the text of a frame as well", () => {
  const { given } = spoken([Caller.say("a", one, Caller.now)], 5)
  for (const { base64, payload } of given) assert.strictEqual(base64, Base64.encode(payload))
})
