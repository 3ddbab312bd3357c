import * as NodeFs from "node:fs"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Agent } from "@offhook/core"
import * as Effect from "effect/Effect"
import * as AgentFile from "../src/config/AgentFile.ts"

const problems = (value: unknown) => {
  const parsed = AgentFile.parse(value)
  return AgentFile.isProblems(parsed) ? parsed : []
}

describe("AgentFile", () => {
  it("an empty object is the built-in agent", () => {
    assert.deepStrictEqual(AgentFile.parse({}), Agent.defaults)
    assert.deepStrictEqual(AgentFile.parse({ $schema: "./agent.schema.json" }), Agent.defaults)
  })

  it("what is given stands, what is left out inside has its default", () => {
    assert.deepStrictEqual(
      AgentFile.parse({
        instructions: "Take orders.",
        greeting: null,
        turns: "machine",
        interruptAfterMs: 300,
        detection: { type: "semantic_vad" },
        transcription: { language: "de" },
        tools: [{ name: "menu", description: "What there is to eat." }]
      }),
      {
        ...Agent.defaults,
        instructions: "Take orders.",
        greeting: null,
        turns: "machine",
        interruptAfterMs: 300,
        detection: { type: "semantic_vad", eagerness: "auto" },
        transcription: { model: "gpt-transcribe", language: "de" },
        tools: [
          {
            name: "menu",
            description: "What there is to eat.",
            parameters: { type: "object", properties: {} },
            timeoutMs: 10_000
          }
        ]
      }
    )
  })

  it("policies: what is left out of one has its default, and needs the machine's turns", () => {
    const policies = { turns: "machine", backchannels: {}, pauseToDecide: true, gate: { echoDb: 12 } }
    assert.deepStrictEqual(AgentFile.parse(policies), {
      ...Agent.defaults,
      turns: "machine",
      backchannels: { maxMs: 600, words: Agent.backchannels },
      pauseToDecide: true,
      gate: { minDbfs: null, echoDb: 12 }
    })
    const tools = [{ name: "terms", description: "The terms.", protectAnswer: true }]
    assert.deepStrictEqual(
      problems({ ...policies, turns: "model", interruptAfterMs: 100, greetingProtected: true, tools }).map((it) => [
        it.name,
        it.fix.slice(it.fix.lastIndexOf(" or ") + 4)
      ]),
      [
        ["greetingProtected", "greetingProtected to false"],
        ["interruptAfterMs", "interruptAfterMs to 0"],
        ["backchannels", "backchannels to null"],
        ["pauseToDecide", "pauseToDecide to false"],
        ["gate", "gate to null"],
        ["tools[0].protectAnswer", "protectAnswer to false"]
      ]
    )
  })

  it("policies that contradict each other", () => {
    const fixes = (agent: object) => problems({ turns: "machine", ...agent }).map(({ fix, name }) => `${name}: ${fix}`)
    assert.deepStrictEqual(fixes({ backchannels: {}, transcription: null }), [
      'backchannels: words are found in the transcript: set "transcription", or "words" to []'
    ])
    assert.deepStrictEqual(fixes({ backchannels: { maxMs: 400 }, interruptAfterMs: 400 }), [
      "backchannels: speech shorter than interruptAfterMs is ignored already: set maxMs above 400"
    ])
    assert.deepStrictEqual(fixes({ pauseToDecide: true }), [
      "pauseToDecide: nothing says what is no speech: set interruptAfterMs or backchannels"
    ])
    assert.deepStrictEqual(fixes({ pauseToDecide: true, backchannels: { maxMs: 900, words: [] } }), [
      "pauseToDecide: a pause lasts 800 ms at most: set backchannels.maxMs below that"
    ])
    assert.deepStrictEqual(fixes({ gate: {} }), [
      "gate: it lets everything pass: set minDbfs or echoDb, or gate to null"
    ])
    assert.deepStrictEqual(
      problems({ turns: "machine", gate: { minDbfs: -50 } }).map(({ name }) => name),
      ["gate.minDbfs"]
    )
    assert.deepStrictEqual(
      problems({ turns: "machine", backchannels: { word: [] } }).map(({ fix }) => fix),
      ['did you mean "words"?']
    )
  })

  it("every problem at once, with path, shape and fix", () => {
    const found = problems({
      voise: "marin",
      greeting: 5,
      turns: "both",
      detection: { type: "server_vad", threshold: 2, silenceDuration: 1 },
      tools: [{ name: "bad name", description: "x".repeat(1_025) }],
      maxCallMs: "long"
    })
    assert.deepStrictEqual(Object.fromEntries(found.map(({ fix, name, problem }) => [name, [problem, fix]])), {
      voise: ["is no field of an agent", 'did you mean "voice"?'],
      greeting: [
        "is 5, it must be a text that tells the agent how to greet, or null: it waits for the caller",
        "correct the value, or leave the field out for its default"
      ],
      turns: [
        'is "both", it must be "model" (its voice activity detection answers and interrupts: fastest) or "machine" (we do)',
        "correct the value, or leave the field out for its default"
      ],
      "detection.threshold": [
        "is 2, it must be a number from 0 to 1: higher needs louder speech",
        "correct the value, or leave the field out for its default"
      ],
      "detection.silenceDuration": ["is no field of an agent", 'did you mean "silenceDurationMs"?'],
      "tools[0].name": [
        'is "bad name", it must be up to 64 letters, digits, _ and -',
        "correct the value, or leave the field out for its default"
      ],
      "tools[0].description": [
        `is "${"x".repeat(39)}…, it must be a text of 1 to 1024 characters that tells the model when to call the tool`,
        "correct the value, or leave the field out for its default"
      ],
      maxCallMs: [
        'is "long", it must be a whole number of ms, 10000 to 86400000',
        "correct the value, or leave the field out for its default"
      ]
    })
  })

  it("an unknown kind of detection, a missing one, a list in place of the object", () => {
    assert.deepStrictEqual(
      [
        { detection: { type: "vad" } },
        { detection: {} },
        [],
        null,
        { tools: [{}] },
        { detection: 5 },
        { tools: {} },
        { transcription: "x" }
      ].map((value) => problems(value).map(({ name, problem }) => `${name}: ${problem}`)),
      [
        ['detection.type: is "vad", it must be "server_vad" or "semantic_vad"'],
        ['detection.type: is missing, it must be "server_vad" or "semantic_vad"'],
        [": holds [], it must be a JSON object"],
        [": holds null, it must be a JSON object"],
        [
          "tools[0].name: is missing, it must be up to 64 letters, digits, _ and -",
          "tools[0].description: is missing, it must be a text of 1 to 1024 characters that tells the model when to call the tool"
        ],
        [
          'detection: is 5, it must be an object that says how the end of a turn is found: {"type": "server_vad", …} or {"type": "semantic_vad", …}'
        ],
        ["tools: is {}, it must be a list of the functions that the model may call"],
        [
          'transcription: is "x", it must be an object that says how the caller\'s words are written down, or null: not at all'
        ]
      ]
    )
  })

  it("contradictions between fields are core's", () => {
    assert.deepStrictEqual(
      problems({ greetingProtected: true, tools: [{ name: "end_call", description: "Hang up." }] }).map(
        ({ name }) => name
      ),
      ["greetingProtected", "tools"]
    )
  })

  it.scoped("a file that is not there, is not JSON, is wrong: the problem names it", () =>
    Effect.gen(function* () {
      const directory = NodeFs.mkdtempSync(`${process.env["TMPDIR"] ?? "/tmp"}/offhook-agent-`)
      yield* Effect.addFinalizer(() => Effect.sync(() => NodeFs.rmSync(directory, { recursive: true })))
      const load = (name: string, text?: string) => {
        if (text !== undefined) NodeFs.writeFileSync(`${directory}/${name}`, text)
        return AgentFile.load(`${directory}/${name}`).pipe(
          Effect.match({
            onSuccess: () => "sound",
            onFailure: ({ message }) => message.replaceAll(`${directory}/`, "")
          })
        )
      }
      assert.include(yield* load("missing.json"), "OFFHOOK_AGENT: missing.json cannot be read (NotFound)")
      assert.include(yield* load("broken.json", '{"voice": }'), "OFFHOOK_AGENT: broken.json is not JSON: ")
      assert.include(
        yield* load("wrong.json", '{"voise": "x"}'),
        'wrong.json: voise: is no field of an agent. did you mean "voice"?'
      )
      assert.strictEqual(yield* load("bom.json", '\uFEFF{"voice": "cedar"}'), "sound")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it("docs/agent.schema.json is this schema (UPDATE_DOCS=1 writes it)", () => {
    const file = new URL("../../../docs/agent.schema.json", import.meta.url)
    if (process.env["UPDATE_DOCS"] === "1") {
      NodeFs.writeFileSync(file, `${JSON.stringify(AgentFile.jsonSchema, null, 2)}\n`)
    }
    assert.deepStrictEqual(
      JSON.parse(NodeFs.readFileSync(file, "utf8")),
      JSON.parse(JSON.stringify(AgentFile.jsonSchema))
    )
  })
})
