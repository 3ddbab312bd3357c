import { Agent, Call, type Command, type Event, Prices, Recorder, Recording, Replay } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

const congested = (scene: Scene.Scene) => scene.on({ _tag: "CarrierCongested", stream: 0 })
const drained = (scene: Scene.Scene) => scene.on({ _tag: "CarrierDrained", stream: 0 })
const modelCongested = (scene: Scene.Scene) => scene.on({ _tag: "ModelCongested", session: 0 })
const modelDrained = (scene: Scene.Scene) => scene.on({ _tag: "ModelDrained", session: 0 })

const played = (commands: ReadonlyArray<Command>) =>
  Scene.only(commands, "PlayAudio").map(({ bytes, from, item }) => [item, from / 8, bytes / 8])

const forwarded = (commands: ReadonlyArray<Command>) => Scene.only(commands, "ForwardAudio").map(({ from }) => from / 8)

const agentTurns = (scene: Scene.Scene) =>
  Scene.only(scene.commands, "Settled").flatMap(({ turn }) => (turn.speaker === "agent" ? [turn] : []))

const summary = (scene: Scene.Scene) => Scene.only(scene.commands, "Ended")[0]?.summary

/** Time passes with a frame now and then. */
const quiet = (scene: Scene.Scene, ms: number): ReadonlyArray<Command> => {
  const given = [...scene.wait(ms % 1000)]
  for (let second = 0; second < Math.floor(ms / 1000); second++) given.push(...scene.wait(980), ...scene.frames(20))
  return given
}

/** The agent has been heard for half a second of the first it says, when the carrier stops reading. */
const unread = (agent: Partial<Agent.Agent> = {}): Scene.Scene => {
  const scene = Scene.live(agent)
  Scene.created(scene, "resp_1")
  Scene.says(scene, "resp_1", "item_1", 1000, "One two.")
  Scene.begins(scene)
  scene.frames(500)
  congested(scene)
  return scene
}

/** The agent ends the call, and its response. */
const hangsUp = (scene: Scene.Scene): void => {
  const end = { item: "call_1", call: "call_1", name: "end_call", arguments: "{}" }
  scene.on({ _tag: "ModelToolCalled", session: 0, response: "resp_1", ...end })
  Scene.done(scene, "resp_1")
}

