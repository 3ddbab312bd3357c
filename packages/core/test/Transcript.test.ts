import { assert, describe, it } from "vitest"
import type { Command, Turn } from "../src/Command.ts"
import type { ModelItemAdded } from "../src/Event.ts"
import type { Transcript as State } from "../src/Transcript.ts"
import * as Transcript from "../src/Transcript.ts"

type Move = (t: State) => State

const link =
  (item: string, previous: string | null, kind: ModelItemAdded["kind"] = "function_call"): Move =>
  (t) =>
    Transcript.added(t, { _tag: "ModelItemAdded", at: 0, session: 0, item, kind, role: "assistant", previous })

const message =
  (role: "assistant" | "system" | "user") =>
  (item: string, previous: string | null = null, { at = 0, session = 0 } = {}): Move =>
  (t) =>
    Transcript.added(t, { _tag: "ModelItemAdded", at, session, item, kind: "message", role, previous })

const agent = message("assistant")
const caller = message("user")
const system = message("system")

const committed =
  (item: string, previous: string | null = null, { at = 0, session = 0 } = {}): Move =>
  (t) =>
    Transcript.committed(t, { _tag: "ModelSpeechCommitted", at, session, item, previous })

const transcribed =
  (item: string, text: string): Move =>
  (t) =>
    Transcript.transcribed(t, { _tag: "ModelTranscribed", at: 0, session: 0, item, text })

const failed =
  (item: string): Move =>
  (t) =>
    Transcript.transcribed(t, { _tag: "ModelTranscriptionFailed", at: 0, session: 0, item })

const text =
  (item: string, text: string, receivedBytes = 0, contentIndex = 0): Move =>
  (t) =>
    Transcript.text(t, { _tag: "ModelText", at: 0, session: 0, response: "r", item, contentIndex, text }, receivedBytes)

const spoken =
  (item: string, received = 8_000, heard = received, { contentIndex = 0, sent = received, session = 0 } = {}): Move =>
  (t) =>
    Transcript.spoken(t, session, item, contentIndex, {
      receivedBytes: received,
      sentBytes: sent,
      heardBytes: heard,
      bytesPerMs: 8
    })

const keyed =
  (said: string, item = "keys_1"): Move =>
  (t) =>
    Transcript.keyed(t, 0, item, said, 0)

const run = (moves: ReadonlyArray<Move>, from = Transcript.initial): State => moves.reduce((t, move) => move(t), from)

const turnsOf = (commands: ReadonlyArray<Command>): ReadonlyArray<Turn> =>
  commands.flatMap((command) => (command._tag === "Settled" ? [command.turn] : []))

const settle = (t: State, at = 0) => {
  const out: Array<Command> = []
  const next = Transcript.settle(t, at, out)
  return { t: next, out, turns: turnsOf(out), items: turnsOf(out).map((turn) => turn.item) }
}

const close = (t: State, at = 0) => {
  const out: Array<Command> = []
  const next = Transcript.close(t, at, out)
  return { t: next, out, turns: turnsOf(out), items: turnsOf(out).map((turn) => turn.item) }
}

const permutations = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  all.length === 0
    ? [[]]
    : all.flatMap((first, index) =>
        permutations(all.filter((_, other) => other !== index)).map((rest) => [first, ...rest])
      )

/** Text that arrived in pieces, each when so many bytes of audio had been received. */
const anchored = (...pieces: ReadonlyArray<readonly [string, number]>): Transcript.AnchoredText => {
  const item = run(pieces.map(([piece, bytes]) => text("a", piece, bytes))).waiting[0]
  if (item?.speaker !== "agent") throw new Error("an agent's item was expected")
  return item.contents[0]!
}

