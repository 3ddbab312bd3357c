/** What goes wrong with responses of the simulated model, fault by fault (model/Fault.ts). */
import type { Fault, SimModel } from "@offhook/simulator"
import { Base64, Brain, Conversation } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

const { create, done, running, until } = H

const long = () => ({ parts: [Brain.say(H.clip(20_000))] })

/** A session in which a response was asked for under a fault, and has come to its end if it has one. */
const respond = (fault: Fault.Fault, options: Partial<SimModel.Options> = {}) => {
  const harness = H.telephone({ faults: [fault], ...options })
  harness.send(create())
  harness.settle()
  return harness
}

const audioTimes = (harness: H.Harness) =>
  harness.times.filter((_, i) => harness.types()[i] === "response.output_audio.delta")

describe("a response that fails", () => {
  it.each(["server_error", "rate_limit_exceeded", "insufficient_quota", "model_not_found", "something_new"])(
    "of the class %s",
    (code) => {
      const details = done(respond({ _tag: "ResponseFailed", code })).status_details
      assert.strictEqual(details?.type, "failed")
      assert.strictEqual(details?.error?.code, code)
    }
  )

  it("without an error in its details", () => {
    const harness = respond({ _tag: "ResponseFailed", code: null })
    assert.deepStrictEqual(done(harness).status_details, { type: "failed" })
    assert.isNull(done(harness).usage)
  })

  it.each([
    [0, 0, 0],
    [0.5, 8_000, 1],
    [1, 16_000, 1]
  ])("after %d of its audio", (part, bytes, items) => {
    const harness = respond({ _tag: "ResponseFailed", code: "server_error", part })
    assert.strictEqual(H.deltas(harness).length, bytes)
    assert.strictEqual(done(harness).output.length, items)
    assert.strictEqual(harness.of("response.output_audio.done").length, items)
  })

  it.each([
    [0.5, '{"a":', "incomplete"],
    [1, '{"a":1234}', "completed"]
  ] as const)("after %d of a function call", (part, args, status) => {
    const brain = () => ({ parts: [Brain.call("f", '{"a":1234}')] })
    const harness = respond({ _tag: "ResponseFailed", code: "server_error", part }, { brain })
    assert.deepInclude(done(harness).output[0], { arguments: args, status })
    assert.strictEqual(done(harness).status, "failed")
  })

  it("frees the slot", () => {
    const harness = respond({ _tag: "ResponseFailed", code: "server_error", unannounced: true })
    harness.send(create())
    harness.settle()
    assert.strictEqual(done(harness).status, "completed")
  })
})

describe("a response that comes to no end", () => {
  it("is created and then silent, until it is cancelled", () => {
    const harness = respond({ _tag: "ResponseHangs", part: 0 })
    harness.advance(60_000)
    assert.strictEqual(harness.types().at(-1), "response.created")
    harness.send(create(undefined, "second"))
    assert.strictEqual(harness.lastError().code, "conversation_already_has_active_response")
    harness.send({ type: "response.cancel" })
    harness.settle()
    assert.strictEqual(done(harness).status, "cancelled")
  })

  it("stops in the middle", () => {
    const harness = respond({ _tag: "ResponseHangs", part: 0.25 })
    harness.advance(60_000)
    assert.strictEqual(H.deltas(harness).length, 4_000)
    assert.deepStrictEqual(harness.of("response.output_audio.done"), [])
    assert.deepStrictEqual(harness.of("response.done"), [])
  })

  it("does not hear that it is cancelled", () => {
    const harness = respond({ _tag: "ResponseHangs", part: 0.25, deaf: true })
    const before = harness.events.length
    harness.send({ type: "response.cancel" })
    harness.advance(60_000)
    assert.strictEqual(harness.events.length, before)
    assert.strictEqual(harness.model.responses[0]?.phase(), "active")
  })
})

