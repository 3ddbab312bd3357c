/**
 * A whole call in virtual time: the real core between the simulated carrier and the simulated model, over seeded lines.
 *
 * The world is the host: it stamps events, carries commands out and sends `TimeAdvanced` at every deadline, with no
 * clock and no socket. Times are ms since the call was placed, fractional; the call's own `at` counts whole ms since
 * its webhook arrived.
 *
 * Invariants
 * 1. One seed and the same options give the same call, event for event.
 * 2. Messages of one connection arrive in the order they were sent.
 */

import { type Agent, Call, type Command, type Event, OpenAI, Prices, Twilio } from "@offhook/core"
import type * as Caller from "./Caller.ts"
import * as Line from "./Line.ts"
import type * as Brain from "./model/Brain.ts"
import * as Random from "./Random.ts"
import * as SimCarrier from "./SimCarrier.ts"
import * as SimModel from "./SimModel.ts"

/** One way, ms; a round trip is twice the delay and about once the jitter. */
export interface Network {
  readonly delay: number
  readonly jitter: number
}

/** The state machine that takes the call; `Call` of the core, or one that a test has changed. */
export interface Machine {
  readonly initial: (config: Agent.Config) => Call.Step
  readonly step: (state: Call.State, event: Event) => Call.Step
  readonly nextDeadline: (state: Call.State) => number | null
  readonly isEnded: (state: Call.State) => boolean
}

export interface Options {
  readonly seed: number | string
  readonly agent: Agent.Agent
  readonly script: Caller.CallerScript
  readonly brain: Brain.Brain
  readonly carrierLine?: Network
  readonly modelLine?: Network
  readonly machine?: Machine
  /** How audio travels between host and peers: in the text of both wires (the default), or as bytes, which is faster. */
  readonly wire?: "text" | "direct"
  readonly carrier?: Partial<Omit<SimCarrier.Options, "random" | "script" | "webhookUrl">>
  readonly model?: Partial<Omit<SimModel.Options, "brain" | "seed">>
  /** The server has the carrier's REST side; without it a call ends by closing the stream. */
  readonly rest?: boolean
  /** What a tool answers and after how long; undefined: never. */
  readonly tool?: (name: string, args: string) => { readonly output: string; readonly afterMs: number } | undefined
  /** Called with each event the core was given and what it answered. */
  readonly onStep?: (event: Event, commands: ReadonlyArray<Command>, state: Call.State) => void
}

/** What a command was, and when it was given, ms since the call was placed. */
export interface Given {
  readonly at: number
  readonly command: Command
}

export interface World {
  readonly carrier: SimCarrier.SimCarrier
  /** Sessions of the call, from 0. */
  readonly models: ReadonlyArray<SimModel.SimModel>
  readonly given: ReadonlyArray<Given>
  /** The commands `Call.initial` began with. */
  readonly first: ReadonlyArray<Command>
  readonly config: Agent.Config
  readonly state: () => Call.State | undefined
  readonly now: () => number
  /** Puts an event of the host's own into the call, now: e.g. `EndRequested`. */
  readonly inject: (event: (at: number) => Event) => void
  /**
   * Runs until nothing is left to happen, or until `ms`: whether nothing is. Throws when more than `most` things happen:
   * a livelock.
   */
  readonly run: (ms?: number, most?: number) => boolean
}

const streamUrl = "ws://127.0.0.1/media-stream"

