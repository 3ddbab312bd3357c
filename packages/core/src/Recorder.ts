/**
 * Recorder: turns the events of a call and the commands that answered them into the lines of a recording, as they
 * happen. It does no I/O: the host appends what comes back ("" = nothing yet).
 *
 * Invariants
 * 1. The text so far is always whole entries: no event stands in it without its commands.
 * 2. A run (Recording.Run) is open for at most `longestRun` frames or clock events; that is what a crash of the host can lose.
 * 3. The text never grows beyond `maxBytes`. The first event that would is left out, and everything after it.
 * 4. Nothing is written after a gap or the limit but the end, which `finish` writes and which says how many events
 *    are missing.
 * 5. Masking commutes with the machine (Mask): a masked recording replays.
 */

import type { Config } from "./Agent.ts"
import * as Payload from "./audio/Payload.ts"
import type { Command, Summary } from "./Command.ts"
import type { CarrierAudio, Event } from "./Event.ts"
import * as Mask from "./Mask.ts"
import * as Recording from "./Recording.ts"
import type { Machine } from "./Replay.ts"

export interface Options {
  /** The version of the software that hosts the call. */
  readonly version: string
  readonly call: string
  /** ISO 8601, by the host's wall clock. */
  readonly startedAt: string
  readonly config: Config
  /** Keep the audio of both sides, as base64. Default false. */
  readonly audio?: boolean
  /** Keep the digits the caller keyed. Default false: each becomes 0. */
  readonly digits?: boolean
  /** Keep phone numbers in the stream's parameters. Default false: each of their digits becomes 0. */
  readonly numbers?: boolean
  /** Default 64 MiB: about an hour with audio, half a day without. */
  readonly maxBytes?: number
  /** Where the call is one that a simulation found. */
  readonly found?: Recording.Found
}

export interface Recorder {
  /** The header and the commands that the call began with. */
  readonly start: (commands: ReadonlyArray<Command>) => string
  /** An event, and the commands that `step` answered it with. */
  readonly add: (event: Event, commands: ReadonlyArray<Command>) => string
  /** `dropped` events, or lines of so many, were lost on their way: nothing after them can be replayed. */
  readonly gap: (dropped: number) => void
  /** The last lines. */
  readonly finish: () => string
}

export const make = (options: Options): Recorder => {
  const audio = options.audio ?? false
  const maxBytes = (options.maxBytes ?? 64 * 1024 * 1024) - endBytes
  const header: Recording.Header = {
    offhook: Recording.format,
    version: options.version,
    call: options.call,
    startedAt: options.startedAt,
    audio,
    masked: [
      ...(options.digits === true ? [] : ["digits" as const]),
      ...(options.numbers === true ? [] : ["numbers" as const])
    ],
    config: options.config,
    ...(options.found === undefined ? {} : { found: options.found })
  }
  const mask = Mask.make(header.masked)
  let run: OpenRun | null = null
  let summary: Summary | null = null
  let events = 0
  let commands = 0
  let bytes = 0
  let stopped: string | null = null
  let dropped = 0
  let finished = false

  const write = (text: string, addedEvents: number, addedCommands: number): string => {
    if (stopped !== null) {
      dropped += addedEvents
      return ""
    }
    const size = utf8Bytes(text)
    if (bytes + size > maxBytes) {
      stopped = "the recording reached its limit of bytes"
      dropped += addedEvents
      return ""
    }
    bytes += size
    events += addedEvents
    commands += addedCommands
    return text
  }

  const closed = (): string => {
    if (run === null) return ""
    const open = run
    run = null
    return write(Recording.runLines(open), count(open), answers(open))
  }

  const shortened = (answer: ReadonlyArray<Command>, event: Event | null): string =>
    Recording.commandLines(answer.map((command) => Recording.witness(mask.command(command), event, header)))

  const entry = (event: Event, answer: ReadonlyArray<Command>): string => {
    const shown = mask.event(event)
    return write(Recording.eventLine(shown, audio) + shortened(answer, shown), 1, answer.length)
  }

  return {
    start: (answer) => write(Recording.headerLine(header) + shortened(answer, null), 0, answer.length),
    add: (event, answer) => {
      if (stopped !== null) {
        dropped++
        return ""
      }
      if (event._tag === "CarrierAudio" && isRegular(event, answer)) {
        if (run !== null && continues(run, event, answer)) {
          append(run, event)
          return run.after.length < longestRun - 1 ? "" : closed()
        }
        const lines = closed()
        run = opened(event, answer, audio)
        return lines
      }
      if (event._tag === "TimeAdvanced" && answer.length === 0 && run !== null) {
        run.ticks.push([run.after.length + 1, event.at - run.last])
        return run.ticks.length < longestRun ? "" : closed()
      }
      for (const command of answer) if (command._tag === "Ended") summary = command.summary
      return closed() + entry(event, answer)
    },
    gap: (lost) => {
      dropped += lost + (run === null ? 0 : count(run))
      run = null
      stopped ??= "events were dropped"
    },
    finish: () => {
      if (finished) return ""
      const lines = closed()
      finished = true
      if (stopped !== null) return lines + Recording.endLine({ end: "incomplete", reason: stopped, dropped })
      stopped = "the recording is finished"
      return (
        lines +
        Recording.endLine(
          summary === null
            ? { end: "incomplete", reason: "the call had not ended", dropped: 0 }
            : { end: "complete", events, commands, summary }
        )
      )
    }
  }
}

