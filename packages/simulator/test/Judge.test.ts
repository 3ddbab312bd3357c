/**
 * Every rule of the judge, shown on a call that breaks it: the real machine, whose commands are bent on their way, or
 * its events before it sees them. The call as it is breaks none.
 */

import { Agent, Call, type Command, type Event, Payload } from "@offhook/core"
import { type Invariants, Judge, Plan, type Sound, type Speech, SpeechFiles, World } from "@offhook/simulator"
import { assert, describe, it } from "vitest"

const audio = SpeechFiles.load()

type Change = Partial<Omit<Plan.Plan, "agent">> & { readonly agent?: Partial<Agent.Agent> }

const line = { delay: 20, jitter: 2 }

/** The caller asks, interrupts the answer, asks for what a function knows, and hangs up. */
const plan = ({ agent, ...change }: Change = {}): Plan.Plan => ({
  seed: "judge",
  wire: "direct",
  caller: [
    { when: { _tag: "AgentSilent", ms: 400, orAfter: 5_000 }, act: say("caller-opening-hours", 2_700) },
    { when: { _tag: "AgentSpeaking", ms: 3_000, orAfter: 9_000 }, act: say("caller-how-many", 2_000) },
    { when: { _tag: "AgentSilent", ms: 1_500, orAfter: 9_000 }, act: say("caller-table-for-four", 2_500) },
    { when: { _tag: "AgentSilent", ms: 2_500, orAfter: 9_000 }, act: { _tag: "HangUp" } }
  ],
  responses: [
    [say("agent-greeting", 1_500)],
    [say("agent-opening-hours", 7_000)],
    [say("agent-how-many", 2_000)],
    [{ _tag: "Call", name: "look", arguments: "{}" }],
    [say("agent-booked", 2_000)]
  ],
  tools: [{ afterMs: 300, output: "{}" }],
  network: { fromCarrier: line, toCarrier: line, fromModel: line, toModel: line },
  carrier: { noise: true },
  model: { choices: { lateDeltas: 1, editBeforeDone: true }, pace: { speed: [4, 6] } },
  host: {},
  faults: { carrier: [], model: [], network: [] },
  ...change,
  agent: {
    ...Agent.defaults,
    turns: "machine",
    tools: [{ name: "look", description: "Looks", parameters: { type: "object" }, timeoutMs: 2_000 }],
    ...agent
  }
})

function say(clip: Speech.ClipId, ms: number): { readonly _tag: "Say"; readonly sound: Sound.Sound } {
  return { _tag: "Say", sound: { clip, ms } }
}

interface Bent {
  /** Commands as the world and the judge see them. */
  readonly commands?: ((command: Command, event: Event | null, at: number) => ReadonlyArray<Command>) | undefined
  /** More commands, after an event's own. */
  readonly also?: (event: Event) => ReadonlyArray<Command>
  /** What the machine takes for its configuration. */
  readonly agent?: Partial<Agent.Agent>
  /** Events as the machine sees them; the judge sees them as they were. */
  readonly event?: (event: Event) => Event
  readonly deadline?: (due: number | null, at: number) => number | null
  readonly state?: (state: Call.State) => unknown
}

const broken = (bent: Bent, of = plan()): ReadonlyArray<Invariants.Broken> => judged(bent, of).broken

const judged = (bent: Bent, of = plan()): Judge.Judge => {
  let at = 0
  const given = (commands: ReadonlyArray<Command>, event: Event | null) =>
    bent.commands === undefined ? commands : commands.flatMap((command) => bent.commands?.(command, event, at) ?? [])
  const machine: World.Machine = {
    ...Call,
    initial: (config) => {
      const [state, commands] = Call.initial({ ...config, agent: { ...config.agent, ...bent.agent } })
      return [state, given(commands, null)]
    },
    step: (state, event) => {
      at = event.at
      const [next, commands] = Call.step(state, bent.event?.(event) ?? event)
      return [next, [...given(commands, event), ...(bent.also?.(event) ?? [])]]
    }
  }
  const world = World.make({
    ...Plan.options(of, audio),
    machine,
    onStep: (event, commands, state) => {
      const deadline = Call.nextDeadline(state)
      judge.stepped({
        at: world.now(),
        event,
        commands,
        state: bent.state === undefined ? state : bent.state(state),
        deadline: bent.deadline === undefined ? deadline : bent.deadline(deadline, event.at)
      })
    }
  })
  const judge = Judge.make(world, of)
  world.run(60_000)
  judge.over()
  return judge
}