describe("a response.create", () => {
  it.each(["conversation_already_has_active_response", "something_new", null])("is refused: %s", (code) => {
    const harness = respond({ _tag: "ResponseRefused", code })
    assert.deepInclude(harness.lastError(), { code, event_id: "mine" })
    assert.deepStrictEqual(harness.of("response.created"), [])
    harness.send(create())
    harness.settle()
    assert.strictEqual(done(harness).status, "completed")
  })

  it("of a turn is ignored", () => {
    const harness = H.telephone({ faults: [{ _tag: "ResponseIgnored", of: "turn" }] })
    harness.hear(H.join(H.talk(660), H.silence(600)))
    harness.settle()
    assert.strictEqual(harness.of("input_audio_buffer.committed").length, 1)
    assert.deepStrictEqual(harness.of("response.created"), [])
    harness.hear(H.join(H.talk(660), H.silence(600)))
    harness.settle()
    assert.strictEqual(harness.of("response.created").length, 1)
  })
})

describe("a cancellation", () => {
  it("is ignored: the response goes on to its end, no error tells", () => {
    const harness = running({ faults: [{ _tag: "CancelIgnored" }] })
    harness.send({ type: "response.cancel" })
    harness.settle()
    assert.strictEqual(done(harness).status, "completed")
    assert.deepStrictEqual(harness.of("error"), [])
  })

  it("by a turn is ignored, and what was said is not truncated", () => {
    const harness = running({ brain: long, choices: { truncatesItself: true }, faults: [{ _tag: "CancelIgnored" }] })
    harness.hear(H.talk(300))
    harness.settle()
    assert.strictEqual(done(harness).status, "completed")
    assert.deepStrictEqual(harness.of("conversation.item.truncated"), [])
  })

  it("is slow: audio goes on meanwhile", () => {
    const choices = { lateDeltas: 0 }
    const harness = running({ brain: long, choices, faults: [{ _tag: "CancelSlow", ms: 800 }] })
    const [at, before] = [harness.now(), H.deltas(harness).length]
    harness.send({ type: "response.cancel" })
    harness.settle()
    const ended = harness.times[harness.types().indexOf("response.done")]!
    assert.closeTo(ended - at, 800, 1)
    assert.isAbove(H.deltas(harness).length - before, 800 * 8)
    assert.strictEqual(done(harness).status, "cancelled")
  })

  it("that is slower than the response finds it completed", () => {
    const harness = running({ faults: [{ _tag: "CancelSlow", ms: 10_000 }] })
    harness.send({ type: "response.cancel" })
    harness.settle()
    harness.advance(20_000)
    assert.deepStrictEqual(
      harness.of("response.done").map(({ response }) => response.status),
      ["completed"]
    )
  })
})

describe("a response nobody asked for", () => {
  it("takes the slot", () => {
    const harness = H.telephone({ faults: [{ _tag: "ResponseOfItsOwn", atMs: 500 }] })
    harness.advance(520)
    harness.send(create())
    assert.strictEqual(harness.lastError().code, "conversation_already_has_active_response")
    harness.settle()
    assert.strictEqual(H.deltas(harness).length, 16_000)
    assert.deepInclude(harness.model.responses[0], { at: 500, trigger: "none", outOfBand: false })
  })

  it("does not begin beside another one", () => {
    const harness = running({ faults: [{ _tag: "ResponseOfItsOwn", after: "response.output_audio.delta" }] })
    harness.settle()
    assert.strictEqual(harness.of("response.created").length, 1)
  })

  it("comes after the one whose end it was to follow", () => {
    const harness = respond({ _tag: "ResponseOfItsOwn", after: "response.done" })
    assert.strictEqual(harness.of("response.done").length, 2)
  })

  it("speaks out of band beside the running one", () => {
    const fault = { _tag: "ResponseOfItsOwn", outOfBand: true, after: "response.output_audio.delta" } as const
    const harness = running({ brain: long, faults: [fault] })
    harness.settle()
    const [first, second] = harness.model.responses
    assert.deepInclude(second, { outOfBand: true, trigger: "none" })
    assert.strictEqual(H.deltas(harness, second?.output[0]?.id).length, 160_000)
    assert.strictEqual(harness.model.items.length, 1)
    assert.strictEqual(first?.phase(), "done")
    assert.isTrue(harness.of("response.done").some(({ response }) => response.conversation_id === null))
  })
})

