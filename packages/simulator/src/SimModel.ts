/**
 * The voice model, as a seeded machine without sockets and without a clock: one session of the Realtime API's GA wire (protocols.md E), strict where
 * the real server is strict. It hears: voice activity is measured from the audio that really arrives. It speaks what a `Brain` tells it to.
 *
 * Times are ms on the host's clock, fractional, never decreasing.
 *
 * 1. Everything due at or before an input's `at` happens before the input, each output stamped with its own time.
 * 2. A client event that is not exactly right is answered by one `error` and changes nothing.
 * 3. At most one response writes to the conversation.
 * 4. `received`, `items`, `errorsSent` are the truth for judges: what was appended, what was said and what of it is remembered, what went wrong.
 * 5. `CloseSocket` is the last output; a closed session is silent.
 */
import * as Base64 from "./Base64.ts"
import * as Agenda from "./model/Agenda.ts"
import type { Brain } from "./model/Brain.ts"
import type { Choices, Pace, Range } from "./model/Choices.ts"
import * as Drawn from "./model/Choices.ts"
import type { AudioFormat, ClientEvent, ItemInput, ResponseInput } from "./model/ClientEvent.ts"
import * as Client from "./model/ClientEvent.ts"
import * as Conversation from "./model/Conversation.ts"
import type { Fault } from "./model/Fault.ts"
import * as Hearing from "./model/Hearing.ts"
import type { Received } from "./model/Received.ts"
import * as Response from "./model/Response.ts"
import type { Body, ErrorBody, ServerEvent } from "./model/ServerEvent.ts"
import * as Session from "./model/Session.ts"
import type { Failure } from "./model/Shape.ts"
import { invalidValue } from "./model/Shape.ts"
import * as Random from "./Random.ts"

export type Input =
  /** The upgrade was accepted. `model`: of the URL; `refusal`: why the session ends at once. */
  | { readonly _tag: "Opened"; readonly at: number; readonly model: string; readonly refusal?: Refusal }
  | { readonly _tag: "TextReceived"; readonly at: number; readonly text: string }
  /** The direct lane: audio that was appended, in the session's format. The same as the text of an `input_audio_buffer.append`. */
  | { readonly _tag: "AudioReceived"; readonly at: number; readonly payload: Uint8Array }
  | { readonly _tag: "BinaryReceived"; readonly at: number }
  | { readonly _tag: "Closed"; readonly at: number }
  | { readonly _tag: "TimeAdvanced"; readonly at: number }

/** Why a socket is closed right after it opened (protocols.md E.9). */
export type Refusal = "beta_api_shape_disabled" | "invalid_api_key" | "invalid_intent"

export type Output =
  | { readonly _tag: "SendText"; readonly at: number; readonly text: string }
  /** The direct lane: a `response.output_audio.delta`. The payload is read only: it may be a view of a clip. */
  | {
      readonly _tag: "SendAudio"
      readonly at: number
      readonly response: string
      readonly item: string
      readonly outputIndex: number
      readonly contentIndex: number
      readonly payload: Uint8Array
    }
  /** Code 1006: cut the connection without a close frame. */
  | { readonly _tag: "CloseSocket"; readonly at: number; readonly code: number; readonly reason: string }
  | { readonly _tag: "Trace"; readonly at: number; readonly trace: Trace }

/** What happened, for whoever tells the call's story. Ms count audio written to the input buffer, except durations. */
export type Trace =
  | { readonly _tag: "SpeechStarted"; readonly itemId: string; readonly startMs: number; readonly detectedMs: number }
  | { readonly _tag: "SpeechStopped"; readonly itemId: string; readonly endMs: number }
  | { readonly _tag: "ResponseStarted"; readonly responseId: string; readonly trigger: "client" | "turn" }
  | { readonly _tag: "ResponseDone"; readonly responseId: string; readonly audioMs: number }
  /** A turn ended while a response was running: nobody answers it. */
  | { readonly _tag: "TurnUnanswered"; readonly itemId: string }
  | { readonly _tag: "Rejected"; readonly code: string | null; readonly message: string }
  | { readonly _tag: "FaultTaken"; readonly fault: Fault["_tag"] }

