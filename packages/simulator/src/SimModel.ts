/**
 * The voice model, as a seeded machine without sockets and without a clock: one session of the Realtime API's GA wire (protocols.md E), strict where
 * the real server is strict. It hears: voice activity is measured from the audio that really arrives. It speaks what a `Brain` tells it to.
 *
 * Times are ms on the host's clock, fractional, never decreasing.
 *
 * 1. Everything due at or before an input's `at` happens before the input, each output stamped with its own time.
 * 2. A client event that is not exactly right is answered by one `error` and changes nothing.
 * 3. At most one response writes to the conversation, under every fault.
 * 4. The truth for judges: `received`, `items`, `responses`, `errorsSent`, `faultsTaken`.
 * 5. `CloseSocket` is the last output; a closed session is silent.
 * 6. Audio goes as text or, on the direct lane, as bytes: one seed gives the same session on both.
 */
import * as Base64 from "./Base64.ts"
import * as Acts from "./model/Acts.ts"
import * as Agenda from "./model/Agenda.ts"
import type { Brain } from "./model/Brain.ts"
import type { Choices, Pace, Range } from "./model/Choices.ts"
import * as Drawn from "./model/Choices.ts"
import type { AudioFormat, ClientEvent, ResponseInput } from "./model/ClientEvent.ts"
import * as Client from "./model/ClientEvent.ts"
import * as Conversation from "./model/Conversation.ts"
import * as Encoding from "./model/Encoding.ts"
import type { Act, Fault, FaultOf } from "./model/Fault.ts"
import * as Faults from "./model/Faults.ts"
import * as Garbled from "./model/Garbled.ts"
import * as Hearing from "./model/Hearing.ts"
import * as Items from "./model/Items.ts"
import type { Received } from "./model/Received.ts"
import * as Response from "./model/Response.ts"
import type { Body, ErrorBody, ServerEvent } from "./model/ServerEvent.ts"
import * as Session from "./model/Session.ts"
import type { Failure } from "./model/Shape.ts"
import { invalidValue } from "./model/Shape.ts"
import * as Usage from "./model/Usage.ts"
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
  /** `binary`: as a binary frame, which the real server never sends. */
  | { readonly _tag: "SendText"; readonly at: number; readonly text: string; readonly binary?: true }
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

/** Why a response began; "none": a fault. */
export type Trigger = "client" | "none" | "turn"

/** A response that began, for judges. */
export interface Begun {
  readonly id: string
  /** When it was asked for, ms on the host's clock. */
  readonly at: number
  readonly trigger: Trigger
  readonly outOfBand: boolean
  readonly phase: () => Response.Phase
  /** Its items so far; those of a response out of band are in no conversation. */
  readonly output: ReadonlyArray<Conversation.Item>
}

/** What happened, for whoever tells the call's story. Ms count audio written to the input buffer, except durations. */
export type Trace =
  | { readonly _tag: "SpeechStarted"; readonly itemId: string; readonly startMs: number; readonly detectedMs: number }
  | { readonly _tag: "SpeechStopped"; readonly itemId: string; readonly endMs: number }
  | { readonly _tag: "ResponseStarted"; readonly responseId: string; readonly trigger: Trigger }
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
  readonly faultsTaken: ReadonlyArray<Faults.Taken>
  /** Adds a fault. */
  readonly failNext: (fault: Fault) => void
  readonly choices: Choices
  readonly received: Received
  /** Conversation order, deleted ones too. */
  readonly items: ReadonlyArray<Conversation.Item>
  readonly responses: ReadonlyArray<Begun>
  readonly errorsSent: ReadonlyArray<ErrorBody>
  readonly config: () => Session.Config
  readonly closed: () => boolean
}

const DEFAULT_EPOCH_MS = 1_767_225_600_000
const LIMIT_MS = 60 * 60 * 1000

