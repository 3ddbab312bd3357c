import type { IncomingMessage } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import type { Event } from "@offhook/core"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { Calls, type Stream } from "../src/Calls.ts"
import * as Metrics from "../src/Metrics.ts"
import type * as Wire from "../src/net/Wire.ts"
import * as Accounts from "../src/twilio/Accounts.ts"
import * as CarrierSocket from "../src/twilio/CarrierSocket.ts"
import * as Peers from "./support/Peers.ts"

const MARK = `{"event":"mark","sequenceNumber":"3","streamSid":"MZ1","mark":{"name":"0:1"}}`
const START = JSON.stringify(Peers.started({}))

/** A stream, usually one that has begun, between a wire and a driver that write down what they were told. */
const accepted = Effect.fnUntraced(function* (isStarted: boolean) {
  const clock = yield* Effect.clock
  const events: Array<Event> = []
  const closed: Array<number> = []
  let stream: Stream | undefined
  const unused = Effect.die("not asked here")
  const calls = Calls.of({
    admit: () => unused,
    isLive: () => false,
    verify: () => "forged",
    takesStream: () => true,
    claim: (given) => {
      stream = given
      const driver = {
        now: () => clock.unsafeCurrentTimeMillis(),
        dispatch: (event: Event) => void events.push(event),
        start: () => {},
        view: () => assert.fail("not asked here")
      }
      return { _tag: "Claimed", driver, stream: 0 }
    },
    live: unused,
    list: unused,
    get: () => unused,
    hangUp: () => unused,
    isOpen: unused,
    endPolitely: () => unused,
    close: unused,
    idle: unused,
    gone: () => {},
    endAll: () => unused
  })
  const route = yield* CarrierSocket.route({ accounts: Accounts.none, publicUrl: "" }).pipe(
    Effect.provideService(Calls, calls)
  )
  const wire: Wire.Wire = {
    send: () => true,
    bufferedAmount: () => 0,
    close: (code) => void closed.push(code),
    terminate: () => {},
    pause: () => {},
    resume: () => {}
  }
  const handlers = route.accept(wire, { url: CarrierSocket.PATH, headers: {} } as IncomingMessage)
  if (!("onText" in handlers)) return assert.fail("no text")
  const { onControl, onText } = handlers
  if (onControl === undefined) return assert.fail("no control")
  if (isStarted) onText(START, false)
  const say = (text: string, times: number) => {
    for (let count = 0; count < times; count++) onText(text, false)
  }
  const ping = (times: number) => {
    for (let count = 0; count < times; count++) onControl()
  }
  return { closed, events, handlers, ping, say, stream: () => stream }
})

const begun = accepted(true)

describe("a carrier that does not read", () => {
  it.scoped("is an event of its stream, and so is that it reads again", () =>
    Effect.gen(function* () {
      const { events, handlers } = yield* begun
      handlers.onCongested?.()
      yield* TestClock.adjust("2 seconds")
      handlers.onDrained?.()
      assert.deepStrictEqual(events.slice(1), [
        { _tag: "CarrierCongested", at: 0, stream: 0 },
        { _tag: "CarrierDrained", at: 2_000, stream: 0 }
      ])
    })
  )
})

describe("a stranger", () => {
  it.scoped("has 10 s to say `start`, told and counted; a stream that has begun has no such limit", () =>
    Effect.gen(function* () {
      const metrics = Metrics.make()
      const [stranger, stream] = yield* Effect.all([accepted(false), begun]).pipe(
        Effect.provideService(Metrics.Metrics, metrics)
      )
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(stranger.closed, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([stranger.closed, stream.closed], [[1008], []])
      assert.include(yield* metrics.text, 'offhook_refusals_total{reason="stream_start_timeout"} 1\n')
    })
  )
})

describe("the rate of a stream", () => {
  it.scoped("takes what a line that stood still for a minute delivers at once", () =>
    Effect.gen(function* () {
      const { closed, events, say } = yield* begun
      say(MARK, 3_000)
      assert.deepStrictEqual([closed, events.length], [[], 3_001])
      assert.isAtLeast(CarrierSocket.RATE.burst, 3_000)
    })
  )

  it.scoped("beyond the burst ends the stream once; nothing of it goes further", () =>
    Effect.gen(function* () {
      const { closed, events, say } = yield* begun
      const { burst } = CarrierSocket.RATE
      say(MARK, burst)
      assert.deepStrictEqual(closed, [])
      say(MARK, 100)
      assert.deepStrictEqual([closed, events.length], [[1008], burst + 1])
    })
  )

  it.scoped("is made good by time", () =>
    Effect.gen(function* () {
      const { closed, say } = yield* begun
      const { burst, perSecond } = CarrierSocket.RATE
      say(MARK, burst)
      yield* TestClock.adjust("2 seconds")
      say(MARK, 2 * perSecond)
      assert.deepStrictEqual(closed, [])
      say(MARK, 1)
      assert.deepStrictEqual(closed, [1008])
    })
  )

  it.scoped("does not count echoes of marks, up to the number outstanding", () =>
    Effect.gen(function* () {
      const { closed, say, stream } = yield* begun
      const { burst } = CarrierSocket.RATE
      const marks = stream()?.marks
      if (marks === undefined) return assert.fail("no stream")
      marks.outstanding = 10_000
      say(MARK, 10_000)
      assert.deepStrictEqual([closed, marks.outstanding], [[], 0])
      say(MARK, burst)
      assert.deepStrictEqual(closed, [])
      say(MARK, 1)
      assert.deepStrictEqual(closed, [1008])
    })
  )

  it.scoped("counts pings and pongs as messages", () =>
    Effect.gen(function* () {
      const { closed, ping, say } = yield* begun
      const { burst } = CarrierSocket.RATE
      ping(burst - 10)
      say(MARK, 10)
      assert.deepStrictEqual(closed, [])
      ping(100)
      assert.deepStrictEqual(closed, [1008])
    })
  )

  it.scoped("holds for strangers too", () =>
    Effect.gen(function* () {
      const { closed, events, ping, say } = yield* accepted(false)
      ping(CarrierSocket.RATE.burst)
      assert.deepStrictEqual(closed, [])
      ping(1)
      say(START, 1)
      assert.deepStrictEqual([closed, events], [[1008], []])
    })
  )
})
