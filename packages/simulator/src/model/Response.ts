/**
 * One response: requested, active, cancelling, done; its output is generated faster than real time (protocols.md E.8).
 *
 * 1. `response.created` comes some ms after the request; before it, a cancel finds nothing to cancel.
 * 2. A cancelled response still sends the pieces on their way (`Choices.lateDeltas`), then closes what is open as incomplete, then `response.done`.
 * 3. Every event that opens something is followed by the one that closes it, however the response ends.
 * 4. The text runs ahead of the audio; both are sent in pieces of any size.
 */
import * as G711 from "../G711.ts"
import type { Random } from "../Random.ts"
import type { Agenda } from "./Agenda.ts"
import type { Part, Plan } from "./Brain.ts"
import type { Choices, Pace, Range } from "./Choices.ts"
import type { AudioFormat } from "./ClientEvent.ts"
import * as Conversation from "./Conversation.ts"
import type { Fault } from "./Fault.ts"
import type { Body, ResponseStatus, ResponseWire, StatusDetails, Usage } from "./ServerEvent.ts"

export type Phase = "requested" | "active" | "cancelling" | "done"

export interface Settings {
  readonly id: string
  readonly outOfBand: boolean
  readonly format: AudioFormat
  readonly voice: string
  readonly modality: "audio" | "text"
  readonly maxOutputTokens: number | "inf"
  readonly metadata: { [key: string]: string } | null
  /** Asked when the response begins. */
  readonly plan: () => Plan
  /** Input tokens, asked when the response begins. */
  readonly input: () => InputTokens
  readonly failed: Extract<Fault, { readonly _tag: "ResponseFailed" }> | undefined
  readonly incomplete: Extract<Fault, { readonly _tag: "ResponseIncomplete" }> | undefined
  readonly slow: Extract<Fault, { readonly _tag: "ResponseSlow" }> | undefined
}

export interface InputTokens {
  readonly text: number
  readonly audio: number
  readonly cachedText: number
  readonly cachedAudio: number
}

export interface Host {
  readonly agenda: Agenda
  readonly choices: Choices
  readonly conversation: Conversation.Conversation
  readonly pace: Pace
  readonly random: Random
  readonly now: () => number
  readonly newId: (prefix: string) => string
  readonly emit: (event: Body) => void
  /** One delta of audio, in the response's format. The payload may be a view of a clip. */
  readonly emitAudio: (place: AudioPlace, payload: Uint8Array) => void
  readonly onDone: (response: Response, audioMs: number) => void
}

export interface AudioPlace {
  readonly response_id: string
  readonly item_id: string
  readonly output_index: number
  readonly content_index: number
}

export interface Response {
  readonly id: string
  readonly outOfBand: boolean
  readonly phase: () => Phase
  /** Cancels a running response; one that was only requested is cancelled as soon as it begins. */
  readonly cancel: (reason: "turn_detected" | "client_cancelled") => void
  readonly owns: (itemId: string) => boolean
}

type Open = {
  readonly item: Conversation.Item
  readonly outputIndex: number
  /** The audio or text part of a message; a call has none. */
  readonly part: Conversation.Content | undefined
}

/** Audio of a clip in a format: a G.711 byte is three 16-bit samples at 24 kHz. A view of the clip where nothing is to be converted. */
export const convert = (clip: Uint8Array, from: number, to: number, format: AudioFormat): Uint8Array => {
  if (format.type === "audio/pcmu") return clip.subarray(from, to)
  if (format.type === "audio/pcma") return clip.slice(from, to).map((byte) => G711.MULAW_TO_ALAW[byte] ?? 0)
  const pcm = new Uint8Array((to - from) * 6)
  let previous = G711.decodeByte(clip[Math.max(0, from - 1)] ?? G711.SILENCE)
  for (let i = from; i < to; i++) {
    const next = G711.decodeByte(clip[i] ?? G711.SILENCE)
    for (let third = 1; third <= 3; third++) {
      const sample = Math.round(previous + ((next - previous) * third) / 3)
      const at = (i - from) * 6 + (third - 1) * 2
      pcm[at] = sample
      pcm[at + 1] = sample >> 8
    }
    previous = next
  }
  return pcm
}

