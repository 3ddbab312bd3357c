/**
 * Histories of a call for property tests: moves drawn at random, played against the machine by peers that remember just
 * enough to answer it (marks to echo, requests to answer, tools to finish). A move that makes no sense is played too.
 */

import { Agent, Call, type Command, type Event, Prices } from "@offhook/core"
import { FastCheck } from "effect"

type Body<E> = E extends { readonly at: number } ? Omit<E, "at"> : never

export interface History {
  readonly agent: Agent.Agent
  readonly isBegun: boolean
  readonly moves: ReadonlyArray<Move>
}

interface Move {
  readonly kind: Kind
  readonly after: number
  readonly pick: number
  readonly size: number
}

/** One event, what it found, and what the machine made of it. */
export interface Happening {
  readonly event: Event
  readonly before: Call.State
  readonly after: Call.State
  readonly commands: ReadonlyArray<Command>
}

const weights = {
  frames: 8,
  echo: 12,
  echoAny: 1,
  speech: 8,
  stop: 5,
  commit: 5,
  created: 9,
  createdOwn: 8,
  createdOutside: 1,
  talk: 8,
  cough: 10,
  audio: 14,
  text: 4,
  item: 3,
  tool: 5,
  endCall: 2,
  done: 10,
  interruptedDone: 4,
  failedDone: 3,
  doneEarly: 1,
  toolFinished: 5,
  key: 2,
  refused: 2,
  erred: 2,
  transcribed: 3,
  truncated: 1,
  time: 4,
  carrier: 1,
  model: 1,
  foreign: 2,
  hangUpFailed: 0.5,
  misbehaved: 0.5,
  stopped: 0.15,
  closed: 0.15,
  lost: 0.15,
  endRequested: 0.15
} as const

type Kind = keyof typeof weights

const kind: FastCheck.Arbitrary<Kind> = FastCheck.oneof(
  ...Object.entries(weights).map(([name, weight]) => ({
    arbitrary: FastCheck.constant(name as Kind),
    weight: weight * 20
  }))
)

const after: FastCheck.Arbitrary<number> = FastCheck.oneof(
  { arbitrary: FastCheck.constant(0), weight: 6 },
  { arbitrary: FastCheck.integer({ min: 1, max: 60 }), weight: 8 },
  { arbitrary: FastCheck.integer({ min: 60, max: 1200 }), weight: 6 },
  { arbitrary: FastCheck.integer({ min: 1200, max: 6000 }), weight: 2 },
  { arbitrary: FastCheck.integer({ min: -40, max: -1 }), weight: 1 }
)

const tool: Agent.Tool = { name: "look", description: "Looks.", parameters: { type: "object" }, timeoutMs: 5000 }

/** From when all that waits is answered, or given up, to the last event. */
export const dayMs = 86_400_000

const agents: ReadonlyArray<Agent.Agent> = [
  { ...Agent.defaults, tools: [tool] },
  { ...Agent.defaults, tools: [tool], greeting: null },
  { ...Agent.defaults, tools: [tool], turns: "machine", interruptAfterMs: 300 },
  { ...Agent.defaults, tools: [tool], turns: "machine", greetingProtected: true, transcription: null },
  { ...Agent.defaults, tools: [tool], detection: { type: "semantic_vad", eagerness: "auto" }, maxCallMs: 20_000 }
]

/** An agent whose machine owns the turns, with any policies that fit each other. */
const withPolicies: FastCheck.Arbitrary<Agent.Agent> = FastCheck.record({
  interruptAfterMs: FastCheck.constantFrom(0, 100, 300),
  backchannels: FastCheck.constantFrom(null, { maxMs: 500, words: [] }, { maxMs: 700, words: ["words"] }),
  pauseToDecide: FastCheck.constantFrom(true, true, false),
  gate: FastCheck.constantFrom(null, { minDbfs: -30, echoDb: null }, { minDbfs: null, echoDb: 6 }),
  greeting: FastCheck.constantFrom(null, "Hello."),
  greetingProtected: FastCheck.boolean(),
  protectAnswer: FastCheck.boolean()
}).map(({ protectAnswer, ...policies }): Agent.Agent => {
  const agent: Agent.Agent = {
    ...Agent.defaults,
    ...policies,
    turns: "machine",
    tools: [{ ...tool, protectAnswer }]
  }
  return Agent.problems(agent).length === 0 ? agent : { ...agent, interruptAfterMs: 300 }
})

