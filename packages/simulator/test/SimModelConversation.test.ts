/** Items and turns of the simulated model: create, delete, retrieve, truncate, and what it hears (protocols.md E.7, E.8). */
import { Base64, Brain, Conversation } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

const userText = (text: string, id?: string) => ({
  type: "message",
  role: "user",
  content: [{ type: "input_text", text }],
  ...(id === undefined ? {} : { id })
})

const create = (item: object, previous?: string) => ({
  type: "conversation.item.create",
  event_id: "mine",
  item,
  ...(previous === undefined ? {} : { previous_item_id: previous })
})

const refuses = (harness: H.Harness, event: object, code: string | null, param: string | null) => {
  const before = harness.events.length
  harness.send(event)
  assert.deepStrictEqual(harness.types().slice(before), ["error"])
  assert.deepStrictEqual([harness.lastError().code, harness.lastError().param], [code, param])
}

/** A session in which the model has said 2,000 ms. */
const answered = (choices: object = {}) => {
  const harness = H.telephone({ choices: { truncateToZero: true, ...choices } })
  harness.send({ type: "response.create" })
  harness.settle()
  return { harness, itemId: harness.model.items[0]!.id }
}

const truncate = (item_id: string, audio_end_ms: number, content_index = 0) => ({
  type: "conversation.item.truncate",
  item_id,
  content_index,
  audio_end_ms
})

describe("conversation.item.create", () => {
  it.each([
    ["a system text", { type: "message", role: "system", content: [{ type: "input_text", text: "hi" }] }],
    ["a user text", userText("hi")],
    [
      "a user audio",
      { type: "message", role: "user", content: [{ type: "input_audio", audio: H.SILENT_FRAME, transcript: "x" }] }
    ],
    [
      "an image",
      { type: "message", role: "user", content: [{ type: "input_image", image_url: "data:image/png;base64,AA==" }] }
    ],
    ["an assistant text", { type: "message", role: "assistant", content: [{ type: "output_text", text: "hi" }] }],
    ["a function call", { type: "function_call", name: "f", call_id: "call_1", arguments: "{}" }],
    ["an approval", { type: "mcp_approval_response", id: "a", approval_request_id: "b", approve: true }]
  ])("adds %s, without a response", (_, item) => {
    const harness = H.telephone()
    const before = harness.events.length
    harness.send(create(item))
    harness.settle()
    assert.deepStrictEqual(harness.types().slice(before), ["conversation.item.added", "conversation.item.done"])
  })

  it.each([
    [
      "assistant audio",
      { type: "message", role: "assistant", content: [{ type: "output_audio", audio: "" }] },
      "item.content[0].type"
    ],
    [
      "beta's assistant text",
      { type: "message", role: "assistant", content: [{ type: "text", text: "" }] },
      "item.content[0].type"
    ],
    [
      "a user's output text",
      { type: "message", role: "user", content: [{ type: "output_text", text: "" }] },
      "item.content[0].type"
    ],
    ["an unknown type", { type: "note" }, "item.type"],
    [
      "audio that is not base64",
      { type: "message", role: "user", content: [{ type: "input_audio", audio: "*" }] },
      "item.content[0].audio"
    ]
  ])("refuses %s", (_, item, param) => refuses(H.telephone(), create(item), "invalid_value", param))

  it("places items at the end, after another, and first", () => {
    const harness = H.telephone()
    harness.send(create(userText("1", "one")))
    harness.send(create(userText("2", "two")))
    harness.send(create(userText("3", "three"), "one"))
    harness.send(create(userText("4", "four"), "root"))
    assert.deepStrictEqual(
      harness.model.items.map((item) => item.id),
      ["four", "one", "three", "two"]
    )
    assert.deepStrictEqual(
      harness.of("conversation.item.added").map((event) => event.previous_item_id),
      [null, "one", "one", null]
    )
  })

  it("refuses an unknown previous item and a used id", () => {
    const harness = H.telephone()
    refuses(harness, create(userText("x"), "nowhere"), "invalid_value", "previous_item_id")
    harness.send(create(userText("1", "one")))
    refuses(harness, create(userText("1", "one")), "invalid_value", "item.id")
  })

  it("takes the output of a call once", () => {
    const harness = H.telephone({ brain: () => ({ parts: [Brain.call("f", "{}", "call_1")] }) })
    const output = create({ type: "function_call_output", call_id: "call_1", output: "" })
    refuses(harness, output, "invalid_value", "item.call_id")
    harness.send({ type: "response.create" })
    harness.settle()
    harness.send(output)
    assert.strictEqual(harness.events.at(-1)?.type, "conversation.item.done")
    refuses(harness, output, "invalid_value", "item.call_id")
  })
})

