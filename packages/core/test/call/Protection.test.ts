import type { Agent } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

const notice: Agent.Tool = {
  name: "terms",
  description: "The terms that the caller has to hear.",
  parameters: { type: "object" },
  timeoutMs: 5000,
  protectAnswer: true
}

const agent: Partial<Agent.Agent> = {
  turns: "machine",
  tools: [notice, { ...notice, name: "look", protectAnswer: false }]
}

const calls = (scene: Scene.Scene, response: string, name: string, call: string) =>
  scene.on({ _tag: "ModelToolCalled", session: 0, response, item: `fc_${call}`, call, name, arguments: "{}" })

const requests = (scene: Scene.Scene) => Scene.only(scene.commands, "CreateResponse").map(({ request }) => request)

const last = (scene: Scene.Scene): string => requests(scene).at(-1) ?? ""

/** The tool was asked for and has answered: its answer is requested. */
const requested = (name = "terms"): Scene.Scene => {
  const scene = Scene.live(agent)
  Scene.created(scene, "resp_1")
  calls(scene, "resp_1", name, "call_1")
  Scene.done(scene, "resp_1")
  scene.on({ _tag: "ToolFinished", call: "call_1", output: "{}" })
  return scene
}

/** A second of the notice, of three, was heard. */
const underWay = (name = "terms"): Scene.Scene => {
  const scene = requested(name)
  Scene.created(scene, "resp_2", last(scene))
  Scene.says(scene, "resp_2", "item_2", 3000, "These are the terms.")
  Scene.done(scene, "resp_2")
  Scene.begins(scene)
  scene.frames(1000)
  return scene
}

const speaks = (scene: Scene.Scene, item = "user_1"): void => {
  Scene.speaks(scene, item)
  scene.frames(600)
  Scene.stops(scene, item)
}

const cuts = (scene: Scene.Scene) =>
  Scene.tags(scene.commands).filter((tag) => /^(Clear|Truncate|CancelResponse|DeleteItem)$/.test(tag))

const agentTurns = (scene: Scene.Scene) =>
  Scene.only(scene.commands, "Settled").flatMap(({ turn }) => (turn.speaker === "agent" ? [turn] : []))

