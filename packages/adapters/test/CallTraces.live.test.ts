import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import type { Watcher } from "../src/CallObserver.ts"
import * as CallTraces from "../src/CallTraces.ts"
import * as Collector from "./support/Collector.ts"
import * as Kept from "./support/Kept.ts"

const BEGAN = Date.UTC(2026, 0, 2, 3, 4, 5)

const kept = (names: ReadonlyArray<string>, status = 200) =>
  Effect.map(
    traced((watch) => names.map((name) => Kept.play(name, watch(`CA${name}`)).summary), status),
    ({ played, ...collected }) => ({ ...collected, summaries: played })
  )

/** What a collector has when the layer is gone: nothing waits for the exporter's interval. */
const traced = <A>(play: (watch: (callSid: string) => Watcher) => A, status = 200) =>
  Effect.gen(function* () {
    const collector = yield* Effect.acquireRelease(
      Effect.promise(() => Collector.start(status)),
      ({ close }) => Effect.promise(close)
    )
    const layer = CallTraces.CallTraces.layer({
      url: `${collector.url}/v1/traces`,
      headers: { "x-api-key": Redacted.make("collector-secret") },
      serviceName: "offhook-test",
      serviceVersion: "1.2.3"
    }).pipe(Layer.provide(NodeHttpClient.layer))
    const played = yield* Effect.gen(function* () {
      const tracer = yield* CallTraces.CallTraces
      assert(tracer !== null)
      return play((callSid) => CallTraces.watch(tracer, { callSid, model: "gpt-realtime", began: BEGAN }))
    }).pipe(Effect.provide(layer), Effect.scoped)
    return { ...collector, played }
  })