/** The rule alone finds it; `besides`: what follows from it, and may be found too. */
const finds = (
  invariant: Invariants.Invariant,
  bent: Bent,
  { besides = [], of = plan() }: { besides?: ReadonlyArray<Invariants.Invariant>; of?: Plan.Plan } = {}
) => {
  const found = broken(bent, of)
  const shown = JSON.stringify(found, null, 1)
  assert.include(
    found.map((one) => one.invariant),
    invariant,
    shown
  )
  for (const one of found) assert.include([invariant, ...besides], one.invariant, shown)
}

const only =
  <Tag extends Command["_tag"]>(
    tag: Tag,
    change: (command: Extract<Command, { _tag: Tag }>, event: Event | null, at: number) => ReadonlyArray<Command>
  ): Bent["commands"] =>
  (command, event, at) =>
    command._tag === tag ? change(command as Extract<Command, { _tag: Tag }>, event, at) : [command]

/** The command number `nth` (from 0) of a kind. */
const nth = <Tag extends Command["_tag"]>(
  tag: Tag,
  index: number,
  change: (command: Extract<Command, { _tag: Tag }>) => ReadonlyArray<Command>
): Bent["commands"] => {
  let count = 0
  return only(tag, (command) => (count++ === index ? change(command) : [command]))
}

const nothing = (): ReadonlyArray<Command> => []
const twice = (command: Command): ReadonlyArray<Command> => [command, command]

describe("the judge", () => {
  it("finds nothing in the call as it is", () => {
    assert.deepStrictEqual(broken({}), [])
    assert.deepStrictEqual(broken({}, plan({ agent: { turns: "model" } })), [])
    assert.deepStrictEqual(broken({}, plan({ wire: "text" })), [])
  })

  it("measures what the caller experienced", () => {
    const judge = judged({})
    assert.strictEqual(judge.measures.callerTurns, 3)
    assert.strictEqual(judge.measures.cutErrors.length, 1)
    assert.isAtMost(judge.measures.cutErrors[0] ?? Number.NaN, 10)
    assert.strictEqual(judge.measures.greetings.length, 1)
    assert.strictEqual(judge.measures.interruptions.length, 1)
    assert.isAtLeast(judge.measures.answers.length, 2)
    assert.isAbove(judge.measures.deadAirMs, 500)
  })
})