describe("The answer to a tool that protects it", () => {
  it("is heard to its end whatever the caller says, and that is proved", () => {
    const scene = underWay()
    speaks(scene)
    scene.frames(1400)
    Scene.echoes(scene)
    assert.isEmpty(cuts(scene))
    assert.deepInclude(agentTurns(scene)[0], { protected: true, heardMs: 3000, interrupted: false })
  })

  it("is answered after: no response is created before it was heard", () => {
    const scene = underWay()
    speaks(scene)
    assert.strictEqual(requests(scene).length, 1)
    scene.frames(1400)
    assert.strictEqual(requests(scene).length, 1)
    assert.include(Scene.tags(Scene.echoes(scene)), "CreateResponse")
  })

  it("what the caller says twice cuts neither it nor an answer behind it", () => {
    const scene = underWay()
    speaks(scene, "user_1")
    speaks(scene, "user_2")
    scene.frames(800)
    Scene.echoes(scene)
    assert.isEmpty(cuts(scene))
    assert.strictEqual(requests(scene).length, 2)
  })

  it("the caller's audio is still sent", () => {
    const scene = underWay()
    assert.strictEqual(Scene.only(scene.frames(200, Scene.loud), "ForwardAudio").length, 10)
  })

  it("is protected from its request on: speech cancels nothing", () => {
    const scene = requested()
    Scene.speaks(scene)
    assert.isEmpty(cuts(scene))
    assert.isEmpty(Scene.created(scene, "resp_2", last(scene)))
    Scene.says(scene, "resp_2", "item_2", 3000, "These are the terms.")
    Scene.done(scene, "resp_2")
    Scene.begins(scene)
    scene.frames(3000)
    Scene.echoes(scene)
    assert.isEmpty(cuts(scene))
    assert.deepInclude(agentTurns(scene)[0], { protected: true, heardMs: 3000 })
  })

  it("keeps its protection through a failure", () => {
    const scene = requested()
    Scene.created(scene, "resp_2", last(scene))
    Scene.done(scene, "resp_2", "failed")
    scene.frames(600)
    Scene.created(scene, "resp_3", last(scene))
    Scene.says(scene, "resp_3", "item_3", 1000, "These are the terms.")
    Scene.done(scene, "resp_3")
    Scene.begins(scene)
    speaks(scene)
    scene.frames(400)
    Scene.echoes(scene)
    assert.isEmpty(cuts(scene))
    assert.deepInclude(agentTurns(scene)[0], { protected: true, heardMs: 1000 })
  })

  it("keeps it where the caller speaks before the retry: the answer to that is it", () => {
    const scene = requested()
    Scene.created(scene, "resp_2", last(scene))
    Scene.done(scene, "resp_2", "failed")
    speaks(scene)
    Scene.created(scene, "resp_3", last(scene))
    Scene.speaks(scene, "user_2")
    Scene.says(scene, "resp_3", "item_3", 1000)
    Scene.begins(scene)
    assert.isEmpty(cuts(scene))
    assert.isTrue(scene.state().items[0]?.protected)
  })

  it("is protected before its first audio", () => {
    const scene = requested()
    Scene.created(scene, "resp_2", last(scene))
    Scene.speaks(scene)
    assert.isEmpty(cuts(scene))
  })

  it("keeps it through a refusal", () => {
    const scene = requested()
    const error = { type: "server_error", code: "odd", message: "", param: null, cause: last(scene) }
    scene.on({ _tag: "ModelErred", session: 0, error })
    scene.frames(600)
    Scene.created(scene, "resp_2", last(scene))
    Scene.says(scene, "resp_2", "item_2", 1000)
    Scene.begins(scene)
    Scene.speaks(scene)
    assert.isEmpty(cuts(scene))
  })

  it("an incomplete one is protected as far as it came", () => {
    const scene = requested()
    Scene.created(scene, "resp_2", last(scene))
    Scene.says(scene, "resp_2", "item_2", 1000, "These are")
    Scene.done(scene, "resp_2", "incomplete")
    Scene.begins(scene)
    Scene.speaks(scene)
    scene.frames(1000)
    Scene.echoes(scene)
    assert.isEmpty(cuts(scene))
    assert.deepInclude(agentTurns(scene)[0], { protected: true, heardMs: 1000 })
  })

  it("if the caller speaks before it is requested, the response to that is it", () => {
    const scene = Scene.live(agent)
    Scene.created(scene, "resp_1")
    calls(scene, "resp_1", "terms", "call_1")
    Scene.done(scene, "resp_1")
    Scene.speaks(scene)
    scene.frames(400)
    scene.on({ _tag: "ToolFinished", call: "call_1", output: "{}" })
    Scene.stops(scene)
    Scene.created(scene, "resp_2", last(scene))
    Scene.says(scene, "resp_2", "item_2", 1000)
    Scene.begins(scene)
    Scene.speaks(scene, "user_2")
    assert.isEmpty(cuts(scene))
  })

  it("the response after it is not protected", () => {
    const scene = underWay()
    speaks(scene)
    scene.frames(1400)
    Scene.echoes(scene)
    Scene.created(scene, "resp_3", last(scene))
    Scene.says(scene, "resp_3", "item_3", 1000)
    Scene.begins(scene)
    Scene.speaks(scene, "user_2")
    assert.include(cuts(scene), "Clear")
  })

  it("that of another tool is not", () => {
    const scene = underWay("look")
    Scene.speaks(scene)
    assert.include(cuts(scene), "Clear")
  })

  it("no pause touches it", () => {
    const scene = Scene.live({ ...agent, interruptAfterMs: 500, pauseToDecide: true })
    Scene.created(scene, "resp_1")
    calls(scene, "resp_1", "terms", "call_1")
    Scene.done(scene, "resp_1")
    scene.on({ _tag: "ToolFinished", call: "call_1", output: "{}" })
    Scene.created(scene, "resp_2", last(scene))
    Scene.says(scene, "resp_2", "item_2", 3000)
    Scene.begins(scene)
    scene.frames(400)
    scene.frames(200, Scene.loud)
    Scene.speaks(scene)
    scene.frames(1000, Scene.loud)
    assert.isEmpty(cuts(scene))
  })

  it("stands in the transcript with its figures, though marks never come back and a hundred turns wait behind it", () => {
    const scene = underWay()
    for (let turn = 1; turn <= 130; turn++) {
      const item = `user_${turn}`
      scene.on({ _tag: "ModelSpeechCommitted", session: 0, item, previous: turn === 1 ? "item_2" : `user_${turn - 1}` })
      scene.on({ _tag: "ModelTranscribed", session: 0, item, text: "Yes." })
    }
    assert.deepInclude(agentTurns(scene)[0], { protected: true, generatedMs: 3000, sentMs: 3000 })
  })

  it("a mark that never comes back does not silence the agent for good", () => {
    const scene = underWay()
    speaks(scene)
    scene.frames(1400)
    assert.strictEqual(requests(scene).length, 1)
    scene.frames(1200)
    assert.strictEqual(requests(scene).length, 2)
  })
})

describe("A protected greeting", () => {
  it("whose request fails is greeted again, protected", () => {
    const scene = Scene.make({ turns: "machine", greeting: "Hello.", greetingProtected: true })
    Scene.carrier(scene)
    Scene.model(scene)
    Scene.created(scene, "resp_1", "r1")
    Scene.done(scene, "resp_1", "failed")
    scene.frames(600)
    Scene.created(scene, "resp_2", last(scene))
    Scene.says(scene, "resp_2", "item_1", 2000, "Hello.")
    Scene.done(scene, "resp_2")
    Scene.begins(scene)
    scene.frames(500)
    speaks(scene)
    scene.frames(900)
    Scene.echoes(scene)
    assert.isEmpty(cuts(scene))
    assert.deepInclude(agentTurns(scene)[0], { protected: true, heardMs: 2000 })
    assert.strictEqual(requests(scene).length, 3)
  })
})