describe("events of a response", () => {
  it.each(["response.created", "response.done", "response.output_item.added"] as const)("come twice: %s", (event) => {
    const harness = respond({ _tag: "EventRepeated", event })
    const [first, second, ...more] = harness.of(event)
    assert.deepStrictEqual({ ...second, event_id: "" }, { ...first, event_id: "" })
    assert.deepStrictEqual(more, [])
  })

  it.each(["response.created", "response.output_item.added", "response.output_item.done", "response.done"] as const)(
    "do not come: %s",
    (event) => {
      const harness = respond({ _tag: "EventMissing", event })
      assert.deepStrictEqual(harness.of(event), [])
      harness.send(create())
      harness.settle()
      assert.strictEqual(harness.of(event).length, 1)
    }
  )

  it("come late, after what followed them", () => {
    const harness = respond({ _tag: "EventLate", event: "response.created", ms: 3_000 })
    const types = harness.types()
    assert.isAbove(types.indexOf("response.created"), types.indexOf("response.done"))
  })

  it("name any item as the one before", () => {
    const harness = respond({ _tag: "PreviousItem", id: "item_nobody_knows" })
    assert.strictEqual(harness.of("conversation.item.added")[0]?.previous_item_id, "item_nobody_knows")
  })

  it("repeat the id of an item", () => {
    const harness = respond(
      { _tag: "ItemIdRepeated", after: "response.output_item.added" },
      { brain: () => ({ parts: [Brain.say(H.clip(300)), Brain.say(H.clip(400))] }) }
    )
    const [first, second] = harness.of("response.output_item.added")
    assert.strictEqual(second?.item.id, first?.item.id)
    assert.strictEqual(H.deltas(harness).length, 700 * 8)
  })
})

describe("audio", () => {
  it.each([0.2, 0.9])("is generated at %d of real time", (speed) => {
    const harness = respond({ _tag: "ResponseSlow", speed }, { brain: () => ({ parts: [Brain.say(H.clip(6_000))] }) })
    const times = audioTimes(harness)
    assert.closeTo((times.at(-1)! - times[0]!) / 6_000, 1 / speed, 0.35 / speed)
  })

  it("comes in bursts", () => {
    const harness = respond({ _tag: "ResponseBursts", everyMs: 700 }, { brain: long })
    const times = audioTimes(harness)
    assert.isAbove(times.length, 20)
    assert.isTrue(times.every((at) => at % 700 === 0))
    assert.isBelow(new Set(times).size, 12)
    assert.strictEqual(H.deltas(harness).length, 160_000)
  })

  it.each([
    [1, 20],
    [24_000, 2],
    [0, 3]
  ])("comes in pieces of %d bytes", (bytes, count) => {
    const harness = respond({ _tag: "ResponseDeltas", bytes, count }, { brain: long })
    const sizes = harness.of("response.output_audio.delta").map(({ delta }) => Base64.decode(delta)?.length)
    assert.deepStrictEqual(
      sizes.slice(0, count),
      Array.from({ length: count }, () => bytes)
    )
    assert.deepStrictEqual(H.deltas(harness), H.clip(20_000).audio)
  })

  it("is the second content part, which can be truncated", () => {
    const harness = respond({ _tag: "ResponseAudioSecond" }, { choices: { partNames: "plain" } })
    assert.deepStrictEqual(
      harness.of("response.content_part.added").map(({ content_index, part }) => [content_index, part.type]),
      [
        [0, "text"],
        [1, "audio"]
      ]
    )
    assert.isTrue(harness.of("response.output_audio.delta").every(({ content_index }) => content_index === 1))
    assert.strictEqual(H.deltas(harness).length, 16_000)
    const item_id = harness.model.items[0]!.id
    harness.send({ type: "conversation.item.truncate", item_id, content_index: 0, audio_end_ms: 500 })
    assert.strictEqual(harness.lastError().param, "item_id")
    harness.send({ type: "conversation.item.truncate", item_id, content_index: 1, audio_end_ms: 500 })
    assert.strictEqual(Conversation.believedMs(harness.model.items[0]!), 500)
  })

  it("does not come: a text instead", () => {
    const harness = respond({ _tag: "ResponseAsText" })
    assert.deepStrictEqual(harness.of("response.output_audio.delta"), [])
    assert.isNotEmpty(harness.of("response.output_text.delta"))
    assert.deepStrictEqual(done(harness).output_modalities, ["text"])
  })
})

