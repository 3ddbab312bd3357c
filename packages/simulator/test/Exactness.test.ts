/**
 * Barge-ins of every kind over a network: what the model believes was heard, held against the caller's ear (Truth.ts).
 *
 * A *cut* is an item of which the model was told where it ended, or of which the ear was spared something. One that the
 * model deleted and nobody heard is exact by nature and not counted.
 */

import { Agent, type Command, type Event } from "@offhook/core"
import { Brain, Caller, type Speech, SpeechFiles, World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as Truth from "./Truth.ts"

/** One way, ms: round trips of 0, 80 and 240. */
const delays = [0, 40, 120] as const

/** Calls of each kind over each round trip. `EXACTNESS_SEEDS=18` makes three times as many. */
const seeds = Number(process.env["EXACTNESS_SEEDS"] ?? 6)

const audio = SpeechFiles.load()

type Item = "agent-booked" | "agent-greeting" | "agent-how-many" | "agent-opening-hours"
type Answer = ReadonlyArray<Item & Speech.ClipId>

const long: Answer = ["agent-opening-hours"]
const short: Answer = ["agent-how-many"]
const three: Answer = ["agent-how-many", "agent-booked", "agent-greeting"]
const shortMs = audio["agent-how-many"].length / 8

const interrupting = (when: Caller.When) => Caller.say("caller-yes", audio["caller-yes"], when)
const whileItSpeaks = (ms: number) => interrupting(Caller.agentSpeaking(ms))

interface Kind {
  readonly name: string
  readonly answers: ReadonlyArray<Answer>
  /** `x`: where in the kind's range, 0 to 1. */
  readonly script: (x: number) => Caller.CallerScript
  /** The model generates little faster than speech. */
  readonly isSlow?: boolean
}

const kinds: ReadonlyArray<Kind> = [
  { name: "while generating", answers: [long], script: (x) => [whileItSpeaks(1_000 + 3_000 * x)], isSlow: true },
  { name: "while only the buffer plays", answers: [long], script: (x) => [whileItSpeaks(4_000 + 2_000 * x)] },
  { name: "with several items queued", answers: [three], script: (x) => [whileItSpeaks(500 + 7_000 * x)] },
  { name: "in the first 200 ms", answers: [long], script: (x) => [whileItSpeaks(200 * x)] },
  { name: "in the last 200 ms", answers: [short], script: (x) => [whileItSpeaks(shortMs - 200 * x)] },
  { name: "after playback ended", answers: [short], script: (x) => [interrupting(Caller.agentSilent(20 + 300 * x))] },
  {
    name: "twice",
    answers: [long, long],
    script: (x) => [whileItSpeaks(300 + 2_000 * x), whileItSpeaks(300 + 2_000 * x)]
  },
  {
    name: "three times",
    answers: [long, three, long],
    script: (x) => [1, 2, 3].map((n) => whileItSpeaks(150 * n + 1_500 * x))
  }
]

interface Judged {
  readonly name: string
  readonly delay: number
  readonly items: ReadonlyArray<Truth.Spoken>
  readonly settled: ReadonlyMap<string, number>
  readonly clears: number
  readonly errors: ReadonlyArray<string | null>
  /** Responses that were complete when the machine's cancellation reached the model: no side can prevent that. */
  readonly crossed: number
}

const place = (kind: Kind, delay: number, seed: number): Judged => {
  const name = `${kind.name}, one way ${delay} ms, seed ${seed}`
  const commands: Array<Command> = []
  const events: Array<Event> = []
  let said = 0
  const say = (id: Item): Brain.Part => Brain.say({ audio: Truth.signed(audio[id], said++), text: id })
  const world = World.make({
    seed: name,
    agent: { ...Agent.defaults, turns: seed % 2 === 0 ? "model" : "machine", endCall: false },
    script: [...kind.script(((seed * 7_919) % 1_000) / 1_000), Caller.hangUp(Caller.after(12_000))],
    brain: Brain.scripted(
      kind.answers.map((answer) => ({ parts: answer.map(say) })),
      { rest: Brain.NOTHING }
    ),
    carrierLine: { delay, jitter: delay / 8 + 2 },
    modelLine: { delay: 20, jitter: 10 },
    model: {
      choices: { truncatesItself: false },
      ...(kind.isSlow === true ? { pace: { speed: [1, 1.2] } } : {})
    },
    onStep: (event, given) => {
      events.push(event)
      commands.push(...given)
    }
  })
  world.run(120_000)
  const cancelled = new Set(
    commands.flatMap((command) => (command._tag === "CancelResponse" ? [command.response] : []))
  )
  return {
    name,
    delay,
    items: Truth.spoken(world),
    settled: new Map(
      commands.flatMap((command) =>
        command._tag === "Settled" && command.turn.speaker === "agent"
          ? [[command.turn.item, command.turn.heardMs]]
          : []
      )
    ),
    clears: world.carrier.ear.cleared.length,
    errors: world.models.flatMap((model) => model.errorsSent.map(({ code }) => code)),
    crossed: events.filter(
      (event) => event._tag === "ModelResponseDone" && event.status === "completed" && cancelled.has(event.response)
    ).length
  }
}

interface Cut {
  readonly name: string
  readonly delay: number
  readonly error: number
}

const cutsOf = ({ name, delay, items }: Judged): ReadonlyArray<Cut> =>
  items
    .filter(({ isTold, isCut, believedMs, heardMs }) => (isTold || isCut) && (believedMs > 0 || heardMs > 0))
    .map(({ believedMs, heardMs }) => ({ name, delay, error: Math.abs(believedMs - heardMs) }))

const median = (cuts: ReadonlyArray<Cut>): number =>
  cuts.map(({ error }) => error).sort((a, b) => a - b)[cuts.length >> 1] ?? Number.NaN

const worst = (cuts: ReadonlyArray<Cut>): Cut | undefined =>
  cuts.reduce<Cut | undefined>((worst, cut) => (cut.error > (worst?.error ?? -1) ? cut : worst), undefined)

/** All that was measured, for whoever must find out why it failed. */
const measured = (cuts: ReadonlyArray<Cut>): string => {
  const line = (what: string, some: ReadonlyArray<Cut>) =>
    `${what}: ${some.length} cuts, median ${median(some)} ms, maximum ${worst(some)?.error} ms (${worst(some)?.name})`
  return [
    line("all round trips", cuts),
    ...delays.map((delay) =>
      line(
        `round trip ${2 * delay} ms`,
        cuts.filter((cut) => cut.delay === delay)
      )
    )
  ].join("\n")
}

describe("a barge-in over a network", () => {
  const calls = kinds.flatMap((kind) =>
    delays.flatMap((delay) => Array.from({ length: seeds }, (_, seed) => place(kind, delay, seed)))
  )
  const cuts = calls.flatMap(cutsOf)

  it("tells the model what was heard, to a few milliseconds", () => {
    assert.isAtLeast(cuts.length, 100, "too few barge-ins to judge")
    const far = cuts.filter(({ delay }) => delay === 120)
    assert.isAtMost(median(cuts), 5, measured(cuts))
    assert.isAtMost(median(far), 8, measured(cuts))
    assert.isAtMost(worst(cuts)?.error ?? Number.NaN, 25, measured(cuts))
    if (process.env["EXACTNESS_SEEDS"] !== undefined) console.log(measured(cuts))
  })

  it("lets everything else be heard to its end", () => {
    for (const { name, items } of calls) {
      for (const { id, isTold, isCut, heardMs, generatedMs, resumes } of items) {
        assert.deepStrictEqual(resumes, [], `${name}: ${id} was cleared and went on`)
        if (!isTold && !isCut) assert.strictEqual(heardMs, generatedMs, `${name}: ${id} was not interrupted`)
      }
    }
  })

  it("says in its own books what the ear heard", () => {
    for (const { name, items, settled } of calls) {
      for (const { id, heardMs } of items) assert.closeTo(settled.get(id) ?? 0, heardMs, 25, `${name}: ${id}`)
    }
  })

  it("lets nothing of an interrupted response be heard after the clear took effect", () => {
    let clears = 0
    for (const call of calls) {
      clears += call.clears
      for (const { id, isCut, heardUntil, clearedAt } of call.items) {
        if (isCut) assert.isAtMost(heardUntil, clearedAt, `${call.name}: ${id}`)
      }
    }
    assert.isAtLeast(clears, 100, "too few to judge")
  })

  it("never makes the strict model answer with an error", () => {
    for (const { name, errors, crossed } of calls) {
      const refusals = errors.filter((code) => code !== "response_cancel_not_active")
      assert.deepStrictEqual(refusals, [], name)
      assert.isAtMost(errors.length, crossed, `${name}: a cancellation found nothing, and no response.done crossed it`)
    }
  })
})

/** A longer sound may not be over 800 ms after it was noticed, and is speech then. */
const longestMs = 600

/** A cough or an "mhm" every two seconds of three long answers, each of which the agent pauses for. */
const paused = (delay: number, seed: number) => {
  const sounds = ["caller-cough", "caller-mhm"] as const
  let said = 0
  const script = Array.from({ length: 6 }, (_, index) => {
    const id = sounds[(index + seed) % 2] ?? "caller-cough"
    return Caller.say(
      id,
      audio[id].subarray(0, longestMs * 8),
      Caller.after(1_400 + ((seed * 7_919 + index * 577) % 1_000))
    )
  })
  const settled: Array<{ readonly heard: string; readonly generated: string }> = []
  const world = World.make({
    seed: `paused ${delay} ${seed}`,
    wire: "direct",
    agent: {
      ...Agent.defaults,
      turns: "machine",
      pauseToDecide: true,
      interruptAfterMs: 700,
      backchannels: { maxMs: 750, words: [] },
      endCall: false
    },
    script: [Caller.wait(Caller.agentSpeaking(700)), ...script, Caller.hangUp(Caller.after(15_000))],
    brain: Brain.scripted(
      [
        {
          parts: [long, long, long].map(([id]) =>
            Brain.say({ audio: Truth.signed(audio[id ?? "agent-booked"], said++), text: "We open at six." })
          )
        }
      ],
      { rest: Brain.NOTHING }
    ),
    carrierLine: { delay, jitter: delay / 8 + 2 },
    modelLine: { delay: 20, jitter: 10 },
    onStep: (_, commands) => {
      for (const command of commands) {
        if (command._tag !== "Settled") continue
        if (command.turn.speaker === "agent") settled.push(command.turn)
      }
    }
  })
  world.run(120_000)
  return { name: `one way ${delay} ms, seed ${seed}`, items: Truth.spoken(world), settled }
}

describe("a pause for a cough over a network", () => {
  const calls = delays.flatMap((delay) => Array.from({ length: 4 }, (_, seed) => paused(delay, seed)))
  const errors = calls
    .flatMap(({ items }) => items.flatMap(({ resumes }) => resumes.map(Math.abs)))
    .sort((a, b) => a - b)

  it("goes on from what the ear heard, to a few milliseconds", () => {
    assert.isAtLeast(errors.length, 40, "too few pauses to judge")
    const told = `${errors.length} times, median ${errors[errors.length >> 1]} ms, maximum ${errors.at(-1)} ms`
    assert.isAtMost(errors[errors.length >> 1] ?? Number.NaN, 5, told)
    assert.isAtMost(errors.at(-1) ?? Number.NaN, 25, told)
    if (process.env["EXACTNESS_SEEDS"] !== undefined) console.log(told)
  })

  it("is heard to the end, and the transcript is whole", () => {
    for (const { name, items, settled } of calls) {
      for (const { id, heardMs, generatedMs, isTold, isCut } of items) {
        assert.strictEqual(heardMs, generatedMs, `${name}: ${id}`)
        assert.isFalse(isTold || isCut, `${name}: ${id} was cut`)
      }
      for (const { heard, generated } of settled) assert.strictEqual(heard, generated, name)
    }
  })
})