describe("Transcript: order", () => {
  it("settles a conversation in the order of the chain, whatever order its items arrive in", () => {
    const items = [agent("a1"), committed("u1", "a1"), link("f1", "u1"), agent("a2", "f1"), committed("u2", "a2")]
    const finals = [spoken("a1"), transcribed("u1", "one"), spoken("a2"), transcribed("u2", "two")]
    for (const order of permutations(items)) {
      assert.deepStrictEqual(settle(run([...order, ...finals])).items, ["a1", "u1", "a2", "u2"])
    }
  })

  it("settles in the order of the chain when texts and figures come before the items", () => {
    const moves = [
      transcribed("u1", "one"),
      text("a1", "Hello."),
      spoken("a1"),
      committed("u1", "a1"),
      agent("a1", null)
    ]
    for (const order of permutations(moves)) assert.deepStrictEqual(settle(run(order)).items, ["a1", "u1"])
  })

  it("lets nothing leave before what stands before it", () => {
    const before = settle(run([committed("u1"), agent("a1", "u1"), text("a1", "Yes."), spoken("a1")]))
    assert.deepStrictEqual(before.items, [])
    assert.deepStrictEqual(settle(transcribed("u1", "Well?")(before.t)).items, ["u1", "a1"])
  })

  it("orders by arrival where the predecessor was never announced", () => {
    const moves = [agent("a1", "nobody"), agent("a2", "no one"), spoken("a2"), spoken("a1")]
    assert.deepStrictEqual(settle(run(moves)).items, ["a1", "a2"])
  })

  it("orders by arrival where the predecessor has left", () => {
    const { t } = settle(run([agent("a1"), spoken("a1")]))
    const moves = [committed("u1", "a1"), agent("a2", "u1"), spoken("a2"), transcribed("u1", "Hi.")]
    assert.deepStrictEqual(settle(run(moves, t)).items, ["u1", "a2"])
  })

  it("keeps an aside, which the model deleted, before the next item, with its words", () => {
    const aside: Move = (t) => Transcript.aside(t, 0, "u1")
    const t = run([
      agent("a1"),
      committed("u1", "a1"),
      aside,
      committed("u2", "a1"),
      transcribed("u1", "Mm-hm."),
      failed("u2")
    ])
    const { items, turns } = settle(run([spoken("a1")], t))
    assert.deepStrictEqual(items, ["a1", "u1", "u2"])
    assert.deepInclude(turns[1], { text: "Mm-hm.", aside: true })
    assert.deepInclude(turns[2], { aside: false })
  })

  it("keeps a never heard item, which the model deleted, before the next one", () => {
    const moves = [agent("a1"), agent("a2", "a1"), spoken("a1", 8_000, 400), spoken("a2", 8_000, 0)]
    const t = run([committed("u1"), ...moves.map((move) => move), committed("u2", "a1"), failed("u1"), failed("u2")])
    assert.deepStrictEqual(settle(t).items, ["u1", "a1", "a2", "u2"])
  })

  it("also while nothing but its deletion is known of it", () => {
    const deleted: Move = (t) => Transcript.deleted(t, 0, "a2")
    const t = run([agent("a1"), agent("a2", "a1"), deleted, committed("u1", "a1"), failed("u1")])
    assert.deepStrictEqual(settle(run([spoken("a1"), spoken("a2", 8_000, 0)], t)).items, ["a1", "a2", "u1"])
  })

  it("takes one item for one turn, committed and added in either order", () => {
    for (const order of permutations([committed("u1"), caller("u1")])) {
      assert.deepStrictEqual(settle(run([...order, transcribed("u1", "Hi.")])).items, ["u1"])
    }
  })

  it("does not bring back an item that has left", () => {
    const { t } = settle(run([committed("u1"), transcribed("u1", "Hi."), agent("a1", "u1"), spoken("a1")]))
    const late = run([caller("u1"), transcribed("u1", "Hi!"), agent("a1"), text("a1", "more"), spoken("a1")], t)
    assert.deepStrictEqual(close(late).items, [])
  })

  it("makes no turn of a link or a system text", () => {
    const t = run([
      link("f1", null),
      system("s1", "f1"),
      link("o1", "s1", "function_call_output"),
      link("x", "o1", "other")
    ])
    const { t: after, turns } = settle(t)
    assert.deepStrictEqual(turns, [])
    assert.deepStrictEqual(after.waiting, [])
  })

  it("puts a new session behind the old one", () => {
    const t = run([
      agent("a1", null, { session: 1 }),
      spoken("a1", 8, 8, { session: 1 }),
      agent("a1", null, { session: 0 }),
      spoken("a1")
    ])
    assert.deepStrictEqual(
      settle(t).turns.map((turn) => turn.session),
      [0, 1]
    )
  })

  it("loses nothing in a chain that bites its tail", () => {
    const moves = [agent("a", "b"), agent("b", "a"), agent("c", "c"), spoken("a"), spoken("b"), spoken("c")]
    assert.sameMembers([...settle(run(moves)).items], ["a", "b", "c"])
  })
})

