/**
 * A whole call in virtual time: the real core between the simulated carrier and the simulated model, over seeded lines.
 *
 * The world is the host: it stamps events, carries commands out and sends `TimeAdvanced` at every deadline, with no
 * clock and no socket. Times are ms since the call was placed, fractional; the call's own `at` counts whole ms since
 * its webhook arrived.
 *
 * Invariants
 * 1. One seed and the same options give the same call, event for event, on either wire.
 * 2. Messages of one connection arrive in the order they were sent.
 * 3. When the machine has ended the host lets go of every socket: both peers learn that it is closed.
 */

import { type Agent, Call, type Command, type Event, Level, OpenAI, Prices, Twilio } from "@offhook/core"
import * as Base64 from "./Base64.ts"
import type * as Caller from "./Caller.ts"
import * as Line from "./Line.ts"
import type * as Brain from "./model/Brain.ts"
import type { NetworkFault, Peer } from "./NetworkFault.ts"
import * as Random from "./Random.ts"
import * as SimCarrier from "./SimCarrier.ts"
import * as SimModel from "./SimModel.ts"
import * as Congestion from "./world/Congestion.ts"
import * as Schedule from "./world/Schedule.ts"
import * as Sockets from "./world/Sockets.ts"

export type { Closing } from "./world/Sockets.ts"
export type Network = Line.Network

/** The state machine that takes the call; `Call` of the core, or one that a test has changed. */
export interface Machine {
  readonly initial: (config: Agent.Config) => Call.Step
  readonly step: (state: Call.State, event: Event) => Call.Step
  readonly nextDeadline: (state: Call.State) => number | null
  readonly isEnded: (state: Call.State) => boolean
}

type ModelOptions = Partial<Omit<SimModel.Options, "brain" | "direct" | "seed">>

export interface Options {
  readonly seed: number | string
  readonly agent: Agent.Agent
  readonly script: Caller.CallerScript
  readonly brain: Brain.Brain
  /** Both directions between the host and a peer; a round trip is twice the delay and about once the jitter. */
  readonly carrierLine?: Network
  readonly modelLine?: Network
  /** Single directions, instead. */
  readonly lines?: Partial<Record<"fromCarrier" | "fromModel" | "toCarrier" | "toModel", Network>>
  readonly machine?: Machine
  /** How audio travels between host and peers: in the text of both wires (the default), or as bytes, which is faster. */
  readonly wire?: "text" | "direct"
  readonly carrier?: Partial<Omit<SimCarrier.Options, "direct" | "random" | "script" | "webhookUrl">>
  readonly model?: ModelOptions
  /** What is different in one of the sessions. */
  readonly modelOf?: (session: number) => ModelOptions
  readonly network?: ReadonlyArray<NetworkFault>
  readonly host?: Host
  /** What the webhook's answer holds besides the stream. */
  readonly webhook?: Webhook
  /** The server has the carrier's REST side; without it a call ends by closing the stream. */
  readonly rest?: boolean
  /** What a tool answers and after how long; several: it answers again. Nothing: it never answers. */
  readonly tool?: (name: string, args: string) => ToolAnswer | ReadonlyArray<ToolAnswer> | undefined
  /** Called with each event the core was given and what it answered; `deadline` is its next, of the call's time. */
  readonly onStep?: (event: Event, commands: ReadonlyArray<Command>, state: Call.State, deadline: number | null) => void
}

export interface ToolAnswer {
  readonly output: string
  readonly afterMs: number
}

/** Parameters of the stream, and sentences that the carrier speaks by itself. */
export type Webhook = Partial<Omit<Twilio.TwiML.ConnectStream, "streamUrl">>

/** What the host does worse than it could; plain JSON data. */
export interface Host {
  /** `TimeAdvanced` comes up to this many ms late, seeded. */
  readonly timersLateMs?: number
  /** The grain of the clock that stamps events, ms: 1 by default. Events of one grain have the same time. */
  readonly clockMs?: number
  /** Somebody wants the call to end: at a time since the call was placed, or when the machine has had so many events. */
  readonly ends?: ReadonlyArray<
    { readonly by: "operator" | "shutdown" } & ({ readonly atMs: number } | { readonly after: number })
  >
}

