/** What goes wrong with sessions, turns and frames of the simulated model, fault by fault (model/Fault.ts). */
import type { Fault, SimModel } from "@offhook/simulator"
import { Conversation } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

const { create, done } = H

const TRANSCRIBED = { input: { transcription: { model: "gpt-transcribe" } } }

/** A session in which the caller has spoken one turn under some faults. */
const turn = (faults: ReadonlyArray<Fault.Fault>, options: Partial<SimModel.Options> = {}) => {
  const harness = H.telephone({ faults, ...options }, TRANSCRIBED)
  harness.hear(H.join(H.talk(660), H.silence(600)))
  return harness
}

const transcript = (harness: H.Harness) => {
  const part = harness.model.items[0]?.content[0]
  return part?.type === "input_audio" ? part.transcript : undefined
}

const update = { type: "session.update", event_id: "mine", session: H.TELEPHONY }

const timeOf = (harness: H.Harness, type: string) => harness.times[harness.types().indexOf(type)]!

describe("error events", () => {
  const codes = [
    "conversation_already_has_active_response",
    "response_cancel_not_active",
    "input_audio_buffer_commit_empty",
    "missing_required_parameter",
    "unknown_parameter",
    "invalid_value",
    "session_expired",
    "insufficient_quota",
    "billing_hard_limit_reached",
    "account_deactivated",
    "rate_limit_exceeded",
    "model_not_found",
    "server_error",
    "something_new",
    null
  ]

  it.each(codes)("of any code, without a cause: %s", (code) => {
    const harness = H.telephone({ faults: [{ _tag: "Error", code, type: "t", message: "m", param: "p", atMs: 300 }] })
    harness.advance(400)
    assert.deepStrictEqual({ ...harness.lastError() }, { type: "t", code, message: "m", param: "p", event_id: null })
    assert.isFalse(harness.model.closed())
  })

  it("that blame the last client event of a type", () => {
    const fault = { _tag: "Error", code: "server_error", blames: "response.create", after: "response.created" } as const
    const harness = H.telephone({ faults: [fault] })
    harness.send(create(undefined, "first"))
    assert.strictEqual(harness.of("error").length, 0)
    harness.settle()
    assert.strictEqual(harness.lastError().event_id, "first")
  })
})

describe("session.update", () => {
  it("is answered late, and used then", () => {
    const harness = H.open({ faults: [{ _tag: "UpdateLate", ms: 4_000 }] })
    harness.send(update)
    harness.send(create())
    harness.advance(3_999)
    assert.deepStrictEqual(harness.of("session.updated"), [])
    assert.strictEqual(H.deltas(harness).length, 2_000 * 48)
    harness.advance(1)
    assert.strictEqual(harness.of("session.updated").length, 1)
  })

  it("is refused", () => {
    const harness = H.open({ faults: [{ _tag: "UpdateRefused", code: "something_new" }] })
    harness.send(update)
    harness.settle()
    assert.deepInclude(harness.lastError(), { code: "something_new", event_id: "mine" })
    assert.deepStrictEqual(harness.of("session.updated"), [])
    assert.strictEqual(harness.model.config().audio.output.format.type, "audio/pcm")
  })

  it("is answered twice", () => {
    const harness = H.telephone({ faults: [{ _tag: "EventRepeated", event: "session.updated" }] })
    assert.strictEqual(harness.of("session.updated").length, 2)
  })

  it("is answered without a word of audio", () => {
    const harness = H.telephone({ faults: [{ _tag: "FormatMissing" }] })
    assert.notProperty(harness.of("session.updated")[0]?.session, "audio")
    assert.property(harness.of("session.updated")[0]?.session, "expires_at")
    harness.send(create())
    harness.settle()
    assert.strictEqual(H.deltas(harness).length, 16_000)
  })
})

