/**
 * The connections of a call as its events and commands tell: which are open, since when, and who closed them. Besides,
 * the rules about ends.
 *
 * A session is *ready* from `session.updated` on: before that it is only configured. A stream is open from `start` on.
 */

import type { Agent, Command, Event } from "@offhook/core"
import type * as World from "../../World.ts"
import * as Bounds from "./Bounds.ts"
import type { Found, Rule } from "./Rule.ts"

/** What an onset includes where the detection names nothing (protocols.md E.2). */
const defaultPaddingMs = 300

/** A model has not read for half of that when it is told, and audio comes in bursts. */
const stuckMs = 1_000

export interface Session {
  connected: boolean
  readyAt: number
  /** When we asked to close it, or learned that it was closed; Infinity before. */
  endedAt: number
  endedBy: "model" | "us" | null
}

export interface Stream {
  readonly startedAt: number
  /** `stop`, the end of its socket, or our own request to close it; Infinity before. */
  endedAt: number
  isClosed: boolean
}

export interface Peers {
  readonly sessions: ReadonlyArray<Session>
  readonly streams: ReadonlyArray<Stream>
  /** When the call's end began: a close that was asked for or told; Infinity before. */
  readonly endingAt: number
  readonly isOver: boolean
  readonly isReady: (session: number) => boolean
  readonly isStreaming: () => boolean
  /** A deadline was due before the present event: the first commands of its step were given without knowing of it. */
  readonly isDue: () => boolean
  /** Where in the audio of its session the model heard speech begin, ms. */
  readonly placeOf: (event: Extract<Event, { _tag: "ModelSpeechStarted" }>) => number
  /** When what the model now calls speech was said, where it learned of it from a backlog; null where it heard it live. */
  readonly backlogged: (event: Extract<Event, { _tag: "ModelSpeechStarted" }>) => number | null
  /** What we sent to a session before this arrived there, if the network took `most` ms: by then it was lost, or closed. */
  readonly deafAt: (session: number, most: number) => number
}

/** Where it says what is wrong, and the world it looks at. */
interface On {
  readonly found: Found
  readonly world: World.World
}

export interface Tracker extends Peers, Rule {
  readonly judge: (on: On) => void
  /** The next event comes when a deadline is due: the first commands of its step were given before it. */
  readonly due: (isDue: boolean) => void
}

