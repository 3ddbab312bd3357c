/** One session of the simulated model in virtual time, and the sounds to feed it. */
import type { ServerEvent } from "@offhook/simulator"
import { Base64, Brain, G711, Random, SimModel } from "@offhook/simulator"
import { assert } from "vitest"

export const SILENT_FRAME = Base64.encode(new Uint8Array(160).fill(G711.SILENCE))

/** `ms` of syllables at about -20 dBFS: bursts of 180 ms of a 200 Hz tone with 60 ms pauses. */
export const talk = (ms: number): Uint8Array =>
  G711.encode(
    Array.from({ length: ms * 8 }, (_, i) =>
      (i / 8) % 240 < 180 ? 4500 * Math.sin((2 * Math.PI * 200 * i) / 8000) : 0
    )
  )

export const silence = (ms: number): Uint8Array => new Uint8Array(ms * 8).fill(G711.SILENCE)

/** White noise of a level in dBFS. */
export const noise = (ms: number, dbfs: number, seed = 1): Uint8Array => {
  const random = Random.make(seed)
  const amplitude = 32768 * 10 ** (dbfs / 20) * Math.sqrt(3)
  return G711.encode(Array.from({ length: ms * 8 }, () => (random.next() * 2 - 1) * amplitude))
}

export const join = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Equality of bytes, without a difference of a million lines. */
export const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

export const clip = (ms: number, text = "one two three four five six seven eight nine ten"): Brain.Clip => ({
  audio: talk(ms),
  text
})

export const TELEPHONY = {
  type: "realtime",
  audio: { input: { format: { type: "audio/pcmu" } }, output: { format: { type: "audio/pcmu" } } }
}

export type EventOf<Type extends ServerEvent.ServerEvent["type"]> = Named<ServerEvent.ServerEvent, Type>

/** The members of a union that may have this type; some of them share their shape under several. */
type Named<Event, Type> = Event extends { readonly type: infer Names }
  ? Type extends Names
    ? Event & { readonly type: Type }
    : never
  : never

export interface Harness {
  readonly model: SimModel.SimModel
  readonly events: Array<ServerEvent.ServerEvent & { readonly at?: number }>
  readonly times: Array<number>
  readonly outputs: Array<SimModel.Output>
  readonly now: () => number
  readonly text: (text: string) => void
  readonly send: (event: object) => void
  /** Appends audio in 20 ms frames at real time. */
  readonly hear: (audio: Uint8Array) => void
  readonly advance: (ms: number) => void
  /** Advances until nothing is scheduled within four seconds: not the session's end, not an idle timeout. */
  readonly settle: () => void
  readonly of: <Type extends ServerEvent.ServerEvent["type"]>(type: Type) => Array<EventOf<Type>>
  readonly types: () => Array<string>
  readonly lastError: () => {
    readonly type: string
    readonly code: string | null
    readonly message: string
    readonly param: string | null
    readonly event_id: string | null
  }
}

export const open = (
  options: Partial<SimModel.Options> = {},
  opened: Partial<{ model: string; refusal: SimModel.Refusal }> = {}
): Harness => {
  const model = SimModel.make({
    seed: 1,
    brain: Brain.scripted([], { rest: { parts: [Brain.say(clip(2000))] } }),
    ...options
  })
  const events: Array<ServerEvent.ServerEvent> = []
  const times: Array<number> = []
  const outputs: Array<SimModel.Output> = []
  let now = 0
  const handle = (input: SimModel.Input) => {
    for (const output of model.handle(input)) {
      outputs.push(output)
      if (output._tag === "SendAudio") events.push(delta(output))
      else if (output._tag === "SendText" && isEvent(output)) events.push(JSON.parse(output.text))
      else continue
      times.push(output.at)
    }
  }
  const advance = (ms: number) => {
    const end = now + ms
    for (let next = model.nextDeadline(); next !== undefined && next <= end; next = model.nextDeadline()) {
      now = Math.max(now, next)
      handle({ _tag: "TimeAdvanced", at: now })
    }
    now = end
  }
  const text = (text: string) => handle({ _tag: "TextReceived", at: now, text })
  const send = (event: object) => text(JSON.stringify(event))
  const of = <Type extends ServerEvent.ServerEvent["type"]>(type: Type) =>
    events.filter((event): event is EventOf<Type> => event.type === type)
  handle({ _tag: "Opened", at: 0, model: "gpt-realtime-2.1", ...opened })
  return {
    model,
    events,
    times,
    outputs,
    now: () => now,
    text,
    send,
    hear: (audio) => {
      for (let i = 0; i < audio.length; i += 160) {
        advance(20)
        const payload = audio.slice(i, i + 160)
        if (options.direct === true) handle({ _tag: "AudioReceived", at: now, payload })
        else send({ type: "input_audio_buffer.append", audio: Base64.encode(payload) })
      }
    },
    advance,
    settle: () => {
      for (let next = model.nextDeadline(); next !== undefined && next - now < 4_000; next = model.nextDeadline()) {
        advance(next - now)
      }
    },
    of,
    types: () => events.map((event) => event.type),
    lastError: () => of("error").at(-1)!.error
  }
}

/** A frame of a fault may be none. */
const isEvent = ({ text, binary }: Extract<SimModel.Output, { readonly _tag: "SendText" }>): boolean =>
  binary !== true && text.startsWith("{") && text.endsWith("}")

/** What the direct lane leaves out; the event's id is not told there. */
const delta = (output: Extract<SimModel.Output, { readonly _tag: "SendAudio" }>): ServerEvent.ServerEvent => ({
  event_id: "",
  type: "response.output_audio.delta",
  response_id: output.response,
  item_id: output.item,
  output_index: output.outputIndex,
  content_index: output.contentIndex,
  delta: Base64.encode(output.payload)
})

/** A session configured for the telephone, its greeting events taken away. */
export const telephone = (
  options: Partial<SimModel.Options> = {},
  audio: { input?: object; output?: object } = {}
): Harness => {
  const harness = open(options)
  harness.send({
    type: "session.update",
    session: {
      type: "realtime",
      audio: {
        input: { ...TELEPHONY.audio.input, ...audio.input },
        output: { ...TELEPHONY.audio.output, ...audio.output }
      }
    }
  })
  harness.advance(50)
  return harness
}

export const deltas = (harness: Harness, itemId?: string): Uint8Array =>
  join(
    ...harness
      .of("response.output_audio.delta")
      .filter((event) => itemId === undefined || event.item_id === itemId)
      .map((event) => Base64.decode(event.delta)!)
  )

export const create = (response?: object, event_id = "mine") => ({
  type: "response.create",
  event_id,
  ...(response === undefined ? {} : { response })
})

/** Runs until so many events of a type were sent. */
export const until = (harness: Harness, type: string, count = 1) => {
  for (let i = 0; i < 1000 && harness.types().filter((one) => one === type).length < count; i++) harness.advance(5)
  assert.include(harness.types(), type)
}

/** The last response that is done. */
export const done = (harness: Harness) => harness.of("response.done").at(-1)!.response

/** A session with a response that has sent so many pieces of audio. */
export const running = (
  options: Parameters<typeof telephone>[0] = {},
  deltas = 2,
  audio: Parameters<typeof telephone>[1] = {}
) => {
  const harness = telephone(options, audio)
  harness.send(create())
  until(harness, "response.output_audio.delta", deltas)
  return harness
}
