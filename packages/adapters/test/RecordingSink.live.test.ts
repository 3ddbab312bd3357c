import * as NodeFs from "node:fs"
import * as NodeOs from "node:os"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { Agent, Call, type Event, Prices, Recording, Replay } from "@offhook/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as RecordingSink from "../src/recording/RecordingSink.ts"

const config: Agent.Config = { agent: Agent.defaults, prices: Prices.table }
const version = "0.0.0"

const directory = Effect.acquireRelease(
  Effect.sync(() => NodeFs.mkdtempSync(`${NodeOs.tmpdir()}/offhook-recordings-`)),
  (directory) => Effect.sync(() => NodeFs.rmSync(directory, { recursive: true, force: true }))
)

const sink = (
  options: RecordingSink.Options,
  fileSystem: (real: FileSystem.FileSystem) => FileSystem.FileSystem = (real) => real
) =>
  Effect.gen(function* () {
    const logs: Array<string> = []
    const files = Layer.map(NodeContext.layer, (context) =>
      Context.add(context, FileSystem.FileSystem, fileSystem(Context.get(context, FileSystem.FileSystem)))
    )
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make((entry) => {
        logs.push(Logger.logfmtLogger.log(entry))
      })
    )
    const building = yield* Effect.fork(
      Layer.build(RecordingSink.RecordingSink.layer(options).pipe(Layer.provide([files, logger])))
    )
    const context = yield* Effect.flatten(Fiber.await(building))
    const service = Context.get(context, RecordingSink.RecordingSink)
    return { open: service.open, logs, provideLogger: Effect.provide(logger) }
  })

/** A machine and its recording: `step` is what a driver does. */
const recorded = (recording: RecordingSink.CallRecording) => {
  let [state, commands] = Call.initial(config)
  recording.add(null, commands)
  return (event: Event) => {
    ;[state, commands] = Call.step(state, event)
    recording.add(event, commands)
  }
}

const closed = (at: number): Event => ({ _tag: "EndRequested", at, by: "operator" })