describe("traces of calls", () => {
  it.scopedLive("a call is one trace: a span for it, one for each turn, one for each tool, none else", () =>
    Effect.gen(function* () {
      const { headers, resources, spans, summaries } = yield* kept(["tools-several-at-once.jsonl"])
      const [summary] = summaries
      const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined)
      assert.deepStrictEqual(
        roots.map(({ name, kind, status }) => ({ name, kind, status })),
        [{ name: "call", kind: 2, status: 1 }]
      )
      const [root] = roots
      assert(root !== undefined && summary !== undefined)
      assert.strictEqual(root.start, BEGAN)
      assert.strictEqual(root.end, BEGAN + summary.durationMs)
      assert.deepInclude(root.attributes, {
        "offhook.call.sid": "CAtools-several-at-once.jsonl",
        "offhook.call.outcome": summary.outcome,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-realtime",
        "gen_ai.usage.output_tokens": summary.usage.outputText + summary.usage.outputAudio
      })
      for (const span of spans) {
        assert.strictEqual(span.traceId, root.traceId)
        if (span !== root) assert.strictEqual(span.parentSpanId, root.spanId)
        assert.isTrue(span.start >= root.start && span.end <= root.end, span.name)
      }
      const counted = (name: string) => spans.filter((span) => span.name.startsWith(name)).length
      assert.strictEqual(counted("turn caller"), summary.turns.caller)
      assert.strictEqual(counted("turn agent"), summary.turns.agent)
      assert.strictEqual(counted("execute_tool "), summary.toolCalls)
      assert.isAtLeast(summary.toolCalls, 2)
      assert.strictEqual(spans.length, 1 + summary.turns.caller + summary.turns.agent + summary.toolCalls)
      const tool = spans.find(({ name }) => name.startsWith("execute_tool "))
      assert.include(tool?.attributes, { "gen_ai.operation.name": "execute_tool" })
      assert.strictEqual(`execute_tool ${tool?.attributes["gen_ai.tool.name"]}`, tool?.name)

      assert.include(resources[0], { "service.name": "offhook-test", "service.version": "1.2.3" })
      assert.strictEqual(headers[0]?.["x-api-key"], "collector-secret")
    })
  )

  it.scopedLive("tools that nobody waits for any more have their spans too, and why they are over", () =>
    Effect.gen(function* () {
      const { spans } = yield* traced((watch) => {
        const { onReleased, onStep } = watch("CA1")
        const run = (call: string) => ({ _tag: "RunTool", call, name: "menu", arguments: "{}" }) as const
        onStep({ _tag: "TimeAdvanced", at: 100 }, [run("late"), run("cut")])
        onStep({ _tag: "TimeAdvanced", at: 400 }, [{ _tag: "AnswerTool", session: 0, call: "late", output: "" }])
        onStep({ _tag: "TimeAdvanced", at: 500 }, [])
        onReleased(null)
      })
      const tools = spans.filter(({ name }) => name === "execute_tool menu")
      assert.deepStrictEqual(
        tools.map(({ attributes, end, start, status }) => [
          start - BEGAN,
          end - BEGAN,
          status,
          attributes["error.type"]
        ]),
        [
          [100, 400, 2, "timeout"],
          [100, 500, 2, "call over"]
        ]
      )
    })
  )

  it.scopedLive("a call that broke is an error, with why", () =>
    Effect.gen(function* () {
      const { spans } = yield* kept(["model-lost.jsonl"])
      const root = spans.find(({ name }) => name === "call")
      assert.strictEqual(root?.status, 2)
      assert.strictEqual(root?.attributes["error.type"], "model lost")
    })
  )

  it.scopedLive("no word and no number of any kept call is in a span, and no secret", () =>
    Effect.gen(function* () {
      const { bodies, spans, summaries } = yield* kept(Kept.names)
      assert.strictEqual(spans.filter(({ name }) => name === "call").length, Kept.names.length)
      assert.strictEqual(
        spans.length,
        spans.filter(({ name }) => /^(call|turn (agent|caller)|execute_tool \w+)$/.test(name)).length
      )
      const turns = summaries.reduce((sum, summary) => sum + summary.turns.caller + summary.turns.agent, 0)
      assert.strictEqual(spans.filter(({ name }) => name.startsWith("turn ")).length, turns)
      for (const body of bodies) {
        assert.notMatch(body, /\+\d{7,}|collector-secret|[A-Za-z0-9+/]{120,}/)
        assert.notMatch(body, /"stringValue":"[^"]* [^"]* [^"]* [^"]*"/)
      }
    })
  )

  it.scopedLive("a collector that refuses harms nothing", () =>
    Effect.gen(function* () {
      const { bodies } = yield* kept(["agent-waits.jsonl"], 400)
      assert.isAtLeast(bodies.length, 1)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )

  it.scoped("a collector that is away is told of once, and when it is back", () => {
    const logs: Array<string> = []
    const logger = Logger.make((entry) => void logs.push(Logger.logfmtLogger.log(entry)))
    let status = 503
    let asked = 0
    const client = HttpClient.make((request) => {
      asked++
      return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status })))
    })
    return Effect.gen(function* () {
      const tracer = yield* CallTraces.CallTraces
      assert(tracer !== null)
      const call = () => CallTraces.watch(tracer, { callSid: "CA1", model: "m", began: BEGAN }).onReleased(null)
      call()
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(asked, 4)
      assert.lengthOf(logs, 1)
      assert.match(logs.join(), / level=WARN .* message="traces do not arrive" fault="the collector answers 503"/)
      status = 200
      yield* TestClock.adjust("1 minute")
      call()
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(asked, 5)
      assert.lengthOf(logs, 2)
      assert.match(logs[1] ?? "", / level=INFO .* message="traces arrive again"/)
    }).pipe(
      Effect.provide(
        CallTraces.CallTraces.layer({
          url: "http://collector/v1/traces",
          headers: {},
          serviceName: "offhook-test",
          serviceVersion: "1.2.3"
        }).pipe(
          Layer.provide(Layer.succeed(HttpClient.HttpClient, client)),
          Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger))
        )
      )
    )
  })
})