describe("Transcript: the caller's turns", () => {
  it("wait for their transcription at most 10 s, then have no text", () => {
    const t = run([committed("u1", null, { at: 500 })])
    assert.deepStrictEqual(settle(t, 10_499).turns, [])
    assert.strictEqual(Transcript.nextDeadline(t), 10_500)
    const { t: after, turns } = settle(t, 10_500)
    assert.deepStrictEqual(turns, [{ speaker: "caller", session: 0, item: "u1", at: 500, text: null, aside: false }])
    assert.isNull(Transcript.nextDeadline(after))
  })

  it("have no text where the transcription failed", () => {
    assert.deepInclude(settle(run([committed("u1"), failed("u1")])).turns[0], { item: "u1", text: null })
  })

  it("wait for their place in the conversation when the transcription is first, as long", () => {
    const t = run([transcribed("u1", "Hi.")])
    assert.deepStrictEqual(settle(t, 9_999).turns, [])
    assert.strictEqual(Transcript.nextDeadline(t), 10_000)
    assert.deepInclude(settle(t, 10_000).turns[0], { text: "Hi." })
  })

  it("set no deadline while an agent's item stands before them", () => {
    assert.isNull(Transcript.nextDeadline(run([agent("a1"), text("a1", "Hi."), committed("u1", "a1")])))
  })

  it("may be keyed, in the place the model gives the text", () => {
    const t = run([agent("a1"), keyed("The caller keyed 1."), caller("keys_1", "a1"), agent("a2", "keys_1")])
    const { turns } = settle(run([spoken("a1"), spoken("a2")], t))
    assert.deepStrictEqual(
      turns.map((turn) => turn.item),
      ["a1", "keys_1", "a2"]
    )
    assert.deepInclude(turns[1], { speaker: "caller", text: "The caller keyed 1." })
  })

  it("stand, keyed, behind what the model announces before it announces them", () => {
    const said = settle(run([agent("a1"), text("a1", "Hello."), spoken("a1")]))
    const t = run([keyed("1"), committed("u1", "a1"), transcribed("u1", "Hi.")], said.t)
    assert.deepStrictEqual(
      t.waiting.map(({ item }) => item),
      ["u1", "keys_1"]
    )
  })

  it("keep a keyed text when the model never announces it", () => {
    assert.deepInclude(settle(run([keyed("digits")]), 10_000).turns[0], { item: "keys_1", text: "digits" })
  })
})

