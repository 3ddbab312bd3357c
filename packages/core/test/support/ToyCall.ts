/**
 * A small machine with every kind of command, for the tests of recording and replay: it shows what these do whatever
 * the real machine decides.
 */
import type { Config } from "../../src/Agent.ts"
import * as Agent from "../../src/Agent.ts"
import type { Command, Summary } from "../../src/Command.ts"
import type { Event } from "../../src/Event.ts"
import * as Keypad from "../../src/Keypad.ts"
import * as Recorder from "../../src/Recorder.ts"
import type { Machine } from "../../src/Replay.ts"

export interface State {
  readonly config: Config
  readonly ready: boolean
  readonly appended: number
  readonly played: number
  readonly item: string | null
  readonly keypad: Keypad.Keypad
}

export const config: Config = { agent: Agent.defaults, prices: { date: "2026-11-01", models: {} } }

export const summary: Summary = {
  outcome: "caller hung up",
  durationMs: 0,
  turns: { caller: 0, agent: 0 },
  interruptions: 0,
  asides: 0,
  pauses: 0,
  resumed: 0,
  responses: 0,
  toolCalls: 0,
  truncations: 0,
  deletions: 0,
  reactions: { answers: 0, answerMs: 0, worstAnswerMs: 0 },
  deadAirMs: 0,
  generatedMs: 0,
  heardMs: 0,
  usage: {
    inputText: 0,
    inputAudio: 0,
    inputImage: 0,
    cachedText: 0,
    cachedAudio: 0,
    cachedImage: 0,
    outputText: 0,
    outputAudio: 0
  },
  costUsd: null,
  modelErrors: 0
}

export const machine: Machine<State> = {
  initial: (config) => [
    { config, ready: false, appended: 0, played: 0, item: null, keypad: Keypad.initial },
    [{ _tag: "ConnectModel", session: 0 }]
  ],
  step: (state, event) => {
    switch (event._tag) {
      case "ModelConnected":
        return [state, [{ _tag: "ConfigureModel", session: 0, agent: state.config.agent }]]
      case "ModelSessionUpdated":
        return [{ ...state, ready: true }, [create]]
      case "CarrierAudio":
        return state.ready
          ? [
              { ...state, appended: state.appended + event.bytes },
              [
                {
                  _tag: "ForwardAudio",
                  session: 0,
                  from: state.appended,
                  bytes: event.bytes,
                  payload: event.payload
                }
              ]
            ]
          : [state, []]
      case "ModelAudio":
        return [
          { ...state, played: state.played + event.bytes, item: event.item },
          [
            {
              _tag: "PlayAudio",
              stream: 0,
              session: 0,
              item: event.item,
              contentIndex: event.contentIndex,
              from: state.played,
              bytes: event.bytes,
              payload: event.payload
            },
            { _tag: "Mark", stream: 0, name: `m${state.played}` }
          ]
        ]
      case "ModelSpeechStarted":
        return state.item === null || state.config.agent.interruptAfterMs > 0
          ? [state, []]
          : [
              { ...state, item: null },
              [
                { _tag: "Clear", stream: 0 },
                { _tag: "Truncate", session: 0, item: state.item, contentIndex: 0, audioEndMs: event.at }
              ]
            ]
      case "CarrierKeyed": {
        const [keypad, entry] = Keypad.press(state.keypad, event.digit, event.at)
        return [{ ...state, keypad }, told(entry)]
      }
      case "TimeAdvanced": {
        const deadline = Keypad.nextDeadline(state.keypad)
        if (deadline === null || event.at < deadline) return [state, []]
        const [keypad, entry] = Keypad.due(state.keypad)
        return [{ ...state, keypad }, told(entry)]
      }
      case "ModelErred":
        return [state, [{ _tag: "Note", note: { what: "model error", detail: event.error.message } }]]
      case "CarrierStopped":
        return [state, [{ _tag: "Ended", summary: { ...summary, durationMs: event.at } }]]
      default:
        return [state, []]
    }
  }
}

const create: Command = { _tag: "CreateResponse", session: 0, request: "r0", instructions: "Grüße, 世界 🙂" }