describe("the end of a session", () => {
  it.each([1000, 1001, 1006, 1011, 3000, 4000])("comes at any time, with the code %d", (code) => {
    const harness = H.telephone({ faults: [{ _tag: "SocketLost", code, reason: "why", atMs: 777 }] })
    harness.send(create())
    harness.advance(5_000)
    assert.deepStrictEqual(harness.outputs.at(-1), { _tag: "CloseSocket", at: 777, code, reason: "why" })
    assert.isTrue(harness.model.closed())
  })

  it.each([
    ["a fault", { faults: [{ _tag: "SessionExpired", atMs: 10_000 } as const] }],
    ["a limit", { limitMs: 10_000 }]
  ])("is its expiry, by %s: the error, then close 1001", (_, options) => {
    const harness = H.telephone(options)
    harness.advance(20_000)
    assert.deepInclude(harness.lastError(), { code: "session_expired", event_id: null })
    assert.deepInclude(harness.outputs.at(-1), { _tag: "CloseSocket", at: 10_000, code: 1001 })
  })

  it("tells nobody anything after the socket closed, in the middle of a response too", () => {
    const harness = H.telephone({
      faults: [{ _tag: "SocketLost", after: "response.done" }],
      choices: { rateLimits: true }
    })
    harness.send(create())
    harness.settle()
    harness.advance(1_000)
    assert.strictEqual(harness.outputs.at(-1)?._tag, "CloseSocket")
  })
})

const sameFields = ({ event_id: _, ...event }: Record<string, unknown>, copy: unknown): boolean =>
  JSON.stringify(event) === JSON.stringify(copy)

describe("frames", () => {
  const raw = (how: Fault.FaultOf<"Malformed">["how"]) => {
    const harness = H.telephone()
    harness.model.failNext({ _tag: "Malformed", how })
    const [output] = harness.model.handle({ _tag: "TimeAdvanced", at: 60 }).filter((one) => one._tag !== "Trace")
    assert.strictEqual(output?._tag, "SendText")
    return output?._tag === "SendText" ? output : assert.fail()
  }

  it("are no JSON", () => {
    const { text } = raw("json")
    assert.throws(() => JSON.parse(text))
  })

  it("are binary", () => assert.isTrue(raw("binary").binary))

  it.each(["errorless", "noObject", "noType", "vagueError", "wrongTypes"] as const)(
    "are JSON of another shape: %s",
    (how) => {
      const value = JSON.parse(raw(how).text)
      assert.isFalse(typeof value.type === "string" && typeof value.item_id === "string")
      assert.isFalse(value.type === "error" && typeof value.error?.message === "string")
    }
  )

  it("are a dozen halves", () => {
    const harness = H.telephone()
    harness.model.failNext({ _tag: "Malformed", how: "halves" })
    const texts = harness.model
      .handle({ _tag: "TimeAdvanced", at: 60 })
      .flatMap((one) => (one._tag === "SendText" ? [one.text] : []))
    assert.isAbove(texts.length, 20)
    for (const text of texts) assert.isString(JSON.parse(text).type)
  })

  it("are copies with one field less, null, or of another type, and the event follows", () => {
    const harness = H.telephone({ faults: [{ _tag: "Garbled", events: 3, copies: 4 }] })
    harness.send(create())
    harness.settle()
    const texts = harness.outputs.flatMap((one) => (one._tag === "SendText" ? [one.text] : []))
    const copies = texts.filter((text) => JSON.parse(text).event_id === undefined)
    const events = texts.filter((text) => JSON.parse(text).event_id !== undefined)
    assert.strictEqual(copies.length, 12)
    assert.isAbove(new Set(copies).size, 6)
    for (const copy of copies) {
      const { type } = JSON.parse(copy)
      const whole = events.filter((text) => JSON.parse(text).type === type)
      assert.isNotEmpty(whole)
      assert.isFalse(whole.some((text) => sameFields(JSON.parse(text), JSON.parse(copy))))
    }
  })

  it("are events of any unknown type", () => {
    const harness = H.telephone({
      faults: [{ _tag: "UnknownEvent", type: "response.output_audio.delta.v2", atMs: 100 }]
    })
    harness.advance(200)
    assert.strictEqual(harness.types().at(-1), "response.output_audio.delta.v2")
  })

  it("tell that nothing is left of a rate", () => {
    const harness = H.telephone({ faults: [{ _tag: "RateLimits", remaining: 0, resetSeconds: 30, atMs: 100 }] })
    harness.advance(200)
    const [limits] = harness.of("rate_limits.updated")
    assert.deepStrictEqual(
      limits?.rate_limits.map(({ remaining, reset_seconds }) => [remaining, reset_seconds]),
      [
        [0, 30],
        [0, 30]
      ]
    )
  })
})

