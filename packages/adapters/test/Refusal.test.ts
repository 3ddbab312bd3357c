import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Metrics from "../src/Metrics.ts"
import * as Refusal from "../src/Refusal.ts"

const { LINES_PER_MINUTE } = Refusal

/** A log that is bounded, as the server's. */
const made = Effect.gen(function* () {
  const lines: Array<string> = []
  const metrics = Metrics.make()
  const scope = yield* Scope.make()
  const logger = Logger.map(Logger.logfmtLogger, (line) => void lines.push(line.replace(/^.*?level=/, "")))
  const layer = Refusal.Log.layer.pipe(
    Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger)),
    Layer.provideMerge(Layer.succeed(Metrics.Metrics, metrics))
  )
  const runtime = yield* Scope.extend(Layer.toRuntime(layer), scope)
  return {
    lines,
    tell: (reason: Refusal.Reason, times: number) =>
      Effect.provide(
        Effect.replicateEffect(Refusal.told(reason, { requestId: "r" }), times, { discard: true }),
        runtime
      ),
    count: Effect.map(metrics.text, (text) => /refusals_total\{reason="http_path"\} (\d+)/.exec(text)?.[1]),
    close: Scope.close(scope, Exit.void)
  }
})

describe("the log of refusals", () => {
  it.effect(
    "has a line for each until a minute has too many; then one says how many there were, and all begin anew",
    () =>
      Effect.gen(function* () {
        const { close, count, lines, tell } = yield* made
        yield* tell("http_path", LINES_PER_MINUTE)
        assert.lengthOf(lines, LINES_PER_MINUTE)
        assert.match(lines[0] ?? "", /^WARN .*message="refused: nothing is here" reason=http_path requestId=r$/)
        yield* tell("http_path", 1_000)
        assert.lengthOf(lines, LINES_PER_MINUTE)
        yield* tell("call_denied", 1)
        assert.match(lines.at(-1) ?? "", /^INFO .*reason=call_denied/, "every reason has its own room")
        yield* TestClock.adjust("1 minute")
        assert.lengthOf(lines, LINES_PER_MINUTE + 2)
        assert.match(
          lines.at(-1) ?? "",
          /^WARN .*message="refused, without a line for each: nothing is here" reason=http_path times=1000$/
        )
        assert.strictEqual(yield* count, String(LINES_PER_MINUTE + 1_000), "each is counted")
        yield* TestClock.adjust("10 minutes")
        yield* tell("http_path", 1)
        assert.lengthOf(lines, LINES_PER_MINUTE + 3)
        yield* close
        assert.lengthOf(lines, LINES_PER_MINUTE + 3)
      })
  )

  it.effect("says what is left to say when the server stops", () =>
    Effect.gen(function* () {
      const { close, lines, tell } = yield* made
      yield* tell("http_path", LINES_PER_MINUTE + 7)
      yield* close
      assert.include(lines.at(-1), "times=7")
    })
  )
})
