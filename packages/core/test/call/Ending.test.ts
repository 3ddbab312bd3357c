import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

const error = (code: string | null, cause: string | null = null) =>
  ({
    _tag: "ModelErred",
    session: 0,
    error: { type: "invalid_request_error", code, message: "what happened", param: null, cause }
  }) as const

describe("The call ends", () => {
  it("when the carrier stops, as the caller's doing", () => {
    const scene = Scene.live()
    assert.deepStrictEqual(Scene.tags(scene.on({ _tag: "CarrierStopped", stream: 0 })), ["CloseModel"])
    assert.include(Scene.tags(scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })), "Ended")
    assert.strictEqual(Scene.outcome(scene), "caller hung up")
  })

  it("when the carrier's socket closes without a stop", () => {
    const scene = Scene.live()
    assert.includeMembers(Scene.tags(scene.on({ _tag: "CarrierClosed", stream: 0, code: 1006 })), [
      "CloseModel",
      "Ended"
    ])
    assert.strictEqual(Scene.outcome(scene), "carrier lost")
  })

  it("and nothing more is done for a caller who hung up: late media, a model that is ready only now", () => {
    const scene = Scene.make({ greeting: "Hello." })
    Scene.carrier(scene)
    scene.on({ _tag: "ModelConnected", session: 0 })
    scene.frames(1000)
    scene.on({ _tag: "CarrierStopped", stream: 0 })
    assert.deepStrictEqual([...Scene.model(scene), ...scene.frames(1000)], [])
    assert.deepStrictEqual(Scene.tags(scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })), ["Ended"])
  })

  it("when the carrier closes while the last words play", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 5000)
    Scene.begins(scene)
    scene.on({ _tag: "ModelClosed", session: 0, code: 1006, reason: "" })
    scene.frames(1000)
    scene.on({ _tag: "CarrierStopped", stream: 0 })
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "model lost")
    assert.strictEqual(Scene.only(scene.commands, "Settled").length, 1)
  })

  it("when a stopped carrier does not close its socket", () => {
    const scene = Scene.live()
    scene.on({ _tag: "CarrierStopped", stream: 0 })
    assert.includeMembers(Scene.tags(scene.wait(5000)), ["CloseCarrier", "Ended"])
  })

  it("when the line is silent for a minute", () => {
    const scene = Scene.live()
    const given = scene.wait(60_000)
    assert.includeMembers(Scene.tags(given), ["CloseCarrier", "CloseModel", "Ended"])
    assert.strictEqual(Scene.outcome(scene), "carrier silent")
  })

  it("when it has lasted as long as it may, with a goodbye", () => {
    const scene = Scene.live({ maxCallMs: 20_000 })
    const given = scene.frames(19_100)
    assert.include(Scene.tags(given), "CreateResponse")
    assert.include(Scene.tags(scene.frames(10_000)), "HangUp")
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "duration limit")
  })

  it("not before a goodbye is heard that takes longer to generate than it is waited for", () => {
    const scene = Scene.live({ maxCallMs: 20_000 })
    scene.frames(19_100)
    Scene.created(scene, "resp_1", "r1")
    Scene.says(scene, "resp_1", "item_1", 12_000)
    Scene.begins(scene)
    assert.notInclude(Scene.tags(scene.frames(11_000)), "HangUp")
    Scene.says(scene, "resp_1", "item_1", 4000)
    Scene.done(scene, "resp_1")
    assert.notInclude(Scene.tags(scene.frames(4500)), "HangUp")
    assert.include(Scene.tags(scene.frames(2000)), "HangUp")
  })

  it("when the model is lost: what is queued is heard, then the carrier's tail", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 1000)
    Scene.begins(scene)
    assert.deepStrictEqual(Scene.tags(scene.on({ _tag: "ModelClosed", session: 0, code: 1006, reason: "" })), [
      "Note",
      "CloseModel"
    ])
    scene.frames(1000)
    assert.include(Scene.tags(Scene.echoes(scene)), "CloseCarrier")
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "model lost")
  })

  it("when an operator or a shutdown ends it", () => {
    const operator = Scene.live()
    assert.include(Scene.tags(operator.on({ _tag: "EndRequested", by: "operator" })), "HangUp")
    const shutdown = Scene.live()
    assert.include(Scene.tags(shutdown.on({ _tag: "EndRequested", by: "shutdown" })), "CloseCarrier")
  })

  it("and is silent from then on", () => {
    const scene = Scene.live()
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1006 })
    assert.deepStrictEqual(scene.frames(1000), [])
    assert.deepStrictEqual(Scene.created(scene, "resp_1"), [])
    assert.deepStrictEqual(scene.wait(10_000_000), [])
  })

  it("once, with the sums of the call", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 1000, "Hello.")
    Scene.begins(scene)
    const usage = {
      inputText: 100,
      inputAudio: 50,
      inputImage: 0,
      cachedText: 0,
      cachedAudio: 0,
      cachedImage: 0,
      outputText: 10,
      outputAudio: 20
    }
    Scene.done(scene, "resp_1", "completed", { usage })
    scene.frames(1000)
    Scene.echoes(scene)
    scene.on({ _tag: "CarrierStopped", stream: 0 })
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    const ended = Scene.only(scene.commands, "Ended")
    assert.strictEqual(ended.length, 1)
    assert.deepInclude(ended[0]?.summary, { usage, responses: 1, generatedMs: 1000, heardMs: 1000, durationMs: 2000 })
    assert.closeTo(ended[0]?.summary.costUsd ?? 0, (100 * 4 + 50 * 32 + 10 * 24 + 20 * 64) / 1e6, 1e-12)
  })
})