describe("Transcript: the agent's turns", () => {
  it("wait for their figures, however long", () => {
    const t = run([agent("a1"), text("a1", "Hello.")])
    assert.deepStrictEqual(settle(t, 3_600_000).turns, [])
    assert.isNull(Transcript.nextDeadline(t))
  })

  it("say what was generated, sent and heard", () => {
    const t = run([
      agent("a1", null, { at: 70 }),
      text("a1", "one two three four"),
      spoken("a1", 1_800, 900, { sent: 1_400 })
    ])
    assert.deepStrictEqual(settle(t).turns, [
      {
        speaker: "agent",
        session: 0,
        item: "a1",
        contentIndex: 0,
        at: 70,
        generated: "one two three four",
        sent: "one two three …",
        heard: "one two …",
        generatedMs: 225,
        sentMs: 175,
        heardMs: 112,
        interrupted: true,
        protected: false
      }
    ])
  })

  it("were not interrupted where all was heard", () => {
    const { turns } = settle(run([agent("a1"), text("a1", "All of it."), spoken("a1")]))
    assert.deepInclude(turns[0], { heard: "All of it.", sent: "All of it.", interrupted: false })
  })

  it("are kept where nothing was heard", () => {
    const { turns } = settle(run([agent("a1"), text("a1", "Never heard."), spoken("a1", 8_000, 0, { sent: 0 })]))
    assert.deepInclude(turns[0], { generated: "Never heard.", sent: "", heard: "", heardMs: 0, interrupted: true })
  })

  it("are one for each audio content of an item, in order, and leave together", () => {
    const second = spoken("a1", 8_000, 8_000, { contentIndex: 1 })
    const t = run([agent("a1"), text("a1", "second", 0, 1), text("a1", "first"), second])
    assert.deepStrictEqual(settle(t).turns, [])
    assert.deepStrictEqual(
      settle(spoken("a1")(t)).turns.map((turn) => turn.speaker === "agent" && turn.heard),
      ["first", "second"]
    )
  })

  it("begin with the first that is known of them", () => {
    const t = run([text("a1", "Early."), agent("a1", null, { at: 90 }), spoken("a1")])
    assert.deepInclude(settle(t).turns[0], { at: 0 })
  })

  it("are none where nothing was said", () => {
    const t = run([agent("a1"), spoken("a1", 0), committed("u1", "a1"), transcribed("u1", "Hi.")])
    assert.deepStrictEqual(settle(t).items, ["u1"])
  })

  it("are kept where there was sound without text", () => {
    assert.deepInclude(settle(run([agent("a1"), spoken("a1")])).turns[0], { heard: "", heardMs: 1_000 })
  })

  it("take no text once they are final", () => {
    const t = run([agent("a1"), text("a1", "Kept."), spoken("a1", 800, 400), text("a1", " Dropped.", 800)])
    assert.deepInclude(settle(t).turns[0], { generated: "Kept." })
  })

  it("do not hold up others where an item stays empty for 10 s", () => {
    const t = run([agent("a1", null, { at: 0 }), committed("u1", "a1"), transcribed("u1", "Hi.")])
    assert.deepStrictEqual(settle(t, 9_999).items, [])
    assert.strictEqual(Transcript.nextDeadline(t), 10_000)
    assert.deepStrictEqual(settle(t, 10_000).items, ["u1"])
  })
})

describe("Transcript: the end", () => {
  it("settles everything that is left, in order, with what is known", () => {
    const t = run([agent("a1"), text("a1", "Hello."), committed("u1", "a1"), agent("a2", "u1"), text("a2", "Yes.")])
    const { t: after, turns } = close(spoken("a2", 800, 800)(t), 42)
    assert.deepInclude(turns[0], { item: "a1", generated: "Hello.", heard: "", interrupted: true })
    assert.deepInclude(turns[1], { item: "u1", text: null })
    assert.deepInclude(turns[2], { item: "a2", heard: "Yes." })
    assert.deepStrictEqual(after.waiting, [])
  })

  it("settles nothing twice", () => {
    assert.deepStrictEqual(close(close(run([committed("u1")])).t).turns, [])
  })
})

