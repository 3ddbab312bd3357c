import { createHook } from "node:async_hooks"
import type { IncomingMessage } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Agent, type Command, type Event, OpenAI, Recording, Replay } from "@offhook/core"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Supervisor from "effect/Supervisor"
import * as TestClock from "effect/TestClock"
import type { CallDriver } from "../src/CallDriver.ts"
import { CallObserver } from "../src/CallObserver.ts"
import { Calls, type Claim } from "../src/Calls.ts"
import { TwilioRestError } from "../src/Errors.ts"
import type * as Wire from "../src/net/Wire.ts"
import { ModelSocket } from "../src/openai/ModelSocket.ts"
import { RecordingSink } from "../src/recording/RecordingSink.ts"
import { type Tool, ToolError, Tools } from "../src/Tools.ts"
import * as Accounts from "../src/twilio/Accounts.ts"
import * as CarrierSocket from "../src/twilio/CarrierSocket.ts"
import { TwilioRest } from "../src/twilio/TwilioRest.ts"

const CALL = "CA1"
const TOOL: Agent.Tool = {
  name: "menu",
  description: "What there is.",
  parameters: { type: "object" },
  timeoutMs: 2_000
}

/** The registry between ports that only write down what they were asked. */
const registry = (
  options: {
    readonly agent?: Partial<Agent.Agent>
    readonly tools?: Readonly<Record<string, Tool>>
    readonly admittedOnly?: boolean
    readonly hangUp?: Effect.Effect<void, TwilioRestError>
    readonly onStep?: () => void
    /** Before anything else of a connection to the model. */
    readonly connect?: Effect.Effect<void>
  } = {}
) =>
  Effect.gen(function* () {
    const story: Array<string> = []
    const logs: Array<string> = []
    const files = new Map<string, string>()
    const drivers: Array<Pick<CallDriver, "dispatch" | "now">> = []
    const commands: Array<Command> = []
    const model = Layer.succeed(ModelSocket, {
      open: ({ driver, session }) =>
        Effect.gen(function* () {
          yield* options.connect ?? Effect.void
          story.push(`connect ${session}`)
          drivers.push(driver)
          yield* Effect.addFinalizer(() => Effect.sync(() => story.push(`released ${session}`)))
          return {
            send: (command) => {
              commands.push(command)
            },
            close: () => {
              story.push(`close ${session}`)
            }
          }
        })
    })
    const layer = Calls.layer({
      agent: { ...Agent.defaults, ...options.agent },
      admittedOnly: options.admittedOnly ?? true
    }).pipe(
      Layer.provide([
        model,
        Tools.layer(options.tools ?? {}),
        RecordingSink.layerMemory(files),
        Layer.succeed(TwilioRest, {
          hangUp: () =>
            Effect.andThen(
              Effect.sync(() => story.push("hang up")),
              options.hangUp ?? new TwilioRestError({ reason: "NotConfigured" })
            )
        }),
        Layer.succeed(CallObserver, {
          onStep: options.onStep ?? (() => {}),
          onReleased: (callSid) => story.push(`over ${callSid}`)
        }),
        Logger.replace(
          Logger.defaultLogger,
          Logger.make((entry) => {
            logs.push(Logger.logfmtLogger.log(entry))
          })
        ),
        Logger.minimumLogLevel(LogLevel.All)
      ])
    )
    const calls = Context.get(yield* Layer.build(layer), Calls)

    /** A carrier whose socket closes when it is told to; a mute one must be terminated. */
    const stream = (callSid: string, token: string | undefined, isMute = false) => {
      const sent: Array<string> = []
      const closed = Effect.unsafeMakeLatch(false)
      let claim: Claim | undefined
      const gone = (code: number) => {
        if (!sent.includes("gone")) {
          sent.push("gone")
          closed.unsafeOpen()
          if (claim?._tag === "Claimed") {
            claim.driver.dispatch({ _tag: "CarrierClosed", at: claim.driver.now(), stream: claim.stream, code })
          }
        }
      }
      const wire: Wire.Wire = {
        send: (message) => sent.push(String(message)) > 0,
        bufferedAmount: () => 0,
        close: (code) => {
          if (sent.includes("gone")) return
          sent.push(`close ${code}`)
          if (!isMute) gone(code)
        },
        terminate: () => gone(1006),
        pause: () => {},
        resume: () => {}
      }
      claim = calls.claim({
        callSid,
        accountSid: "AC1",
        streamSid: "MZ1",
        token,
        urlToken: undefined,
        requestId: "of-upgrade",
        marks: { outstanding: 0 },
        wire,
        closed: closed.await
      })
      if (claim._tag === "Claimed") {
        claim.driver.dispatch({
          _tag: "CarrierStarted",
          at: claim.driver.now(),
          stream: claim.stream,
          streamSid: "MZ1",
          callSid,
          accountSid: "AC1",
          encoding: "audio/x-mulaw",
          sampleRate: 8000,
          channels: 1,
          parameters: {}
        })
      }
      return { claim, sent, gone }
    }

    const fromModel = (event: (at: number) => Event) => {
      const driver = drivers.at(-1)
      driver?.dispatch(event(driver.now()))
    }

    const ready = () => {
      const format = { type: "audio/pcmu" } as const
      fromModel((at) => ({ _tag: "ModelConnected", at, session: 0 }))
      fromModel((at) => ({ _tag: "ModelSessionUpdated", at, session: 0, input: format, output: format }))
    }

    const callTool = (call: string, args: string) => {
      const response = { session: 0, response: `resp_${call}`, request: null, inConversation: true } as const
      fromModel((at) => ({ _tag: "ModelResponseCreated", at, ...response }))
      fromModel((at) => ({
        _tag: "ModelToolCalled",
        at,
        session: 0,
        response: response.response,
        item: `item_${call}`,
        call,
        name: "menu",
        arguments: args
      }))
      fromModel((at) => ({
        _tag: "ModelResponseDone",
        at,
        ...response,
        status: "completed",
        reason: null,
        error: null,
        usage: null
      }))
    }
    const answers = () => commands.flatMap((command) => (command._tag === "AnswerTool" ? [command.output] : []))

    return { calls, commands, story, logs, files, stream, ready, fromModel, callTool, answers }
  })

