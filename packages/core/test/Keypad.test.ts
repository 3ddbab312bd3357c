import { assert, describe, it } from "vitest"
import type { Keypad as State } from "../src/Keypad.ts"
import * as Keypad from "../src/Keypad.ts"

/** Presses keys 100 ms apart from `from` on; the entries they complete. */
const press = (keys: string, from = 0, keypad: State = Keypad.initial) => {
  const entries: Array<string> = []
  ;[...keys].forEach((key, index) => {
    const [next, entry] = Keypad.press(keypad, key, from + index * 100)
    keypad = next
    if (entry !== null) entries.push(entry)
  })
  return { keypad, entries }
}

describe("Keypad", () => {
  it("gathers keys until #", () => {
    assert.deepStrictEqual(press("12*A#"), { keypad: Keypad.initial, entries: ["12*A"] })
  })

  it("takes # alone for the empty entry", () => {
    assert.deepStrictEqual(press("#").entries, [""])
  })

  it("says nothing while keys come", () => {
    assert.deepStrictEqual(press("123").entries, [])
  })

  it("completes an entry when no key came for 2 s", () => {
    const { keypad } = press("12")
    assert.strictEqual(Keypad.nextDeadline(keypad), 2_100)
    assert.deepStrictEqual(Keypad.due(keypad), [Keypad.initial, "12"])
  })

  it("has a deadline 2 s after the last key, and none while nothing is gathered", () => {
    assert.strictEqual(Keypad.nextDeadline(press("12").keypad), 2_100)
    assert.isNull(Keypad.nextDeadline(Keypad.initial))
    assert.isNull(Keypad.nextDeadline(press("12#").keypad))
  })

  it("ignores what is no key of a telephone", () => {
    const { keypad } = press("1")
    for (const key of ["x", "a", "", "12", " "]) assert.deepStrictEqual(Keypad.press(keypad, key, 100), [keypad, null])
  })

  it("completes an entry at its 64th key", () => {
    assert.deepStrictEqual(press("7".repeat(65)), {
      keypad: { digits: "7", at: 6_400 },
      entries: ["7".repeat(64)]
    })
  })

  it("survives JSON in the middle of an entry", () => {
    const { keypad } = press("12")
    assert.deepStrictEqual(press("3#", 200, JSON.parse(JSON.stringify(keypad))).entries, ["123"])
  })

  it("tells the model single digits", () => {
    assert.strictEqual(Keypad.sentence("1204"), "The caller keyed 1 2 0 4 on the telephone.")
    assert.strictEqual(Keypad.sentence(""), "The caller keyed # on the telephone.")
  })
})