describe("Transcript: heard text", () => {
  const whole = "one two three four five"

  it("is nothing of nothing, and all of all", () => {
    assert.strictEqual(Transcript.heardText(anchored([whole, 0]), 0, 8_000), "")
    assert.strictEqual(Transcript.heardText(anchored([whole, 0]), 8_000, 8_000), whole)
  })

  it("is proportional to the audio where the text came at once", () => {
    assert.strictEqual(Transcript.heardText(anchored([whole, 0]), 800, 2_300), "one two …")
  })

  it("ends at a whole word, never beyond the place", () => {
    const spoken = anchored([whole, 0])
    assert.strictEqual(Transcript.heardText(spoken, 299, 2_300), "…")
    assert.strictEqual(Transcript.heardText(spoken, 300, 2_300), "one …")
    assert.strictEqual(Transcript.heardText(spoken, 699, 2_300), "one …")
    assert.strictEqual(Transcript.heardText(spoken, 700, 2_300), "one two …")
  })

  it("follows the places at which the text arrived among the audio", () => {
    const spoken = anchored(["slow ", 0], ["quick and quicker", 8_000])
    assert.strictEqual(Transcript.heardText(spoken, 6_000, 10_000), "…")
    assert.strictEqual(Transcript.heardText(spoken, 8_000, 10_000), "slow …")
    assert.strictEqual(Transcript.heardText(spoken, 9_500, 10_000), "slow quick and …")
  })

  it("is not misled by a text that runs ahead of its audio", () => {
    const spoken = anchored(["one two three four ", 0], ["five ", 100], ["six seven eight", 200])
    assert.strictEqual(Transcript.heardText(spoken, 1_000, 3_900), "one two …")
  })

  it("is not misled by a lump of text among steady ones", () => {
    const pieces = [["aaaa ".repeat(6), 0] as const, ["b ", 1_000] as const, ["cccc ".repeat(10), 2_000] as const]
    assert.strictEqual(Transcript.heardText(anchored(...pieces), 1_000, 4_000), "aaaa aaaa aaaa …")
  })

  it("is not misled by a text that arrives after its audio", () => {
    assert.strictEqual(Transcript.heardText(anchored([whole, 2_300]), 800, 2_300), "one two …")
  })

  it("grows with the audio and begins as the whole does", () => {
    const spoken = anchored(
      ["Well, ", 0],
      ["let me ", 900],
      ["see ", 1_000],
      ["what we have ", 4_000],
      ["here.", 4_100]
    )
    let before = 0
    for (let bytes = 0; bytes <= 6_000; bytes += 50) {
      const heard = Transcript.heardText(spoken, bytes, 6_000).replace(/ ?…$/, "")
      assert.isTrue(spoken.text.startsWith(heard))
      assert.isAtLeast(heard.length, before)
      before = heard.length
    }
    assert.strictEqual(before, spoken.text.length)
  })

  it("ends at a character where words have no spaces between them", () => {
    assert.strictEqual(Transcript.heardText(anchored(["今日はいい天気ですね", 0]), 500, 1_000), "今日はいい …")
  })
})

