import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

const greeting = "Say hello."

describe("A call begins", () => {
  it("by connecting the model, before the carrier is there", () => {
    assert.deepStrictEqual(Scene.make().commands, [{ _tag: "ConnectModel", session: 0 }])
  })

  it("by configuring the model as soon as its socket is open", () => {
    const scene = Scene.make({ voice: "cedar" })
    const [configure] = Scene.only(scene.on({ _tag: "ModelConnected", session: 0 }), "ConfigureModel")
    assert.strictEqual(configure?.agent.voice, "cedar")
  })

  it("with the agent speaking first, once the model is configured", () => {
    const scene = Scene.make({ greeting })
    Scene.carrier(scene)
    const given = Scene.model(scene)
    assert.deepStrictEqual(given, [
      { _tag: "AddText", session: 0, item: "greeting", role: "system", text: greeting },
      { _tag: "CreateResponse", session: 0, request: "r1", instructions: null }
    ])
  })

  it("with the agent waiting where there is no greeting", () => {
    const scene = Scene.make({ greeting: null })
    Scene.carrier(scene)
    assert.deepStrictEqual(Scene.model(scene), [])
  })

  it("asking once more for a greeting that said nothing", () => {
    const scene = Scene.make({ greeting })
    Scene.carrier(scene)
    Scene.model(scene)
    const saysNothing = (request: string) => {
      Scene.created(scene, `resp_${request}`, request)
      return Scene.only(Scene.done(scene, `resp_${request}`), "CreateResponse").map(({ request }) => request)
    }
    assert.deepStrictEqual(saysNothing("r1"), ["r2"])
    assert.deepStrictEqual(saysNothing("r2"), [])
  })

  it("asking once more for a greeting in text alone, which nobody hears", () => {
    const scene = Scene.make({ greeting })
    Scene.carrier(scene)
    Scene.model(scene)
    const answersInText = (request: string) => {
      Scene.created(scene, `resp_${request}`, request)
      Scene.writes(scene, `resp_${request}`, `item_${request}`, "Hello.")
      return Scene.only(Scene.done(scene, `resp_${request}`), "CreateResponse").map(({ request }) => request)
    }
    assert.deepStrictEqual(answersInText("r1"), ["r2"])
    assert.deepStrictEqual(answersInText("r2"), [])
  })

  it("not asking again for one that calls a tool instead: that has an answer", () => {
    const scene = Scene.make({ greeting })
    Scene.carrier(scene)
    Scene.model(scene)
    Scene.created(scene, "resp_1", "r1")
    const call = { response: "resp_1", item: "call_1", call: "call_1", name: "look", arguments: "{}" }
    scene.on({ _tag: "ModelToolCalled", session: 0, ...call })
    assert.notInclude(Scene.notes(Scene.done(scene, "resp_1")), "response retried")
  })

  it("keeping the greeting that is generated before the stream, and playing it when the stream begins", () => {
    const scene = Scene.make({ greeting })
    Scene.model(scene)
    Scene.created(scene, "resp_1", "r1")
    assert.deepStrictEqual(Scene.only(Scene.says(scene, "resp_1", "item_1", 200), "PlayAudio"), [])
    scene.wait(3000)
    const played = Scene.only(Scene.carrier(scene), "PlayAudio")
    assert.deepStrictEqual(
      played.map(({ bytes, from, item, payload, stream }) => ({ bytes, from, item, payload, stream })),
      [{ bytes: 1600, from: 0, item: "item_1", payload: "item_1/200", stream: 0 }]
    )
  })

  it("keeping the caller's audio until the model is ready, and forwarding it in order", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    assert.deepStrictEqual(Scene.only(scene.frames(1000), "ForwardAudio"), [])
    const forwarded = Scene.only(Scene.model(scene), "ForwardAudio")
    assert.deepStrictEqual(
      forwarded.map(({ from }) => from),
      Array.from({ length: 50 }, (_, index) => index * Scene.frameBytes)
    )
    assert.deepStrictEqual(
      Scene.only(scene.frames(20), "ForwardAudio").map(({ from }) => from),
      [50 * Scene.frameBytes]
    )
  })

  it("keeping at most ten seconds of it, the latest, and saying what was lost", () => {
    const scene = Scene.make({})
    Scene.carrier(scene)
    for (let ms = 0; ms < 12_000; ms += 20) scene.on(omitAt(Scene.frame(0, ms)))
    const given = Scene.model(scene)
    const bytes = Scene.only(given, "ForwardAudio").reduce((sum, command) => sum + command.bytes, 0)
    assert.strictEqual(bytes, 80_000)
    assert.deepStrictEqual(Scene.notes(given), ["audio overflow"])
  })

  it("and ends when the session echoes another format than mu-law, instead of playing noise", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    scene.on({ _tag: "ModelConnected", session: 0 })
    const given = scene.on({
      _tag: "ModelSessionUpdated",
      session: 0,
      input: { type: "audio/pcmu" },
      output: { type: "audio/pcm", rate: 24000 }
    })
    assert.includeMembers(Scene.tags(given), ["CloseModel", "CloseCarrier"])
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "format mismatch")
  })

  it("and ends when the carrier's stream is not mu-law", () => {
    const scene = Scene.make()
    const given = scene.on({
      _tag: "CarrierStarted",
      stream: 0,
      streamSid: "MZ1",
      callSid: "CA1",
      accountSid: "AC1",
      encoding: "audio/l16",
      sampleRate: 16000,
      channels: 1,
      parameters: {}
    })
    assert.includeMembers(Scene.tags(given), ["CloseCarrier", "CloseModel"])
  })

  it("and is given up when no stream comes", () => {
    const scene = Scene.make()
    Scene.model(scene)
    const given = scene.wait(60_000)
    assert.includeMembers(Scene.tags(given), ["CloseModel", "Ended"])
    assert.strictEqual(Scene.outcome(scene), "never connected")
  })

  it("and is given up when its stream closes before it began", () => {
    const scene = Scene.make()
    Scene.model(scene)
    const given = scene.on({ _tag: "CarrierClosed", stream: 0, code: 1006 })
    assert.deepStrictEqual(Scene.tags(given), ["CloseModel", "Ended"])
    assert.strictEqual(Scene.outcome(scene), "never connected")
  })

  it("playing nothing of what the model says before it is configured: nobody knows in which format", () => {
    const scene = Scene.make({ greeting })
    Scene.carrier(scene)
    scene.on({ _tag: "ModelConnected", session: 0 })
    Scene.created(scene, "resp_1")
    assert.deepStrictEqual(Scene.says(scene, "resp_1", "item_1", 200), [])
    assert.include(Scene.tags(Scene.model(scene)), "CancelResponse")
    assert.deepStrictEqual(Scene.says(scene, "resp_1", "item_1", 200), [])
    assert.deepStrictEqual(Scene.tags(Scene.done(scene, "resp_1", "cancelled")), ["DeleteItem", "CreateResponse"])
  })

  it("and is given up when the model is never ready", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    scene.frames(10_100)
    assert.includeMembers(Scene.notes(scene.commands), ["model unanswered"])
    assert.includeMembers(Scene.tags(scene.commands), ["CloseCarrier", "CloseModel"])
  })

  it("whatever error comes meanwhile, unless it is what refuses the configuration", () => {
    const error = { type: "server_error", code: "server_error", message: "sorry", param: null }
    const scene = Scene.make()
    Scene.carrier(scene)
    scene.on({ _tag: "ModelConnected", session: 0 })
    assert.deepStrictEqual(
      Scene.notes(scene.on({ _tag: "ModelErred", session: 0, error: { ...error, cause: null } })),
      ["model error"]
    )
    assert.isNull(scene.state().ending)
    scene.on({ _tag: "ModelErred", session: 0, error: { ...error, cause: "configure_model" } })
    assert.strictEqual(scene.state().ending?.outcome, "model refused")
  })

  it("and is given up when the model connects and is not configured in the same ten seconds", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    scene.frames(9000)
    scene.on({ _tag: "ModelConnected", session: 0 })
    scene.frames(1020)
    assert.includeMembers(Scene.notes(scene.commands), ["model unanswered"])
  })

  it("with the model's own answer as its greeting, where the caller spoke first", () => {
    const scene = Scene.make({ greeting })
    Scene.carrier(scene)
    scene.frames(2000)
    Scene.model(scene)
    Scene.created(scene, "resp_1")
    assert.deepStrictEqual(
      scene.on({
        _tag: "ModelErred",
        session: 0,
        error: {
          type: "invalid_request_error",
          code: "conversation_already_has_active_response",
          message: "",
          param: null,
          cause: "r1"
        }
      }),
      []
    )
    Scene.says(scene, "resp_1", "item_1", 400)
    Scene.done(scene, "resp_1")
    scene.frames(2000)
    assert.strictEqual(Scene.only(scene.commands, "CreateResponse").length, 1)
  })

  it("and ends with the tail when the model refused before the carrier was there", () => {
    const scene = Scene.make()
    scene.on({ _tag: "ModelConnectFailed", session: 0, failure: "status", status: 401 })
    assert.include(Scene.tags(Scene.carrier(scene)), "CloseCarrier")
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1000 })
    assert.strictEqual(Scene.outcome(scene), "model refused")
  })
})

describe("An onset that reached the model in a backlog", () => {
  /** Two seconds of the caller are kept until the model is ready; then the greeting begins. */
  const greeted = () => {
    const scene = Scene.make({ greeting })
    Scene.carrier(scene)
    scene.frames(2000)
    Scene.model(scene)
    Scene.created(scene, "resp_1", "r1")
    Scene.says(scene, "resp_1", "item_1", 3000)
    scene.frames(100)
    Scene.begins(scene)
    return scene
  }

  it("does not cut the greeting that began after it", () => {
    const scene = greeted()
    scene.frames(200)
    const given = scene.on({ _tag: "ModelSpeechStarted", session: 0, item: "user_1", audioStartMs: 400 })
    assert.notInclude(Scene.tags(given), "Clear")
  })

  it("while one spoken over the greeting does", () => {
    const scene = greeted()
    scene.frames(600)
    assert.include(Scene.tags(Scene.speaks(scene)), "Clear")
  })
})

const omitAt = <E extends { readonly at: number }>({ at: _, ...event }: E): Omit<E, "at"> => event
