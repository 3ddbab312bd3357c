import { Agent, Call, type Event, Prices } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as Scene from "../support/Scene.ts"

/** The agent answers what the caller has said: `thinking` ms later the first word is heard. */
const answered = (scene: Scene.Scene, turn: number, thinking: number): void => {
  Scene.speaks(scene, `user_${turn}`)
  scene.frames(1000)
  Scene.stops(scene, `user_${turn}`)
  scene.frames(thinking)
  Scene.created(scene, `resp_${turn}`)
  Scene.says(scene, `resp_${turn}`, `item_${turn}`, 1000, "Here you are.")
  Scene.begins(scene)
  Scene.done(scene, `resp_${turn}`)
  scene.frames(1000)
  Scene.echoes(scene)
}

describe("How long the caller waited", () => {
  it("for the first word is measured from the stream's beginning", () => {
    const scene = Scene.make({ greeting: "Hello." })
    Scene.carrier(scene)
    Scene.model(scene)
    scene.frames(800)
    Scene.created(scene, "resp_1", "r1")
    Scene.says(scene, "resp_1", "item_1", 500)
    const [reacted] = Scene.only(Scene.begins(scene), "Reacted")
    assert.strictEqual(reacted?.to, "greeting")
    assert.closeTo(reacted?.ms ?? 0, 800, 20)
  })

  it("is never less than nothing, also where the carrier stamps what it says before its stream", () => {
    const scene = Scene.make({ greeting: "Hello." })
    Scene.carrier(scene)
    Scene.model(scene)
    const { at: _, ...frame } = Scene.frame(0, -500)
    scene.on(frame)
    Scene.created(scene, "resp_1", "r1")
    Scene.says(scene, "resp_1", "item_1", 500)
    assert.deepInclude(Scene.only(Scene.begins(scene), "Reacted")[0], { to: "greeting", ms: 0 })
  })

  it("for an answer is measured from the end of their speech, without the silence that proved it", () => {
    const scene = Scene.live()
    answered(scene, 1, 300)
    answered(scene, 2, 700)
    const reacted = Scene.only(scene.commands, "Reacted").filter(({ to }) => to === "answer")
    assert.closeTo(reacted[0]?.ms ?? 0, 300 + 500, 20)
    assert.closeTo(reacted[1]?.ms ?? 0, 700 + 500, 20)
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1006 })
    const summary = Scene.only(scene.commands, "Ended")[0]?.summary
    const sum = (reacted[0]?.ms ?? 0) + (reacted[1]?.ms ?? 0)
    assert.deepStrictEqual(summary?.reactions, { answers: 2, answerMs: sum, worstAnswerMs: reacted[1]?.ms ?? 0 })
    assert.strictEqual(summary?.deadAirMs, sum)
  })

  it("for silence after interrupting is measured from the onset of their speech", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 4000)
    Scene.begins(scene)
    scene.frames(1000)
    Scene.speaks(scene)
    scene.frames(100)
    const [reacted] = Scene.only(Scene.echoes(scene), "Reacted")
    assert.strictEqual(reacted?.to, "interruption")
    assert.closeTo(reacted?.ms ?? 0, 200 + 100, 25)
  })
})

describe("A turn that was interrupted", () => {
  it("settles with what was generated, sent and heard, before the caller's", () => {
    const scene = Scene.live({ turns: "machine" })
    Scene.created(scene, "resp_1")
    const words = "one two three four five six seven eight nine ten"
    Scene.says(scene, "resp_1", "item_1", 4000, words)
    Scene.begins(scene)
    scene.frames(2000)
    Scene.speaks(scene)
    Scene.says(scene, "resp_1", "item_1", 1000)
    Scene.echoes(scene)
    Scene.done(scene, "resp_1", "cancelled")
    Scene.stops(scene)
    scene.on({ _tag: "ModelTranscribed", session: 0, item: "user_1", text: "Stop." })
    const turns = Scene.only(scene.commands, "Settled").map(({ turn }) => turn)
    assert.deepStrictEqual(
      turns.map(({ item }) => item),
      ["item_1", "user_1"]
    )
    const [turn] = turns
    if (turn?.speaker !== "agent") return assert.fail("the agent's turn is first")
    assert.deepInclude(turn, { generatedMs: 5000, sentMs: 4000, interrupted: true, generated: words })
    assert.closeTo(turn.heardMs, 2000, 25)
    assert.match(turn.sent, /^one two .* …$/)
    assert.match(turn.heard, /^one two three( four)? …$/)
  })

  it("is one interruption, however often the caller begins while nothing more plays", () => {
    const scene = Scene.live()
    Scene.created(scene, "resp_1")
    Scene.says(scene, "resp_1", "item_1", 4000)
    Scene.begins(scene)
    scene.frames(1000)
    Scene.speaks(scene)
    Scene.speaks(scene)
    Scene.echoes(scene)
    Scene.speaks(scene)
    scene.on({ _tag: "CarrierClosed", stream: 0, code: 1006 })
    assert.strictEqual(Scene.only(scene.commands, "Ended")[0]?.summary.interruptions, 1)
  })
})