describe("A carrier that does not read", () => {
  it("is sent no audio; what waits follows in order, once, when it reads again", () => {
    const scene = unread()
    const given = [
      ...Scene.says(scene, "resp_1", "item_1", 1000, " three four."),
      ...Scene.says(scene, "resp_1", "item_2", 500),
      ...Scene.done(scene, "resp_1")
    ]
    assert.isEmpty(played(given))
    scene.frames(2000)
    const late = drained(scene)
    assert.deepStrictEqual(played(late), [
      ["item_1", 1000, 1000],
      ["item_2", 0, 500]
    ])
    assert.deepStrictEqual(Scene.notes(late), ["congested"])
    scene.frames(2000)
    Scene.echoes(scene)
    scene.frames(100)
    assert.deepStrictEqual(
      agentTurns(scene).map(({ generatedMs, heardMs, item }) => [item, generatedMs, heardMs]),
      [
        ["item_1", 2000, 2000],
        ["item_2", 500, 500]
      ]
    )
  })

  it("is told to clear at once when the caller interrupts, and what waits is never sent", () => {
    const scene = unread({ turns: "machine" })
    Scene.says(scene, "resp_1", "item_1", 3000, " three four five six.")
    scene.frames(200, Scene.loud)
    const cut = Scene.speaks(scene)
    assert.includeMembers(Scene.tags(cut), ["Mark", "Clear", "CancelResponse"])
    Scene.done(scene, "resp_1", "cancelled")
    const late = [...scene.frames(300), ...Scene.begins(scene), ...scene.frames(2700), ...drained(scene)]
    assert.notInclude(Scene.tags(late), "Truncate", "nobody knows what was heard, before the mark is back")
    const settled = [...Scene.echoes(scene), ...scene.frames(100)]
    const [told] = Scene.only(settled, "Truncate")
    assert.closeTo(told?.audioEndMs ?? 0, 1000, 25)
    assert.isEmpty(played([...late, ...settled]))
    const [turn] = agentTurns(scene)
    assert.deepStrictEqual([turn?.generatedMs, turn?.sentMs, turn?.heardMs], [4000, 1000, told?.audioEndMs])
  })

  it("settles a cut by estimate a while after it reads again, where the mark does not come", () => {
    const scene = unread({ turns: "machine" })
    scene.frames(200, Scene.loud)
    Scene.speaks(scene)
    Scene.done(scene, "resp_1", "cancelled")
    assert.notInclude(Scene.notes(scene.frames(5000)), "cut estimated")
    drained(scene)
    assert.include(Scene.notes(scene.frames(2000)), "cut estimated")
  })

  it("leaves no wait behind in the past when it reads again while the line closes", () => {
    const scene = unread({ turns: "machine" })
    scene.frames(200, Scene.loud)
    Scene.speaks(scene)
    scene.on({ _tag: "CarrierStopped", stream: 0 })
    scene.wait(3000)
    drained(scene)
    assert.isAbove(Call.nextDeadline(scene.state()) ?? 0, scene.now())
  })

  it("goes on after a pause with the rest, and then with what was said in it, when it reads", () => {
    const scene = unread({ turns: "machine", interruptAfterMs: 500, pauseToDecide: true })
    Scene.says(scene, "resp_1", "item_1", 1000)
    scene.frames(100, Scene.loud)
    assert.include(Scene.tags(Scene.speaks(scene)), "Clear")
    Scene.says(scene, "resp_1", "item_1", 1000)
    scene.frames(60)
    Scene.echoes(scene)
    const resumed = scene.frames(300)
    assert.include(Scene.notes(resumed), "playback resumed")
    assert.isEmpty(played(resumed))
    const late = played(drained(scene))
    const [first] = late
    const at = Number(first?.[1])
    assert.closeTo(at, 650, 60)
    assert.deepStrictEqual(late, [
      ["item_1", at, 1000 - at],
      ["item_1", 1000, 1000],
      ["item_1", 2000, 1000]
    ])
  })

  it("sends nothing in a pause when it reads again, and all of it after", () => {
    const scene = unread({ turns: "machine", interruptAfterMs: 500, pauseToDecide: true })
    Scene.says(scene, "resp_1", "item_1", 1000)
    scene.frames(100, Scene.loud)
    Scene.speaks(scene)
    assert.isEmpty(played(drained(scene)))
    scene.frames(60)
    const after = [...Scene.echoes(scene), ...scene.frames(300)]
    assert.deepStrictEqual(played(after).at(-1), ["item_1", 1000, 1000])
    assert.lengthOf(played(after), 2)
  })

  it("keeps a minute of audio; the rest of an item that has no room is dropped, noted and told to the model", () => {
    const scene = unread({ turns: "machine" })
    for (let second = 0; second < 70; second++) Scene.says(scene, "resp_1", "item_1", 1000)
    Scene.done(scene, "resp_1")
    const late = drained(scene)
    assert.deepStrictEqual(
      played(late),
      Array.from({ length: 60 }, (_, index) => ["item_1", 1000 + index * 1000, 1000])
    )
    assert.deepStrictEqual(
      Scene.only(late, "Note").map(({ note }) => note.detail),
      [
        "the carrier did not read for 0 ms",
        "10000 ms of the agent's audio found no room while the carrier did not read"
      ]
    )
    quiet(scene, 61_000)
    const heard = [...Scene.echoes(scene), ...scene.frames(100)]
    assert.deepStrictEqual(
      Scene.only(heard, "Truncate").map(({ audioEndMs }) => audioEndMs),
      [61_000]
    )
    scene.on({ _tag: "EndRequested", by: "operator" })
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.deepStrictEqual(summary(scene)?.droppedMs, { caller: 0, agent: 10_000 })
  })

  it("nothing more of an item is sent behind a hole in it", () => {
    const scene = unread()
    for (let second = 0; second < 61; second++) Scene.says(scene, "resp_1", "item_1", 1000)
    drained(scene)
    assert.isEmpty(played(Scene.says(scene, "resp_1", "item_1", 1000)))
    assert.lengthOf(played(Scene.says(scene, "resp_1", "item_2", 1000)), 1)
  })

  it("keeps the goodbye until it reads, and hangs up when that was heard", () => {
    const scene = unread()
    Scene.says(scene, "resp_1", "item_1", 1000)
    hangsUp(scene)
    assert.notInclude(Scene.tags(quiet(scene, 20_000)), "HangUp")
    assert.lengthOf(played(drained(scene)), 1)
    assert.notInclude(Scene.tags(scene.frames(1_500)), "HangUp")
    assert.include(Scene.tags([...Scene.echoes(scene), ...scene.frames(40)]), "HangUp")
  })

  it("plays late what was in its socket: the call hangs up after that, though no mark comes back", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 4000, "Goodbye.")
    hangsUp(scene)
    scene.frames(500)
    congested(scene)
    quiet(scene, 10_000)
    drained(scene)
    assert.notInclude(Scene.tags(scene.frames(4_000)), "HangUp")
    assert.include(Scene.tags(scene.frames(3_000)), "HangUp")
  })

  it("is given up after a minute, and told of where it ends before", () => {
    const scene = unread()
    Scene.done(scene, "resp_1")
    quiet(scene, 59_900)
    assert.isUndefined(Scene.outcome(scene))
    quiet(scene, 100)
    assert.strictEqual(Scene.outcome(scene), "carrier lost")
    const other = unread()
    other.frames(1_000)
    const over = other.on({ _tag: "CarrierClosed", stream: 0, code: 1006 })
    assert.deepStrictEqual(Scene.notes(over), ["congested"])
    assert.notProperty(summary(other) ?? {}, "droppedMs")
  })

  it("that is told of twice, or reads without having stopped, changes nothing", () => {
    const scene = unread()
    const before = scene.state()
    assert.isEmpty(congested(scene))
    assert.deepStrictEqual(scene.state(), before)
    const live = Scene.live()
    assert.isEmpty(drained(live))
  })
})