export interface World {
  readonly carrier: SimCarrier.SimCarrier
  /** Sessions of the call, from 0. */
  readonly models: ReadonlyArray<SimModel.SimModel>
  /** Only grows. A socket that both sides close is there twice. */
  readonly closings: ReadonlyArray<Sockets.Closing>
  /** The commands that the machine began with. */
  readonly first: ReadonlyArray<Command>
  readonly config: Agent.Config
  readonly state: () => Call.State | undefined
  readonly now: () => number
  /** When the webhook arrived: 0 of the call's own time. Undefined before. */
  readonly admittedAt: () => number | undefined
  /** Puts an event of the host's own into the call, now: e.g. `EndRequested`. */
  readonly inject: (event: (at: number) => Event) => void
  /**
   * Runs until nothing is left to happen, or until `ms`: whether nothing is. Throws when more than `most` things happen:
   * a livelock.
   */
  readonly run: (ms?: number, most?: number) => boolean
}

/** Things that happen at the same moment: a minute's frames that come out of a stall are far less. */
const mostAtOnce = 50_000

const streamUrl = "ws://127.0.0.1/media-stream"

export const make = (options: Options): World => {
  const machine: Machine = options.machine ?? Call
  const direct = options.wire === "direct"
  const random = Random.make(options.seed)
  const line = (name: string, network: Network | undefined): Line.Line =>
    network === undefined ? Line.instant : Line.make({ ...network, random: random.split(name) })
  const { carrierLine, lines = {}, modelLine } = options
  const from: Record<Peer, Line.Line> = {
    carrier: line("from carrier", lines.fromCarrier ?? carrierLine),
    model: line("from model", lines.fromModel ?? modelLine)
  }
  const { clockMs = 1, ends = [], timersLateMs = 0 } = options.host ?? {}
  const lateness = random.split("timers")
  const faults = options.network ?? []
  const congestions: Record<Peer, Congestion.Congestion> = {
    carrier: Congestion.of(faults, "carrier"),
    model: Congestion.of(faults, "model")
  }
  const outbound = (peer: Peer, line: Line.Line): Line.Line => ({
    arrival: (sentAt) => line.arrival(congestions[peer].leaves(sentAt))
  })
  const to: Record<Peer, Line.Line> = {
    carrier: outbound("carrier", line("to carrier", lines.toCarrier ?? carrierLine)),
    model: outbound("model", line("to model", lines.toModel ?? modelLine))
  }
  const config: Agent.Config = { agent: options.agent, prices: Prices.table }
  const carrier = SimCarrier.make({
    ...options.carrier,
    webhookUrl: "http://127.0.0.1/incoming-call",
    random: random.split("carrier"),
    script: options.script,
    direct
  })
  const models: Array<SimModel.SimModel> = []
  const schedule = Schedule.make<Sockets.Passage | null>()
  const later = (at: number, act: () => void): void => schedule.add(at, null, act)
  const levelsOfSilence = new Map<Uint8Array, string>()
  let first: ReadonlyArray<Command> = []
  let state: Call.State | undefined
  let admittedAt = 0
  /** As their `start` named them. */
  const streamSids: Array<string> = []
  let time = 0
  let stamped = 0
  let steps = 0
  let deadline: number | null = null
  let carrierDue = Infinity
  const modelsDue: Array<number> = []
  let hostDue = Infinity

  const sockets = Sockets.make({
    schedule,
    from,
    to,
    faults,
    now: () => time,
    onSend: (socket) => {
      const noticed = congestions[socket.peer].noticed(time)
      if (noticed === null) return
      later(noticed.from, () => congested(socket, true))
      later(noticed.to, () => congested(socket, false))
    },
    tellPeer: ({ peer, index }, code) => {
      if (peer === "model") modelInput(index, { _tag: "Closed", at: time })
      else carrierInput({ _tag: "SocketClosed", at: time, stream: index, code, reason: "" })
    },
    tellHost: ({ peer, index }, code) => {
      if (peer === "carrier") step({ _tag: "CarrierClosed", at: stamp(), stream: index, code })
      else step({ _tag: "ModelClosed", at: stamp(), session: index, code, reason: "" })
    }
  })

  const congested = ({ index, peer, status }: Sockets.Socket, is: boolean): void => {
    if (status !== "open") return
    if (peer === "carrier") step({ _tag: is ? "CarrierCongested" : "CarrierDrained", at: stamp(), stream: index })
    else step({ _tag: is ? "ModelCongested" : "ModelDrained", at: stamp(), session: index })
  }

  /** The host's clock: whole ms of the call, never going back. */
  const stamp = (): number => {
    stamped = Math.max(stamped, Math.floor((time - admittedAt) / clockMs) * clockMs)
    return stamped
  }

  const step = (event: Event): void => {
    if (state === undefined) return
    const [next, commands] = machine.step(state, event)
    state = next
    rearm(next)
    options.onStep?.(event, commands, next, deadline)
    for (const command of commands) execute(command)
    if (ends.length > 0) {
      steps++
      for (const end of ends) if ("after" in end && end.after === steps) requestEnd(end.by)
    }
  }

  const rearm = (state: Call.State): void => {
    const due = machine.nextDeadline(state)
    if (due === deadline) return
    deadline = due
    const late = timersLateMs > 0 ? lateness.next() * timersLateMs : 0
    hostDue = due === null ? Infinity : due + admittedAt + late
  }

  const requestEnd = (by: "operator" | "shutdown"): void => step({ _tag: "EndRequested", at: stamp(), by })

  const execute = (command: Command): void => {
    switch (command._tag) {
      case "PlayAudio":
      case "Mark":
      case "Clear": {
        const { stream } = command
        if (direct && command._tag === "PlayAudio") {
          const payload = bytesOf(command.payload)
          return sockets.send(sockets.find("carrier", stream), () =>
            carrierInput({ _tag: "AudioReceived", at: time, stream, payload })
          )
        }
        const text = Twilio.encode(command, streamSids[stream] ?? "")
        return sockets.send(sockets.find("carrier", stream), () =>
          carrierInput({ _tag: "TextReceived", at: time, stream, text })
        )
      }
      case "CloseCarrier":
        return closeCarrier(command.stream)
      case "HangUp":
        return hangUp()
      case "ConnectModel":
        return connect(command.session)
      case "CloseModel":
        return closeModel(command.session)
      case "RunTool": {
        const answers = options.tool?.(command.name, command.arguments) ?? []
        for (const { output, afterMs } of "output" in answers ? [answers] : answers) {
          later(time + afterMs, () => step({ _tag: "ToolFinished", at: stamp(), call: command.call, output }))
        }
        return
      }
      case "Ended":
        return sockets.letGo()
      case "Note":
      case "Reacted":
      case "Settled":
        return
      default: {
        const { session } = command
        if (direct && (command._tag === "ForwardAudio" || command._tag === "ForwardSilence")) {
          const payload = command._tag === "ForwardAudio" ? bytesOf(command.payload) : silence(command.bytes)
          return sockets.send(sockets.find("model", session), () =>
            modelInput(session, { _tag: "AudioReceived", at: time, payload })
          )
        }
        const text = OpenAI.encode(command)
        return sockets.send(sockets.find("model", session), () =>
          modelInput(session, { _tag: "TextReceived", at: time, text })
        )
      }
    }
  }

  // The carrier.

  const carrierInput = (input: SimCarrier.Input): void => {
    const outputs = carrier.handle(input)
    for (let index = 0; index < outputs.length; index++) carrierOutput(outputs[index] as SimCarrier.Output)
    carrierDue = carrier.nextDeadline() ?? Infinity
  }

  const carrierOutput = (output: SimCarrier.Output): void => {
    switch (output._tag) {
      case "PostWebhook":
        return later(from.carrier.arrival(output.at), () => admit(output.request))
      case "OpenSocket": {
        const socket = sockets.begin("carrier", output.stream)
        return later(from.carrier.arrival(output.at), () => {
          const { stream } = output
          if (state === undefined || machine.isEnded(state)) {
            socket.isOver = true
            sockets.closedByHost(socket)
            return later(to.carrier.arrival(time), () =>
              carrierInput({ _tag: "SocketRefused", at: time, stream, status: 403 })
            )
          }
          later(to.carrier.arrival(time), () => carrierInput({ _tag: "SocketOpened", at: time, stream }))
          sockets.opened(socket)
        })
      }
      case "SendAudio": {
        const { stream, timestamp, payload, silent } = output
        return fromStream(output, () => {
          if (streamSids[stream] === undefined)
            return step({ _tag: "CarrierMisbehaved", at: stamp(), stream, what: "message before start" })
          const levels = silent ? silentLevels(payload) : Level.ofBytes(payload)
          step({ _tag: "CarrierAudio", at: stamp(), stream, timestamp, bytes: payload.length, levels, payload })
        })
      }
      case "SendText":
        return fromStream(output, () => {
          const { stream, text } = output
          const event = Twilio.decode(text, stamp(), { stream, streamSid: streamSids[stream] ?? null })
          if (event === null) return
          if (event._tag === "CarrierStarted") streamSids[stream] = event.streamSid
          step(event)
        })
      case "SendBinary":
        return fromStream(output, () =>
          step({ _tag: "CarrierMisbehaved", at: stamp(), stream: output.stream, what: "binary frame" })
        )
      case "CloseSocket": {
        const { stream, code } = output
        const socket = sockets.find("carrier", stream)
        if (socket === undefined) return
        sockets.closedByPeer(socket, output.at, code)
        return sockets.receive(socket, output.at, () => {
          socket.status = "closed"
          step({ _tag: "CarrierClosed", at: stamp(), stream, code })
        })
      }
      case "CallEnded":
      case "PostStatus":
      case "Trace":
        return
    }
  }

  const fromStream = (output: { readonly at: number; readonly stream: number }, arrive: () => void): void =>
    sockets.receive(sockets.find("carrier", output.stream), output.at, arrive)

  const silentLevels = (payload: Uint8Array): string => {
    let levels = levelsOfSilence.get(payload)
    if (levels === undefined) {
      levels = Level.ofBytes(payload)
      levelsOfSilence.set(payload, levels)
    }
    return levels
  }

  const admit = (request: number): void => {
    if (state === undefined) {
      admittedAt = time
      const [started, commands] = machine.initial(config)
      state = started
      first = commands
      for (const command of commands) execute(command)
      rearm(started)
    }
    const body = Twilio.TwiML.connectStream({ parameters: {}, ...options.webhook, streamUrl })
    later(to.carrier.arrival(time), () =>
      carrierInput({ _tag: "WebhookAnswered", at: time, request, status: 200, contentType: "text/xml", body })
    )
  }

  const closeCarrier = (stream: number): void => {
    const socket = sockets.find("carrier", stream)
    if (socket === undefined) return
    sockets.closedByHost(socket)
    if (socket.isOver || sockets.isIgnored(socket)) return
    socket.isOver = true
    sockets.send(socket, () => {
      carrierInput({ _tag: "SocketClosed", at: time, stream, code: 1000, reason: "" })
      sockets.receive(socket, time, () => step({ _tag: "CarrierClosed", at: stamp(), stream, code: 1000 }))
    })
  }

  const hangUp = (): void => {
    const fault = faults.find(({ _tag }) => _tag === "HangUpFailed" || _tag === "HangUpSlow")
    if (options.rest === false || fault?._tag === "HangUpFailed") {
      const afterMs = fault?._tag === "HangUpFailed" ? fault.afterMs : 0
      return later(time + afterMs, () => step({ _tag: "HangUpFailed", at: stamp() }))
    }
    const socket = sockets.last("carrier")
    if (socket !== undefined && sockets.isIgnored(socket)) return
    const withoutStop = faults.some(({ _tag }) => _tag === "HangUpWithoutStop")
    const leave = () =>
      later(to.carrier.arrival(time), () =>
        carrierInput({ _tag: "HungUpByRest", at: time, ...(withoutStop ? { withoutStop } : {}) })
      )
    if (fault?._tag === "HangUpSlow") later(time + fault.afterMs, leave)
    else leave()
  }

  // The model.

  const connect = (session: number): void => {
    models[session] = SimModel.make({
      ...options.model,
      ...options.modelOf?.(session),
      brain: options.brain,
      seed: `${options.seed}/model/${session}`,
      direct
    })
    const socket = sockets.begin("model", session)
    const fault = faults.find(
      (fault) => (fault._tag === "ConnectFailed" || fault._tag === "ConnectSlow") && (fault.index ?? 0) === session
    )
    const arrive = () =>
      later(to.model.arrival(time), () => {
        if (socket.isOver) return
        later(from.model.arrival(time), () => {
          sockets.opened(socket)
          step({ _tag: "ModelConnected", at: stamp(), session })
        })
        modelInput(session, { _tag: "Opened", at: time, model: options.agent.model })
      })
    switch (fault?._tag) {
      case "ConnectFailed":
        return later(time + fault.afterMs, () => {
          if (socket.isOver) return
          socket.status = "closed"
          socket.isOver = true
          modelInput(session, { _tag: "Closed", at: time })
          const { failure, status } = fault
          step({ _tag: "ModelConnectFailed", at: stamp(), session, failure, status })
        })
      case "ConnectSlow":
        return later(time + fault.afterMs, arrive)
      default:
        return arrive()
    }
  }

  const modelInput = (session: number, input: SimModel.Input): void => {
    const model = models[session]
    const socket = sockets.find("model", session)
    if (model === undefined || socket === undefined) return
    const outputs = model.handle(input)
    for (let index = 0; index < outputs.length; index++) {
      modelOutput(session, socket, outputs[index] as SimModel.Output)
    }
    modelsDue[session] = model.nextDeadline() ?? Infinity
  }

  const modelOutput = (session: number, socket: Sockets.Socket, output: SimModel.Output): void => {
    switch (output._tag) {
      case "SendAudio": {
        const { contentIndex, item, payload, response } = output
        const bytes = payload.length
        return sockets.receive(socket, output.at, () => {
          const at = stamp()
          if (bytes === 0) return step({ _tag: "ModelIgnored", at, session, type: "response.output_audio.delta" })
          const levels = Level.ofBytes(payload)
          step({ _tag: "ModelAudio", at, session, response, item, contentIndex, bytes, levels, payload })
        })
      }
      case "SendText":
        return sockets.receive(socket, output.at, () => step(OpenAI.decode(output.text, stamp(), session)))
      case "CloseSocket": {
        const { code, reason } = output
        sockets.closedByPeer(socket, output.at, code)
        return sockets.receive(socket, output.at, () => {
          socket.status = "closed"
          step({ _tag: "ModelClosed", at: stamp(), session, code, reason })
        })
      }
      case "Trace":
        return
    }
  }

  const closeModel = (session: number): void => {
    const socket = sockets.find("model", session)
    if (socket === undefined) return
    const isOpening = socket.status === "opening"
    sockets.closedByHost(socket)
    if (socket.isOver || (!isOpening && sockets.isIgnored(socket))) return
    socket.isOver = true
    sockets.send(socket, () => modelInput(session, { _tag: "Closed", at: time }))
  }

  later(0, () => carrierInput({ _tag: "CallPlaced", at: 0 }))
  for (const end of ends) if ("atMs" in end) later(end.atMs, () => requestEnd(end.by))
  /** Nothing is left to happen. */
  let over = false

  /** Does the earliest of all that may happen next, unless that is after `ms`. */
  const advance = (ms: number): boolean => {
    let at = schedule.next()
    let who: "carrier" | "host" | "schedule" | number = "schedule"
    if (carrierDue < at) {
      at = carrierDue
      who = "carrier"
    }
    for (let session = 0; session < modelsDue.length; session++) {
      const due = modelsDue[session] ?? Infinity
      if (due < at) {
        at = due
        who = session
      }
    }
    if (hostDue < at) {
      at = hostDue
      who = "host"
    }
    over = at === Infinity
    if (at > ms || over) return false
    time = Math.max(time, at)
    if (who === "schedule") sockets.happen()
    else if (who === "carrier") carrierInput({ _tag: "TimeAdvanced", at: time })
    else if (who === "host") {
      stamped = Math.max(deadline ?? 0, stamp())
      step({ _tag: "TimeAdvanced", at: stamped })
    } else modelInput(who, { _tag: "TimeAdvanced", at: time })
    return true
  }

  return {
    carrier,
    models,
    closings: sockets.closings,
    get first() {
      return first
    },
    config,
    state: () => state,
    now: () => time,
    admittedAt: () => (state === undefined ? undefined : admittedAt),
    inject: (event) => step(event(stamp())),
    run: (ms = Infinity, most = 20_000_000) => {
      let before = time
      for (let things = 0, atOnce = 0; advance(ms); things++) {
        atOnce = time > before ? 0 : atOnce + 1
        before = time
        if (things < most && atOnce < mostAtOnce) continue
        throw new Error(`a livelock: ${things} things happened by ${Math.floor(time)} ms, ${atOnce} of them just then`)
      }
      return over
    }
  }
}

const bytesOf = (payload: string | Uint8Array): Uint8Array =>
  typeof payload === "string" ? (Base64.decode(payload) ?? new Uint8Array(0)) : payload

let quiet = new Uint8Array(8_000).fill(0xff)

/** Nobody writes to it. */
const silence = (bytes: number): Uint8Array => {
  if (bytes > quiet.length) quiet = new Uint8Array(bytes).fill(0xff)
  return quiet.subarray(0, bytes)
}