export const start = (host: Host, settings: Settings): Response => {
  const { agenda, choices, random } = host
  const { id } = settings
  const output: Array<Conversation.Item> = []
  let phase: Phase = "requested"
  let cancelled: "turn_detected" | "client_cancelled" | undefined
  let open: Open | undefined
  let input: InputTokens = { text: 0, audio: 0, cachedText: 0, cachedAudio: 0 }
  let lastTextSent = 0

  const between = ([minimum, maximum]: Range) => minimum + random.next() * (maximum - minimum)

  const wire = (status: ResponseStatus, details: StatusDetails | null, usage: Usage | null): ResponseWire => ({
    id,
    object: "realtime.response",
    status,
    status_details: details,
    output: output.map((item) => Conversation.wire(item)),
    conversation_id: settings.outOfBand ? null : host.conversation.id,
    output_modalities: [settings.modality],
    max_output_tokens: settings.maxOutputTokens,
    audio: { output: { format: settings.format, voice: settings.voice } },
    metadata: settings.metadata,
    usage
  })

  const emitItem = (when: "added" | "done", { item, outputIndex }: Open) => {
    const inResponse: Body = {
      type: `response.output_item.${when}`,
      response_id: id,
      output_index: outputIndex,
      item: Conversation.wire(item)
    }
    if (settings.outOfBand) return host.emit(inResponse)
    const inConversation: Body = {
      type: `conversation.item.${when}`,
      previous_item_id: host.conversation.previous(item.id),
      item: Conversation.wire(item)
    }
    if (choices.conversationItemFirst) host.emit(inConversation)
    host.emit(inResponse)
    if (!choices.conversationItemFirst) host.emit(inConversation)
  }

  const place = ({ item, outputIndex }: Open) => ({ response_id: id, item_id: item.id, output_index: outputIndex })

  const openPart = (part: Part, outputIndex: number) => {
    const item =
      part._tag === "Say"
        ? Conversation.answer(host.newId("item"), id)
        : Conversation.functionCall(host.newId("item"), id, part.name, part.callId ?? host.newId("call"))
    if (!settings.outOfBand) host.conversation.insert(item)
    output.push(item)
    lastTextSent = 0
    const content: Conversation.Content | undefined =
      part._tag !== "Say"
        ? undefined
        : settings.modality === "text"
          ? { type: "output_text", text: "" }
          : { type: "output_audio", clip: part.clip.audio, generatedMs: 0, keptMs: null, transcript: "", spoken: "" }
    open = { item, outputIndex, part: content }
    emitItem("added", open)
    if (content === undefined) return
    item.content.push(content)
    host.emit({
      type: "response.content_part.added",
      ...place(open),
      content_index: 0,
      part: content.type === "output_text" ? { type: "text", text: "" } : { type: "audio", transcript: "" }
    })
  }

  const closePart = (status: "completed" | "incomplete") => {
    if (open === undefined) return
    const closing = open
    open = undefined
    const at = { ...place(closing), content_index: 0 }
    const { item, part } = closing
    item.status = status
    if (part?.type === "output_audio") {
      const events: Array<Body> = [
        { type: "response.output_audio.done", ...at },
        { type: "response.output_audio_transcript.done", ...at, transcript: part.spoken }
      ]
      for (const event of choices.audioDoneFirst ? events : events.reverse()) host.emit(event)
      host.emit({ type: "response.content_part.done", ...at, part: { type: "audio", transcript: part.spoken } })
    } else if (part?.type === "output_text") {
      host.emit({ type: "response.output_text.done", ...at, text: part.text })
      host.emit({ type: "response.content_part.done", ...at, part: { type: "text", text: part.text } })
    } else {
      host.emit({
        type: "response.function_call_arguments.done",
        ...place(closing),
        call_id: item.callId,
        name: item.name,
        arguments: item.arguments
      })
    }
    emitItem("done", closing)
  }

  const finish = (status: Exclude<ResponseStatus, "in_progress">, details: StatusDetails | null) => {
    agenda.remove(id)
    closePart("incomplete")
    phase = "done"
    const told = status === "failed" ? false : status === "cancelled" ? choices.usageOfCancelled : true
    host.emit({ type: "response.done", response: wire(status, details, told ? usage(input, output) : null) })
    host.onDone(response, audioMs(output))
  }

  const step = (at: number, run: () => void, piece = false) => agenda.add({ at, owner: id, piece, run })

  const sendText = (text: string) => {
    if (open === undefined || text === "") return
    const at = { ...place(open), content_index: 0, delta: text }
    if (open.part?.type === "output_text") {
      open.part.text += text
      host.emit({ type: "response.output_text.delta", ...at })
    } else if (open.part?.type === "output_audio") {
      open.part.spoken += text
      if (open.part.transcript !== null && open.part.keptMs === null) open.part.transcript += text
      host.emit({ type: "response.output_audio_transcript.delta", ...at })
    }
  }

  const sendAudio = (from: number, to: number) => {
    if (open?.part?.type !== "output_audio") return
    open.part.generatedMs = to / G711.BYTES_PER_MS
    host.emitAudio({ ...place(open), content_index: 0 }, convert(open.part.clip, from, to, settings.format))
  }

  const sendArguments = (delta: string) => {
    if (open === undefined) return
    open.item.arguments += delta
    host.emit({
      type: "response.function_call_arguments.delta",
      ...place(open),
      call_id: open.item.callId,
      delta
    })
  }

  /** Schedules one clip from `at`; audio after `limit` bytes is not generated. Returns when its last piece is sent. */
  const scheduleClip = (
    part: Extract<Part, { readonly _tag: "Say" }>,
    at: number,
    speed: number,
    limit: number
  ): number => {
    const { audio, text } = part.clip
    const words = text.match(/\s*\S+/g) ?? []
    const total = Math.min(audio.length, limit)
    let sent = 0
    while (sent < total) {
      const from = sent
      const to = Math.min(total, from + Math.max(1, Math.round(between(host.pace.deltaMs) * G711.BYTES_PER_MS)))
      const ahead = Math.min(1, (to / audio.length) * 1.25 + 0.1)
      const count = Math.ceil(words.length * ahead)
      at += ((to - from) / G711.BYTES_PER_MS / speed) * (0.6 + 0.8 * random.next())
      step(
        at,
        () => {
          const delta = words.slice(lastTextSent, count).join("")
          lastTextSent = Math.max(lastTextSent, count)
          sendText(delta)
          sendAudio(from, to)
        },
        true
      )
      sent = to
    }
    return at
  }

  const schedulePieces = (text: string, at: number, send: (piece: string) => void): number => {
    let sent = 0
    while (sent < text.length) {
      const piece = text.slice(sent, sent + random.integer(3, 16))
      sent += piece.length
      at += 2 + 10 * random.next()
      step(at, () => send(piece), true)
    }
    return at
  }

  const schedulePlan = (plan: Plan) => {
    const speed = settings.slow?.speed ?? between(host.pace.speed)
    const stop = interruption(settings, plan)
    let left = stop?.bytes ?? Infinity
    let at = host.now() + (plan.thinkMs ?? between(host.pace.thinkMs))
    for (const [outputIndex, part] of plan.parts.entries()) {
      if (left <= 0) break
      step(at, () => openPart(part, outputIndex))
      if (part._tag === "Call") at = schedulePieces(part.arguments, at, sendArguments)
      else if (settings.modality === "text") at = schedulePieces(part.clip.text, at, sendText)
      else {
        at = scheduleClip(part, at, speed, left)
        left -= part.clip.audio.length
        if (left < 0) break
      }
      at += 1 + 4 * random.next()
      step(at, () => closePart("completed"))
    }
    at += 1 + 9 * random.next()
    step(at, () => (stop === undefined ? finish("completed", null) : finish(stop.status, stop.details)))
  }

  const begin = () => {
    if (settings.failed?.unannounced === true) return finish("failed", failure(settings.failed))
    phase = "active"
    input = settings.input()
    host.emit({ type: "response.created", response: wire("in_progress", null, null) })
    if (cancelled !== undefined) return finish("cancelled", { type: "cancelled", reason: cancelled })
    schedulePlan(settings.plan())
  }

  const response: Response = {
    id,
    outOfBand: settings.outOfBand,
    phase: () => phase,
    owns: (itemId) => output.some((item) => item.id === itemId),
    cancel: (reason) => {
      if (phase === "requested") {
        cancelled = reason
        return
      }
      if (phase !== "active") return
      phase = "cancelling"
      const steps = agenda.remove(id)
      const pieces = steps.slice(
        0,
        steps.findIndex((step) => !step.piece)
      )
      let at = host.now()
      for (const { run } of pieces.slice(0, choices.lateDeltas)) {
        at += 2 + 12 * random.next()
        step(at, run, true)
      }
      const details: StatusDetails = { type: "cancelled", reason }
      if (at === host.now()) finish("cancelled", details)
      else step(at + 1, () => finish("cancelled", details))
    }
  }

  step(host.now() + between(host.pace.createMs), begin)
  return response
}

