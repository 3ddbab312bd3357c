/**
 * What if this call had been answered by another agent? The recorded events go through the machine with another
 * configuration, and the commands are counted beside the recorded ones.
 *
 * A recording tells what the model did, not what it would have done. So the report names the first event at which the
 * machine would have told the model something else: from there on the events are those of another conversation, and
 * only the counts up to there are certain. Other session settings (`ConfigureModel`) are named apart: the model was
 * never asked with them, but policies of the machine can be compared all the same.
 */

import type { Agent, Config } from "./Agent.ts"
import * as Call from "./Call.ts"
import type { Note, NoteCode } from "./Command.ts"
import type { Event } from "./Event.ts"
import * as Recording from "./Recording.ts"
import type { Machine } from "./Replay.ts"

/** Commands by what a person would call them. */
export interface Counts {
  /** `Clear`: the agent was cut off. Not where it only paused, and went on. */
  readonly interruptions: number
  /** The agent paused at a sound, and went on. */
  readonly pauses: number
  /** Sounds of the caller that interrupted nothing, while the agent was at work. */
  readonly ignored: number
  /** `CreateResponse`: asked for by the machine; those of the model's own turn detection are events. */
  readonly responses: number
  readonly cancellations: number
  readonly truncations: number
  readonly deletions: number
  readonly toolRuns: number
  readonly hangUps: number
}

export interface Report {
  readonly recorded: Counts
  readonly whatIf: Counts
  /** The same up to the divergence: all of it where there is none. */
  readonly certain: { readonly recorded: Counts; readonly whatIf: Counts }
  /** Fields of the agent that the model is told and that differ. */
  readonly settings: ReadonlyArray<Setting>
  readonly divergence: Divergence | null
  /** When the last event came. */
  readonly durationMs: number
}

/** The first event that the model would have been told something else after. `null`: no command in that place. */
export interface Divergence {
  readonly line: number
  readonly at: number
  /** Null: the call's first commands. */
  readonly event: Event["_tag"] | null
  readonly recorded: Recording.Witness | null
  readonly whatIf: Recording.Witness | null
}

/** Throws where the recording has no header; Replay.run says first whether it is sound. */
export const run = <State>(recording: Recording.Recording, agent: Agent, machine?: Machine<State>): Report =>
  machine === undefined ? compared(recording, agent, Call) : compared(recording, agent, machine)

/** The report in a few sentences. */
export const describe = (report: Report): string => {
  const { certain, divergence, durationMs, settings } = report
  const lines: Array<string> = []
  if (settings.length > 0) {
    lines.push(
      `The model would have been configured differently (${settings.map((field) => settingNames[field]).join(", ")}). ` +
        "What it would have done then, no recording tells: what follows takes the model as it was."
    )
  }
  const until = divergence === null ? "Over the whole call" : `Up to ${seconds(divergence.at)}`
  const changes = changed(certain.recorded, certain.whatIf)
  lines.push(
    changes.length === 0
      ? `${until} nothing would have been different.`
      : `${until} there would have been ${list(changes)}.`
  )
  if (divergence !== null) {
    const { at, event, line, recorded, whatIf } = divergence
    const where = event === null ? `line ${line}` : `line ${line}, ${event}`
    lines.push(
      `At ${seconds(at)} (${where}) the model would have been told ${shown(whatIf)} where it was told ${shown(recorded)}: ` +
        "from there on it would have answered differently, " +
        `and the rest of the recording (${seconds(durationMs - at)}) is no evidence.`
    )
    const guesses = changed(report.recorded, report.whatIf)
    if (guesses.length > 0) lines.push(`With the recorded events played on, there would have been ${list(guesses)}.`)
  }
  return lines.join("\n")
}