describe("A model error", () => {
  it("that is a benign race is ignored", () => {
    assert.deepStrictEqual(Scene.live().on(error("response_cancel_not_active")), [])
  })

  it("that is unknown is noted, and the call goes on", () => {
    const scene = Scene.live()
    assert.deepStrictEqual(Scene.notes(scene.on(error("something_new"))), ["model error"])
    assert.isUndefined(Scene.outcome(scene))
  })

  it("that makes going on pointless ends the call", () => {
    const scene = Scene.live()
    assert.include(Scene.tags(scene.on(error("insufficient_quota"))), "CloseCarrier")
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "model refused")
  })

  it("that needs a new session ends the call as a lost model", () => {
    const scene = Scene.live()
    scene.on(error("session_expired"))
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "model lost")
  })

  it("while the session is configured ends the call, since nothing would answer", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    scene.on({ _tag: "ModelConnected", session: 0 })
    assert.include(Scene.tags(scene.on(error("invalid_value", "configure_model"))), "CloseCarrier")
  })

  it("inside a response that may be tried again is tried again, three times in all, later each time", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.speaks(scene)
    scene.frames(400)
    Scene.stops(scene)
    const failed = { error: { type: "server_error", code: "server_error", message: "sorry" } }
    const requests = () => Scene.only(scene.commands, "CreateResponse").length
    for (const wait of [500, 1000]) {
      const before = requests()
      const request = `r${before}`
      Scene.created(scene, `resp_${before}`, request)
      Scene.done(scene, `resp_${before}`, "failed", { ...failed, request })
      scene.wait(wait - 1)
      assert.strictEqual(requests(), before)
      scene.wait(1)
      assert.strictEqual(requests(), before + 1)
    }
    Scene.created(scene, "resp_3", "r3")
    Scene.done(scene, "resp_3", "failed", { ...failed, request: "r3" })
    assert.include(Scene.tags(scene.commands), "CloseCarrier")
  })

  it("that refuses our request because another response is active brings it back", () => {
    const scene = Scene.live({ greeting: null, turns: "machine" })
    Scene.speaks(scene)
    scene.frames(400)
    Scene.stops(scene)
    scene.on(error("conversation_already_has_active_response", "r1"))
    assert.notInclude(Scene.tags(scene.wait(249)), "CreateResponse")
    assert.include(Scene.tags(scene.wait(1)), "CreateResponse")
  })
})

describe("A response", () => {
  it("that is asked for and never comes is asked for again, and given up after three times", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.speaks(scene)
    scene.frames(400)
    Scene.stops(scene)
    scene.frames(16_000)
    assert.strictEqual(Scene.only(scene.commands, "CreateResponse").length, 3)
    assert.include(Scene.tags(scene.commands), "CloseCarrier")
  })

  it("that the model forgot in model turns is asked for by us", () => {
    const scene = Scene.live({ turns: "model" })
    Scene.speaks(scene)
    scene.frames(400)
    Scene.stops(scene)
    const given = scene.frames(3020)
    assert.include(Scene.notes(given), "turn unanswered")
    assert.include(Scene.tags(given), "CreateResponse")
  })

  it("that stops in the middle is cancelled", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 200)
    assert.include(Scene.tags(scene.frames(30_100)), "CancelResponse")
  })

  it("out of the conversation is kept away from the caller", () => {
    const scene = Scene.live()
    scene.on({ _tag: "ModelResponseCreated", session: 0, response: "resp_x", request: null, inConversation: false })
    assert.deepStrictEqual(Scene.says(scene, "resp_x", "item_x", 200), [])
  })
})

describe("The model's session", () => {
  it("is noted three minutes before its end", () => {
    const scene = Scene.live({ maxCallMs: 4_000_000 })
    const given: Array<string> = []
    for (let minute = 0; minute < 57; minute++) given.push(...Scene.notes(minuteOf(scene)))
    assert.deepStrictEqual(given, ["model session expiring"])
  })
})

/** A minute of a call in which the caller says nothing: a frame a second keeps the line alive. */
const minuteOf = (scene: Scene.Scene) =>
  Array.from({ length: 60 }, () => [
    ...scene.wait(1000),
    ...scene.on({ _tag: "CarrierMarked", stream: 0, name: "none" })
  ]).flat()
