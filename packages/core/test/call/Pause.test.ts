import { type Agent, type Command, Payload } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

const pauses: Partial<Agent.Agent> = { turns: "machine", interruptAfterMs: 500, pauseToDecide: true }

const bytes = (ms: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: ms * 8 }, (_, index) => (index * 7 + seed * 31 + (index >> 8)) & 255)

const tool: Agent.Tool = { name: "look", description: "Looks.", parameters: { type: "object" }, timeoutMs: 5000 }

/** A delta with audio that is the same nowhere else. */
const says = (scene: Scene.Scene, response: string, item: string, ms: number, seed = 0, text = "") => {
  if (text !== "") scene.on({ _tag: "ModelText", session: 0, response, item, contentIndex: 0, text })
  const payload = Payload.toBase64(bytes(ms, seed))
  const levels = "u".repeat(Math.ceil(ms / 20))
  return scene.on({
    _tag: "ModelAudio",
    session: 0,
    response,
    item,
    contentIndex: 0,
    bytes: ms * 8,
    levels,
    payload
  })
}

/** The agent has been heard for a second of the four it is saying, in two deltas of one item; the caller makes a sound. */
const paused = (agent: Partial<Agent.Agent> = {}, isDone = true): Scene.Scene => {
  const scene = Scene.live({ ...pauses, ...agent })
  Scene.created(scene, "resp_1")
  says(scene, "resp_1", "item_1", 2000, 1, "One two three four five six seven eight.")
  says(scene, "resp_1", "item_1", 2000, 2)
  if (isDone) Scene.done(scene, "resp_1")
  Scene.begins(scene)
  scene.frames(800)
  scene.frames(200, Scene.loud)
  assert.deepStrictEqual(Scene.tags(Scene.speaks(scene)), ["Mark", "Clear"], "a pause is a clear, and nothing more")
  return scene
}

/** The caller is quiet until the sound is over, and the marks come back after 60 ms of it. */
const coughIsOver = (scene: Scene.Scene): ReadonlyArray<Command> => {
  scene.frames(60)
  const echoed = Scene.echoes(scene)
  return [...echoed, ...scene.frames(180)]
}

const played = (commands: ReadonlyArray<Command>) =>
  Scene.only(commands, "PlayAudio").map(({ bytes, from, item }) => [item, from, bytes])

const range = (commands: ReadonlyArray<Command>): ReadonlyArray<number> =>
  Scene.only(commands, "PlayAudio").flatMap(({ payload }) =>
    typeof payload === "string" ? [...atob(payload)].map((byte) => byte.charCodeAt(0)) : [...payload]
  )

const resumedAt = (commands: ReadonlyArray<Command>): number => Scene.only(commands, "PlayAudio")[0]?.from ?? -1

const agentTurns = (scene: Scene.Scene) =>
  Scene.only(scene.commands, "Settled").flatMap(({ turn }) => (turn.speaker === "agent" ? [turn] : []))

