import { Call } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

const refusal = (cause: string) =>
  ({
    _tag: "ModelErred",
    session: 0,
    error: {
      type: "invalid_request_error",
      code: "conversation_already_has_active_response",
      message: "",
      param: null,
      cause
    }
  }) as const

const failure = { error: { type: "server_error", code: "server_error", message: "sorry" } } as const

const look = { name: "look", description: "Looks.", parameters: { type: "object" }, timeoutMs: 5000 }

const calls = (scene: Scene.Scene, call: string, name: string, response = "resp_1") =>
  scene.on({ _tag: "ModelToolCalled", session: 0, response, item: `fc_${call}`, call, name, arguments: "{}" })

const requests = (scene: Scene.Scene) => Scene.only(scene.commands, "CreateResponse").map(({ request }) => request)

/** In machine turns: the caller has said something, and the answer is requested. */
const asked = (agent: Parameters<typeof Scene.live>[0] = {}): Scene.Scene => {
  const scene = Scene.live({ turns: "machine", ...agent })
  Scene.speaks(scene)
  scene.frames(400)
  Scene.stops(scene)
  return scene
}

/** In model turns: a tool has answered and our response is requested, while the model's own is created. */
const beaten = (): Scene.Scene => {
  const scene = Scene.live({ tools: [look] })
  Scene.created(scene, "resp_1")
  calls(scene, "c1", "look")
  Scene.done(scene, "resp_1")
  scene.on({ _tag: "ToolFinished", call: "c1", output: "{}" })
  assert.deepStrictEqual(requests(scene), ["r1"])
  Scene.created(scene, "resp_2")
  return scene
}

describe("A request that the model's own response beat to the slot", () => {
  it("comes back when it is refused, after that response", () => {
    const scene = beaten()
    assert.deepStrictEqual(scene.on(refusal("r1")), [])
    assert.deepStrictEqual(Scene.tags(Scene.done(scene, "resp_2")), ["CreateResponse"])
  })

  it("and that was not refused by its end has reached the model after it: it is not asked for twice", () => {
    const scene = beaten()
    assert.notInclude(Scene.tags(Scene.done(scene, "resp_2")), "CreateResponse")
    Scene.created(scene, "resp_3", "r1")
    assert.include(Scene.tags(Scene.says(scene, "resp_3", "item_3", 200)), "PlayAudio")
    Scene.done(scene, "resp_3")
    scene.frames(6000)
    assert.deepStrictEqual(requests(scene), ["r1"])
  })

  it("is cancelled when it is created after all and the caller spoke in between", () => {
    const scene = beaten()
    Scene.speaks(scene)
    Scene.done(scene, "resp_2", "cancelled")
    assert.deepStrictEqual(Scene.tags(Scene.created(scene, "resp_3", "r1")), ["CancelResponse"])
  })
})

describe("A request that is refused again and again", () => {
  it("waits longer each time, and the model is given up in the end", () => {
    const scene = asked()
    for (let refusals = 1; refusals <= 10; refusals++) {
      scene.on(refusal(`r${refusals}`))
      if (refusals < 10) {
        scene.frames(Math.min(5_000, 250 * 2 ** (refusals - 1)) - 20)
        assert.strictEqual(requests(scene).length, refusals)
        scene.frames(40)
        assert.strictEqual(requests(scene).length, refusals + 1)
      }
    }
    assert.include(Scene.tags(scene.commands), "CloseCarrier")
  })

  it("keeps what is wanted meanwhile waiting with it, until a response ends", () => {
    const scene = asked()
    for (const request of ["r1", "r2", "r3", "r4"]) {
      scene.on(refusal(request))
      if (request !== "r4") scene.frames(1020)
    }
    Scene.speaks(scene, "user_2")
    scene.frames(400)
    Scene.stops(scene, "user_2")
    scene.frames(1000)
    assert.deepStrictEqual(requests(scene), ["r1", "r2", "r3", "r4"])
    assert.include(Scene.tags(Scene.done(scene, "resp_unknown", "cancelled")), "CreateResponse")
  })
})

describe("A response before the session is configured", () => {
  it("is not played, as nobody knows in which format it is", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    scene.on({ _tag: "ModelConnected", session: 0 })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 1000)
    assert.notInclude(Scene.tags(scene.commands), "PlayAudio")
  })
})