const told = (entry: string | null): ReadonlyArray<Command> =>
  entry === null ? [] : [{ _tag: "AddText", session: 0, item: "keys", role: "user", text: Keypad.sentence(entry) }]

/** Records the events as a host would that runs the toy. */
export const recorded = (events: ReadonlyArray<Event>, options: Partial<Recorder.Options> = {}): string =>
  recordedBy(machine, events, options)

export const recordedBy = <S>(
  by: Machine<S>,
  events: ReadonlyArray<Event>,
  options: Partial<Recorder.Options> = {}
): string => {
  const recorder = Recorder.make({ ...host, ...options })
  let [state, commands] = by.initial(host.config)
  let text = recorder.start(commands)
  for (const event of events) {
    ;[state, commands] = by.step(state, event)
    text += recorder.add(event, commands)
  }
  return text + recorder.finish()
}

export const host: Recorder.Options = {
  version: "0.1.0",
  call: "CA00000000000000000000000000000001",
  startedAt: "2026-11-22T12:00:00.000Z",
  config
}

const base64Of = (seed: number): string => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  let text = ""
  for (let index = 0; index < 213; index++) text += alphabet.charAt((seed * 31 + index * 7) % 64)
  return `${text}A==`.slice(0, 216)
}

/** One frame of caller audio. */
export const frame = (number: number, at: number): Event => ({
  _tag: "CarrierAudio",
  at,
  stream: 0,
  timestamp: number * 20,
  bytes: 160,
  levels: "ABCDEFGH".charAt(number % 8),
  payload: base64Of(number)
})

/** A call of some seconds with everything in it; `jitter` moves the arrivals. */
export const story = (jitter: (frame: number) => number = () => 0): ReadonlyArray<Event> => {
  const events: Array<Event> = [
    {
      _tag: "CarrierStarted",
      at: 310,
      stream: 0,
      streamSid: "MZ00000000000000000000000000000001",
      callSid: host.call,
      accountSid: "AC00000000000000000000000000000001",
      encoding: "audio/x-mulaw",
      sampleRate: 8000,
      channels: 1,
      parameters: { token: "once-only", from: "+15005550001", agent: "sales 12" }
    },
    { _tag: "ModelConnected", at: 400, session: 0 }
  ]
  let at = 400
  const frames = (from: number, to: number) => {
    for (let number = from; number < to; number++) {
      at = Math.max(at, 400 + number * 20 + jitter(number))
      events.push(frame(number, at))
      if (number % 40 === 39) events.push({ _tag: "TimeAdvanced", at: at + 3 }, { _tag: "TimeAdvanced", at: at + 3 })
      if (number % 40 === 39) at += 3
    }
  }
  const now = (event: Omit<Extract<Event, { readonly session: number }>, "at">) =>
    events.push({ ...event, at } as unknown as Event)
  frames(0, 30)
  now({ _tag: "ModelSessionUpdated", session: 0, input: { type: "audio/pcmu" }, output: null } as never)
  frames(30, 60)
  now({
    _tag: "ModelResponseCreated",
    session: 0,
    response: "resp_1",
    request: null,
    inConversation: true
  } as never)
  for (let delta = 0; delta < 4; delta++) {
    now({
      _tag: "ModelAudio",
      session: 0,
      response: "resp_1",
      item: "item_1",
      contentIndex: 0,
      bytes: 160,
      levels: "Q",
      payload: base64Of(1000 + delta)
    } as never)
  }
  frames(60, 400)
  now({ _tag: "ModelSpeechStarted", session: 0, item: "item_2", audioStartMs: 5200 } as never)
  for (const digit of ["4", "1", "A", "*", "9", "#"]) events.push({ _tag: "CarrierKeyed", at, stream: 0, digit })
  now({
    _tag: "ModelErred",
    session: 0,
    error: {
      type: "invalid_request_error",
      code: "invalid_api_key",
      message: "Incorrect API key provided: sk-proj-abcdefgh12345678.",
      param: null,
      cause: null
    }
  } as never)
  frames(401, 420)
  events.push({ _tag: "CarrierStopped", at: at + 5, stream: 0 })
  return events
}
