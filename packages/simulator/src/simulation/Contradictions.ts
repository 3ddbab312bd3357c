/**
 * An agent and a document that contradict themselves must be refused by name before a call is taken; those that take
 * calls have nothing to refuse. Asked of a call's own, and of ones broken on purpose, by seed.
 */
import { Agent, Twilio } from "@offhook/core"
import * as Random from "../Random.ts"
import type { Broken } from "./Invariants.ts"
import type * as Plan from "./Plan.ts"

/** Of calls. */
const share = 1 / 16

export const found = (plan: Plan.Plan): ReadonlyArray<Broken> => {
  const random = Random.make(plan.seed).split("contradictions")
  if (random.next() >= share) return []
  const broken: Array<Broken> = []
  const add = (detail: string): void => {
    broken.push({ invariant: "contradictions are named", at: 0, detail })
  }
  const { agent } = plan
  for (const { field, fix } of Agent.problems(agent)) add(`the agent of this call has a wrong ${field}: ${fix}`)
  for (const [field, other] of agents(agent)) {
    const named = Agent.problems(other).some((problem) => problem.field === field && problem.fix !== "")
    if (!named) add(`${field} contradicts the rest of ${JSON.stringify(other).slice(0, 300)}, unnoticed`)
  }
  for (const [field, document] of documents) {
    const named = Twilio.TwiML.problems(document).some((problem) => problem.startsWith(field))
    if (!named) add(`${field} is wrong in ${JSON.stringify(document).slice(0, 200)}, unnoticed`)
  }
  return broken
}

/** The agent of a call, and one thing about it changed: which field is to be named. */
const agents = (agent: Agent.Agent): ReadonlyArray<readonly [string, Agent.Agent]> => {
  const machine: Agent.Agent = { ...agent, turns: "machine" }
  const model: Agent.Agent = { ...agent, turns: "model" }
  const tool: Agent.Tool = { name: "look", description: "", parameters: {}, timeoutMs: 1_000 }
  return [
    ["greetingProtected", { ...model, greetingProtected: true }],
    ["interruptAfterMs", { ...model, interruptAfterMs: 200 }],
    ["backchannels", { ...model, backchannels: { maxMs: 700, words: [] } }],
    ["pauseToDecide", { ...model, pauseToDecide: true }],
    ["gate", { ...model, gate: { minDbfs: -40, echoDb: null } }],
    ["tools[0].protectAnswer", { ...model, tools: [{ ...tool, protectAnswer: true }] }],
    ["backchannels", { ...machine, transcription: null, backchannels: { maxMs: 700, words: ["mm-hm"] } }],
    ["backchannels", { ...machine, interruptAfterMs: 300, backchannels: { maxMs: 300, words: [] } }],
    ["pauseToDecide", { ...machine, pauseToDecide: true, interruptAfterMs: 0, backchannels: null }],
    ["pauseToDecide", { ...machine, pauseToDecide: true, interruptAfterMs: 800, backchannels: null }],
    ["pauseToDecide", { ...machine, pauseToDecide: true, backchannels: { maxMs: 900, words: [] } }],
    ["gate", { ...machine, gate: { minDbfs: null, echoDb: null } }],
    ["tools", { ...agent, tools: [tool, tool] }],
    ["tools", { ...agent, endCall: true, tools: [{ ...tool, name: "end_call" }] }]
  ]
}

const documents: ReadonlyArray<readonly [string, Twilio.TwiML.ConnectStream]> = [
  ["streamUrl", { streamUrl: "https://voice.example.com/media-stream", parameters: {} }],
  ["streamUrl", { streamUrl: "wss://voice.example.com/media-stream?call=1", parameters: {} }],
  ["parameters", { streamUrl: "wss://voice.example.com/media-stream", parameters: { order: "7".repeat(500) } }]
]