const compared = <State>(recording: Recording.Recording, agent: Agent, machine: Machine<State>): Report => {
  const { entries, header, initial } = recording
  if (header === null) throw new Error(Recording.firstProblem(recording).text)
  const config: Config = { ...header.config, agent }
  const before = counter()
  const after = counter()
  let certain: Report["certain"] | null = null
  let divergence: Divergence | null = null

  const compare = (
    recorded: ReadonlyArray<Recording.Witness>,
    whatIf: ReadonlyArray<Recording.Witness>,
    where: { readonly line: number; readonly at: number; readonly event: Event["_tag"] | null }
  ) => {
    if (divergence === null) {
      const told = recorded.filter(isHeardByModel)
      const asked = whatIf.filter(isHeardByModel)
      const index = told.findIndex((witness, place) => Recording.differs(witness, asked[place]) !== null)
      const first = index === -1 && asked.length > told.length ? told.length : index
      if (first !== -1) {
        divergence = { ...where, recorded: told[first] ?? null, whatIf: asked[first] ?? null }
        certain = { recorded: { ...before.counts }, whatIf: { ...after.counts } }
      }
    }
    for (const witness of recorded) before.add(witness)
    for (const witness of whatIf) after.add(witness)
  }

  let [state, commands] = machine.initial(config)
  const witnesses = (event: Event | null) => commands.map((command) => Recording.witness(command, event, header))
  compare(initial ?? witnesses(null), witnesses(null), { line: 1, at: 0, event: null })
  for (const { commands: recorded, event, line } of entries) {
    ;[state, commands] = machine.step(state, event)
    compare(recorded, witnesses(event), { line, at: event.at, event: event._tag })
  }
  return {
    recorded: before.counts,
    whatIf: after.counts,
    certain: certain ?? { recorded: before.counts, whatIf: after.counts },
    settings: (Object.keys(settingNames) as ReadonlyArray<Setting>).filter(
      (field) => Recording.differs(agent[field], header.config.agent[field]) !== null
    ),
    divergence,
    durationMs: entries.at(-1)?.event.at ?? 0
  }
}

const changed = (recorded: Counts, whatIf: Counts): ReadonlyArray<string> =>
  (Object.keys(names) as ReadonlyArray<keyof Counts>)
    .filter((key) => recorded[key] !== whatIf[key])
    .map((key) => `${whatIf[key]} ${names[key][whatIf[key] === 1 ? 0 : 1]} instead of ${recorded[key]}`)

const counter = () => {
  const counts = {
    interruptions: 0,
    pauses: 0,
    ignored: 0,
    responses: 0,
    cancellations: 0,
    truncations: 0,
    deletions: 0,
    toolRuns: 0,
    hangUps: 0
  }
  return {
    counts,
    add: (witness: Recording.Witness) => {
      const { c } = witness
      if (isNote(witness, "interruption ignored")) counts.ignored++
      if (isNote(witness, "playback resumed")) {
        counts.pauses++
        counts.interruptions--
      }
      const key = Object.hasOwn(counted, c) ? counted[c] : undefined
      if (key !== undefined) counts[key]++
    }
  }
}

const isNote = ({ c, note }: Recording.Witness, what: NoteCode): boolean =>
  c === "Note" && (note as Note | undefined)?.what === what

const isHeardByModel = ({ c }: Recording.Witness): boolean => heardByModel.includes(c)

const shown = (witness: Recording.Witness | null): string => {
  if (witness === null) return "nothing more"
  const { c, ...fields } = witness
  return `${c} ${JSON.stringify(fields)}`
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

const list = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`

const counted: Readonly<Record<string, keyof Counts>> = {
  Clear: "interruptions",
  CreateResponse: "responses",
  CancelResponse: "cancellations",
  Truncate: "truncations",
  DeleteItem: "deletions",
  RunTool: "toolRuns",
  HangUp: "hangUps"
}

const names: { readonly [K in keyof Counts]: readonly [string, string] } = {
  interruptions: ["interruption", "interruptions"],
  pauses: ["pause", "pauses"],
  ignored: ["ignored sound", "ignored sounds"],
  responses: ["requested response", "requested responses"],
  cancellations: ["cancelled response", "cancelled responses"],
  truncations: ["truncation", "truncations"],
  deletions: ["deleted item", "deleted items"],
  toolRuns: ["tool run", "tool runs"],
  hangUps: ["hang-up", "hang-ups"]
}

/** Commands that the model would answer differently. `ConfigureModel` is not among them: `settings` names it. */
const heardByModel: ReadonlyArray<string> = [
  "ConnectModel",
  "ForwardAudio",
  "ForwardSilence",
  "Truncate",
  "DeleteItem",
  "CreateResponse",
  "CancelResponse",
  "AddText",
  "AnswerTool",
  "RunTool",
  "CloseModel"
]

export type Setting = keyof typeof settingNames

const settingNames = {
  instructions: "instructions",
  model: "model",
  voice: "voice",
  turns: "who owns the turns",
  detection: "turn detection",
  noiseReduction: "noise reduction",
  transcription: "transcription",
  tools: "tools",
  endCall: "end_call"
} as const satisfies Partial<Record<keyof Agent, string>>
