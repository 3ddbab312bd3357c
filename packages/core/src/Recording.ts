/**
 * The format of a recorded call: JSON Lines, one object a line, written by Recorder, read here, replayed by Replay.
 * docs/RECORDING.md describes it for users.
 *
 * Words: a *witness* is the short form of a command. It holds all that replay cannot take from elsewhere in the file,
 * so a replayed command is never restored from its witness: it is made again by the machine, shortened in the same way
 * and compared. An *entry* is one event with the witnesses of its commands. A *run* is a line that holds many entries.
 *
 * Invariants
 * 1. Parsing what was recorded gives every event back, `at` and levels included; payloads only with `audio`.
 * 2. Two commands with different witnesses are different. With `audio` the reverse holds too, payloads included (by a
 *    64-bit hash of the base64 text); without audio payloads compare by item, range and length.
 * 3. Entries are a prefix of the call: they end before a line that cannot be read. Where the file was cut off or such a
 *    line came, the event before it is left out too, since its commands may be missing.
 */

import type { Config } from "./Agent.ts"
import * as Agent from "./Agent.ts"
import * as Payload from "./audio/Payload.ts"
import type { Command, Summary } from "./Command.ts"
import type { CarrierAudio, Event } from "./Event.ts"
import type { Fields } from "./RecordingLine.ts"
import * as Line from "./RecordingLine.ts"
import { isObject } from "./RecordingLine.ts"

export { format } from "./RecordingLine.ts"

/** Contents that a recording hides unless asked for: keyed digits, and phone numbers in the stream's parameters. */
export type Masked = "digits" | "numbers"

/** The first line: who made it, and all that decides a call besides its events. */
export interface Header {
  /** The version of the format. */
  readonly offhook: number
  /** The version of the software. */
  readonly version: string
  readonly call: string
  /** ISO 8601, by the host's wall clock; every other time in the file counts from here. */
  readonly startedAt: string
  readonly audio: boolean
  readonly masked: ReadonlyArray<Masked>
  readonly config: Config
  /** Only in calls that a simulation found. */
  readonly found?: Found
}

/** How a simulation found the call. */
export interface Found {
  /** The name of what is not true of it. */
  readonly invariant: string
  /** What must be true, and what was seen instead. */
  readonly sentence: string
  readonly seed: string
  /** Plays it again. */
  readonly command: string
  /** All that the simulated call is made of, but the agent. */
  readonly plan: Readonly<Record<string, unknown>>
}

/** A command in short form: `c` is its name. */
export interface Witness {
  readonly c: string
  readonly [field: string]: unknown
}

export interface Entry {
  /** Counted from 1. The entries of a run share one. */
  readonly line: number
  readonly event: Event
  readonly commands: ReadonlyArray<Witness>
}

/** The last line: `incomplete` says why the call goes on after it. `dropped` is null where nobody counted. */
export type End =
  | {
      readonly end: "complete"
      readonly events: number
      readonly commands: number
      readonly summary: Summary
    }
  | {
      readonly end: "incomplete"
      readonly reason: string
      readonly dropped: number | null
    }

export interface Problem {
  readonly line: number
  readonly text: string
}

export interface Recording {
  /** Null where the first line is no header; `problems` says so. */
  readonly header: Header | null
  /** The commands that the call began with; null where the file ends among them. */
  readonly initial: ReadonlyArray<Witness> | null
  readonly entries: ReadonlyArray<Entry>
  readonly end: End
  readonly problems: ReadonlyArray<Problem>
}

/**
 * Frames of a run: caller audio of one stream, `bytes` each, `every` ms apart on the carrier's clock, all of them
 * answered by one `ForwardAudio` (`session`, `from` of the first) or none of them by anything. Times stay exact:
 * `after` holds the ms between an arrival and the one before, `ticks` the clock events in between as
 * [frame they came before, ms after the frame before that].
 */
export interface Run {
  readonly at: number
  readonly stream: number
  readonly timestamp: number
  readonly bytes: number
  readonly every: number
  /** One character a frame. */
  readonly levels: string
  readonly after: ReadonlyArray<number>
  readonly ticks: ReadonlyArray<readonly [number, number]>
  readonly forwarded: { readonly session: number; readonly from: number } | null
  /** Base64, one a frame; null without audio. */
  readonly audio: ReadonlyArray<string> | null
}

export const headerLine = (header: Header): string => line(header)

export const endLine = (end: End): string => line(end)

export const eventLine = (event: Event, audio: boolean): string => {
  const { _tag, at, ...fields } = event
  if (!("payload" in fields)) return line({ at, e: _tag, ...fields })
  const { payload, ...rest } = fields
  return line(audio ? { at, e: _tag, ...rest, audio: Payload.toBase64(payload) } : { at, e: _tag, ...rest })
}