describe("A response", () => {
  it("that fails after another has taken the slot is not tried again", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.created(scene, "resp_2")
    Scene.done(scene, "resp_1", "failed", failure)
    Scene.done(scene, "resp_2")
    scene.frames(2000)
    assert.deepStrictEqual(requests(scene), [])
  })

  it("that fails after the caller interrupted it is not tried again", () => {
    const scene = asked()
    Scene.created(scene, "resp_1", "r1")
    Scene.speaks(scene, "user_2")
    Scene.done(scene, "resp_1", "failed", { ...failure, request: "r1" })
    scene.frames(1000)
    Scene.stops(scene, "user_2")
    assert.deepStrictEqual(requests(scene), ["r1", "r2"])
    Scene.created(scene, "resp_2", "r2")
    Scene.done(scene, "resp_2", "completed", { request: "r2" })
    scene.frames(2000)
    assert.deepStrictEqual(requests(scene), ["r1", "r2"])
  })

  it("of the model's own that fails without having been created is asked for by us", () => {
    const scene = Scene.live({ turns: "model" })
    Scene.speaks(scene)
    scene.frames(400)
    Scene.stops(scene)
    Scene.done(scene, "resp_1", "failed", failure)
    assert.include(Scene.tags(scene.frames(520)), "CreateResponse")
  })

  it("that stops in the middle is cancelled, and asked for again", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    assert.include(Scene.tags(scene.frames(30_020)), "CancelResponse")
    assert.include(Scene.tags(Scene.done(scene, "resp_1", "cancelled")), "CreateResponse")
  })

  it("that was under way when the caller had finished leaves them to be answered by us", () => {
    const scene = Scene.make({ turns: "model" })
    Scene.carrier(scene)
    scene.frames(2000)
    Scene.model(scene)
    Scene.created(scene, "resp_1")
    scene.on({ _tag: "ModelSpeechStarted", session: 0, item: "user_1", audioStartMs: 400 })
    scene.on({ _tag: "ModelSpeechStopped", session: 0, item: "user_1", audioEndMs: 1500 })
    scene.frames(4000)
    assert.deepStrictEqual(requests(scene), [])
    assert.include(Scene.tags(Scene.done(scene, "resp_1")), "CreateResponse")
  })

  it("that is cancelled when it is created settles nothing by estimate", () => {
    const scene = Scene.live({ turns: "machine", tools: [look] })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 4000)
    Scene.begins(scene)
    calls(scene, "c1", "look")
    Scene.done(scene, "resp_1")
    scene.on({ _tag: "ToolFinished", call: "c1", output: "{}" })
    scene.frames(1000)
    assert.deepStrictEqual(Scene.tags(Scene.speaks(scene)), ["Mark", "Clear"])
    assert.deepStrictEqual(Scene.tags(Scene.created(scene, "resp_2", "r1")), ["CancelResponse"])
    assert.include(Scene.tags(Scene.echoes(scene)), "Truncate")
  })
})

describe("Function calls", () => {
  it("of a response that never ends are answered when it is given up, and later ones are followed up", () => {
    const scene = Scene.live({ tools: [look] })
    Scene.created(scene, "resp_1")
    calls(scene, "c1", "look")
    scene.frames(34_000)
    assert.deepStrictEqual(
      Scene.only(scene.commands, "AnswerTool").map(({ call }) => call),
      ["c1"]
    )
    Scene.created(scene, "resp_2", requests(scene)[0] ?? null)
    calls(scene, "c2", "look", "resp_2")
    Scene.done(scene, "resp_2")
    const given = scene.on({ _tag: "ToolFinished", call: "c2", output: "{}" })
    assert.deepStrictEqual(Scene.tags(given), ["AnswerTool", "CreateResponse"])
  })

  it("beside end_call are run, and their results are the last the model is told", () => {
    const scene = Scene.live({ tools: [look] })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 1000)
    Scene.begins(scene)
    calls(scene, "c1", "look")
    calls(scene, "c2", "end_call")
    assert.deepStrictEqual(Scene.tags(Scene.done(scene, "resp_1")), ["RunTool", "AnswerTool"])
    scene.frames(500)
    assert.deepStrictEqual(Scene.tags(scene.on({ _tag: "ToolFinished", call: "c1", output: "{}" })), ["AnswerTool"])
    scene.frames(500)
    assert.include(Scene.tags(Scene.echoes(scene)), "HangUp")
  })
})

