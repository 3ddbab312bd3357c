/** Responses of the simulated model: the slot, generation, cancellation, tools (protocols.md E.8). */
import { Base64, Brain, G711 } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

const { create, until, done, running } = H

describe("a response", () => {
  it("opens, fills and closes in the order of the protocol", () => {
    const harness = H.telephone({ choices: { conversationItemFirst: false, audioDoneFirst: true, rateLimits: true } })
    const before = harness.events.length
    harness.send(create())
    harness.settle()
    const types = harness.types().slice(before)
    const withoutDeltas = types.filter((type) => !type.endsWith(".delta"))
    assert.deepStrictEqual(withoutDeltas, [
      "response.created",
      "response.output_item.added",
      "conversation.item.added",
      "response.content_part.added",
      "response.output_audio.done",
      "response.output_audio_transcript.done",
      "response.content_part.done",
      "response.output_item.done",
      "conversation.item.done",
      "response.done",
      "rate_limits.updated"
    ])
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])("says every byte of its clip once and in order, seed %d", (seed) => {
    const clip = { audio: H.noise(1777, -20, seed), text: "what is said" }
    const harness = H.telephone({ seed, brain: () => ({ parts: [Brain.say(clip)] }) })
    harness.send(create())
    harness.settle()
    assert.deepStrictEqual(H.deltas(harness), clip.audio)
  })

  it("is faster than real time and not faster than its pace", () => {
    const harness = H.telephone({ brain: () => ({ parts: [Brain.say(H.clip(20_000))] }) })
    harness.send(create())
    harness.settle()
    const at = (type: string) => harness.times[harness.types().indexOf(type)]!
    const generation = at("response.done") - at("response.content_part.added")
    assert.isAtLeast(generation, 20_000 / 6.5)
    assert.isAtMost(generation, 20_000 / 3.5)
  })

  it("sends text ahead of its audio, and all of it", () => {
    const harness = running({}, 1)
    const spoken = () =>
      harness
        .of("response.output_audio_transcript.delta")
        .map((event) => event.delta)
        .join("")
    const share = H.deltas(harness).length / 16_000
    assert.isAbove(spoken().length / "one two three four five six seven eight nine ten".length, share * 0.99)
    harness.settle()
    assert.strictEqual(spoken(), "one two three four five six seven eight nine ten")
    assert.strictEqual(harness.of("response.output_audio_transcript.done")[0]?.transcript, spoken())
  })

  it("converts to the session's output format", () => {
    const harness = H.open()
    harness.send(create())
    harness.settle()
    const pcm = Buffer.from(H.deltas(harness))
    assert.strictEqual(pcm.length, 2000 * 48)
    const clip = H.clip(2000).audio
    for (const i of [7, 500, 9_001]) assert.strictEqual(pcm.readInt16LE(i * 6 + 4), G711.DECODED[clip[i]!])
  })

  it("uses the format that was last echoed", () => {
    const harness = H.open({ pace: { updateMs: [500, 500] } })
    harness.send({ type: "session.update", session: H.TELEPHONY })
    harness.send(create())
    harness.settle()
    assert.deepStrictEqual(done(harness).audio.output.format, { type: "audio/pcm", rate: 24000 })
  })

  it("may say several items", () => {
    const clips = [H.clip(400, "first"), H.clip(600, "second")]
    const harness = H.telephone({ brain: () => ({ parts: clips.map(Brain.say) }) })
    harness.send(create())
    harness.settle()
    const items = done(harness).output
    assert.strictEqual(items.length, 2)
    assert.deepStrictEqual(
      items.map((item) => H.deltas(harness, item.id)),
      clips.map((clip) => clip.audio)
    )
    assert.deepStrictEqual(
      harness.of("response.output_item.added").map((event) => event.output_index),
      [0, 1]
    )
  })

  it("answers in text when asked to", () => {
    const harness = H.telephone()
    harness.send(create({ output_modalities: ["text"] }))
    harness.settle()
    assert.strictEqual(
      harness
        .of("response.output_text.delta")
        .map((event) => event.delta)
        .join(""),
      "one two three four five six seven eight nine ten"
    )
    assert.deepStrictEqual(harness.of("response.output_audio.delta"), [])
  })

  it("gives its metadata back", () => {
    const harness = H.telephone()
    harness.send(create({ metadata: { greeting: "1" } }))
    harness.settle()
    assert.deepStrictEqual(harness.of("response.created")[0]?.response.metadata, { greeting: "1" })
    assert.deepStrictEqual(done(harness).metadata, { greeting: "1" })
  })

  it("gives the brain its own instructions, else the session's", () => {
    const seen: Array<string> = []
    const harness = H.telephone({
      brain: ({ instructions }) => {
        seen.push(instructions)
        return Brain.NOTHING
      }
    })
    harness.send(create({ instructions: "Greet." }))
    harness.settle()
    harness.send(create())
    harness.settle()
    assert.deepStrictEqual(seen, ["Greet.", harness.model.config()?.instructions])
  })

  it("counts audio and text tokens; the cached ones are a part of the input", () => {
    const harness = H.telephone({ brain: () => ({ parts: [Brain.say(H.clip(10_000))] }) })
    for (let i = 0; i < 2; i++) {
      harness.send(create())
      harness.settle()
      harness.hear(H.join(H.talk(660), H.silence(600)))
      harness.settle()
    }
    const usages = harness.of("response.done").map((event) => event.response.usage!)
    assert.strictEqual(usages[0]?.output_token_details.audio_tokens, 200)
    assert.strictEqual(usages[0]?.input_token_details.audio_tokens, 0)
    assert.strictEqual(usages[1]?.input_token_details.audio_tokens, 200 + 12)
    assert.strictEqual(usages[2]?.input_token_details.cached_tokens_details.audio_tokens, 192)
    for (const usage of usages) {
      assert.isAtMost(usage.input_token_details.cached_tokens, usage.input_tokens)
      assert.strictEqual(usage.total_tokens, usage.input_tokens + usage.output_tokens)
      assert.strictEqual(
        usage.input_tokens,
        usage.input_token_details.text_tokens + usage.input_token_details.audio_tokens
      )
    }
  })

  it("stops at max_output_tokens", () => {
    const harness = H.telephone()
    harness.send(create({ max_output_tokens: 10 }))
    harness.settle()
    assert.deepStrictEqual(done(harness).status_details, { type: "incomplete", reason: "max_output_tokens" })
    assert.strictEqual(H.deltas(harness).length, 500 * 8)
    assert.deepInclude(done(harness).output[0], { status: "incomplete" })
  })
})