describe("stray audio", () => {
  const bytes = 60 * 8

  it("belongs to no item", () => {
    const stray = { _tag: "StrayDelta", of: "unknownItem", ms: 60, after: "response.output_audio.delta" } as const
    const harness = respond(stray)
    const delta = harness.of("response.output_audio.delta")[1]!
    assert.strictEqual(delta.response_id, harness.of("response.created")[0]?.response.id)
    assert.notInclude(
      harness.model.items.map((item) => item.id),
      delta.item_id
    )
    assert.strictEqual(Base64.decode(delta.delta)?.length, bytes)
  })

  it("belongs to no response", () => {
    const harness = H.telephone({ faults: [{ _tag: "StrayDelta", of: "unknownResponse", ms: 60, atMs: 500 }] })
    harness.advance(1_000)
    assert.strictEqual(H.deltas(harness).length, bytes)
  })

  it("belongs to a response that is done", () => {
    const harness = respond({ _tag: "StrayDelta", of: "endedResponse", ms: 60, atMs: 3_000 })
    harness.advance(4_000)
    assert.strictEqual(harness.of("response.output_audio.delta").at(-1)?.response_id, done(harness).id)
    assert.strictEqual(harness.model.items[0]?.content[0]?.type, "output_audio")
    assert.strictEqual(Conversation.generated(harness.model.items[0]!).length, 16_000)
  })

  it("belongs to an item that was deleted", () => {
    const stray = { _tag: "StrayDelta", of: "deletedItem", ms: 60, after: "conversation.item.deleted" } as const
    const harness = respond(stray)
    const item_id = harness.model.items[0]!.id
    harness.send({ type: "conversation.item.delete", item_id })
    assert.strictEqual(harness.events.at(-1)?.type, "response.output_audio.delta")
    assert.strictEqual(harness.of("response.output_audio.delta").at(-1)?.item_id, item_id)
  })
})

describe("function calls", () => {
  const twice = () => ({ parts: [Brain.call("f", "{}", "call_1"), Brain.call("g", "{}", "call_2")] })
  const calls = (harness: H.Harness) =>
    done(harness).output.map((item) => (item.type === "function_call" ? [item.name, item.call_id] : []))

  it("repeat the id of the call before", () => {
    const fault = { _tag: "CallOdd", how: "repeatedId", after: "response.output_item.added" } as const
    assert.deepStrictEqual(calls(respond(fault, { brain: twice })), [
      ["f", "call_1"],
      ["g", "call_1"]
    ])
  })

  it("have no name", () => {
    assert.deepStrictEqual(calls(respond({ _tag: "CallOdd", how: "unnamed" }, { brain: twice })), [
      ["", "call_1"],
      ["g", "call_2"]
    ])
  })

  it("have huge arguments", () => {
    const harness = respond({ _tag: "CallOdd", how: "huge", chars: 100_000 }, { brain: twice })
    assert.strictEqual(harness.of("response.function_call_arguments.done")[0]?.arguments.length, 100_002)
  })

  it("have arguments that are never done", () => {
    const event = "response.function_call_arguments.done"
    const harness = respond({ _tag: "EventMissing", event }, { brain: twice })
    assert.isNotEmpty(harness.of("response.function_call_arguments.delta"))
    assert.strictEqual(harness.of(event).length, 1)
  })
})

