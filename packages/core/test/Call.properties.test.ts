import { Call, CarrierClock, type Command, type Event, Ledger } from "@offhook/core"
import { FastCheck } from "effect"
import { assert, describe, it } from "vitest"
import * as History from "./support/History.ts"

type Of<Tag extends Command["_tag"]> = Extract<Command, { readonly _tag: Tag }>

let seed = 20261122

/** Other histories for each property: seven thousand in all. */
const holdsFor = (check: (history: History.History) => void, numRuns = 600): void =>
  FastCheck.assert(FastCheck.property(History.arbitrary, check), { seed: seed++, numRuns })

const commandsOf = (happenings: ReadonlyArray<History.Happening>): ReadonlyArray<Command> =>
  happenings.flatMap(({ commands }) => commands)

const only = <Tag extends Command["_tag"]>(commands: ReadonlyArray<Command>, tag: Tag): ReadonlyArray<Of<Tag>> =>
  commands.filter((command): command is Of<Tag> => command._tag === tag)

const assertUnique = (names: ReadonlyArray<string>, what: string): void =>
  assert.strictEqual(new Set(names).size, names.length, `${what}: ${names.join(" ")}`)

const toCarrier: ReadonlyArray<Command["_tag"]> = ["PlayAudio", "Mark", "Clear", "CloseCarrier"]
const toModel: ReadonlyArray<Command["_tag"]> = [
  "ForwardAudio",
  "ForwardSilence",
  "Truncate",
  "DeleteItem",
  "CreateResponse",
  "CancelResponse",
  "AddText",
  "AnswerTool"
]

/** A number that is not finite or a field that is undefined would be lost in JSON. */
const isPlain = (value: unknown): boolean => {
  if (typeof value === "number") return Number.isFinite(value)
  if (typeof value !== "object" || value === null) return value !== undefined && typeof value !== "function"
  for (const inner of Object.values(value)) if (!isPlain(inner)) return false
  return true
}