describe("A call of ten thousand turns", () => {
  const look = { name: "look", description: "Looks.", parameters: { type: "object" }, timeoutMs: 5000 }

  /** The largest state of the first and of the last thousand turns, in characters of JSON. */
  const sizes = (isEchoed: boolean): readonly [number, number] => {
    let [state] = Call.initial({
      agent: { ...Agent.defaults, greeting: null, tools: [look], maxCallMs: 1e9 },
      prices: Prices.table
    })
    let at = 0
    let marks: Array<string> = []
    const on = (event: object): void => {
      const [next, commands] = Call.step(state, { ...event, at } as Event)
      state = next
      for (const command of commands) if (command._tag === "Mark") marks.push(command.name)
    }
    const model = (event: object): void => on({ session: 0, ...event })
    on({ _tag: "CarrierStarted", stream: 0, encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 })
    model({ _tag: "ModelConnected" })
    model({ _tag: "ModelSessionUpdated", input: null, output: null })
    let first = 0
    let last = 0
    for (let turn = 0; turn < 10_000; turn++) {
      const [item, response, user] = [`item_${turn}`, `resp_${turn}`, `user_${turn}`]
      const ids = { response, item, contentIndex: 0 }
      for (let frame = 0; frame < 5; frame++) {
        at += frame === 4 ? 60 : 20
        on({ _tag: "CarrierAudio", stream: 0, timestamp: at, bytes: 160, levels: "y", payload: "caller" })
      }
      model({ _tag: "ModelSpeechStarted", item: user, audioStartMs: turn * 140 })
      model({ _tag: "ModelSpeechStopped", item: user, audioEndMs: turn * 140 + 100 })
      model({ _tag: "ModelSpeechCommitted", item: user, previous: null })
      model({ _tag: "ModelResponseCreated", response, request: null, inConversation: true })
      model({ _tag: "ModelTranscribed", item: user, text: `What about the ${turn}th?` })
      model({ _tag: "ModelText", ...ids, text: "It is as good as the one before, and the one before that." })
      model({ _tag: "ModelAudio", ...ids, bytes: 4000, levels: "", payload: "agent" })
      const call = { response, item: `fc_${turn}`, call: `call_${turn}`, name: "look", arguments: "{}" }
      if (turn % 5 === 0) model({ _tag: "ModelToolCalled", ...call })
      const done = { response, request: null, inConversation: true, reason: null, error: null, usage: null }
      model({ _tag: "ModelResponseDone", ...done, status: turn % 3 === 0 ? "cancelled" : "completed" })
      if (turn % 10 === 0) on({ _tag: "ToolFinished", call: `call_${turn}`, output: "{}" })
      if (isEchoed && turn % 2 === 0) for (const name of marks) on({ _tag: "CarrierMarked", stream: 0, name })
      marks = isEchoed && turn % 2 === 1 ? marks : []
      const size = turn % 100 === 99 ? JSON.stringify(state).length : 0
      if (turn < 1000) first = Math.max(first, size)
      if (turn >= 9000) last = Math.max(last, size)
    }
    assert.strictEqual(state.phase, "live")
    return [first, last]
  }

  it("has a state no larger than one of a thousand", () => {
    const [first, last] = sizes(true)
    assert.isBelow(first, 64 * 1024)
    assert.isBelow(last, first * 1.1)
  })

  it("nor has one whose carrier never echoes a mark", () => {
    const [first, last] = sizes(false)
    assert.isBelow(first, 256 * 1024)
    assert.isBelow(last, first * 1.1)
  })
})
