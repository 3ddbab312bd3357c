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
import * as Encoding from "./Encoding.ts"
import type { Take } from "./Faults.ts"
import * as Outcome from "./Outcome.ts"
import type { Body, ResponseStatus, ResponseWire, StatusDetails } from "./ServerEvent.ts"
import * as Usage from "./Usage.ts"

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
  readonly input: () => Usage.InputTokens
}

export interface Host {
  readonly agenda: Agenda
  readonly choices: Choices
  readonly conversation: Conversation.Conversation
  readonly pace: Pace
  readonly random: Random
  readonly now: () => number
  readonly newId: (prefix: string) => string
  readonly take: Take
  readonly emit: (event: Body) => void
  /** One delta of audio, in the response's format. The payload may be a view of a clip. */
  readonly emitAudio: (place: AudioPlace, payload: Uint8Array) => void
  /** When audio of `ms` that is sent now can be played at the earliest: after what was sent before. Ms. */
  readonly playsFrom: (ms: number) => number
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
  /** Cancels a running response; one that was only requested is cancelled as soon as it begins. False where nothing comes of it. */
  readonly cancel: (reason: "turn_detected" | "client_cancelled") => boolean
  readonly output: ReadonlyArray<Conversation.Item>
  readonly owns: (itemId: string) => boolean
}

type Open = {
  readonly item: Conversation.Item
  readonly outputIndex: number
  /** The audio or text part of a message; a call has none. */
  readonly part: Conversation.Content | undefined
  readonly contentIndex: number
}

