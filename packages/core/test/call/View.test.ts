/** What an operator sees of a call, at every moment of the kept calls. */

import { Call, Recording, Replay } from "@offhook/core"
import { assert, describe, it } from "vitest"

const files = Object.entries(
  import.meta.glob<string>("../calls/*.jsonl", { query: "?raw", import: "default", eager: true })
)

const PHASES = ["waiting", "live", "closing", "ended"]

const kept = new Map<string, ReturnType<typeof play>>()

const played = (text: string) => {
  const known = kept.get(text) ?? play(text)
  kept.set(text, known)
  return known
}

const play = (text: string) => {
  const recording = Recording.parse(text)
  const replay = Replay.run(recording)
  if (!replay.same || replay.end.end !== "complete" || recording.header === null) return assert.fail("not whole")
  let [state] = Call.initial(recording.header.config)
  const views = [Call.view(state, 0)]
  for (const event of replay.events) {
    ;[state] = Call.step(state, event)
    views.push(Call.view(state, event.at))
  }
  return { state, summary: replay.end.summary, views }
}

describe("what is seen of a call", () => {
  it.each(files)("%s", (_, text) => {
    const { state, summary, views } = played(text)
    const [first] = views
    assert.deepInclude(first, { phase: "waiting", carrier: "awaited", model: "connecting", ending: null })
    let phase = 0
    for (const view of views) {
      const next = PHASES.indexOf(view.phase)
      assert.isAtLeast(next, phase, "phases do not go back")
      phase = next
      if (view.speaking.agent) assert.strictEqual(view.carrier, "open")
    }
    const last = views[views.length - 1]
    assert.strictEqual(last?.phase, "ended")
    assert.isFalse(last?.speaking.agent)
    const { costUsd, interruptions, modelErrors, toolCalls } = summary
    assert.deepInclude(last, { interruptions, toolCalls, modelErrors, costUsd })
    assert.strictEqual(
      views.some(({ speaking }) => speaking.agent),
      summary.heardMs > 0
    )
    assert.deepStrictEqual(Call.view(state, -1), last)
  })

  it("who speaks is seen to change, also while both do", () => {
    const seen = new Set(
      files.flatMap(([, text]) => played(text).views.map(({ speaking }) => `${speaking.caller} ${speaking.agent}`))
    )
    assert.deepStrictEqual([...seen].sort(), ["false false", "false true", "true false", "true true"])
  })

  it("the agent falls silent between two events: time alone shows it", () => {
    const [, text = ""] = files.find(([file]) => file.includes("agent-ends-the-call")) ?? []
    const recording = Recording.parse(text)
    const replay = Replay.run(recording)
    if (!replay.same || recording.header === null) return assert.fail("not the same")
    let [state] = Call.initial(recording.header.config)
    for (const event of replay.events) {
      if (Call.view(state, state.at).speaking.agent) break
      ;[state] = Call.step(state, event)
    }
    assert.isTrue(Call.view(state, state.at).speaking.agent)
    assert.isFalse(Call.view(state, state.at + 60_000).speaking.agent)
  })
})
