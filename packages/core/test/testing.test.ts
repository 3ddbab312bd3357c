import { assert, describe, it } from "vitest"
import { replay } from "../src/testing.ts"
import { machine, recorded, story } from "./support/ToyCall.ts"

describe("replay for any test runner", () => {
  it("returns what happened", () => {
    const { commands, events, summary } = replay(recorded(story()), machine)
    assert.strictEqual(events.length, story().length)
    assert.strictEqual(commands.filter((command) => command._tag === "Clear").length, 1)
    assert.strictEqual(summary?.outcome, "caller hung up")
  })

  it("an incomplete recording replays to its end, without a summary", () => {
    const { events, summary } = replay(recorded(story().slice(0, 100)), machine)
    assert.strictEqual(events.length, 100)
    assert.isNull(summary)
  })

  it("throws the explanation of a difference", () => {
    const text = recorded(story()).replace('"c":"Clear"', '"c":"HangUp"')
    assert.throws(
      () => replay(text, machine),
      /^line \d+, 8383 ms: ModelSpeechStarted .*\n {2}recorded: \{"c":"HangUp".*\n {2}replayed: \{"c":"Clear"/
    )
  })

  it("throws what is wrong with the file", () => {
    assert.throws(() => replay("{}", machine), /^line 1: this is not an Offhook recording/)
    assert.throws(() => replay(`${recorded(story())}x\n`, machine), /^line \d+: this is not a JSON object$/)
  })
})