describe("end_call", () => {
  it("does not hang up when the caller spoke before its response was done", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 2000)
    Scene.begins(scene)
    calls(scene, "c1", "end_call")
    scene.frames(1000)
    Scene.speaks(scene)
    Scene.echoes(scene)
    Scene.done(scene, "resp_1", "completed")
    scene.frames(400)
    Scene.stops(scene)
    scene.frames(2000)
    assert.notInclude(Scene.tags(scene.commands), "HangUp")
    assert.deepStrictEqual(requests(scene), ["r1"])
  })

  it("is not called off by speech too short to interrupt", () => {
    const scene = Scene.live({ turns: "machine", interruptAfterMs: 600 })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 2000)
    Scene.begins(scene)
    calls(scene, "c1", "end_call")
    Scene.done(scene, "resp_1")
    scene.frames(1700)
    scene.frames(200, Scene.loud)
    Scene.speaks(scene)
    scene.frames(100)
    assert.notInclude(Scene.tags(Scene.echoes(scene)), "HangUp", "the speech may still be long enough")
    scene.frames(400)
    assert.include(Scene.tags(Scene.stops(scene)), "HangUp")
  })

  it("asks for a goodbye once, also when the goodbye calls it again without a word", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    calls(scene, "c1", "end_call")
    Scene.done(scene, "resp_1")
    Scene.created(scene, "resp_2", "r1")
    calls(scene, "c2", "end_call", "resp_2")
    assert.include(Scene.tags(Scene.done(scene, "resp_2")), "HangUp")
    assert.deepStrictEqual(requests(scene), ["r1"])
  })

  it("asks for a goodbye where there was one in text alone, which nobody hears", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.writes(scene, "resp_1", "item_1", "Goodbye.")
    calls(scene, "c1", "end_call")
    assert.notInclude(Scene.tags(Scene.done(scene, "resp_1")), "HangUp")
    assert.deepStrictEqual(requests(scene), ["r1"])
  })

  it("is called off by keys, which are answered", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 2000)
    Scene.begins(scene)
    calls(scene, "c1", "end_call")
    Scene.done(scene, "resp_1")
    for (const digit of "12#") scene.on({ _tag: "CarrierKeyed", stream: 0, digit })
    scene.frames(2000)
    const given = Scene.echoes(scene)
    assert.include(Scene.tags(given), "CreateResponse")
    assert.notInclude(Scene.tags(given), "HangUp")
  })

  it("hangs up where the model is lost after its goodbye, without an apology", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 1000)
    Scene.begins(scene)
    calls(scene, "c1", "end_call")
    Scene.done(scene, "resp_1")
    scene.on({ _tag: "ModelClosed", session: 0, code: 1006, reason: "" })
    scene.frames(1000)
    assert.include(Scene.tags(Scene.echoes(scene)), "HangUp")
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "agent hung up")
  })
})

describe("A call whose time is up", () => {
  const timeIsUp = () => {
    const scene = Scene.live({ maxCallMs: 5000, turns: "machine" })
    scene.frames(4020)
    assert.deepStrictEqual(requests(scene), ["r1"])
    return scene
  }

  it("ends after its goodbye was heard, however long that is", () => {
    const scene = timeIsUp()
    scene.frames(4000)
    Scene.created(scene, "resp_1", "r1")
    Scene.says(scene, "resp_1", "item_1", 8000)
    Scene.begins(scene)
    Scene.done(scene, "resp_1", "completed", { request: "r1" })
    assert.notInclude(Scene.tags(scene.frames(7900)), "HangUp")
    scene.frames(100)
    assert.include(Scene.tags(Scene.echoes(scene)), "HangUp")
  })

  it("waits for nothing else that was wanted", () => {
    const scene = timeIsUp()
    Scene.created(scene, "resp_1", "r1")
    Scene.says(scene, "resp_1", "item_1", 1000)
    Scene.begins(scene)
    Scene.done(scene, "resp_1", "completed", { request: "r1" })
    for (const digit of "12#") scene.on({ _tag: "CarrierKeyed", stream: 0, digit })
    scene.frames(1000)
    assert.include(Scene.tags(Scene.echoes(scene)), "HangUp")
  })

  it("says no second goodbye when one is under way", () => {
    const scene = Scene.live({ maxCallMs: 5000 })
    scene.frames(3000)
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 2000)
    Scene.begins(scene)
    calls(scene, "c1", "end_call")
    Scene.done(scene, "resp_1")
    scene.frames(2000)
    assert.include(Scene.tags(Scene.echoes(scene)), "HangUp")
    assert.deepStrictEqual(requests(scene), [])
  })
})