/** The lines of an event's commands. Waiting audio that is forwarded piece by piece stands on one line, `times` long. */
export const commandLines = (witnesses: ReadonlyArray<Witness>): string => {
  let text = ""
  for (let index = 0; index < witnesses.length; index++) {
    const witness = witnesses[index] as Witness
    let times = 1
    while (followsOn(witness, times, witnesses[index + times])) times++
    text += line(times === 1 ? witness : { ...witness, times })
    index += times - 1
  }
  return text
}

/** A run of one frame is written as the event it is. */
export const runLines = (run: Run): string =>
  run.after.length === 0
    ? unrolled(run, 0, run.audio !== null)
        .map(({ commands, event }) => eventLine(event, run.audio !== null) + commandLines(commands))
        .join("")
    : line({
        at: run.at,
        e: "CarrierAudio",
        stream: run.stream,
        timestamp: run.timestamp,
        bytes: run.bytes,
        every: run.every,
        ...(run.forwarded === null ? {} : run.forwarded),
        levels: run.levels,
        after: run.after,
        ...(run.ticks.length === 0 ? {} : { ticks: run.ticks }),
        ...(run.audio === null ? {} : { audio: run.audio })
      })

/** The short form of a command that answers `event` (null: the call's first commands). */
export const witness = (command: Command, event: Event | null, header: Header): Witness => {
  switch (command._tag) {
    case "ForwardAudio": {
      const { session, from, bytes, payload } = command
      return header.audio
        ? { c: "ForwardAudio", session, from, bytes, hash: hash(payload) }
        : { c: "ForwardAudio", session, from, bytes }
    }
    case "PlayAudio": {
      const { _tag, payload, session, item, contentIndex, ...fields } = command
      const named =
        event?._tag === "ModelAudio" &&
        event.session === session &&
        event.item === item &&
        event.contentIndex === contentIndex
      return {
        c: _tag,
        ...(named ? fields : { session, item, contentIndex, ...fields }),
        ...(header.audio ? { hash: hash(payload) } : {})
      }
    }
    case "ConfigureModel":
      return command.agent === header.config.agent || differs(command.agent, header.config.agent) === null
        ? { c: "ConfigureModel", session: command.session }
        : { c: "ConfigureModel", session: command.session, agent: command.agent }
    default: {
      const { _tag, ...fields } = command
      return { c: _tag, ...fields }
    }
  }
}

/** Where two plain values first differ, as a path such as `turn.heard` ("" = the whole); null where they are equal. */
export const differs = (left: unknown, right: unknown, path = ""): string | null => {
  if (left === right) return null
  if (!isObject(left) || !isObject(right) || Array.isArray(left) !== Array.isArray(right)) return path
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const found = differs(left[key], right[key], path === "" ? key : `${path}.${key}`)
    if (found !== null) return found
  }
  return null
}

/** Reads a whole file. Never throws: what is wrong stands in `problems`, what was cut off in `end`. */
export const parse = (text: string): Recording => {
  const problems: Array<Problem> = []
  const initial: Array<Witness> = []
  const entries: Array<Entry> = []
  let commands: Array<Witness> | null = initial
  let header: Header | null = null
  let end: End | null = null
  let cut: End | null = null
  let begun = true
  let at = 0
  let events = 0
  let answers = 0

  const unfinished = () => {
    if (commands === initial) begun = false
    else if (commands !== null) entries.pop()
  }

  const written = text.trimEnd()
  const whole = text.includes("\n", written.length)
  const lines = written.split("\n")
  const last = lines.length - 1
  for (const [index, line] of lines.entries()) {
    const content = line.trim()
    if (content === "") continue
    const number = index + 1
    const wrong = (text: string) => {
      if (problems.length === 0) unfinished()
      if (problems.length < mostProblems) problems.push({ line: number, text })
    }
    const object = parsed(content)
    if (object === null) {
      if (index === last && header !== null && !whole) {
        cut = { end: "incomplete", reason: `the file was cut off in line ${number}`, dropped: null }
      } else {
        wrong(header === null && index === 0 ? Line.notARecording : "this is not a JSON object")
      }
      if (header === null) break
      continue
    }
    if (header === null) {
      const problem = Line.header(object)
      if (problem !== null) {
        wrong(problem)
        break
      }
      header = withDefaults(object as unknown as Header)
    } else if (end !== null) {
      wrong("nothing may follow the line that ends the recording")
    } else if (typeof object["end"] === "string") {
      const problem = Line.end(object)
      if (problem === null) end = object as unknown as End
      else wrong(problem)
    } else if (typeof object["c"] === "string") {
      if (commands === null) wrong("a command must follow the event that it answers; a run holds its own")
      else if (problems.length === 0) {
        const { times, ...first } = object
        const count = typeof times === "number" ? Math.min(times, mostTimes) : 1
        for (let index = 0; index < count; index++)
          commands.push(index === 0 ? (first as unknown as Witness) : next(first as unknown as Witness, index))
        answers += count
      }
    } else if (typeof object["e"] === "string") {
      const problem = Line.event(object, at)
      commands = []
      if (problem !== null) wrong(problem)
      else if (object["after"] === undefined) {
        const event = restored(object)
        at = event.at
        if (problems.length === 0) entries.push({ line: number, event, commands })
        events++
      } else {
        commands = null
        const run = restoredRun(object)
        for (const entry of unrolled(run, number, header.audio)) {
          at = entry.event.at
          if (problems.length === 0) entries.push(entry)
          events++
          answers += entry.commands.length
        }
      }
    } else {
      wrong('this is neither an event ("e"), a command ("c") nor the end ("end")')
    }
  }

  if (text.trim() === "") problems.push({ line: 1, text: "the file is empty" })
  if (end?.end === "complete" && problems.length === 0 && (end.events !== events || end.commands !== answers)) {
    problems.push({
      line: last + 1,
      text:
        `lines are missing or were added: the end counts ${end.events} events and ${end.commands} commands, ` +
        `the file holds ${events} and ${answers}`
    })
  }
  if (end === null) {
    if (problems.length === 0) unfinished()
    cut ??= { end: "incomplete", reason: `the file was cut off after line ${last + 1}`, dropped: null }
  }
  return { header, initial: begun ? initial : null, entries, end: end ?? cut ?? unreadable, problems }
}