export const make = (options: Options): World => {
  const machine: Machine = options.machine ?? Call
  const random = Random.make(options.seed)
  const line = (name: string, network: Network | undefined): Line.Line =>
    network === undefined ? Line.instant : Line.make({ ...network, random: random.split(name) })
  const fromCarrier = line("from carrier", options.carrierLine)
  const toCarrier = line("to carrier", options.carrierLine)
  const fromModel = line("from model", options.modelLine)
  const toModel = line("to model", options.modelLine)
  const config: Agent.Config = { agent: options.agent, prices: Prices.table }
  const carrier = SimCarrier.make({
    ...options.carrier,
    webhookUrl: "http://127.0.0.1/incoming-call",
    random: random.split("carrier"),
    script: options.script
  })
  const models: Array<SimModel.SimModel> = []
  const given: Array<Given> = []
  let first: ReadonlyArray<Command> = []
  let state: Call.State | undefined
  let admittedAt = 0
  let streamSid: string | null = null
  let time = 0
  let sequence = 0
  const agenda: Array<{ readonly at: number; readonly order: number; readonly act: () => void }> = []

  const later = (at: number, act: () => void): void => {
    const entry = { at, order: sequence++, act }
    let index = agenda.length
    while (index > 0 && (agenda[index - 1]?.at ?? 0) > at) index--
    agenda.splice(index, 0, entry)
  }

  const callTime = (): number => Math.floor(time - admittedAt)

  const step = (event: Event): void => {
    if (state === undefined) return
    const [next, commands] = machine.step(state, event)
    state = next
    options.onStep?.(event, commands, next)
    for (const command of commands) execute(command)
  }

  const execute = (command: Command): void => {
    given.push({ at: time, command })
    switch (command._tag) {
      case "PlayAudio":
      case "Mark":
      case "Clear": {
        const text = Twilio.encode(command, streamSid ?? "")
        return later(toCarrier.arrival(time), () => carrierInput({ _tag: "TextReceived", at: time, stream: 0, text }))
      }
      case "CloseCarrier":
        return later(toCarrier.arrival(time), () => {
          carrierInput({ _tag: "SocketClosed", at: time, stream: 0, code: 1000, reason: "" })
          later(fromCarrier.arrival(time), () =>
            step({ _tag: "CarrierClosed", at: callTime(), stream: command.stream, code: 1000 })
          )
        })
      case "HangUp":
        if (options.rest === false) return later(time, () => step({ _tag: "HangUpFailed", at: callTime() }))
        return later(toCarrier.arrival(time), () => carrierInput({ _tag: "HungUpByRest", at: time }))
      case "ConnectModel":
        return connect(command.session)
      case "CloseModel":
        return later(toModel.arrival(time), () => modelInput(command.session, { _tag: "Closed", at: time }))
      case "RunTool": {
        const answer = options.tool?.(command.name, command.arguments)
        if (answer === undefined) return
        return later(time + answer.afterMs, () =>
          step({ _tag: "ToolFinished", at: callTime(), call: command.call, output: answer.output })
        )
      }
      case "Ended":
      case "Note":
      case "Reacted":
      case "Settled":
        return
      default: {
        const text = OpenAI.encode(command)
        return later(toModel.arrival(time), () => modelInput(command.session, { _tag: "TextReceived", at: time, text }))
      }
    }
  }

  const connect = (session: number): void => {
    const model = SimModel.make({ ...options.model, brain: options.brain, seed: `${options.seed}/model/${session}` })
    models[session] = model
    later(toModel.arrival(time), () => {
      later(fromModel.arrival(time), () => step({ _tag: "ModelConnected", at: callTime(), session }))
      modelInput(session, { _tag: "Opened", at: time, model: options.agent.model })
    })
  }

  const modelInput = (session: number, input: SimModel.Input): void => {
    for (const output of models[session]?.handle(input) ?? []) {
      if (output._tag === "Trace" || output._tag === "SendAudio") continue
      later(fromModel.arrival(output.at), () => {
        if (output._tag === "SendText") return step(OpenAI.decode(output.text, callTime(), session))
        step({ _tag: "ModelClosed", at: callTime(), session, code: output.code, reason: output.reason })
      })
    }
  }

  const carrierInput = (input: SimCarrier.Input): void => {
    for (const output of carrier.handle(input)) carrierOutput(output)
  }

  const carrierOutput = (output: SimCarrier.Output): void => {
    switch (output._tag) {
      case "PostWebhook":
        return later(fromCarrier.arrival(output.at), () => admit(output.request))
      case "OpenSocket":
        return later(fromCarrier.arrival(output.at), () =>
          later(toCarrier.arrival(time), () => carrierInput({ _tag: "SocketOpened", at: time, stream: output.stream }))
        )
      case "SendText":
        return later(fromCarrier.arrival(output.at), () => {
          const event = Twilio.decode(output.text, callTime(), { stream: output.stream, streamSid })
          if (event === null) return
          if (event._tag === "CarrierStarted") streamSid = event.streamSid
          step(event)
        })
      case "CloseSocket":
        return later(fromCarrier.arrival(output.at), () =>
          step({ _tag: "CarrierClosed", at: callTime(), stream: output.stream, code: output.code })
        )
      case "CallEnded":
      case "PostStatus":
      case "Trace":
        return
    }
  }

  const admit = (request: number): void => {
    if (state === undefined) {
      admittedAt = time
      const [started, commands] = machine.initial(config)
      state = started
      first = commands
      for (const command of commands) execute(command)
    }
    const body = Twilio.TwiML.connectStream({ streamUrl, parameters: {} })
    later(toCarrier.arrival(time), () =>
      carrierInput({ _tag: "WebhookAnswered", at: time, request, status: 200, contentType: "text/xml", body })
    )
  }

  /** The earliest of all that may happen next, and what it is. */
  const next = (): { readonly at: number; readonly act: () => void } | undefined => {
    let at = Number.POSITIVE_INFINITY
    let act: (() => void) | undefined
    const consider = (due: number | null | undefined, what: () => void): void => {
      if (due === null || due === undefined || due >= at) return
      at = due
      act = what
    }
    const head = agenda[0]
    consider(head?.at, () => {
      agenda.shift()
      head?.act()
    })
    consider(carrier.nextDeadline(), () => carrierInput({ _tag: "TimeAdvanced", at: time }))
    models.forEach((model, session) => {
      consider(model.nextDeadline(), () => modelInput(session, { _tag: "TimeAdvanced", at: time }))
    })
    const deadline = state === undefined ? null : machine.nextDeadline(state)
    if (deadline !== null) consider(deadline + admittedAt, () => step({ _tag: "TimeAdvanced", at: deadline }))
    return act === undefined ? undefined : { at, act }
  }

  later(0, () => carrierInput({ _tag: "CallPlaced", at: 0 }))

  return {
    carrier,
    models,
    given,
    get first() {
      return first
    },
    config,
    state: () => state,
    now: () => time,
    inject: (event) => step(event(callTime())),
    run: (ms = Number.POSITIVE_INFINITY, most = 1_000_000) => {
      let things = 0
      let due = next()
      for (; due !== undefined && due.at <= ms; due = next()) {
        if (++things > most) throw new Error(`a livelock: ${things} things happened by ${Math.floor(time)} ms`)
        time = Math.max(time, due.at)
        due.act()
      }
      return due === undefined
    }
  }
}
