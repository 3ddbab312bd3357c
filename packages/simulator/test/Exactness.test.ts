/**
 * What the model is told of a barge-in, held against the caller's ear: the sum of the bytes really played, read from
 * the simulated carrier and never from the ledger.
 */

import { Agent, type Command } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as Caller from "../src/Caller.ts"
import * as Brain from "../src/model/Brain.ts"
import * as SpeechFiles from "../src/node/SpeechFiles.ts"
import * as World from "../src/World.ts"

const audio = SpeechFiles.load()
const agentClip = (id: "agent-booked" | "agent-greeting" | "agent-how-many" | "agent-opening-hours"): Brain.Part =>
  Brain.say({ audio: audio[id], text: id })
const interrupting = (when: Caller.When) => Caller.say("caller-yes", audio["caller-yes"], when)

const long = { parts: [agentClip("agent-opening-hours")] }
const three = { parts: [agentClip("agent-how-many"), agentClip("agent-booked"), agentClip("agent-greeting")] }
const short = { parts: [agentClip("agent-how-many")] }
const shortMs = 2752

interface Kind {
  readonly name: string
  readonly plans: ReadonlyArray<Brain.Plan>
  readonly script: (random: number) => Caller.CallerScript
  readonly slow?: boolean
}

const kinds: ReadonlyArray<Kind> = [
  {
    name: "while generating",
    plans: [long],
    script: (r) => [interrupting(Caller.agentSpeaking(1_000 + 3_000 * r))],
    slow: true
  },
  {
    name: "while only the buffer plays",
    plans: [long],
    script: (r) => [interrupting(Caller.agentSpeaking(4_000 + 3_000 * r))]
  },
  {
    name: "with several items queued",
    plans: [three],
    script: (r) => [interrupting(Caller.agentSpeaking(500 + 7_000 * r))]
  },
  { name: "in the first 200 ms", plans: [long], script: (r) => [interrupting(Caller.agentSpeaking(200 * r))] },
  {
    name: "in the last 200 ms",
    plans: [short],
    script: (r) => [interrupting(Caller.agentSpeaking(shortMs - 200 * r))]
  },
  { name: "after playback ended", plans: [short], script: (r) => [interrupting(Caller.agentSilent(20 + 300 * r))] },
  {
    name: "twice",
    plans: [long, long],
    script: (r) => [
      interrupting(Caller.agentSpeaking(300 + 2_000 * r)),
      interrupting(Caller.agentSpeaking(300 + 2_000 * r))
    ]
  },
  {
    name: "three times",
    plans: [long, three, long],
    script: (r) => [1, 2, 3].map((n) => interrupting(Caller.agentSpeaking(150 * n + 1_500 * r)))
  }
]

interface Verdict {
  readonly kind: string
  readonly oneWay: number
  readonly error: number
}

interface Heard {
  readonly ms: number
  /** When its last byte was heard, ms since the call was placed. */
  readonly until: number
}

/** Item by item, from the bytes at the ear. */
const heardAtTheEar = (world: World.World): Map<string, Heard> => {
  const played = world.given.flatMap(({ command }) => (command._tag === "PlayAudio" ? [command] : []))
  const heard = new Map<string, Heard>(played.map(({ item }) => [item, { ms: 0, until: 0 }]))
  for (const span of world.carrier.ear.heard) {
    const command = played[span.message]
    assert.isDefined(command)
    const ms = (span.to - span.from) / 8
    const before = heard.get(command.item)?.ms ?? 0
    heard.set(command.item, { ms: before + ms, until: span.at + ms })
  }
  return heard
}

interface Judged {
  readonly world: World.World
  readonly verdicts: ReadonlyArray<Verdict>
  /** Machine turns: responses that turned out complete after they had been told to stop; no side can prevent that. */
  readonly crossed: number
}

