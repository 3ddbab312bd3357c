/**
 * What holds of the simulated model whatever it is told and whatever goes wrong in it: seeded sessions of random client events, talk and
 * faults, on both lanes. Faults that the vendor may do keep the grammar of the protocol (protocols.md E.8).
 */
import type { ServerEvent } from "@offhook/simulator"
import { Base64, Brain, Conversation, Fault, G711, Random, SimModel } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

const SEEDS = 48

const clips = [H.clip(40, "Yes."), H.clip(900), H.clip(4_000), H.clip(12_000)]
const sounds = [H.talk(240), H.talk(1_200), H.silence(700), H.noise(400, -55)]

const pick = <A>(random: Random.Random, some: ReadonlyArray<A>): A => some[random.integer(0, some.length - 1)] as A

const events = [
  "response.created",
  "response.done",
  "response.output_item.added",
  "conversation.item.added",
  "conversation.item.done",
  "input_audio_buffer.speech_started",
  "input_audio_buffer.speech_stopped",
  "input_audio_buffer.committed",
  "session.updated",
  "rate_limits.updated",
  "conversation.item.input_audio_transcription.completed"
] as const

const kinds: ReadonlyArray<(random: Random.Random) => Fault.Fault> = [
  () => ({ _tag: "CancelIgnored" }),
  (random) => ({ _tag: "CallOdd", how: pick(random, ["huge", "repeatedId", "unnamed"]), chars: 300 }),
  (random) => ({ _tag: "CancelSlow", ms: random.integer(0, 3_000) }),
  (random) => ({ _tag: "Error", code: pick(random, ["server_error", null]) }),
  (random) => ({ _tag: "Error", code: "server_error", blames: pick(random, ["response.create", "session.update"]) }),
  (random) => ({ _tag: "EventLate", event: pick(random, events), ms: random.integer(0, 3_000) }),
  (random) => ({ _tag: "EventMissing", event: pick(random, events) }),
  (random) => ({ _tag: "EventRepeated", event: pick(random, events) }),
  () => ({ _tag: "FormatMissing" }),
  () => ({ _tag: "ItemIdRepeated" }),
  (random) => ({ _tag: "Malformed", how: pick(random, ["binary", "json", "noObject", "noType", "wrongTypes"]) }),
  (random) => ({ _tag: "PreviousItem", id: pick(random, [null, "item_of_nobody"]) }),
  () => ({ _tag: "RateLimits", remaining: 0, resetSeconds: 1 }),
  () => ({ _tag: "ResponseAsText" }),
  () => ({ _tag: "ResponseAudioSecond" }),
  (random) => ({ _tag: "ResponseBursts", everyMs: random.integer(50, 3_000) }),
  (random) => ({ _tag: "ResponseDeltas", bytes: pick(random, [0, 1, 24_000]), count: random.integer(1, 5) }),
  (random) => ({ _tag: "ResponseFailed", code: pick(random, ["server_error", null]), part: random.next() }),
  (random) => ({ _tag: "ResponseFailed", code: "rate_limit_exceeded", part: pick(random, [0, 1]) }),
  () => ({ _tag: "ResponseFailed", code: "server_error", unannounced: true }),
  (random) => ({ _tag: "ResponseHangs", part: random.next(), deaf: random.next() < 0.3 }),
  (random) => ({ _tag: "ResponseIgnored", of: pick(random, ["client", "turn"]) }),
  (random) => ({ _tag: "ResponseIncomplete", reason: "max_output_tokens", part: random.next() }),
  (random) => ({ _tag: "ResponseOfItsOwn", outOfBand: random.next() < 0.5 }),
  (random) => ({ _tag: "ResponseRefused", code: pick(random, ["conversation_already_has_active_response", null]) }),
  (random) => ({ _tag: "ResponseSlow", speed: 0.2 + random.next() }),
  (random) => ({ _tag: "SpeechImagined", ms: random.integer(0, 900) }),
  () => ({ _tag: "SpeechImagined" }),
  (random) => ({
    _tag: "StrayDelta",
    of: pick(random, ["deletedItem", "endedResponse", "unknownItem", "unknownResponse"]),
    ms: 20
  }),
  () => ({ _tag: "TranscriptionEmpty" }),
  () => ({ _tag: "TranscriptionFailed" }),
  (random) => ({ _tag: "TranscriptionLate", ms: random.integer(0, 12_000) }),
  () => ({ _tag: "TranscriptionMissing" }),
  () => ({ _tag: "TurnForgotten" }),
  () => ({ _tag: "UnknownEvent" }),
  () => ({ _tag: "UpdateIgnored" }),
  (random) => ({ _tag: "UpdateLate", ms: random.integer(0, 4_000) }),
  () => ({ _tag: "UpdateRefused", code: "invalid_value" })
]

