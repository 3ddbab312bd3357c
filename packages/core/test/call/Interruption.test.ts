import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

/** The agent has been heard for `ms` of the 4 s it is saying; generation is still under way unless `done`. */
const speaking = (agent: Parameters<typeof Scene.live>[0], ms: number, isDone = false): Scene.Scene => {
  const scene = Scene.live(agent)
  Scene.created(scene, "resp_1")
  Scene.says(scene, "resp_1", "item_1", 4000, "One two three four.")
  Scene.begins(scene)
  if (isDone) Scene.done(scene, "resp_1")
  scene.frames(ms)
  return scene
}

/** The truncation of a response that was cut is refused, since the response is not done. */
const refused = () => {
  const scene = speaking({ turns: "machine" }, 1000)
  Scene.speaks(scene)
  scene.frames(100)
  Scene.echoes(scene)
  const [first] = Scene.only(scene.wait(300), "Truncate")
  assert.isDefined(first)
  const error = { type: "invalid_request_error", code: "invalid_value", message: "in progress", param: "item_id" }
  scene.on({ _tag: "ModelErred", session: 0, error: { ...error, cause: "truncate:item_1" } })
  return { first, scene }
}

/** And as the response goes on, it is given up. */
const givenUp = () => {
  const { first, scene } = refused()
  assert.deepStrictEqual(Scene.only(scene.wait(5000), "Truncate"), [])
  return { first, scene }
}

/** The line stalls for `ms`, then all its frames come at once. */
const stalls = (scene: Scene.Scene, ms: number): void => {
  const from = scene.now()
  scene.wait(ms)
  for (let at = from; at < scene.now(); at += 20) {
    const { at: _, ...frame } = Scene.frame(0, at)
    scene.on(frame)
  }
}

