import { assert, describe, it } from "vitest"
import * as Call from "../src/Call.ts"
import type { Command } from "../src/Command.ts"
import type { Event } from "../src/Event.ts"
import * as Recording from "../src/Recording.ts"
import * as Replay from "../src/Replay.ts"
import { machine, recorded, recordedBy, type State, story } from "./support/ToyCall.ts"

const replay = (text: string, by: Replay.Machine<State> = machine): Replay.Result =>
  Replay.run(Recording.parse(text), by)

const difference = (text: string, by?: Replay.Machine<State>): Replay.Difference => {
  const result = replay(text, by)
  if (result.same) throw new Error("the replay was the same")
  return result.difference
}

/** The toy with other commands. */
const changed = (change: (event: Event, commands: ReadonlyArray<Command>) => ReadonlyArray<Command>) => ({
  initial: machine.initial,
  step: (state: State, event: Event): readonly [State, ReadonlyArray<Command>] => {
    const [next, commands] = machine.step(state, event)
    return [next, change(event, commands)]
  }
})

describe("the same", () => {
  for (const audio of [false, true]) {
    it(`every command comes again, ${audio ? "with" : "without"} audio`, () => {
      const told = story((number) => number % 4)
      const result = replay(recorded(told, { audio, digits: true }))
      assert.isTrue(result.same)
      if (!result.same) return
      assert.strictEqual(result.events.length, told.length)
      let [state, commands] = machine.initial({ agent: {}, prices: {} } as never)
      const all = [...commands]
      for (const event of told) {
        ;[state, commands] = machine.step(state, event)
        all.push(...commands)
      }
      assert.deepStrictEqual(
        result.commands.map((command) => command._tag),
        all.map((command) => command._tag)
      )
      const played = result.commands.filter(
        (command) => command._tag === "ForwardAudio" || command._tag === "PlayAudio"
      )
      const originals = all.filter((command) => command._tag === "ForwardAudio" || command._tag === "PlayAudio")
      assert.deepStrictEqual(played, audio ? originals : originals.map((command) => ({ ...command, payload: "" })))
    })
  }

  it("up to the place where a file was cut off", () => {
    const text = recorded(story())
    let replayed = 0
    for (let length = text.indexOf("\n") + 1; length < text.length; length += 97) {
      const recording = Recording.parse(text.slice(0, length))
      assert.deepStrictEqual(recording.problems, [])
      assert.include(recording.end.end === "incomplete" ? recording.end.reason : "", "cut off")
      const result = Replay.run(recording, machine)
      assert.isTrue(result.same, result.same ? "" : Replay.explain(result.difference))
      if (result.same) replayed = result.events.length
    }
    assert.isAbove(replayed, 400)
  })
})

describe("this version's machine", () => {
  for (const audio of [false, true]) {
    it(`replays its own recording, ${audio ? "with" : "without"} audio, masked`, () => {
      const text = recordedBy(
        Call,
        story((number) => number % 4),
        { audio }
      )
      const result = Replay.run(Recording.parse(text))
      assert.isTrue(result.same, result.same ? "" : Replay.explain(result.difference))
      const commands = result.same ? result.commands.map((command) => command._tag) : []
      for (const tag of ["ForwardAudio", "PlayAudio", "AddText", "ConfigureModel"]) assert.include(commands, tag)
      assert.include(text, "0 0 0 * 0")
      assert.notInclude(text, "4 1 A * 9")
    })
  }
})

describe("the first difference", () => {
  it("a field", () => {
    const found = difference(
      recorded(story()),
      changed((_, commands) =>
        commands.map((command) =>
          command._tag === "Truncate" ? { ...command, audioEndMs: command.audioEndMs - 20 } : command
        )
      )
    )
    assert.strictEqual(found.index, 1)
    assert.strictEqual(
      Replay.explain(found),
      [
        `line ${found.line}, 8383 ms: ModelSpeechStarted {"session":0,"item":"item_2","audioStartMs":5200}`,
        '  recorded: {"c":"Truncate","session":0,"item":"item_1","contentIndex":0,"audioEndMs":8383}',
        '  replayed: {"c":"Truncate","session":0,"item":"item_1","contentIndex":0,"audioEndMs":8363}',
        "  audioEndMs: 8383 was recorded, 8363 came"
      ].join("\n")
    )
  })

  it("a command that is missing", () => {
    const found = difference(
      recorded(story()),
      changed((_, commands) => commands.filter((command) => command._tag !== "Mark"))
    )
    assert.strictEqual(found.expected?.c, "Mark")
    assert.isNull(found.actual)
    assert.include(Replay.explain(found), "replayed: no further command")
  })

  it("a command too many", () => {
    const found = difference(
      recorded(story()),
      changed((event, commands) => (event._tag === "CarrierStarted" ? [{ _tag: "HangUp" }] : commands))
    )
    assert.isNull(found.expected)
    assert.strictEqual(found.actual?.c, "HangUp")
    assert.include(Replay.explain(found), "recorded: no further command")
  })

  it("in a run: the frame is named by its time", () => {
    const frame = story().filter((event) => event._tag === "CarrierAudio")[100]
    const found = difference(
      recorded(story()),
      changed((event, commands) => (event.at === frame?.at ? [] : commands))
    )
    assert.deepStrictEqual<unknown>(found.event, { ...frame, payload: "" })
    assert.strictEqual(found.expected?.c, "ForwardAudio")
  })

  it("the bytes of a payload, with audio", () => {
    const other = changed((_, commands) =>
      commands.map((command) => (command._tag === "PlayAudio" ? { ...command, payload: "AAAA" } : command))
    )
    assert.isTrue(replay(recorded(story()), other).same)
    assert.include(Replay.explain(difference(recorded(story(), { audio: true }), other)), "hash:")
  })

  it("the first commands", () => {
    const found = difference(recorded(story()), { ...machine, initial: (config) => [machine.initial(config)[0], []] })
    assert.isNull(found.event)
    assert.include(Replay.explain(found), "line 1: the call's first commands")
  })

  it("an agent that is not the header's", () => {
    const other = changed((_, commands) =>
      commands.map((command) =>
        command._tag === "ConfigureModel" ? { ...command, agent: { ...command.agent, voice: "cedar" } } : command
      )
    )
    assert.include(Replay.explain(difference(recorded(story()), other)), '"voice":"cedar"')
  })

  it("a file that cannot be read, after what could", () => {
    const lines = recorded(story()).split("\n")
    for (const index of [1, 2, 4, 12, lines.length - 2]) {
      const broken = lines.with(index, "{")
      assert.strictEqual(Replay.explain(difference(broken.join("\n"))), `line ${index + 1}: this is not a JSON object`)
    }
  })

  it("a file that is no recording", () => {
    assert.include(Replay.explain(difference("hello")), "line 1: this is not an Offhook recording")
    assert.include(Replay.explain(difference("")), "line 1: the file is empty")
  })
})