const momentOf = (random: Random.Random): Fault.Moment => {
  const atMs = random.integer(0, 25_000)
  const after = pick(random, [...events, "response.output_audio.delta", "session.created"] as const)
  return pick<Fault.Moment>(random, [{}, { atMs }, { after }, { after, nth: random.integer(1, 4) }, { atMs, after }])
}

/** Endings are drawn apart: every session would end at once. */
const ending = (random: Random.Random): ReadonlyArray<Fault.Fault> => {
  const atMs = random.integer(5_000, 40_000)
  const chance = random.next()
  if (chance < 0.1) return [{ _tag: "SessionExpired", atMs }]
  return chance < 0.2 ? [{ _tag: "SocketLost", code: pick(random, [1000, 1006, 1011]), atMs }] : []
}

interface Session {
  readonly harness: H.Harness
  readonly faults: ReadonlyArray<Fault.Fault>
  /** The most responses of the conversation that ran at once. */
  readonly atOnce: number
}

const session = (seed: number, direct: boolean, allowed: ReadonlyArray<Fault.Standing>): Session => {
  const random = Random.make(`properties/${seed}`)
  const drawn = random.split("faults")
  const some = Array.from({ length: drawn.integer(1, 8) }, () => ({ ...pick(drawn, kinds)(drawn), ...momentOf(drawn) }))
  const faults: ReadonlyArray<Fault.Fault> = [
    ...[...kinds.slice(seed, seed + 1).map((kind) => kind(drawn)), ...some].filter((fault) =>
      allowed.includes(Fault.standing(fault))
    ),
    ...ending(drawn)
  ]
  const brain = random.split("brain")
  const machine = random.next() < 0.5
  const turn_detection = { type: "server_vad", create_response: !machine, interrupt_response: !machine }
  const harness = H.telephone(
    {
      seed,
      direct,
      faults,
      brain: () => ({
        parts: Array.from({ length: brain.integer(0, 3) }, () =>
          brain.next() < 0.25 ? Brain.call("f", '{"a":1}') : Brain.say(pick(brain, clips))
        )
      })
    },
    { input: { transcription: { model: "gpt-transcribe" }, turn_detection } }
  )
  const itemOf = () => pick(random, [{ id: "item_none" }, ...harness.model.items, ...harness.model.items.slice(-1)]).id
  const acts: ReadonlyArray<() => void> = [
    () => harness.hear(pick(random, sounds)),
    () => harness.hear(pick(random, sounds)),
    () => harness.advance(random.integer(0, 2_500)),
    () => harness.send(H.create(undefined, `create_${harness.now()}`)),
    () => harness.send(H.create({ conversation: "none" })),
    () => harness.send({ type: "response.cancel" }),
    () => harness.send({ type: "conversation.item.delete", item_id: itemOf() }),
    () =>
      harness.send({
        type: "conversation.item.truncate",
        item_id: itemOf(),
        content_index: random.integer(0, 1),
        audio_end_ms: random.integer(0, 3_000)
      }),
    () => harness.send({ type: "session.update", session: { type: "realtime", instructions: "x" } }),
    () => harness.send({ type: "input_audio_buffer.commit" })
  ]
  let atOnce = 0
  for (let i = 0; i < 40; i++) {
    pick(random, acts)()
    const running = harness.model.responses.filter((one) => !one.outOfBand && one.phase() !== "done")
    atOnce = Math.max(atOnce, running.length)
  }
  harness.settle()
  return { harness, faults, atOnce }
}

const has = (faults: ReadonlyArray<Fault.Fault>, ...tags: ReadonlyArray<Fault.Tag>) =>
  faults.some((fault) => tags.includes(fault._tag))

/** The events of a session that are JSON, as the wire has them. */
const checkFrames = ({ harness, faults }: Session) => {
  const { outputs } = harness
  const closes = outputs.filter((output) => output._tag === "CloseSocket")
  assert.isAtMost(closes.length, 1)
  if (closes.length > 0) assert.strictEqual(outputs.at(-1)?._tag, "CloseSocket")
  assert.isTrue(outputs.every((output, i) => output.at >= (outputs[i - 1]?.at ?? 0)))
  const ids = harness.events.map((event) => event.event_id).filter((id) => id !== "" && id !== undefined)
  if (!has(faults, "Malformed")) assert.strictEqual(new Set(ids).size, ids.length, "an event id comes twice")
}

const checkItems = ({ harness, faults }: Session) => {
  const isOwn = !has(faults, "StrayDelta", "ItemIdRepeated")
  // A response that began before an update was answered is not mu-law.
  const mulaw = new Set(
    harness
      .of("response.created")
      .filter(({ response }) => response.audio.output.format.type === "audio/pcmu")
      .map(({ response }) => response.id)
  )
  const sent = new Map<string, Array<Uint8Array>>()
  for (const { item_id, delta } of harness.of("response.output_audio.delta")) {
    const pieces = sent.get(item_id) ?? []
    sent.set(item_id, pieces)
    pieces.push(Base64.decode(delta) ?? new Uint8Array(0))
  }
  for (const item of harness.model.items) {
    const audio = Conversation.outputAudio(item)
    if (audio === undefined) continue
    assert.isAtMost(audio.generatedMs, audio.clip.length / G711.BYTES_PER_MS)
    if (audio.keptMs !== null) assert.isAtMost(audio.keptMs, audio.generatedMs)
    assert.strictEqual(audio.keptMs === null, audio.cutBy === null)
    if (!isOwn || !mulaw.has(item.responseId ?? "")) continue
    assert.isTrue(
      H.same(H.join(...(sent.get(item.id) ?? [])), Conversation.generated(item)),
      "generated is what was sent"
    )
  }
}

