import { Restaurant, Speech, SpeechFiles } from "@offhook/simulator"
import { assert, it } from "vitest"
import * as H from "./ModelHarness.ts"

const audio = SpeechFiles.load()

it("recognises each of the caller's clips in what arrived, and nothing in another voice", () => {
  const transcribe = Restaurant.transcriber(audio)
  for (const { id, text, voice } of Speech.clips) {
    const heard = H.join(H.silence(300), audio[id], H.silence(500))
    const transcript = transcribe({ index: 0, durationMs: 1234, audio: heard })
    assert.strictEqual(transcript, voice === "caller" ? text : "(speech 1.2 s)")
  }
})

it("hears the caller's sentences, is understood, and says goodbye with end_call", () => {
  const harness = H.telephone(
    { brain: Restaurant.brain(audio), transcribe: Restaurant.transcriber(audio) },
    { input: { transcription: { model: "gpt-transcribe" } } }
  )
  const tools = [{ type: "function", name: "end_call" }]
  harness.send({ type: "session.update", session: { type: "realtime", tools } })
  harness.send({ type: "response.create" })
  harness.settle()
  const sentences = ["caller-opening-hours", "caller-how-many", "caller-table-for-four", "caller-goodbye"] as const
  for (const id of sentences) {
    harness.hear(H.join(audio[id], H.silence(900)))
    harness.settle()
  }
  assert.deepStrictEqual(
    harness.of("conversation.item.input_audio_transcription.completed").map((event) => event.transcript),
    sentences.map((id) => Speech.clip(id).text)
  )
  const last = harness.of("response.done").at(-1)?.response.output
  assert.deepStrictEqual(
    last?.map((item) => item.type),
    ["message", "function_call"]
  )
  assert.deepStrictEqual(harness.model.errorsSent, [])
})