describe("Transcript: bounds", () => {
  it("keeps the first 8,192 characters of an item and notes it once", () => {
    const t = run([agent("a1"), ...Array.from({ length: 100 }, () => text("a1", "x".repeat(100))), spoken("a1")])
    const { out, turns } = settle(t)
    assert.strictEqual(turns[0]?.speaker === "agent" ? turns[0].generated.length : 0, 8_192)
    assert.deepStrictEqual(
      out.filter((command) => command._tag === "Note"),
      [{ _tag: "Note", note: { what: "text cut", detail: "a1" } }]
    )
  })

  it("cuts what the caller said as well", () => {
    const { out, turns } = settle(run([committed("u1"), transcribed("u1", "y".repeat(9_000))]))
    assert.strictEqual(turns[0]?.speaker === "caller" ? turns[0].text?.length : 0, 8_192)
    assert.strictEqual(out.filter((command) => command._tag === "Note").length, 1)
  })

  it("keeps the first 16 contents of an item", () => {
    const moves = Array.from({ length: 20 }, (_, index) => [
      text("a1", "Hi.", 0, index),
      spoken("a1", 80, 80, { contentIndex: index })
    ]).flat()
    assert.strictEqual(settle(run([agent("a1"), ...moves])).turns.length, 16)
  })

  it("does not split a character", () => {
    const { turns } = settle(run([committed("u1"), transcribed("u1", `x${"😀".repeat(4_096)}`)]))
    assert.strictEqual(turns[0]?.speaker === "caller" ? turns[0].text : "", `x${"😀".repeat(4_095)}`)
  })

  it("places a cut by the whole text, also by the part that was not kept", () => {
    const t = run([agent("a1"), text("a1", "word ".repeat(4_000)), spoken("a1", 40_000, 4_000)])
    const [turn] = settle(t).turns
    assert.strictEqual(turn?.speaker === "agent" ? turn.heard : "", `${"word ".repeat(400)}…`)
  })

  it("keeps the last 64 turns for later use", () => {
    const moves = Array.from({ length: 70 }, (_, index) => [
      committed(`u${index}`),
      transcribed(`u${index}`, "Hi.")
    ]).flat()
    const { t } = settle(run(moves))
    assert.deepStrictEqual(
      Transcript.tail(t).map((turn) => turn.item),
      Array.from({ length: 64 }, (_, index) => `u${index + 6}`)
    )
  })

  it("keeps at most 32,768 characters of them", () => {
    const moves = Array.from({ length: 9 }, (_, index) => [
      committed(`u${index}`),
      transcribed(`u${index}`, "z".repeat(8_000))
    ]).flat()
    assert.deepStrictEqual(
      Transcript.tail(settle(run(moves)).t).map((turn) => turn.item),
      ["u5", "u6", "u7", "u8"]
    )
  })

  it("settles the first of more than 128 waiting items with what is known", () => {
    const moves = Array.from({ length: 130 }, (_, index) => [agent(`a${index}`), text(`a${index}`, "Hi.")]).flat()
    const { items, t } = settle(run(moves))
    assert.deepStrictEqual(items, ["a0", "a1"])
    assert.strictEqual(t.waiting.length, 128)
  })

  it("stays small under a flood of everything", () => {
    let t = Transcript.initial
    for (let index = 0; index < 2_000; index++) {
      const item = `a${index % 300}`
      t = settle(run([agent(item), text(item, "some more words ", index * index, index % 40)], t)).t
    }
    assert.isBelow(JSON.stringify(t).length, 2_000_000)
    assert.isAtMost(t.left.length, 128)
  })

  it("holds at most 128 anchors of a text that arrives ever more quickly", () => {
    const spoken = anchored(...Array.from({ length: 1_000 }, (_, index) => ["x".repeat(index), index * 50] as const))
    assert.isAtMost(spoken.anchors.length, 128)
    assert.isAbove(spoken.anchors.length, 32)
  })
})

describe("Transcript: state", () => {
  it("is plain JSON at every step, and no step changes the one before", () => {
    const moves = [
      agent("a1"),
      text("a1", "Hello ", 0),
      text("a1", "there.", 400),
      committed("u1", "a1"),
      spoken("a1", 800, 500),
      keyed("digits", "k1"),
      transcribed("u1", "Hi."),
      caller("k1", "u1")
    ]
    let direct = Transcript.initial
    let thawed = Transcript.initial
    for (const move of moves) {
      const before = JSON.stringify(direct)
      const next = settle(move(direct)).t
      assert.strictEqual(JSON.stringify(direct), before)
      direct = next
      thawed = settle(move(JSON.parse(JSON.stringify(thawed)))).t
      assert.deepStrictEqual(thawed, direct)
    }
    assert.deepStrictEqual(
      Transcript.tail(direct).map((turn) => turn.item),
      ["a1", "u1", "k1"]
    )
  })

  it("is the same value where nothing can leave", () => {
    const t = run([agent("a1")])
    assert.strictEqual(settle(t).t, t)
  })
})
