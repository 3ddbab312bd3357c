/**
 * Where the recordings of calls go: `<directory>/<callSid>.jsonl`, one file a call (a CallSid that comes again gets
 * `<callSid>-2.jsonl`, and so on: nothing is ever overwritten).
 *
 * 1. The audio path never waits: `add` puts a line into a queue of bounded bytes, a fiber a call appends what is there
 *    in batches. A crash loses the last batch and leaves a file that can be read.
 * 2. What the queue has no room for is dropped and counted, the recorder is told, and the file ends with the line that
 *    says so.
 * 3. When the call's scope is closed the file is whole and closed; a disk that does not answer is waited for in bounds.
 */

import type * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { type Agent, type Command, type Event, Recorder } from "@offhook/core"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { StartupProblems } from "../config/Problem.ts"

export interface Options {
  readonly directory: string
  /** The version of the software, for the header. */
  readonly version: string
  /** See Recorder.Options. */
  readonly audio?: boolean
  readonly digits?: boolean
  readonly numbers?: boolean
  /** Bytes of one call's file. */
  readonly maxBytes?: number
  /** Files older than this are removed, at start and every hour. */
  readonly days?: number
}

export const DAYS = 30
export const MAX_BYTES = 16 * 1024 * 1024

/** Characters that wait for the disk, a call: half a minute of a call with audio. */
export const MAX_WAITING = 1024 * 1024

/** Lines are appended together: 50 frames a second need no 50 writes. It is what a crash can lose. */
const BATCH = Duration.millis(100)

/** A disk that hangs must not hold the end of a call for ever. */
const FINISH_TIMEOUT = Duration.seconds(5)

export interface Call {
  readonly callSid: string
  readonly config: Agent.Config
}

export interface CallRecording {
  /** An event and its commands; `event` null: the first commands, before everything else. */
  readonly add: (event: Event | null, commands: ReadonlyArray<Command>) => void
  /** The path of the file, null while there is none. */
  readonly path: () => string | null
}

export class RecordingSink extends Context.Tag("@offhook/adapters/recording/RecordingSink")<
  RecordingSink,
  {
    /** Begins a recording and does not wait; the end of the scope finishes it. */
    readonly open: (call: Call) => Effect.Effect<CallRecording, never, Scope.Scope>
  }
>() {
  static readonly layer = (
    options: Options
  ): Layer.Layer<RecordingSink, StartupProblems, FileSystem.FileSystem | Path.Path> => Layer.scoped(this, make(options))

  /** Nothing is recorded. */
  static readonly layerNone: Layer.Layer<RecordingSink> = Layer.succeed(this, {
    open: () => Effect.succeed({ add: () => {}, path: () => null })
  })

  /** For tests: each call's text stands in `files` under its CallSid when the call is over. */
  static readonly layerMemory = (files: Map<string, string>): Layer.Layer<RecordingSink> =>
    Layer.succeed(this, {
      open: Effect.fnUntraced(function* (call) {
        const recorder = yield* recorderOf({ directory: "", version: "test" }, call)
        let text = ""
        yield* Effect.addFinalizer(() => Effect.sync(() => files.set(call.callSid, text + recorder.finish())))
        return {
          add: (event: Event | null, commands: ReadonlyArray<Command>) => {
            text += event === null ? recorder.start(commands) : recorder.add(event, commands)
          },
          path: () => null
        }
      })
    })
}