describe("conversation.item.delete and retrieve", () => {
  it("deletes an item once", () => {
    const { harness, itemId } = answered()
    harness.send({ type: "conversation.item.delete", item_id: itemId })
    assert.strictEqual(harness.events.at(-1)?.type, "conversation.item.deleted")
    assert.isTrue(harness.model.items[0]?.deleted)
    refuses(harness, { type: "conversation.item.delete", item_id: itemId }, "item_delete_invalid_item_id", "item_id")
  })

  it("names the item before a new one as if the deleted were not there", () => {
    const { harness, itemId } = answered()
    harness.send({ type: "conversation.item.delete", item_id: itemId })
    harness.send(create(userText("hi")))
    assert.isNull(harness.of("conversation.item.added").at(-1)?.previous_item_id)
  })

  it("retrieves the audio that is remembered", () => {
    const { harness, itemId } = answered()
    harness.send(truncate(itemId, 1234))
    harness.send({ type: "conversation.item.retrieve", item_id: itemId })
    const item = harness.of("conversation.item.retrieved")[0]?.item
    const part = item?.type === "message" ? item.content[0] : undefined
    assert.strictEqual(part?.type, "output_audio")
    const audio = Base64.decode((part as { readonly audio: string }).audio)
    assert.deepStrictEqual(audio, H.deltas(harness).slice(0, 1234 * 8))
  })

  it("refuses what does not exist", () => {
    const harness = H.telephone()
    refuses(harness, { type: "conversation.item.retrieve", item_id: "x" }, "item_retrieve_invalid_item_id", "item_id")
    refuses(harness, truncate("x", 0), "item_truncate_invalid_item_id", "item_id")
  })
})

describe("conversation.item.truncate", () => {
  it("cuts what the model remembers and deletes the transcript", () => {
    const { harness, itemId } = answered()
    harness.send(truncate(itemId, 700))
    const [event] = harness.of("conversation.item.truncated")
    assert.deepInclude(event, { item_id: itemId, content_index: 0, audio_end_ms: 700 })
    const audio = Conversation.outputAudio(harness.model.items[0]!)!
    assert.deepInclude(audio, { generatedMs: 2000, keptMs: 700, transcript: null })
    assert.strictEqual(audio.spoken, "one two three four five six seven eight nine ten")
  })

  it("takes the whole length, and not a ms more", () => {
    const { harness, itemId } = answered({ truncateLengthCode: null })
    refuses(harness, truncate(itemId, 2001), null, null)
    assert.strictEqual(harness.lastError().message, "Audio content of 2000ms is already shorter than 2001ms")
    harness.send(truncate(itemId, 2000))
    assert.strictEqual(harness.events.at(-1)?.type, "conversation.item.truncated")
  })

  it("measures a second cut against the first", () => {
    const { harness, itemId } = answered()
    harness.send(truncate(itemId, 700))
    harness.send(truncate(itemId, 701))
    assert.strictEqual(harness.lastError().message, "Audio content of 700ms is already shorter than 701ms")
  })

  it.each([
    [true, "conversation.item.truncated"],
    [false, "error"]
  ])("truncates to 0 ms: %s", (truncateToZero, type) => {
    const { harness, itemId } = answered({ truncateToZero })
    harness.send(truncate(itemId, 0))
    assert.strictEqual(harness.events.at(-1)?.type, type)
  })

  it("refuses text, user items and content that is not there", () => {
    const { harness, itemId } = answered()
    harness.send(create(userText("hi", "user")))
    harness.send(
      create({ type: "message", role: "assistant", id: "text", content: [{ type: "output_text", text: "x" }] })
    )
    refuses(harness, truncate("user", 0), "invalid_value", "item_id")
    refuses(harness, truncate("text", 0), "invalid_value", "item_id")
    refuses(harness, truncate(itemId, 0, 1), "invalid_value", "content_index")
  })

  it.each([
    [true, "conversation.item.truncated"],
    [false, "error"]
  ])("edits an item before its response is done: %s", (editBeforeDone, type) => {
    const harness = H.telephone({ choices: { editBeforeDone } })
    harness.send({ type: "response.create" })
    while (harness.of("response.output_audio.delta").length === 0) harness.advance(10)
    harness.send(truncate(harness.model.items[0]!.id, 1))
    assert.strictEqual(harness.events.at(-1)?.type, type)
  })

  it("knows only the audio sent so far", () => {
    const harness = H.telephone({ choices: { editBeforeDone: true } })
    harness.send({ type: "response.create" })
    while (harness.of("response.output_audio.delta").length === 0) harness.advance(10)
    const sent = Math.floor(H.deltas(harness).length / 8)
    harness.send(truncate(harness.model.items[0]!.id, sent + 1))
    assert.strictEqual(harness.lastError().message, `Audio content of ${sent}ms is already shorter than ${sent + 1}ms`)
  })
})