describe("A model that does not read", () => {
  it("is sent no audio of the caller; what waits follows in order, once, on a clock that stays true", () => {
    const scene = Scene.live()
    modelCongested(scene)
    assert.isEmpty(scene.frames(2000))
    const late = modelDrained(scene)
    assert.deepStrictEqual(
      forwarded(late),
      Array.from({ length: 100 }, (_, index) => 1000 + index * 20)
    )
    assert.deepStrictEqual(forwarded(scene.frames(20)), [3000])
    assert.deepStrictEqual(Scene.notes(late), ["congested"])
    assert.deepStrictEqual(scene.state().caller.map, [{ from: 0, carrier: 0 }])
  })

  it("loses the oldest of more than ten seconds; the places that the model names stay true", () => {
    const scene = Scene.live()
    modelCongested(scene)
    scene.frames(12_000)
    const late = modelDrained(scene)
    assert.lengthOf(forwarded(late), 500)
    assert.deepStrictEqual(
      Scene.only(late, "Note").map(({ note }) => note.what),
      ["congested", "audio overflow"]
    )
    assert.deepStrictEqual(scene.state().caller.map, [
      { from: 0, carrier: 0 },
      { from: 8000, carrier: 3000 }
    ])
    scene.on({ _tag: "EndRequested", by: "operator" })
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.deepStrictEqual(summary(scene)?.droppedMs, { caller: 2000, agent: 0 })
  })

  it("hears late of speech before the agent was audible: that interrupts nothing; of later speech, it does", () => {
    const late = (onsetMs: number): ReadonlyArray<Command> => {
      const scene = Scene.live()
      modelCongested(scene)
      scene.frames(1000)
      Scene.created(scene, "resp_1")
      Scene.says(scene, "resp_1", "item_1", 3000)
      Scene.begins(scene)
      scene.frames(1000)
      modelDrained(scene)
      return scene.on({ _tag: "ModelSpeechStarted", session: 0, item: "user_1", audioStartMs: onsetMs - 300 })
    }
    assert.notInclude(Scene.tags(late(1500)), "Clear")
    assert.include(Scene.tags(late(2500)), "Clear")
  })

  it("hears late of speech in the second before that is known as well; of speech from before that, it does not", () => {
    const scene = Scene.live()
    scene.frames(1000)
    modelCongested(scene)
    scene.frames(1000)
    modelDrained(scene)
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 3000)
    const speech = (onsetMs: number) =>
      scene.on({ _tag: "ModelSpeechStarted", session: 0, item: "user_1", audioStartMs: onsetMs - 300 })
    assert.notInclude(Scene.tags(speech(2100)), "Clear")
    assert.notInclude(Scene.tags(speech(1100)), "Clear")
    assert.include(Scene.tags(speech(900)), "Clear")
  })

  it("hears late of what was kept before it was ready, where it did not read that either", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    scene.frames(2000)
    Scene.model(scene)
    scene.frames(400)
    modelCongested(scene)
    scene.frames(1000)
    modelDrained(scene)
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 3000)
    const given = scene.on({ _tag: "ModelSpeechStarted", session: 0, item: "user_1", audioStartMs: 200 })
    assert.notInclude(Scene.tags(given), "Clear")
  })

  it("is told of a cut when the response has had its time to end since it could read that it is cancelled", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 3000)
    Scene.begins(scene)
    scene.frames(1000)
    Scene.speaks(scene)
    modelCongested(scene)
    Scene.echoes(scene)
    assert.notInclude(Scene.tags(scene.frames(1000)), "Truncate")
    modelDrained(scene)
    assert.notInclude(Scene.tags(scene.frames(280)), "Truncate")
    assert.include(Scene.tags(scene.frames(20)), "Truncate")
  })

  it("is asked for a response once: the request is overdue only after it could be read", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.speaks(scene)
    modelCongested(scene)
    Scene.stops(scene)
    const asked = () => Scene.only(scene.commands, "CreateResponse").length
    assert.strictEqual(asked(), 1)
    scene.frames(8_000)
    modelDrained(scene)
    scene.frames(4_900)
    assert.strictEqual(asked(), 1)
    scene.frames(1_000)
    assert.strictEqual(asked(), 2)
  })

  it("before it is ready hears what was kept once it reads", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    scene.frames(500)
    modelCongested(scene)
    assert.isEmpty(forwarded(Scene.model(scene)))
    assert.deepStrictEqual(
      forwarded(modelDrained(scene)),
      Array.from({ length: 25 }, (_, index) => index * 20)
    )
  })

  it("is given up after a minute, and the carrier runs its tail", () => {
    const scene = Scene.live()
    modelCongested(scene)
    assert.notInclude(Scene.tags(quiet(scene, 59_900)), "CloseModel")
    const given = quiet(scene, 3_000)
    assert.includeMembers(Scene.tags(given), ["CloseModel", "CloseCarrier"])
    assert.include(Scene.notes(given), "congested")
  })
})

