/**
 * The wire of the simulated model against the published `openai` package: its types at compile time, and at run time the fields
 * those types require, over many seeded conversations.
 */
import type { Fault, ServerEvent } from "@offhook/simulator"
import { Brain, Random } from "@offhook/simulator"
import type { RealtimeServerEvent } from "openai/resources/realtime/realtime"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

/** Fields that the real server sends as null and the published types only call optional (protocols.md E.2, E.7). */
type SentAsNull = "conversation_id" | "noise_reduction" | "status_details" | "transcript" | "transcription" | "usage"

type Mutable<T> =
  T extends Array<infer Element>
    ? Array<Mutable<Element>>
    : T extends object
      ? { -readonly [Key in keyof T]: Key extends SentAsNull ? Mutable<Exclude<T[Key], null>> : Mutable<T[Key]> }
      : T

/** Compiles only as long as every event the simulated model may send is one that the published client may receive. */
const published = (event: Mutable<ServerEvent.ServerEvent>): RealtimeServerEvent => event

/** The other way: each type of ours is known to the published union under the same name. */
const known = (type: ServerEvent.ServerEvent["type"]): RealtimeServerEvent["type"] => type

type Requirements = {
  readonly [Type in ServerEvent.ServerEvent["type"]]: ReadonlyArray<
    RequiredKey<Extract<RealtimeServerEvent, { readonly type: Type }>>
  >
}

type RequiredKey<T> = { [Key in keyof T]-?: object extends Pick<T, Key> ? never : Key }[keyof T]

const inPart = ["content_index", "event_id", "item_id", "output_index", "response_id", "type"] as const

const REQUIRED: Requirements = {
  error: ["error", "event_id", "type"],
  "session.created": ["event_id", "session", "type"],
  "session.updated": ["event_id", "session", "type"],
  "conversation.created": ["conversation", "event_id", "type"],
  "conversation.item.added": ["event_id", "item", "type"],
  "conversation.item.done": ["event_id", "item", "type"],
  "conversation.item.retrieved": ["event_id", "item", "type"],
  "conversation.item.deleted": ["event_id", "item_id", "type"],
  "conversation.item.truncated": ["audio_end_ms", "content_index", "event_id", "item_id", "type"],
  "conversation.item.input_audio_transcription.delta": ["event_id", "item_id", "type"],
  "conversation.item.input_audio_transcription.completed": [
    "content_index",
    "event_id",
    "item_id",
    "transcript",
    "type",
    "usage"
  ],
  "conversation.item.input_audio_transcription.failed": ["content_index", "error", "event_id", "item_id", "type"],
  "input_audio_buffer.committed": ["event_id", "item_id", "type"],
  "input_audio_buffer.cleared": ["event_id", "type"],
  "input_audio_buffer.speech_started": ["audio_start_ms", "event_id", "item_id", "type"],
  "input_audio_buffer.speech_stopped": ["audio_end_ms", "event_id", "item_id", "type"],
  "input_audio_buffer.timeout_triggered": ["audio_end_ms", "audio_start_ms", "event_id", "item_id", "type"],
  "rate_limits.updated": ["event_id", "rate_limits", "type"],
  "response.created": ["event_id", "response", "type"],
  "response.done": ["event_id", "response", "type"],
  "response.output_item.added": ["event_id", "item", "output_index", "response_id", "type"],
  "response.output_item.done": ["event_id", "item", "output_index", "response_id", "type"],
  "response.content_part.added": [...inPart, "part"],
  "response.content_part.done": [...inPart, "part"],
  "response.output_audio.delta": [...inPart, "delta"],
  "response.output_audio.done": inPart,
  "response.output_audio_transcript.delta": [...inPart, "delta"],
  "response.output_audio_transcript.done": [...inPart, "transcript"],
  "response.output_text.delta": [...inPart, "delta"],
  "response.output_text.done": [...inPart, "text"],
  "response.function_call_arguments.delta": [
    "call_id",
    "delta",
    "event_id",
    "item_id",
    "output_index",
    "response_id",
    "type"
  ],
  "response.function_call_arguments.done": [
    "arguments",
    "call_id",
    "event_id",
    "item_id",
    "name",
    "output_index",
    "response_id",
    "type"
  ]
}

const FAULTS: ReadonlyArray<Fault.Fault> = [
  { _tag: "ResponseFailed", code: "server_error" },
  { _tag: "ResponseIncomplete", reason: "content_filter" },
  { _tag: "TranscriptionFailed" },
  { _tag: "Error", code: null, after: "response.done" },
  { _tag: "ResponseSlow", speed: 0.8 }
]