describe("the response slot", () => {
  it("is taken from the request on: a second create names the running response", () => {
    const harness = H.telephone()
    harness.send(create())
    harness.send(create(undefined, "second"))
    const error = harness.lastError()
    assert.strictEqual(error.code, "conversation_already_has_active_response")
    assert.strictEqual(error.event_id, "second")
    harness.settle()
    assert.include(error.message, done(harness).id)
    assert.strictEqual(harness.of("response.created").length, 1)
  })

  it("is free again after response.done", () => {
    const harness = H.telephone()
    for (let i = 0; i < 2; i++) {
      harness.send(create())
      harness.settle()
    }
    assert.strictEqual(harness.of("response.done").length, 2)
    assert.deepStrictEqual(harness.model.errorsSent, [])
  })

  it("does not concern responses out of band", () => {
    const harness = running()
    const items = harness.model.items.length
    harness.send(
      create({ conversation: "none", metadata: { kind: "summary" }, input: [], output_modalities: ["text"] })
    )
    harness.settle()
    const beside = harness.of("response.done").find((event) => event.response.metadata?.["kind"] === "summary")
    assert.isNull(beside?.response.conversation_id)
    assert.strictEqual(harness.model.items.length, items)
    assert.deepStrictEqual(harness.model.errorsSent, [])
  })

  it("keeps the audio of a response out of band out of the conversation", () => {
    const plan = { parts: [Brain.say(H.clip(500))] }
    const harness = H.telephone({ brain: Brain.scripted([], { outOfBand: plan }) })
    harness.send(create({ conversation: "none" }))
    harness.settle()
    assert.strictEqual(H.deltas(harness).length, 4_000)
    assert.deepStrictEqual(harness.of("conversation.item.added"), [])
  })
})

