/**
 * A call's recording, put to the test: it is replayed, and every command must come out as it was given.
 *
 * Which of the ways a call is tried is decided by its seed, so that all are tried often and each call stays cheap: with
 * or without the audio; whole, or with the state taken through JSON at one event; and besides, the recording is damaged
 * at one place, or asked what its own agent would have done.
 *
 * Unlike the judge, this needs the core: it is the core's recorder and replay that are tried.
 */

import { type Command, type Event, Recorder, Recording, Replay, WhatIf } from "@offhook/core"
import * as Random from "../Random.ts"
import type * as World from "../World.ts"
import type { Broken, Invariant } from "./Invariants.ts"
import type * as Plan from "./Plan.ts"

export interface Replays {
  readonly stepped: (event: Event, commands: ReadonlyArray<Command>) => void
  /** The call is over: replays it. */
  readonly over: () => void
  readonly broken: ReadonlyArray<Broken>
}

/** Of calls; the others are not replayed, and long ones never with their audio. */
const share = 1 / 4
const withAudio = 1 / 8

/** A call that is longer has steps enough. */
const longSteps = 20_000

export const make = (world: World.World, plan: Plan.Plan, machine: World.Machine): Replays => {
  const random = Random.make(plan.seed).split("replays")
  const broken: Array<Broken> = []
  if (random.next() >= share) return { broken, stepped: () => {}, over: () => {} }
  const audio = random.next() < withAudio
  const isSplit = random.next() < 0.5
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
      audio
    })
    text.push(begun.start(world.first))
    return begun
  }

  const replayed = (recording: Recording.Recording): void => {
    const at = random.integer(0, Math.max(0, steps - 1))
    const result = Replay.run(recording, isSplit ? split(machine, at) : machine)
    if (result.same) return
    const how = `${audio ? "with" : "without"} audio${isSplit ? `, split at event ${at}` : ""}`
    found("replays", `${how}: ${Replay.explain(result.difference).slice(0, 600)}`)
  }

  const asked = (recording: Recording.Recording): void => {
    const { divergence } = WhatIf.run(recording, plan.agent, machine)
    if (divergence !== null) found("replays", `its own agent does otherwise at ${divergence.at} ms`)
  }

  /** What is left of the recording is read as far as it goes, or refused with words; what is read of it replays. */
  const damaged = (whole: string): void => {
    const how = random.integer(0, 3)
    const place = random.integer(0, Math.max(0, whole.length - 1))
    const rest = damage(whole, place, how)
    try {
      const result = Replay.run(Recording.parse(rest), machine)
      if (result.same) {
        if (result.end.end === "complete" && rest.length < whole.length - 1) {
          found("damage is told", `cut to ${rest.length} of ${whole.length} characters, it is called complete`)
        }
        return
      }
      const words = Replay.explain(result.difference)
      if (words.trim() === "") found("damage is told", `damage ${how} at ${place} is refused without a word`)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      found("damage is told", `damage ${how} at ${place} of ${whole.length} characters: ${message}`)
    }
  }

  return {
    broken,
    stepped: (event, commands) => {
      if (audio && steps > longSteps) return
      recorder ??= begin()
      steps++
      const lines = recorder.add(event, commands)
      if (lines !== "") text.push(lines)
    },
    over: () => {
      if (recorder === undefined) return
      if (audio && steps > longSteps) recorder.gap(1)
      text.push(recorder.finish())
      const whole = text.join("")
      const recording = Recording.parse(whole)
      replayed(recording)
      if (steps > longSteps || broken.length > 0) return
      const chance = random.next()
      if (chance < 0.1) asked(recording)
      else if (chance < 0.2) damaged(whole)
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

/** The file ends at a place, or a character or a line there is another, or missing. */
const damage = (text: string, place: number, how: number): string => {
  const lineStart = text.lastIndexOf("\n", place) + 1
  const lineEnd = text.indexOf("\n", place)
  switch (how) {
    case 0:
      return text.slice(0, place)
    case 1:
      return `${text.slice(0, place)}#${text.slice(place + 1)}`
    default:
      return `${text.slice(0, lineStart)}{"at":12,"e":"Nonsense"\n${lineEnd < 0 ? "" : text.slice(lineEnd + 1)}`
  }
}