/** A client that does at random what a telephone client does. */
const converse = (seed: number): H.Harness => {
  const random = Random.make(`conversation/${seed}`)
  const pick = <A>(values: ReadonlyArray<A>): A => values[random.integer(0, values.length - 1)]!
  const brain: Brain.Brain = () => ({
    parts: Array.from({ length: random.integer(0, 3) }, () =>
      random.next() < 0.7 ? Brain.say(H.clip(random.integer(50, 6000))) : Brain.call("tool", pick(["{}", "", '{"a":']))
    )
  })
  const turnDetection = {
    type: "server_vad",
    interrupt_response: random.next() < 0.8,
    create_response: random.next() < 0.8,
    idle_timeout_ms: pick([null, 5000])
  }
  const harness = H.telephone(
    { seed, brain, faults: [pick(FAULTS), pick(FAULTS)] },
    { input: { transcription: { model: pick(["whisper-1", "gpt-transcribe"]) }, turn_detection: turnDetection } }
  )
  const item = () => pick(harness.model.items)?.id ?? "nowhere"
  const actions: ReadonlyArray<() => void> = [
    () => harness.hear(H.talk(random.integer(50, 1500))),
    () => harness.hear(H.silence(random.integer(100, 1500))),
    () => harness.hear(H.silence(6000)),
    () => harness.advance(random.integer(1, 500)),
    () => harness.settle(),
    () => harness.send({ type: "response.create" }),
    () =>
      harness.send({
        type: "response.create",
        response: { conversation: "none", output_modalities: [pick(["text", "audio"])] }
      }),
    () => harness.send({ type: "response.cancel" }),
    () => harness.send({ type: "input_audio_buffer.commit" }),
    () => harness.send({ type: "input_audio_buffer.clear" }),
    () =>
      harness.send({
        type: "conversation.item.truncate",
        item_id: item(),
        content_index: 0,
        audio_end_ms: random.integer(0, 3000)
      }),
    () => harness.send({ type: "conversation.item.delete", item_id: item() }),
    () => harness.send({ type: "conversation.item.retrieve", item_id: item() }),
    () => {
      const call = harness.model.items.findLast((item) => item.type === "function_call")
      harness.send({
        type: "conversation.item.create",
        item: { type: "function_call_output", call_id: call?.callId ?? "x", output: "ok" }
      })
    },
    () =>
      harness.send({
        type: "conversation.item.create",
        item: { type: "message", role: "user", content: [{ type: "input_text", text: "1 2 3" }] }
      })
  ]
  for (let i = 0; i < 40; i++) pick(actions)()
  harness.settle()
  return harness
}

const SEEDS = Array.from({ length: 60 }, (_, i) => i)

describe("server events", () => {
  const conversations = SEEDS.map(converse)

  it("carry every field the published types require, over 60 conversations that show every type", () => {
    const seen = new Set<string>()
    for (const { events } of conversations) {
      for (const event of events) {
        seen.add(event.type)
        const missing = REQUIRED[event.type].filter(
          (key) => (event as unknown as Record<string, unknown>)[key] === undefined
        )
        assert.deepStrictEqual(missing, [], event.type)
      }
    }
    assert.deepStrictEqual(
      Object.keys(REQUIRED).filter((type) => !seen.has(type)),
      []
    )
  })

  it("have names the published types know", () => {
    const names = Object.keys(REQUIRED) as Array<ServerEvent.ServerEvent["type"]>
    assert.deepStrictEqual(names.map(known), names)
    const event = conversations[0]!.events[0] as Mutable<ServerEvent.ServerEvent>
    assert.strictEqual(published(event), event)
  })

  it("have unique event ids", () => {
    for (const { events } of conversations)
      assert.strictEqual(new Set(events.map((event) => event.event_id)).size, events.length)
  })

  it("write at most one response at a time to the conversation", () => {
    for (const { events } of conversations) {
      let running: string | undefined
      for (const event of events) {
        if (event.type !== "response.created" && event.type !== "response.done") continue
        if (event.response.conversation_id === null) continue
        if (event.type === "response.created") {
          assert.isUndefined(running, "one response at a time")
          running = event.response.id
        } else {
          if (running !== undefined) assert.strictEqual(event.response.id, running)
          running = undefined
        }
      }
      assert.isUndefined(running)
    }
  })

  it("close everything they open, and send nothing of a response after its response.done", () => {
    for (const { events } of conversations) {
      const open = new Set<string>()
      const over = new Set<string>()
      for (const event of events) {
        if ("response_id" in event) assert.isFalse(over.has(event.response_id), event.type)
        if (event.type === "response.output_item.added") open.add(event.item.id)
        if (event.type === "response.output_item.done") assert.isTrue(open.delete(event.item.id))
        if (event.type === "response.done") over.add(event.response.id)
      }
      assert.deepStrictEqual([...open], [])
    }
  })

  it("say of each item what the machine says it generated", () => {
    for (const harness of conversations) {
      for (const item of harness.model.items) {
        const part = item.content[0]
        if (part?.type !== "output_audio") continue
        assert.isTrue(H.same(H.deltas(harness, item.id), part.clip.subarray(0, part.generatedMs * 8)), item.id)
        assert.isAtMost(part.keptMs ?? 0, part.generatedMs)
      }
    }
  })
})