describe("response.cancel", () => {
  it("finds nothing when nothing runs", () => {
    const harness = H.telephone()
    harness.send({ type: "response.cancel", event_id: "mine" })
    assert.deepInclude(harness.lastError(), { code: "response_cancel_not_active", event_id: "mine" })
  })

  it("finds nothing between create and created, and the response still appears", () => {
    const harness = H.telephone()
    harness.send(create())
    harness.send({ type: "response.cancel" })
    assert.strictEqual(harness.lastError().code, "response_cancel_not_active")
    harness.settle()
    assert.strictEqual(done(harness).status, "completed")
  })

  it.each([0, 1, 3])("lets %d late deltas through, then closes what is open", (lateDeltas) => {
    const harness = running({ choices: { lateDeltas }, brain: () => ({ parts: [Brain.say(H.clip(20_000))] }) })
    const before = harness.events.length
    harness.send({ type: "response.cancel" })
    harness.settle()
    const after = harness.types().slice(before)
    assert.strictEqual(after.filter((type) => type === "response.output_audio.delta").length, lateDeltas)
    assert.deepStrictEqual(after.filter((type) => type.endsWith("done")).sort(), [
      "conversation.item.done",
      "response.content_part.done",
      "response.done",
      "response.output_audio.done",
      "response.output_audio_transcript.done",
      "response.output_item.done"
    ])
    assert.strictEqual(done(harness).status, "cancelled")
    assert.deepStrictEqual(done(harness).status_details, { type: "cancelled", reason: "client_cancelled" })
    assert.strictEqual(harness.model.items[0]?.status, "incomplete")
  })

  it("keeps the slot until response.done", () => {
    const harness = running({ choices: { lateDeltas: 3 }, brain: () => ({ parts: [Brain.say(H.clip(20_000))] }) })
    harness.send({ type: "response.cancel" })
    harness.send(create(undefined, "early"))
    assert.deepInclude(harness.lastError(), { code: "conversation_already_has_active_response", event_id: "early" })
  })

  it("is refused a second time", () => {
    const harness = running({ choices: { lateDeltas: 3 }, brain: () => ({ parts: [Brain.say(H.clip(20_000))] }) })
    harness.send({ type: "response.cancel" })
    harness.send({ type: "response.cancel" })
    assert.strictEqual(harness.lastError().code, "response_cancel_not_active")
  })

  it("names a response", () => {
    const harness = running()
    harness.send({ type: "response.cancel", response_id: "resp_other" })
    assert.strictEqual(harness.lastError().code, "response_cancel_not_active")
    harness.send({ type: "response.cancel", response_id: harness.of("response.created")[0]!.response.id })
    harness.settle()
    assert.strictEqual(done(harness).status, "cancelled")
  })
})

describe("a barge-in", () => {
  const long = () => ({ parts: [Brain.say(H.clip(20_000))] })

  it("cancels the running response: turn_detected", () => {
    const harness = running({ brain: long })
    harness.hear(H.talk(300))
    harness.settle()
    assert.deepStrictEqual(done(harness).status_details, { type: "cancelled", reason: "turn_detected" })
    const types = harness.types()
    assert.isAbove(types.indexOf("response.done"), types.indexOf("input_audio_buffer.speech_started"))
  })

  it("cancels nothing when interrupt_response is false", () => {
    const turnDetection = { turn_detection: { type: "server_vad", interrupt_response: false } }
    const harness = running({ brain: long }, 2, { input: turnDetection })
    harness.hear(H.talk(300))
    harness.settle()
    assert.strictEqual(done(harness).status, "completed")
  })

  it("gets no answer when its turn ends while a response runs on", () => {
    const turnDetection = { turn_detection: { type: "server_vad", interrupt_response: false } }
    const choices = { answersBusyTurns: false }
    const brain = () => ({ parts: [Brain.say(H.clip(60_000))] })
    const harness = running({ brain, choices }, 2, { input: turnDetection })
    harness.hear(H.join(H.talk(300), H.silence(600)))
    harness.settle()
    assert.strictEqual(harness.of("response.created").length, 1)
    assert.isTrue(harness.outputs.some((output) => output._tag === "Trace" && output.trace._tag === "TurnUnanswered"))
  })

  it("ends a response that was only requested as soon as it begins", () => {
    const harness = H.telephone({ pace: { createMs: [300, 300] } })
    harness.send(create())
    harness.hear(H.talk(200))
    harness.settle()
    assert.deepStrictEqual(done(harness).status_details, { type: "cancelled", reason: "turn_detected" })
    assert.deepStrictEqual(done(harness).output, [])
  })

  it("is answered after a response that is still being cancelled", () => {
    const turnDetection = { turn_detection: { type: "server_vad", silence_duration_ms: 0 } }
    const harness = running({ brain: long, choices: { lateDeltas: 4 } }, 2, { input: turnDetection })
    harness.send({ type: "input_audio_buffer.append", audio: Base64.encode(H.join(H.talk(100), H.silence(200))) })
    harness.settle()
    const types = harness.types()
    assert.strictEqual(harness.of("response.created").length, 2)
    assert.isBelow(types.indexOf("response.done"), types.lastIndexOf("response.created"))
  })
})