const call = (kind: Kind, oneWay: number, seed: number): Judged => {
  const random = ((seed * 7_919) % 1_000) / 1_000
  const brain: Brain.Brain = Brain.scripted(kind.plans, { rest: Brain.NOTHING })
  const told: Array<Command> = []
  const cancelled = new Set<string | null>()
  let crossed = 0
  const world = World.make({
    seed: `${kind.name}/${oneWay}/${seed}`,
    agent: { ...Agent.defaults, turns: seed % 2 === 0 ? "model" : "machine", endCall: false },
    script: [...kind.script(random), Caller.hangUp(Caller.after(12_000))],
    brain,
    carrierLine: { delay: oneWay, jitter: oneWay / 8 + 2 },
    modelLine: { delay: 20, jitter: 10 },
    ...(kind.slow === true ? { model: { pace: { speed: [1, 1.2] } } } : {}),
    onStep: (event, commands) => {
      told.push(...commands)
      for (const command of commands) if (command._tag === "CancelResponse") cancelled.add(command.response)
      if (event._tag === "ModelResponseDone" && event.status === "completed" && cancelled.has(event.response)) crossed++
    }
  })
  world.run(120_000)
  const ear = heardAtTheEar(world)
  const verdicts = told.flatMap((command): Array<Verdict> => {
    if (command._tag !== "Truncate" && command._tag !== "DeleteItem") return []
    const heardMs = ear.get(command.item)?.ms ?? 0
    const toldMs = command._tag === "Truncate" ? command.audioEndMs : 0
    return [{ kind: kind.name, oneWay, error: Math.abs(toldMs - heardMs) }]
  })
  for (const command of told) {
    if (command._tag !== "Settled" || command.turn.speaker !== "agent") continue
    const heardMs = ear.get(command.turn.item)?.ms ?? 0
    assert.isAtMost(
      Math.abs(command.turn.heardMs - heardMs),
      25,
      `${kind.name} ${oneWay} ${seed}: what was settled as heard`
    )
    const isTold = told.some(
      (other) =>
        (other._tag === "Truncate" || other._tag === "DeleteItem") &&
        other.item === (command.turn as { item: string }).item
    )
    if (!isTold)
      assert.isAtLeast(heardMs, command.turn.generatedMs, `${kind.name} ${oneWay} ${seed}: not told, so heard whole`)
  }
  return { world, verdicts, crossed }
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN

describe("a barge-in over a network", () => {
  const calls = kinds.flatMap((kind) =>
    [0, 40, 120].flatMap((oneWay) =>
      [0, 1, 2, 3, 4, 5].map((seed) => ({ kind, oneWay, seed, ...call(kind, oneWay, seed) }))
    )
  )
  const verdicts = calls.flatMap((one) => one.verdicts)
  const cuts = verdicts.length

  it("tells the model what was heard, to a few milliseconds", () => {
    assert.isAtLeast(cuts, 100)
    const errors = verdicts.map(({ error }) => error)
    const far = verdicts.filter(({ oneWay }) => oneWay === 120).map(({ error }) => error)
    const worst = verdicts.reduce((a, b) => (b.error > a.error ? b : a))
    assert.isAtMost(median(errors), 5)
    assert.isAtMost(median(far), 8)
    assert.isAtMost(worst.error, 25, JSON.stringify(worst))
  })

  it("lets nothing of an interrupted response be heard after the clear took effect", () => {
    let clears = 0
    for (const { kind, oneWay, seed, world } of calls) {
      const ear = heardAtTheEar(world)
      for (const span of world.carrier.ear.cleared) {
        clears++
        const command = world.given.flatMap(({ command }) => (command._tag === "PlayAudio" ? [command] : []))[
          span.message
        ]
        const heard = ear.get(command?.item ?? "")
        assert.isAtMost(heard?.until ?? 0, span.clearedAt + 1e-6, `${kind.name} ${oneWay} ${seed}`)
      }
    }
    assert.isAtLeast(clears, 100)
  })

  it("never makes the strict model answer with an error", () => {
    for (const { kind, oneWay, seed, world, crossed } of calls) {
      const errors = world.models[0]?.errorsSent.filter(({ code }) => code !== "response_cancel_not_active")
      assert.deepStrictEqual(errors, [], `${kind.name} ${oneWay} ${seed}`)
      const cancels = world.models[0]?.errorsSent.length ?? 0
      assert.isAtMost(cancels, crossed, "a cancel that found nothing crossed the response.done on its way")
    }
  })
})