describe("what was heard", () => {
  const truncated = (by: number) =>
    only("Truncate", (command) => [{ ...command, audioEndMs: Math.max(1, command.audioEndMs + by) }])

  it("believed is heard", () => finds("believed is heard", { commands: truncated(-100) }))

  it("believed is heard, at the other end", () => finds("believed is heard", { commands: truncated(60) }))

  it("unheard is deleted", () => {
    const queued = plan({
      responses: [[say("agent-greeting", 1_500)], [say("agent-opening-hours", 7_000), say("agent-booked", 3_000)]]
    })
    finds(
      "unheard is deleted",
      { commands: only("DeleteItem", nothing) },
      { of: queued, besides: ["told in time", "told first", "sums add up"] }
    )
  })

  it("whole is left alone", () => {
    let greeting = ""
    const commands: Bent["commands"] = (command, event) => {
      if (command._tag === "PlayAudio" && greeting === "") greeting = command.item
      if (command._tag !== "ForwardAudio" || greeting === "" || (event?.at !== undefined && event.at < 4_500))
        return [command]
      const item = greeting
      greeting = "told"
      return item === "told"
        ? [command]
        : [command, { _tag: "Truncate", session: 0, item, contentIndex: 0, audioEndMs: 1_490 }]
    }
    const long = plan({ caller: [{ when: { _tag: "After", ms: 20_000 }, act: { _tag: "HangUp" } }] })
    finds("whole is left alone", { commands }, { of: long, besides: ["truncated within", "sums add up"] })
  })

  it("truncated within", () => {
    finds(
      "truncated within",
      { commands: truncated(60_000) },
      { besides: ["no refusal", "believed is heard", "sums add up"] }
    )
  })

  it("settled is heard", () =>
    finds(
      "settled is heard",
      {
        commands: only("Settled", (command) => {
          if (command.turn.speaker !== "agent" || !command.turn.interrupted) return [command]
          return [{ ...command, turn: { ...command.turn, heardMs: command.turn.heardMs - 80 } }]
        })
      },
      { besides: ["sums add up"] }
    ))

  it("nothing stale", () => {
    let last: Extract<Command, { _tag: "PlayAudio" }> | undefined
    const commands: Bent["commands"] = (command) => {
      if (command._tag === "PlayAudio") last = command
      return command._tag === "Clear" && last !== undefined ? [command, last] : [command]
    }
    finds("nothing stale", { commands }, { besides: ["heard in order", "believed is heard", "settled is heard"] })
  })

  it("silent when spoken to", () =>
    finds(
      "silent when spoken to",
      { commands: only("Clear", nothing) },
      { besides: ["believed is heard", "settled is heard", "whole is left alone", "heard in order", "sums add up"] }
    ))

  it("heard in order", () => {
    const wrong = (change: (payload: Uint8Array) => Uint8Array) =>
      nth("PlayAudio", 3, (command) => [{ ...command, payload: change(command.payload as Uint8Array) }])
    finds("heard in order", { commands: wrong((payload) => payload.map((byte) => byte ^ 1)) })
    finds(
      "heard in order",
      { commands: nth("PlayAudio", 3, nothing) },
      { besides: ["believed is heard", "settled is heard", "truncated within"] }
    )
  })

  it("told first, told in time", () => {
    const late = (ms: number) => {
      const held: Array<{ readonly due: number; readonly command: Command }> = []
      const commands: Bent["commands"] = (command, _event, at) => {
        if (command._tag === "Truncate" || command._tag === "DeleteItem") {
          held.push({ due: at + ms, command })
          return []
        }
        const due = held.filter((one) => one.due <= at).map((one) => one.command)
        held.splice(0, due.length)
        return command._tag === "ForwardAudio" ? [command, ...due] : [command]
      }
      return commands
    }
    finds("told in time", { commands: late(1_500) }, { besides: ["believed is heard"] })
    const short = plan()
    const of = {
      ...short,
      caller: short.caller.map((step, index) => (index === 1 ? { ...step, act: say("caller-yes", 350) } : step))
    }
    finds("told first", { commands: late(1_500) }, { of, besides: ["told in time", "believed is heard"] })
  })

  it("old speech cuts nothing", () => {
    const early = plan({
      caller: [
        { when: { _tag: "After", ms: 100 }, act: say("caller-opening-hours", 1_000) },
        { when: { _tag: "After", ms: 15_000 }, act: { _tag: "HangUp" } }
      ],
      model: { ...plan().model, pace: { updateMs: [4_000, 4_000], thinkMs: [5, 5], speed: [8, 8] } },
      agent: { detection: { type: "server_vad", threshold: 0.5, prefixPaddingMs: 300, silenceDurationMs: 500 } }
    })
    assert.deepStrictEqual(broken({}, early), [])
    finds(
      "old speech cuts nothing",
      {
        commands: (command, event) =>
          event?._tag === "ModelAudio" && command._tag === "PlayAudio" && command.from === 0
            ? [command, { _tag: "Mark", stream: 0, name: "mine" }, { _tag: "Clear", stream: 0 }]
            : [command]
      },
      {
        of: early,
        besides: [
          "believed is heard",
          "unheard is deleted",
          "settled is heard",
          "nothing stale",
          "heard in order",
          "told in time",
          "told first",
          "no dead air"
        ]
      }
    )
  })
})

