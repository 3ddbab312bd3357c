/**
 * Seeded calls through the whole world, with everything that callers, tools, networks and models do, and what must hold
 * of each. The judgements are read from the caller's line and ear and from the strict model (Truth.ts); of the machine's
 * own commands only what it says of itself is judged: that it ends once, what it settles, that it can be replayed.
 */

import { Agent, Call, type Command, type Event, Recorder, Recording, Replay } from "@offhook/core"
import { Brain, Caller, type Fault, Random, type Speech, SpeechFiles, World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as Truth from "./Truth.ts"

const seeds = 120

/** Of all seeds; where the machine's requests race the model's own responses nobody is to blame. */
const mostCrossings = { create: 3, cancel: 6 }

/** A cut is settled with the model within this: a round trip to the carrier, and what the model may hold it for. */
const settlingMs = 1_000

/** How far what is told may be from what was heard, ms: more where the carrier plays whole pieces, which survive a clear. */
const exactMs = 25
const pieceMs = 20

const audio = SpeechFiles.load()
const sounds = {
  agent: ["agent-booked", "agent-greeting", "agent-how-many", "agent-opening-hours"],
  caller: ["caller-yes", "caller-mhm", "caller-how-many", "caller-table-for-four"]
} as const satisfies Record<string, ReadonlyArray<Speech.ClipId>>

const pick = <A>(random: Random.Random, list: readonly [A, ...Array<A>]): A =>
  list[random.integer(0, list.length - 1)] ?? list[0]

const brainOf = (random: Random.Random): Brain.Brain => {
  let said = 0
  const say = (): Brain.Part => {
    const id = pick(random, sounds.agent)
    return Brain.say({ audio: Truth.signed(audio[id], said++), text: `It says ${id} in so many words.` })
  }
  const tool = (): Brain.Part =>
    Brain.call(pick(random, ["look", "look", "fly"]), pick(random, ["{}", "", "{", '{"a":1}']))
  const goodbye = Brain.call("end_call", "{}")
  return (request) => {
    if (request.outOfBand) return Brain.NOTHING
    const chance = random.next()
    if (chance < 0.5) return { parts: [say()] }
    if (chance < 0.65) return { parts: [say(), say()] }
    if (chance < 0.75) return { parts: [say(), tool()] }
    if (chance < 0.85) return { parts: [tool(), tool()] }
    if (chance < 0.9 && request.turns > 2) return { parts: [say(), goodbye] }
    if (chance < 0.92 && request.turns > 2) return { parts: [goodbye] }
    return { parts: [say(), say(), say()] }
  }
}

const scriptOf = (random: Random.Random): Caller.CallerScript => {
  const steps = Array.from({ length: random.integer(2, 7) }, () => {
    const when =
      random.next() < 0.55
        ? Caller.agentSpeaking(random.integer(0, 4000), 4000)
        : Caller.agentSilent(random.integer(0, 1500), 6000)
    if (random.next() < 0.12) return Caller.press(pick(random, ["1", "12#", "#", "4711"]), when)
    const id = pick(random, sounds.caller)
    return Caller.say(id, audio[id], when)
  })
  return [...steps, Caller.hangUp(Caller.after(random.integer(100, 9000)))]
}

/** Errors that a fault may make the model send. */
const injected = ["server_error", "session_expired", "something_new"] as const

const faultsOf = (random: Random.Random): ReadonlyArray<Fault.Fault> => {
  const chance = random.next()
  if (chance < 0.6) return []
  if (chance < 0.7) return [{ _tag: "UnknownEvent", after: "response.created" }]
  if (chance < 0.8) {
    const points = ["response.created", "response.output_audio.delta", "response.done"] as const
    return [{ _tag: "SocketLost", after: pick(random, points) }]
  }
  return [{ _tag: "Error", code: pick(random, injected), after: "response.done" }]
}

/** What the carrier's line does to the caller's audio. Noise lets every frame be told from silence that is filled in. */
const lineOf = (random: Random.Random): NonNullable<World.Options["carrier"]> => {
  const chance = random.next()
  if (chance < 0.15) return { noise: true, impairments: { silenceSuppression: true } }
  if (chance > 0.3) return { noise: random.next() < 0.5 }
  const gaps = Array.from({ length: 6 }, (_, index) => ({
    at: 3_000 * index + random.integer(500, 2_500),
    ms: 20 * random.integer(1, 100)
  }))
  return { noise: true, impairments: { gaps } }
}

/** Where the server truncates by itself, what it remembers is its own guess. */
const serversOwn = { truncatesItself: false }

interface Step {
  readonly event: Event
  readonly commands: ReadonlyArray<Command>
}

interface Run {
  readonly world: World.World
  readonly agent: Agent.Agent
  readonly steps: ReadonlyArray<Step>
  readonly commands: ReadonlyArray<Command>
  /** Until when a caller's frame must reach the model, and the agent's side be settled; ms as the world counts. */
  readonly heardUntil: number
  readonly settledUntil: number
  readonly toleranceMs: number
  /** When the model sent the last audio of an item. */
  readonly generatedAt: ReadonlyMap<string, number>
}

const run = (seed: number): Run => {
  const random = Random.make(seed)
  const steps: Array<Step> = []
  const generatedAt = new Map<string, number>()
  const toolRandom = random.split("tools")
  const carrierLine = { delay: pick(random, [0, 20, 60, 120]), jitter: random.next() * 15 }
  const modelLine = { delay: pick(random, [5, 20, 80]), jitter: random.next() * 15 }
  const carrier = lineOf(random.split("line"))
  const playoutQuantum = random.next() < 0.2 ? pieceMs : 0
  let lostAt = Number.POSITIVE_INFINITY
  const agent: Agent.Agent = {
    ...Agent.defaults,
    turns: pick(random, ["machine", "model"]),
    greeting: random.next() < 0.7 ? "Say hello." : null,
    tools: [{ name: "look", description: "Looks", parameters: { type: "object" }, timeoutMs: 2000 }]
  }
  const world = World.make({
    seed,
    agent,
    carrierLine,
    modelLine,
    script: scriptOf(random.split("script")),
    brain: brainOf(random.split("brain")),
    rest: random.next() < 0.7,
    carrier: {
      ...carrier,
      withoutStop: random.next() < 0.2,
      clockOffset: random.next() * 1_000,
      driftPpm: random.integer(-100, 100),
      playoutQuantum
    },
    model: {
      choices: serversOwn,
      faults: faultsOf(random.split("faults")),
      pace: {
        speed: pick<readonly [number, number]>(random, [
          [1, 1.3],
          [3, 6],
          [8, 12]
        ]),
        updateMs: random.next() < 0.15 ? [500, 4_000] : [5, 40]
      },
      onEvent: (event) => {
        if (event.type === "response.output_audio.delta") generatedAt.set(event.item_id, world.now())
      }
    },
    tool: () => (toolRandom.next() < 0.15 ? undefined : { output: "done", afterMs: toolRandom.integer(0, 4000) }),
    onStep: (event, commands, state) => {
      steps.push({ event, commands })
      if (event._tag === "ModelClosed") lostAt = Math.min(lostAt, world.now() - modelLine.delay - modelLine.jitter)
      if (event._tag !== "TimeAdvanced") return
      assert.isAbove(Call.nextDeadline(state) ?? Number.POSITIVE_INFINITY, event.at, "a deadline is left behind")
    }
  })
  world.run(240_000, 200_000)
  const closed =
    world.closings.find(({ peer, by }) => peer === "model" && by === "host")?.at ?? Number.POSITIVE_INFINITY
  const over = Math.min(closed, lostAt)
  return {
    world,
    agent,
    steps,
    commands: [...world.first, ...steps.flatMap(({ commands }) => commands)],
    heardUntil:
      over - carrierLine.delay - carrierLine.jitter - (lostAt < closed ? modelLine.delay + modelLine.jitter : 0),
    settledUntil: over - settlingMs,
    toleranceMs: playoutQuantum + exactMs,
    generatedAt
  }
}

const only = <Tag extends Command["_tag"]>(commands: ReadonlyArray<Command>, tag: Tag) =>
  commands.filter((command): command is Extract<Command, { _tag: Tag }> => command._tag === tag)

const endsOnce = ({ world, commands }: Run): void => {
  assert.strictEqual(only(commands, "Ended").length, 1, "a call ends once")
  assert.strictEqual(commands.at(-1)?._tag, "Ended", "and is silent from then on")
  assert.isTrue(world.carrier.isEnded(), "the carrier's call is over")
  assert.isNotEmpty(world.models)
  for (const model of world.models) assert.isTrue(model.closed(), "the model's socket is closed")
  assert.isBelow(world.now(), 240_000, "nothing is left to happen")
}

const everyByteOfTheCallerArrivesOnce = ({ world, heardUntil }: Run): void => {
  const received = Truth.framesReceived(world)
  const first = world.carrier.sent[received]
  if (first !== undefined) assert.isAbove(first.at, heardUntil, `frame ${received} never reached the model`)
}

const whatIsHeardIsWhatTheModelBelieves = ({ world, settledUntil, generatedAt, toleranceMs }: Run): void => {
  for (const item of Truth.spoken(world)) {
    assert.deepStrictEqual(item.resumes, [], `${item.id} was cleared and went on`)
    const settled = Math.max(item.heardUntil, item.clearedAt, generatedAt.get(item.id) ?? -Infinity) < settledUntil
    if (item.isTold || (item.isCut && settled)) {
      assert.closeTo(item.heardMs, item.believedMs, toleranceMs, `what the model believes of ${item.id}`)
    } else if (settled) assert.strictEqual(item.heardMs, item.generatedMs, `${item.id} was not interrupted`)
  }
}

const whatIsSettledIsWhatWasHeard = ({ world, commands, toleranceMs }: Run): void => {
  const spoken = new Map(Truth.spoken(world).map((item) => [item.id, item]))
  for (const { turn } of only(commands, "Settled")) {
    if (turn.speaker !== "agent") continue
    assert.isAtMost(turn.heardMs, turn.sentMs)
    assert.isAtMost(turn.sentMs, turn.generatedMs)
    const item = spoken.get(turn.item)
    assert.isDefined(item)
    const isCutByTheEnd = !item.isTold && turn.heardMs < turn.generatedMs
    if (!isCutByTheEnd) assert.closeTo(turn.heardMs, item.heardMs, toleranceMs, `settled of ${turn.item}`)
  }
}

const toolsAreAnsweredOnce = ({ commands }: Run): void => {
  const answered = only(commands, "AnswerTool").map(({ call }) => call)
  assert.strictEqual(new Set(answered).size, answered.length, "a function call is answered once")
}

const crossings = { create: 0, cancel: 0 }

/** The model refuses nothing, except what crossed an event of its own that was on its way. */
const theModelRefusesOnlyWhatCrossed = ({ world, agent, steps }: Run): void => {
  const given = (is: (command: Command) => boolean) => steps.findIndex(({ commands }) => commands.some(is))
  const mayCross = steps.filter(
    ({ event }, done) =>
      event._tag === "ModelResponseDone" &&
      event.reason !== "client_cancelled" &&
      steps
        .slice(0, done)
        .some(({ commands }) => only(commands, "CancelResponse").some((one) => one.response === event.response))
  ).length
  let cancelled = 0
  for (const { code, event_id, message, type } of world.models.flatMap((model) => model.errorsSent)) {
    if (type !== "invalid_request_error" && injected.some((one) => one === code)) continue
    switch (code) {
      case "conversation_already_has_active_response": {
        const running = /resp_\w+/.exec(message)?.[0]
        const told = steps.findIndex(({ event }) => event._tag === "ModelResponseCreated" && event.response === running)
        const asked = given((command) => command._tag === "CreateResponse" && command.request === event_id)
        assert.strictEqual(agent.turns, "model", "who owns the turns is the only one to create responses")
        assert.isTrue(told < 0 || told > asked, "a response was asked for while one was known to be running")
        crossings.create++
        break
      }
      case "response_cancel_not_active":
        cancelled++
        break
      default:
        assert.fail(`the model answered ${code}: ${message}`)
    }
  }
  assert.isAtMost(cancelled, mayCross, "a response was cancelled that was known to be over")
  crossings.cancel += cancelled
}

const replaysTheSame = ({ world, steps }: Run, withAudio: boolean): void => {
  const recorder = Recorder.make({
    version: "test",
    call: "CA1",
    startedAt: "2026-11-22T00:00:00.000Z",
    config: world.config,
    audio: withAudio
  })
  let text = recorder.start(world.first)
  for (const { event, commands } of steps) text += recorder.add(event, commands)
  text += recorder.finish()
  const replayed = Replay.run(Recording.parse(text))
  assert.isTrue(replayed.same, replayed.same ? "" : Replay.explain(replayed.difference))
}

describe("a seeded call", () => {
  for (let seed = 1; seed <= seeds; seed++) {
    it(`${seed}`, () => {
      const call = run(seed)
      endsOnce(call)
      everyByteOfTheCallerArrivesOnce(call)
      whatIsHeardIsWhatTheModelBelieves(call)
      whatIsSettledIsWhatWasHeard(call)
      toolsAreAnsweredOnce(call)
      theModelRefusesOnlyWhatCrossed(call)
      replaysTheSame(call, seed % 2 === 0)
    })
  }

  it("seldom crosses what the model does by itself", () => {
    assert.isAtMost(crossings.create, mostCrossings.create)
    assert.isAtMost(crossings.cancel, mostCrossings.cancel)
  })
})
