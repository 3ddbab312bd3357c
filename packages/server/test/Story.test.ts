import type { Command, Event, Summary } from "@offhook/core"
import { assert, describe, it } from "vitest"
import * as Screen from "../src/Screen.ts"
import * as Story from "../src/Story.ts"

const text = (at: number, words: string, response = "r1"): Event => ({
  _tag: "ModelText",
  at,
  session: 0,
  response,
  item: `item ${response}`,
  contentIndex: 0,
  text: words
})

const done = (at: number, response = "r1"): Event => ({
  _tag: "ModelResponseDone",
  at,
  session: 0,
  response,
  request: null,
  inConversation: true,
  status: "completed",
  reason: null,
  error: null,
  usage: null
})

const settled = (generatedMs: number, heardMs: number, heard: string): Command => ({
  _tag: "Settled",
  turn: {
    speaker: "agent",
    session: 0,
    item: "item r1",
    contentIndex: 0,
    at: 0,
    generated: "",
    sent: "",
    heard,
    generatedMs,
    sentMs: generatedMs,
    heardMs,
    interrupted: true,
    protected: false
  }
})

const shown = (lines: ReadonlyArray<Story.Line>) =>
  lines.map(({ remark, text, who }) => `${who}: ${text}${remark === null ? "" : ` [${remark}]`}`)

describe("the story", () => {
  it("tells the agent's words once they are whole, at the time they began, with the wait before them", () => {
    const story = Story.make()
    assert.deepStrictEqual(story.stepped(100, text(100, "Hello, "), []), [])
    assert.deepStrictEqual(story.traced(450, { _tag: "AudioStarted", stream: 0 }), [])
    assert.deepStrictEqual(story.stepped(460, null, [{ _tag: "Reacted", to: "greeting", ms: 430 }]), [])
    assert.deepStrictEqual(story.stepped(500, text(500, "world."), []), [])
    const lines = story.stepped(520, done(520), [])
    assert.deepStrictEqual(shown(lines), ["agent: “Hello, world.” [first word after 0.43 s]"])
    assert.strictEqual(lines[0]?.at, 450)
  })

  it("does not wait longer than for the next line", () => {
    const story = Story.make()
    story.stepped(100, text(100, "We open Tuesday to"), [])
    const lines = story.traced(900, { _tag: "CallerSpeaking", clip: "caller-yes", ms: 350 })
    assert.deepStrictEqual(shown(lines), ["agent: “We open Tuesday to …”", "caller: “Yes.”"])
  })

  it("says where an answer was cut and how fast, whichever is known first", () => {
    const cutAt = "cut: after 3.27 s of 7.79 s: the caller heard “We open”, and the model remembers as much"
    const remark = " [silent 0.24 s after the caller began]"
    const reacted: Command = { _tag: "Reacted", to: "interruption", ms: 240 }
    for (const commands of [
      [reacted, settled(7_789, 3_270, "We open")],
      [settled(7_789, 3_270, "We open"), reacted]
    ]) {
      const story = Story.make()
      story.traced(50, { _tag: "AudioStarted", stream: 0 })
      const [caller] = story.traced(100, { _tag: "CallerSpeaking", clip: "caller-yes", ms: 350 })
      assert.strictEqual(caller?.remark, "talks over the agent")
      assert.deepStrictEqual(story.stepped(300, null, [{ _tag: "Clear", stream: 0 }]), [])
      assert.deepStrictEqual(shown(commands.flatMap((command) => story.stepped(310, null, [command]))), [
        cutAt + remark
      ])
      assert.deepStrictEqual(story.reactions().interruption, [240])
    }
  })

  it("an answer of which nothing was heard is forgotten", () => {
    const story = Story.make()
    story.stepped(300, null, [{ _tag: "Clear", stream: 0 }, settled(2_000, 0, "")])
    assert.deepStrictEqual(shown(story.finish()), ["cut: before a word of 2.00 s was heard; the model forgets it"])
  })

  it("keeps the order of time, whatever comes late", () => {
    const story = Story.make()
    story.stepped(100, text(100, "Hello."), [])
    story.traced(90, { _tag: "AudioStarted", stream: 0 })
    const lines = [
      ...story.traced(200, { _tag: "KeyPressed", digit: "1" }),
      ...story.traced(200, { _tag: "CallerSpeaking", clip: "caller-yes", ms: 1 }),
      ...story.stepped(150, done(150), []),
      ...story.finish()
    ]
    const times = lines.map(({ at }) => at)
    assert.deepStrictEqual(
      times,
      [...times].sort((a, b) => a - b)
    )
    assert.isAbove(times.length, 1)
  })
})

describe("the summary", () => {
  const summary: Summary = {
    outcome: "agent hung up",
    durationMs: 31_280,
    turns: { caller: 1, agent: 2 },
    interruptions: 0,
    asides: 0,
    pauses: 0,
    resumed: 0,
    responses: 2,
    toolCalls: 1,
    truncations: 0,
    deletions: 0,
    reactions: { answers: 3, answerMs: 0, worstAnswerMs: 0 },
    deadAirMs: 4_160,
    generatedMs: 0,
    heardMs: 0,
    usage: {
      inputText: 1_000,
      inputAudio: 870,
      inputImage: 0,
      cachedText: 1_000,
      cachedAudio: 24,
      outputText: 7,
      outputAudio: 500,
      cachedImage: 0
    },
    costUsd: 0.04597,
    modelErrors: 0
  }

  it("has middle and worst of the reactions, and money only where it was paid", () => {
    const reactions = { greeting: [420], answer: [900, 700, 1_100, 800], interruption: [] }
    const rows = (money: "real" | "simulated", costUsd: number | null) =>
      Object.fromEntries(Story.summarize({ ...summary, costUsd }, reactions, money))
    const simulated = rows("simulated", 0.04597)
    assert.strictEqual(simulated["outcome"], "agent hung up, after 31.3 s")
    assert.strictEqual(simulated["turns"], "1 turn of the caller, 2 of the agent, 0 interruptions")
    assert.strictEqual(simulated["reactions"], "first word 0.42 s; answers 0.85 s median, 1.10 s worst")
    assert.match(
      simulated["tokens"] ?? "",
      /^1,870 in \(1,024 cached\), 507 out; with the real model \$0\.0460, simulated/
    )
    assert.match(rows("real", 0.04597)["tokens"] ?? "", /507 out: \$0\.0460$/)
    assert.match(rows("real", null)["tokens"] ?? "", /no price is known/)
  })
})

describe("the screen", () => {
  const painted = (isTTY: boolean, noColor: string | undefined): string => {
    let out = ""
    const screen = Screen.make({ write: (text) => (out += text), isTTY, columns: 60 }, noColor)
    screen.line({
      at: 11_200,
      who: "caller",
      text: "“Sorry, for how many people can I book?”",
      remark: "over the agent"
    })
    return out
  }

  it("wraps words under their column", () => {
    assert.strictEqual(
      painted(false, undefined),
      "  11.2 s  caller  “Sorry, for how many people can I book?”\n                  [over the agent]\n"
    )
  })

  it("has colours on a terminal alone, and not with NO_COLOR", () => {
    assert.include(painted(true, undefined), "\u001b[")
    assert.include(painted(true, ""), "\u001b[")
    assert.notInclude(painted(true, "1"), "\u001b[")
    assert.notInclude(painted(false, undefined), "\u001b[")
  })
})
