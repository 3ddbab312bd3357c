import type { Command, Event } from "@offhook/core"
import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import * as CallMetrics from "../src/CallMetrics.ts"
import * as Metrics from "../src/Metrics.ts"
import * as Kept from "./support/Kept.ts"
import * as Scrape from "./support/Scrape.ts"

const scraped = async (metrics: Metrics.Service) => Scrape.parse(await Effect.runPromise(metrics.text))

describe("what a call adds to the metrics", () => {
  it.each(Kept.names)("is what its summary says: %s", async (name) => {
    const metrics = Metrics.make()
    const { summary } = Kept.play(name, CallMetrics.watch(metrics))
    const { sum, value } = await scraped(metrics)

    assert.strictEqual(value("offhook_calls_started_total"), 1)
    assert.strictEqual(value("offhook_calls_ended_total", { outcome: summary.outcome }), 1)
    assert.strictEqual(sum("offhook_calls_ended_total"), 1)
    assert.closeTo(sum("offhook_call_duration_seconds_sum"), summary.durationMs / 1_000, 1e-9)
    assert.strictEqual(value("offhook_turns_total", { speaker: "caller" }) ?? 0, summary.turns.caller)
    assert.strictEqual(value("offhook_turns_total", { speaker: "agent" }) ?? 0, summary.turns.agent)
    assert.strictEqual(sum("offhook_truncations_total"), summary.truncations)
    assert.strictEqual(sum("offhook_deletions_total"), summary.deletions)
    assert.strictEqual(sum("offhook_responses_total"), summary.responses)
    assert.strictEqual(sum("offhook_answer_seconds_count"), summary.reactions.answers)
    assert.closeTo(sum("offhook_answer_seconds_sum"), summary.reactions.answerMs / 1_000, 1e-9)
    assert.strictEqual(value("offhook_tokens_total", { kind: "output_audio" }) ?? 0, summary.usage.outputAudio)
    assert.strictEqual(value("offhook_tokens_total", { kind: "input_text" }) ?? 0, summary.usage.inputText)
    assert.closeTo(sum("offhook_cost_dollars_total"), summary.costUsd ?? 0, 1e-9)
    assert.strictEqual(sum("offhook_calls_unpriced_total"), summary.costUsd === null ? 1 : 0)
  })

  it("tells the reaction to an interruption, a tool and a model that failed apart", async () => {
    const metrics = Metrics.make()
    for (const name of ["interrupted-three-times.jsonl", "tools-several-at-once.jsonl", "model-lost.jsonl"]) {
      Kept.play(name, CallMetrics.watch(metrics))
    }
    const { sum, value } = await scraped(metrics)
    assert.isAtLeast(sum("offhook_interruption_seconds_count"), 3)
    assert.isAtLeast(sum("offhook_first_word_seconds_count"), 1)
    assert.isAtLeast(sum("offhook_tool_calls_total"), 2)
    assert.strictEqual(sum("offhook_tool_duration_seconds_count"), sum("offhook_tool_calls_total"))
    assert.strictEqual(value("offhook_model_errors_total", { where: "close", class: "renew" }), 1)
    assert.strictEqual(sum("offhook_model_errors_total"), 1)
    assert.strictEqual(value("offhook_model_connections_total", { result: "connected", session: "first" }), 3)
    assert.strictEqual(sum("offhook_model_connections_total"), 3)
  })

  it("tells a reconnect from the first connection of a call", async () => {
    const metrics = Metrics.make()
    const watcher = CallMetrics.watch(metrics)
    watcher.onStep({ _tag: "ModelConnected", at: 0, session: 0 }, [])
    watcher.onStep({ _tag: "ModelConnectFailed", at: 1, session: 1, failure: "timeout", status: null }, [])
    watcher.onStep({ _tag: "ModelConnected", at: 2, session: 2 }, [])
    const { sum, value } = await scraped(metrics)
    const counted = (result: string, session: string) => value("offhook_model_connections_total", { result, session })
    assert.strictEqual(counted("connected", "first"), 1)
    assert.strictEqual(counted("timeout", "reconnect"), 1)
    assert.strictEqual(counted("connected", "reconnect"), 1)
    assert.strictEqual(sum("offhook_model_connections_total"), 3)
  })

  it("has a zero of whatever may go wrong, and none of what never does", async () => {
    const metrics = Metrics.make()
    CallMetrics.declare(metrics, ["menu"])
    const { value } = await scraped(metrics)
    for (const [name, labels] of [
      ["offhook_tool_calls_total", { tool: "menu", result: "timed out" }],
      ["offhook_model_connections_total", { result: "timeout", session: "first" }],
      ["offhook_model_errors_total", { where: "close", class: "renew" }],
      ["offhook_calls_ended_total", { outcome: "model lost" }],
      ["offhook_congestions_total", { peer: "carrier" }]
    ] as const) {
      assert.strictEqual(value(name, labels), 0, name)
    }
    assert.isUndefined(value("offhook_model_connections_total", { result: "connected", session: "reconnect" }))
  })

  it("counts a call that ended without a word of the machine as a fault", async () => {
    const metrics = Metrics.make()
    const watcher = CallMetrics.watch(metrics)
    watcher.onStep(null, [{ _tag: "ConnectModel", session: 0 }])
    watcher.onReleased(null)
    const { value } = await scraped(metrics)
    assert.strictEqual(value("offhook_calls_ended_total", { outcome: "fault" }), 1)
  })
})

describe("frames", () => {
  const frame = (index: number, at: number): Event => ({
    _tag: "CarrierAudio",
    at,
    stream: 0,
    timestamp: index * 20,
    bytes: 160,
    levels: "",
    payload: ""
  })
  const forward = (index: number): Command => ({
    _tag: "ForwardAudio",
    session: 0,
    from: index * 160,
    bytes: 160,
    payload: ""
  })

  it("are late when they come over 200 ms after their time, and a clock that drifts makes none late", () => {
    const metrics = Metrics.make()
    const watcher = CallMetrics.watch(metrics)
    const hour = 180_000
    for (let index = 0; index < hour; index++) {
      const drifted = index * 20 * 1.0001
      const stalled = index >= 1_000 && index < 1_020 ? (1_020 - index) * 20 : 0
      watcher.onStep(frame(index, Math.round(500 + drifted + stalled)), [forward(index)])
    }
    assert.strictEqual(metrics.frames.late, 10)
    assert.strictEqual(metrics.frames.caller, hour)
  })

  it("that came and were not forwarded are dropped, once the call is over", async () => {
    const metrics = Metrics.make()
    const watcher = CallMetrics.watch(metrics)
    for (let index = 0; index < 10; index++) {
      watcher.onStep(frame(index, index * 20), index < 7 ? [forward(index)] : [])
    }
    assert.strictEqual(metrics.frames.dropped, 0)
    watcher.onReleased(null)
    const { value } = await scraped(metrics)
    assert.strictEqual(value("offhook_frames_dropped_total", { direction: "caller" }), 3)
    assert.strictEqual(value("offhook_frames_total", { direction: "caller" }), 7)
    assert.strictEqual(value("offhook_frames_total", { direction: "agent" }), 0)
  })
})
