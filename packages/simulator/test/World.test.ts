/**
 * Seeded calls through the whole world, with everything that callers, tools and networks do, and what must hold of
 * each: read from the simulated ears and from the strict model, never from the machine's own books.
 */

import { Agent, Call, type Command, type Event, Recorder, Recording, Replay } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as Caller from "../src/Caller.ts"
import * as Brain from "../src/model/Brain.ts"
import type { Fault } from "../src/model/Fault.ts"
import * as SpeechFiles from "../src/node/SpeechFiles.ts"
import * as Random from "../src/Random.ts"
import type * as Speech from "../src/Speech.ts"
import * as World from "../src/World.ts"

const audio = SpeechFiles.load()

const pick = <A>(random: Random.Random, list: ReadonlyArray<A>): A => {
  const one = list[random.integer(0, list.length - 1)]
  if (one === undefined) throw new Error("nothing to pick from")
  return one
}

const agentClips: ReadonlyArray<Speech.ClipId> = [
  "agent-booked",
  "agent-greeting",
  "agent-how-many",
  "agent-opening-hours"
]
const callerClips: ReadonlyArray<Speech.ClipId> = [
  "caller-yes",
  "caller-mhm",
  "caller-how-many",
  "caller-table-for-four"
]

const brainOf =
  (random: Random.Random): Brain.Brain =>
  (request) => {
    if (request.outOfBand) return Brain.NOTHING
    const chance = random.next()
    const say = (): Brain.Part => {
      const id = pick(random, agentClips)
      return Brain.say({ audio: audio[id], text: `It says ${id} in so many words.` })
    }
    const tool = (): Brain.Part =>
      Brain.call(pick(random, ["look", "look", "fly"]), pick(random, ["{}", "", "{", '{"a":1}']))
    if (chance < 0.5) return { parts: [say()] }
    if (chance < 0.65) return { parts: [say(), say()] }
    if (chance < 0.75) return { parts: [say(), tool()] }
    if (chance < 0.85) return { parts: [tool(), tool()] }
    if (chance < 0.9 && request.turns > 2) return { parts: [say(), Brain.call("end_call", "{}")] }
    if (chance < 0.92 && request.turns > 2) return { parts: [Brain.call("end_call", "{}")] }
    return { parts: [say(), say(), say()] }
  }

const scriptOf = (random: Random.Random): Caller.CallerScript => {
  const steps: Array<Caller.Step> = []
  const count = random.integer(2, 6)
  for (let index = 0; index < count; index++) {
    const when =
      random.next() < 0.55
        ? Caller.agentSpeaking(random.integer(0, 4000), 4000)
        : Caller.agentSilent(random.integer(0, 1500), 6000)
    const id = pick(random, callerClips)
    if (random.next() < 0.12) steps.push(Caller.press(pick(random, ["1", "12#", "#", "4711"]), when))
    else steps.push(Caller.say(id, audio[id], when))
  }
  return [...steps, Caller.hangUp(Caller.after(random.integer(100, 9000)))]
}

const faultsOf = (random: Random.Random): ReadonlyArray<Fault> => {
  const chance = random.next()
  if (chance < 0.6) return []
  if (chance < 0.7) return [{ _tag: "UnknownEvent", after: "response.created" }]
  if (chance < 0.8)
    return [
      { _tag: "SocketLost", after: pick(random, ["response.created", "response.output_audio.delta", "response.done"]) }
    ]
  return [
    { _tag: "Error", code: pick(random, ["server_error", "session_expired", "something_new"]), after: "response.done" }
  ]
}

interface Run {
  readonly world: World.World
  readonly commands: ReadonlyArray<Command>
  readonly steps: ReadonlyArray<readonly [Event, ReadonlyArray<Command>]>
  readonly isFaulty: boolean
}