describe("Interrupting", () => {
  it("sends a mark and then a clear, at once", () => {
    const given = Scene.speaks(speaking({ turns: "model" }, 1000))
    assert.deepStrictEqual(Scene.tags(given), ["Mark", "Clear"])
  })

  it("truncates at what was heard when the mark came back", () => {
    const scene = speaking({ turns: "model" }, 1000, true)
    Scene.speaks(scene)
    scene.frames(100)
    const [truncate] = Scene.only(Scene.echoes(scene), "Truncate")
    assert.strictEqual(truncate?.item, "item_1")
    assert.closeTo(truncate?.audioEndMs ?? 0, 1100, 25)
  })

  it("truncates at what was heard where the agent began to speak before any frame had come", () => {
    const scene = Scene.make({ turns: "model" })
    scene.wait(180)
    Scene.carrier(scene)
    Scene.model(scene)
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 4000, "One two three four.")
    Scene.begins(scene)
    Scene.done(scene, "resp_1")
    scene.wait(1000)
    scene.frames(500, Scene.loud)
    Scene.speaks(scene)
    scene.frames(100)
    const [truncate] = Scene.only(Scene.echoes(scene), "Truncate")
    assert.closeTo(truncate?.audioEndMs ?? 0, 1600, 25)
  })

  it("waits for the next frame where the mark came back late on a late line, which tells its place", () => {
    const scene = speaking({ turns: "model" }, 1000, true)
    stalls(scene, 100)
    Scene.speaks(scene)
    const place = scene.now() + 10
    scene.wait(80)
    assert.deepStrictEqual(Scene.echoes(scene), [])
    const { at: _, ...frame } = Scene.frame(0, place - 10)
    const [truncate] = Scene.only(scene.on(frame), "Truncate")
    assert.closeTo(truncate?.audioEndMs ?? 0, 1110, 12)
  })

  it("or as long as tells a late line from one that is silent: as late as frames have lately been", () => {
    const scene = speaking({ turns: "model" }, 1000, true)
    stalls(scene, 100)
    Scene.speaks(scene)
    scene.wait(80)
    assert.deepStrictEqual(Scene.echoes(scene), [])
    assert.deepStrictEqual(Scene.tags(scene.wait(99)), [])
    assert.includeMembers(Scene.tags(scene.wait(1)), ["Reacted", "Truncate"])
  })

  it("tells a truncation again that was refused because its response was not done", () => {
    const { first, scene } = refused()
    assert.deepStrictEqual(Scene.only(scene.wait(500), "Truncate"), [])
    assert.deepStrictEqual(Scene.only(Scene.done(scene, "resp_1", "cancelled"), "Truncate"), [first])
  })

  it("tells what was refused neither when the response is given up, but when it ends after all", () => {
    const { first, scene } = givenUp()
    assert.deepStrictEqual(Scene.only(Scene.done(scene, "resp_1", "cancelled"), "Truncate"), [first])
    assert.deepStrictEqual(Scene.only(scene.wait(5000), "Truncate"), [])
  })

  it("nor keeps that the next response from being asked for, and tells it when that is created", () => {
    const { first, scene } = givenUp()
    Scene.stops(scene)
    assert.lengthOf(Scene.only(scene.commands, "CreateResponse"), 1)
    assert.deepStrictEqual(Scene.only(Scene.created(scene, "resp_2", "r1"), "Truncate"), [first])
  })

  it("holds an estimate too in machine turns, until the response that we cancel is done", () => {
    const scene = speaking({ turns: "machine" }, 1000)
    let given = Scene.speaks(scene)
    for (let ms = 0; ms < 2000 && !Scene.notes(given).includes("cut estimated"); ms += 20) given = scene.frames(20)
    assert.include(Scene.notes(given), "cut estimated")
    assert.notInclude(Scene.tags(given), "Truncate")
    assert.include(Scene.tags(Scene.done(scene, "resp_1", "cancelled")), "Truncate")
  })

  it("tells of what was heard as far as it had come as soon as there is more of it", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 200)
    Scene.begins(scene)
    scene.frames(180)
    Scene.speaks(scene)
    scene.frames(20)
    Scene.begins(scene)
    scene.frames(20)
    Scene.echoes(scene)
    assert.deepStrictEqual(Scene.only(scene.wait(500), "Truncate"), [])
    Scene.says(scene, "resp_1", "item_1", 400)
    assert.deepStrictEqual(
      Scene.only(scene.wait(300), "Truncate").map(({ audioEndMs }) => audioEndMs),
      [200]
    )
  })

  it("deletes an item of whose second part alone there is audio, and nothing was heard", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    Scene.speaks(scene)
    Scene.says(scene, "resp_1", "item_1", 400, "", 1)
    const given = Scene.done(scene, "resp_1", "cancelled")
    assert.deepInclude(given, { _tag: "DeleteItem", session: 0, item: "item_1" })
    assert.notInclude(Scene.tags(given), "Truncate")
  })

  it("truncates a second part that was not heard to a millisecond where the first was: 0 may be refused", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 200)
    Scene.begins(scene)
    scene.frames(1000)
    Scene.echoes(scene)
    Scene.speaks(scene)
    Scene.says(scene, "resp_1", "item_1", 400, "", 1)
    assert.deepStrictEqual(Scene.only(Scene.done(scene, "resp_1", "cancelled"), "Truncate"), [
      { _tag: "Truncate", session: 0, item: "item_1", contentIndex: 1, audioEndMs: 1 }
    ])
  })

  it("lets the model cancel in model turns, and cancels itself in machine turns", () => {
    assert.notInclude(Scene.tags(Scene.speaks(speaking({ turns: "model" }, 1000))), "CancelResponse")
    assert.deepStrictEqual(Scene.tags(Scene.speaks(speaking({ turns: "machine" }, 1000))), [
      "CancelResponse",
      "Mark",
      "Clear"
    ])
  })

  it("cuts what still plays after generation has ended", () => {
    const given = Scene.speaks(speaking({ turns: "machine" }, 1000, true))
    assert.deepStrictEqual(Scene.tags(given), ["Mark", "Clear"])
  })

  it("holds the truncation until the response is done", () => {
    const scene = speaking({ turns: "model" }, 1000)
    Scene.speaks(scene)
    scene.frames(100)
    assert.notInclude(Scene.tags(Scene.echoes(scene)), "Truncate")
    scene.wait(100)
    assert.include(Scene.tags(Scene.done(scene, "resp_1", "cancelled")), "Truncate")
  })

  it("holds it for 300 ms at most", () => {
    const scene = speaking({ turns: "model" }, 1000)
    Scene.speaks(scene)
    scene.frames(100)
    Scene.echoes(scene)
    assert.notInclude(Scene.tags(scene.wait(299)), "Truncate")
    assert.include(Scene.tags(scene.wait(1)), "Truncate")
  })

  it("truncates by estimate, and says so, when the model answers first", () => {
    const scene = speaking({ turns: "model" }, 1000, true)
    Scene.speaks(scene)
    scene.frames(100)
    const given = Scene.created(scene, "resp_2")
    assert.deepStrictEqual(Scene.notes(given), ["cut estimated"])
    const [truncate] = Scene.only(given, "Truncate")
    assert.closeTo(truncate?.audioEndMs ?? 0, 1100, 60)
  })

  it("truncates by estimate 100 ms before the model may answer, when the mark does not come back", () => {
    const scene = speaking({ turns: "model" }, 1000, true)
    Scene.speaks(scene)
    assert.notInclude(Scene.tags(scene.frames(380)), "Truncate")
    assert.include(Scene.tags(scene.frames(40)), "Truncate")
  })

  it("deletes an item that was queued and never heard, and truncates the one before", () => {
    const scene = Scene.live({ turns: "model" })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 2000)
    Scene.says(scene, "resp_1", "item_2", 2000)
    Scene.done(scene, "resp_1")
    Scene.begins(scene)
    scene.frames(1000)
    Scene.speaks(scene)
    const given = Scene.echoes(scene)
    assert.deepStrictEqual(
      given
        .filter(({ _tag }) => _tag === "Truncate" || _tag === "DeleteItem")
        .map((command) => [command._tag, "item" in command && command.item]),
      [
        ["Truncate", "item_1"],
        ["DeleteItem", "item_2"]
      ]
    )
  })

  it("deletes what was cut in its first millisecond, and the transcript says that nothing of it was heard", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 1000, "Here you are.")
    Scene.done(scene, "resp_1")
    Scene.begins(scene)
    Scene.speaks(scene)
    scene.wait(1)
    const given = Scene.echoes(scene)
    assert.deepInclude(given, { _tag: "DeleteItem", session: 0, item: "item_1" })
    const [settled] = Scene.only(given, "Settled")
    assert.deepInclude(settled?.turn, { speaker: "agent", heard: "", heardMs: 0 })
  })

  it("leaves alone what was heard to its end", () => {
    const scene = Scene.live({ turns: "model" })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 400)
    Scene.done(scene, "resp_1")
    Scene.begins(scene)
    scene.frames(400)
    Scene.echoes(scene)
    scene.frames(300)
    const given = [...Scene.speaks(scene), ...scene.frames(1000)]
    assert.notIncludeMembers(Scene.tags(given), ["Clear"])
    assert.notInclude(Scene.tags(scene.commands), "Truncate")
    assert.notInclude(Scene.tags(scene.commands), "DeleteItem")
  })

  it("with nothing playing clears nothing", () => {
    assert.deepStrictEqual(Scene.speaks(Scene.live({ turns: "machine" })), [])
  })

  it("drops the late audio of the interrupted response, and plays the next one's", () => {
    const scene = speaking({ turns: "model" }, 1000)
    Scene.speaks(scene)
    Scene.echoes(scene)
    assert.notInclude(Scene.tags(Scene.says(scene, "resp_1", "item_1", 200)), "PlayAudio")
    Scene.done(scene, "resp_1", "cancelled")
    scene.frames(500)
    Scene.stops(scene)
    Scene.created(scene, "resp_2")
    assert.include(Scene.tags(Scene.says(scene, "resp_2", "item_2", 200)), "PlayAudio")
  })

  it("deletes an item whose audio came only after the interruption", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    assert.deepStrictEqual(Scene.tags(Scene.speaks(scene)), ["CancelResponse"])
    Scene.says(scene, "resp_1", "item_1", 200)
    assert.deepInclude(Scene.done(scene, "resp_1", "cancelled"), { _tag: "DeleteItem", session: 0, item: "item_1" })
  })

  it("deletes an item of which there was only text", () => {
    const scene = Scene.live({ turns: "model" })
    Scene.created(scene, "resp_1")
    scene.on({ _tag: "ModelText", session: 0, response: "resp_1", item: "item_1", contentIndex: 0, text: "Well" })
    Scene.speaks(scene)
    assert.deepInclude(Scene.done(scene, "resp_1", "cancelled"), { _tag: "DeleteItem", session: 0, item: "item_1" })
  })

  it("truncates an item heard to the end of what was sent, when more of it had been generated", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 200)
    Scene.begins(scene)
    scene.frames(300)
    Scene.echoes(scene)
    Scene.speaks(scene)
    Scene.says(scene, "resp_1", "item_1", 400)
    const [truncate] = Scene.only(Scene.done(scene, "resp_1", "cancelled"), "Truncate")
    assert.strictEqual(truncate?.audioEndMs, 200)
  })

  it("cancels a response that is created after the caller began to speak", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.stops(speakAndStop(scene))
    const [create] = Scene.only(scene.commands, "CreateResponse")
    Scene.speaks(scene, "user_2")
    const given = Scene.created(scene, "resp_1", create?.request ?? null)
    assert.deepStrictEqual(given, [{ _tag: "CancelResponse", session: 0, response: "resp_1" }])
  })

  it("may happen three times in one call", () => {
    const scene = Scene.live({ turns: "model" })
    for (const turn of [1, 2, 3]) {
      Scene.created(scene, `resp_${turn}`)
      Scene.says(scene, `resp_${turn}`, `item_${turn}`, 4000)
      Scene.done(scene, `resp_${turn}`)
      Scene.begins(scene)
      scene.frames(800)
      Scene.speaks(scene, `user_${turn}`)
      Scene.echoes(scene)
      scene.frames(600)
      Scene.stops(scene, `user_${turn}`)
    }
    assert.strictEqual(Scene.only(scene.commands, "Clear").length, 3)
  })
})