describe("the caller's audio", () => {
  const frames = (change: (command: Extract<Command, { _tag: "ForwardAudio" }>) => ReadonlyArray<Command>) => ({
    commands: nth("ForwardAudio", 200, change)
  })

  it("caller heard once: a frame is lost", () => finds("caller heard once", frames(nothing)))
  it("caller heard once: a frame is said twice", () => finds("caller heard once", frames(twice)))
  it("caller heard once: silence where none is missing", () =>
    finds(
      "caller heard once",
      frames((command) => [{ _tag: "ForwardSilence", session: 0, from: command.from, bytes: 160 }, command])
    ))
  it("caller heard once: two frames change places", () => {
    let held: Command | undefined
    let count = 0
    const commands = only("ForwardAudio", (command) => {
      if (count++ === 200) {
        held = command
        return []
      }
      const before = held
      held = undefined
      return before === undefined ? [command] : [command, before]
    })
    finds("caller heard once", { commands })
  })
  it("silence ahead of frames that are silent themselves is told by what is said next", () => {
    const of = plan({
      carrier: { noise: false },
      network: { ...plan().network, fromCarrier: { ...line, stalls: [{ at: 5_500, ms: 2_000 }] } },
      caller: [
        { when: { _tag: "AgentSilent", ms: 400, orAfter: 5_000 }, act: say("caller-opening-hours", 2_700) },
        { when: { _tag: "AgentSilent", ms: 400, orAfter: 5_000 }, act: say("caller-how-many", 2_000) },
        { when: { _tag: "AgentSilent", ms: 2_500, orAfter: 9_000 }, act: { _tag: "HangUp" } }
      ]
    })
    let filled = 0
    const commands = only("ForwardSilence", (command) => {
      filled += command.bytes
      return [command]
    })
    assert.deepStrictEqual(broken({ commands }, of), [])
    assert.strictEqual(filled, 8_000)
  })
  it("a message that the carrier repeats is not said twice", () => {
    const of = plan({
      faults: { ...plan().faults, carrier: [{ _tag: "Sends", what: "repeated media", when: { atMs: 4_000 } }] }
    })
    let last = -1
    const commands = only("ForwardAudio", (command, event) => {
      const timestamp = event?._tag === "CarrierAudio" ? event.timestamp : -1
      const isRepeated = timestamp === last
      last = timestamp
      return isRepeated ? [] : [command]
    })
    assert.notInclude(
      broken({ commands }, of).map(({ invariant }) => invariant),
      "caller heard once"
    )
  })
})

describe("responses and function calls", () => {
  const ask = (request: string): Command => ({ _tag: "CreateResponse", session: 0, request, instructions: null })

  it("one response", () =>
    finds(
      "one response",
      { commands: nth("CreateResponse", 1, (command) => [command, ask("mine")]) },
      { besides: ["no refusal"] }
    ))

  it("no refusal", () =>
    finds("no refusal", {
      commands: nth("ForwardAudio", 300, (command) => [
        command,
        { _tag: "AddText", session: 0, item: "x", role: "system", text: "x" },
        { _tag: "AddText", session: 0, item: "x", role: "system", text: "x" }
      ])
    }))

  it("no refusal: a response that is over is cancelled", () =>
    finds("no refusal", {
      commands: nth("ForwardAudio", 150, (command) => [
        command,
        { _tag: "CancelResponse", session: 0, response: "resp" }
      ])
    }))

  it("not spoken over", () => {
    let asked = false
    const bent: Bent = {
      commands: (command, event) => {
        if (asked || command._tag !== "Clear" || event?._tag !== "ModelSpeechStarted") return [command]
        asked = true
        return [command, ask("mine")]
      }
    }
    finds("not spoken over", bent, {
      besides: [
        "told first",
        "one response",
        "no refusal",
        "believed is heard",
        "unheard is deleted",
        "told in time",
        "sums add up"
      ]
    })
  })

  it("tool runs once", () =>
    finds("tool runs once", { commands: only("RunTool", twice) }, { besides: ["sums add up"] }))

  it("tool runs once: not before its response has completed", () =>
    finds(
      "tool runs once",
      {
        also: (event) =>
          event._tag === "ModelToolCalled"
            ? [{ _tag: "RunTool", call: event.call, name: event.name, arguments: "{}" }]
            : []
      },
      { besides: ["sums add up"] }
    ))

  it("tool answered once", () => {
    finds("tool answered once", { commands: only("AnswerTool", twice) }, { besides: ["no refusal"] })
    finds("tool answered once", { commands: only("AnswerTool", nothing) }, { of: longer() })
  })

  const deaf: Bent = {
    event: (event) =>
      event._tag === "ModelSpeechStarted" ||
      event._tag === "ModelSpeechStopped" ||
      event._tag === "ModelSpeechCommitted"
        ? { _tag: "ModelIgnored", at: event.at, session: event.session, type: "deaf" }
        : event
  }

  it("turn answered, no dead air", () =>
    finds("turn answered", deaf, { of: waiting(), besides: ["no dead air", "settled once", "sums add up"] }))

  it("turn answered: not one that a model imagines before it hears anybody", () => {
    const model: Plan.Plan["faults"]["model"] = [{ _tag: "SpeechImagined", ms: 280 }, { _tag: "UpdateIgnored" }]
    assert.deepStrictEqual(broken({}, plan({ faults: { ...plan().faults, model } })), [])
  })

  it("no dead air", () => finds("no dead air", { agent: { greeting: null } }, { of: silent() }))

  it("greets once", () => finds("greets once", { commands: only("AddText", twice) }, { besides: ["no refusal"] }))

  it("keys are told", () => {
    const of = plan({
      caller: [
        { when: { _tag: "After", ms: 3_000 }, act: { _tag: "Press", digits: "12#" } },
        { when: { _tag: "After", ms: 15_000 }, act: { _tag: "HangUp" } }
      ]
    })
    assert.deepStrictEqual(broken({}, of), [])
    finds(
      "keys are told",
      { commands: only("AddText", (command) => (command.role === "user" ? [] : [command])) },
      { of, besides: ["settled once", "turn answered"] }
    )
    finds(
      "keys are told",
      { commands: only("AddText", (command) => [{ ...command, text: command.text.replace("1", "3") }]) },
      { of }
    )
  })
})

