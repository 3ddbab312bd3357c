/** The direct lane of the simulated model: audio as bytes, everything else the same. */
import type { ServerEvent, SimModel } from "@offhook/simulator"
import { Brain } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

/** A conversation with an interruption, a cancellation, a truncation and a lost socket, on one of the lanes. */
const conversation = (direct: boolean, options: Partial<SimModel.Options> = {}) => {
  const heard: Array<ServerEvent.ServerEvent> = []
  const harness = H.telephone(
    {
      seed: 11,
      direct,
      brain: () => ({ parts: [Brain.say(H.clip(9_000)), Brain.say(H.clip(3_000, "and more"))] }),
      faults: [{ _tag: "UnknownEvent", after: "response.output_audio.delta" }],
      onEvent: (event) => heard.push(event),
      ...options
    },
    { input: { transcription: { model: "gpt-transcribe" } } }
  )
  harness.send(H.create())
  harness.hear(H.join(H.noise(900, -60), H.talk(700), H.silence(900)))
  harness.send({
    type: "conversation.item.truncate",
    item_id: harness.model.items[0]?.id,
    content_index: 0,
    audio_end_ms: 700
  })
  harness.hear(H.silence(1_000))
  harness.send({ type: "response.cancel" })
  harness.settle()
  harness.model.failNext({ _tag: "SocketLost", after: "response.output_audio.delta" })
  harness.send(H.create())
  harness.settle()
  return { harness, heard }
}

describe("the direct lane", () => {
  it.each(["audio/pcmu", "audio/pcma"] as const)("is the same conversation, %s", (type) => {
    const faults = type === "audio/pcmu" ? [] : [{ _tag: "FormatChanged", format: { type } } as const]
    const [text, direct] = [conversation(false, { faults }), conversation(true, { faults })]
    const told = ({ harness }: typeof text) => harness.events.map((event) => ({ ...event, event_id: "" }))
    assert.isAbove(text.harness.of("response.output_audio.delta").length, 10)
    assert.deepStrictEqual(told(direct), told(text))
    assert.deepStrictEqual(direct.harness.times, text.harness.times)
    assert.deepStrictEqual(direct.harness.model.items, text.harness.model.items)
    assert.deepStrictEqual(direct.harness.model.errorsSent, text.harness.model.errorsSent)
    assert.isTrue(H.same(direct.harness.model.received.bytes(), text.harness.model.received.bytes()))
    assert.isTrue(direct.harness.model.closed())
  })

  it("tells listeners of every event, audio too, with the same ids", () => {
    const [text, direct] = [conversation(false), conversation(true)]
    assert.deepStrictEqual(
      direct.heard.map((event) => ({ ...event })),
      text.heard
    )
  })

  it("carries audio in no text", () => {
    const { harness } = conversation(true)
    assert.isAbove(harness.outputs.filter((output) => output._tag === "SendAudio").length, 10)
    for (const output of harness.outputs) {
      if (output._tag === "SendText") assert.notInclude(output.text, "response.output_audio.delta")
    }
  })

  it("keeps what it hears when the host writes over the buffer it came in", () => {
    const { model } = H.telephone({ direct: true })
    const payload = H.noise(20, -20)
    const said = payload.slice()
    model.handle({ _tag: "AudioReceived", at: 60, payload })
    payload.fill(0)
    assert.deepStrictEqual(model.received.bytes(), said)
  })
})

describe("what was received", () => {
  it("is read piece by piece over any number of chunks, and forgotten when nobody needs it", () => {
    const { model } = H.telephone({ direct: true })
    const all = H.noise(30_000, -60)
    let read = 0
    for (let i = 0, at = 60; i < all.length; i += 160, at += 20) {
      model.handle({ _tag: "AudioReceived", at, payload: all.subarray(i, i + 160) })
      if (i % 4_800 !== 0) continue
      assert.deepStrictEqual(model.received.bytes(read), all.subarray(read, i + 160))
      read = model.received.length()
    }
    assert.isTrue(H.same(model.received.bytes(), all))
    assert.isTrue(H.same(model.received.bytes(65_000, 140_000), all.subarray(65_000, 140_000)))
    model.received.forget(140_000)
    assert.isTrue(H.same(model.received.bytes(131_072), all.subarray(131_072)))
    assert.isTrue(model.received.bytes(0, 131_072).every((byte) => byte === 0))
  })
})