/** Opens and closes nest, and nothing comes after the end of a response, in sessions without misbehaviour. */
const checkGrammar = ({ harness, faults }: Session) => {
  const responses = new Map<string, "created" | "done">()
  const items = new Map<string, "added" | "done">()
  const strayFrom = has(faults, "StrayDelta")
  const inResponse = (event: ServerEvent.ServerEvent & { readonly response_id: string }) => {
    if (!strayFrom)
      assert.strictEqual(responses.get(event.response_id), "created", `${event.type} outside its response`)
    if (!("item_id" in event)) return
    if (!strayFrom) assert.strictEqual(items.get(event.item_id), "added", `${event.type} outside its item`)
  }
  for (const event of harness.events) {
    switch (event.type) {
      case "response.created":
        assert.isFalse(responses.has(event.response.id))
        responses.set(event.response.id, "created")
        break
      case "response.done":
        if (event.response.status !== "failed" || responses.has(event.response.id)) {
          assert.strictEqual(responses.get(event.response.id), "created", "done without created")
        }
        for (const item of event.response.output)
          assert.strictEqual(items.get(item.id ?? ""), "done", "an item is left open")
        responses.set(event.response.id, "done")
        break
      case "response.output_item.added":
        inResponse(event)
        items.set(event.item.id ?? "", "added")
        break
      case "response.output_item.done":
        inResponse(event)
        items.set(event.item.id ?? "", "done")
        break
      default:
        if ("response_id" in event) inResponse(event)
    }
  }
  if (harness.model.closed() || has(faults, "ResponseHangs", "ResponseSlow", "ResponseBursts")) return
  for (const [id, state] of responses) assert.strictEqual(state, "done", `${id} comes to no end`)
}

const seeds = Array.from({ length: SEEDS }, (_, seed) => seed)

describe("any session", () => {
  const taken = new Set<Fault.Tag>()

  it.each(seeds)("with any faults, %d", (seed) => {
    const one = session(seed, true, ["vendor", "misbehaviour"])
    for (const { fault } of one.harness.model.faultsTaken) taken.add(fault._tag)
    checkFrames(one)
    checkItems(one)
    assert.isAtMost(one.atOnce, 1)
  })

  it.each(seeds)("with what the vendor may do, %d", (seed) => {
    const one = session(seed, true, ["vendor"])
    checkFrames(one)
    checkItems(one)
    checkGrammar(one)
    assert.isAtMost(one.atOnce, 1)
  })

  it.each(seeds.slice(0, 10))("is the same on both lanes, %d", (seed) => {
    const [text, direct] = [false, true].map((lane) => session(seed, lane, ["vendor", "misbehaviour"]).harness)
    const told = (harness: H.Harness | undefined) => harness?.events.map((event) => ({ ...event, event_id: "" }))
    assert.deepStrictEqual(told(direct), told(text))
    assert.deepStrictEqual(direct?.times, text?.times)
    assert.deepStrictEqual(direct?.model.items, text?.model.items)
    assert.deepStrictEqual(direct?.model.faultsTaken, text?.model.faultsTaken)
  })

  it("has met every fault", () => {
    const drawn = new Set(kinds.map((kind) => kind(Random.make(0))._tag))
    assert.deepStrictEqual(
      [...drawn].filter((tag) => !taken.has(tag)),
      []
    )
  })
})

describe("audio of a session", () => {
  it("is what a client appended, in any pieces, on both lanes", () => {
    const random = Random.make(5)
    const audio = H.join(...sounds, ...sounds)
    const models = [false, true].map((direct) => SimModel.make({ seed: 1, direct, brain: () => Brain.NOTHING }))
    for (const model of models) model.handle({ _tag: "Opened", at: 0, model: "gpt-realtime-2.1" })
    for (let from = 0, at = 0; from < audio.length; at += 20) {
      const payload = audio.slice(from, from + random.integer(0, 400))
      from += payload.length
      models[0]?.handle({
        _tag: "TextReceived",
        at,
        text: JSON.stringify({ type: "input_audio_buffer.append", audio: Base64.encode(payload) })
      })
      models[1]?.handle({ _tag: "AudioReceived", at, payload })
    }
    for (const model of models) assert.isTrue(H.same(model.received.bytes(), audio))
  })
})
