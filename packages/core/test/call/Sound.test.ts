import { Agent } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

/** The agent has been heard for a second of the four it is saying. */
const talking = (agent: Partial<Agent.Agent>): Scene.Scene => {
  const scene = Scene.live({ turns: "machine", ...agent })
  Scene.created(scene, "resp_1")
  Scene.says(scene, "resp_1", "item_1", 4000, "One two three four.")
  Scene.begins(scene)
  Scene.done(scene, "resp_1")
  scene.frames(800)
  return scene
}

/** The caller is loud for `ms`, reported 200 ms after the onset, and silent for the detection's window. */
const sound = (scene: Scene.Scene, ms: number): void => {
  scene.frames(Math.min(ms, 200), Scene.loud)
  if (ms < 200) scene.frames(200 - ms)
  Scene.speaks(scene)
  if (ms > 200) scene.frames(ms - 200, Scene.loud)
  scene.frames(500)
}

const transcribed = (scene: Scene.Scene, text: string) =>
  scene.on({ _tag: "ModelTranscribed", session: 0, item: "user_1", text })

const backchannels = { maxMs: 600, words: ["mm-hm", "I see"] }

describe("Backchannels", () => {
  it("by length alone: what is no longer is ignored, deleted, and an aside", () => {
    const scene = talking({ backchannels: { maxMs: 600, words: [] } })
    sound(scene, 600)
    assert.include(Scene.tags(Scene.stops(scene)), "DeleteItem")
    assert.notIncludeMembers(Scene.tags(scene.commands), ["Clear"])
    assert.include(Scene.notes(scene.commands), "interruption ignored")
    scene.frames(2000)
    assert.notInclude(Scene.tags(scene.commands), "CreateResponse")
    scene.frames(10_000)
    Scene.echoes(scene)
    assert.strictEqual(scene.state().sums.asides, 1)
  })

  it("longer speech interrupts as soon as it is longer, by its loud frames", () => {
    const scene = talking({ backchannels })
    scene.frames(200, Scene.loud)
    Scene.speaks(scene)
    assert.notInclude(Scene.tags(scene.frames(400, Scene.loud)), "Clear")
    assert.include(Scene.tags(scene.frames(60, Scene.loud)), "Clear")
    scene.frames(500)
    assert.notInclude(Scene.tags(Scene.stops(scene)), "DeleteItem")
  })

  it("by words: the agent goes on talking until they are known, then it is an aside", () => {
    const scene = talking({ backchannels })
    sound(scene, 300)
    Scene.stops(scene)
    assert.isEmpty(scene.frames(400).filter(({ _tag }) => _tag !== "ForwardAudio"))
    assert.include(Scene.tags(transcribed(scene, "I see.")), "DeleteItem")
    assert.notIncludeMembers(Scene.tags(scene.commands), ["Clear"])
  })

  it("by words: other words interrupt, and are answered", () => {
    const scene = talking({ backchannels })
    sound(scene, 300)
    Scene.stops(scene)
    assert.include(Scene.tags(transcribed(scene, "Stop.")), "Clear")
    assert.include(Scene.tags(Scene.echoes(scene)), "CreateResponse")
    assert.notInclude(Scene.tags(scene.commands), "DeleteItem")
  })

  it("by words: none within 800 ms of the end, or none at all: it was speech", () => {
    const late = talking({ backchannels })
    sound(late, 300)
    Scene.stops(late)
    assert.notInclude(Scene.tags(late.frames(780)), "Clear")
    assert.include(Scene.tags(late.frames(40)), "Clear")
    const failed = talking({ backchannels })
    sound(failed, 300)
    Scene.stops(failed)
    assert.include(Scene.tags(failed.on({ _tag: "ModelTranscriptionFailed", session: 0, item: "user_1" })), "Clear")
  })

  it("words that come before the item is committed are as good", () => {
    const scene = talking({ backchannels })
    sound(scene, 300)
    transcribed(scene, "Mm-hm")
    assert.include(Scene.tags(Scene.stops(scene)), "DeleteItem")
  })

  it("speech of which the item comes late is answered when it has come", () => {
    const scene = talking({ backchannels })
    sound(scene, 300)
    scene.on({ _tag: "ModelSpeechStopped", session: 0, item: "user_1", audioEndMs: 2500 })
    assert.include(Scene.tags(transcribed(scene, "Stop.")), "Clear")
    Scene.echoes(scene)
    assert.notInclude(Scene.tags(scene.commands), "CreateResponse")
    const given = scene.on({ _tag: "ModelSpeechCommitted", session: 0, item: "user_1", previous: null })
    assert.include(Scene.tags(given), "CreateResponse")
  })

  it("a word that the agent has finished before is an answer, not a backchannel", () => {
    const scene = talking({ backchannels })
    scene.frames(2800)
    sound(scene, 300)
    Scene.echoes(scene)
    assert.include(Scene.tags(Scene.stops(scene)), "CreateResponse")
    assert.notInclude(Scene.tags(scene.commands), "DeleteItem")
  })

  it("only while the agent talks: what is said before it begins is speech", () => {
    const scene = Scene.live({ turns: "machine", backchannels: { maxMs: 600, words: [] } })
    Scene.created(scene, "resp_1")
    scene.frames(200, Scene.loud)
    assert.deepStrictEqual(Scene.tags(Scene.speaks(scene)), ["CancelResponse"])
  })

  it("two in a row are two asides", () => {
    const scene = talking({ backchannels: { maxMs: 600, words: [] } })
    for (const item of ["user_1", "user_2"]) {
      scene.frames(200, Scene.loud)
      Scene.speaks(scene, item)
      scene.frames(500)
      assert.include(Scene.tags(Scene.stops(scene, item)), "DeleteItem")
    }
    Scene.echoes(scene)
    scene.frames(10_000)
    assert.strictEqual(scene.state().sums.asides, 2)
  })

  it("the words for English are not on by default", () => {
    assert.isNull(Agent.defaults.backchannels)
    assert.include(Agent.backchannels, "mm-hm")
  })
})

