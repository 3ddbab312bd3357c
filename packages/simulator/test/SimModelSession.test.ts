/** The life of a session of the simulated model, and what goes wrong in it (protocols.md E.3, E.9). */
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

const { create, done, running } = H

describe("faults", () => {
  it("fails a response in the middle of its audio", () => {
    const harness = H.telephone({ faults: [{ _tag: "ResponseFailed", code: "insufficient_quota", part: 0.25 }] })
    harness.send(create())
    harness.settle()
    assert.strictEqual(done(harness).status, "failed")
    assert.strictEqual(done(harness).status_details?.error?.code, "insufficient_quota")
    assert.strictEqual(H.deltas(harness).length, 4_000)
    assert.deepStrictEqual(harness.of("error"), [])
  })

  it("fails a response without announcing it", () => {
    const harness = H.telephone({
      faults: [{ _tag: "ResponseFailed", code: "rate_limit_exceeded", unannounced: true }]
    })
    harness.send(create())
    harness.settle()
    assert.deepStrictEqual(harness.of("response.created"), [])
    assert.strictEqual(done(harness).status, "failed")
  })

  it("leaves a response incomplete", () => {
    const harness = H.telephone({ faults: [{ _tag: "ResponseIncomplete", reason: "content_filter", part: 0.5 }] })
    harness.send(create())
    harness.settle()
    assert.deepStrictEqual(done(harness).status_details, { type: "incomplete", reason: "content_filter" })
    assert.strictEqual(H.deltas(harness).length, 8_000)
  })

  it("generates slower than real time", () => {
    const harness = H.telephone({ faults: [{ _tag: "ResponseSlow", speed: 0.5 }] })
    harness.send(create())
    harness.advance(2500)
    assert.isBelow(H.deltas(harness).length, 2500 * 8)
    assert.deepStrictEqual(harness.of("response.done"), [])
  })

  it("never answers a response.create, once", () => {
    const harness = H.telephone({ faults: [{ _tag: "ResponseIgnored" }] })
    const before = harness.events.length
    harness.send(create())
    harness.settle()
    assert.strictEqual(harness.events.length, before)
    harness.send(create())
    harness.settle()
    assert.strictEqual(done(harness).status, "completed")
  })

  it("never echoes a session.update", () => {
    const harness = H.telephone({ faults: [{ _tag: "UpdateIgnored" }] })
    harness.settle()
    assert.deepStrictEqual(harness.of("session.updated"), [])
  })

  it("echoes and uses another output format", () => {
    const format = { type: "audio/pcm", rate: 24000 } as const
    const harness = H.telephone({ faults: [{ _tag: "FormatChanged", format }] })
    assert.deepStrictEqual(harness.of("session.updated")[0]?.session.audio.output.format, format)
    assert.deepStrictEqual(harness.of("session.updated")[0]?.session.audio.input.format, { type: "audio/pcmu" })
    harness.send(create())
    harness.settle()
    assert.strictEqual(H.deltas(harness).length, 2000 * 48)
  })

  it("fails a transcription and goes on", () => {
    const harness = H.telephone(
      { faults: [{ _tag: "TranscriptionFailed" }] },
      { input: { transcription: { model: "gpt-transcribe" } } }
    )
    harness.hear(H.join(H.talk(660), H.silence(600)))
    harness.settle()
    assert.strictEqual(harness.of("conversation.item.input_audio_transcription.failed").length, 1)
    assert.strictEqual(done(harness).status, "completed")
  })

  it("sends an error nobody caused, of any code, at the next input", () => {
    const harness = H.telephone()
    harness.model.failNext({ _tag: "Error", code: "server_error" })
    harness.send({ type: "input_audio_buffer.append", audio: H.SILENT_FRAME })
    assert.deepInclude(harness.lastError(), { code: "server_error", event_id: null })
  })

  it("sends an event of an unknown type after the one it was asked for", () => {
    const harness = H.telephone()
    harness.model.failNext({ _tag: "UnknownEvent", after: "response.created" })
    harness.send(create())
    harness.settle()
    const types = harness.types()
    assert.strictEqual(types[types.indexOf("response.created") + 1], "response.mood.updated")
  })

  it.each([1006, 1011])("loses the socket in the middle of a response: %d", (code) => {
    const harness = H.telephone()
    harness.model.failNext({ _tag: "SocketLost", code, after: "response.output_audio.delta" })
    harness.send(create())
    harness.settle()
    assert.strictEqual(harness.of("response.output_audio.delta").length, 1)
    assert.deepInclude(harness.outputs.at(-1), { _tag: "CloseSocket", code })
    assert.isTrue(harness.model.closed())
    assert.isUndefined(harness.model.nextDeadline())
  })
})

describe("the session", () => {
  it("begins with session.created and conversation.created", () => {
    assert.deepStrictEqual(H.open().types(), ["session.created", "conversation.created"])
  })

  it("ends after 60 minutes: session_expired, then close 1001", () => {
    const harness = H.telephone()
    harness.advance(60 * 60 * 1000 - 100)
    assert.isFalse(harness.model.closed())
    harness.advance(100)
    assert.deepInclude(harness.lastError(), { code: "session_expired", event_id: null })
    const last = harness.outputs.at(-1)
    assert.deepInclude(last, { _tag: "CloseSocket", code: 1001, reason: harness.lastError().message, at: 3_600_000 })
  })

  it.each([
    ["beta_api_shape_disabled", 4000],
    ["invalid_intent", 4000],
    ["invalid_api_key", 3000]
  ] as const)("is refused for %s with close %d", (refusal, code) => {
    const harness = H.open({}, { refusal })
    assert.deepStrictEqual(harness.types(), ["error"])
    assert.strictEqual(harness.lastError().code, refusal)
    assert.deepInclude(harness.outputs.at(-1), {
      _tag: "CloseSocket",
      code,
      reason: `invalid_request_error.${refusal}`
    })
  })

  it("is silent after its socket closed", () => {
    const harness = running()
    harness.model.handle({ _tag: "Closed", at: harness.now() })
    const before = harness.events.length
    assert.isUndefined(harness.model.nextDeadline())
    harness.send(create())
    harness.advance(1000)
    assert.strictEqual(harness.events.length, before)
  })

  it("is the same for the same seed, and differs with another", () => {
    const wire = (seed: number) => {
      const harness = H.telephone({ seed })
      harness.send(create())
      harness.hear(H.join(H.silence(500), H.talk(700), H.silence(700)))
      harness.settle()
      return JSON.stringify([harness.times, harness.events])
    }
    assert.strictEqual(wire(7), wire(7))
    assert.notStrictEqual(wire(7), wire(8))
  })

  it("does what is due before an input, each output stamped with its own time", () => {
    const { model } = H.telephone()
    model.handle({ _tag: "TextReceived", at: 100, text: JSON.stringify(create()) })
    const outputs = model.handle({ _tag: "TextReceived", at: 60_000, text: JSON.stringify(create()) })
    const texts = outputs.flatMap((output) => (output._tag === "SendText" ? [output] : []))
    assert.isBelow(texts[0]!.at, 200)
    assert.isTrue(texts.every((output, i) => i === 0 || output.at >= texts[i - 1]!.at))
    assert.deepStrictEqual(model.errorsSent, [])
  })
})
