/** Calls end to end: what the caller hears, what the model is told, what is left behind. */

import { assert, describe, it } from "@effect/vitest"
import { Wav } from "@offhook/adapters"
import { Brain, Caller, type CarrierClient, Restaurant } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import { WebSocket } from "ws"
import { script } from "../src/Demo.ts"
import { accountSid, audio, clip, joined, KEY, make, occurrences } from "./support/Live.ts"

const say = (id: Parameters<typeof clip>[0]): Brain.Plan => ({ parts: [Brain.say(clip(id))] })

/** The sound at the ear, without what was cut. */
const heard = ({ ear }: CarrierClient.CallResult): Uint8Array => joined(ear.heard.map(({ payload }) => payload))

/** Samples of one channel of a 16-bit stereo WAV. */
const channel = (wav: Uint8Array, index: 0 | 1): ReadonlyArray<number> => {
  const file = Buffer.from(wav.buffer, wav.byteOffset, wav.byteLength)
  const samples: Array<number> = []
  for (let at = 44 + 2 * index; at < file.length; at += 4) samples.push(file.readInt16LE(at))
  return samples
}

const loudest = (samples: ReadonlyArray<number>): number =>
  samples.reduce((max, one) => Math.max(max, Math.abs(one)), 0)

describe.concurrent("a call over real sockets", () => {
  it.scopedLive(
    "the demo's: greeting, question, barge-in, booking, goodbye; recorded, replayed, made sound",
    () =>
      Effect.gen(function* () {
        const live = yield* make({
          brain: Restaurant.brain(audio),
          model: { transcribe: Restaurant.transcriber(audio) }
        })
        const result = yield* live.place({ script: script(audio), noise: true })
        assert.strictEqual(result.reason, "rest")
        const { commands, recording, summary } = yield* live.recording(result.callSid)
        assert.strictEqual(summary.outcome, "agent hung up")
        assert.strictEqual(summary.interruptions, 1)
        assert.strictEqual(summary.modelErrors, 0)
        assert.deepStrictEqual(
          live.model.sessions.flatMap(({ model }) => model.errorsSent),
          []
        )

        const ear = heard(result)
        for (const id of ["agent-greeting", "agent-how-many", "agent-booked", "agent-goodbye"] as const) {
          assert.strictEqual(occurrences(ear, audio[id]), 1, `${id} was heard once, to its end`)
        }
        assert.strictEqual(occurrences(ear, audio["agent-opening-hours"]), 0)
        const cut = commands.find((command) => command._tag === "Truncate")
        assert.isDefined(cut)
        const opening = audio["agent-opening-hours"].subarray(0, 8 * (cut.audioEndMs - 25))
        assert.strictEqual(occurrences(ear, opening), 1, "what the model was told was heard")

        const sound = Wav.ofRecording(recording)
        assert.isNotNull(sound)
        assert.isAbove(loudest(channel(sound, 0)), 3_000)
        assert.isAbove(loudest(channel(sound, 1)), 3_000)
        assert.approximately(channel(sound, 0).length / 8_000, summary.durationMs / 1_000, 1)
        yield* live.settled
      }),
    60_000
  )

  it.scopedLive("two at once do not touch each other", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain: Brain.scripted([say("agent-greeting"), say("agent-short-answer")]) })
      const call = (id: "caller-how-many" | "caller-yes", seed: string) =>
        live.place({
          seed,
          script: [Caller.say(id, audio[id], Caller.agentSilent(300)), Caller.hangUp(Caller.agentSilent(200))]
        })
      const [one, other] = yield* Effect.all([call("caller-how-many", "one"), call("caller-yes", "other")], {
        concurrency: 2
      })
      assert.notStrictEqual(one.callSid, other.callSid)
      for (const result of [one, other]) {
        const { summary } = yield* live.recording(result.callSid)
        assert.strictEqual(summary.outcome, "caller hung up")
        assert.deepStrictEqual(heard(result), joined([audio["agent-greeting"], audio["agent-short-answer"]]))
      }
      const received = live.model.sessions.map(({ model }) => model.received.bytes())
      assert.deepStrictEqual(received.map((bytes) => occurrences(bytes, audio["caller-how-many"])).sort(), [0, 1])
      assert.deepStrictEqual(received.map((bytes) => occurrences(bytes, audio["caller-yes"])).sort(), [0, 1])
      yield* live.settled
    })
  )

  it.scopedLive("the caller hangs up in the middle of a sentence", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain: Brain.scripted([say("agent-opening-hours")]) })
      const result = yield* live.place({ script: [Caller.hangUp(Caller.agentSpeaking(1_000))] })
      assert.strictEqual(result.reason, "caller")
      const { commands, summary } = yield* live.recording(result.callSid)
      assert.strictEqual(summary.outcome, "caller hung up")
      const turns = commands.flatMap((command) => (command._tag === "Settled" ? [command.turn] : []))
      const [turn] = turns
      assert.strictEqual(turns.length, 1)
      if (turn?.speaker !== "agent") return assert.fail("the turn is the agent's")
      assert.isTrue(turn.interrupted)
      assert.approximately(turn.heardMs, heard(result).length / 8, 60)
      yield* live.settled
    })
  )

  it.scopedLive("the model's connection is lost: the carrier speaks the tail, and the call ends", () =>
    Effect.gen(function* () {
      const live = yield* make({
        brain: Brain.scripted([say("agent-short-answer")]),
        model: { faults: [{ _tag: "SocketLost", code: 1006, after: "response.done" }] }
      })
      const result = yield* live.place({ script: [Caller.hangUp(Caller.after(20_000))] })
      assert.strictEqual(result.reason, "twiml")
      const verbs = result.traces.flatMap(({ trace }) => (trace._tag === "VerbExecuted" ? [trace] : []))
      assert.deepStrictEqual(
        verbs.map(({ verb }) => verb),
        ["Connect", "Say", "Hangup"]
      )
      assert.strictEqual(verbs[1]?.detail, "This call ends here. Thank you for calling. Goodbye.")
      const { summary } = yield* live.recording(result.callSid)
      assert.strictEqual(summary.outcome, "model lost")
      assert.deepStrictEqual(heard(result), audio["agent-short-answer"], "what was on its way was heard first")
      yield* live.settled
    })
  )

  it.scopedLive("a tool is called, and its result told", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const weather: Brain.Brain = ({ index, items }) => {
        if (index === 0) return say("agent-greeting")
        const last = items.at(-1)
        if (last?.type === "function_call_output") return say("agent-short-answer")
        return index === 1 ? { parts: [Brain.call("weather", '{"city":"Rome"}')] } : Brain.NOTHING
      }
      const live = yield* make({
        brain: weather,
        agent: {
          tools: [
            {
              name: "weather",
              description: "Tells the weather of a city.",
              parameters: { type: "object", properties: { city: { type: "string" } } },
              timeoutMs: 5_000
            }
          ]
        },
        tools: {
          weather: (args, { callSid }) =>
            Effect.sync(() => {
              asked.push([args, callSid])
              return { sky: "clear", celsius: 21 }
            })
        }
      })
      const result = yield* live.place({
        script: [
          Caller.say("caller-how-many", audio["caller-how-many"], Caller.agentSilent(300)),
          Caller.hangUp(Caller.agentSilent(200))
        ]
      })
      assert.deepStrictEqual(asked, [[{ city: "Rome" }, result.callSid]])
      const { summary } = yield* live.recording(result.callSid)
      assert.strictEqual(summary.toolCalls, 1)
      const output = live.model.sessions[0]?.model.items.find(({ type }) => type === "function_call_output")
      assert.deepInclude(output, { output: '{"sky":"clear","celsius":21}' })
      assert.deepStrictEqual(heard(result), joined([audio["agent-greeting"], audio["agent-short-answer"]]))
      yield* live.settled
    })
  )

  it.scopedLive("only what is signed is answered, webhook and stream alike", () =>
    Effect.gen(function* () {
      const authToken = "fedcba9876543210fedcba9876543210"
      const live = yield* make({ brain: Brain.scripted([say("agent-short-answer")]), authToken })
      const signed = yield* live.place({ script: [Caller.hangUp(Caller.agentSilent(100))] })
      assert.deepStrictEqual(heard(signed), audio["agent-short-answer"])
      assert.strictEqual(signed.reason, "caller")
      assert.strictEqual(live.model.sessions.length, 1)

      const forged = yield* live.place({ seed: "forged", authToken: "not the token", script: [] })
      assert.strictEqual(forged.reason, "application-error")
      assert.isFalse(forged.traces.some(({ trace }) => trace._tag === "StreamStarted"))

      const refused = yield* Effect.promise(() =>
        fetch(live.webhookUrl, {
          method: "POST",
          body: new URLSearchParams({ CallSid: "CA1", AccountSid: accountSid }),
          headers: { connection: "close" }
        })
      )
      assert.strictEqual(refused.status, 403)
      assert.match(refused.headers.get("content-type") ?? "", /^application\/problem\+json/)
      assert.notInclude(yield* Effect.promise(() => refused.text()), "CA1")

      const status = yield* Effect.async<number | undefined>((resume) => {
        const socket = new WebSocket(`${live.url.replace("http", "ws")}/media-stream`)
        socket.on("error", () => {})
        socket.once("open", () => resume(Effect.succeed(101)))
        socket.once("unexpected-response", (request, response) => {
          request.destroy()
          resume(Effect.succeed(response.statusCode))
        })
      })
      assert.strictEqual(status, 403)
      assert.strictEqual(live.model.sessions.length, 1, "no model session for what is not signed")
      for (const line of live.logs) {
        assert.notInclude(line, authToken)
        assert.notInclude(line, KEY)
        assert.notMatch(line, /\+\d{7}/)
      }
      yield* live.settled
    })
  )
})