const waiting = (): Plan.Plan =>
  plan({
    caller: [
      { when: { _tag: "AgentSilent", ms: 400, orAfter: 5_000 }, act: say("caller-opening-hours", 2_700) },
      { when: { _tag: "After", ms: 40_000 }, act: { _tag: "HangUp" } }
    ],
    agent: { tools: [], endCall: false }
  })

const silent = (): Plan.Plan => plan({ caller: [{ when: { _tag: "After", ms: 30_000 }, act: { _tag: "HangUp" } }] })

const longer = (): Plan.Plan => {
  const of = plan()
  return { ...of, caller: [...of.caller.slice(0, 3), { when: { _tag: "After", ms: 12_000 }, act: { _tag: "HangUp" } }] }
}

describe("the transcript and the sums", () => {
  const agentTurn = (change: (turn: AgentTurn) => AgentTurn): Bent["commands"] =>
    only("Settled", (command) =>
      command.turn.speaker === "agent" ? [{ ...command, turn: change(command.turn) }] : [command]
    )

  it("settled once", () => {
    finds("settled once", { commands: nth("Settled", 1, twice) }, { besides: ["sums add up"] })
    finds("settled once", { commands: nth("Settled", 1, nothing) }, { besides: ["sums add up"] })
  })

  it("texts shrink", () => finds("texts shrink", { commands: agentTurn((turn) => ({ ...turn, heard: "Nonsense" })) }))

  it("sums add up", () => {
    const ended = (change: (summary: Ended["summary"]) => Ended["summary"]) =>
      only("Ended", (command) => [{ ...command, summary: change(command.summary) }])
    const changes: ReadonlyArray<(summary: Ended["summary"]) => Ended["summary"]> = [
      (summary) => ({ ...summary, turns: { ...summary.turns, caller: summary.turns.caller + 1 } }),
      (summary) => ({ ...summary, responses: summary.responses - 1 }),
      (summary) => ({ ...summary, truncations: 0 }),
      (summary) => ({ ...summary, costUsd: (summary.costUsd ?? 0) * 2 }),
      (summary) => ({ ...summary, usage: { ...summary.usage, cachedAudio: summary.usage.cachedAudio + 1 } }),
      (summary) => ({ ...summary, heardMs: summary.heardMs + 500 }),
      (summary) => ({ ...summary, durationMs: summary.durationMs - 500 }),
      (summary) => ({ ...summary, interruptions: summary.interruptions + 5 })
    ]
    for (const change of changes) finds("sums add up", { commands: ended(change) })
  })

  it("protected is heard", () => {
    const of = plan({ agent: { greetingProtected: true } })
    assert.deepStrictEqual(broken({}, of), [])
    finds("protected is heard", { commands: agentTurn((turn) => ({ ...turn, protected: false })) }, { of })
    finds("protected is heard", { commands: agentTurn((turn) => ({ ...turn, protected: true })) })
  })

  it("aside is deleted", () => {
    const of = plan({
      caller: [
        { when: { _tag: "AgentSilent", ms: 400, orAfter: 5_000 }, act: say("caller-opening-hours", 2_700) },
        {
          when: { _tag: "AgentSpeaking", ms: 1_500, orAfter: 9_000 },
          act: say("caller-mhm", 300)
        },
        { when: { _tag: "After", ms: 12_000 }, act: { _tag: "HangUp" } }
      ],
      agent: { backchannels: { maxMs: 800, words: [] } }
    })
    assert.deepStrictEqual(broken({}, of), [])
    finds("aside is deleted", { commands: only("DeleteItem", nothing) }, { of, besides: ["sums add up"] })
  })
})