describe("turns", () => {
  it.each([
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added"
  ] as const)("are heard and answered without %s", (event) => {
    const harness = turn([{ _tag: "EventMissing", event }])
    assert.strictEqual(harness.of(event).length, 0)
    harness.settle()
    assert.strictEqual(done(harness).status, "completed")
    assert.strictEqual(harness.model.items[0]?.role, "user")
  })

  it("are forgotten after they began; the next one is heard", () => {
    const harness = turn([{ _tag: "TurnForgotten" }])
    harness.settle()
    assert.deepStrictEqual(harness.types().slice(3), ["input_audio_buffer.speech_started"])
    harness.hear(H.join(H.talk(660), H.silence(600)))
    harness.settle()
    assert.strictEqual(harness.of("input_audio_buffer.committed").length, 1)
  })

  it("are imagined: they interrupt, are committed and answered", () => {
    const faults = [{ _tag: "SpeechImagined", ms: 400, after: "response.output_audio.delta" } as const]
    const harness = H.telephone({ faults })
    harness.hear(H.silence(500))
    harness.send(create())
    H.until(harness, "input_audio_buffer.speech_started")
    harness.hear(H.silence(1_000))
    harness.settle()
    const [started] = harness.of("input_audio_buffer.speech_started")
    const [stopped] = harness.of("input_audio_buffer.speech_stopped")
    assert.strictEqual(stopped?.item_id, started?.item_id)
    assert.closeTo(
      timeOf(harness, "input_audio_buffer.speech_stopped"),
      timeOf(harness, "input_audio_buffer.speech_started") + 400,
      0.01
    )
    assert.deepStrictEqual(
      harness.of("response.done").map(({ response }) => response.status),
      ["cancelled", "completed"]
    )
  })

  it("are imagined and never stop", () => {
    const harness = H.telephone({ faults: [{ _tag: "SpeechImagined", atMs: 300 }] })
    harness.hear(H.silence(9_000))
    assert.strictEqual(harness.of("input_audio_buffer.speech_started").length, 1)
    assert.deepStrictEqual(harness.of("input_audio_buffer.speech_stopped"), [])
  })

  it("that the machine owns are told, and neither answered nor interrupting", () => {
    const turnDetection = { turn_detection: { type: "server_vad", create_response: false, interrupt_response: false } }
    const harness = H.running({ choices: { answersBusyTurns: true, truncatesItself: true } }, 2, {
      input: turnDetection
    })
    harness.hear(H.join(H.talk(660), H.silence(600), H.talk(660), H.silence(600)))
    harness.settle()
    assert.strictEqual(harness.of("input_audio_buffer.committed").length, 2)
    assert.deepStrictEqual(
      harness.of("response.done").map(({ response }) => response.status),
      ["completed"]
    )
    assert.deepStrictEqual(harness.of("conversation.item.truncated"), [])
  })

  it("that waited are not answered when the machine took the turns meanwhile", () => {
    const own = (create_response: boolean) => ({ type: "server_vad", create_response, interrupt_response: false })
    const harness = H.running({ choices: { answersBusyTurns: true } }, 2, { input: { turn_detection: own(true) } })
    harness.model.failNext({ _tag: "CancelSlow", ms: 3_000 })
    harness.send({ type: "response.cancel" })
    harness.send({ type: "input_audio_buffer.append", audio: H.SILENT_FRAME })
    harness.model.failNext({ _tag: "SpeechImagined", ms: 10 })
    harness.advance(20)
    harness.hear(H.silence(60))
    assert.strictEqual(harness.of("input_audio_buffer.committed").length, 1)
    harness.send({
      type: "session.update",
      session: { type: "realtime", audio: { input: { turn_detection: own(false) } } }
    })
    harness.settle()
    assert.strictEqual(harness.of("response.done").length, 1)
    assert.strictEqual(harness.of("response.created").length, 1)
  })
})

