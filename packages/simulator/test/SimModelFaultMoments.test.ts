/** When faults of the simulated model happen, and who may do them (model/Fault.ts). */
import { Brain, Fault, SimModel } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

const { create } = H

const codes = (harness: H.Harness) => harness.of("error").map(({ error }) => error.code)

describe("the moment of a fault", () => {
  it("is the next input without a point", () => {
    const harness = H.telephone()
    harness.model.failNext({ _tag: "Error", code: "one" })
    harness.advance(1_000)
    assert.deepStrictEqual(codes(harness), [])
    harness.hear(H.silence(20))
    assert.deepStrictEqual(codes(harness), ["one"])
  })

  it("is a time since the session opened, exactly", () => {
    const harness = H.telephone({ faults: [{ _tag: "Error", code: "one", atMs: 1_234 }] })
    harness.advance(2_000)
    const at = harness.times[harness.types().indexOf("error")]
    assert.strictEqual(at, 1_234)
    assert.deepInclude(harness.model.faultsTaken[0], { at: 1_234, fault: { _tag: "Error", code: "one", atMs: 1_234 } })
  })

  it("counts from the opening, however late that is", () => {
    const model = SimModel.make({ seed: 1, brain: () => Brain.NOTHING, faults: [{ _tag: "SocketLost", atMs: 500 }] })
    model.handle({ _tag: "Opened", at: 90_000, model: "gpt-realtime-2.1" })
    model.failNext({ _tag: "Error", code: "one", atMs: 400 })
    const outputs = model.handle({ _tag: "TimeAdvanced", at: 100_000 })
    assert.deepStrictEqual(
      outputs.flatMap((output) => (output._tag === "Trace" ? [] : [output.at])),
      [90_400, 90_500]
    )
  })

  it("is the nth event of a type", () => {
    const harness = H.telephone({
      faults: [{ _tag: "Error", code: "one", after: "response.output_audio.delta", nth: 3 }]
    })
    harness.send(create())
    harness.settle()
    const before = harness.types().slice(0, harness.types().indexOf("error"))
    assert.strictEqual(before.filter((type) => type === "response.output_audio.delta").length, 3)
    assert.strictEqual(before.at(-1), "response.output_audio.delta")
  })

  it("is the nth event after a time", () => {
    const harness = H.telephone({ faults: [{ _tag: "Error", code: "one", atMs: 5_000, after: "response.done" }] })
    harness.send(create())
    harness.settle()
    assert.isBelow(harness.now(), 5_000)
    harness.advance(5_000)
    assert.deepStrictEqual(codes(harness), [])
    harness.send(create())
    harness.settle()
    assert.deepStrictEqual(codes(harness), ["one"])
  })

  it.each(["session.created", "conversation.created"] as const)("may come before session.updated: %s", (after) => {
    const harness = H.telephone({ faults: [{ _tag: "Error", code: "server_error", after }] })
    const types = harness.types()
    assert.isBelow(types.indexOf("error"), types.indexOf("session.updated"))
    assert.strictEqual(types[types.indexOf("error") - 1], after)
  })

  it("makes a change wait for it: the response after the one that is done", () => {
    const harness = H.telephone({ faults: [{ _tag: "ResponseFailed", code: "server_error", after: "response.done" }] })
    for (let i = 0; i < 3; i++) {
      harness.send(create())
      harness.settle()
    }
    assert.deepStrictEqual(
      harness.of("response.done").map(({ response }) => response.status),
      ["completed", "failed", "completed"]
    )
  })

  it("lets several happen in one call, in order, each once", () => {
    const point = { after: "response.created" } as const
    const harness = H.telephone({
      faults: [
        { _tag: "Error", code: "one", ...point },
        { _tag: "UnknownEvent", ...point },
        { _tag: "Error", code: "two", ...point },
        { _tag: "RateLimits", remaining: 0, resetSeconds: 60, atMs: 900 },
        { _tag: "ResponseSlow", speed: 0.5 }
      ]
    })
    harness.send(create())
    harness.settle()
    harness.send(create())
    harness.settle()
    const types = harness.types()
    const from = types.indexOf("response.created")
    assert.deepStrictEqual(types.slice(from, from + 4), ["response.created", "error", "response.mood.updated", "error"])
    assert.deepStrictEqual(codes(harness), ["one", "two"])
    assert.deepStrictEqual(
      harness.model.faultsTaken.map(({ fault }) => fault._tag),
      ["ResponseSlow", "Error", "UnknownEvent", "Error", "RateLimits"]
    )
  })

  it("stays plain JSON data", () => {
    const fault: Fault.Fault = { _tag: "ResponseFailed", code: null, part: 1, atMs: 10, after: "response.done", nth: 2 }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(fault)), fault)
  })

  it("never comes after the session is closed", () => {
    const harness = H.telephone({
      faults: [
        { _tag: "SocketLost", atMs: 500 },
        { _tag: "Error", code: "late", atMs: 500 },
        { _tag: "Error", code: "later", atMs: 900 }
      ]
    })
    harness.advance(2_000)
    assert.deepStrictEqual(codes(harness), [])
    assert.deepInclude(harness.outputs.at(-1), { _tag: "CloseSocket", code: 1006, at: 500 })
    assert.isUndefined(harness.model.nextDeadline())
  })
})

describe("who may do it", () => {
  it.each<[Fault.Standing, Fault.Fault]>([
    ["vendor", { _tag: "Error", code: null }],
    ["misbehaviour", { _tag: "Error", code: null, blames: "response.create" }],
    ["vendor", { _tag: "EventLate", event: "session.updated", ms: 3_000 }],
    ["misbehaviour", { _tag: "EventLate", event: "response.created", ms: 3_000 }],
    ["misbehaviour", { _tag: "EventRepeated", event: "response.done" }],
    ["vendor", { _tag: "ResponseHangs", part: 0 }],
    ["vendor", { _tag: "CallOdd", how: "huge" }],
    ["misbehaviour", { _tag: "CallOdd", how: "repeatedId" }],
    ["vendor", { _tag: "StrayDelta", of: "deletedItem", ms: 20 }],
    ["misbehaviour", { _tag: "StrayDelta", of: "endedResponse", ms: 20 }],
    ["vendor", { _tag: "SpeechImagined", ms: 300 }],
    ["misbehaviour", { _tag: "SpeechImagined" }],
    ["misbehaviour", { _tag: "Malformed", how: "json" }]
  ])("%s: %j", (standing, fault) => assert.strictEqual(Fault.standing(fault), standing))
})