type AgentTurn = Extract<Extract<Command, { _tag: "Settled" }>["turn"], { speaker: "agent" }>
type Ended = Extract<Command, { _tag: "Ended" }>

describe("the end", () => {
  const goodbye = plan({
    caller: [
      { when: { _tag: "AgentSilent", ms: 400, orAfter: 5_000 }, act: say("caller-opening-hours", 2_700) },
      { when: { _tag: "After", ms: 30_000 }, act: { _tag: "HangUp" } }
    ],
    responses: [
      [say("agent-greeting", 1_500)],
      [say("agent-goodbye", 2_500), { _tag: "Call", name: "end_call", arguments: "{}" }]
    ]
  })

  it("ends once", () => {
    finds("ends once", { commands: only("Ended", twice) })
    finds("ends once", { commands: only("Ended", nothing) })
    finds("ends once", {
      commands: only("Ended", (command) => [command, { _tag: "Note", note: { what: "underrun", detail: "" } }])
    })
  })

  it("sockets closed", () => finds("sockets closed", { commands: only("CloseModel", nothing) }))

  it("open peers only", () => {
    finds("open peers only", {
      commands: only("ConnectModel", (command) => [command, { _tag: "Mark", stream: 0, name: "mine" }])
    })
    finds("open peers only", {
      commands: only("CloseModel", (command) => [command, { _tag: "ForwardSilence", session: 0, from: 0, bytes: 160 }])
    })
  })

  it("goodbye is heard", () => {
    assert.deepStrictEqual(broken({}, goodbye), [])
    finds(
      "goodbye is heard",
      { commands: only("AnswerTool", (command) => [command, { _tag: "HangUp" }]) },
      { of: goodbye, besides: ["open peers only"] }
    )
  })

  it("goodbye is heard: where the agent ends the call without a word, it is asked for one", () => {
    const of: Plan.Plan = {
      ...goodbye,
      responses: [
        [say("agent-greeting", 1_500)],
        [{ _tag: "Call", name: "end_call", arguments: "{}" }],
        [say("agent-goodbye", 2_500)]
      ]
    }
    assert.deepStrictEqual(broken({}, of), [])
    finds(
      "goodbye is heard",
      { commands: only("AnswerTool", (command) => [command, { _tag: "HangUp" }]) },
      { of, besides: ["open peers only"] }
    )
  })

  it("goodbye is heard: and then the line closes", () => {
    const event = (event: Event): Event =>
      event._tag === "ModelToolCalled" ? { ...event, name: "look", arguments: "{}" } : event
    const of = { ...goodbye, responses: [...goodbye.responses, []] }
    finds("goodbye is heard", { event }, { of, besides: ["tool runs once"] })
  })

  it("ends for a reason", () =>
    finds("ends for a reason", {
      commands: only("Ended", (command) => [{ ...command, summary: { ...command.summary, outcome: "model lost" } }])
    }))

  it("within its length", () => {
    const of = plan({
      caller: [{ when: { _tag: "After", ms: 40_000 }, act: { _tag: "HangUp" } }],
      agent: { maxCallMs: 8_000 }
    })
    assert.deepStrictEqual(broken({}, of), [])
    finds("within its length", { agent: { maxCallMs: 600_000 } }, { of })
  })

  it("right format", () => {
    const of = plan({
      faults: { ...plan().faults, model: [{ _tag: "FormatChanged", format: { type: "audio/pcm", rate: 24_000 } }] }
    })
    assert.deepStrictEqual(broken({}, of), [])
    const event = (event: Event): Event =>
      event._tag === "ModelSessionUpdated" ? { ...event, output: { type: "audio/pcmu" } } : event
    finds("right format", { event }, { of })
  })

  it("deadline ahead", () =>
    finds("deadline ahead", { deadline: (due, at) => (at > 5_000 && at < 5_100 ? at - 10 : due) }))

  it("state is data, state is bounded", () => {
    finds("state is data", { state: (state) => ({ ...state, at: Number.NaN }) })
    finds("state is data", { state: (state) => ({ ...state, bytes: new Uint8Array(3) }) })
    finds("state is bounded", { state: (state) => ({ ...state, more: "x".repeat(600_000) }) })
  })

  /** A call as far as 3 s, then what is made up. */
  const from3s = () => {
    const of = silent()
    const world = World.make({
      ...Plan.options(of, audio),
      onStep: (event, commands, state, deadline) => judge.stepped({ at: world.now(), event, commands, state, deadline })
    })
    const judge = Judge.make(world, of)
    world.run(3_000)
    const step = (at: number, event: Event, ...commands: ReadonlyArray<Command>) =>
      judge.stepped({ at, event, commands, state: {}, deadline: null })
    return { found: () => judge.broken.map(({ invariant }) => invariant), step }
  }

  it("dead leg ends", () => {
    const { found, step } = from3s()
    for (let at = 4_000; at < 100_000; at += 1_000) step(at, { _tag: "TimeAdvanced", at })
    assert.deepStrictEqual([...new Set(found())], ["dead leg ends"])
  })

  it("ends in time", () => {
    const { found, step } = from3s()
    step(4_000, { _tag: "CarrierStopped", at: 4_000, stream: 0 }, { _tag: "CloseModel", session: 0 })
    step(14_000, { _tag: "TimeAdvanced", at: 14_000 }, ended)
    assert.include(found(), "ends in time")
  })

  it("retries are few", () => {
    const { found, step } = from3s()
    const refused = (request: string): Event => ({
      _tag: "ModelErred",
      at: 3_500,
      session: 0,
      error: { type: "server_error", code: null, message: "", param: null, cause: request }
    })
    for (let index = 0; index < 14; index++) {
      const create: Command = { _tag: "CreateResponse", session: 0, request: `mine ${index}`, instructions: null }
      step(3_500 + index, refused(`mine ${index - 1}`), create)
    }
    assert.include(found(), "retries are few")
  })
})