export interface Options {
  readonly seed: number | string
  readonly brain: Brain
  /** Fixed choices; the seed makes the others. */
  readonly choices?: Partial<Choices>
  readonly pace?: Partial<Pace>
  /** Text of a caller's utterance; by default "(speech 1.2 s)". */
  readonly transcribe?: (speech: Hearing.Speech) => string
  /** A session lasts this long; 60 minutes by default. */
  readonly limitMs?: number
  /** Unix time in ms at `Opened`, for `expires_at`. */
  readonly epochMs?: number
  readonly faults?: ReadonlyArray<Fault>
  /** Audio is sent as `SendAudio`, without JSON and base64; everything else as text. Both lanes take both kinds of input. */
  readonly direct?: boolean
  /** Every event sent, for oracles. On the direct lane audio is encoded when its `delta` is read. */
  readonly onEvent?: (event: ServerEvent) => void
}

export interface SimModel {
  readonly handle: (input: Input) => ReadonlyArray<Output>
  /** When the machine wants `TimeAdvanced`; undefined when it waits for input only. */
  readonly nextDeadline: () => number | undefined
  /** Takes a fault at its point, once. Those without a point are taken at the next input. */
  readonly failNext: (fault: Fault) => void
  readonly choices: Choices
  readonly received: Received
  /** Conversation order, deleted ones too. */
  readonly items: ReadonlyArray<Conversation.Item>
  readonly errorsSent: ReadonlyArray<ErrorBody>
  readonly config: () => Session.Config
  readonly closed: () => boolean
}

const DEFAULT_EPOCH_MS = 1_767_225_600_000

const LIMIT_MS = 60 * 60 * 1000

type FaultOf<Tag extends Fault["_tag"]> = Extract<Fault, { readonly _tag: Tag }>