describe("a turn of the caller", () => {
  const turn = (harness: H.Harness) => {
    const before = harness.events.length
    harness.hear(H.join(H.silence(1000), H.talk(660), H.silence(600)))
    return before
  }

  it("is told in the order of the protocol, and answered", () => {
    const harness = H.telephone()
    const before = turn(harness)
    harness.settle()
    assert.deepStrictEqual(harness.types().slice(before, before + 6), [
      "input_audio_buffer.speech_started",
      "input_audio_buffer.speech_stopped",
      "input_audio_buffer.committed",
      "conversation.item.added",
      "conversation.item.done",
      "response.created"
    ])
    assert.strictEqual(harness.of("response.done")[0]?.response.status, "completed")
  })

  it("counts audio written, with prefix padding and silence included", () => {
    const harness = H.telephone()
    harness.advance(5_000)
    turn(harness)
    assert.strictEqual(harness.of("input_audio_buffer.speech_started")[0]?.audio_start_ms, 700)
    assert.strictEqual(harness.of("input_audio_buffer.speech_stopped")[0]?.audio_end_ms, 2160)
  })

  it("is one user item holding exactly the bytes between start and end", () => {
    const harness = H.telephone()
    turn(harness)
    const [item] = harness.model.items
    const part = item?.content[0]
    assert.strictEqual(item?.id, harness.of("input_audio_buffer.speech_started")[0]?.item_id)
    assert.deepStrictEqual(
      part?.type === "input_audio" ? part.audio : undefined,
      harness.model.received.bytes(700 * 8, 2160 * 8)
    )
  })

  it("is not answered when create_response is false", () => {
    const harness = H.telephone({}, { input: { turn_detection: { type: "server_vad", create_response: false } } })
    turn(harness)
    harness.settle()
    assert.strictEqual(harness.of("input_audio_buffer.committed").length, 1)
    assert.deepStrictEqual(harness.of("response.created"), [])
  })

  it("is not noticed without turn detection", () => {
    const harness = H.telephone({}, { input: { turn_detection: null } })
    const before = turn(harness)
    assert.strictEqual(harness.events.length, before)
  })

  it("waits as long as the session says", () => {
    const harness = H.telephone(
      {},
      { input: { turn_detection: { type: "server_vad", silence_duration_ms: 200, prefix_padding_ms: 0 } } }
    )
    turn(harness)
    assert.strictEqual(harness.of("input_audio_buffer.speech_started")[0]?.audio_start_ms, 1000)
    assert.strictEqual(harness.of("input_audio_buffer.speech_stopped")[0]?.audio_end_ms, 1860)
  })

  it.each([
    ["high", 250],
    ["auto", 500],
    ["low", 1000]
  ] as const)("semantic_vad, %s: waits %d ms after a sentence", (eagerness, wait) => {
    const harness = H.telephone({}, { input: { turn_detection: { type: "semantic_vad", eagerness } } })
    harness.hear(H.join(H.talk(2100), H.silence(2000)))
    assert.strictEqual(harness.of("input_audio_buffer.speech_stopped")[0]?.audio_end_ms, 2100 + wait)
  })

  it("is heard in a backlog that arrives at once", () => {
    const harness = H.telephone()
    const audio = H.join(H.talk(660), H.silence(900), H.talk(660), H.silence(900))
    harness.send({ type: "input_audio_buffer.append", audio: Base64.encode(audio) })
    assert.strictEqual(harness.of("input_audio_buffer.speech_stopped").length, 2)
  })

  it("is transcribed after a while, possibly when the answer has begun", () => {
    const harness = H.telephone(
      { transcribe: () => "What time do you open?", pace: { transcriptionMs: [800, 800] } },
      { input: { transcription: { model: "gpt-transcribe" } } }
    )
    turn(harness)
    harness.settle()
    const types = harness.types()
    const completed = types.indexOf("conversation.item.input_audio_transcription.completed")
    assert.isAbove(completed, types.indexOf("response.created"))
    assert.strictEqual(
      harness
        .of("conversation.item.input_audio_transcription.delta")
        .map((event) => event.delta)
        .join(""),
      "What time do you open?"
    )
    const part = harness.model.items[0]?.content[0]
    assert.strictEqual(part?.type === "input_audio" ? part.transcript : null, "What time do you open?")
  })

  it("is described by its length when nobody transcribes", () => {
    const harness = H.telephone({}, { input: { transcription: { model: "whisper-1" } } })
    turn(harness)
    harness.settle()
    const [event] = harness.of("conversation.item.input_audio_transcription.completed")
    assert.strictEqual(event?.transcript, "(speech 1.5 s)")
    assert.deepStrictEqual(event?.usage, { type: "duration", seconds: 2 })
  })

  it("asks again after idle_timeout_ms without speech", () => {
    const harness = H.telephone({}, { input: { turn_detection: { type: "server_vad", idle_timeout_ms: 5000 } } })
    harness.send({ type: "response.create" })
    for (let i = 0; i < 6; i++) harness.hear(H.silence(1000))
    assert.deepStrictEqual(harness.of("input_audio_buffer.timeout_triggered"), [])
    for (let i = 0; i < 4; i++) harness.hear(H.silence(1000))
    assert.strictEqual(harness.of("input_audio_buffer.timeout_triggered").length, 1)
    assert.strictEqual(harness.of("response.created").length, 2)
  })
})