describe("In machine turns", () => {
  it("the answer is created when the caller has finished, after the truncation", () => {
    const scene = speaking({ turns: "machine" }, 1000, true)
    Scene.speaks(scene)
    assert.notInclude(Scene.tags(Scene.stops(scene)), "CreateResponse")
    assert.deepStrictEqual(
      Scene.tags(Scene.echoes(scene)).filter((tag) => tag === "Truncate" || tag === "CreateResponse"),
      ["Truncate", "CreateResponse"]
    )
  })

  it("a turn of which the model makes no item is answered all the same", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.speaks(scene)
    scene.frames(400)
    scene.on({ _tag: "ModelSpeechStopped", session: 0, item: "user_1", audioEndMs: 1400 })
    assert.notInclude(Scene.tags(scene.frames(2980)), "CreateResponse")
    const given = scene.frames(40)
    assert.include(Scene.notes(given), "turn unanswered")
    assert.include(Scene.tags(given), "CreateResponse")
  })

  it("speech shorter than the configured does not interrupt, and is not answered", () => {
    const scene = speaking({ turns: "machine", interruptAfterMs: 600 }, 1000, true)
    scene.frames(200, Scene.loud)
    Scene.speaks(scene)
    scene.frames(100, Scene.loud)
    scene.frames(500)
    Scene.stops(scene)
    scene.frames(1000)
    assert.notInclude(Scene.tags(scene.commands), "Clear")
    assert.notInclude(Scene.tags(scene.commands), "CreateResponse")
    assert.include(Scene.notes(scene.commands), "interruption ignored")
    assert.deepInclude(scene.commands, { _tag: "DeleteItem", session: 0, item: "user_1" })
  })

  it("longer speech interrupts when it has lasted long enough", () => {
    const scene = speaking({ turns: "machine", interruptAfterMs: 600 }, 1000, true)
    scene.frames(200, Scene.loud)
    assert.notInclude(Scene.tags(Scene.speaks(scene)), "Clear")
    assert.notInclude(Scene.tags(scene.frames(380, Scene.loud)), "Clear")
    assert.include(Scene.tags(scene.frames(60, Scene.loud)), "Clear")
  })

  it("a protected greeting is spoken to its end, and the caller is answered", () => {
    const scene = Scene.make({ turns: "machine", greeting: "Hello.", greetingProtected: true })
    Scene.carrier(scene)
    Scene.model(scene)
    Scene.created(scene, "resp_1", "r1")
    Scene.says(scene, "resp_1", "item_1", 3000)
    Scene.done(scene, "resp_1", "completed", { request: "r1" })
    Scene.begins(scene)
    scene.frames(1000)
    assert.deepStrictEqual(Scene.notes(Scene.speaks(scene)), ["interruption ignored"])
    scene.frames(400)
    Scene.stops(scene)
    assert.strictEqual(Scene.only(scene.commands, "CreateResponse").length, 1, "the greeting is not heard yet")
    scene.frames(1600)
    assert.include(Scene.tags(Scene.echoes(scene)), "CreateResponse")
    assert.notInclude(Scene.tags(scene.commands), "Clear")
  })
})

const speakAndStop = (scene: Scene.Scene): Scene.Scene => {
  Scene.speaks(scene)
  scene.frames(400)
  return scene
}