describe("An aside", () => {
  it("does not change what the caller is owed: the reaction counts from their turn", () => {
    const scene = Scene.live({ turns: "machine", interruptAfterMs: 400 })
    scene.frames(600, Scene.loud)
    Scene.speaks(scene)
    scene.frames(500)
    Scene.stops(scene)
    Scene.created(scene, "resp_1", Scene.only(scene.commands, "CreateResponse")[0]?.request ?? null)
    scene.frames(100, Scene.loud)
    Scene.speaks(scene, "user_2")
    scene.frames(500)
    assert.include(Scene.tags(Scene.stops(scene, "user_2")), "DeleteItem")
    Scene.says(scene, "resp_1", "item_1", 1000)
    assert.strictEqual(Scene.only(Scene.begins(scene), "Reacted")[0]?.to, "answer")
  })

  it("whose session is gone is deleted nowhere", () => {
    const scene = talking({ interruptAfterMs: 400 })
    sound(scene, 200)
    scene.on({ _tag: "ModelSpeechStopped", session: 0, item: "user_1", audioEndMs: 2500 })
    scene.on({ _tag: "ModelClosed", session: 0, code: 1006, reason: "" })
    assert.notInclude(Scene.tags(scene.wait(20_000)), "DeleteItem")
  })
})

describe("A gate", () => {
  /** -19.5 dBFS, and so on by 6 dB. */
  const at = { "-20": "y", "-26": "u", "-32": "q", "-38": "m", "-50": "e" } as const

  const audible = (gate: Agent.Gate, levels: string, agent: Partial<Agent.Agent> = {}): Scene.Scene => {
    const scene = Scene.live({ turns: "machine", gate, ...agent })
    Scene.created(scene, "resp_1")
    scene.on({
      _tag: "ModelAudio",
      session: 0,
      response: "resp_1",
      item: "item_1",
      contentIndex: 0,
      bytes: 32_000,
      levels,
      payload: ""
    })
    Scene.begins(scene)
    Scene.done(scene, "resp_1")
    scene.frames(1000)
    return scene
  }

  it("minDbfs: while the agent is audible a quieter sound is none, a louder one interrupts at once", () => {
    const scene = audible({ minDbfs: -30, echoDb: null }, "")
    scene.frames(200, at["-32"])
    assert.isEmpty(Scene.speaks(scene))
    assert.notInclude(Scene.tags(scene.frames(400, at["-32"])), "Clear")
    assert.include(Scene.tags(scene.frames(40, at["-26"])), "Clear")
  })

  it("what was ignored is an aside", () => {
    const scene = audible({ minDbfs: -30, echoDb: null }, "")
    scene.frames(200, at["-32"])
    Scene.speaks(scene)
    scene.frames(500)
    assert.include(Scene.tags(Scene.stops(scene)), "DeleteItem")
    assert.deepInclude(scene.commands, {
      _tag: "Note",
      note: { what: "interruption ignored", detail: "no louder than the gate" }
    })
  })

  it("minDbfs: nothing is gated while the agent is silent", () => {
    const scene = Scene.live({ turns: "machine", gate: { minDbfs: -30, echoDb: null } })
    scene.frames(200, at["-38"])
    Scene.speaks(scene)
    scene.frames(500)
    assert.include(Scene.tags(Scene.stops(scene)), "CreateResponse")
  })

  it("minDbfs: nor while it is still thinking", () => {
    const gate = { minDbfs: -30, echoDb: null }
    const scene = Scene.live({ turns: "machine", gate, interruptAfterMs: 300 })
    Scene.created(scene, "resp_1")
    scene.frames(200, at["-32"])
    Scene.speaks(scene)
    assert.include(Scene.tags(scene.frames(200, at["-32"])), "CancelResponse")
  })

  it("echoDb: a sound that stays so far below what played 40 to 500 ms before is the agent's own", () => {
    const scene = audible({ minDbfs: null, echoDb: 10 }, at["-20"].repeat(200))
    scene.frames(200, at["-32"])
    assert.isEmpty(Scene.speaks(scene))
    assert.notInclude(Scene.tags(scene.frames(300, at["-32"])), "Clear")
    assert.include(Scene.tags(scene.frames(40, at["-26"])), "Clear", "6 dB below: the caller")
  })

  it("echoDb: what is louder than the agent was then is the caller, however quiet", () => {
    const loudThenQuiet = at["-20"].repeat(20) + at["-50"].repeat(180)
    const scene = audible({ minDbfs: null, echoDb: 10 }, loudThenQuiet)
    scene.frames(200, at["-32"])
    assert.include(Scene.tags(Scene.speaks(scene)), "Clear")
  })

  it("echoDb: what plays now has not come back yet", () => {
    const scene = audible({ minDbfs: null, echoDb: 10 }, at["-50"].repeat(50) + at["-20"].repeat(150))
    scene.frames(20, at["-32"])
    assert.include(Scene.tags(Scene.speaks(scene)), "Clear")
  })

  it("echoDb: the tail of what played comes back after it ended, and after a clear", () => {
    const levels = at["-20"].repeat(50) + at["-50"].repeat(150)
    const scene = audible({ minDbfs: null, echoDb: 10 }, levels)
    scene.frames(300, at["-32"])
    assert.isEmpty(Scene.speaks(scene), "what played 500 ms ago was loud")
  })

  it("a pause waits for a frame that exceeds the gate", () => {
    const policies = { interruptAfterMs: 400, pauseToDecide: true }
    const scene = audible({ minDbfs: -30, echoDb: null }, "", policies)
    scene.frames(200, at["-32"])
    assert.isEmpty(Scene.speaks(scene))
    const given = scene.frames(40, at["-26"])
    assert.include(Scene.tags(given), "Clear")
    assert.notInclude(Scene.tags(given), "CancelResponse")
  })

  it("keeps levels only where echoDb is on, and never audio", () => {
    const kept = (gate: Agent.Gate) => audible(gate, at["-20"].repeat(200)).state()
    assert.isEmpty(kept({ minDbfs: -30, echoDb: null }).ledger.kept.pieces)
    const state = kept({ minDbfs: null, echoDb: 10 })
    assert.deepInclude(state.ledger.kept.pieces[0], { payload: "", levels: at["-20"].repeat(200) })
    assert.isAtMost(state.outbound.levels.length, 30)
  })
})