describe("tools", () => {
  const offer = (harness: H.Harness) => {
    const tools = [
      { type: "function", name: "end_call", description: "Ends the call.", parameters: { type: "object" } }
    ]
    harness.send({ type: "session.update", session: { type: "realtime", tools } })
  }

  it.each(['{"a":1,"b":"two words"}', '{"a":', ""])("calls a function with the arguments %j", (args) => {
    const harness = H.telephone({ brain: () => ({ parts: [Brain.call("f", args, "call_1")] }) })
    harness.send(create())
    harness.settle()
    assert.strictEqual(
      harness
        .of("response.function_call_arguments.delta")
        .map((event) => event.delta)
        .join(""),
      args
    )
    assert.deepInclude(harness.of("response.function_call_arguments.done")[0], {
      call_id: "call_1",
      name: "f",
      arguments: args
    })
    assert.deepInclude(done(harness).output[0], { type: "function_call", status: "completed", arguments: args })
  })

  it("closes a call that was cut, with the arguments so far", () => {
    const harness = H.telephone({
      choices: { lateDeltas: 0 },
      brain: () => ({ parts: [Brain.call("f", "x".repeat(400))] })
    })
    harness.send(create())
    until(harness, "response.function_call_arguments.delta", 3)
    harness.send({ type: "response.cancel" })
    harness.settle()
    const sent = harness
      .of("response.function_call_arguments.delta")
      .map((event) => event.delta)
      .join("")
    assert.strictEqual(harness.of("response.function_call_arguments.done")[0]?.arguments, sent)
    assert.deepInclude(done(harness).output[0], { status: "incomplete", arguments: sent })
  })

  it("speaks and calls in one response", () => {
    const harness = H.telephone({
      brain: () => ({ parts: [Brain.say(H.clip(300)), Brain.call("a", "{}"), Brain.call("b", "{}")] })
    })
    harness.send(create())
    harness.settle()
    assert.deepStrictEqual(
      done(harness).output.map((item) => item.type),
      ["message", "function_call", "function_call"]
    )
  })

  it("in conversation: greets, answers turn by turn, says goodbye and ends the call", () => {
    const talk = { greeting: H.clip(300, "hello"), answers: [H.clip(300, "noon")], goodbye: H.clip(300, "bye") }
    const harness = H.telephone({ brain: Brain.conversation(talk) })
    offer(harness)
    harness.send(create({ instructions: "Greet the caller." }))
    harness.settle()
    for (let i = 0; i < 2; i++) {
      harness.hear(H.join(H.talk(660), H.silence(700)))
      harness.settle()
    }
    assert.deepStrictEqual(
      harness.of("response.output_audio_transcript.done").map((event) => event.transcript),
      ["hello", "noon", "bye"]
    )
    const call = done(harness).output.at(-1)!
    assert.deepInclude(call, { type: "function_call", name: "end_call" })
    const callId = call.type === "function_call" ? call.call_id : ""
    harness.send({
      type: "conversation.item.create",
      item: { type: "function_call_output", call_id: callId, output: "{}" }
    })
    harness.send(create())
    harness.settle()
    assert.deepStrictEqual(done(harness).output, [])
    assert.deepStrictEqual(harness.model.errorsSent, [])
  })

  it("in conversation: does not call what is not offered", () => {
    const talk = { greeting: H.clip(300), answers: [], goodbye: H.clip(300) }
    const harness = H.telephone({ brain: Brain.conversation(talk) })
    harness.hear(H.join(H.talk(660), H.silence(700)))
    harness.settle()
    assert.deepStrictEqual(
      done(harness).output.map((item) => item.type),
      ["message"]
    )
  })
})
