/**
 * The model of a benchmark: OpenAI's Realtime API (GA) as far as a bridge needs it, on plain sockets. It hears nothing:
 * `act` makes the turns of a conversation, and every delta is stamped (Stamp).
 *
 * 1. A session is answered as the API answers it: created, updated, responses with all their events, truncated, deleted.
 * 2. An answer comes faster than it is spoken: bursts of deltas, ten times as fast as real time.
 */

import { Buffer } from "node:buffer"
import { once } from "node:events"
import * as Net from "node:net"
import * as Framing from "./Framing.ts"
import * as Http from "./Http.ts"
import * as Stamp from "./Stamp.ts"
import type { Lane } from "./Tally.ts"

export interface Session {
  /** Who its deltas are stamped with. */
  readonly number: number
  readonly lane: Lane
  /** More of an answer is to come: `speak` must be called each `BURST_EVERY`. */
  readonly isSpeaking: () => boolean
  /** The caller begins to speak: what still comes of a response is cancelled, as `interrupt_response` asks. */
  readonly speechStarted: () => void
  /** The caller has finished, and is answered. */
  readonly speechStopped: () => void
  /** The next burst of the answer. */
  readonly speak: () => void
  readonly isReady: () => boolean
  readonly destroy: () => void
}

export interface Handlers {
  readonly lane: () => Lane
  /** The caller's audio: a stamp, -1 where there is none. */
  readonly onAudio: (session: Session, stamp: number) => void
  readonly onClose: (session: Session) => void
  /** A message that is no JSON, or that the API does not know. */
  readonly onFault: (fault: string) => void
}

export interface Options {
  /** ms that the upgrade waits for its answer. */
  readonly setUp: number
  /** Deltas of 200 ms in an answer, and in each burst of it. */
  readonly deltas: number
  readonly burst: number
  readonly now: () => number
}

export interface Model {
  readonly port: number
  readonly sessions: ReadonlyArray<Session>
  readonly open: () => number
  readonly close: () => Promise<void>
}

/** ms between two bursts of `burst` deltas. */
export const BURST_EVERY = 100

const APPEND = Buffer.from('"input_audio_buffer.append"')
const AUDIO = Buffer.from('"audio":"')

export const listen = async (options: Options, handlers: Handlers): Promise<Model> => {
  const sessions: Array<Session> = []
  const sockets = new Set<Net.Socket>()
  let open = 0

  const server = Net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    Http.headed(socket, ({ headers }) => {
      const key = headers.get("sec-websocket-key")
      if (key === undefined) {
        socket.end(Http.answer("404 Not Found", "text/plain", ""))
        return () => {}
      }
      const { onFrame, onOpen, session } = begin(socket, sessions.length, options, handlers)
      sessions.push(session)
      const switched = setTimeout(() => {
        if (socket.destroyed) return
        open++
        socket.once("close", () => {
          open--
          handlers.onClose(session)
        })
        socket.write(Http.switching(Framing.acceptOf(key)))
        onOpen()
      }, options.setUp)
      socket.once("close", () => clearTimeout(switched))
      return Framing.reader(onFrame)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")

  return {
    port: (server.address() as Net.AddressInfo).port,
    sessions,
    open: () => open,
    close: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, "close")
    }
  }
}

const TAILS = Stamp.tails(Stamp.DELTA)

