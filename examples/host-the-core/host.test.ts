import { type Command, Recorder } from "@offhook/core"
import { replay } from "@offhook/core/testing"
import { Caller, CarrierClient, ModelServer, Restaurant, SpeechFiles } from "@offhook/simulator"
import { assert, it } from "vitest"
import { config, serve } from "./server.ts"

it("a call goes through: a question, an interruption, the caller hangs up; its recording replays", async () => {
  const audio = SpeechFiles.load()
  const model = await ModelServer.start({ brain: Restaurant.brain(audio), apiKey: "key" })
  const commands: Array<Command> = []
  const recorder = Recorder.make({ version: "0", call: "CA0", startedAt: "2026-01-01T00:00:00.000Z", config })
  let text = ""
  const server = await serve({
    port: 0,
    realtimeUrl: model.url,
    apiKey: "key",
    onStep: (event, made) => {
      commands.push(...made)
      text += event === null ? recorder.start(made) : recorder.add(event, made)
    }
  })
  const { ear, reason, warnings } = await CarrierClient.placeCall({
    webhookUrl: `http://127.0.0.1:${server.port}/incoming-call`,
    script: [
      Caller.say("caller-opening-hours", audio["caller-opening-hours"], Caller.agentSilent(300)),
      Caller.say("caller-yes", audio["caller-yes"], Caller.agentSpeaking(1_500)),
      Caller.hangUp(Caller.after(1_500))
    ]
  })
  await model.sessions[0]?.closed
  await server.close()
  await model.close()

  assert.strictEqual(reason, "caller")
  assert.deepStrictEqual(warnings, [])
  const cut = commands.find((command) => command._tag === "Truncate")
  const played = commands.filter((command) => command._tag === "PlayAudio")
  const heardBytes = ear.heard
    .filter((span) => played[span.message]?.item === cut?.item)
    .reduce((sum, span) => sum + span.to - span.from, 0)
  assert.isAtLeast(heardBytes, 1_500 * 8)
  assert.closeTo(cut?.audioEndMs ?? 0, heardBytes / 8, 25)
  assert.deepStrictEqual(model.sessions[0]?.model.errorsSent, [])
  const replayed = replay(text + recorder.finish())
  assert.deepStrictEqual(
    replayed.commands.map(({ _tag }) => _tag),
    commands.map(({ _tag }) => _tag)
  )
  assert.strictEqual(replayed.summary?.outcome, "caller hung up")
})