interface Interruption {
  /** Audio generated before it. */
  readonly bytes: number
  readonly status: "failed" | "incomplete"
  readonly details: StatusDetails
}

const interruption = (settings: Settings, plan: Plan): Interruption | undefined => {
  const total = plan.parts.reduce((sum, part) => sum + (part._tag === "Say" ? part.clip.audio.length : 0), 0)
  if (settings.failed !== undefined) {
    const bytes = Math.floor(total * (settings.failed.part ?? 0.5))
    return { bytes, status: "failed", details: failure(settings.failed) }
  }
  if (settings.incomplete !== undefined) {
    const details: StatusDetails = { type: "incomplete", reason: settings.incomplete.reason }
    return { bytes: Math.floor(total * (settings.incomplete.part ?? 0.5)), status: "incomplete", details }
  }
  const bytes = settings.maxOutputTokens === "inf" ? Infinity : settings.maxOutputTokens * 50 * G711.BYTES_PER_MS
  return bytes >= total
    ? undefined
    : { bytes, status: "incomplete", details: { type: "incomplete", reason: "max_output_tokens" } }
}

const failure = (fault: Extract<Fault, { readonly _tag: "ResponseFailed" }>): StatusDetails => ({
  type: "failed",
  error: {
    type: fault.code.endsWith("quota") ? "insufficient_quota" : "server_error",
    code: fault.code,
    message: fault.message ?? "The server had an error while processing your request. Sorry about that!"
  }
})

const audioMs = (output: ReadonlyArray<Conversation.Item>): number =>
  output.reduce((sum, item) => sum + (Conversation.outputAudio(item)?.generatedMs ?? 0), 0)

const usage = (input: InputTokens, output: ReadonlyArray<Conversation.Item>): Usage => {
  let text = 0
  for (const item of output) {
    text += Conversation.textTokens(item.name) + Conversation.textTokens(item.arguments)
    for (const part of item.content) {
      if (part.type === "output_audio") text += Conversation.textTokens(part.spoken)
      if (part.type === "output_text") text += Conversation.textTokens(part.text)
    }
  }
  const audio = Math.ceil(audioMs(output) / 50)
  const inputTokens = input.text + input.audio
  return {
    total_tokens: inputTokens + text + audio,
    input_tokens: inputTokens,
    output_tokens: text + audio,
    input_token_details: {
      text_tokens: input.text,
      audio_tokens: input.audio,
      image_tokens: 0,
      cached_tokens: input.cachedText + input.cachedAudio,
      cached_tokens_details: { text_tokens: input.cachedText, audio_tokens: input.cachedAudio, image_tokens: 0 }
    },
    output_token_details: { text_tokens: text, audio_tokens: audio }
  }
}