const begin = (socket: Net.Socket, number: number, options: Options, handlers: Handlers) => {
  const lane = handlers.lane()
  let events = 0
  let responses = 0
  let turns = 0
  let isReady = false
  /** Of the answer that is being spoken. */
  let answer: { readonly response: string; readonly item: string; readonly metadata: unknown; left: number } | null =
    null
  let previous: string | null = null

  const send = (type: string, fields: object): void => {
    const event_id = `event_${number}_${events++}`
    socket.write(Framing.text(JSON.stringify({ type, event_id, ...fields }), null))
  }

  const respond = (metadata: unknown): void => {
    const id = `${number}_${responses++}`
    answer = { response: `resp_${id}`, item: `item_${id}`, metadata, left: options.deltas }
    const { item, response } = answer
    const added = {
      id: item,
      object: "realtime.item",
      type: "message",
      status: "in_progress",
      role: "assistant",
      content: []
    }
    send("response.created", { response: responseOf("in_progress", null) })
    send("response.output_item.added", { response_id: response, output_index: 0, item: added })
    send("conversation.item.added", { previous_item_id: previous, item: added })
    send("response.content_part.added", { ...place(), part: { type: "audio", transcript: "" } })
    previous = item
    speak()
  }

  const responseOf = (status: string, usage: unknown) => ({
    object: "realtime.response",
    id: answer?.response,
    status,
    status_details: status === "cancelled" ? { type: "cancelled", reason: "turn_detected" } : null,
    output: [],
    conversation_id: `conv_${number}`,
    output_modalities: ["audio"],
    metadata: answer?.metadata ?? null,
    usage
  })

  const place = () => ({
    response_id: answer?.response,
    item_id: answer?.item,
    output_index: 0,
    content_index: 0
  })

  const speak = (): void => {
    if (answer === null) return
    const { item, response } = answer
    for (let delta = 0; delta < options.burst && answer.left > 0; delta++, answer.left--) {
      const at = lane.next()
      const audio = Stamp.write(number, at) + (TAILS[at & 15] as string)
      send("response.output_audio_transcript.delta", { ...place(), delta: " twenty" })
      lane.sent(options.now())
      socket.write(
        Framing.text(
          `{"type":"response.output_audio.delta","event_id":"event_${number}_${events++}","response_id":"${response}",` +
            `"item_id":"${item}","output_index":0,"content_index":0,"delta":"${audio}"}`,
          null
        )
      )
    }
    if (answer.left === 0) finish("completed")
  }

  const finish = (status: "cancelled" | "completed"): void => {
    if (answer === null) return
    const transcript = " twenty".repeat(options.deltas - answer.left)
    const part = { type: "audio", transcript }
    const item = { id: answer.item, object: "realtime.item", type: "message", role: "assistant" }
    const done = {
      ...item,
      status: status === "completed" ? status : "incomplete",
      content: [{ ...part, type: "output_audio" }]
    }
    send("response.output_audio.done", place())
    send("response.output_audio_transcript.done", { ...place(), transcript })
    send("response.content_part.done", { ...place(), part })
    send("conversation.item.done", { previous_item_id: null, item: done })
    send("response.output_item.done", { response_id: answer.response, output_index: 0, item: done })
    send("response.done", { response: responseOf(status, USAGE) })
    answer = null
  }

  const handle = (message: Readonly<Record<string, unknown>>): void => {
    switch (message["type"]) {
      case "session.update": {
        const updated = message["session"] as object
        send("session.updated", { session: { ...updated, ...identity(number) } })
        isReady = true
        return
      }
      case "response.create": {
        const asked = message["response"] as Readonly<Record<string, unknown>> | undefined
        if (answer === null) return respond(asked?.["metadata"])
        return send("error", refusal("conversation_already_has_active_response", message))
      }
      case "response.cancel":
        return answer === null ? send("error", refusal("response_cancel_not_active", message)) : finish("cancelled")
      case "conversation.item.truncate": {
        const { audio_end_ms, content_index, item_id } = message
        return send("conversation.item.truncated", { item_id, content_index, audio_end_ms })
      }
      case "conversation.item.delete":
        return send("conversation.item.deleted", { item_id: message["item_id"] })
      case "conversation.item.create":
        return send("conversation.item.added", { previous_item_id: previous, item: message["item"] })
      default:
        handlers.onFault(`the model does not know ${String(message["type"])}`)
    }
  }

  const session: Session = {
    number,
    lane,
    isSpeaking: () => answer !== null,
    isReady: () => isReady,
    speechStarted: () => {
      turns++
      send("input_audio_buffer.speech_started", {
        audio_start_ms: turns * 1000,
        item_id: `item_${number}_user_${turns}`
      })
      if (answer !== null) finish("cancelled")
    },
    speechStopped: () => {
      const item_id = `item_${number}_user_${turns}`
      const item = {
        id: item_id,
        object: "realtime.item",
        type: "message",
        status: "completed",
        role: "user",
        content: SPOKEN
      }
      send("input_audio_buffer.speech_stopped", { audio_end_ms: turns * 1000 + 800, item_id })
      send("input_audio_buffer.committed", { previous_item_id: previous, item_id })
      send("conversation.item.added", { previous_item_id: previous, item })
      send("conversation.item.done", { previous_item_id: previous, item })
      previous = item_id
      respond(null)
      const transcript = "How many will it be?"
      send("conversation.item.input_audio_transcription.completed", { item_id, content_index: 0, transcript })
    },
    speak,
    destroy: () => socket.destroy()
  }

  const onFrame: Framing.OnFrame = (opcode, bytes, start, end) => {
    if (opcode === Framing.TEXT) {
      const type = bytes.indexOf(APPEND, start)
      const audio = type < 0 || type >= end ? -1 : bytes.indexOf(AUDIO, start)
      if (audio >= 0 && audio < end) {
        const from = audio + AUDIO.length
        Stamp.each(bytes, from, bytes.indexOf(QUOTE, from), Stamp.FRAME, (stamp) => handlers.onAudio(session, stamp))
        return
      }
      const message = parse(bytes.toString("utf8", start, end))
      if (message === undefined) handlers.onFault("the model received what is no JSON object")
      else handle(message)
    } else if (opcode === Framing.PING) {
      socket.write(Framing.frame(Framing.PONG, bytes.toString("latin1", start, end), null))
    } else if (opcode === Framing.CLOSE) {
      socket.end(Framing.frame(Framing.CLOSE, Framing.NORMAL_CLOSURE, null))
    }
  }

  return { session, onFrame, onOpen: () => send("session.created", { session: identity(number) }) }
}

export const QUOTE = 0x22

/** undefined: no JSON object. */
export const parse = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const identity = (number: number) => ({
  type: "realtime",
  object: "realtime.session",
  id: `sess_${number}`,
  model: "gpt-realtime",
  expires_at: 4_102_444_800
})

const refusal = (code: string, { event_id }: Readonly<Record<string, unknown>>) => ({
  error: { type: "invalid_request_error", code, message: code, param: null, event_id }
})

const SPOKEN = [{ type: "input_audio", transcript: null }]

const USAGE = {
  total_tokens: 900,
  input_tokens: 800,
  output_tokens: 100,
  input_token_details: { text_tokens: 400, audio_tokens: 400, image_tokens: 0, cached_tokens: 0 },
  output_token_details: { text_tokens: 20, audio_tokens: 80 }
}