const run = (seed: number): Run => {
  const random = Random.make(seed)
  const delay = pick(random, [0, 20, 60, 120])
  const faults = faultsOf(random.split("faults"))
  const steps: Array<readonly [Event, ReadonlyArray<Command>]> = []
  const toolRandom = random.split("tools")
  const world = World.make({
    seed,
    agent: {
      ...Agent.defaults,
      turns: pick(random, ["machine", "model"]),
      greeting: random.next() < 0.7 ? "Say hello." : null,
      tools: [{ name: "look", description: "Looks", parameters: { type: "object" }, timeoutMs: 2000 }]
    },
    script: scriptOf(random.split("script")),
    brain: brainOf(random.split("brain")),
    carrierLine: { delay, jitter: random.next() * 15 },
    modelLine: { delay: pick(random, [5, 20, 80]), jitter: random.next() * 15 },
    rest: random.next() < 0.7,
    carrier: { noise: random.next() < 0.5, withoutStop: random.next() < 0.2 },
    model: {
      faults,
      pace: {
        speed: pick(random, [
          [1, 1.3],
          [3, 6],
          [8, 12]
        ] as const)
      }
    },
    tool: () => (toolRandom.next() < 0.15 ? undefined : { output: "done", afterMs: toolRandom.integer(0, 4000) }),
    onStep: (event, commands, state) => {
      steps.push([event, commands])
      const due = Call.nextDeadline(state)
      if (event._tag === "TimeAdvanced") assert.isTrue(due === null || due > event.at, "a deadline is left behind")
    }
  })
  world.run(240_000, 200_000)
  return {
    world,
    commands: [...world.first, ...steps.flatMap(([, commands]) => commands)],
    steps,
    isFaulty: faults.length > 0
  }
}

const only = <Tag extends Command["_tag"]>(commands: ReadonlyArray<Command>, tag: Tag) =>
  commands.filter((command): command is Extract<Command, { _tag: Tag }> => command._tag === tag)

describe("seeded calls", () => {
  for (let seed = 1; seed <= 150; seed++) {
    it(`${seed}`, () => {
      const { world, commands, steps, isFaulty } = run(seed)

      const ended = only(commands, "Ended")
      assert.strictEqual(ended.length, 1, "a call ends once")
      assert.strictEqual(commands[commands.length - 1]?._tag, "Ended", "and is silent from then on")
      assert.isTrue(world.carrier.isEnded(), "the carrier's call is over")
      assert.strictEqual(only(commands, "CloseModel").length, 1)

      const answered = only(commands, "AnswerTool").map(({ call }) => call)
      assert.strictEqual(new Set(answered).size, answered.length, "a function call is answered once")

      const heard = new Map<string, number>()
      const played = only(commands, "PlayAudio")
      for (const span of world.carrier.ear.heard) {
        const item = played[span.message]?.item ?? ""
        heard.set(item, (heard.get(item) ?? 0) + (span.to - span.from) / 8)
      }
      const told = new Set([...only(commands, "Truncate"), ...only(commands, "DeleteItem")].map(({ item }) => item))
      const jitterMs = 25
      for (const { turn } of only(commands, "Settled")) {
        if (turn.speaker !== "agent" || world.state()?.phase !== "ended") continue
        const isCutByTheEnd = ended[0] !== undefined && turn.heardMs < turn.generatedMs && !told.has(turn.item)
        if (!isCutByTheEnd) {
          assert.closeTo(turn.heardMs, heard.get(turn.item) ?? 0, jitterMs, `heard of ${turn.item}`)
        }
        assert.isAtMost(turn.heardMs, turn.sentMs)
        assert.isAtMost(turn.sentMs, turn.generatedMs)
      }

      const unexpected = (world.models[0]?.errorsSent ?? []).filter(
        ({ code }) =>
          code !== "response_cancel_not_active" &&
          code !== "conversation_already_has_active_response" &&
          !(isFaulty && (code === "server_error" || code === "session_expired" || code === "something_new"))
      )
      assert.deepStrictEqual(unexpected, [])

      const sent = world.carrier.sent.flatMap(({ payload }) => [...payload])
      const forwarded = only(commands, "ForwardAudio").reduce((bytes, { bytes: more }) => bytes + more, 0)
      assert.isAtMost(forwarded, sent.length)

      const recorder = Recorder.make({
        version: "test",
        call: "CA1",
        startedAt: "2026-11-22T00:00:00.000Z",
        config: world.config,
        audio: seed % 2 === 0
      })
      let text = recorder.start(world.first)
      for (const [event, given] of steps) text += recorder.add(event, given)
      text += recorder.finish()
      const replayed = Replay.run(Recording.parse(text))
      assert.isTrue(replayed.same, replayed.same ? "" : Replay.explain(replayed.difference))
    })
  }
})