/** Why a file without a header has none, or the first that is wrong with any other. */
export const firstProblem = ({ problems }: Recording): Problem =>
  problems[0] ?? { line: 1, text: "the file has no header" }

const unrolled = (run: Run, line: number, audio: boolean): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  let at = run.at
  let tick = 0
  const ticks = (before: number) => {
    for (let next = run.ticks[tick]; next !== undefined && next[0] === before; next = run.ticks[++tick]) {
      entries.push({ line, event: { _tag: "TimeAdvanced", at: at + next[1] }, commands: [] })
    }
  }
  for (const [index, after] of [0, ...run.after].entries()) {
    ticks(index)
    at += after
    const event: CarrierAudio = {
      _tag: "CarrierAudio",
      at,
      stream: run.stream,
      timestamp: run.timestamp + index * run.every,
      bytes: run.bytes,
      levels: run.levels.charAt(index),
      payload: run.audio?.[index] ?? ""
    }
    entries.push({
      line,
      event,
      commands: run.forwarded === null ? [] : [forwarded(run.forwarded, event, index, audio)]
    })
  }
  ticks(run.levels.length)
  return entries
}

const forwarded = (
  { session, from }: { readonly session: number; readonly from: number },
  { bytes, payload }: CarrierAudio,
  index: number,
  audio: boolean
): Witness => ({
  c: "ForwardAudio",
  session,
  from: from + index * bytes,
  bytes,
  ...(audio ? { hash: hash(payload) } : {})
})

const followsOn = (first: Witness, times: number, witness: Witness | undefined): boolean =>
  first.c === "ForwardAudio" &&
  witness !== undefined &&
  first["hash"] === undefined &&
  differs(next(first, times), witness) === null

const next = (first: Witness, times: number): Witness => ({
  ...first,
  from: Number(first["from"]) + times * Number(first["bytes"])
})

const restored = (object: Fields): Event => {
  const { e, audio, ...fields } = object
  return (hasAudio(e) ? { _tag: e, ...fields, payload: audio ?? "" } : { _tag: e, ...fields }) as unknown as Event
}

const restoredRun = (object: Fields): Run =>
  ({
    ...object,
    ticks: object["ticks"] ?? [],
    forwarded: object["from"] === undefined ? null : { session: object["session"], from: object["from"] },
    audio: object["audio"] ?? null
  }) as unknown as Run

const parsed = (content: string): Fields | null => {
  try {
    const value: unknown = JSON.parse(content)
    return isObject(value) && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** An agent of a version that did not know a field yet has its default. */
const withDefaults = (header: Header): Header => ({
  ...header,
  config: { ...header.config, agent: { ...Agent.defaults, ...header.config.agent } }
})

const hasAudio = (tag: unknown): boolean => tag === "CarrierAudio" || tag === "ModelAudio"

const line = (object: object): string => `${JSON.stringify(object)}\n`

/** Two 32-bit multiplicative hashes of the base64 text, as 16 hexadecimal digits: it finds errors, not forgers. */
const hash = (payload: Payload.Payload): string => {
  const text = Payload.toBase64(payload)
  let a = 0x811c9dc5
  let b = 0x9e3779b9
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(((b << 5) | (b >>> 27)) ^ code, 0x85ebca6b)
  }
  return hex(a) + hex(b)
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0")

const unreadable: End = { end: "incomplete", reason: "the file could not be read", dropped: null }

/** More than any call keeps waiting; a number in a file must not fill the memory. */
const mostTimes = 100_000

/** A file that is something else would fill the screen. */
const mostProblems = 20