describe("transcriptions", () => {
  const completed = "conversation.item.input_audio_transcription.completed"

  it("take their time", () => {
    const harness = turn([{ _tag: "TranscriptionLate", ms: 12_000 }])
    harness.settle()
    harness.advance(13_000)
    assert.closeTo(timeOf(harness, completed) - timeOf(harness, "input_audio_buffer.committed"), 12_000, 0.01)
    assert.strictEqual(transcript(harness), harness.of(completed)[0]?.transcript)
  })

  it("never come", () => {
    const harness = turn([{ _tag: "TranscriptionMissing" }])
    harness.settle()
    harness.advance(60_000)
    assert.deepStrictEqual(harness.of(completed), [])
    assert.deepStrictEqual(harness.of("conversation.item.input_audio_transcription.failed"), [])
    assert.isNull(transcript(harness))
  })

  it("are as long as is asked for", () => {
    const harness = turn([{ _tag: "TranscriptionLong", chars: 9_000 }])
    harness.settle()
    assert.strictEqual(harness.of(completed)[0]?.transcript.length, 9_000)
  })

  it("are empty", () => {
    const harness = turn([{ _tag: "TranscriptionEmpty" }])
    harness.settle()
    assert.deepStrictEqual(harness.of("conversation.item.input_audio_transcription.delta"), [])
    assert.strictEqual(harness.of(completed)[0]?.transcript, "")
  })

  it.each([true, false])("of an item that was deleted meanwhile come: %s", (transcribesDeleted) => {
    const harness = turn([{ _tag: "TranscriptionLate", ms: 3_000 }], { choices: { transcribesDeleted } })
    const item_id = harness.of("input_audio_buffer.committed")[0]?.item_id
    harness.send({ type: "conversation.item.delete", item_id })
    harness.settle()
    harness.advance(3_000)
    assert.strictEqual(harness.of(completed).length, transcribesDeleted ? 1 : 0)
  })
})

describe("the truth for judges", () => {
  it("tells what was generated, remembered and deleted, by which response and when", () => {
    const harness = H.telephone({ choices: { truncateToZero: true } })
    harness.send(create())
    harness.settle()
    const item = harness.model.items[0]!
    const audio = Conversation.outputAudio(item)!
    const [response] = harness.model.responses
    assert.strictEqual(item.responseId, response?.id)
    assert.strictEqual(response?.output[0], item)
    assert.isTrue(H.same(Conversation.generated(item), H.deltas(harness)))
    assert.strictEqual(Conversation.believedMs(item), 2_000)
    const sent = harness.times.filter((_, i) => harness.types()[i] === "response.output_audio.delta")
    assert.deepStrictEqual([audio.sentFrom, audio.sentUntil, audio.playsFrom], [sent[0], sent.at(-1), sent[0]])
    assert.isNull(audio.keptMs)
    harness.send({ type: "conversation.item.truncate", item_id: item.id, content_index: 0, audio_end_ms: 700 })
    assert.deepInclude(audio, { keptMs: 700, cutBy: "client", cutAt: harness.now(), generatedMs: 2_000 })
    assert.strictEqual(Conversation.believedMs(item), 700)
    harness.advance(100)
    harness.send({ type: "conversation.item.delete", item_id: item.id })
    assert.deepInclude(item, { deleted: true, deletedAt: harness.now() })
    assert.strictEqual(Conversation.believedMs(item), 0)
  })

  it("tells of the caller's items what was transcribed, and that they were deleted", () => {
    const harness = turn([])
    harness.settle()
    const item = harness.model.items[0]!
    assert.deepInclude(item, { role: "user", responseId: null, deleted: false })
    assert.match(transcript(harness) ?? "", /^\(speech/)
    harness.send({ type: "conversation.item.delete", item_id: item.id })
    assert.isTrue(item.deleted)
  })

  it("counts what plays after what was sent before", () => {
    const harness = H.telephone()
    harness.send(create())
    harness.settle()
    const [first] = harness.model.items
    harness.send(create())
    harness.settle()
    const second = harness.model.items[1]!
    const audio = Conversation.outputAudio(first!)!
    assert.strictEqual(Conversation.outputAudio(second)?.playsFrom, audio.playsFrom + 2_000)
  })
})
