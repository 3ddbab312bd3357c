/** A conversation with a published realtime client that nobody here wrote: `@openai/agents-realtime`, over a real socket. */

import { once } from "node:events"
import { Brain, ModelServer } from "@offhook/simulator"
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime"
import { assert, it } from "vitest"
import { z } from "zod"
import * as H from "./ModelHarness.ts"

const ANSWERS = [
  "hello who is there",
  "we open at noon and close at ten",
  "let me look that up",
  "a table is free at eight",
  "goodbye then"
]

const clipOf = (index: number, ms: number) => ({ audio: H.talk(ms), text: ANSWERS[index]! })

/** Greeting; a long answer, to be interrupted; a tool call; what the tool said. */
const brain = Brain.scripted([
  { parts: [Brain.say(clipOf(0, 800))] },
  { parts: [Brain.say(clipOf(1, 30_000))] },
  { parts: [Brain.say(clipOf(2, 500)), Brain.call("free_tables", '{"people":4}')] },
  { parts: [Brain.say(clipOf(3, 700))] }
])

it("holds a conversation with the published client: turns, a barge-in, a tool call and its follow-up", async () => {
  const server = await ModelServer.start({
    brain,
    apiKey: "sk-test",
    seed: 3,
    choices: { editBeforeDone: true, truncateToZero: true },
    pace: {
      createMs: [1, 5],
      thinkMs: [5, 20],
      speed: [10, 12],
      deltaMs: [40, 200],
      updateMs: [1, 5],
      transcriptionMs: [20, 40]
    },
    transcribe: ({ index }) => `turn ${index}`
  })
  const asked: Array<number> = []
  const freeTables = tool({
    name: "free_tables",
    description: "Says when a table is free.",
    parameters: z.object({ people: z.number() }),
    execute: ({ people }) => {
      asked.push(people)
      return "eight o'clock"
    }
  })
  const transport = new OpenAIRealtimeWebSocket({ url: `${server.url}?model=gpt-realtime-2.1` })
  const session = new RealtimeSession(
    new RealtimeAgent({ name: "Host", instructions: "Be brief.", tools: [freeTables] }),
    {
      transport,
      model: "gpt-realtime-2.1",
      config: {
        outputModalities: ["audio"],
        audio: {
          input: {
            format: { type: "audio/pcmu" },
            transcription: { model: "gpt-4o-mini-transcribe" },
            turnDetection: { type: "server_vad", interruptResponse: true, createResponse: true }
          },
          output: { format: { type: "audio/pcmu" } }
        }
      }
    }
  )
  const errors: Array<unknown> = []
  session.on("error", (error) => errors.push(error))
  const next = (type: string) => once(transport as unknown as NodeJS.EventEmitter, type)
  const say = (audio: Uint8Array) => session.sendAudio(audio.slice().buffer as ArrayBuffer)
  const utterance = H.join(H.talk(900), H.silence(700))

  try {
    const updated = next("session.updated")
    await session.connect({ apiKey: "sk-test" })
    await updated
    const model = server.sessions[0]!.model

    const greeted = next("response.done")
    transport.requestResponse({ instructions: "Greet the caller." })
    await greeted

    const answering = next("response.output_audio.delta")
    say(utterance)
    await answering

    const cancelled = next("response.done")
    const interrupted = next("conversation.item.truncated")
    const toolAsked = once(session as unknown as NodeJS.EventEmitter, "agent_tool_end")
    say(utterance)
    const [{ response }] = await cancelled
    assert.strictEqual(response.status, "cancelled")
    assert.strictEqual(response.status_details.reason, "turn_detected")
    await interrupted

    await toolAsked
    const [{ response: followUp }] = await next("response.done").then((first) =>
      first[0].response.output[0]?.content?.[0]?.transcript === ANSWERS[3] ? first : next("response.done")
    )
    assert.strictEqual(followUp.output[0].content[0].transcript, ANSWERS[3])

    assert.deepStrictEqual(asked, [4])
    const output = model.items.find((item) => item.type === "function_call_output")
    assert.include(output?.output, "eight o'clock")
    assert.deepStrictEqual(errors, [])
    assert.deepStrictEqual(model.errorsSent, [])
    assert.isTrue(H.same(model.received.bytes(), H.join(utterance, utterance)))
    const [long] = model.items.flatMap(({ content: [part] }) =>
      part?.type === "output_audio" && part.clip.length === 240_000 ? [part] : []
    )
    assert.isBelow(long?.keptMs ?? Infinity, long?.generatedMs ?? 0)
    assert.isNull(long?.transcript)
    const history = session.history.flatMap((item) => (item.type === "message" ? [item.role] : []))
    assert.deepStrictEqual(history, ["assistant", "user", "assistant", "user", "assistant", "assistant"])
  } finally {
    session.close()
    await server.close()
  }
}, 10_000)