const token = (calls: Context.Tag.Service<Calls>, callSid = CALL) =>
  Effect.map(calls.admit({ callSid, accountSid: "AC1" }), (admission) =>
    admission._tag === "Admitted" ? admission.token : "closed"
  )

/** Lets forked fibers come to their waits. */
const settled = Effect.repeatN(Effect.yieldNow(), 20)

describe("Calls", () => {
  it.scoped("a webhook connects the model; repeated it gets the same token and starts nothing", () =>
    Effect.gen(function* () {
      const { calls, story } = yield* registry()
      const first = yield* token(calls)
      assert.match(first, /^1\.CA1\.AC1\.[0-9a-z]+\.[\w-]{16}\.[\w-]{43}$/)
      assert.strictEqual(yield* token(calls), first)
      assert.notStrictEqual(yield* token(calls, "CA2"), first)
      assert.deepStrictEqual(story, ["connect 0", "connect 0"])
      assert.strictEqual(yield* calls.live, 2)
    })
  )

  it.scoped("only the stream that brings the call's token is the call's, and only once", () =>
    Effect.gen(function* () {
      const { calls, stream } = yield* registry()
      const right = yield* token(calls)
      const reasons = [stream(CALL, undefined), stream(CALL, `${right}x`), stream(CALL, right.replace(/.$/, "*"))].map(
        ({ claim }) => (claim._tag === "Refused" ? claim.reason : "claimed")
      )
      assert.deepStrictEqual(reasons, ["stream_not_admitted", "stream_token_forged", "stream_token_forged"])
      assert.deepStrictEqual(stream("CA2", right).claim, { _tag: "Refused", reason: "stream_token_other" })
      assert.strictEqual(stream(CALL, right).claim._tag, "Claimed")
      assert.deepStrictEqual(stream(CALL, right).claim, { _tag: "Refused", reason: "stream_token_used" })
    })
  )

  it.scoped("where anybody may call, a stream begins a call of its own; a token that is wrong is still wrong", () =>
    Effect.gen(function* () {
      const { calls, story, stream } = yield* registry({ admittedOnly: false })
      assert.strictEqual(stream("CA9", undefined).claim._tag, "Claimed")
      assert.strictEqual(stream("CA9", undefined).claim._tag, "Refused")
      yield* token(calls)
      assert.strictEqual(stream(CALL, "wrong").claim._tag, "Refused")
      assert.strictEqual(stream(CALL, undefined).claim._tag, "Claimed")
      assert.deepStrictEqual(story, ["connect 0", "connect 0"])
    })
  )

  it.scoped("the caller hangs up: everything is released once, the recording is whole, the call may come again", () =>
    Effect.gen(function* () {
      const { calls, files, logs, story, stream } = yield* registry()
      const { gone, sent } = stream(CALL, yield* token(calls))
      yield* TestClock.adjust("1500 millis")
      gone(1000)
      yield* calls.idle
      assert.deepStrictEqual(story, ["connect 0", "close 0", "released 0", `over ${CALL}`])
      assert.deepStrictEqual(sent, ["gone"])
      assert.strictEqual(yield* calls.live, 0)
      const recording = Recording.parse(files.get(CALL) ?? "")
      assert.strictEqual(recording.end.end, "complete")
      assert.isTrue(Replay.run(recording).same)
      const last = logs.find((line) => line.includes("call ended")) ?? ""
      for (const part of [`callSid=${CALL}`, 'outcome="carrier lost"', "durationMs=1500", "costUsd=0"]) {
        assert.include(last, part)
      }
      yield* token(calls)
      assert.strictEqual(yield* calls.live, 1)
    })
  )

  it.scoped("every line of a call has its CallSid, and the id of the request that it began with", () =>
    Effect.gen(function* () {
      const { callTool, calls, fromModel, logs, ready, stream } = yield* registry({
        admittedOnly: false,
        agent: { tools: [TOOL] },
        tools: { menu: () => Effect.die(new Error("burnt")) },
        hangUp: new TwilioRestError({ reason: "Timeout" })
      })
      const admitted = yield* Effect.annotateLogs(token(calls), { requestId: "of-webhook", http: "GET /" })
      stream(CALL, admitted)
      ready()
      callTool("menu", "{}")
      yield* settled
      yield* Effect.fork(calls.endAll("operator"))
      yield* calls.idle
      stream("CA2", undefined)
      fromModel(() => null as never)
      yield* calls.idle
      for (const [callSid, requestId, messages] of [
        [CALL, "of-webhook", ["call started", "a tool failed", "not hung up by REST", "call ended"]],
        ["CA2", "of-upgrade", ["call started", "call failed"]]
      ] as const) {
        const about = logs.filter((line) => line.includes(`callSid=${callSid}`))
        for (const message of messages)
          assert.isTrue(
            about.some((line) => line.includes(message)),
            message
          )
        for (const line of about) assert.include(line, ` requestId=${requestId}`)
      }
      for (const line of logs) {
        assert.match(line, / callSid=CA[12]( |$)/)
        assert.lengthOf(line.match(/ message=("[a-zA-Z ,:']+"|noted)(?= )/g) ?? [], 1, "values are fields")
        assert.lengthOf(line.match(/ message=/g) ?? [], 1, line)
      }
      assert.match(logs.join("\n"), /message="a tool failed".* tool=menu/s)
      assert.match(logs.join("\n"), /reason=Timeout fault="Twilio REST did not answer in time"/)
      assert.notInclude(logs.join(), "http=")
    })
  )

  it.scoped("a stream that never comes ends the call", () =>
    Effect.gen(function* () {
      const { calls, ready, story } = yield* registry()
      yield* token(calls)
      ready()
      yield* TestClock.adjust("2 minutes")
      yield* calls.idle
      assert.deepStrictEqual(story, ["connect 0", "close 0", "released 0", `over ${CALL}`])
    })
  )

  it.scoped("hang-up by REST; where that fails the stream is closed instead", () =>
    Effect.gen(function* () {
      const failing = yield* registry({ hangUp: new TwilioRestError({ reason: "Timeout" }) })
      const first = failing.stream(CALL, yield* token(failing.calls))
      failing.ready()
      yield* Effect.fork(failing.calls.endAll("operator"))
      yield* failing.calls.idle
      assert.deepStrictEqual(
        first.sent.filter((line) => !line.startsWith("{")),
        ["close 1000", "gone"]
      )
      assert.include(failing.logs.join("\n"), "Twilio REST did not answer in time")

      const broken = yield* registry({ hangUp: Effect.die(new Error("broken")) })
      const third = broken.stream(CALL, yield* token(broken.calls))
      yield* Effect.fork(broken.calls.endAll("operator"))
      yield* settled
      assert.include(third.sent, "close 1000")
      assert.strictEqual(broken.logs.filter((line) => line.includes("hanging up failed")).length, 1)

      const working = yield* registry({ hangUp: Effect.void })
      const second = working.stream(CALL, yield* token(working.calls))
      yield* Effect.fork(working.calls.endAll("operator"))
      yield* settled
      assert.deepStrictEqual(working.story, ["connect 0", "hang up", "close 0"])
      assert.deepStrictEqual(second.sent, [])
    })
  )

  it.scoped("an exception in a port ends that call alone, with one error and both sockets closed", () =>
    Effect.gen(function* () {
      const { calls, fromModel, logs, ready, story, stream } = yield* registry()
      const other = yield* token(calls, "CA2")
      const { sent } = stream(CALL, yield* token(calls))
      ready()
      fromModel(() => null as never)
      yield* settled
      assert.deepStrictEqual(story.slice(2), ["released 0", `over ${CALL}`])
      assert.deepStrictEqual(sent, ["close 1011", "gone"])
      assert.strictEqual(logs.filter((line) => line.includes("level=ERROR")).length, 1)
      assert.strictEqual(yield* calls.live, 1)
      assert.strictEqual(stream("CA2", other).claim._tag, "Claimed")
    })
  )

  it.scoped("a stream whose CallSid could name something else on disk, or break a log line, begins no call", () =>
    Effect.gen(function* () {
      const { calls, story, stream } = yield* registry({ admittedOnly: false })
      for (const callSid of ["", "CON", "../CA1", "CA1/../../x", "CA1\n", "CA1 callSid=CA2", `CA${"1".repeat(65)}`]) {
        assert.deepStrictEqual(stream(callSid, undefined).claim, {
          _tag: "Refused",
          reason: "stream_call_sid"
        })
      }
      assert.deepStrictEqual([story, yield* calls.live], [[], 0])
    })
  )

  it.scoped("a call that fails as it begins takes no stream: the carrier must run its tail", () =>
    Effect.gen(function* () {
      const { calls, logs, story, stream } = yield* registry({ admittedOnly: false, connect: Effect.die("no model") })
      assert.deepStrictEqual(stream(CALL, undefined).claim, { _tag: "Refused", reason: "stream_failed" })
      yield* calls.idle
      assert.deepStrictEqual(story, [`over ${CALL}`])
      assert.strictEqual(logs.filter((line) => line.includes("call failed")).length, 1)
    })
  )

  it.scoped("an observer that throws is told of once, and the call goes on", () =>
    Effect.gen(function* () {
      const { calls, logs, ready, stream } = yield* registry({
        onStep: () => {
          throw new Error("observer")
        }
      })
      assert.strictEqual(stream(CALL, yield* token(calls)).claim._tag, "Claimed")
      ready()
      assert.strictEqual(yield* calls.live, 1)
      assert.strictEqual(logs.filter((line) => line.includes("an observer failed")).length, 1)
    })
  )

  it.scoped("tools: results, failures and defects are answers", () =>
    Effect.gen(function* () {
      const given: Array<unknown> = []
      const { answers, callTool, calls, logs, ready, stream } = yield* registry({
        agent: { tools: [TOOL] },
        tools: {
          menu: (args, call) => {
            given.push(args, call)
            switch (args["how"]) {
              case "text":
                return Effect.succeed("soup")
              case "nothing":
                return Effect.void
              case "fail":
                return new ToolError({ message: "the kitchen is closed" })
              case "die":
                return Effect.die(new Error("secret detail"))
              case "throw":
                throw new Error("secret detail")
              case "untyped":
                return Effect.fail("no ToolError") as never
              case "interrupt":
                return Effect.interrupt
              case "loop": {
                const loop: { self?: unknown } = {}
                loop.self = loop
                return Effect.succeed(loop)
              }
              default:
                return Effect.succeed({ dishes: ["soup"] })
            }
          }
        }
      })
      stream(CALL, yield* token(calls))
      ready()
      for (const how of ["json", "text", "nothing", "fail", "die", "throw", "untyped", "interrupt", "loop"]) {
        callTool(how, JSON.stringify({ how }))
        yield* settled
      }
      assert.deepStrictEqual(given.slice(0, 2), [{ how: "json" }, { callSid: CALL, call: "json" }])
      assert.deepStrictEqual(answers(), [
        '{"dishes":["soup"]}',
        "soup",
        '{"status":"done"}',
        '{"error":"the kitchen is closed"}',
        ...Array(4).fill('{"error":"the tool failed"}'),
        `{"error":"the tool's result is no JSON"}`
      ])
      assert.strictEqual(logs.filter((line) => line.includes("a tool failed")).length, 4)
    })
  )

  it.scoped("a tool is interrupted when its time is over, and when its call ends", () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const { answers, callTool, calls, ready, stream } = yield* registry({
        agent: { tools: [TOOL] },
        tools: {
          menu: (_, { call }) => Effect.onInterrupt(Effect.never, () => Effect.sync(() => ended.push(call)))
        }
      })
      const { gone } = stream(CALL, yield* token(calls))
      ready()
      callTool("slow", "{}")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([ended, answers()], [["slow"], ['{"error":"the tool did not answer in time"}']])
      callTool("last", "{}")
      gone(1000)
      yield* calls.idle
      assert.deepStrictEqual(ended, ["slow", "last"])
    })
  )

  it.scoped("a tool that cannot be interrupted holds neither its answer nor the end of its call", () =>
    Effect.gen(function* () {
      const { answers, callTool, calls, ready, story, stream } = yield* registry({
        agent: { tools: [TOOL] },
        tools: { menu: () => Effect.uninterruptible(Effect.never) }
      })
      const { gone } = stream(CALL, yield* token(calls))
      ready()
      callTool("stubborn", "{}")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(answers(), ['{"error":"the tool did not answer in time"}'])
      gone(1000)
      yield* settled
      assert.strictEqual(story.at(-1), `over ${CALL}`)
    })
  )

  it.scoped("a tool that nobody implements keeps the program from starting", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(registry({ agent: { tools: [TOOL] } }))
      assert.include(error.message, 'OFFHOOK_AGENT: the agent offers the tool "menu", which this program does not have')
    })
  )

  it.scoped("closed: no call begins, live ones go on; endAll waits for the last", () =>
    Effect.gen(function* () {
      const { calls, stream } = yield* registry({ admittedOnly: false })
      const live = stream(CALL, yield* token(calls))
      yield* calls.close
      assert.isFalse(yield* calls.isOpen)
      assert.deepStrictEqual(yield* calls.admit({ callSid: "CA2", accountSid: "AC1" }), {
        _tag: "Refused",
        reason: "call_closed"
      })
      assert.strictEqual(stream("CA3", undefined).claim._tag, "Refused")
      assert.strictEqual(yield* calls.live, 1)
      const ending = yield* Effect.fork(calls.endAll("shutdown"))
      yield* Fiber.join(ending)
      assert.strictEqual(yield* calls.live, 0)
      assert.include(live.sent, "close 1000")
    })
  )

  it.scoped(
    "ended politely: at once where nobody speaks, else when nobody does any more, or when the time is over",
    () =>
      Effect.gen(function* () {
        const { calls, fromModel, ready, stream } = yield* registry()
        for (const callSid of ["CA1", "CA2"]) stream(callSid, yield* token(calls, callSid))
        ready()
        fromModel((at) => ({ _tag: "ModelSpeechStarted", at, session: 0, item: "item_1", audioStartMs: 0 }))
        const ending = yield* Effect.fork(calls.endPolitely("5 seconds"))
        yield* TestClock.adjust("4900 millis")
        assert.strictEqual(yield* calls.get("CA1"), null)
        assert.strictEqual((yield* calls.get("CA2"))?.speaking.caller, true)
        yield* TestClock.adjust("100 millis")
        yield* Fiber.join(ending)
        assert.strictEqual(yield* calls.live, 0)
      })
  )

  const ends = (asked: "asked" | "not asked", seconds: number) =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<ReadonlyArray<ReadonlyArray<string>>>()
      const closing = yield* Effect.fork(
        Effect.scoped(
          Effect.gen(function* () {
            // Nor does the hang-up do anything: the machine would wait longer than a shutdown can.
            const { calls, ready, stream } = yield* registry({ hangUp: Effect.void })
            const sent: Array<ReadonlyArray<string>> = []
            for (const callSid of ["CA1", "CA2", "CA3"]) {
              sent.push(stream(callSid, yield* token(calls, callSid), true).sent)
              ready()
            }
            yield* Deferred.succeed(begun, sent)
            if (asked === "asked") {
              yield* Effect.timeoutOption(calls.endAll("shutdown"), "1 second")
            }
          })
        )
      )
      const sent = yield* Deferred.await(begun)
      yield* TestClock.adjust(`${seconds} seconds`)
      assert.isTrue(Option.isSome(yield* Fiber.poll(closing)))
      for (const lines of sent) assert.deepStrictEqual(lines.slice(-2), ["close 1000", "gone"])
    })

  it.effect("the end of the layer ends live calls, also those whose carrier is mute, all in the time of one", () =>
    ends("not asked", 5)
  )

  it.effect("calls that had their time to end get no more of it", () => ends("asked", 4))

  it.scoped("audio makes no fiber, promise or timer, either way", () =>
    Effect.gen(function* () {
      const fibers = new Started()
      const { calls, commands, fromModel, ready } = yield* registry().pipe(
        Effect.provide(Supervisor.addSupervisor(fibers))
      )
      const route = yield* CarrierSocket.route({ accounts: Accounts.none, publicUrl: "" }).pipe(
        Effect.provideService(Calls, calls)
      )
      const sent: Array<string> = []
      const carrier = route.accept({ ...silent, send: (message) => sent.push(String(message)) > 0 }, {
        url: CarrierSocket.PATH,
        headers: {}
      } as IncomingMessage)
      if (!("onText" in carrier)) return assert.fail("no text")
      const streamSid = "MZ1"
      const start = { streamSid, callSid: CALL, accountSid: "AC1", mediaFormat: MULAW, customParameters: {} }
      const right = yield* token(calls)
      start.customParameters = { token: right }
      carrier.onText(JSON.stringify({ event: "start", sequenceNumber: "1", streamSid, start }), false)
      ready()
      const media = (chunk: number) =>
        carrier.onText(
          `{"event":"media","sequenceNumber":"${chunk + 1}","streamSid":"MZ1","media":{"track":"inbound",` +
            `"chunk":"${chunk}","timestamp":"${chunk * 20}","payload":"${SPEECH}"}}`,
          false
        )
      const delta = (at: number) =>
        OpenAI.decode(
          `{"type":"response.output_audio.delta","response_id":"r1","item_id":"i1","output_index":0,"content_index":0,"delta":"${SPEECH}"}`,
          at,
          0
        )
      let chunk = 0
      const frames = (count: number) => {
        for (const last = chunk + count; chunk < last; ) {
          media(++chunk)
          fromModel(delta)
        }
      }
      fromModel((at) => ({
        _tag: "ModelResponseCreated",
        at,
        session: 0,
        response: "r1",
        request: null,
        inConversation: true
      }))
      // What happens once (the first audio is a reaction) is not what happens each time.
      frames(1)
      yield* settled
      const resources: Array<string> = []
      const hook = createHook({ init: (_, type) => resources.push(type) }).enable()
      const before = fibers.count
      frames(500)
      const after = fibers.count
      hook.disable()
      carrier.onClose(1000, "")
      assert.deepStrictEqual([resources, after - before], [[], 0])
      assert.isAtLeast(commands.filter(({ _tag }) => _tag === "ForwardAudio").length, 500)
      assert.isAtLeast(sent.filter((message) => message.includes(`"payload":"${SPEECH}"`)).length, 500)
    })
  )
})

/** A carrier that does nothing. */
const silent: Wire.Wire = {
  send: () => true,
  bufferedAmount: () => 0,
  close: () => {},
  terminate: () => {},
  pause: () => {},
  resume: () => {}
}

const MULAW = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 }

const SPEECH = Buffer.alloc(160, 0x10).toString("base64")

/** Counts every fiber that begins. */
class Started extends Supervisor.AbstractSupervisor<void> {
  count = 0
  override readonly value = Effect.void
  override onStart(): void {
    this.count++
  }
}
