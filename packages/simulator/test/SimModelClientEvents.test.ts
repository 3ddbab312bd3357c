/** What the simulated model refuses, and that a refusal changes nothing (protocols.md E.2, E.4, E.9). */
import { Base64 } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

const refused = (harness: H.Harness, event: object | string) => {
  const before = harness.events.length
  const config = JSON.stringify(harness.model.config())
  const items = harness.model.items.length
  if (typeof event === "string") harness.text(event)
  else harness.send(event)
  harness.advance(200)
  assert.strictEqual(harness.events.length, before + 1, `exactly one answer: ${harness.types().slice(before).join()}`)
  assert.strictEqual(harness.events.at(-1)?.type, "error")
  assert.strictEqual(JSON.stringify(harness.model.config()), config)
  assert.strictEqual(harness.model.items.length, items)
  return harness.lastError()
}

const update = (session: object) => ({
  type: "session.update",
  event_id: "mine",
  session: { type: "realtime", ...session }
})

describe("client events", () => {
  it.each([
    ["{", "invalid_json", null],
    ["[]", "invalid_type", null],
    ["null", "invalid_type", null],
    ["{}", "missing_required_parameter", "type"],
    ['{"type":"response.creat"}', "invalid_value", "type"],
    ['{"type":7}', "invalid_type", "type"],
    ['{"type":"__proto__"}', "invalid_value", "type"],
    ['{"type":"input_audio_buffer.commit","force":true}', "unknown_parameter", "force"],
    ['{"type":"input_audio_buffer.append"}', "missing_required_parameter", "audio"],
    ['{"type":"input_audio_buffer.append","audio":3}', "invalid_type", "audio"],
    ['{"type":"input_audio_buffer.append","audio":"not base64!"}', "invalid_value", "audio"],
    ['{"type":"response.create","event_id":5}', "invalid_type", "event_id"],
    [
      '{"type":"conversation.item.truncate","item_id":"a","content_index":0,"audio_end_ms":1.5}',
      "invalid_type",
      "audio_end_ms"
    ],
    [
      '{"type":"conversation.item.truncate","item_id":"a","content_index":0,"audio_end_ms":-1}',
      "integer_below_min_value",
      "audio_end_ms"
    ],
    [
      '{"type":"conversation.item.truncate","item_id":"a","audio_end_ms":1}',
      "missing_required_parameter",
      "content_index"
    ],
    ['{"type":"output_audio_buffer.clear"}', "invalid_value", "type"]
  ])("refuses %s", (text, code, param) => {
    const error = refused(H.telephone(), text)
    assert.deepStrictEqual([error.code, error.param], [code, param])
  })

  it("echoes the client's event_id in the error", () => {
    const error = refused(H.telephone(), { type: "response.cancel", event_id: "event_mine" })
    assert.strictEqual(error.event_id, "event_mine")
  })

  it("says null for the event_id of what cannot be parsed", () => {
    assert.isNull(refused(H.telephone(), "{").event_id)
  })

  it("refuses binary messages", () => {
    const { model } = H.telephone()
    const [output] = model.handle({ _tag: "BinaryReceived", at: 100 })
    assert.strictEqual(output?._tag === "Trace" ? output.trace._tag : "", "Rejected")
    assert.strictEqual(model.errorsSent.length, 1)
  })

  it("refuses more than 15 MiB of audio in one append", () => {
    const harness = H.telephone()
    const error = refused(harness, {
      type: "input_audio_buffer.append",
      audio: "/".repeat(((15 * 1024 * 1024) / 3) * 4 + 4)
    })
    assert.strictEqual(error.param, "audio")
    assert.strictEqual(harness.model.received.length(), 0)
  })

  it("keeps no byte of audio that is not base64", () => {
    const harness = H.telephone()
    refused(harness, { type: "input_audio_buffer.append", audio: `${H.SILENT_FRAME.slice(0, 100)}####` })
    assert.strictEqual(harness.model.received.length(), 0)
  })
})