export const make = (options: Options): SimModel => {
  const random = Random.make(options.seed)
  const choices: Choices = { ...Drawn.draw(random.split("choices")), ...options.choices }
  const pace: Pace = { ...Drawn.PACE, ...options.pace }
  const timing = random.split("timing")
  const garbling = random.split("garbling")
  const ids = random.split("ids").hex(8)
  const agenda = Agenda.make()
  const conversation = Conversation.make(`conv_${ids}`)
  const errorsSent: Array<ErrorBody> = []
  const responses: Array<Begun> = []
  const lastEventIds = new Map<ClientEvent["type"], string>()

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
  let spoken = false
  let playedUntil = 0
  let garbled: FaultOf<"Garbled"> | undefined
  let garbledEvents = 0
  const reads = Usage.reader()
  const beside = new Map<string, Response.Response>()

  const between = ([minimum, maximum]: Range) => minimum + timing.next() * (maximum - minimum)
  const newId = (prefix: string) => `${prefix}_${ids}${(++counter).toString(36).padStart(4, "0")}`
  const trace = (trace: Trace) => {
    if (status !== "closed") outputs.push({ _tag: "Trace", at: clock, trace })
  }

  const emit = (body: Body) => {
    if (status === "closed") return
    const isThis = (fault: { readonly event: ServerEvent["type"] }) => fault.event === body.type
    if (take("EventMissing", isThis) !== undefined) return
    const late = take("EventLate", isThis)
    if (late !== undefined) {
      return agenda.add({ at: clock + late.ms, owner: "late", piece: false, run: () => send(body) })
    }
    const previous = body.type === "conversation.item.added" ? take("PreviousItem") : undefined
    const told = previous === undefined ? body : ({ ...body, previous_item_id: previous.id } as Body)
    garble(told)
    send(told)
    if (take("EventRepeated", isThis) !== undefined) send(told)
  }

  const garble = (body: Body) => {
    garbled ??= take("Garbled")
    if (garbled === undefined || garbledEvents++ >= garbled.events) return
    for (let count = 0; count < garbled.copies; count++) {
      const text = Garbled.copy(garbling, body)
      if (text !== null) actor.sendRaw(text)
    }
  }

  const send = (body: Body) => {
    if (status === "closed") return
    const event = { event_id: newId("event"), ...body } as ServerEvent
    if (body.type === "response.output_audio.delta") spoken = true
    outputs.push({ _tag: "SendText", at: clock, text: JSON.stringify(event) })
    options.onEvent?.(event)
    faults.onSent(body.type)
  }

  const emitAudio = (place: Response.AudioPlace, payload: Uint8Array) => {
    if (options.direct !== true) {
      return send({ type: "response.output_audio.delta", ...place, delta: Base64.encode(payload) })
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
    faults.onSent("response.output_audio.delta")
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

  const act = (one: Act) => {
    if (status !== "closed") Acts.perform(actor, one)
  }

  const actor: Acts.Host = {
    emit: send,
    emitAudio: (place, mulaw) => emitAudio(place, Encoding.convert(mulaw, 0, mulaw.length, outputFormat)),
    sendRaw: (text, binary) => {
      outputs.push({ _tag: "SendText", at: clock, text, ...(binary === true ? { binary } : {}) })
    },
    sendError,
    newId,
    close,
    expire: () => expire(),
    soon: (run) => agenda.add({ at: clock, owner: "fault", piece: false, run }),
    begin: (outOfBand) => {
      if (outOfBand) begin({ conversation: "none" }, "none")
      else if (slot === undefined) begin({}, "none")
    },
    imagineSpeech: (ms) => hearing.imagine(ms),
    lastOf: (type) => lastEventIds.get(type) ?? null,
    items: conversation.items,
    running: () => slot
  }

  const faults = Faults.make(
    { agenda, now: () => clock, act, onTaken: (fault) => trace({ _tag: "FaultTaken", fault: fault._tag }) },
    options.faults ?? []
  )
  const { take } = faults

  const opened = (model: string, refusal: Refusal | undefined) => {
    status = "open"
    faults.opened()
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
    if (event.event_id !== undefined) lastEventIds.set(event.type, event.event_id)
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
        return items.create(event.item, event.previous_item_id)
      case "conversation.item.retrieve":
        return items.retrieve(event.item_id)
      case "conversation.item.delete":
        return items.remove(event.item_id)
      case "conversation.item.truncate":
        return items.truncate(event.item_id, event.content_index, event.audio_end_ms)
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
    const refused = take("UpdateRefused")
    if (refused !== undefined) {
      return { code: refused.code, message: "The session could not be updated.", param: null }
    }
    const changed = take("FormatChanged")
    const { audio } = result.config
    configure(
      changed === undefined
        ? result.config
        : { ...result.config, audio: { ...audio, output: { ...audio.output, format: changed.format } } }
    )
    if (take("UpdateIgnored") !== undefined) return undefined
    const echoed = config
    agenda.add({
      at: clock + (take("UpdateLate")?.ms ?? between(pace.updateMs)),
      owner: "update",
      piece: false,
      run: () => {
        outputFormat = echoed.audio.output.format
        const { audio, ...rest } = echoed
        const session = take("FormatMissing") === undefined ? echoed : (rest as Session.Config)
        emit({ type: "session.updated", session })
      }
    })
    return undefined
  }

  const answerTurn = (itemId: string) => {
    if (take("ResponseIgnored", (fault) => fault.of === "turn") !== undefined) return
    if (slot === undefined) begin({}, "turn")
    else if (slot.phase() === "cancelling" || choices.answersBusyTurns) turnWaiting = true
    else trace({ _tag: "TurnUnanswered", itemId })
  }

  const createResponse = (input: ResponseInput): Failure | undefined => {
    for (const [i, item] of (input.input ?? []).entries()) {
      if (item.type === "item_reference" && conversation.find(item.id ?? "") === undefined) {
        return invalidValue(`response.input[${i}].id`, `Item with ID '${item.id ?? ""}' not found.`)
      }
    }
    if (take("ResponseIgnored", (fault) => fault.of !== "turn") !== undefined) return undefined
    const refused = take("ResponseRefused")
    if (refused !== undefined) {
      const code = refused.code === undefined ? "conversation_already_has_active_response" : refused.code
      return { code, message: refused.message ?? "The response could not be created.", param: null }
    }
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

  const begin = (input: ResponseInput, trigger: Trigger) => {
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
          index: outOfBand && trigger !== "none" ? begunOutOfBand++ : begun++,
          turns: items.filter((item) => item.role === "user").length,
          trigger: trigger === "client" ? "client" : "turn",
          outOfBand: outOfBand && trigger !== "none",
          instructions,
          metadata: input.metadata ?? null,
          tools: tools.flatMap((tool) => (tool.type === "function" ? [tool.name] : [])),
          session,
          items
        })
      },
      input: () => reads(context(input), instructions, tools, outOfBand)
    })
    responses.push({ id: response.id, at: clock, trigger, outOfBand, phase: response.phase, output: response.output })
    trace({ _tag: "ResponseStarted", responseId: response.id, trigger })
    if (outOfBand) beside.set(response.id, response)
    else slot = response
  }

  const onDone = (response: Response.Response, audioMs: number) => {
    trace({ _tag: "ResponseDone", responseId: response.id, audioMs })
    if (choices.rateLimits) emit({ type: "rate_limits.updated", rate_limits: Usage.rateLimits(begun) })
    beside.delete(response.id)
    if (slot !== response) return
    slot = undefined
    const turnDetection = config.audio.input.turn_detection
    if (turnWaiting) {
      turnWaiting = false
      if (turnDetection?.create_response === true) return begin({}, "turn")
    }
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
    take,
    emit,
    emitAudio,
    playsFrom: (ms) => {
      const from = Math.max(clock, playedUntil)
      playedUntil = from + ms
      return from
    },
    onDone
  }

  const nothingIsPlaying = () => {
    playedUntil = Math.min(playedUntil, clock)
  }

  const items = Items.make({
    choices,
    conversation,
    now: () => clock,
    newId,
    emit,
    isBeingWritten: (itemId) => slot?.owns(itemId) === true,
    outputFormat: () => outputFormat,
    onEdited: nothingIsPlaying
  })

  const hearing: Hearing.Hearing = Hearing.make(
    {
      agenda,
      now: () => clock,
      newId,
      emit,
      insert: (item, before) => {
        const previous = conversation.insert(item)
        before(previous)
        items.announce(item, previous)
      },
      onSpeechStarted: (itemId, startMs, detectedMs) => {
        agenda.remove("idle")
        trace({ _tag: "SpeechStarted", itemId, startMs, detectedMs })
        if (config.audio.input.turn_detection?.interrupt_response === true) interrupt()
        nothingIsPlaying()
      },
      onSpeechStopped: (itemId, endMs) => {
        trace({ _tag: "SpeechStopped", itemId, endMs })
        if (config.audio.input.turn_detection?.create_response === true) answerTurn(itemId)
      },
      take,
      transcribesDeleted: choices.transcribesDeleted,
      transcription: (speech) => ({
        afterMs: between(pace.transcriptionMs),
        text: options.transcribe?.(speech) ?? `(speech ${(speech.durationMs / 1000).toFixed(1)} s)`
      })
    },
    config
  )

  const interrupt = () => {
    const response = slot
    if (response?.cancel("turn_detected") === true && choices.truncatesItself) items.interrupted(response.output)
  }

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
        if (input._tag !== "Opened") faults.onInput()
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
    faultsTaken: faults.taken,
    failNext: faults.add,
    choices,
    received: hearing.received,
    items: conversation.items,
    responses,
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
