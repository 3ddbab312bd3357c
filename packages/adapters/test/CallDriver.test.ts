import { assert, describe, it } from "@effect/vitest"
import { Agent, type Command, type Event, Prices } from "@offhook/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as CallDriver from "../src/CallDriver.ts"

/** A driver, and in order what it was told and what it asked for. */
const driven = (execute: (command: Command) => void = () => {}, agent: Partial<Agent.Agent> = {}) =>
  Effect.gen(function* () {
    const story: Array<string> = []
    const defects: Array<unknown> = []
    const driver = yield* CallDriver.make({
      config: { agent: { ...Agent.defaults, ...agent }, prices: Prices.table },
      execute: (command) => {
        story.push(`> ${command._tag}`)
        execute(command)
      },
      onStep: (event) => story.push(event === null ? "begin" : `${event._tag} ${event.at}`),
      onDefect: (cause) => defects.push(cause)
    })
    return { driver, story, defects }
  })

const started = (at: number): Event => ({
  _tag: "CarrierStarted",
  at,
  stream: 0,
  streamSid: "MZ1",
  callSid: "CA1",
  accountSid: "AC1",
  encoding: "audio/x-mulaw",
  sampleRate: 8000,
  channels: 1,
  parameters: {}
})

describe("CallDriver", () => {
  it.scoped("begins with the first commands; deadlines fire by the clock, each once, until the call is over", () =>
    Effect.gen(function* () {
      const { driver, story } = yield* driven()
      driver.start()
      assert.deepStrictEqual(story, ["begin", "> ConnectModel"])
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(story.length, 2)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(story.slice(2), ["TimeAdvanced 10000", "> Note", "> CloseModel"])
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(story.at(-1), "> Ended")
      const ticks = story.filter((line) => line.startsWith("TimeAdvanced")).length
      assert.isBelow(ticks, 5)
      const length = story.length
      driver.dispatch({ _tag: "ModelConnected", at: driver.now(), session: 0 })
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(story.length, length)
    })
  )

  it.scoped("a later deadline is found when the timer rings, an earlier one moves it", () =>
    Effect.gen(function* () {
      const { driver, story } = yield* driven(() => {}, { greeting: null })
      const format = { type: "audio/pcmu" } as const
      driver.start()
      yield* TestClock.adjust("9 seconds")
      // The model is ready: what was armed for 10 s rings for nothing, the carrier may be silent until 69 s.
      driver.dispatch({ _tag: "ModelConnected", at: driver.now(), session: 0 })
      driver.dispatch({ _tag: "ModelSessionUpdated", at: driver.now(), session: 0, input: format, output: format })
      driver.dispatch(started(driver.now()))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(story.slice(4), ["ModelSessionUpdated 9000", "CarrierStarted 9000"])
      // A hang-up is given 5 s.
      driver.dispatch({ _tag: "EndRequested", at: driver.now(), by: "operator" })
      const length = story.length
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(story.length, length)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(story[length], "TimeAdvanced 17000")
    })
  )

  it.scoped("what arrives while commands are carried out is handled after all of them", () =>
    Effect.gen(function* () {
      const session = 0
      const { driver, story } = yield* driven((command) => {
        if (command._tag === "ConnectModel") driver.dispatch({ _tag: "ModelConnected", at: driver.now(), session })
        if (command._tag === "AddText") {
          driver.dispatch({ _tag: "ModelIgnored", at: driver.now(), session, type: "first" })
          driver.dispatch({ _tag: "ModelIgnored", at: driver.now(), session, type: "second" })
        }
      })
      driver.start()
      const format = { type: "audio/pcmu" } as const
      driver.dispatch({ _tag: "ModelSessionUpdated", at: 0, session, input: format, output: format })
      assert.deepStrictEqual(story, [
        "begin",
        "> ConnectModel",
        "ModelConnected 0",
        "> ConfigureModel",
        "ModelSessionUpdated 0",
        "> AddText",
        "> CreateResponse",
        "ModelIgnored 0",
        "ModelIgnored 0"
      ])
    })
  )

  it.scoped("an exception of a port ends the call: one defect, then silence and no timer", () =>
    Effect.gen(function* () {
      const { defects, driver, story } = yield* driven((command) => {
        if (command._tag === "ConfigureModel") throw new Error("the port broke")
      })
      driver.start()
      driver.dispatch({ _tag: "ModelConnected", at: 0, session: 0 })
      driver.dispatch({ _tag: "ModelConnected", at: 0, session: 0 })
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual(story, ["begin", "> ConnectModel", "ModelConnected 0", "> ConfigureModel"])
      assert.deepStrictEqual(defects.map(String), ["Error: the port broke"])
    })
  )

  it.scoped("an exception of the first command, and one of the machine", () =>
    Effect.gen(function* () {
      const first = yield* driven(() => {
        throw new Error("at once")
      })
      first.driver.start()
      assert.strictEqual(first.defects.length, 1)

      const second = yield* driven()
      second.driver.start()
      second.driver.dispatch({
        _tag: "ModelAudio",
        at: 0,
        get session() {
          throw new Error("no event")
        }
      } as never)
      second.driver.dispatch({ _tag: "ModelConnected", at: 0, session: 0 })
      assert.deepStrictEqual(
        [second.defects.map(String), second.story],
        [["Error: no event"], ["begin", "> ConnectModel"]]
      )
    })
  )

  it.effect("the end of the scope stops the timer", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { driver, story } = yield* Scope.extend(driven(), scope)
      driver.start()
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual(story, ["begin", "> ConnectModel"])
    })
  )

  it.scoped("now is whole ms since the call began and never goes back", () =>
    Effect.gen(function* () {
      let nanos = 5_000_000_000_000n
      const clock = { ...Clock.make(), unsafeCurrentTimeNanos: () => nanos }
      const { driver } = yield* driven().pipe(Effect.withClock(clock))
      const seen = [1_999_999n, 2_000_000n, -3_000_000n, 2_500_000n, 7_000_000n].map((after) => {
        nanos = 5_000_000_000_000n + after
        return driver.now()
      })
      assert.deepStrictEqual(seen, [1, 2, 2, 2, 7])
    })
  )
})