describe("Whatever happens to a call", () => {
  it("its state is bounded, plain data: a step from a copy is the same", () => {
    holdsFor((history) => {
      for (const [index, { after, before, commands, event }] of History.play(history).entries()) {
        if (index % 32 !== history.moves.length % 32) continue
        const text = JSON.stringify(before)
        assert.isBelow(text.length, 64 * 1024)
        assert.isTrue(isPlain({ ...before, config: null }))
        assert.strictEqual(
          JSON.stringify(Call.step(JSON.parse(text), event)),
          JSON.stringify([after, commands]),
          `${event._tag} after ${index} events`
        )
      }
    })
  })

  it("no deadline is left behind when time has been told", () => {
    holdsFor((history) => {
      for (const { after, event } of History.play(history)) {
        if (event._tag === "CarrierAudio") continue
        const [told] = Call.step(after, { _tag: "TimeAdvanced", at: after.at })
        const due = Call.nextDeadline(told)
        assert.isTrue(due === null || due > told.at, `${Call.nextReason(told)} at ${due}, now ${told.at}`)
      }
    })
  })

  it("a host whose timers are late gets the commands of one whose timers are not", () => {
    holdsFor((history) => {
      const happenings = History.play(history, false)
      let [state] = History.initial(history)
      const punctual: Array<Command> = []
      const step = (event: Event): void => {
        const [next, commands] = Call.step(state, event)
        state = next
        punctual.push(...commands)
      }
      for (const { event } of happenings) {
        for (let due = Call.nextDeadline(state); due !== null && due <= event.at; due = Call.nextDeadline(state)) {
          step({ _tag: "TimeAdvanced", at: Math.max(due, state.at) })
        }
        step(event)
      }
      assert.deepStrictEqual(punctual, commandsOf(happenings))
    })
  })

  it("it ends exactly once, by itself when nothing happens any more, and is silent from then on", () => {
    holdsFor((history) => {
      const happenings = History.play(history)
      const commands = commandsOf(happenings)
      assert.strictEqual(only(commands, "Ended").length, 1)
      assert.strictEqual(commands.at(-1)?._tag, "Ended")
      const end = happenings.findIndex(({ after }) => Call.isEnded(after))
      for (const { after, before } of happenings.slice(end + 1)) assert.strictEqual(after, before)
      assert.strictEqual(only(commands, "CloseModel").length, 1)
      assert.isAtMost(only(commands, "HangUp").length, 1)
    })
  })

  it("nothing is sent to a peer that is not there", () => {
    holdsFor((history) => {
      let carrier = "awaited"
      let model = "connecting"
      for (const { commands, event } of History.play(history)) {
        if (event._tag === "CarrierStarted" && carrier === "awaited") carrier = "open"
        if (event._tag === "CarrierStopped" && event.stream === 0 && carrier === "open") carrier = "stopped"
        if (event._tag === "CarrierClosed" && event.stream === 0 && carrier !== "awaited") carrier = "closed"
        if (event._tag === "ModelConnected" && model === "connecting") model = "configuring"
        if (event._tag === "ModelSessionUpdated" && model === "configuring") model = "ready"
        for (const { _tag } of commands) {
          if (_tag === "CloseCarrier") assert.include(["open", "stopped"], carrier)
          else if (toCarrier.includes(_tag)) assert.strictEqual(carrier, "open", _tag)
          if (_tag === "ConfigureModel") assert.strictEqual(model, "configuring")
          if (toModel.includes(_tag)) assert.strictEqual(model, "ready", _tag)
          if (_tag === "CloseModel") model = "closed"
          if (_tag === "CloseCarrier") carrier = "closed"
          if (_tag === "Ended") assert.include(["awaited", "closed"], carrier)
          if (_tag === "Ended") assert.strictEqual(model, "closed")
        }
      }
    })
  })

  it("the caller's bytes are forwarded end to end", () => {
    holdsFor((history) => {
      let appended = 0
      for (const command of commandsOf(History.play(history))) {
        if (command._tag !== "ForwardAudio" && command._tag !== "ForwardSilence") continue
        assert.strictEqual(command.from, appended)
        assert.isAbove(command.bytes, 0)
        appended += command.bytes
      }
    })
  })

  it("the agent's bytes are played end to end, after a pause from one that was sent, none of an interrupted response", () => {
    holdsFor((history) => {
      const played = new Map<string, number>()
      const interrupted = new Set<string>()
      for (const { after, before, commands, event } of History.play(history)) {
        const isResumed = commands.some(
          ({ _tag, ...rest }) => _tag === "Note" && "note" in rest && rest.note.what === "playback resumed"
        )
        const isInterrupted = after.sums.interruptions > before.sums.interruptions
        const again = new Set<string>()
        for (const command of commands) {
          if (isInterrupted && "response" in before.slot) interrupted.add(before.slot.response)
          if (command._tag !== "PlayAudio") continue
          const part = `${command.item}/${command.contentIndex}`
          if (isResumed && !again.has(part)) {
            assert.isAtMost(command.from, played.get(part) ?? 0, part)
            played.set(part, command.from)
            again.add(part)
          }
          assert.strictEqual(command.from, played.get(part) ?? 0, part)
          played.set(part, command.from + command.bytes)
          if (event._tag === "ModelAudio") assert.isFalse(interrupted.has(event.response), part)
        }
      }
    })
  })

  it("a mark's name is never used twice", () => {
    holdsFor((history) =>
      assertUnique(
        only(commandsOf(History.play(history)), "Mark").map(({ name }) => name),
        "marks"
      )
    )
  })

  it("at most one response is under way by our doing, and none is asked for while the caller speaks", () => {
    holdsFor((history) => {
      let pending: { readonly request: string; response: string | null } | null = null
      let cancelledAt = Number.POSITIVE_INFINITY
      let interrupted = Number.POSITIVE_INFINITY
      for (const { after, before, commands, event } of History.play(history)) {
        const mayBeOver = event.at >= Math.min(cancelledAt, interrupted) + 3000
        if (pending !== null) {
          if (event._tag === "ModelErred" && event.error.cause === pending.request) pending = null
          else if (event._tag === "ModelResponseDone" && event.request === pending.request) pending = null
          else if (event._tag === "ModelResponseDone" && event.response === pending.response) pending = null
          else if (event._tag === "ModelResponseCreated" && event.session === 0 && event.inConversation) {
            if (event.request === pending.request && pending.response === null) pending.response = event.response
            else if (pending.response !== null) pending = null
          } else if (mayBeOver) pending = null
        }
        for (const command of commands) {
          if (command._tag === "CancelResponse") cancelledAt = event.at
          if (command._tag === "Note" && command.note.what === "model unanswered") pending = null
          if (command._tag !== "CreateResponse") continue
          assert.isNull(pending, `${command.request} while ${pending?.request} is under way`)
          assert.isFalse(after.speech.speaking && before.speech.speaking)
          assert.isNull(after.cut)
          pending = { request: command.request, response: null }
          cancelledAt = Number.POSITIVE_INFINITY
          interrupted = Number.POSITIVE_INFINITY
        }
        if (event._tag === "ModelSpeechStarted" && pending?.response != null) {
          interrupted = Math.min(interrupted, event.at)
        }
      }
    })
  })

  it("every function call of the response under way is answered once, and run only when that has completed", () => {
    holdsFor((history) => {
      const answerable = new Set<string>()
      const completed = new Set<string>()
      const of = new Map<string, string>()
      const happenings = History.play(history)
      for (const { before, commands, event } of happenings) {
        if (event._tag === "ModelToolCalled" && "response" in before.slot && before.slot.response === event.response) {
          if (!of.has(event.call)) of.set(event.call, event.response)
          answerable.add(event.call)
        }
        if (event._tag === "ModelResponseDone" && event.status === "completed") completed.add(event.response)
        for (const command of commands) {
          if (command._tag !== "RunTool") continue
          assert.isTrue(completed.has(of.get(command.call) ?? ""), command.call)
        }
      }
      const commands = commandsOf(happenings)
      const answered = only(commands, "AnswerTool").map(({ call }) => call)
      assertUnique(answered, "answers")
      assertUnique(
        only(commands, "RunTool").map(({ call }) => call),
        "runs"
      )
      const end = (happenings.at(-1)?.event.at ?? 0) - History.dayMs
      const waited = happenings.findLast(({ event }) => event.at <= end)?.after
      if (waited?.model.status !== "ready" || waited.phase !== "live") return
      assert.sameMembers([...answered], [...answerable])
      assert.deepStrictEqual(waited.tools, [])
    })
  })

  it("the model is told of a cut once a part, again where it refused that, and never of more than was generated", () => {
    holdsFor((history) => {
      const received = new Map<string, number>()
      const told = new Set<string>()
      for (const { commands, event } of History.play(history)) {
        if (event._tag === "ModelAudio") {
          const part = `${event.item}/${event.contentIndex}`
          received.set(part, (received.get(part) ?? 0) + event.bytes)
        }
        if (event._tag === "ModelErred") {
          const refused = [...told].find((part) => /:(.*)/.exec(event.error.cause ?? "")?.[1] === part.split("/")[0])
          if (refused !== undefined) told.delete(refused)
        }
        for (const command of commands) {
          if (command._tag === "DeleteItem") {
            assert.isFalse(told.has(command.item), command.item)
            told.add(command.item)
          }
          if (command._tag !== "Truncate") continue
          const part = `${command.item}/${command.contentIndex}`
          assert.isFalse(told.has(part) || told.has(command.item), part)
          told.add(part)
          assert.isTrue(Number.isInteger(command.audioEndMs) && command.audioEndMs >= 0)
          assert.isAtMost(command.audioEndMs, Math.floor((received.get(part) ?? 0) / 8), part)
        }
      }
    })
  })

  it("heard is at most sent, sent at most generated, and the sums agree with the turns", () => {
    holdsFor((history) => {
      const commands = commandsOf(History.play(history))
      const turns = only(commands, "Settled").map(({ turn }) => turn)
      for (const turn of turns) {
        if (turn.speaker === "caller") continue
        assert.isAtMost(turn.heardMs, turn.sentMs)
        assert.isAtMost(turn.sentMs, turn.generatedMs)
        assert.isTrue(turn.generated.startsWith(turn.heard.replace(/ ?…$/, "")))
      }
      const summary = only(commands, "Ended")[0]?.summary
      assert.strictEqual(summary?.turns.caller, turns.filter(({ speaker }) => speaker === "caller").length)
      assert.strictEqual(summary?.turns.agent, turns.filter(({ speaker }) => speaker === "agent").length)
      assert.strictEqual(summary?.truncations, only(commands, "Truncate").length)
      assert.strictEqual(summary?.deletions, only(commands, "DeleteItem").length)
      assert.isAtMost(summary?.interruptions ?? 0, only(commands, "Clear").length)
      assert.isAtMost(summary?.heardMs ?? 0, summary?.generatedMs ?? 0)
    })
  })

  it("a pause ends in time, by the agent going on or by an interruption, and no response is created meanwhile", () => {
    let pauses = 0
    holdsFor((history) => {
      for (const { after, before, commands, event } of History.play(history)) {
        if (before.pause === null && after.pause !== null) {
          pauses++
          assert.deepStrictEqual(
            commands.map(({ _tag }) => _tag).filter((tag) => !isAudio(tag)),
            ["Mark", "Clear"]
          )
        }
        if (after.pause === null) continue
        assert.isBelow(event.at, after.pause.since + (after.pause.goesOn ? 1_500 : 800))
        assert.isTrue(after.ledger.paused)
        assert.notInclude(
          commands.map(({ _tag }) => _tag),
          "CreateResponse"
        )
      }
      const sums = History.play(history).at(-1)?.after.sums
      assert.isAtMost(sums?.resumed ?? 0, sums?.pauses ?? 0)
    }, 300)
    assert.isAtLeast(pauses, 20)
  })

  it("nothing that is protected is cleared, cancelled or followed by another response before it was heard", () => {
    let kept = 0
    holdsFor((history) => {
      for (const { before, commands, event } of History.play(history)) {
        const now = CarrierClock.moment(before.clock, event.at)
        const isUnheard = before.items.some((open) => open.protected) && !Ledger.isEmpty(before.ledger, now)
        if (!isUnheard || !isOfCaller(event)) continue
        kept++
        for (const { _tag } of commands) assert.notInclude(["Clear", "CancelResponse", "Truncate"], _tag)
      }
    }, 300)
    assert.isAtLeast(kept, 20)
  })

  it("an aside is deleted from the model's conversation once, when its item exists, and never answered", () => {
    let asides = 0
    holdsFor((history) => {
      const existing = new Set<string>()
      const deleted = new Set<string>()
      for (const { before, commands, event } of History.play(history)) {
        if (event._tag === "ModelSpeechCommitted") existing.add(event.item)
        for (const command of commands) {
          if (command._tag !== "DeleteItem" || !command.item.startsWith("user")) continue
          asides++
          assert.isTrue(existing.has(command.item), command.item)
          assert.isFalse(deleted.has(command.item), command.item)
          assert.isTrue(before.asides.includes(command.item) || before.sounds.some(({ item }) => item === command.item))
          deleted.add(command.item)
        }
      }
      for (const { turn } of only(commandsOf(History.play(history)), "Settled")) {
        if (turn.speaker === "caller" && turn.aside) assert.isTrue(deleted.has(turn.item) || deleted.size === 0)
      }
    }, 300)
    assert.isAtLeast(asides, 10)
  })
})

const isAudio = (tag: Command["_tag"]): boolean => tag === "ForwardAudio" || tag === "ForwardSilence" || tag === "Note"

const isOfCaller = ({ _tag }: Event): boolean =>
  _tag === "ModelSpeechStarted" || _tag === "ModelSpeechStopped" || _tag === "CarrierAudio"
