/**
 * A human voice at both ends: the telephone prompts of Debian's `asterisk-core-sounds-en-wav`, as the caller and as the
 * model. What a synthetic voice does not have is in them: breath, pauses, noise of the room.
 */

import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Brain, Caller, G711 } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import { joined, make, occurrences } from "./support/Live.ts"

const directory = "/usr/share/asterisk/sounds/en"
const isThere = existsSync(`${directory}/hello-world.wav`)
const install = "apt-get install asterisk-core-sounds-en-wav"

/** 8 kHz, 16 bit, mono, as mu-law. */
const prompt = (name: string): Uint8Array => {
  const file = readFileSync(`${directory}/${name}.wav`)
  const data = file.indexOf("data", 12, "latin1") + 8
  const samples = Array.from({ length: (file.length - data) >> 1 }, (_, index) => file.readInt16LE(data + 2 * index))
  return G711.encode(samples)
}

describe("a human voice", () => {
  // Elsewhere than on Debian the rest must still be testable; the CI must not forget it.
  if (!isThere && process.env["CI"] === undefined) {
    it.skip(`needs the voices: ${install}`, () => {})
    return
  }

  it.scopedLive(
    "every byte said arrives once and in order, both ways; interruptions are heard and cut",
    () =>
      Effect.gen(function* () {
        assert.isTrue(isThere, `the voices are missing: ${install}`)
        const says = ["hello-world", "demo-congrats", "vm-intro", "tt-weasels"].map(prompt)
        const asks = ["conf-onlyperson", "agent-loginok", "queue-thankyou"].map(prompt)
        const [hello, long, longToo, last] = says as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
        const [question, interruption, another] = asks as [Uint8Array, Uint8Array, Uint8Array]
        const plan = (audio: Uint8Array): Brain.Plan => ({ parts: [Brain.say({ audio, text: "a prompt" })] })

        const live = yield* make({ brain: Brain.scripted(says.map(plan)) })
        const result = yield* live.place({
          noise: true,
          script: [
            Caller.say("question", question, Caller.agentSilent(400)),
            Caller.say("interruption", interruption, Caller.agentSpeaking(2_500)),
            Caller.say("another", another, Caller.agentSpeaking(1_500)),
            Caller.hangUp(Caller.agentSilent(200))
          ]
        })
        const { commands, summary } = yield* live.recording(result.callSid)
        assert.strictEqual(summary.outcome, "caller hung up")
        assert.strictEqual(summary.interruptions, 2)
        assert.strictEqual(summary.modelErrors, 0)

        const received = live.model.sessions[0]?.model.received.bytes() ?? new Uint8Array()
        const line = joined(result.sent.map(({ payload }) => payload))
        assert.isAtLeast(received.length, line.length - 8 * 500, "all but what was on its way at the end")
        assert.isTrue(Buffer.from(line).subarray(0, received.length).equals(received), "the line, byte for byte")
        for (const clip of asks) assert.strictEqual(occurrences(received, clip), 1)

        const ear = Buffer.from(joined(result.ear.heard.map(({ payload }) => payload)))
        const told = commands.flatMap((command) => (command._tag === "Truncate" ? [8 * command.audioEndMs] : []))
        assert.strictEqual(told.length, 2)
        const cut = ear.length - hello.length - last.length
        const isCutAt = (bytes: number) =>
          ear.equals(joined([hello, long.subarray(0, bytes), longToo.subarray(0, cut - bytes), last]))
        const near = Array.from({ length: 2 * 8 * 25 }, (_, index) => (told[0] ?? 0) - 8 * 25 + index)
        const at = near.find(isCutAt)
        assert.isDefined(
          at,
          "whole prompts, and of the interrupted ones their beginnings, up to what the model was told"
        )
        assert.approximately(cut - at, told[1] ?? 0, 8 * 25)
        yield* live.settled
      }),
    60_000
  )
})
