import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

const tools = ["book", "look"].map((name) => ({
  name,
  description: name,
  parameters: { type: "object" },
  timeoutMs: 5000
}))

const calls = (scene: Scene.Scene, call: string, name: string, args: string, response = "resp_1") =>
  scene.on({
    _tag: "ModelToolCalled",
    session: 0,
    response,
    item: `item_${call}`,
    call,
    name,
    arguments: args
  })

const asked = (list: ReadonlyArray<readonly [call: string, name: string, args: string]>, agent = {}) => {
  const scene = Scene.live({ tools, ...agent })
  Scene.created(scene, "resp_1")
  for (const [call, name, args] of list) calls(scene, call, name, args)
  return scene
}

const answers = (scene: Scene.Scene) =>
  Scene.only(scene.commands, "AnswerTool").map(({ call, output }) => [call, output] as const)

describe("A function call", () => {
  it("is run when its response has completed, not before", () => {
    const scene = asked([["c1", "book", '{"seats":4}']])
    assert.notInclude(Scene.tags(scene.commands), "RunTool")
    assert.deepStrictEqual(Scene.done(scene, "resp_1"), [
      { _tag: "RunTool", call: "c1", name: "book", arguments: '{"seats":4}' }
    ])
  })

  it("is talked about when the caller has nearly heard what came before it, not minutes ahead", () => {
    const scene = Scene.live({ tools })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 25_000)
    Scene.begins(scene)
    calls(scene, "c1", "look", "{}")
    Scene.done(scene, "resp_1")
    assert.deepStrictEqual(Scene.tags(scene.on({ _tag: "ToolFinished", call: "c1", output: "free" })), ["AnswerTool"])
    assert.notInclude(Scene.tags(scene.frames(14_500)), "CreateResponse")
    assert.include(Scene.tags(scene.frames(1_000)), "CreateResponse")
  })

  it("with empty arguments is run with an empty object", () => {
    const scene = asked([["c1", "look", ""]])
    assert.deepStrictEqual(Scene.only(Scene.done(scene, "resp_1"), "RunTool")[0]?.arguments, "{}")
  })

  it("with broken arguments is answered with the reason, and the model goes on", () => {
    const scene = asked([["c1", "book", '{"seats":']])
    const given = Scene.done(scene, "resp_1")
    assert.deepStrictEqual(Scene.tags(given), ["Note", "AnswerTool", "CreateResponse"])
    assert.deepStrictEqual(answers(scene), [["c1", '{"error":"the arguments are not a JSON object"}']])
  })

  it("of an unknown tool is answered with the reason", () => {
    const scene = asked([["c1", "fly", "{}"]])
    Scene.done(scene, "resp_1")
    assert.deepStrictEqual(answers(scene), [["c1", '{"error":"there is no such tool"}']])
  })

  it("is answered once, and followed by one response", () => {
    const scene = asked([["c1", "book", "{}"]])
    Scene.done(scene, "resp_1")
    const given = scene.on({ _tag: "ToolFinished", call: "c1", output: "booked" })
    assert.deepStrictEqual(Scene.tags(given), ["AnswerTool", "CreateResponse"])
    assert.deepStrictEqual(Scene.notes(scene.on({ _tag: "ToolFinished", call: "c1", output: "again" })), [
      "late tool result"
    ])
    assert.deepStrictEqual(answers(scene), [["c1", "booked"]])
  })

  it("that the model repeats after it was answered is not run again", () => {
    const scene = asked([["c1", "book", "{}"]])
    Scene.done(scene, "resp_1")
    scene.on({ _tag: "ToolFinished", call: "c1", output: "booked" })
    Scene.created(scene, "resp_2", "r1")
    calls(scene, "c1", "book", "{}", "resp_2")
    assert.notInclude(Scene.tags(Scene.done(scene, "resp_2")), "RunTool")
  })

  it("among several holds the response back until all are answered", () => {
    const scene = asked([
      ["c1", "book", "{}"],
      ["c2", "look", "{}"]
    ])
    Scene.done(scene, "resp_1")
    assert.deepStrictEqual(Scene.tags(scene.on({ _tag: "ToolFinished", call: "c2", output: "b" })), ["AnswerTool"])
    assert.deepStrictEqual(Scene.tags(scene.on({ _tag: "ToolFinished", call: "c1", output: "a" })), [
      "AnswerTool",
      "CreateResponse"
    ])
  })

  it("of an interrupted response is not run, but answered", () => {
    const scene = asked([["c1", "book", "{}"]])
    Scene.speaks(scene)
    Scene.done(scene, "resp_1", "cancelled")
    assert.notInclude(Scene.tags(scene.commands), "RunTool")
    assert.deepStrictEqual(answers(scene), [["c1", '{"error":"not run: the response was interrupted"}']])
  })

  it("whose result comes back while the caller speaks is answered, and covered by the model's own response", () => {
    const scene = asked([["c1", "book", "{}"]], { turns: "model" })
    Scene.done(scene, "resp_1")
    Scene.speaks(scene)
    assert.deepStrictEqual(Scene.tags(scene.on({ _tag: "ToolFinished", call: "c1", output: "a" })), ["AnswerTool"])
    scene.frames(400)
    Scene.stops(scene)
    Scene.created(scene, "resp_2")
    assert.notInclude(Scene.tags(Scene.done(scene, "resp_2")), "CreateResponse")
  })

  it("that is never answered by its tool is answered at its timeout", () => {
    const scene = asked([["c1", "book", "{}"]])
    Scene.done(scene, "resp_1")
    assert.notInclude(Scene.tags(scene.frames(4980)), "AnswerTool")
    const given = scene.frames(40)
    assert.includeMembers(Scene.notes(given), ["tool timed out"])
    assert.includeMembers(Scene.tags(given), ["AnswerTool", "CreateResponse"])
  })
})