describe("A recording of a call in which nobody reads", () => {
  it("replays: events and commands come again", () => {
    const config = { agent: { ...Agent.defaults, greeting: null }, prices: Prices.table }
    const scene = Scene.make()
    const events: Array<Event> = []
    const happens = (event: Parameters<Scene.Scene["on"]>[0]) => {
      events.push({ ...event, at: scene.now() } as Event)
      scene.on(event)
    }
    happens(Scene.started)
    happens({ _tag: "ModelConnected", session: 0 })
    happens({ _tag: "ModelCongested", session: 0 })
    happens({ _tag: "CarrierCongested", stream: 0 })
    happens({ _tag: "ModelSessionUpdated", session: 0, input: null, output: null })
    const { at: _, ...frame } = Scene.frame(0, 0)
    for (let timestamp = 0; timestamp < 100; timestamp += 20) happens({ ...frame, timestamp })
    happens({ _tag: "ModelResponseCreated", session: 0, response: "r1", request: null, inConversation: true })
    const said = { session: 0, response: "r1", item: "item_1", contentIndex: 0 } as const
    happens({ _tag: "ModelAudio", ...said, bytes: 800, levels: "aaaaa", payload: "AAAA" })
    happens({ _tag: "ModelDrained", session: 0 })
    happens({ _tag: "CarrierDrained", stream: 0 })
    happens({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    const recorder = Recorder.make({ version: "0", call: "CA1", startedAt: "2026-01-01T00:00:00.000Z", config })
    let [state, commands] = Call.initial(config)
    let text = recorder.start(commands)
    for (const event of events) {
      ;[state, commands] = Call.step(state, event)
      text += recorder.add(event, commands)
    }
    const result = Replay.run(Recording.parse(text + recorder.finish()), Call)
    assert.isTrue(result.same)
    if (!result.same) return
    assert.deepStrictEqual(
      Scene.tags(result.commands).filter((tag) => tag === "ForwardAudio" || tag === "PlayAudio"),
      [...Array.from({ length: 5 }, () => "ForwardAudio" as const), "PlayAudio"]
    )
  })
})