export const make = ({ detection }: Agent.Agent): Tracker => {
  const padding = detection.type === "server_vad" ? detection.prefixPaddingMs : defaultPaddingMs
  /** Bytes of the caller that the model was told late, when, and whether they are being told. */
  let backlogFrom = 0
  let backlogEnd = 0
  let flushedAt = 0
  /** What was sent before is stuck as well, where it is not told at once that the model does not read. */
  let stuckBytes = 0
  let isFlushing = false
  const sessions: Array<Session> = []
  const streams: Array<Stream> = []
  let on: On | undefined
  let endingAt = Number.POSITIVE_INFINITY
  let lastAskedAt = Number.NEGATIVE_INFINITY
  let hungUp = false
  let ended = 0
  let isDue = false
  /** The stream and the session that end by this very event. */
  let endsStream: number | null = null
  let endsSession: number | null = null

  const placeOf = (event: Extract<Event, { _tag: "ModelSpeechStarted" }>): number => event.audioStartMs + padding

  const ending = (at: number): void => {
    endingAt = Math.min(endingAt, at)
  }

  const sessionEnded = (index: number, at: number, by: Session["endedBy"]): void => {
    const session = sessions[index]
    if (session === undefined || session.endedBy !== null) return
    session.endedAt = at
    session.endedBy = by
  }

  const streamEnded = (index: number, at: number, isClosed: boolean): void => {
    const stream = streams[index]
    if (stream === undefined) return
    stream.endedAt = Math.min(stream.endedAt, at)
    if (isClosed) stream.isClosed = true
    ending(at)
  }

  const toNobody = (command: Command, at: number): void =>
    on?.found("open peers only", at, `${command._tag} to what is not open`)

  const toModel = (command: Command & { readonly session: number }, at: number): void => {
    const session = sessions[command.session]
    const isOpen = session !== undefined && session.endedBy === null
    const isFit = command._tag === "ConfigureModel" ? session?.connected === true : session?.readyAt !== undefined
    if (isDue && endsSession === command.session) return
    const isReady = command._tag === "ConfigureModel" || (session?.readyAt ?? Number.POSITIVE_INFINITY) <= at
    if (!isOpen || !isFit || !isReady) toNobody(command, at)
  }

  const toCarrier = (command: Command & { readonly stream: number }, at: number): void => {
    const stream = streams[command.stream]
    if (isDue && endsStream === command.stream) return
    if (stream === undefined || stream.endedAt <= at) toNobody(command, at)
  }

  return {
    sessions,
    streams,
    get endingAt() {
      return endingAt
    },
    get isOver() {
      return ended > 0
    },
    isReady: (index) => {
      const session = sessions[index]
      return session !== undefined && session.endedBy === null && session.readyAt < Number.POSITIVE_INFINITY
    },
    isStreaming: () => (streams.at(-1)?.endedAt ?? 0) === Number.POSITIVE_INFINITY,
    isDue: () => isDue,
    placeOf,
    backlogged: (event) => {
      const place = placeOf(event) * 8
      const isBacklog = sessions[event.session] !== undefined && place >= backlogFrom && place < backlogEnd
      return isBacklog ? flushedAt - (backlogEnd - place) / 8 : null
    },
    deafAt: (index, most) => {
      let at = sessions[index]?.endedAt ?? Number.POSITIVE_INFINITY
      for (const closing of on?.world.closings ?? []) {
        if (closing.peer === "model" && closing.index === index && closing.by !== "host") {
          at = Math.min(at, closing.at - most)
        }
      }
      return at
    },
    judge: (given) => {
      on = given
    },
    due: (is) => {
      isDue = is
    },

    event: (event: Event, at) => {
      isFlushing = event._tag === "ModelSessionUpdated" || event._tag === "ModelDrained"
      stuckBytes = event._tag === "ModelDrained" ? stuckMs * 8 : 0
      endsStream = null
      endsSession = null
      switch (event._tag) {
        case "CarrierStarted":
          if (streams[event.stream] === undefined) {
            streams[event.stream] = { startedAt: at, endedAt: Number.POSITIVE_INFINITY, isClosed: false }
          }
          return
        case "CarrierStopped":
        case "CarrierClosed":
          endsStream = event.stream
          return streamEnded(event.stream, at, event._tag === "CarrierClosed")
        case "ModelConnected": {
          const session = sessions[event.session]
          if (session !== undefined) session.connected = true
          return
        }
        case "ModelSessionUpdated": {
          const session = sessions[event.session]
          if (session?.endedBy === null) session.readyAt = Math.min(session.readyAt, at)
          return
        }
        case "ModelClosed":
        case "ModelConnectFailed":
          endsSession = event.session
          return sessionEnded(event.session, at, "model")
      }
    },

    command: (command, at) => {
      if (ended > 0) {
        on?.found("ends once", at, `${command._tag} after the end`)
        if (command._tag !== "Ended") return
      }
      switch (command._tag) {
        case "ConnectModel":
          if (sessions.some(({ endedBy }) => endedBy === null)) {
            on?.found("open peers only", at, "a second session is opened beside the first")
          }
          sessions[command.session] = {
            connected: false,
            readyAt: Number.POSITIVE_INFINITY,
            endedAt: Number.POSITIVE_INFINITY,
            endedBy: null
          }
          return
        case "CloseModel":
          if (sessions[command.session]?.endedBy === "us") toNobody(command, at)
          lastAskedAt = at
          return sessionEnded(command.session, at, "us")
        case "CloseCarrier": {
          const stream = streams[command.stream]
          if (stream === undefined || stream.isClosed) toNobody(command, at)
          lastAskedAt = at
          return streamEnded(command.stream, at, false)
        }
        case "HangUp":
          if (hungUp) on?.found("open peers only", at, "the call is hung up twice")
          hungUp = true
          lastAskedAt = at
          return ending(at)
        case "PlayAudio":
        case "Mark":
        case "Clear":
          return toCarrier(command, at)
        case "Ended": {
          ended++
          if (ended > 1) return on?.found("ends once", at, "it ended twice")
          sessions.forEach((session, index) => {
            if (session.endedBy === null) on?.found("sockets closed", at, `session ${index} was left open`)
          })
          streams.forEach((stream, index) => {
            const isAsked = stream.endedAt < Number.POSITIVE_INFINITY || hungUp
            if (!isAsked) on?.found("sockets closed", at, `stream ${index} was left open`)
          })
          const since = Math.max(endingAt, lastAskedAt)
          if (at - since > Bounds.closing && since > Number.NEGATIVE_INFINITY && endingAt < Number.POSITIVE_INFINITY) {
            on?.found("ends in time", at, `it ended ${Math.round(at - since)} ms after the last close was asked for`)
          }
          return
        }
        case "Note":
        case "Reacted":
        case "RunTool":
        case "Settled":
          return
        case "ForwardAudio":
        case "ForwardSilence":
          if (isFlushing) {
            // One that reaches to the next is still stuck with it.
            if (flushedAt !== at && backlogEnd < command.from - stuckBytes) backlogFrom = command.from - stuckBytes
            flushedAt = at
            backlogEnd = command.from + command.bytes
          }
          return toModel(command, at)
        default:
          return toModel(command, at)
      }
    },

    over: (at) => {
      if (ended !== 1 && on?.world.state() !== undefined) on.found("ends once", at, `it ended ${ended} times`)
      on?.world.models.forEach((model, index) => {
        const isConnecting = sessions[index]?.connected === false
        if (!model.closed() && !isConnecting) {
          on?.found("sockets closed", at, `the model's socket of session ${index} is open for ever`)
        }
      })
      if (on?.world.carrier.isEnded() === false) on.found("sockets closed", at, "the carrier's call goes on for ever")
    }
  }
}
