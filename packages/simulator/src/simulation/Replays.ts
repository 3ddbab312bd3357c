/**
 * A call's recording, put to the test: it is replayed, and every command must come out as it was given.
 *
 * Which of the ways a call is tried is decided by its seed, so that all are tried often and each call stays cheap: with
 * or without the audio, what is keyed and telephone numbers; up to a limit of bytes, or to a gap; whole, or with the
 * state taken through JSON at one event; and what trials/Trial puts it through.
 *
 * Unlike the judge, this needs the core: it is the core's recorder and replay that are tried.
 */

import { Call, type Command, type Event, Recorder, Recording, Replay } from "@offhook/core"
import * as Random from "../Random.ts"
import type * as World from "../World.ts"
import type { Broken, Invariant } from "./Invariants.ts"
import type * as Plan from "./Plan.ts"
import { chance, spread, weighted } from "./population/Draw.ts"
import * as Trial from "./trials/Trial.ts"

export interface Replays {
  readonly stepped: (event: Event, commands: ReadonlyArray<Command>) => void
  /** The call is over: replays it. */
  readonly over: () => void
  readonly broken: ReadonlyArray<Broken>
}

/** Of calls; the others are not replayed, and long ones never with their audio. */
const share = 1 / 4
const withAudio = 1 / 8

/** Of recordings. */
const withLimit = 1 / 10
const withGap = 1 / 20
const withTrial = 1 / 2

/** A call that is longer has steps enough. */
const longSteps = 20_000

/** What is tried again and again is a shorter call, at most. */
const trialSteps = 4_000

export const make = (world: World.World, plan: Plan.Plan, machine: World.Machine): Replays => {
  const random = Random.make(plan.seed).split("replays")
  const broken: Array<Broken> = []
  if (random.next() >= share) return { broken, stepped: () => {}, over: () => {} }
  const audio = random.next() < withAudio
  const isSplit = random.next() < 0.5
  const draws = random.split("recorder")
  const digits = chance(draws, 0.3)
  const numbers = chance(draws, 0.3)
  const maxBytes = chance(draws, withLimit) ? spread(draws, 12_000, 80_000) : null
  const gapAt = chance(draws, withGap) ? spread(draws, 1, 2_000) : null
  const text: Array<string> = []
  let recorder: Recorder.Recorder | undefined
  let steps = 0

  const found = (invariant: Invariant, detail: string): void => {
    broken.push({ invariant, at: world.now(), detail })
  }

  const begin = (): Recorder.Recorder => {
    const begun = Recorder.make({
      version: "simulation",
      call: world.carrier.callSid,
      startedAt: "2026-01-01T00:00:00.000Z",
      config: world.config,
      ...(audio ? { audio } : {}),
      digits,
      numbers,
      ...(maxBytes === null ? {} : { maxBytes })
    })
    text.push(begun.start(world.first))
    return begun
  }

  const replayed = (recording: Recording.Recording): void => {
    const at = random.integer(0, Math.max(0, steps - 1))
    const result = isSplit
      ? Replay.run(recording, split(machine, at))
      : machine === Call
        ? Replay.run(recording)
        : Replay.run(recording, machine)
    if (result.same) return
    const how = `${audio ? "with" : "without"} audio${isSplit ? `, split at event ${at}` : ""}`
    found("replays", `${how}: ${Replay.explain(result.difference).slice(0, 600)}`)
  }

  /** What is not in the file is counted there. */
  const counted = (whole: string, { end, entries }: Recording.Recording): void => {
    if (maxBytes !== null && whole.length > maxBytes) {
      found("damage is told", `${whole.length} characters are recorded, ${maxBytes} bytes are allowed`)
    }
    const missing = steps - entries.length
    if (end.end === "incomplete" ? end.dropped !== missing : missing !== 0) {
      found("damage is told", `${missing} events are missing, the end says ${JSON.stringify(end).slice(0, 120)}`)
    }
  }

  const tried = (whole: string, recording: Recording.Recording): void => {
    const trial = weighted(draws, Trial.all)
    const detail = trial.run(draws.split("trial"), { text: whole, recording, agent: plan.agent, machine })
    if (detail !== null) found(trial.invariant, detail)
  }

  return {
    broken,
    stepped: (event, commands) => {
      if (audio && steps > longSteps) return
      recorder ??= begin()
      steps++
      if (steps === gapAt) return recorder.gap(1)
      const lines = recorder.add(event, commands)
      if (lines !== "") text.push(lines)
    },
    over: () => {
      if (recorder === undefined) return
      if (audio && steps > longSteps) recorder.gap(0)
      text.push(recorder.finish(), recorder.finish())
      const whole = text.join("")
      const recording = Recording.parse(whole)
      counted(whole, recording)
      replayed(recording)
      if (steps <= trialSteps && broken.length === 0 && draws.next() < withTrial) tried(whole, recording)
    }
  }
}

/** The machine, its state taken through JSON before the event number `at`. */
const split = (machine: World.Machine, at: number): World.Machine => {
  let steps = 0
  return {
    ...machine,
    step: (state, event) =>
      machine.step(steps++ === at ? (JSON.parse(JSON.stringify(state)) as typeof state) : state, event)
  }
}