describe("what the server does by itself", () => {
  const cut = (choices: SimModel.Options["choices"]) => {
    const harness = running({ brain: long, choices: { lateDeltas: 0, ...choices } }, 4)
    harness.hear(H.talk(300))
    harness.settle()
    return harness
  }

  it("truncates what a turn interrupts at what can have been heard by then", () => {
    const harness = cut({ truncatesItself: true })
    const [truncated] = harness.of("conversation.item.truncated")
    const at = harness.times[harness.types().indexOf("conversation.item.truncated")]!
    const first = audioTimes(harness)[0]!
    const audio = Conversation.outputAudio(harness.model.items[0]!)
    assert.closeTo(truncated!.audio_end_ms, at - first, 1)
    assert.deepInclude(audio, { cutBy: "server", cutAt: at, keptMs: truncated!.audio_end_ms, transcript: null })
    assert.isBelow(truncated!.audio_end_ms, audio!.generatedMs)
  })

  it("lets the client cut shorter, not longer", () => {
    const harness = cut({ truncatesItself: true, truncateLengthCode: null })
    const item = harness.model.items[0]!
    const kept = Conversation.believedMs(item)
    const truncate = (audio_end_ms: number) =>
      harness.send({ type: "conversation.item.truncate", item_id: item.id, content_index: 0, audio_end_ms })
    truncate(kept + 1)
    assert.include(harness.lastError().message, "already shorter")
    truncate(kept - 100)
    assert.deepInclude(Conversation.outputAudio(item), { cutBy: "client", keptMs: kept - 100 })
  })

  it("leaves alone what it cannot know of", () => {
    const harness = cut({ truncatesItself: false })
    assert.deepStrictEqual(harness.of("conversation.item.truncated"), [])
    assert.isNull(Conversation.outputAudio(harness.model.items[0]!)?.keptMs)
  })

  it("has nothing to truncate before audio was sent", () => {
    const harness = H.telephone({ brain: long, choices: { truncatesItself: true } })
    harness.send(create())
    until(harness, "response.content_part.added")
    harness.model.failNext({ _tag: "SpeechImagined", ms: 100 })
    harness.hear(H.silence(20))
    harness.settle()
    assert.strictEqual(harness.of("response.done")[0]?.response.status, "cancelled")
    assert.deepStrictEqual(harness.of("conversation.item.truncated"), [])
  })

  it("truncates an item that cannot have begun to play at 0", () => {
    const parts = [Brain.say(H.clip(3_000)), Brain.say(H.clip(9_000))]
    const harness = H.telephone({ brain: () => ({ parts }), choices: { lateDeltas: 0, truncatesItself: true } })
    harness.send(create())
    until(harness, "response.output_item.done")
    until(harness, "response.output_audio.delta", harness.of("response.output_audio.delta").length + 1)
    harness.hear(H.talk(200))
    const [first, second] = harness.of("conversation.item.truncated")
    assert.isBelow(first!.audio_end_ms, 3_000)
    assert.strictEqual(second?.audio_end_ms, 0)
    assert.strictEqual(harness.of("response.done").length, 1)
  })

  it.each([true, false])("answers a turn that ended while a response was running: %s", (answersBusyTurns) => {
    const turnDetection = { turn_detection: { type: "server_vad", interrupt_response: false } }
    const harness = running({ brain: long, choices: { answersBusyTurns } }, 2, { input: turnDetection })
    harness.hear(H.join(H.talk(300), H.silence(600)))
    harness.settle()
    assert.strictEqual(harness.of("response.created").length, answersBusyTurns ? 2 : 1)
    assert.strictEqual(harness.of("response.done")[0]?.response.status, "completed")
  })

  it.each(["output", "plain"] as const)("names its parts: %s", (partNames) => {
    const harness = running({ choices: { partNames } })
    const name: string = harness.of("response.content_part.added")[0]!.part.type
    assert.strictEqual(name, partNames === "output" ? "output_audio" : "audio")
  })

  it.each([true, false])("tells the phases of a response: %s", (phases) => {
    const parts = [Brain.say(H.clip(300)), Brain.say(H.clip(300))]
    const harness = H.telephone({ brain: () => ({ parts }), choices: { phases } })
    harness.send(create())
    harness.settle()
    const told = done(harness).output.map((item) => ("phase" in item ? item.phase : undefined))
    assert.deepStrictEqual(told, phases ? ["commentary", "final_answer"] : [undefined, undefined])
  })
})
