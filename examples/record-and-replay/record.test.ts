import { Agent, Prices, Recording } from "@offhook/core"
import { assert, it } from "vitest"
import { difference, record } from "./record.ts"

it("a call that never gets a stream is recorded to its end, and replays; a command that is changed is found", () => {
  let text = ""
  const step = record({ agent: Agent.defaults, prices: Prices.table }, "CA0", (lines) => {
    text += lines
  })
  const commands = step({ _tag: "TimeAdvanced", at: 120_000 })
  assert.strictEqual(commands.at(-1)?._tag, "Ended")
  assert.strictEqual(Recording.parse(text).end.end, "complete")
  assert.isNull(difference(text))
  assert.match(difference(text.replace('{"c":"ConnectModel"', '{"c":"CloseModel"')) ?? "", /recorded: .*CloseModel/)
})