describe("Pause-then-decide", () => {
  it("goes on from the byte at which the ear went silent, when the sound is over and short", () => {
    const scene = paused()
    const given = coughIsOver(scene)
    assert.include(Scene.notes(given), "playback resumed")
    const at = resumedAt(given)
    assert.closeTo(at / 8, 1060, 15)
    assert.deepStrictEqual(played(given), [
      ["item_1", at, 16_000 - at],
      ["item_1", 16_000, 16_000]
    ])
    assert.deepStrictEqual(range(given), [...bytes(2000, 1).slice(at), ...bytes(2000, 2)])
    assert.isEmpty(
      Scene.tags(scene.commands).filter((tag) => /Truncate|DeleteItem|CancelResponse|CreateResponse/.test(tag))
    )
  })

  it("the sound's item is deleted once it exists, and its words stay as an aside", () => {
    const scene = paused()
    coughIsOver(scene)
    scene.frames(300)
    const given = Scene.stops(scene)
    assert.deepInclude(given, { _tag: "DeleteItem", session: 0, item: "user_1" })
    scene.on({ _tag: "ModelTranscribed", session: 0, item: "user_1", text: "Mm-hm." })
    Scene.begins(scene)
    scene.frames(3000)
    const [first, second] = Scene.only(Scene.echoes(scene), "Settled")
    assert.deepInclude(first?.turn, { speaker: "agent" })
    assert.deepInclude(second?.turn, { speaker: "caller", text: "Mm-hm.", aside: true })
  })

  it("all of it is heard in the end: texts and figures are those of one piece", () => {
    const scene = paused()
    coughIsOver(scene)
    Scene.begins(scene)
    scene.frames(3000)
    Scene.echoes(scene)
    const [turn] = agentTurns(scene)
    assert.deepInclude(turn, { generatedMs: 4000, sentMs: 4000, heardMs: 4000, interrupted: false })
    assert.strictEqual(turn?.heard, turn?.generated)
  })

  it("interrupts where it had paused when the sound gets longer", () => {
    const scene = paused()
    scene.frames(60, Scene.loud)
    assert.notInclude(Scene.tags(Scene.echoes(scene)), "Truncate", "not decided yet")
    const given = scene.frames(400, Scene.loud)
    const [truncate] = Scene.only(given, "Truncate")
    assert.closeTo(truncate?.audioEndMs ?? 0, 1060, 15)
    assert.notInclude(Scene.tags(given), "Clear")
    assert.isEmpty(played(given))
    const [reacted] = Scene.only(given, "Reacted")
    assert.closeTo(reacted?.ms ?? 0, 260, 15)
    scene.frames(600)
    assert.include(Scene.tags(Scene.stops(scene)), "CreateResponse")
    assert.strictEqual(scene.state().sums.interruptions, 1)
  })

  it("the deltas of the response are kept meanwhile, and come after the rest", () => {
    const scene = paused({}, false)
    assert.isEmpty(says(scene, "resp_1", "item_1", 1000, 3))
    assert.isEmpty(says(scene, "resp_1", "item_2", 500, 4))
    const given = coughIsOver(scene)
    assert.deepStrictEqual(played(given).slice(1), [
      ["item_1", 16_000, 16_000],
      ["item_1", 32_000, 8_000],
      ["item_2", 0, 4_000]
    ])
    assert.deepStrictEqual(played(says(scene, "resp_1", "item_2", 500, 5)), [["item_2", 4_000, 4_000]])
  })

  it("an interruption drops them, and deletes an item that came meanwhile", () => {
    const scene = paused({}, false)
    says(scene, "resp_1", "item_1", 1000, 3)
    says(scene, "resp_1", "item_2", 500, 4)
    scene.frames(60, Scene.loud)
    Scene.echoes(scene)
    assert.include(Scene.tags(scene.frames(400, Scene.loud)), "CancelResponse")
    assert.isEmpty(says(scene, "resp_1", "item_2", 500, 5))
    const given = Scene.done(scene, "resp_1", "cancelled")
    assert.deepStrictEqual(
      given.flatMap((command) => ("item" in command ? [[command._tag, command.item]] : [])),
      [
        ["Truncate", "item_1"],
        ["DeleteItem", "item_2"]
      ]
    )
    assert.deepStrictEqual(
      agentTurns(scene).map(({ generatedMs, sentMs }) => [generatedMs, sentMs]),
      [
        [5000, 4000],
        [1000, 0]
      ]
    )
  })

  it("is undecided for 800 ms at most: then it was speech", () => {
    const scene = paused({ interruptAfterMs: 0, backchannels: { maxMs: 700, words: ["mm-hm"] } })
    scene.frames(60)
    Scene.echoes(scene)
    assert.isEmpty(Scene.only(scene.frames(720), "Truncate"))
    assert.include(Scene.tags(scene.frames(20)), "Truncate")
    Scene.stops(scene)
    assert.include(Scene.tags(scene.commands), "CreateResponse")
  })

  it("words decide: a backchannel goes on, anything else interrupts and is answered", () => {
    for (const [text, isAside] of [
      ["Mm-HM!", true],
      ["Uh huh.", true],
      ["", true],
      ["No.", false],
      ["Mm-hm, but", false]
    ] as const) {
      const scene = paused({ interruptAfterMs: 0, backchannels: { maxMs: 700, words: ["mm-hm", "uh-huh"] } })
      scene.frames(60)
      Scene.echoes(scene)
      scene.frames(440)
      Scene.stops(scene)
      scene.frames(60)
      const given = [...scene.on({ _tag: "ModelTranscribed", session: 0, item: "user_1", text })]
      assert.strictEqual(Scene.tags(given).includes("PlayAudio"), isAside, text)
      assert.strictEqual(Scene.tags(given).includes("DeleteItem"), isAside, text)
      assert.strictEqual(Scene.tags(given).includes("Truncate"), !isAside, text)
      assert.strictEqual(Scene.tags(given).includes("CreateResponse"), !isAside, text)
    }
  })

  it("waits for the mark before it goes on, 800 ms from the pause on such a line, then goes by the estimate", () => {
    const scene = paused()
    assert.isEmpty(played(scene.frames(780)))
    const given = scene.frames(20)
    assert.includeMembers(Scene.notes(given), ["cut estimated", "playback resumed"])
    assert.closeTo(resumedAt(given) / 8, 1800, 100)
    const before = scene.state().ledger
    Scene.echoes(scene)
    assert.strictEqual(scene.state().ledger.playback.sent, before.playback.sent, "the late mark is stale")
  })

  it("goes on as soon as the mark is back where the sound is over already", () => {
    const scene = paused()
    assert.isEmpty(played(scene.frames(240)))
    assert.isNotEmpty(played(Scene.echoes(scene)))
  })

  it("a second sound pauses again, within one speech of the model's detection and in another", () => {
    const scene = paused()
    coughIsOver(scene)
    Scene.begins(scene)
    const given = scene.frames(60, Scene.loud)
    assert.include(Scene.tags(given), "Clear")
    assert.notInclude(Scene.tags(given), "CancelResponse")
    Scene.echoes(scene)
    scene.frames(60, Scene.loud)
    assert.strictEqual(scene.state().sums.interruptions, 1, "500 ms have passed since the onset: speech")
    const again = paused()
    const first = resumedAt(coughIsOver(again))
    Scene.begins(again)
    again.frames(400)
    Scene.stops(again)
    again.frames(200)
    again.frames(200, Scene.loud)
    assert.deepStrictEqual(Scene.tags(Scene.speaks(again, "user_2")), ["Mark", "Clear"])
    const second = resumedAt(coughIsOver(again))
    assert.closeTo((second - first) / 8, 860, 15)
    Scene.begins(again)
    again.frames(400)
    Scene.stops(again, "user_2")
    again.frames(3600)
    Scene.echoes(again)
    assert.deepInclude(agentTurns(again)[0], { sentMs: 4000, heardMs: 4000, interrupted: false })
    assert.deepInclude(again.state().sums, { pauses: 2, resumed: 2, interruptions: 0 })
  })

  it("does not pause for what is not loud, nor for what is over when it is reported", () => {
    const scene = Scene.live(pauses)
    Scene.created(scene, "resp_1")
    says(scene, "resp_1", "item_1", 4000, 1)
    Scene.begins(scene)
    scene.frames(1000)
    assert.isEmpty(Scene.speaks(scene))
    scene.frames(500)
    Scene.stops(scene)
    scene.frames(100, Scene.loud)
    scene.frames(200)
    assert.isEmpty(Scene.speaks(scene, "user_2"))
    scene.frames(500)
    assert.deepInclude(Scene.stops(scene, "user_2"), { _tag: "DeleteItem", session: 0, item: "user_2" })
    assert.notInclude(Scene.tags(scene.commands), "Clear")
  })

  it("where nothing of the agent's is audible or queued, what the caller says is speech", () => {
    const scene = Scene.live(pauses)
    scene.frames(200, Scene.loud)
    assert.isEmpty(Scene.speaks(scene))
    scene.frames(500)
    assert.include(Scene.tags(Scene.stops(scene)), "CreateResponse")
  })

  it("an item that was complete before the decision is deleted where it was speech", () => {
    const scene = paused({}, false)
    says(scene, "resp_1", "item_2", 500, 4)
    Scene.done(scene, "resp_1")
    scene.frames(60, Scene.loud)
    Scene.echoes(scene)
    const given = scene.frames(400, Scene.loud)
    assert.deepInclude(given, { _tag: "DeleteItem", session: 0, item: "item_2" })
    assert.isEmpty(scene.state().items)
  })

  it("creates no response while it lasts", () => {
    const scene = Scene.live({
      ...pauses,
      tools: [tool],
      interruptAfterMs: 0,
      backchannels: { maxMs: 700, words: ["mm-hm"] }
    })
    Scene.created(scene, "resp_1")
    says(scene, "resp_1", "item_1", 4000, 1)
    scene.on({
      _tag: "ModelToolCalled",
      session: 0,
      response: "resp_1",
      item: "fc_1",
      call: "call_1",
      name: "look",
      arguments: "{}"
    })
    Scene.done(scene, "resp_1")
    Scene.begins(scene)
    scene.frames(800)
    scene.frames(200, Scene.loud)
    Scene.speaks(scene)
    scene.frames(500)
    Scene.stops(scene)
    assert.notInclude(Scene.tags(scene.on({ _tag: "ToolFinished", call: "call_1", output: "{}" })), "CreateResponse")
    Scene.echoes(scene)
    const given = scene.on({ _tag: "ModelTranscribed", session: 0, item: "user_1", text: "Mm-hm." })
    assert.includeMembers(Scene.tags(given), ["PlayAudio", "CreateResponse"])
  })

  it("what is owed to the caller is owed after it: an answer that waits comes", () => {
    const scene = Scene.live(pauses)
    scene.frames(200, Scene.loud)
    Scene.speaks(scene)
    scene.frames(500)
    scene.on({ _tag: "ModelSpeechStopped", session: 0, item: "user_1", audioEndMs: 1700 })
    Scene.speaks(scene, "user_2")
    assert.include(Scene.tags(Scene.stops(scene, "user_2")), "CreateResponse")
  })

  it("of more than a minute of unheard audio there is no pause: the sound is speech, and that is noted", () => {
    const scene = Scene.live(pauses)
    Scene.created(scene, "resp_1")
    for (let second = 0; second < 61; second++) says(scene, "resp_1", "item_1", 1000, second)
    Scene.begins(scene)
    scene.frames(800)
    scene.frames(200, Scene.loud)
    const given = Scene.speaks(scene)
    assert.deepStrictEqual(Scene.notes(given), ["not paused"])
    assert.include(Scene.tags(given), "CancelResponse")
    assert.isAtMost(JSON.stringify(scene.state()).length, 700_000)
  })

  it("nothing is kept that was heard, and nothing at all where the policy is off", () => {
    const scene = Scene.live(pauses)
    Scene.created(scene, "resp_1")
    for (let second = 0; second < 3; second++) says(scene, "resp_1", "item_1", 1000, second)
    assert.strictEqual(scene.state().ledger.kept.bytes, 24_000)
    Scene.begins(scene)
    scene.frames(1000)
    Scene.begins(scene)
    assert.strictEqual(scene.state().ledger.kept.bytes, 16_000)
    const off = Scene.live({ turns: "machine" })
    Scene.created(off, "resp_1")
    says(off, "resp_1", "item_1", 1000)
    assert.isEmpty(off.state().ledger.kept.pieces)
  })
})

