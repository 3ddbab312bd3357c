/**
 * What a sound recording is put through besides being replayed: damage, changed commands, other agents, another
 * recorder. Each answers with what is broken, as text; null where nothing is.
 */
import { type Agent, Call, Recorder, Recording, Replay, WhatIf } from "@offhook/core"
import type * as Random from "../../Random.ts"
import type * as World from "../../World.ts"
import type { Invariant } from "../Invariants.ts"
import * as Agents from "../population/Agents.ts"
import * as Damage from "./Damage.ts"

/** A recording, and the machine that made it. */
export interface Recorded {
  readonly text: string
  readonly recording: Recording.Recording
  readonly agent: Agent.Agent
  readonly machine: World.Machine
}

export interface Trial {
  readonly invariant: Invariant
  readonly run: (random: Random.Random, recorded: Recorded) => string | null
}

/** What is left of the recording is read as far as it goes, or refused with words; what is read of it replays. */
const damaged: Trial = {
  invariant: "damage is told",
  run: (random, { agent, machine, text: whole }) => {
    for (let count = 0; count < damages; count++) {
      const { asks, how, text } = Damage.damage(random, whole)
      const problem = told(text, asks, agent, machine)
      if (problem !== null) return `${how}: ${problem}`
    }
    return null
  }
}

const damages = 4

const told = (
  text: string,
  asks: Damage.Damaged["asks"],
  agent: Agent.Agent,
  machine: World.Machine
): string | null => {
  try {
    const recording = Recording.parse(text)
    const result = Replay.run(recording, machine)
    if (recording.header === null) {
      if (!refuses(() => WhatIf.run(recording, agent, machine))) return "without a header an agent is asked"
      if (!refuses(() => Recorder.again(recording, machine))) return "without a header it is recorded again"
    }
    if (asks === "prefix" && recording.header !== null && WhatIf.run(recording, agent, machine).divergence !== null)
      return "of what is left its own agent does otherwise"
    if (result.same) return asks !== "words" && result.end.end === "complete" ? "it is called complete" : null
    if (asks === "prefix" && recording.header !== null) return Replay.explain(result.difference).slice(0, 600)
    return Replay.explain(result.difference).trim() === "" ? "it is refused without a word" : null
  } catch (error) {
    return `it throws: ${error instanceof Error ? error.message : String(error)}`
  }
}

const refuses = (act: () => unknown): boolean => {
  try {
    act()
    return false
  } catch (error) {
    return error instanceof Error && error.message !== ""
  }
}

/** A recorded command is another, or one too many: the replay names the line of its event and what differs. */
const changed: Trial = {
  invariant: "replays",
  run: (random, { machine, text }) => {
    const lines = Damage.linesOf(text)
    const places = lines.flatMap((line, index) => (line.startsWith('{"c":') ? [index] : []))
    const index = places[random.integer(0, places.length - 1)]
    if (index === undefined) return null
    const line = lines[index] ?? ""
    const other = random.next() < 0.5 ? [line, line] : [withOther(random, line)]
    const result = Replay.run(
      Recording.parse(Damage.joined([...lines.slice(0, index), ...other, ...lines.slice(index + 1)])),
      machine
    )
    if (result.same) return `${line.slice(0, 200)} of line ${index + 1} is changed, and it replays`
    const eventAt = lines.findLastIndex((one, place) => place < index && !one.startsWith('{"c":'))
    const words = Replay.explain(result.difference)
    return words.startsWith(`line ${eventAt + 1}`) && words.includes("recorded")
      ? null
      : `line ${index + 1} is changed, and the replay says: ${words.slice(0, 300)}`
  }
}

const withOther = (random: Random.Random, line: string): string => {
  const command = JSON.parse(line) as Readonly<Record<string, unknown>>
  const names = Object.keys(command)
  const name = names[random.integer(0, names.length - 1)] ?? "c"
  const value = command[name]
  return JSON.stringify({
    ...command,
    [name]: typeof value === "number" ? value + 1 : typeof value === "string" ? `${value}, or so` : "something else"
  })
}

/** Its own agent would have done the same; of another's doing all is counted, and told in words. */
const asked: Trial = {
  invariant: "what if is told",
  run: (random, { agent, machine, recording }) => {
    const isSame = random.next() < 0.3
    const other = isSame ? agent : Agents.draw(random.split("other"), agent.maxCallMs)
    const report = machine === Call ? WhatIf.run(recording, other) : WhatIf.run(recording, other, machine)
    const { certain, divergence } = report
    if (isSame && divergence !== null) return `its own agent does otherwise at ${divergence.at} ms`
    const words = WhatIf.describe(report)
    if (!words.includes(divergence === null ? "Over the whole call" : "Up to "))
      return `it says: ${words.slice(0, 300)}`
    for (const side of ["recorded", "whatIf"] as const) {
      for (const [name, count] of Object.entries(report[side])) {
        // An interruption that becomes a pause later is taken off again.
        if (name !== "interruptions" && certain[side][name as keyof WhatIf.Counts] > count)
          return `${side}: more ${name} up to the divergence than in the whole call`
      }
    }
    return null
  }
}

/** Recorded once more from its events, it is the same file, letter for letter. */
const again: Trial = {
  invariant: "replays",
  run: (_, { machine, recording, text }) =>
    Recorder.again(recording, machine) === text ? null : "recorded again it is another text"
}

export const all: readonly [readonly [number, Trial], ...Array<readonly [number, Trial]>] = [
  [3, damaged],
  [2, changed],
  [2, asked],
  [1, again]
]
