/**
 * Replay: the events of a recording go through the machine once more, and every command must come out as recorded.
 *
 * Only events are fed: deadlines fire inside `step`, by `at`. A replay ends where the recording ends; that the call
 * went on after an incomplete one is not a difference.
 */

import type { Config } from "./Agent.ts"
import * as Call from "./Call.ts"
import type { Command } from "./Command.ts"
import type { Event } from "./Event.ts"
import * as Recording from "./Recording.ts"

/** What replays: this version's `Call`, or any other that is to be compared with the recording. */
export interface Machine<State> {
  readonly initial: (config: Config) => readonly [State, ReadonlyArray<Command>]
  readonly step: (state: State, event: Event) => readonly [State, ReadonlyArray<Command>]
}

/** `events` and `commands` are those of the replay, in full form and in order. */
export type Result =
  | {
      readonly same: true
      readonly events: ReadonlyArray<Event>
      readonly commands: ReadonlyArray<Command>
      readonly end: Recording.End
    }
  | { readonly same: false; readonly difference: Difference }

/** The first command that is not as recorded: `expected` null: it is one too many; `actual` null: it is missing. */
export interface Difference {
  readonly line: number
  readonly at: number
  /** Null: the call's first commands, or a file that cannot be read. */
  readonly event: Event | null
  /** The place among the event's commands. */
  readonly index: number
  readonly expected: Recording.Witness | null
  readonly actual: Recording.Witness | null
  /** What is wrong with the file, where the file is what is wrong. */
  readonly problem: string | null
}

/** By another `machine` than this version's `Call`, the difference is that between the two. */
export const run = <State>(recording: Recording.Recording, machine?: Machine<State>): Result =>
  machine === undefined ? compared(recording, Call) : compared(recording, machine)

/** A difference in a few readable lines. */
export const explain = (difference: Difference): string => {
  const { at, actual, event, expected, line, problem } = difference
  if (problem !== null) return `line ${line}: ${problem}`
  const where =
    event === null
      ? `line ${line}: the call's first commands`
      : `line ${line}, ${at} ms: ${event._tag} ${fields(event)}`
  const before = `  recorded: ${expected === null ? "no further command" : JSON.stringify(expected)}`
  const after = `  replayed: ${actual === null ? "no further command" : JSON.stringify(actual)}`
  return [where.trimEnd(), before, after, ...first(expected, actual)].join("\n")
}

const compared = <State>(recording: Recording.Recording, machine: Machine<State>): Result => {
  const { end, entries, header, initial, problems } = recording
  const unreadable = (): Result => {
    const { line, text } = Recording.firstProblem(recording)
    return {
      same: false,
      difference: { line, at: 0, event: null, index: 0, expected: null, actual: null, problem: text }
    }
  }
  if (header === null) return unreadable()

  const events: Array<Event> = []
  const commands: Array<Command> = []
  let [state, answer] = machine.initial(header.config)
  const begun = initial === null ? null : firstDifference(initial, answer, null, 1, header)
  if (begun !== null) return { same: false, difference: begun }
  for (const command of answer) commands.push(command)
  for (const { commands: expected, event, line } of entries) {
    ;[state, answer] = machine.step(state, event)
    const difference = firstDifference(expected, answer, event, line, header)
    if (difference !== null) return { same: false, difference }
    events.push(event)
    for (const command of answer) commands.push(command)
  }
  return problems.length > 0 ? unreadable() : { same: true, events, commands, end }
}

const firstDifference = (
  expected: ReadonlyArray<Recording.Witness>,
  answer: ReadonlyArray<Command>,
  event: Event | null,
  line: number,
  header: Recording.Header
): Difference | null => {
  const count = Math.max(expected.length, answer.length)
  for (let index = 0; index < count; index++) {
    const command = answer[index]
    const actual = command === undefined ? null : Recording.witness(command, event, header)
    const recorded = expected[index] ?? null
    if (actual === null || recorded === null || Recording.differs(recorded, actual) !== null) {
      return { line, at: event?.at ?? 0, event, index, expected: recorded, actual, problem: null }
    }
  }
  return null
}

const fields = (event: Event): string => {
  const { _tag, at, ...rest } = event
  const shown = "payload" in rest ? { ...rest, payload: undefined } : rest
  return Object.keys(rest).length === 0 ? "" : JSON.stringify(shown)
}

const first = (expected: Recording.Witness | null, actual: Recording.Witness | null): ReadonlyArray<string> => {
  if (expected === null || actual === null || expected.c !== actual.c) return []
  const path = Recording.differs(expected, actual) ?? ""
  const shown = (value: unknown) => (value === undefined ? "nothing" : JSON.stringify(value))
  return [`  ${path}: ${shown(at(expected, path))} was recorded, ${shown(at(actual, path))} came`]
}

const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((inner, key) => (inner as Readonly<Record<string, unknown>> | null)?.[key], value)