describe("A pause while the call ends", () => {
  const goodbye = (): Scene.Scene => {
    const scene = Scene.live(pauses)
    Scene.created(scene, "resp_1")
    says(scene, "resp_1", "item_1", 2000, 1, "Goodbye.")
    const call = { call: "call_1", name: "end_call", arguments: "{}", item: "fc_1" }
    scene.on({ _tag: "ModelToolCalled", session: 0, response: "resp_1", ...call })
    Scene.done(scene, "resp_1")
    Scene.begins(scene)
    scene.frames(800)
    scene.frames(200, Scene.loud)
    Scene.speaks(scene)
    return scene
  }

  it("a goodbye is resumed and heard, then the line closes", () => {
    const scene = goodbye()
    assert.isNotEmpty(played(coughIsOver(scene)))
    Scene.begins(scene)
    scene.frames(300)
    Scene.stops(scene)
    assert.notInclude(Scene.tags(scene.frames(660)), "HangUp")
    assert.include(Scene.tags(Scene.echoes(scene)), "HangUp")
    assert.deepInclude(agentTurns(scene)[0], { heardMs: 2000 })
  })

  it("a goodbye has the time that the pause took", () => {
    const scene = goodbye()
    const due = scene.state().ending?.due ?? 0
    coughIsOver(scene)
    assert.isAtLeast((scene.state().ending?.due ?? 0) - due, 140)
  })

  it("a goodbye is called off when the caller speaks", () => {
    const scene = goodbye()
    scene.frames(60, Scene.loud)
    Scene.echoes(scene)
    scene.frames(500, Scene.loud)
    scene.frames(500)
    assert.include(Scene.tags(Scene.stops(scene)), "CreateResponse")
    assert.notInclude(Scene.tags(scene.commands), "HangUp")
  })

  it("the model is lost: the caller hears the rest, then the apology", () => {
    const scene = paused()
    Scene.echoes(scene)
    const given = scene.on({ _tag: "ModelClosed", session: 0, code: 1006, reason: "" })
    assert.isNotEmpty(played(given))
    Scene.begins(scene)
    scene.frames(3000)
    assert.include(Scene.tags(Scene.echoes(scene)), "CloseCarrier")
    assert.deepInclude(agentTurns(scene)[0], { heardMs: 4000 })
  })

  it("the caller hangs up: what was heard before is settled, and nothing follows", () => {
    const scene = paused()
    scene.frames(60)
    Scene.echoes(scene)
    scene.on({ _tag: "CarrierStopped", stream: 0 })
    assert.isEmpty(scene.wait(1000))
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "caller hung up")
    assert.closeTo(agentTurns(scene)[0]?.heardMs ?? 0, 1060, 15)
  })

  it("an operator ends the call", () => {
    const scene = paused()
    scene.on({ _tag: "EndRequested", by: "operator" })
    scene.wait(10_000)
    assert.strictEqual(Scene.outcome(scene), "operator")
  })

  it("the longest duration is reached: the goodbye comes after", () => {
    const scene = paused({ maxCallMs: 2_100 })
    scene.frames(60)
    Scene.echoes(scene)
    assert.isNotEmpty(played(scene.frames(180)))
    scene.frames(300)
    Scene.stops(scene)
    assert.include(Scene.tags(scene.commands), "CreateResponse")
  })
})
