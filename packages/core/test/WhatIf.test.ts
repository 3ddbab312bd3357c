import { assert, describe, it } from "vitest"
import * as Recording from "../src/Recording.ts"
import * as WhatIf from "../src/WhatIf.ts"
import { config, machine, recorded, story } from "./support/ToyCall.ts"

const recording = Recording.parse(recorded(story()))

const none = {
  interruptions: 0,
  pauses: 0,
  ignored: 0,
  responses: 1,
  cancellations: 0,
  truncations: 0,
  deletions: 0,
  toolRuns: 0,
  hangUps: 0
}

describe("another agent", () => {
  it("that would have done the same", () => {
    const report = WhatIf.run(recording, config.agent, machine)
    assert.deepStrictEqual(report.recorded, { ...none, interruptions: 1, truncations: 1 })
    assert.deepStrictEqual(report.whatIf, report.recorded)
    assert.deepStrictEqual(report.certain, { recorded: report.recorded, whatIf: report.whatIf })
    assert.isNull(report.divergence)
    assert.strictEqual(WhatIf.describe(report), "Over the whole call nothing would have been different.")
  })

  it("that would not have let itself be interrupted: certain until the model would have known", () => {
    const report = WhatIf.run(recording, { ...config.agent, interruptAfterMs: 300 }, machine)
    assert.deepStrictEqual(report.whatIf, none)
    assert.deepStrictEqual(report.certain, { recorded: none, whatIf: none })
    assert.deepStrictEqual(
      [report.divergence?.event, report.divergence?.recorded?.c, report.divergence?.whatIf],
      ["ModelSpeechStarted", "Truncate", null]
    )
    assert.deepStrictEqual(report.settings, [])
    assert.strictEqual(
      WhatIf.describe(report),
      [
        "Up to 8.4 s nothing would have been different.",
        'At 8.4 s (line 25, ModelSpeechStarted) the model would have been told nothing more where it was told Truncate {"session":0,"item":"item_1","contentIndex":0,"audioEndMs":8383}: ' +
          "from there on it would have answered differently, and the rest of the recording (0.4 s) is no evidence.",
        "With the recorded events played on, there would have been 0 interruptions instead of 1 and 0 truncations instead of 1."
      ].join("\n")
    )
  })

  it("that would have told the model more", () => {
    const eager: typeof machine = {
      ...machine,
      step: (state, event) => {
        const [next, commands] = machine.step(state, event)
        return [
          next,
          event._tag === "ModelSpeechStarted"
            ? [...commands, { _tag: "CancelResponse", session: 0, response: "resp_1" }]
            : commands
        ]
      }
    }
    const { certain, divergence, whatIf } = WhatIf.run(recording, config.agent, eager)
    assert.isNull(divergence?.recorded)
    assert.strictEqual(divergence?.whatIf?.c, "CancelResponse")
    assert.deepStrictEqual([whatIf.cancellations, certain.whatIf.cancellations], [1, 0])
  })

  it("whose commands to the carrier alone differ stays certain", () => {
    const deaf = {
      ...machine,
      step: ((state, event) => {
        const [next, commands] = machine.step(state, event)
        return [next, commands.filter((command) => command._tag !== "Clear")]
      }) as typeof machine.step
    }
    const report = WhatIf.run(recording, config.agent, deaf)
    assert.isNull(report.divergence)
    assert.strictEqual(
      WhatIf.describe(report),
      "Over the whole call there would have been 0 interruptions instead of 1."
    )
  })

  it("a pause after which the agent went on is no interruption; what was ignored is counted", () => {
    const pausing = {
      ...machine,
      step: ((state, event) => {
        const [next, commands] = machine.step(state, event)
        const notes = (["interruption ignored", "playback resumed"] as const).map(
          (what) => ({ _tag: "Note", note: { what, detail: "" } }) as const
        )
        return [next, commands.some(({ _tag }) => _tag === "Clear") ? [...commands, ...notes] : commands]
      }) as typeof machine.step
    }
    const { recorded, whatIf } = WhatIf.run(recording, config.agent, pausing)
    assert.deepStrictEqual(whatIf, { ...recorded, interruptions: 0, pauses: 1, ignored: 1 })
  })

  it("with other settings for the model is told apart", () => {
    const report = WhatIf.run(recording, { ...config.agent, voice: "cedar", instructions: "Be brief." }, machine)
    assert.deepStrictEqual(report.settings, ["instructions", "voice"])
    assert.isNull(report.divergence)
    assert.include(WhatIf.describe(report), "The model would have been configured differently (instructions, voice).")
  })

  it("of a file that is no recording: an error that says so", () => {
    assert.throws(() => WhatIf.run(Recording.parse("?"), config.agent, machine), /not an Offhook recording/)
  })
})