const ended: Command = {
  _tag: "Ended",
  summary: {
    outcome: "caller hung up",
    durationMs: 0,
    turns: { caller: 0, agent: 0 },
    interruptions: 0,
    asides: 0,
    pauses: 0,
    resumed: 0,
    responses: 0,
    toolCalls: 0,
    truncations: 0,
    deletions: 0,
    reactions: { answers: 0, answerMs: 0, worstAnswerMs: 0 },
    deadAirMs: 0,
    generatedMs: 0,
    heardMs: 0,
    usage: {
      inputText: 0,
      inputAudio: 0,
      inputImage: 0,
      cachedText: 0,
      cachedAudio: 0,
      cachedImage: 0,
      outputText: 0,
      outputAudio: 0
    },
    costUsd: 0,
    modelErrors: 0
  }
}

describe("a pause to decide", () => {
  const of = plan({
    agent: { pauseToDecide: true, interruptAfterMs: 600 },
    caller: [
      { when: { _tag: "AgentSilent", ms: 400, orAfter: 5_000 }, act: say("caller-opening-hours", 2_700) },
      {
        when: { _tag: "AgentSpeaking", ms: 2_000, orAfter: 9_000 },
        act: say("caller-mhm", 300)
      },
      { when: { _tag: "After", ms: 2_500 }, act: say("caller-how-many", 2_000) },
      { when: { _tag: "After", ms: 9_000 }, act: { _tag: "HangUp" } }
    ]
  })

  it("goes on where it stopped, and is an interruption the next time", () => {
    const { broken, measures } = judged({}, of)
    assert.deepStrictEqual(broken, [])
    assert.isAtLeast(measures.resumes, 1)
    for (const error of measures.resumeErrors) assert.isAtMost(Math.abs(error), 25)
    assert.strictEqual(measures.cutErrors.length, 1)
  })

  it("pause is short", () =>
    finds(
      "pause is short",
      { commands: only("Truncate", nothing) },
      { of, besides: ["told first", "believed is heard", "sums add up"] }
    ))

  it("heard in order: it goes on from another byte", () => {
    let cleared = false
    const commands: Bent["commands"] = (command) => {
      if (command._tag === "Clear") cleared = true
      if (!cleared || command._tag !== "PlayAudio" || command.bytes < 1_600) return [command]
      cleared = false
      const payload = Payload.rest(Payload.toBase64(command.payload), 800)
      return [{ ...command, from: command.from + 800, bytes: command.bytes - 800, payload }]
    }
    finds(
      "heard in order",
      { commands },
      { of, besides: ["believed is heard", "settled is heard", "truncated within"] }
    )
  })
})