/**
 * The same call recorded again: the recording's events, answered by another machine. That is how a recording is brought
 * up to date when the machine has changed on purpose. Throws where the recording has no header.
 */
export const again = <State>(recording: Recording.Recording, machine: Machine<State>): string => {
  const { end, entries, header } = recording
  if (header === null) throw new Error(Recording.firstProblem(recording).text)
  const { masked, offhook: _, ...options } = header
  const recorder = make({
    ...options,
    digits: !masked.includes("digits"),
    numbers: !masked.includes("numbers"),
    maxBytes: Number.POSITIVE_INFINITY
  })
  let [state, commands] = machine.initial(header.config)
  let text = recorder.start(commands)
  for (const { event } of entries) {
    ;[state, commands] = machine.step(state, event)
    text += recorder.add(event, commands)
  }
  text += recorder.finish()
  return end.end === "complete" ? text : text.replace(lastLine, Recording.endLine(end))
}

interface OpenRun extends Recording.Run {
  every: number
  levels: string
  last: number
  readonly after: Array<number>
  readonly ticks: Array<readonly [number, number]>
  readonly forwarded: { readonly session: number; readonly from: number } | null
  readonly audio: Array<string> | null
}

const isRegular = (event: CarrierAudio, answer: ReadonlyArray<Command>): boolean => {
  if (event.levels.length !== 1) return false
  if (answer.length === 0) return true
  const command = answer[0]
  return (
    answer.length === 1 &&
    command?._tag === "ForwardAudio" &&
    command.bytes === event.bytes &&
    command.payload === event.payload
  )
}

const continues = (run: OpenRun, event: CarrierAudio, answer: ReadonlyArray<Command>): boolean => {
  const frames = run.after.length + 1
  const expected = run.timestamp + frames * run.every
  if (event.stream !== run.stream || event.bytes !== run.bytes) return false
  if (frames > 1 ? event.timestamp !== expected : event.timestamp <= run.timestamp) return false
  const command = answer[0]
  return command?._tag === "ForwardAudio"
    ? run.forwarded !== null &&
        command.session === run.forwarded.session &&
        command.from === run.forwarded.from + frames * run.bytes
    : run.forwarded === null
}

const opened = (event: CarrierAudio, answer: ReadonlyArray<Command>, audio: boolean): OpenRun => {
  const command = answer[0]
  return {
    at: event.at,
    stream: event.stream,
    timestamp: event.timestamp,
    bytes: event.bytes,
    every: 0,
    levels: event.levels,
    last: event.at,
    after: [],
    ticks: [],
    forwarded: command?._tag === "ForwardAudio" ? { session: command.session, from: command.from } : null,
    audio: audio ? [Payload.toBase64(event.payload)] : null
  }
}

const append = (run: OpenRun, event: CarrierAudio): void => {
  if (run.after.length === 0) run.every = event.timestamp - run.timestamp
  run.after.push(event.at - run.last)
  run.levels += event.levels
  run.last = event.at
  if (run.audio !== null) run.audio.push(Payload.toBase64(event.payload))
}

const count = (run: OpenRun): number => run.after.length + 1 + run.ticks.length

const answers = (run: OpenRun): number => (run.forwarded === null ? 0 : run.after.length + 1)

/** Without counting twice: every code unit up to U+07FF but ASCII takes two bytes, a surrogate pair four, others three. */
const utf8Bytes = (text: string): number => {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1
  }
  return bytes
}

const lastLine = /.*\n$/

/** 5 s of frames. */
const longestRun = 250

/** Kept free for the last line, whose summary is the longest. */
const endBytes = 2_048
