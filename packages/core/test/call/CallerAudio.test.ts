import { assert, describe, it } from "vitest"
import type { Command } from "../../src/Command.ts"
import * as Scene from "../support/Scene.ts"

/** A frame whose timestamp jumped by `ms` against the arrival. */
const frameAfter = (scene: Scene.Scene, ms: number): ReadonlyArray<Command> => {
  scene.wait(ms)
  const { at: _, ...event } = Scene.frame(0, scene.now() - 20)
  return scene.on(event)
}

const silence = (commands: ReadonlyArray<Command>): number =>
  Scene.only(commands, "ForwardSilence").reduce((bytes, command) => bytes + command.bytes, 0) / 8

describe("Caller audio", () => {
  it("is forwarded frame by frame, each byte at its place in the session", () => {
    const scene = Scene.live()
    const forwarded = Scene.only(scene.commands, "ForwardAudio")
    assert.deepStrictEqual(
      forwarded.map(({ from }) => from),
      forwarded.map((_, index) => index * Scene.frameBytes)
    )
  })

  it("that is missing is replaced by silence of the same length", () => {
    assert.strictEqual(silence(frameAfter(Scene.live(), 520)), 500)
  })

  it("that is missing for longer than ten seconds is replaced in part, and the rest is noted", () => {
    const given = frameAfter(Scene.live(), 12_020)
    assert.strictEqual(silence(given), 10_000)
    assert.deepStrictEqual(Scene.notes(given), ["audio gap"])
  })

  it("that stops while the caller speaks is followed by a second of silence after 750 ms", () => {
    const scene = Scene.live()
    Scene.speaks(scene)
    assert.strictEqual(silence(scene.wait(749)), 0)
    assert.strictEqual(silence(scene.wait(1)), 1000)
    assert.strictEqual(silence(scene.wait(5000)), 0)
  })

  it("that never came is not followed by anything, whatever the model believes to hear", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    Scene.model(scene)
    Scene.speaks(scene)
    assert.strictEqual(silence(scene.wait(5000)), 0)
  })

  it("that comes back has that second taken off the gap", () => {
    const scene = Scene.live()
    Scene.speaks(scene)
    scene.wait(2000)
    assert.strictEqual(silence(frameAfter(scene, 20)), 1000)
  })

  it("that the carrier repeats is not said twice, and that is noted once", () => {
    const scene = Scene.live()
    const { at: _, ...event } = Scene.frame(0, scene.now() - 20)
    assert.deepStrictEqual(Scene.notes(scene.on(event)), ["carrier misbehaved"])
    assert.deepStrictEqual(scene.on(event), [])
    scene.wait(20)
    assert.deepStrictEqual(Scene.tags(scene.on({ ...event, timestamp: event.timestamp + 20 })), ["ForwardAudio"])
  })

  it("that is repeated after media stopped in mid-speech is not said twice either", () => {
    const scene = Scene.live()
    Scene.speaks(scene)
    const { at: _, ...event } = Scene.frame(0, scene.now() - 20)
    assert.include(Scene.tags(scene.wait(800)), "ForwardSilence")
    assert.deepStrictEqual(Scene.tags(scene.on(event)), ["Note"])
  })

  it("of an old stream is ignored", () => {
    const scene = Scene.live()
    const { at: _, ...event } = Scene.frame(0, scene.now())
    assert.deepStrictEqual(scene.on({ ...event, stream: 1 } as typeof event), [])
  })
})

describe("Keyed digits", () => {
  const press = (scene: Scene.Scene, digits: string) =>
    [...digits].flatMap((digit) => [...scene.frames(100), ...scene.on({ _tag: "CarrierKeyed", stream: 0, digit })])

  it("are one text when # ends them, answered when nobody speaks", () => {
    const scene = Scene.live()
    const given = press(scene, "12#")
    const [text] = Scene.only(given, "AddText")
    assert.strictEqual(text?.role, "user")
    assert.match(text?.text ?? "", /1 ?2/)
    assert.include(Scene.tags(given), "CreateResponse")
  })

  it("are one text after two seconds without a key", () => {
    const scene = Scene.live()
    press(scene, "123")
    assert.notInclude(Scene.tags(scene.frames(1980)), "AddText")
    assert.include(Scene.tags(scene.frames(40)), "AddText")
  })

  it("wait for the model to listen, and are told in order", () => {
    const scene = Scene.make()
    Scene.carrier(scene)
    assert.notInclude(Scene.tags(press(scene, "1#2#")), "AddText")
    const given = Scene.model(scene)
    assert.deepStrictEqual(
      Scene.only(given, "AddText").map(({ text }) => text.replace(/\D/g, "")),
      ["1", "2"]
    )
    assert.deepStrictEqual(Scene.only(given, "CreateResponse").length, 1)
  })

  it("wait for the agent to be heard out", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 2000)
    Scene.begins(scene)
    Scene.done(scene, "resp_1")
    assert.notInclude(Scene.tags(press(scene, "1#")), "CreateResponse")
    scene.frames(2000)
    assert.include(Scene.tags(Scene.echoes(scene)), "CreateResponse")
  })

  it("wait for the caller to have spoken", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.speaks(scene)
    assert.notInclude(Scene.tags(press(scene, "1#")), "CreateResponse")
    assert.include(Scene.tags(Scene.stops(scene)), "CreateResponse")
  })
})

describe("Wrong input", () => {
  it("of the carrier is noted once, and the call goes on", () => {
    const scene = Scene.live()
    const wrong = { _tag: "CarrierMisbehaved", stream: 0, what: "malformed JSON" } as const
    assert.deepStrictEqual(Scene.notes(scene.on(wrong)), ["carrier misbehaved"])
    assert.deepStrictEqual(scene.on(wrong), [])
    assert.include(Scene.tags(scene.frames(20)), "ForwardAudio")
  })

  it("a second start changes nothing", () => {
    const scene = Scene.live()
    const before = scene.state().carrier
    assert.deepStrictEqual(Scene.notes(Scene.carrier(scene)), ["carrier misbehaved"])
    assert.deepStrictEqual(scene.state().carrier, before)
  })

  it("of the model is noted once", () => {
    const scene = Scene.live()
    const wrong = { _tag: "ModelMisbehaved", session: 0, what: "malformed message" } as const
    assert.deepStrictEqual(Scene.notes(scene.on(wrong)), ["model misbehaved"])
    assert.deepStrictEqual(scene.on(wrong), [])
  })
})