describe("A protected greeting", () => {
  it("is still protected when it failed and is tried again", () => {
    const scene = Scene.make({ turns: "machine", greeting: "Hello.", greetingProtected: true })
    Scene.carrier(scene)
    Scene.model(scene)
    Scene.created(scene, "resp_1", "r1")
    Scene.done(scene, "resp_1", "failed", { ...failure, request: "r1" })
    scene.frames(600)
    Scene.created(scene, "resp_2", "r2")
    Scene.says(scene, "resp_2", "item_1", 3000)
    Scene.begins(scene)
    scene.frames(1000)
    assert.deepStrictEqual(Scene.notes(Scene.speaks(scene)), ["interruption ignored"])
    assert.notInclude(Scene.tags(scene.commands), "Clear")
  })

  it("is over when it was heard: then the caller may interrupt", () => {
    const scene = Scene.make({ turns: "machine", greeting: "Hello.", greetingProtected: true })
    Scene.carrier(scene)
    Scene.model(scene)
    Scene.created(scene, "resp_1", "r1")
    Scene.says(scene, "resp_1", "item_1", 400)
    Scene.begins(scene)
    Scene.done(scene, "resp_1", "completed", { request: "r1" })
    scene.frames(400)
    Scene.echoes(scene)
    Scene.created(scene, "resp_2")
    Scene.says(scene, "resp_2", "item_2", 3000)
    Scene.begins(scene)
    scene.frames(600)
    assert.include(Scene.tags(Scene.speaks(scene)), "Clear")
  })
})

describe("When the model is gone", () => {
  it("it is told nothing of a cut whose echo comes later", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 4000)
    Scene.begins(scene)
    scene.frames(1000)
    Scene.speaks(scene)
    scene.on({ _tag: "ModelClosed", session: 0, code: 1006, reason: "" })
    const given = [...Scene.echoes(scene), ...scene.frames(1000)]
    assert.notInclude(Scene.tags(given), "Truncate")
    assert.include(Scene.tags(given), "CloseCarrier")
  })
})

describe("Keys", () => {
  it("are answered where the mark of the last audio never comes back", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 500)
    Scene.begins(scene)
    Scene.done(scene, "resp_1")
    for (const digit of "12#") scene.on({ _tag: "CarrierKeyed", stream: 0, digit })
    assert.notInclude(Scene.tags(scene.frames(1400)), "CreateResponse")
    assert.include(Scene.tags(scene.frames(300)), "CreateResponse")
  })
})

describe("Someone outside who ends a call", () => {
  it("that is ending already changes nothing of why", () => {
    const scene = Scene.live()
    scene.on({ _tag: "CarrierStopped", stream: 0 })
    scene.on({ _tag: "EndRequested", by: "shutdown" })
    assert.strictEqual(Scene.outcome(scene), "caller hung up")
  })

  it("before the carrier is there ends it at once", () => {
    const scene = Scene.make()
    assert.deepStrictEqual(Scene.tags(scene.on({ _tag: "EndRequested", by: "operator" })), ["CloseModel", "Ended"])
  })
})

describe("Time", () => {
  it("that goes back stands still", () => {
    const scene = Scene.live()
    const [state, given] = Call.step(scene.state(), Scene.frame(scene.now() - 500, scene.now()))
    assert.deepStrictEqual(Scene.tags(given), ["ForwardAudio"])
    assert.deepStrictEqual([state.at, state.caller.lastAt], [scene.now(), scene.now()])
  })
})

describe("A content that was never heard", () => {
  it("does not delete the item of which another was", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    const item = { item: "item_1", kind: "message", role: "assistant", previous: null } as const
    scene.on({ _tag: "ModelItemAdded", session: 0, ...item })
    Scene.says(scene, "resp_1", "item_1", 2_000, "", 1)
    Scene.begins(scene)
    scene.frames(500)
    Scene.speaks(scene)
    Scene.echoes(scene)
    scene.frames(400)
    Scene.done(scene, "resp_1", "cancelled")
    const told = scene.commands.filter(({ _tag }) => _tag === "DeleteItem" || _tag === "Truncate")
    assert.deepStrictEqual(Scene.tags(told), ["Truncate"])
  })

  it("of a deleted item is not truncated, whenever it was generated", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 200)
    Scene.speaks(scene)
    Scene.echoes(scene)
    scene.frames(400)
    Scene.says(scene, "resp_1", "item_1", 200, "", 1)
    Scene.done(scene, "resp_1", "cancelled")
    const told = scene.commands.filter(({ _tag }) => _tag === "DeleteItem" || _tag === "Truncate")
    assert.deepStrictEqual(told, [{ _tag: "DeleteItem", session: 0, item: "item_1" }])
  })
})