export const start = (host: Host, settings: Settings): Response => {
  const { agenda, choices, random } = host
  const { id } = settings
  const output: Array<Conversation.Item> = []
  let phase: Phase = "requested"
  let cancelled: "turn_detected" | "client_cancelled" | undefined
  let open: Open | undefined
  let input: Usage.InputTokens = { text: 0, audio: 0, cachedText: 0, cachedAudio: 0 }
  const failed = host.take("ResponseFailed")
  const incomplete = host.take("ResponseIncomplete")
  const hangs = host.take("ResponseHangs")
  const slow = host.take("ResponseSlow")
  const bursts = host.take("ResponseBursts")
  const deltas = host.take("ResponseDeltas")
  let oddDeltas = deltas === undefined ? 0 : (deltas.count ?? 1)
  let audioSecond = host.take("ResponseAudioSecond") !== undefined
  const modality =
    settings.modality === "audio" && host.take("ResponseAsText") !== undefined ? "text" : settings.modality
  let lastTextSent = 0

  const between = ([minimum, maximum]: Range) => minimum + random.next() * (maximum - minimum)

  const wire = (status: ResponseStatus, details: StatusDetails | null, usage: ResponseWire["usage"]): ResponseWire => ({
    id,
    object: "realtime.response",
    status,
    status_details: details,
    output: output.map((item) => Conversation.wire(item)),
    conversation_id: settings.outOfBand ? null : host.conversation.id,
    output_modalities: [modality],
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

  const partName = choices.partNames === "output" ? { audio: "output_audio", text: "output_text" } : PART_NAMES

  const openContent = (item: Conversation.Item, outputIndex: number, part: Conversation.Content): number => {
    const contentIndex = item.content.push(part) - 1
    const isText = part.type === "output_text"
    host.emit({
      type: "response.content_part.added",
      response_id: id,
      item_id: item.id,
      output_index: outputIndex,
      content_index: contentIndex,
      part: isText ? { type: partName.text, text: "" } : { type: partName.audio, transcript: "" }
    } as Body)
    return contentIndex
  }

  const openPart = (part: Part, outputIndex: number, isLast: boolean) => {
    const item =
      part._tag === "Say"
        ? Conversation.answer(itemId(), id, choices.phases ? (isLast ? "final_answer" : "commentary") : null)
        : functionCall(part)
    if (!settings.outOfBand) host.conversation.insert(item)
    output.push(item)
    lastTextSent = 0
    open = { item, outputIndex, part: undefined, contentIndex: 0 }
    emitItem("added", open)
    if (part._tag !== "Say") return
    const content: Conversation.Content =
      modality === "text" ? { type: "output_text", text: "" } : Conversation.speech(part.clip.audio)
    if (audioSecond && modality === "audio") {
      audioSecond = false
      open = { item, outputIndex, part: { type: "output_text", text: "" }, contentIndex: 0 }
      openContent(item, outputIndex, { type: "output_text", text: "" })
      closeContent(open)
    }
    open = { item, outputIndex, part: content, contentIndex: openContent(item, outputIndex, content) }
  }

  const itemId = (): string =>
    host.take("ItemIdRepeated") === undefined
      ? host.newId("item")
      : (host.conversation.items.findLast((item) => item.responseId !== null)?.id ?? host.newId("item"))

  const functionCall = (part: Extract<Part, { readonly _tag: "Call" }>): Conversation.Item => {
    const odd = host.take("CallOdd", (fault) => fault.how !== "huge")
    const before = host.conversation.items.findLast((item) => item.type === "function_call")
    const callId = odd?.how === "repeatedId" ? before?.callId : part.callId
    const name = odd?.how === "unnamed" ? "" : part.name
    return Conversation.functionCall(itemId(), id, name, callId ?? host.newId("call"))
  }

  const closeContent = ({ item, outputIndex, part, contentIndex }: Open) => {
    const at = { response_id: id, item_id: item.id, output_index: outputIndex, content_index: contentIndex }
    if (part?.type === "output_audio") {
      const events: Array<Body> = [
        { type: "response.output_audio.done", ...at },
        { type: "response.output_audio_transcript.done", ...at, transcript: part.spoken }
      ]
      for (const event of choices.audioDoneFirst ? events : events.reverse()) host.emit(event)
      const told = { type: partName.audio, transcript: part.spoken }
      host.emit({ type: "response.content_part.done", ...at, part: told } as Body)
    } else if (part?.type === "output_text") {
      host.emit({ type: "response.output_text.done", ...at, text: part.text })
      host.emit({ type: "response.content_part.done", ...at, part: { type: partName.text, text: part.text } } as Body)
    }
  }

  const closePart = (status: "completed" | "incomplete") => {
    if (open === undefined) return
    const closing = open
    open = undefined
    const { item } = closing
    item.status = status
    if (item.type === "message") closeContent(closing)
    else {
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
    host.emit({ type: "response.done", response: wire(status, details, told ? Usage.of(input, output) : null) })
    host.onDone(response, Usage.audioMs(output))
  }

  const step = (at: number, run: () => void, piece = false) =>
    agenda.add({
      at: bursts === undefined ? at : Math.ceil(at / bursts.everyMs) * bursts.everyMs,
      owner: id,
      piece,
      run
    })

  const sendText = (text: string) => {
    if (open === undefined || text === "") return
    const at = { ...place(open), content_index: open.contentIndex, delta: text }
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
    const { part, contentIndex } = open
    const playsFrom = host.playsFrom((to - from) / G711.BYTES_PER_MS)
    if (Number.isNaN(part.sentFrom)) {
      part.sentFrom = host.now()
      part.playsFrom = playsFrom
    }
    part.sentUntil = host.now()
    part.generatedMs = to / G711.BYTES_PER_MS
    host.emitAudio(
      { ...place(open), content_index: contentIndex },
      Encoding.convert(part.clip, from, to, settings.format)
    )
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
    while (sent < total || oddDeltas > 0) {
      const from = sent
      const size = Math.max(1, Math.round(between(host.pace.deltaMs) * G711.BYTES_PER_MS))
      const to = Math.min(total, from + (oddDeltas-- > 0 ? (deltas?.bytes ?? size) : size))
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

  const huge = (args: string): string => {
    const odd = host.take("CallOdd", (fault) => fault.how === "huge")
    return odd === undefined ? args : args + " ".repeat(odd.chars ?? 200_000)
  }

  const schedulePlan = (plan: Plan) => {
    const speed = slow?.speed ?? between(host.pace.speed)
    const stop = Outcome.of(plan, failed, incomplete, settings.maxOutputTokens)
    let left = hangs === undefined ? (stop?.bytes ?? Infinity) : Outcome.bytesOf(plan, hangs.part)
    let at = host.now() + (plan.thinkMs ?? between(host.pace.thinkMs))
    for (const [outputIndex, part] of plan.parts.entries()) {
      if (left <= 0) break
      step(at, () => openPart(part, outputIndex, outputIndex === plan.parts.length - 1))
      const share = Math.min(1, left / Outcome.weight(part))
      const some = (text: string) => text.slice(0, Math.floor(text.length * share))
      if (part._tag === "Call") at = schedulePieces(some(huge(part.arguments)), at, sendArguments)
      else if (modality === "text") at = schedulePieces(some(part.clip.text), at, sendText)
      else at = scheduleClip(part, at, speed, left)
      left -= Outcome.weight(part)
      if (left < 0) break
      at += 1 + 4 * random.next()
      step(at, () => closePart("completed"))
    }
    if (hangs !== undefined) return
    at += 1 + 9 * random.next()
    step(at, () => (stop === undefined ? finish("completed", null) : finish(stop.status, stop.details)))
  }

  const begin = () => {
    if (failed?.unannounced === true) return finish("failed", Outcome.failure(failed))
    phase = "active"
    input = settings.input()
    host.emit({ type: "response.created", response: wire("in_progress", null, null) })
    if (cancelled !== undefined) return finish("cancelled", { type: "cancelled", reason: cancelled })
    schedulePlan(settings.plan())
  }

  const cutOff = (reason: "turn_detected" | "client_cancelled") => {
    const steps = agenda.remove(id)
    const pieces = steps.slice(
      0,
      steps.findIndex((step) => !step.piece)
    )
    let at = host.now()
    for (const { run } of pieces.slice(0, choices.lateDeltas)) {
      at += 2 + 12 * random.next()
      agenda.add({ at, owner: id, piece: true, run })
    }
    const details: StatusDetails = { type: "cancelled", reason }
    if (at === host.now()) finish("cancelled", details)
    else agenda.add({ at: at + 1, owner: id, piece: false, run: () => finish("cancelled", details) })
  }

  const response: Response = {
    id,
    outOfBand: settings.outOfBand,
    phase: () => (phase === "requested" && cancelled !== undefined ? "cancelling" : phase),
    output,
    owns: (itemId) => output.some((item) => item.id === itemId),
    cancel: (reason) => {
      if (phase === "requested") {
        cancelled = reason
        return true
      }
      if (phase !== "active" || hangs?.deaf === true || host.take("CancelIgnored") !== undefined) return false
      phase = "cancelling"
      const slow = host.take("CancelSlow")
      if (slow === undefined) cutOff(reason)
      else agenda.add({ at: host.now() + slow.ms, owner: id, piece: false, run: () => cutOff(reason) })
      return true
    }
  }

  step(host.now() + between(host.pace.createMs), begin)
  return response
}

const PART_NAMES = { audio: "audio", text: "text" } as const