export const arbitrary: FastCheck.Arbitrary<History> = FastCheck.record({
  agent: FastCheck.oneof(FastCheck.constantFrom(...agents), withPolicies),
  isBegun: FastCheck.oneof({ arbitrary: FastCheck.constant(true), weight: 9 }, FastCheck.constant(false)),
  moves: FastCheck.array(FastCheck.record({ kind, after, pick: FastCheck.nat(99), size: FastCheck.nat(999) }), {
    maxLength: 80,
    size: "max"
  })
})

/** The state a call begins with, and its first commands. */
export const initial = (history: History): Call.Step => Call.initial({ agent: history.agent, prices: Prices.table })

/** `punctual`: time is told at every deadline, so that each step fires no more than its own. */
export const play = (history: History, punctual = true): ReadonlyArray<Happening> => {
  const happenings: Array<Happening> = []
  let [state] = initial(history)
  let at = 0
  let timestamp = 0
  let number = 0
  const marks: Array<string> = []
  const requests: Array<string> = []
  const responses: Array<string> = []
  const calls: Array<string> = []

  const on = (body: Body<Event>): void => {
    for (let due = Call.nextDeadline(state); punctual && due !== null && due <= at; due = Call.nextDeadline(state)) {
      step({ _tag: "TimeAdvanced", at: Math.max(due, state.at) })
    }
    step({ ...body, at } as Event)
  }
  const step = (event: Event): void => {
    const [next, commands] = Call.step(state, event)
    for (const command of commands) {
      if (command._tag === "Mark") marks.push(command.name)
      if (command._tag === "CreateResponse") requests.push(command.request)
    }
    happenings.push({ event, before: state, after: next, commands })
    state = next
  }
  const frames = (count: number, levels: string): void => {
    for (let frame = 0; frame < count; frame++) {
      at += 20
      timestamp = Math.max(timestamp + 20, at)
      on({ _tag: "CarrierAudio", stream: 0, timestamp: timestamp - 20, bytes: 160, levels, payload: "caller" })
    }
  }
  const last = <A>(list: ReadonlyArray<A>, pick: number): A | undefined =>
    list[list.length - 1 - (pick % 8 === 7 ? 1 : 0)]
  const created = (request: string | null, inConversation: boolean): void => {
    number += 1
    const response = `resp_${number}`
    if (inConversation) responses.push(response)
    on({ _tag: "ModelResponseCreated", session: 0, response, request, inConversation })
  }
  const done = (pick: number, status: Extract<Event, { _tag: "ModelResponseDone" }>["status"]): void =>
    on({
      _tag: "ModelResponseDone",
      session: 0,
      response: last(responses, pick) ?? "resp_0",
      request: null,
      inConversation: true,
      status,
      reason: null,
      error: status === "failed" ? { type: "server_error", code: pick % 2 === 0 ? null : "odd", message: "" } : null,
      usage: null
    })

  const echo = (count: number): void => {
    for (let left = count; left > 0; left--) {
      const name = marks.shift()
      if (name !== undefined) on({ _tag: "CarrierMarked", stream: 0, name })
    }
  }
  const says = (response: string, item: string, contentIndex: number, size: number): void =>
    on({
      _tag: "ModelAudio",
      session: 0,
      response,
      item,
      contentIndex,
      bytes: size % 50 === 0 ? 0 : size * 16,
      levels: "u".repeat(size % 30),
      payload: ""
    })

  const begin = (): void => {
    on({
      _tag: "CarrierStarted",
      stream: 0,
      streamSid: "MZ",
      callSid: "CA",
      accountSid: "AC",
      encoding: "audio/x-mulaw",
      sampleRate: 8000,
      channels: 1,
      parameters: {}
    })
  }
  const ready = (): void => {
    on({ _tag: "ModelConnected", session: 0 })
    on({ _tag: "ModelSessionCreated", session: 0, id: "sess", expiresAt: null })
    on({ _tag: "ModelSessionUpdated", session: 0, input: { type: "audio/pcmu" }, output: { type: "audio/pcmu" } })
  }

  const move = ({ kind, pick, size }: Move): void => {
    const response = last(responses, pick) ?? "resp_0"
    const item = `item_${response}_${pick % 3}`
    const contentIndex = pick % 5 === 4 ? 1 : 0
    const user = `user_${size % 5}`
    switch (kind) {
      case "frames":
        return frames(1 + (size % 40), size % 2 === 0 ? "y" : size % 5 === 0 ? "h" : "A")
      case "echo":
        return echo(pick % 4 === 0 ? marks.length : 1)
      case "echoAny":
        return on({ _tag: "CarrierMarked", stream: 0, name: size % 2 === 0 ? `g${pick % 4}-${size % 30}` : "other" })
      case "speech": {
        const appended = state.caller.appended / 8
        if (size % 4 !== 0) frames(10, "y")
        number += 1
        return on({
          _tag: "ModelSpeechStarted",
          session: 0,
          item: size % 7 === 0 ? user : `${user}_${number}`,
          audioStartMs: Math.floor(Math.max(0, appended - (size % 4 !== 0 ? 420 + (size % 150) : size)))
        })
      }
      case "stop":
        return on({
          _tag: "ModelSpeechStopped",
          session: 0,
          item: user,
          audioEndMs: Math.floor(state.caller.appended / 8)
        })
      case "commit":
        number += 1
        return on({
          _tag: "ModelSpeechCommitted",
          session: 0,
          item: pick % 3 === 0 ? `${user}_${number}` : state.speech.item,
          previous: null
        })
      case "created":
        return created(null, true)
      case "createdOwn":
        return created(last(requests, pick) ?? null, true)
      case "talk": {
        created(size % 3 === 0 ? null : (last(requests, pick) ?? null), true)
        const speaker = responses.at(-1) ?? ""
        for (let delta = 0; delta <= pick % 3; delta++) says(speaker, `item_${speaker}_0`, 0, size + 2000)
        return echo(1 + (pick % 3))
      }
      case "cough": {
        frames(3 + (size % 20), "y")
        number += 1
        const cough = `user_${size % 5}_${number}`
        const start = Math.max(0, Math.floor(state.caller.appended / 8) - (360 + (pick % 30) * 10))
        on({ _tag: "ModelSpeechStarted", session: 0, item: cough, audioStartMs: start })
        if (size % 2 === 0) says(responses.at(-1) ?? "", `item_${responses.at(-1)}_${pick % 2}`, 0, size)
        if (size % 5 !== 0) echo(marks.length)
        frames(1 + (size % 15), size % 4 === 0 ? "y" : "A")
        if (size % 3 === 0) return
        on({ _tag: "ModelSpeechStopped", session: 0, item: cough, audioEndMs: Math.floor(state.caller.appended / 8) })
        if (size % 7 === 0) return
        return on({ _tag: "ModelSpeechCommitted", session: 0, item: cough, previous: null })
      }
      case "createdOutside":
        return created(null, false)
      case "audio":
        return says(response, item, contentIndex, size)
      case "text":
        return on({ _tag: "ModelText", session: 0, response, item, contentIndex, text: " one two three" })
      case "item":
        return on({
          _tag: "ModelItemAdded",
          session: 0,
          item: pick % 2 === 0 ? item : user,
          kind: size % 4 === 0 ? "function_call" : "message",
          role: pick % 2 === 0 ? "assistant" : "user",
          previous: null
        })
      case "tool":
      case "endCall": {
        number += 1
        const call = (size % 9 === 0 ? state.tools.at(-1)?.call : undefined) ?? `call_${number}`
        calls.push(call)
        const name = kind === "endCall" ? "end_call" : size % 7 === 0 ? "unknown" : "look"
        const args = size % 5 === 0 ? "{" : size % 5 === 1 ? "" : "{}"
        return on({ _tag: "ModelToolCalled", session: 0, response, item: `fc_${call}`, call, name, arguments: args })
      }
      case "done":
        return done(pick, "completed")
      case "interruptedDone":
        return done(pick, size % 2 === 0 ? "cancelled" : "incomplete")
      case "failedDone":
        return done(pick, "failed")
      case "doneEarly":
        number += 1
        return on({
          _tag: "ModelResponseDone",
          session: 0,
          response: `resp_${number}`,
          request: size % 2 === 0 ? (requests.at(-1) ?? null) : null,
          inConversation: true,
          status: "failed",
          reason: null,
          error: null,
          usage: null
        })
      case "toolFinished":
        return on({ _tag: "ToolFinished", call: last(calls, pick) ?? "call_0", output: "{}" })
      case "key":
        return on({ _tag: "CarrierKeyed", stream: 0, digit: "12#*"[pick % 4] ?? "1" })
      case "refused":
      case "erred": {
        const codes = [
          "conversation_already_has_active_response",
          "rate_limit_exceeded",
          "odd",
          "response_cancel_not_active"
        ]
        const causes = [`truncate:${item}`, `delete_item:${item}`, `answer_tool:${calls.at(-1) ?? ""}`, null]
        const cause = kind === "refused" ? (last(requests, pick) ?? null) : (causes[pick % 4] ?? null)
        const code = codes[size % 4] ?? null
        return on({
          _tag: "ModelErred",
          session: 0,
          error: { type: "invalid_request_error", code, message: "", param: null, cause }
        })
      }
      case "transcribed":
        return on(
          size % 3 === 0
            ? { _tag: "ModelTranscriptionFailed", session: 0, item: pick % 2 === 0 ? user : state.speech.item }
            : {
                _tag: "ModelTranscribed",
                session: 0,
                item: pick % 3 === 0 ? user : (state.sounds.at(-1)?.item ?? state.speech.item),
                text: size % 3 === 1 ? "Words." : "Other words."
              }
        )
      case "truncated":
        return on(
          size % 2 === 0
            ? { _tag: "ModelItemDeleted", session: 0, item }
            : { _tag: "ModelItemTruncated", session: 0, item, contentIndex, audioEndMs: size }
        )
      case "time":
        at += size * (pick % 4 === 0 ? 30 : 3)
        return on({ _tag: "TimeAdvanced" })
      case "carrier":
        return begin()
      case "model":
        return ready()
      case "foreign":
        return on(
          size % 2 === 0
            ? { _tag: "CarrierMarked", stream: 1 + (pick % 3), name: "g0-0" }
            : {
                _tag: "ModelResponseCreated",
                session: 1 + (pick % 3),
                response: "resp_x",
                request: null,
                inConversation: true
              }
        )
      case "hangUpFailed":
        return on({ _tag: "HangUpFailed" })
      case "misbehaved":
        return on(
          size % 2 === 0
            ? { _tag: "CarrierMisbehaved", stream: 0, what: "unknown message" }
            : { _tag: "ModelMisbehaved", session: 0, what: "malformed JSON" }
        )
      case "stopped":
        return on({ _tag: "CarrierStopped", stream: 0 })
      case "closed":
        return on({ _tag: "CarrierClosed", stream: 0, code: 1006 })
      case "lost":
        return on(
          size % 2 === 0
            ? { _tag: "ModelClosed", session: 0, code: 1006, reason: "" }
            : { _tag: "ModelConnectFailed", session: 0, failure: "refused", status: null }
        )
      case "endRequested":
        return on({ _tag: "EndRequested", by: size % 2 === 0 ? "operator" : "shutdown" })
    }
  }

  if (history.isBegun) {
    begin()
    ready()
    frames(10, "A")
  }
  for (const next of history.moves) {
    at = Math.max(0, at + next.after)
    move(next)
  }
  // Nothing happens any more: what waits is answered or given up, then the call ends by itself.
  at = Math.max(at, state.at) + 36_000
  on({ _tag: "TimeAdvanced" })
  at += dayMs
  on({ _tag: "TimeAdvanced" })
  return happenings
}