describe("session.update", () => {
  it.each([
    ["no session", { type: "session.update" }, "missing_required_parameter", "session"],
    [
      "no type",
      { type: "session.update", session: { instructions: "x" } },
      "missing_required_parameter",
      "session.type"
    ],
    [
      "a transcription session",
      { type: "session.update", session: { type: "transcription" } },
      "invalid_value",
      "session.type"
    ],
    ["beta's modalities", update({ modalities: ["audio"] }), "unknown_parameter", "session.modalities"],
    ["beta's turn_detection", update({ turn_detection: null }), "unknown_parameter", "session.turn_detection"],
    ["beta's format", update({ input_audio_format: "g711_ulaw" }), "unknown_parameter", "session.input_audio_format"],
    ["temperature", update({ temperature: 0.8 }), "unknown_parameter", "session.temperature"],
    ["both modalities", update({ output_modalities: ["audio", "text"] }), "invalid_value", "session.output_modalities"],
    [
      "pcm without rate",
      update({ audio: { output: { format: { type: "audio/pcm" } } } }),
      "missing_required_parameter",
      "session.audio.output.format.rate"
    ],
    [
      "pcm at 16 kHz",
      update({ audio: { output: { format: { type: "audio/pcm", rate: 16000 } } } }),
      "invalid_value",
      "session.audio.output.format.rate"
    ],
    [
      "pcmu with rate",
      update({ audio: { input: { format: { type: "audio/pcmu", rate: 8000 } } } }),
      "unknown_parameter",
      "session.audio.input.format.rate"
    ],
    [
      "a format by name",
      update({ audio: { input: { format: "audio/pcmu" } } }),
      "invalid_type",
      "session.audio.input.format"
    ],
    [
      "an unknown voice",
      update({ audio: { output: { voice: "bob" } } }),
      "invalid_value",
      "session.audio.output.voice"
    ],
    ["speed 2", update({ audio: { output: { speed: 2 } } }), "decimal_above_max_value", "session.audio.output.speed"],
    [
      "a threshold for semantic_vad",
      update({ audio: { input: { turn_detection: { type: "semantic_vad", threshold: 0.5 } } } }),
      "unknown_parameter",
      "session.audio.input.turn_detection.threshold"
    ],
    [
      "silence in text",
      update({ audio: { input: { turn_detection: { type: "server_vad", silence_duration_ms: "500" } } } }),
      "invalid_type",
      "session.audio.input.turn_detection.silence_duration_ms"
    ],
    [
      "a description of 1,025 characters",
      update({ tools: [{ type: "function", name: "f", description: "x".repeat(1025) }] }),
      "string_above_max_length",
      "session.tools[0].description"
    ],
    [
      "a nested function",
      update({ tools: [{ type: "function", name: "f", function: {} }] }),
      "unknown_parameter",
      "session.tools[0].function"
    ],
    [
      "strict",
      update({ tools: [{ type: "function", name: "f", strict: true }] }),
      "unknown_parameter",
      "session.tools[0].strict"
    ],
    ["0 output tokens", update({ max_output_tokens: 0 }), "integer_below_min_value", "session.max_output_tokens"],
    ["another model", update({ model: "gpt-realtime-1.5" }), "invalid_value", "session.model"],
    ["instructions null", update({ instructions: null }), "invalid_type", "session.instructions"],
    [
      "an MCP server without an address",
      update({ tools: [{ type: "mcp", server_label: "m" }] }),
      "missing_required_parameter",
      "session.tools[0].server_url"
    ],
    [
      "keywords for a model that takes none",
      update({ audio: { input: { transcription: { model: "whisper-1", keywords: ["Luigi"] } } } }),
      "invalid_value",
      "session.audio.input.transcription.keywords"
    ],
    [
      "several languages for a model that takes one",
      update({ audio: { input: { transcription: { model: "gpt-4o-transcribe", languages: ["en", "it"] } } } }),
      "invalid_value",
      "session.audio.input.transcription.languages"
    ],
    [
      "a delay for another model",
      update({ audio: { input: { transcription: { model: "gpt-transcribe", delay: "low" } } } }),
      "invalid_value",
      "session.audio.input.transcription.delay"
    ],
    [
      "a prompt for gpt-realtime-whisper",
      update({
        audio: { input: { transcription: { model: "gpt-realtime-whisper", prompt: "x" }, turn_detection: null } }
      }),
      "invalid_value",
      "session.audio.input.transcription.prompt"
    ],
    [
      "gpt-realtime-whisper beside turn detection",
      update({ audio: { input: { transcription: { model: "gpt-realtime-whisper" } } } }),
      "invalid_value",
      "session.audio.input.turn_detection"
    ]
  ])("refuses %s", (_, event, code, param) => {
    const error = refused(H.telephone(), event)
    assert.deepStrictEqual([error.code, error.param], [code, param])
  })

  it("rejects the whole update for one wrong field", () => {
    const harness = H.telephone()
    refused(harness, update({ instructions: "new", audio: { output: { voice: "bob" } } }))
    assert.notStrictEqual(harness.model.config()?.instructions, "new")
  })

  it("refuses reasoning on a model that does not reason", () => {
    const harness = H.open({}, { model: "gpt-realtime-1.5" })
    assert.strictEqual(refused(harness, update({ reasoning: { effort: "low" } })).param, "session.reasoning")
  })

  it("echoes the full effective configuration", () => {
    const harness = H.open({ epochMs: 1_000_000 })
    harness.send(update({ instructions: "Be brief.", audio: { input: { format: { type: "audio/pcmu" } } } }))
    harness.advance(100)
    const [created] = harness.of("session.created")
    const [updated] = harness.of("session.updated")
    assert.deepStrictEqual(updated?.session, {
      ...created!.session,
      instructions: "Be brief.",
      audio: { ...created!.session.audio, input: { ...created!.session.audio.input, format: { type: "audio/pcmu" } } }
    })
    assert.strictEqual(updated?.session.expires_at, 1_000 + 3_600)
    assert.match(updated?.session.id ?? "", /^sess_/)
    assert.deepStrictEqual(updated?.session.audio.output.format, { type: "audio/pcm", rate: 24000 })
  })

  it("merges turn detection of the same type and starts another from its defaults", () => {
    const harness = H.telephone()
    const turnDetection = () => harness.model.config()?.audio.input.turn_detection
    harness.send(update({ audio: { input: { turn_detection: { type: "server_vad", silence_duration_ms: 700 } } } }))
    harness.send(update({ audio: { input: { turn_detection: { type: "server_vad", interrupt_response: false } } } }))
    assert.deepInclude(turnDetection(), { silence_duration_ms: 700, interrupt_response: false, threshold: 0.5 })
    harness.send(update({ audio: { input: { turn_detection: { type: "semantic_vad" } } } }))
    assert.deepStrictEqual(turnDetection(), {
      type: "semantic_vad",
      eagerness: "auto",
      create_response: true,
      interrupt_response: true
    })
    harness.send(update({ audio: { input: { turn_detection: null } } }))
    assert.isNull(turnDetection())
    assert.deepStrictEqual(harness.model.errorsSent, [])
  })

  it("locks the voice once the model has spoken, but takes the same voice again", () => {
    const harness = H.telephone()
    harness.send(update({ audio: { output: { voice: "marin" } } }))
    harness.send({ type: "response.create" })
    harness.settle()
    harness.send(update({ audio: { output: { voice: "marin" } } }))
    harness.advance(100)
    assert.deepStrictEqual(harness.model.errorsSent, [])
    const error = refused(harness, update({ audio: { output: { voice: "cedar" } } }))
    assert.strictEqual(error.code, "cannot_update_voice")
  })

  it("changes the speed between turns only", () => {
    const harness = H.telephone()
    const fast = update({ audio: { output: { speed: 1.2 } } })
    harness.send(H.create())
    H.until(harness, "response.output_audio.delta")
    harness.send(fast)
    assert.deepStrictEqual(
      [harness.lastError().code, harness.lastError().param],
      ["invalid_value", "session.audio.output.speed"]
    )
    harness.settle()
    harness.send(fast)
    harness.settle()
    assert.strictEqual(harness.model.config().audio.output.speed, 1.2)
  })

  it("refuses to change tracing once it is on", () => {
    const harness = H.telephone()
    harness.send(update({ tracing: "auto" }))
    harness.advance(100)
    assert.strictEqual(refused(harness, update({ tracing: null })).param, "session.tracing")
  })
})