export const make = (options: Options): SimModel => {
  const random = Random.make(options.seed)
  const choices: Choices = { ...Drawn.draw(random.split("choices")), ...options.choices }
  const pace: Pace = { ...Drawn.PACE, ...options.pace }
  const timing = random.split("timing")
  const ids = random.split("ids").hex(8)
  const agenda = Agenda.make()
  const conversation = Conversation.make(`conv_${ids}`)
  const errorsSent: Array<ErrorBody> = []
  const faults: Array<Fault> = [...(options.faults ?? [])]

  let outputs: Array<Output> = []
  let clock = 0
  let status: "new" | "open" | "closed" = "new"
  let counter = 0
  let config = Session.initial(`sess_${ids}`, "", 0)
  let outputFormat: AudioFormat = { type: "audio/pcm", rate: 24000 }
  let slot: Response.Response | undefined
  let turnWaiting = false
  let begun = 0
  let begunOutOfBand = 0
  let cached = { text: 0, audio: 0 }
  let spoken = false
  const beside = new Map<string, Response.Response>()

  const between = ([minimum, maximum]: Range) => minimum + timing.next() * (maximum - minimum)
  const newId = (prefix: string) => `${prefix}_${ids}${(++counter).toString(36).padStart(4, "0")}`
  const trace = (trace: Trace) => outputs.push({ _tag: "Trace", at: clock, trace })

  const takeFault = <Tag extends Fault["_tag"]>(
    tag: Tag,
    accept?: (fault: FaultOf<Tag>) => boolean
  ): FaultOf<Tag> | undefined => {
    const index = faults.findIndex(
      (fault) => fault._tag === tag && (accept === undefined || accept(fault as FaultOf<Tag>))
    )
    if (index < 0) return undefined
    trace({ _tag: "FaultTaken", fault: tag })
    return faults.splice(index, 1)[0] as FaultOf<Tag>
  }

  const emit = (body: Body) => {
    if (status === "closed") return
    const event = { event_id: newId("event"), ...body } as ServerEvent
    if (body.type === "response.output_audio.delta") spoken = true
    outputs.push({ _tag: "SendText", at: clock, text: JSON.stringify(event) })
    options.onEvent?.(event)
    if (faults.length > 0) takePointFaults(body.type)
  }

  const emitAudio = (place: Response.AudioPlace, payload: Uint8Array) => {
    if (options.direct !== true) {
      return emit({ type: "response.output_audio.delta", ...place, delta: Base64.encode(payload) })
    }
    if (status === "closed") return
    const eventId = newId("event")
    spoken = true
    outputs.push({
      _tag: "SendAudio",
      at: clock,
      response: place.response_id,
      item: place.item_id,
      outputIndex: place.output_index,
      contentIndex: place.content_index,
      payload
    })
    options.onEvent?.({
      event_id: eventId,
      type: "response.output_audio.delta",
      ...place,
      get delta() {
        return Base64.encode(payload)
      }
    })
    if (faults.length > 0) takePointFaults("response.output_audio.delta")
  }

  const takePointFaults = (after: ServerEvent["type"] | undefined) => {
    const here = (fault: { readonly after?: string }) => fault.after === after
    const unknown = takeFault("UnknownEvent", here)
    if (unknown !== undefined) {
      const event = { type: "response.mood.updated", event_id: newId("event"), mood: { valence: 0.5 } }
      outputs.push({ _tag: "SendText", at: clock, text: JSON.stringify(event) })
    }
    const error = takeFault("Error", here)
    if (error !== undefined) {
      const message = error.message ?? "The server had an error while processing your request. Sorry about that!"
      sendError({ type: error.type ?? "server_error", code: error.code, message, param: null, event_id: null })
    }
    const lost = takeFault("SocketLost", here)
    if (lost !== undefined) close(lost.code ?? 1006, lost.reason ?? "")
  }

  const sendError = (error: ErrorBody) => {
    errorsSent.push(error)
    emit({ type: "error", error })
  }

  const reject = (failure: Failure, eventId: string | null | undefined) => {
    trace({ _tag: "Rejected", code: failure.code, message: failure.message })
    sendError({ type: "invalid_request_error", ...failure, event_id: eventId ?? null })
  }

  const close = (code: number, reason: string) => {
    if (status === "closed") return
    status = "closed"
    agenda.clear()
    outputs.push({ _tag: "CloseSocket", at: clock, code, reason })
  }

  const opened = (model: string, refusal: Refusal | undefined) => {
    status = "open"
    if (refusal !== undefined) {
      const message = REFUSALS[refusal]
      sendError({ type: "invalid_request_error", code: refusal, message, param: null, event_id: null })
      return close(refusal === "invalid_api_key" ? 3000 : 4000, `invalid_request_error.${refusal}`)
    }
    const limitMs = options.limitMs ?? LIMIT_MS
    const expiresAt = Math.floor(((options.epochMs ?? DEFAULT_EPOCH_MS) + limitMs) / 1000)
    configure(Session.initial(`sess_${ids}`, model, expiresAt))
    agenda.add({ at: clock + limitMs, owner: "limit", piece: false, run: expire })
    emit({ type: "session.created", session: config })
    emit({ type: "conversation.created", conversation: { id: conversation.id, object: "realtime.conversation" } })
  }

  const expire = () => {
    const message = "Your session hit the maximum duration of 60 minutes."
    sendError({ type: "invalid_request_error", code: "session_expired", message, param: null, event_id: null })
    close(1001, message)
  }

  const configure = (next: Session.Config) => {
    config = next
    hearing.configure(next)
  }

  const receive = (text: string) => {
    const decoded = Client.decode(text)
    if (!decoded.ok) return reject(decoded.failure, decoded.eventId)
    const { event } = decoded
    const failure = apply(event, config)
    if (failure !== undefined) reject(failure, event.event_id)
  }

  const apply = (event: ClientEvent, session: Session.Config): Failure | undefined => {
    switch (event.type) {
      case "session.update":
        return updateSession(event.session, session)
      case "input_audio_buffer.append":
        return hearing.append(event.audio)
      case "input_audio_buffer.commit":
        return hearing.commit()
      case "input_audio_buffer.clear":
        hearing.clear()
        return undefined
      case "conversation.item.create":
        return createItem(event.item, event.previous_item_id)
      case "conversation.item.retrieve":
        return retrieve(event.item_id)
      case "conversation.item.delete":
        return remove(event.item_id)
      case "conversation.item.truncate":
        return truncate(event.item_id, event.content_index, event.audio_end_ms)
      case "response.create":
        return createResponse(event.response ?? {})
      case "response.cancel":
        return cancelResponse(event.response_id)
      case "output_audio_buffer.clear":
        return invalidValue("type", "'output_audio_buffer.clear' is only supported over WebRTC and SIP.")
    }
  }

  const updateSession = (change: Client.Json, session: Session.Config): Failure | undefined => {
    const result = Session.update(session, change, { hasSpoken: spoken, isResponding: slot !== undefined })
    if (!result.ok) return result.failure
    const changed = takeFault("FormatChanged")
    const { audio } = result.config
    configure(
      changed === undefined
        ? result.config
        : { ...result.config, audio: { ...audio, output: { ...audio.output, format: changed.format } } }
    )
    if (takeFault("UpdateIgnored") !== undefined) return undefined
    const echoed = config
    agenda.add({
      at: clock + between(pace.updateMs),
      owner: "update",
      piece: false,
      run: () => {
        outputFormat = echoed.audio.output.format
        emit({ type: "session.updated", session: echoed })
      }
    })
    return undefined
  }

  const answerTurn = (itemId: string) => {
    if (slot === undefined) begin({}, "turn")
    else if (slot.phase() === "cancelling") turnWaiting = true
    else trace({ _tag: "TurnUnanswered", itemId })
  }

  const announce = (item: Conversation.Item, previous: string | null) => {
    for (const when of ["added", "done"] as const) {
      emit({ type: `conversation.item.${when}`, previous_item_id: previous, item: Conversation.wire(item) })
    }
  }

  const createItem = (input: ItemInput, previousId: string | null | undefined): Failure | undefined => {
    const failure = conversation.check(input, previousId)
    if (failure !== undefined) return failure
    const item = Conversation.fromInput(input, newId("item"), newId("call"))
    announce(item, conversation.insert(item, previousId))
    return undefined
  }

  const noSuchItem = (action: "delete" | "retrieve" | "truncate", id: string): Failure => ({
    code: `item_${action}_invalid_item_id`,
    message: `Error: cannot ${action} item, the item with ID '${id}' does not exist.`,
    param: "item_id"
  })

  const beingWritten = (id: string): Failure | undefined =>
    choices.editBeforeDone || slot?.owns(id) !== true
      ? undefined
      : invalidValue("item_id", `Item '${id}' belongs to a response that is still in progress.`)

  const retrieve = (id: string): Failure | undefined => {
    const item = conversation.find(id)
    if (item === undefined) return noSuchItem("retrieve", id)
    const encode = (clip: Uint8Array, bytes: number) => Base64.encode(Response.convert(clip, 0, bytes, outputFormat))
    emit({ type: "conversation.item.retrieved", item: Conversation.wire(item, encode) })
    return undefined
  }

  const remove = (id: string): Failure | undefined => {
    const item = conversation.find(id)
    if (item === undefined) return noSuchItem("delete", id)
    const failure = beingWritten(id)
    if (failure !== undefined) return failure
    item.deleted = true
    emit({ type: "conversation.item.deleted", item_id: id })
    return undefined
  }

  const truncate = (id: string, contentIndex: number, audioEndMs: number): Failure | undefined => {
    const item = conversation.find(id)
    if (item === undefined) return noSuchItem("truncate", id)
    const failure =
      beingWritten(id) ??
      (audioEndMs === 0 && !choices.truncateToZero
        ? invalidValue("audio_end_ms", "Invalid 'audio_end_ms': expected a value greater than 0.")
        : undefined) ??
      Conversation.truncate(item, contentIndex, audioEndMs, choices.truncateLengthCode)
    if (failure !== undefined) return failure
    emit({
      type: "conversation.item.truncated",
      item_id: id,
      content_index: contentIndex,
      audio_end_ms: audioEndMs
    })
    return undefined
  }

  const createResponse = (input: ResponseInput): Failure | undefined => {
    for (const [i, item] of (input.input ?? []).entries()) {
      if (item.type === "item_reference" && conversation.find(item.id ?? "") === undefined) {
        return invalidValue(`response.input[${i}].id`, `Item with ID '${item.id ?? ""}' not found.`)
      }
    }
    if (takeFault("ResponseIgnored") !== undefined) return undefined
    if (input.conversation !== "none" && slot !== undefined) {
      return {
        code: "conversation_already_has_active_response",
        message: `Conversation already has an active response in progress: ${slot.id}. Wait until the response is finished before creating a new one.`,
        param: null
      }
    }
    begin(input, "client")
    return undefined
  }

  const cancelResponse = (id: string | undefined): Failure | undefined => {
    const response = id === undefined ? slot : slot?.id === id ? slot : beside.get(id)
    if (response?.phase() !== "active") {
      return {
        code: "response_cancel_not_active",
        message: "Cancellation failed: no active response found",
        param: null
      }
    }
    response.cancel("client_cancelled")
    return undefined
  }

  const context = (input: ResponseInput): ReadonlyArray<Conversation.Item> =>
    input.input === undefined
      ? conversation.alive()
      : input.input.flatMap((item) => {
          if (item.type !== "item_reference") return [Conversation.fromInput(item, newId("item"), newId("call"))]
          const found = conversation.find(item.id ?? "")
          return found === undefined ? [] : [found]
        })

  const begin = (input: ResponseInput, trigger: "client" | "turn") => {
    agenda.remove("idle")
    const session = config
    const outOfBand = input.conversation === "none"
    const voice = input.audio?.output?.voice ?? session.audio.output.voice
    const tools = (input.tools ?? session.tools) as ReadonlyArray<Session.FunctionTool | Session.McpTool>
    const instructions = input.instructions ?? session.instructions
    const response = Response.start(host, {
      id: newId("resp"),
      outOfBand,
      format: input.audio?.output?.format ?? outputFormat,
      voice: typeof voice === "string" ? voice : voice.id,
      modality: (input.output_modalities ?? session.output_modalities)[0] ?? "audio",
      maxOutputTokens: input.max_output_tokens ?? session.max_output_tokens,
      metadata: input.metadata ?? null,
      plan: () => {
        const items = context(input)
        return options.brain({
          index: outOfBand ? begunOutOfBand++ : begun++,
          turns: items.filter((item) => item.role === "user").length,
          trigger,
          outOfBand,
          instructions,
          metadata: input.metadata ?? null,
          tools: tools.flatMap((tool) => (tool.type === "function" ? [tool.name] : [])),
          session,
          items
        })
      },
      input: () => inputTokens(context(input), instructions, tools, outOfBand),
      failed: takeFault("ResponseFailed"),
      incomplete: takeFault("ResponseIncomplete"),
      slow: takeFault("ResponseSlow")
    })
    trace({ _tag: "ResponseStarted", responseId: response.id, trigger })
    if (outOfBand) beside.set(response.id, response)
    else slot = response
  }

  const inputTokens = (
    items: ReadonlyArray<Conversation.Item>,
    instructions: string,
    tools: ReadonlyArray<unknown>,
    outOfBand: boolean
  ): Response.InputTokens => {
    let text =
      Conversation.textTokens(instructions) + (tools.length > 0 ? Conversation.textTokens(JSON.stringify(tools)) : 0)
    let audio = 0
    for (const item of items) {
      const tokens = Conversation.tokens(item)
      text += tokens.text
      audio += tokens.audio
    }
    // The cache holds whole blocks of 64 tokens of what an earlier response read.
    const cachedText = outOfBand ? 0 : Math.floor(Math.min(cached.text, text) / 64) * 64
    const cachedAudio = outOfBand ? 0 : Math.floor(Math.min(cached.audio, audio) / 64) * 64
    if (!outOfBand) cached = { text, audio }
    return { text, audio, cachedText, cachedAudio }
  }

  const onDone = (response: Response.Response, audioMs: number) => {
    trace({ _tag: "ResponseDone", responseId: response.id, audioMs })
    if (choices.rateLimits) emit({ type: "rate_limits.updated", rate_limits: rateLimits(begun) })
    beside.delete(response.id)
    if (slot !== response) return
    slot = undefined
    if (turnWaiting) {
      turnWaiting = false
      return begin({}, "turn")
    }
    const turnDetection = config.audio.input.turn_detection
    if (turnDetection?.type === "server_vad" && turnDetection.idle_timeout_ms !== null) {
      agenda.add({ at: clock + audioMs + turnDetection.idle_timeout_ms, owner: "idle", piece: false, run: idle })
    }
  }

  const idle = () => {
    if (slot === undefined && hearing.timeOut()) begin({}, "turn")
  }

  const host: Response.Host = {
    agenda,
    choices,
    conversation,
    pace,
    random: random.split("responses"),
    now: () => clock,
    newId,
    emit,
    emitAudio,
    onDone
  }

  const hearing: Hearing.Hearing = Hearing.make(
    {
      agenda,
      now: () => clock,
      newId,
      emit,
      insert: (item, before) => {
        const previous = conversation.insert(item)
        before(previous)
        announce(item, previous)
      },
      onSpeechStarted: (itemId, startMs, detectedMs) => {
        agenda.remove("idle")
        trace({ _tag: "SpeechStarted", itemId, startMs, detectedMs })
        if (config.audio.input.turn_detection?.interrupt_response === true) slot?.cancel("turn_detected")
      },
      onSpeechStopped: (itemId, endMs) => {
        trace({ _tag: "SpeechStopped", itemId, endMs })
        if (config.audio.input.turn_detection?.create_response === true) answerTurn(itemId)
      },
      transcription: (speech) => ({
        afterMs: between(pace.transcriptionMs),
        text:
          takeFault("TranscriptionFailed") === undefined
            ? (options.transcribe?.(speech) ?? `(speech ${(speech.durationMs / 1000).toFixed(1)} s)`)
            : undefined
      })
    },
    config
  )

  const advance = (at: number) => {
    for (let step = agenda.due(at); step !== undefined; step = agenda.due(at)) {
      clock = Math.max(clock, step.at)
      step.run()
    }
    clock = Math.max(clock, at)
  }

  return {
    handle: (input) => {
      if (status === "closed") return NOTHING
      if (outputs.length > 0) outputs = []
      advance(input.at)
      // A step may have closed the session.
      if ((status as string) !== "closed") {
        if (faults.length > 0 && input._tag !== "Opened") takePointFaults(undefined)
        switch (input._tag) {
          case "Opened":
            opened(input.model, input.refusal)
            break
          case "TextReceived":
            if (status === "open") receive(input.text)
            break
          case "AudioReceived":
            if (status === "open") hearing.hear(input.payload)
            break
          case "BinaryReceived":
            reject({ code: "invalid_json", message: "Binary messages are not supported.", param: null }, null)
            break
          case "Closed":
            status = "closed"
            agenda.clear()
            break
          case "TimeAdvanced":
            break
        }
      }
      return outputs.length === 0 ? NOTHING : outputs
    },
    nextDeadline: () => (status === "closed" ? undefined : agenda.next()),
    failNext: (fault) => {
      faults.push(fault)
    },
    choices,
    received: hearing.received,
    items: conversation.items,
    errorsSent,
    config: () => config,
    closed: () => status === "closed"
  }
}

const NOTHING: ReadonlyArray<Output> = []

const REFUSALS: { readonly [refusal in Refusal]: string } = {
  beta_api_shape_disabled: "The beta shape of the Realtime API is no longer supported. Remove the OpenAI-Beta header.",
  invalid_api_key: "Incorrect API key provided.",
  invalid_intent: "The intent is not supported."
}

const rateLimits = (used: number) => [
  { name: "requests" as const, limit: 5000, remaining: Math.max(0, 5000 - used), reset_seconds: 0.012 * used },
  { name: "tokens" as const, limit: 2_000_000, remaining: Math.max(0, 2_000_000 - 800 * used), reset_seconds: 0.06 }
]
