/**
 * Named calls: each one situation that a phone agent must get right, told in a sentence. The golden calls of the core
 * are recordings of these.
 */

import { Agent } from "@offhook/core"
import * as Caller from "./Caller.ts"
import * as Brain from "./model/Brain.ts"
import type * as SimModel from "./SimModel.ts"
import type * as Speech from "./Speech.ts"
import type * as World from "./World.ts"

export interface Scenario {
  readonly name: string
  readonly sentence: string
  readonly options: World.Options
}

const network = { carrierLine: { delay: 40, jitter: 8 }, modelLine: { delay: 20, jitter: 5 } }

const tools: ReadonlyArray<Agent.Tool> = [
  { name: "find_table", description: "Finds a free table", parameters: { type: "object" }, timeoutMs: 5_000 },
  { name: "opening_hours", description: "Opening hours", parameters: { type: "object" }, timeoutMs: 5_000 }
]

export const all = (audio: Speech.Audio): ReadonlyArray<Scenario> => {
  const clip = (id: Speech.ClipId, text: string) => Brain.say({ audio: audio[id], text })
  const greeting = clip("agent-greeting", "Hello, this is Luigi's restaurant. How can I help you?")
  const long = clip(
    "agent-opening-hours",
    "We open Tuesday to Sunday. Lunch is from twelve to half past two, and dinner from six to eleven."
  )
  const short = clip("agent-how-many", "Of course. We have room for up to eight people.")
  const booked = clip("agent-booked", "Your table for four is booked for eight o'clock tonight.")
  const goodbye = clip("agent-goodbye", "Thank you for calling. Goodbye!")
  const endCall = Brain.call("end_call", "{}")
  const say = (id: Speech.ClipId, when: Caller.When) => Caller.say(id, audio[id], when)
  const hangUp = Caller.hangUp(Caller.agentSilent(800))

  const scenario = (
    name: string,
    sentence: string,
    plans: ReadonlyArray<Brain.Plan>,
    script: Caller.CallerScript,
    agent: Partial<Agent.Agent> = {},
    {
      model,
      ...more
    }: Omit<Partial<World.Options>, "model"> & {
      readonly model?: Partial<Omit<SimModel.Options, "brain" | "direct" | "seed">>
    } = {}
  ): Scenario => ({
    name,
    sentence,
    options: {
      seed: name,
      agent: { ...Agent.defaults, ...agent },
      brain: Brain.scripted(plans, { rest: Brain.NOTHING }),
      script,
      ...network,
      ...more,
      model: { ...model, choices: { truncatesItself: false, ...model?.choices } }
    }
  })

  return [
    scenario(
      "agent-ends-the-call",
      "The agent greets, answers, says goodbye and hangs up once that was heard.",
      [{ parts: [greeting] }, { parts: [short] }, { parts: [goodbye, endCall] }],
      [say("caller-how-many", Caller.agentSilent(500)), say("caller-goodbye", Caller.agentSilent(500))]
    ),
    scenario(
      "agent-waits",
      "There is no greeting: the caller speaks first.",
      [{ parts: [short] }],
      [say("caller-how-many", Caller.after(500)), hangUp],
      { greeting: null }
    ),
    scenario(
      "interrupted-while-generating",
      "The caller speaks while the model still generates: it cancels, late audio is dropped, the item is truncated.",
      [{ parts: [long] }, { parts: [short] }],
      [say("caller-yes", Caller.agentSpeaking(2_000)), hangUp],
      {},
      { model: { pace: { speed: [1, 1.2] }, choices: { lateDeltas: 4 } } }
    ),
    scenario(
      "interrupted-while-the-buffer-plays",
      "Generation has long ended when the caller speaks: only the carrier's buffer is cut.",
      [{ parts: [long] }, { parts: [short] }],
      [say("caller-yes", Caller.agentSpeaking(5_000)), hangUp]
    ),
    scenario(
      "interrupted-with-items-queued",
      "Three items are queued, the second is playing: one is left, one truncated, one deleted.",
      [{ parts: [short, booked, long] }, { parts: [short] }],
      [say("caller-yes", Caller.agentSpeaking(4_000)), hangUp]
    ),
    scenario(
      "interrupted-in-the-first-200-ms",
      "The caller speaks almost as soon as the agent does.",
      [{ parts: [long] }, { parts: [short] }],
      [say("caller-yes", Caller.agentSpeaking(120)), hangUp]
    ),
    scenario(
      "interrupted-in-the-last-200-ms",
      "The caller speaks just before the agent's last word ends.",
      [{ parts: [short] }, { parts: [booked] }],
      [say("caller-yes", Caller.agentSpeaking(2_600)), hangUp]
    ),
    scenario(
      "interrupted-three-times",
      "Every answer is cut short.",
      [{ parts: [long] }, { parts: [long] }, { parts: [booked, long] }, { parts: [short] }],
      [1, 2, 3].map((n) => say("caller-yes", Caller.agentSpeaking(700 * n))).concat(hangUp)
    ),
    scenario(
      "machine-owns-the-turns",
      "The machine cancels, truncates and creates; a short backchannel does not interrupt.",
      [{ parts: [long] }, { parts: [booked] }],
      [say("caller-mhm", Caller.agentSpeaking(1_000)), say("caller-how-many", Caller.after(2_000)), hangUp],
      { turns: "machine", interruptAfterMs: 1_200 }
    ),
    scenario(
      "pauses-for-a-cough",
      "The agent pauses for a cough and goes on where it stopped; for a question it stays silent, and answers.",
      [{ parts: [long] }, { parts: [booked] }],
      [say("caller-cough", Caller.agentSpeaking(1_000)), say("caller-how-many", Caller.after(2_000)), hangUp],
      { turns: "machine", backchannels: { maxMs: 700, words: [] }, pauseToDecide: true }
    ),
    scenario(
      "protected-greeting",
      "The greeting is spoken to its end, then the caller is answered.",
      [{ parts: [greeting] }, { parts: [short] }],
      [say("caller-how-many", Caller.agentSpeaking(600)), hangUp],
      { turns: "machine", greetingProtected: true }
    ),
    scenario(
      "tools-several-at-once",
      "Two calls with good and empty arguments, one with broken ones, then one answer.",
      [
        { parts: [greeting] },
        {
          parts: [
            Brain.call("find_table", '{"seats":4}'),
            Brain.call("opening_hours", ""),
            Brain.call("find_table", '{"seats":')
          ]
        },
        { parts: [booked] }
      ],
      [say("caller-table-for-four", Caller.agentSilent(500)), hangUp],
      { tools },
      { tool: (name) => ({ output: `{"tool":"${name}"}`, afterMs: name === "find_table" ? 900 : 300 }) }
    ),
    scenario(
      "tool-result-after-an-interruption",
      "The caller speaks while the tool works; the result is answered once and talked about once.",
      [{ parts: [short, Brain.call("find_table", "{}")] }, { parts: [booked] }, { parts: [long] }],
      [say("caller-yes", Caller.agentSpeaking(1_200)), hangUp],
      { tools },
      { tool: () => ({ output: '{"free":true}', afterMs: 2_500 }) }
    ),
    scenario(
      "keyed-digits",
      "The caller keys a number; it becomes one text, answered when nobody speaks.",
      [{ parts: [greeting] }, { parts: [booked] }],
      [Caller.press("4711#", Caller.agentSpeaking(1_000)), hangUp]
    ),
    scenario(
      "caller-hangs-up-mid-sentence",
      "The line is gone while the agent speaks.",
      [{ parts: [long] }],
      [Caller.hangUp(Caller.agentSpeaking(2_500))]
    ),
    scenario(
      "goodbye-called-off",
      "The agent is about to hang up when the caller has another question.",
      [{ parts: [greeting] }, { parts: [goodbye, endCall] }, { parts: [short] }],
      [say("caller-goodbye", Caller.agentSilent(500)), say("caller-how-many", Caller.agentSpeaking(600)), hangUp]
    ),
    scenario(
      "model-lost",
      "The model's socket is lost in the middle of an answer: the rest is heard, then the carrier's tail.",
      [{ parts: [long] }],
      [Caller.wait(Caller.after(20_000))],
      {},
      { model: { faults: [{ _tag: "SocketLost", after: "response.done" }] } }
    ),
    scenario(
      "response-fails-and-is-retried",
      "The model fails once in the middle of its answer and is asked again.",
      [{ parts: [greeting] }, { parts: [short] }, { parts: [booked] }],
      [say("caller-how-many", Caller.agentSilent(500)), hangUp],
      { turns: "machine" },
      { model: { faults: [{ _tag: "ResponseFailed", code: "server_error", part: 0.5 }] } }
    ),
    scenario(
      "silence-suppressed",
      "The carrier sends nothing while the caller says nothing: gaps are filled, the turn ends all the same.",
      [{ parts: [greeting] }, { parts: [short] }],
      [say("caller-how-many", Caller.agentSilent(500)), hangUp],
      {},
      { carrier: { impairments: { silenceSuppression: true } } }
    ),
    scenario(
      "caller-speaks-before-the-model-is-ready",
      "The model is slow to connect; what the caller said meanwhile is kept, and does not cut the greeting.",
      [{ parts: [greeting] }, { parts: [short] }],
      [say("caller-yes", Caller.after(100)), hangUp],
      {},
      { model: { pace: { updateMs: [2_500, 2_500] } } }
    )
  ]
}
