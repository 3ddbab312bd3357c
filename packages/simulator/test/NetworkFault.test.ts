import { Agent, Call, type Command, type Event } from "@offhook/core"
import { Brain, Caller, type CarrierFault, SpeechFiles, World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

interface Told {
  /** Ms since the call was placed. */
  readonly now: number
  readonly event: Event
  readonly commands: ReadonlyArray<Command>
  /** The machine's next, of the call's time. */
  readonly deadline: number | null
}

/** A caller who listens for a while and hangs up after 15 s. */
const call = (options: Partial<World.Options> = {}) => {
  const told: Array<Told> = []
  const world = World.make({
    seed: "faults",
    agent: { ...Agent.defaults, turns: "machine" },
    script: [
      Caller.say("caller-how-many", audio["caller-how-many"], Caller.agentSilent(400, 3_000)),
      Caller.hangUp(Caller.after(12_000))
    ],
    brain: Brain.scripted([], { rest: { parts: [Brain.say({ audio: audio["agent-how-many"], text: "Of course." })] } }),
    carrierLine: { delay: 40, jitter: 0 },
    modelLine: { delay: 20, jitter: 0 },
    ...options,
    onStep: (event, commands, state) => {
      told.push({ now: world.now(), event, commands, deadline: Call.nextDeadline(state) })
    }
  })
  world.run(300_000)
  const events = <Tag extends Event["_tag"]>(tag: Tag) =>
    told.flatMap(({ now, event }) => (event._tag === tag ? [{ now, ...(event as Extract<Event, { _tag: Tag }>) }] : []))
  const given = <Tag extends Command["_tag"]>(tag: Tag) =>
    told.flatMap(({ now, commands }) =>
      commands.flatMap((command) =>
        command._tag === tag ? [{ now, ...(command as Extract<Command, { _tag: Tag }>) }] : []
      )
    )
  return { world, told, events, given }
}

type Played = ReturnType<typeof call>

/** Every call comes to its end, and both peers know. */
const isOver = ({ world, given }: Played): void => {
  assert.strictEqual(given("Ended").length, 1)
  assert.isTrue(world.carrier.isEnded())
  for (const model of world.models) assert.isTrue(model.closed())
}

const endsAt = (by: "operator" | "shutdown", atMs: number): Partial<World.Options> => ({
  host: { ends: [{ by, atMs }] }
})

describe("a peer does not read for a while", () => {
  it("the host is told after half a second, and what it sent arrives late, in order, and once", () => {
    const one = call({ network: [{ _tag: "Congested", peer: "carrier", atMs: 6_500, ms: 4_000 }] })
    isOver(one)
    assert.deepStrictEqual(
      [...one.events("CarrierCongested"), ...one.events("CarrierDrained")].map(({ stream }) => stream),
      [0, 0]
    )
    const [congested] = one.events("CarrierCongested")
    const [drained] = one.events("CarrierDrained")
    const sent = [...one.given("PlayAudio"), ...one.given("Mark"), ...one.given("Clear")]
    const first = Math.min(...sent.flatMap(({ now }) => (now >= 6_500 ? [now] : [])))
    assert.closeTo(congested?.now ?? 0, first + 500, 1)
    assert.strictEqual(drained?.now, 10_500)
    const blocked = ({ at }: { readonly at: number }) => at > 6_540 && at < 10_540
    assert.isEmpty(one.world.carrier.ear.echoes.filter(blocked))
    assert.isNotEmpty(one.world.carrier.ear.echoes.filter(({ at }) => at >= 10_540))
  })

  it("the model hears all of the caller, though late", () => {
    const one = call({ network: [{ _tag: "Congested", peer: "model", atMs: 2_000, ms: 4_000 }] })
    isOver(one)
    assert.lengthOf(one.events("ModelCongested"), 1)
    const forwarded = one.given("ForwardAudio")
    assert.isEmpty(forwarded.filter(({ now }) => now > 2_521 && now < 6_000))
    assert.isAbove(forwarded.filter(({ now }) => now === 6_000).length, 170)
    forwarded.reduce((end, { bytes, from }) => {
      assert.strictEqual(from, end)
      return from + bytes
    }, 0)
  })

  it("nothing is told of what lasts half a second", () => {
    const one = call({ network: [{ _tag: "Congested", peer: "model", atMs: 2_000, ms: 500 }] })
    isOver(one)
    assert.isEmpty(one.events("ModelCongested"))
  })
})

describe("the carrier's socket is lost", () => {
  const lost = (inFlight: "delivered" | "lost") =>
    call({ network: [{ _tag: "SocketLost", peer: "carrier", when: { atMs: 5_000 }, inFlight }] })

  it("without a stop, and what was on its way arrives", () => {
    const one = lost("delivered")
    const [closed] = one.events("CarrierClosed")
    assert.strictEqual(closed?.code, 1006)
    assert.closeTo(closed?.now ?? 0, 5_040, 0.001)
    assert.deepStrictEqual(one.events("CarrierStopped"), [])
    const last = one.events("CarrierAudio").at(-1)?.now ?? 0
    assert.isTrue(last > 5_015 && last <= 5_040, `the last frame came at ${last}`)
    assert.deepStrictEqual(one.world.closings[0], { at: 5_000, peer: "carrier", index: 0, by: "network", code: 1006 })
    isOver(one)
  })

  it("and so is what was on its way, both ways", () => {
    const one = lost("lost")
    assert.isAtMost(one.events("CarrierAudio").at(-1)?.now ?? 0, 5_000)
    assert.closeTo(one.events("CarrierClosed")[0]?.now ?? 0, 5_040, 0.001)
    const heard = one.world.carrier.ear.heard.concat(one.world.carrier.ear.cleared)
    assert.isTrue(heard.every(({ at }) => at <= 5_040 + 60_000))
    isOver(one)
  })

  it("at any message", () => {
    for (const received of [0, 1, 2, 3, 77]) {
      const one = call({
        network: [{ _tag: "SocketLost", peer: "carrier", when: { received }, inFlight: "lost" }]
      })
      const streamed = one.told.filter(({ event }) => "stream" in event && event._tag !== "CarrierClosed").length
      // `connected` is a message that the machine is not told.
      assert.strictEqual(streamed, Math.max(0, received - 1))
      isOver(one)
    }
  })
})

describe("the model's socket is lost", () => {
  it("at any message, what is on its way delivered or not", () => {
    for (const received of [0, 1, 5, 20]) {
      const of = (inFlight: "delivered" | "lost") =>
        call({ network: [{ _tag: "SocketLost", peer: "model", when: { received }, inFlight }] })
      const counts = [of("lost"), of("delivered")].map((one) => {
        const [closed] = one.events("ModelClosed")
        assert.strictEqual(closed?.code, 1006)
        isOver(one)
        return one.told.filter(({ event }) => "session" in event && !/ModelCl|ModelCon/.test(event._tag)).length
      })
      assert.strictEqual(counts[0], received)
      assert.isAtLeast(counts[1] ?? 0, received)
    }
  })

  it("only in the session that is meant", () => {
    const one = call({
      network: [{ _tag: "SocketLost", peer: "model", index: 1, when: { atMs: 5_000 }, inFlight: "lost" }]
    })
    assert.deepStrictEqual(one.events("ModelClosed"), [])
  })
})

describe("the connection to the model", () => {
  it("fails, and nothing of it is heard any more", () => {
    const one = call({
      network: [{ _tag: "ConnectFailed", afterMs: 250, failure: "status", status: 429 }]
    })
    const [failed] = one.events("ModelConnectFailed")
    assert.closeTo((failed?.now ?? 0) - (one.world.admittedAt() ?? 0), 250, 0.001)
    assert.deepInclude(failed, { session: 0, failure: "status", status: 429 })
    assert.deepStrictEqual(
      one.events("ModelConnected").filter(({ session }) => session === 0),
      []
    )
    assert.isTrue(one.world.models[0]?.closed())
    isOver(one)
  })

  it("is slow", () => {
    const one = call({ network: [{ _tag: "ConnectSlow", afterMs: 1_500 }] })
    const [connected] = one.events("ModelConnected")
    assert.closeTo((connected?.now ?? 0) - (one.world.admittedAt() ?? 0), 1_540, 0.001)
    isOver(one)
  })

  it("is slower than the machine waits: it is never made", () => {
    const one = call({ network: [{ _tag: "ConnectSlow", afterMs: 100_000 }] })
    assert.deepStrictEqual(
      one.events("ModelConnected").filter(({ session }) => session === 0),
      []
    )
    assert.isAbove(one.given("CloseModel").length, 0)
    isOver(one)
  })
})

describe("a close that nobody answers", () => {
  it("by the carrier, which falls silent", () => {
    const one = call({
      ...endsAt("operator", 5_000),
      network: [{ _tag: "CloseIgnored", peer: "carrier", afterwards: "silent" }]
    })
    assert.strictEqual(one.given("HangUp").length, 1)
    const since = one.given("HangUp")[0]?.now ?? 0
    assert.deepStrictEqual(one.events("CarrierStopped"), [])
    assert.deepStrictEqual(one.events("CarrierClosed"), [])
    assert.isAtMost(one.events("CarrierAudio").at(-1)?.now ?? 0, since + 40)
    isOver(one)
  })

  it("by the carrier, which goes on", () => {
    const one = call({
      ...endsAt("operator", 5_000),
      network: [{ _tag: "CloseIgnored", peer: "carrier", afterwards: "goes on" }]
    })
    const since = one.given("HangUp")[0]?.now ?? 0
    const ended = one.given("Ended")[0]?.now ?? 0
    const after = one.events("CarrierAudio").filter(({ now }) => now > since + 40 && now <= ended)
    assert.isAbove(after.length, 10)
    assert.deepStrictEqual(one.events("CarrierStopped"), [])
    isOver(one)
  })

  it("by the model, whose audio still comes", () => {
    const one = call({
      ...endsAt("operator", 2_000),
      network: [
        { _tag: "CloseIgnored", peer: "model", afterwards: "goes on" },
        { _tag: "HangUpSlow", afterMs: 2_000 }
      ],
      brain: Brain.scripted([], {
        rest: { parts: [Brain.say({ audio: audio["agent-opening-hours"], text: "We open." })] }
      }),
      model: { pace: { speed: [1, 1.1] } }
    })
    const since = one.given("CloseModel")[0]?.now ?? 0
    assert.isAbove(one.events("ModelAudio").filter(({ now }) => now > since + 40).length, 0)
    isOver(one)
  })
})

describe("a hang-up by REST", () => {
  const hungUp = (...network: NonNullable<World.Options["network"]>) => call({ ...endsAt("operator", 5_000), network })

  it("fails after a while", () => {
    const one = hungUp({ _tag: "HangUpFailed", afterMs: 700 })
    const since = one.given("HangUp")[0]?.now ?? 0
    assert.closeTo((one.events("HangUpFailed")[0]?.now ?? 0) - since, 700, 0.001)
    assert.isAbove(one.given("CloseCarrier").length, 0)
    isOver(one)
  })

  it("takes long", () => {
    const one = hungUp({ _tag: "HangUpSlow", afterMs: 900 })
    const since = one.given("HangUp")[0]?.now ?? 0
    assert.closeTo((one.events("CarrierStopped")[0]?.now ?? 0) - since, 980, 0.001)
    isOver(one)
  })

  it("ends the socket without a stop", () => {
    const one = hungUp({ _tag: "HangUpWithoutStop" })
    assert.deepStrictEqual(one.events("CarrierStopped"), [])
    assert.strictEqual(one.events("CarrierClosed").length, 1)
    isOver(one)
  })
})

describe("the host", () => {
  it("has late timers, and the call is the same", () => {
    const quiet = { impairments: { silenceSuppression: true } }
    const punctual = call({ carrier: quiet })
    const late = call({ carrier: quiet, host: { timersLateMs: 250 } })
    const lateness = ({ told }: Played) =>
      told.flatMap(({ event }, index) =>
        event._tag === "TimeAdvanced" ? [event.at - (told[index - 1]?.deadline ?? Number.NaN)] : []
      )
    assert.deepStrictEqual([...new Set(lateness(punctual))], [0])
    for (const ms of lateness(late)) assert.isTrue(ms >= 0 && ms <= 250, `${ms} ms late`)
    assert.isTrue(lateness(late).some((ms) => ms > 50))
    const turns = (one: Played) => one.given("Settled").map(({ turn }) => turn.speaker)
    assert.isAbove(turns(late).length, 1)
    assert.deepStrictEqual(turns(late), turns(punctual))
    isOver(late)
  })

  it("stamps by a coarse clock, never back", () => {
    const one = call({ host: { clockMs: 50 } })
    const stamps = one.told.map(({ event }) => event.at)
    for (const [index, at] of stamps.entries()) assert.isAtLeast(at, stamps[index - 1] ?? 0)
    const frames = one.events("CarrierAudio")
    assert.isTrue(
      frames.every(
        ({ at }, index) => index === 0 || at % 50 === 0 || one.events("TimeAdvanced").some((timer) => timer.at === at)
      )
    )
    assert.isAbove(frames.filter(({ at }, index) => at === frames[index - 1]?.at).length, frames.length / 3)
    isOver(one)
  })

  it("is asked to end the call at any event, and at any time", () => {
    for (const after of [1, 2, 3, 10, 60, 200]) {
      const one = call({ host: { ends: [{ by: "shutdown", after }] } })
      assert.strictEqual(one.told[after]?.event._tag, "EndRequested")
      isOver(one)
    }
    const one = call(endsAt("shutdown", 3_000))
    assert.strictEqual(one.events("EndRequested")[0]?.now, 3_000)
    isOver(one)
  })

  it("has tools that answer again, and after the end", () => {
    const one = call({
      agent: {
        ...Agent.defaults,
        tools: [{ name: "look", description: "Looks", parameters: { type: "object" }, timeoutMs: 2_000 }]
      },
      brain: Brain.scripted([{ parts: [Brain.call("look", "{}")] }], { rest: Brain.NOTHING }),
      tool: () => [
        { output: "one", afterMs: 100 },
        { output: "two", afterMs: 100 },
        { output: "three", afterMs: 60_000 }
      ]
    })
    assert.deepStrictEqual(
      one.events("ToolFinished").map(({ output }) => output),
      ["one", "two", "three"]
    )
    assert.strictEqual(one.given("AnswerTool").length, 1)
    assert.deepStrictEqual(one.told.at(-1)?.commands, [])
    isOver(one)
  })

  it("answers a repeated webhook the same, and begins nothing new", () => {
    for (const afterMs of [0, 10, 5_000]) {
      const one = call({ carrier: { faults: [{ _tag: "WebhookRepeated", afterMs }] } })
      assert.strictEqual(one.world.models.length, 1)
      assert.strictEqual(one.events("CarrierStarted").length, 1)
      isOver(one)
    }
  })

  it("refuses a stream that comes when the call is over", () => {
    const one = call(endsAt("operator", 60))
    assert.deepStrictEqual(one.events("CarrierStarted"), [])
    isOver(one)
  })
})

it("lines are each direction's own", () => {
  const one = call({ lines: { toCarrier: { delay: 300, jitter: 0 }, fromModel: { delay: 5, jitter: 0 } } })
  const { ear } = one.world.carrier
  const played = one.given("PlayAudio")[0]?.now ?? 0
  assert.closeTo((ear.heard[0]?.at ?? 0) - played, 300, 0.001)
  const [connected] = one.events("ModelConnected")
  assert.closeTo((connected?.now ?? 0) - (one.world.admittedAt() ?? 0), 25, 0.001)
})

describe("a carrier that misbehaves", () => {
  const odds = [
    "binary frame",
    "broken base64",
    "early stop",
    "empty payload",
    "foreign stream",
    "half messages",
    "invalid key",
    "malformed JSON",
    "malformed message",
    "media without payload",
    "outdated media",
    "repeated echo",
    "repeated media",
    "second start",
    "unknown echo",
    "unknown event"
  ] as const satisfies ReadonlyArray<CarrierFault.Odd>
  const misbehaviour: Partial<Record<CarrierFault.Odd, string | ReadonlyArray<string>>> = {
    "binary frame": "binary frame",
    "broken base64": "malformed message",
    "empty payload": "malformed message",
    "foreign stream": "wrong stream",
    // Neither `connected` again nor media of the other track is one.
    "half messages": Array.from({ length: 9 }, () => "malformed message"),
    "invalid key": "malformed message",
    "malformed JSON": "malformed JSON",
    "malformed message": "malformed message",
    "media without payload": "malformed message",
    "second start": "second start",
    "unknown event": "unknown message"
  }
  for (const what of odds) {
    it(`sends a message out of place, ${what}: the call comes to its end`, () => {
      for (const wire of ["text", "direct"] as const) {
        const one = call({ wire, carrier: { faults: [{ _tag: "Sends", what, when: { atMs: 3_000 } }] } })
        assert.deepStrictEqual(
          one.events("CarrierMisbehaved").map(({ what }) => what as string),
          [misbehaviour[what] ?? []].flat()
        )
        isOver(one)
      }
    })
  }

  const others: ReadonlyArray<CarrierFault.CarrierFault> = [
    { _tag: "EchoesFlushed", order: "shuffled", place: "before" },
    { _tag: "EchoesLate", ms: 90 },
    { _tag: "EchoesMissing", atMs: 0, ms: null },
    { _tag: "EchoesMissing", atMs: 2_000, ms: 900 },
    { _tag: "MediaBeforeStart" },
    { _tag: "MediaLost", atMs: 2_000, ms: 500 },
    { _tag: "MediaSwapped", when: { after: 50 } },
    { _tag: "StartMissing" },
    { _tag: "StartsBroken" },
    { _tag: "FormatForeign", encoding: "audio/x-l16", sampleRate: 16_000, channels: 1 },
    { _tag: "StopRepeated" },
    { _tag: "TimestampsShifted", atMs: 2_000, byMs: -1_500 },
    { _tag: "TimestampsShifted", atMs: 2_000, byMs: 40_000 }
  ]
  for (const fault of others) {
    it(`${fault._tag}: the call comes to its end`, () => {
      for (const turns of ["machine", "model"] as const) {
        isOver(call({ wire: "direct", agent: { ...Agent.defaults, turns }, carrier: { faults: [fault] } }))
      }
    })
  }
})