describe("RecordingSink", () => {
  it.scopedLive(
    "a file a call, whole when the scope is closed; it replays; a CallSid that comes again gets another",
    () =>
      Effect.gen(function* () {
        const dir = yield* directory
        const { logs, open } = yield* sink({ directory: `${dir}/new/inside`, version })
        for (const name of ["CA1.jsonl", "CA1-2.jsonl", "CA1-3.jsonl"]) {
          const scope = yield* Scope.make()
          const recording = yield* Scope.extend(open({ callSid: "CA1", config }), scope)
          const step = recorded(recording)
          step({ _tag: "ModelConnected", at: 3, session: 0 })
          step(closed(5))
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual(recording.path(), `${dir}/new/inside/${name}`)
          const parsed = Recording.parse(NodeFs.readFileSync(`${dir}/new/inside/${name}`, "utf8"))
          assert.deepStrictEqual([parsed.problems, parsed.end.end, Replay.run(parsed).same], [[], "complete", true])
        }
        assert.deepStrictEqual(logs, [])
      })
  )

  it.scopedLive("while the call lasts the file grows, and can be read", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const { open } = yield* sink({ directory: dir, version })
      const step = recorded(yield* open({ callSid: "CA1", config }))
      step({ _tag: "ModelConnected", at: 3, session: 0 })
      const text = Effect.sync(() =>
        NodeFs.existsSync(`${dir}/CA1.jsonl`) ? NodeFs.readFileSync(`${dir}/CA1.jsonl`, "utf8") : ""
      )
      yield* Effect.repeat(Effect.zipRight(Effect.sleep("5 millis"), text), {
        until: (text) => text.includes("ModelConnected")
      })
      const parsed = Recording.parse(yield* text)
      assert.deepStrictEqual([parsed.problems, Replay.run(parsed).same], [[], true])
    })
  )

  it.scopedLive(
    "a disk that does not keep up: lines are dropped and counted, the file says so and replays up to there",
    () =>
      Effect.gen(function* () {
        const dir = yield* directory
        const disk = yield* Effect.makeLatch(false)
        const slow = (real: FileSystem.FileSystem): FileSystem.FileSystem => ({
          ...real,
          open: (path, options) => Effect.zipRight(disk.await, real.open(path, options))
        })
        const { logs, open, provideLogger } = yield* sink({ directory: dir, version, audio: true }, slow)
        const scope = yield* Scope.make()
        const step = recorded(yield* Scope.extend(open({ callSid: "CA1", config }), scope).pipe(provideLogger))
        const long = "x".repeat(10_000)
        for (let at = 0; at < 200; at++) step({ _tag: "ModelIgnored", at, session: 0, type: long })
        step(closed(500))
        yield* disk.open
        yield* Scope.close(scope, Exit.void).pipe(provideLogger)
        const parsed = Recording.parse(NodeFs.readFileSync(`${dir}/CA1.jsonl`, "utf8"))
        assert.deepStrictEqual(parsed.problems, [])
        assert.strictEqual(parsed.end.end, "incomplete")
        assert.isAbove(parsed.entries.length, 90)
        assert.strictEqual(
          parsed.entries.length + (parsed.end.end === "incomplete" ? (parsed.end.dropped ?? 0) : 0),
          201
        )
        assert.isTrue(Replay.run(parsed).same)
        assert.strictEqual(logs.filter((line) => line.includes("level=WARN")).length, 1)
      })
  )

  it.scopedLive("a disk that fails: one error, the call goes on and ends", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const { logs, open, provideLogger } = yield* sink({ directory: dir, version }, (real) => ({
        ...real,
        open: (path, options) =>
          Effect.map(real.open(path, options), (file) => ({ ...file, writeAll: () => Effect.die("no space") }))
      }))
      const scope = yield* Scope.make()
      const recording = yield* Scope.extend(open({ callSid: "CA1", config }), scope).pipe(provideLogger)
      const step = recorded(recording)
      step({ _tag: "ModelConnected", at: 3, session: 0 })
      yield* Effect.repeat(
        Effect.zipRight(
          Effect.sleep("2 millis"),
          Effect.sync(() => logs.length)
        ),
        {
          until: (lines) => lines > 0
        }
      )
      step(closed(5))
      yield* Scope.close(scope, Exit.void).pipe(provideLogger)
      assert.strictEqual(logs.filter((line) => line.includes("level=ERROR")).length, 1)
    })
  )

  it.scopedLive("a directory that cannot be written is told before the first call", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      NodeFs.writeFileSync(`${dir}/file`, "")
      const error = yield* Effect.flip(sink({ directory: `${dir}/file/inside`, version }))
      assert.match(error.message, /^OFFHOOK_RECORDINGS: .* cannot be written: /)
    })
  )

  it.scopedLive("a look for old recordings that fails, however, is told and hurts no call", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const { logs } = yield* sink({ directory: dir, version }, (real) => ({
        ...real,
        readDirectory: () => Effect.die(new Error("broken"))
      }))
      yield* Effect.repeat(
        Effect.zipRight(
          Effect.sleep("2 millis"),
          Effect.sync(() => logs.length)
        ),
        { until: (lines) => lines > 0 }
      ).pipe(Effect.timeout("5 seconds"))
      assert.include(logs[0], "old recordings cannot be removed")
    })
  )

  it.scopedLive("old recordings and their sound are removed at start, and nothing else", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const old = new Date(Date.now() - 3 * 86_400_000)
      const put = (name: string, text: string, time: Date | null) => {
        NodeFs.writeFileSync(`${dir}/${name}`, text)
        if (time !== null) NodeFs.utimesSync(`${dir}/${name}`, time, time)
      }
      put("CA1.jsonl", '{"offhook":1}\n', old)
      put("CA1.wav", "RIFF", old)
      put("CA2.jsonl", '{"offhook":1}\n', null)
      put("CA2.wav", "RIFF", old)
      put("notes.jsonl", '{"mine":1}\n', old)
      put("music.wav", "RIFF", old)
      yield* sink({ directory: dir, version, days: 2 })
      yield* Effect.repeat(
        Effect.zipRight(
          Effect.sleep("2 millis"),
          Effect.sync(() => NodeFs.existsSync(`${dir}/CA1.wav`))
        ),
        { until: (there) => !there }
      )
      assert.deepStrictEqual(NodeFs.readdirSync(dir).sort(), ["CA2.jsonl", "CA2.wav", "music.wav", "notes.jsonl"])
    })
  )
})