describe("response.create, fields", () => {
  const create = (response: object) => ({ type: "response.create", event_id: "mine", response })
  const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, "v"]))

  it.each([
    ["17 pairs of metadata", create({ metadata: pairs(17) }), "object_above_max_properties", "response.metadata"],
    ["a number in metadata", create({ metadata: { a: 1 } }), "invalid_type", "response.metadata.a"],
    ["a value of 513", create({ metadata: { a: "x".repeat(513) } }), "string_above_max_length", "response.metadata.a"],
    [
      "a key of 65",
      create({ metadata: { ["k".repeat(65)]: "x" } }),
      "invalid_value",
      `response.metadata.${"k".repeat(65)}`
    ],
    ["beta's modalities", create({ modalities: ["audio"] }), "unknown_parameter", "response.modalities"],
    ["another conversation", create({ conversation: "conv_1" }), "invalid_value", "response.conversation"],
    [
      "an unknown reference",
      create({ input: [{ type: "item_reference", id: "item_x" }] }),
      "invalid_value",
      "response.input[0].id"
    ]
  ])("refuses %s", (_, event, code, param) => {
    const error = refused(H.telephone(), event)
    assert.deepStrictEqual([error.code, error.param, error.event_id], [code, param, "mine"])
  })
})

describe("input_audio_buffer", () => {
  const append = (bytes: number) => ({
    type: "input_audio_buffer.append",
    audio: Base64.encode(new Uint8Array(bytes).fill(255))
  })

  it("refuses to commit less than 100 ms", () => {
    const harness = H.telephone()
    harness.send(append(99 * 8))
    const error = refused(harness, { type: "input_audio_buffer.commit" })
    assert.strictEqual(error.code, "input_audio_buffer_commit_empty")
    assert.include(error.message, "99.00ms")
  })

  it("commits 100 ms as a user item without creating a response", () => {
    const harness = H.telephone()
    const before = harness.events.length
    harness.send(append(800))
    harness.send({ type: "input_audio_buffer.commit" })
    harness.settle()
    assert.deepStrictEqual(harness.types().slice(before), [
      "input_audio_buffer.committed",
      "conversation.item.added",
      "conversation.item.done"
    ])
    const part = harness.model.items[0]?.content[0]
    assert.strictEqual(part?.type === "input_audio" ? part.audio.length : 0, 800)
  })

  it("forgets what was cleared", () => {
    const harness = H.telephone()
    harness.send(append(800))
    harness.send({ type: "input_audio_buffer.clear" })
    assert.strictEqual(harness.events.at(-1)?.type, "input_audio_buffer.cleared")
    assert.strictEqual(refused(harness, { type: "input_audio_buffer.commit" }).code, "input_audio_buffer_commit_empty")
  })

  it("keeps every appended byte in order, with its time", () => {
    const harness = H.telephone()
    const audio = H.join(H.talk(400), H.noise(333, -50), H.silence(100))
    const start = harness.now()
    harness.hear(audio)
    assert.deepStrictEqual(harness.model.received.bytes(), audio)
    const { pieces } = harness.model.received
    assert.deepStrictEqual([pieces.at(1), pieces.end(1)], [start + 40, 320])
  })
})