describe("end_call", () => {
  const goodbye = (agent = {}) => {
    const scene = Scene.live(agent)
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 2000, "Goodbye.")
    Scene.begins(scene)
    calls(scene, "c1", "end_call", "{}")
    Scene.done(scene, "resp_1")
    return scene
  }

  it("hangs up only after the goodbye was heard", () => {
    const scene = goodbye()
    assert.deepStrictEqual(answers(scene).length, 1)
    assert.notInclude(Scene.tags(scene.frames(2000)), "HangUp")
    assert.deepStrictEqual(
      Scene.tags(Scene.echoes(scene)).filter((tag) => tag !== "Settled"),
      ["HangUp", "CloseModel"]
    )
    scene.on({ _tag: "CarrierStopped", stream: 0 })
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "agent hung up")
  })

  it("hangs up within a bound when the goodbye's mark never comes back", () => {
    const scene = goodbye()
    assert.include(Scene.tags(scene.frames(10_100)), "HangUp")
  })

  it("is called off when the caller speaks", () => {
    const scene = goodbye()
    scene.frames(600)
    Scene.speaks(scene)
    Scene.echoes(scene)
    scene.frames(400)
    Scene.stops(scene)
    assert.notInclude(Scene.tags(scene.frames(12_000)), "HangUp")
  })

  it("without a word asks for a goodbye first", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    calls(scene, "c1", "end_call", "")
    const given = Scene.done(scene, "resp_1")
    assert.deepStrictEqual(Scene.tags(given), ["AnswerTool", "CreateResponse"])
    assert.notInclude(Scene.tags(given), "HangUp")
  })

  it("closes the stream where the carrier can't be asked to hang up", () => {
    const scene = goodbye()
    scene.frames(2000)
    Scene.echoes(scene)
    assert.deepStrictEqual(scene.on({ _tag: "HangUpFailed" }), [{ _tag: "CloseCarrier", stream: 0 }])
  })
})