const make = Effect.fnUntraced(function* (options: Options) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* writable(fs, path, options.directory)
  yield* removeOld(fs, path, options).pipe(Effect.repeat(Schedule.spaced("1 hour")), Effect.forkScoped)

  const create = (callSid: string) => {
    const attempt = (
      number: number
    ): Effect.Effect<readonly [string, FileSystem.File], PlatformError.PlatformError, Scope.Scope> => {
      const file = path.join(options.directory, `${callSid}${number === 1 ? "" : `-${number}`}.jsonl`)
      return Effect.map(fs.open(file, { flag: "ax" }), (opened) => [file, opened] as const).pipe(
        Effect.catchIf(
          (error) => error._tag === "SystemError" && error.reason === "AlreadyExists" && number < 1_000,
          () => attempt(number + 1)
        )
      )
    }
    return attempt(1)
  }

  const open = Effect.fnUntraced(function* (call: Call) {
    const recorder = yield* recorderOf(options, call)
    const lines = yield* Mailbox.make<string>()
    let waiting = 0
    let overflowed = false
    let file: string | null = null
    let failed = false

    const offer = (text: string): void => {
      if (text === "") return
      if (!failed && waiting + text.length <= MAX_WAITING) {
        waiting += text.length
        lines.unsafeOffer(text)
        return
      }
      overflowed = !failed
      recorder.gap(text.split("\n").length - 1)
    }

    const write = Effect.gen(function* () {
      const [created, handle] = yield* create(call.callSid)
      file = created
      const append = (text: string) => handle.writeAll(new TextEncoder().encode(text))
      for (let done = false; !done; ) {
        const [batch, over] = yield* lines.takeAll
        done = over
        const text = Chunk.join(batch, "")
        if (text !== "") yield* append(text)
        waiting -= text.length
        if (!done) yield* Effect.raceFirst(Effect.sleep(BATCH), lines.await)
      }
      yield* append(recorder.finish())
    }).pipe(
      Effect.scoped,
      Effect.catchAllCause((cause) => {
        failed = true
        return Effect.logError("the recording cannot be written: this call goes on without", cause)
      })
    )

    const writer = yield* Effect.forkDaemon(Effect.interruptible(write))
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* lines.end
        const done = yield* Fiber.await(writer).pipe(Effect.interruptible, Effect.timeoutOption(FINISH_TIMEOUT))
        if (done._tag === "None") {
          yield* Effect.logError("the recording is not whole: the disk did not answer")
          yield* Fiber.interruptFork(writer)
        }
        if (overflowed) yield* Effect.logWarning("the recording is not whole: the disk did not keep up")
      })
    )
    return {
      add: (event: Event | null, commands: ReadonlyArray<Command>) =>
        offer(event === null ? recorder.start(commands) : recorder.add(event, commands)),
      path: () => file
    }
  })

  return { open }
})

const recorderOf = (options: Options, { callSid, config }: Call): Effect.Effect<Recorder.Recorder> =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Recorder.make({
      version: options.version,
      call: callSid,
      startedAt: new Date(now).toISOString(),
      config,
      audio: options.audio ?? false,
      digits: options.digits ?? false,
      numbers: options.numbers ?? false,
      maxBytes: options.maxBytes ?? MAX_BYTES
    })
  )

const writable = (fs: FileSystem.FileSystem, path: Path.Path, directory: string) => {
  const probe = path.join(directory, ".offhook-writable")
  return fs.makeDirectory(directory, { recursive: true }).pipe(
    Effect.andThen(fs.writeFileString(probe, "")),
    Effect.andThen(fs.remove(probe)),
    Effect.mapError(
      (error) =>
        new StartupProblems({
          problems: [
            {
              name: "OFFHOOK_RECORDINGS",
              problem: `${directory} cannot be written: ${error._tag === "SystemError" ? error.reason : error.message}`,
              fix: "name a directory that this program may create and write"
            }
          ]
        })
    )
  )
}

/** A directory may hold other things: only a file that begins as a recording is removed, and the WAV beside it. */
const removeOld = Effect.fnUntraced(
  function* (fs: FileSystem.FileSystem, path: Path.Path, { days = DAYS, directory }: Options) {
    const oldest = (yield* Clock.currentTimeMillis) - days * 86_400_000
    for (const name of yield* fs.readDirectory(directory)) {
      if (!name.endsWith(".jsonl")) continue
      const file = path.join(directory, name)
      yield* removeIfOld(fs, file, oldest).pipe(
        Effect.catchAllCause((cause) => Effect.logWarning("an old recording cannot be removed", cause))
      )
    }
  },
  Effect.catchAllCause((cause) => Effect.logWarning("old recordings cannot be removed", cause))
)

const removeIfOld = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, file: string, oldest: number) {
  const { mtime } = yield* fs.stat(file)
  if (mtime._tag === "None" || mtime.value.getTime() >= oldest) return
  const begins = yield* Effect.scoped(
    Effect.flatMap(fs.open(file, { flag: "r" }), (opened) => opened.readAlloc(HEADER.length))
  )
  if (begins._tag === "None" || new TextDecoder().decode(begins.value) !== HEADER) return
  yield* fs.remove(file)
  yield* fs.remove(file.replace(/\.jsonl$/, ".wav"), { force: true })
})

const HEADER = '{"offhook":'
