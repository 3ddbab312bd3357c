/**
 * The hand-written decoders against the Schemas of test/schema: the same verdict on valid, mutated and random text, and
 * the same event where the verdict is good. What the encoders write is what the Schemas of the other side accept.
 */
import { Arbitrary, Either, FastCheck as fc, Schema } from "effect"
import { assert, describe, it } from "vitest"
import * as Mulaw from "../src/audio/Mulaw.ts"
import type { Usage } from "../src/Event.ts"
import { OpenAI, Twilio } from "../src/index.ts"
import * as ClientMessages from "./openai/clientMessages.ts"
import * as ServerMessages from "./openai/serverMessages.ts"
import * as Mutate from "./schema/mutate.ts"
import * as O from "./schema/OpenAI.ts"
import * as T from "./schema/Twilio.ts"
import * as CarrierMessages from "./twilio/messages.ts"

/** One run that is the same everywhere; every property says which of its cases it must have met. */
const check = (runs: number, texts: fc.Arbitrary<string>, verdict: (text: string) => string): Map<string, number> => {
  const seen = new Map<string, number>()
  void fc.assert(
    fc.property(texts, (text) => {
      const tag = verdict(text)
      seen.set(tag, (seen.get(tag) ?? 0) + 1)
    }),
    { numRuns: runs, seed: 20_261_122 }
  )
  return seen
}

const atLeast = (seen: Map<string, number>, count: number, ...tags: ReadonlyArray<string>): void => {
  for (const tag of tags) assert.isAtLeast(seen.get(tag) ?? 0, count, `${tag} among ${JSON.stringify([...seen])}`)
}

const bytesOf = (payload: string): ReadonlyArray<number> => Array.from(atob(payload), (byte) => byte.charCodeAt(0))

const levelsOf = (bytes: ReadonlyArray<number>): string => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  return Array.from({ length: Math.ceil(bytes.length / 160) }, (_, window) => {
    const powers = bytes.slice(window * 160, window * 160 + 160).map((byte) => Mulaw.decode(byte) ** 2)
    const mean = powers.reduce((sum, power) => sum + power, 0) / powers.length
    return alphabet.charAt(Math.min(63, Math.max(0, Math.round(63 + (10 * Math.log10(mean / 2 ** 30)) / 1.5))))
  }).join("")
}

const hasEvent = Schema.is(Schema.Struct({ event: Schema.String }))
const hasStreamSid = Schema.is(Schema.Struct({ streamSid: Schema.String }))
const hasType = Schema.is(Schema.Struct({ type: Schema.String }))
const json = Schema.decodeUnknownEither(Schema.parseJson())

describe("Twilio.decode and its Schemas", { timeout: 60_000 }, () => {
  const { before, live, streamSid } = CarrierMessages

  const expected = (text: string, connection: Twilio.Connection): Twilio.Decoded | null => {
    const at = 7
    const { stream } = connection
    const wrong = CarrierMessages.misbehaviour
    const parsed = json(text)
    if (Either.isLeft(parsed)) return wrong("malformed JSON")
    const message = parsed.right
    if (!hasEvent(message)) return wrong("malformed message")
    if (message.event === "connected") return null
    if (connection.streamSid === null) {
      if (message.event !== "start") return wrong("message before start")
      if (!Schema.is(T.Start)(message) || message.streamSid !== message.start.streamSid)
        return wrong("malformed message")
      const {
        accountSid,
        callSid,
        customParameters: parameters = {},
        mediaFormat
      } = message.start satisfies Twilio.Frame.Start["start"]
      return {
        _tag: "CarrierStarted",
        at,
        stream,
        streamSid: message.streamSid,
        callSid,
        accountSid,
        ...mediaFormat,
        parameters
      }
    }
    if (message.event === "start") return wrong("second start")
    if (!["media", "mark", "dtmf", "stop"].includes(message.event)) return wrong("unknown message")
    if (!hasStreamSid(message)) return wrong("malformed message")
    if (message.streamSid !== connection.streamSid) return wrong("wrong stream")
    if (Schema.is(T.Stop)(message)) return { _tag: "CarrierStopped", at, stream }
    if (Schema.is(T.OtherTrack)(message)) return null
    if (Schema.is(T.Mark)(message)) return { _tag: "CarrierMarked", at, stream, name: message.mark.name }
    if (Schema.is(T.Dtmf)(message)) return { _tag: "CarrierKeyed", at, stream, digit: message.dtmf.digit }
    if (!Schema.is(T.Media)(message)) return wrong("malformed message")
    const { payload, timestamp } = message.media satisfies Twilio.Frame.InboundMedia["media"]
    const bytes = bytesOf(payload)
    return {
      _tag: "CarrierAudio",
      at,
      stream,
      timestamp: Number.parseInt(timestamp, 10),
      bytes: bytes.length,
      levels: levelsOf(bytes),
      payload
    }
  }

  const agree = (text: string, connection: Twilio.Connection): string => {
    const decoded = Twilio.decode(text, 7, connection)
    assert.deepStrictEqual(decoded, expected(text, connection))
    return decoded === null ? "nothing" : decoded._tag === "CarrierMisbehaved" ? decoded.what : decoded._tag
  }

  const ours = <A extends { readonly streamSid: string }>(messages: fc.Arbitrary<A>): fc.Arbitrary<A> =>
    fc
      .tuple(messages, fc.integer({ min: 0, max: 9 }))
      .map(([message, chance]) => (chance === 0 ? message : { ...message, streamSid }))

  const media = ours(Arbitrary.make(T.Media))
  const running = fc.oneof(
    media,
    ours(Arbitrary.make(T.Mark)),
    ours(Arbitrary.make(T.Dtmf)),
    ours(Arbitrary.make(T.Stop)),
    ours(Arbitrary.make(T.OtherTrack)),
    Arbitrary.make(T.Connected)
  )
  const start = Arbitrary.make(T.Start).map((message) => ({
    ...message,
    start: { ...message.start, streamSid: message.streamSid }
  }))

  /** A frame as Twilio writes it, which the decoder scans in place. */
  const frame = Arbitrary.make(T.Media).map(({ media }) =>
    JSON.stringify({
      event: "media",
      sequenceNumber: "12",
      streamSid,
      media: { track: "inbound", chunk: "11", timestamp: media.timestamp, payload: media.payload }
    })
  )

  it("agree on valid messages", () => {
    const seen = check(
      1_000,
      running.map((message) => JSON.stringify(message)),
      (text) => agree(text, live)
    )
    atLeast(seen, 20, "CarrierAudio", "CarrierMarked", "CarrierKeyed", "CarrierStopped", "nothing", "wrong stream")
    atLeast(
      check(
        300,
        start.map((message) => JSON.stringify(message)),
        (text) => agree(text, before)
      ),
      200,
      "CarrierStarted"
    )
  })

  it("agree on frames as Twilio writes them", () => {
    atLeast(
      check(500, frame, (text) => agree(text, live)),
      500,
      "CarrierAudio"
    )
  })

  it("agree on frames with wrong text", () => {
    const seen = check(3_000, frame.chain(Mutate.text), (text) => agree(text, live))
    atLeast(seen, 50, "CarrierAudio", "malformed JSON", "malformed message")
    atLeast(seen, 5, "wrong stream", "unknown message")
  })

  it("agree on messages with a wrong field", () => {
    const seen = check(
      1_000,
      running.chain(Mutate.structure).map((message) => JSON.stringify(message) ?? ""),
      (text) => agree(text, live)
    )
    atLeast(seen, 20, "CarrierAudio", "malformed message", "unknown message", "wrong stream")
    const starts = check(
      1_000,
      start.chain(Mutate.structure).map((message) => JSON.stringify(message) ?? ""),
      (text) => agree(text, before)
    )
    atLeast(starts, 20, "CarrierStarted", "malformed message", "message before start")
  })

  it("agree on anything", () => {
    const anything = fc.oneof(fc.string(), fc.fullUnicodeString(), fc.json(), fc.json().chain(Mutate.text))
    for (const connection of [before, live]) {
      atLeast(
        check(500, anything, (text) => agree(text, connection)),
        20,
        "malformed JSON",
        "malformed message"
      )
    }
  })
})

describe("Twilio.encode and its Schemas", () => {
  for (const [command] of CarrierMessages.outbound) {
    it(`agree on ${command._tag}`, () => {
      const text = Twilio.encode(command, CarrierMessages.streamSid)
      Schema.decodeUnknownSync(Schema.parseJson(T.Outbound), { onExcessProperty: "error" })(
        text
      ) satisfies Twilio.Frame.Outbound
    })
  }
})

describe("OpenAI.decode and its Schemas", { timeout: 60_000 }, () => {
  type Fields = Readonly<Record<string, unknown>>

  interface Known {
    readonly expected: (message: unknown) => Fields | null
    readonly messages: fc.Arbitrary<object>
  }

  /** An event of which the Schema knows the fields, and what becomes of them. */
  const known = <A extends object>(schema: Schema.Schema<A>, event: (message: A) => Fields): Known => ({
    expected: (message) => (Schema.is(schema)(message) ? event(message) : null),
    messages: Arbitrary.make(schema)
  })

  type Message<Type extends OpenAI.ServerEvent.ServerEvent["type"]> = Omit<
    Extract<OpenAI.ServerEvent.ServerEvent, { readonly type: Type }>,
    "type"
  >

  const text = (message: OpenAI.ServerEvent.Delta<string> | Message<"response.output_text.delta">): Fields => ({
    _tag: "ModelText",
    response: message.response_id,
    item: message.item_id,
    contentIndex: message.content_index,
    text: message.delta
  })

  const response = ({ conversation_id, id, metadata }: OpenAI.ServerEvent.Response): Fields => ({
    response: id,
    request: typeof metadata?.["offhook_request"] === "string" ? metadata["offhook_request"] : null,
    inConversation: conversation_id !== null
  })

  const named = (tokens: OpenAI.ServerEvent.Tokens | null | undefined): boolean =>
    (tokens?.text_tokens ?? tokens?.audio_tokens ?? tokens?.image_tokens ?? null) !== null

  const usage = (tokens: OpenAI.ServerEvent.Usage): Usage => {
    const { input_token_details: details, output_token_details: output } = tokens
    const input = named(details)
      ? [details?.text_tokens ?? 0, details?.audio_tokens ?? 0, details?.image_tokens ?? 0]
      : [tokens.input_tokens ?? 0, 0, 0]
    const split = details?.cached_tokens_details
    let unsplit = named(split) ? 0 : (details?.cached_tokens ?? 0)
    const cached = [split?.text_tokens ?? 0, split?.audio_tokens ?? 0, split?.image_tokens ?? 0].map((count, kind) => {
      const taken = Math.min(unsplit, input[kind] ?? 0)
      unsplit -= taken
      return count + taken
    })
    return {
      inputText: input[0] ?? 0,
      inputAudio: input[1] ?? 0,
      inputImage: input[2] ?? 0,
      cachedText: cached[0] ?? 0,
      cachedAudio: cached[1] ?? 0,
      cachedImage: cached[2] ?? 0,
      outputText: named(output) ? (output?.text_tokens ?? 0) : (tokens.output_tokens ?? 0),
      outputAudio: named(output) ? (output?.audio_tokens ?? 0) : 0
    }
  }

  const format = (named: OpenAI.ServerEvent.Format | null | undefined): Fields | null => {
    if (!named || named.type === null || named.type === undefined) return null
    if (named.type === "audio/pcm") return { type: named.type, rate: named.rate ?? 24_000 }
    return ["audio/pcmu", "audio/pcma"].includes(named.type)
      ? { type: named.type }
      : { type: "other", name: named.type }
  }

  const events: Readonly<Record<OpenAI.ServerEvent.ServerEvent["type"], Known>> = {
    "response.output_audio.delta": known(O.AudioDelta, (message: Message<"response.output_audio.delta">) => {
      if (message.delta === "") return { _tag: "ModelIgnored", type: "response.output_audio.delta" }
      const bytes = bytesOf(message.delta)
      const { text: payload, ...fields } = text(message)
      return { ...fields, _tag: "ModelAudio", bytes: bytes.length, levels: levelsOf(bytes), payload }
    }),
    "response.output_audio_transcript.delta": known(O.TextDelta, text),
    "response.output_text.delta": known(O.TextDelta, text),
    "response.function_call_arguments.done": known(
      O.ToolCall,
      (message: Message<"response.function_call_arguments.done">) => ({
        _tag: "ModelToolCalled",
        response: message.response_id,
        item: message.item_id,
        call: message.call_id,
        name: message.name ?? "",
        arguments: message.arguments
      })
    ),
    "input_audio_buffer.speech_started": known(
      O.SpeechStarted,
      (message: Message<"input_audio_buffer.speech_started">) => ({
        _tag: "ModelSpeechStarted",
        item: message.item_id,
        audioStartMs: Math.floor(message.audio_start_ms)
      })
    ),
    "input_audio_buffer.speech_stopped": known(
      O.SpeechStopped,
      (message: Message<"input_audio_buffer.speech_stopped">) => ({
        _tag: "ModelSpeechStopped",
        item: message.item_id,
        audioEndMs: Math.floor(message.audio_end_ms)
      })
    ),
    "input_audio_buffer.committed": known(O.SpeechCommitted, (message: Message<"input_audio_buffer.committed">) => ({
      _tag: "ModelSpeechCommitted",
      item: message.item_id,
      previous: message.previous_item_id ?? null
    })),
    "conversation.item.added": known(O.ItemAdded, ({ item, previous_item_id }: Message<"conversation.item.added">) => ({
      _tag: "ModelItemAdded",
      item: item.id,
      kind: ["message", "function_call", "function_call_output"].includes(item.type) ? item.type : "other",
      role: ["assistant", "user", "system"].includes(item.role ?? "") ? item.role : null,
      previous: previous_item_id ?? null
    })),
    "conversation.item.truncated": known(O.ItemTruncated, (message: Message<"conversation.item.truncated">) => ({
      _tag: "ModelItemTruncated",
      item: message.item_id,
      contentIndex: message.content_index,
      audioEndMs: Math.floor(message.audio_end_ms)
    })),
    "conversation.item.deleted": known(O.OfItem, (message) => ({ _tag: "ModelItemDeleted", item: message.item_id })),
    "conversation.item.input_audio_transcription.completed": known(
      O.Transcribed,
      (message: Message<"conversation.item.input_audio_transcription.completed">) => ({
        _tag: "ModelTranscribed",
        item: message.item_id,
        text: message.transcript
      })
    ),
    "conversation.item.input_audio_transcription.failed": known(O.OfItem, (message) => ({
      _tag: "ModelTranscriptionFailed",
      item: message.item_id
    })),
    "response.created": known(O.ResponseCreated, (message: Message<"response.created">) => ({
      _tag: "ModelResponseCreated",
      ...response(message.response)
    })),
    "response.done": known(O.ResponseDone, (message: Message<"response.done">) => {
      const { status, status_details: details, usage: tokens } = message.response
      const error = details?.error
      return {
        _tag: "ModelResponseDone",
        ...response(message.response),
        status,
        reason: details?.reason ?? null,
        error: error ? { type: error.type ?? "", code: error.code ?? null, message: error.message ?? "" } : null,
        usage: tokens ? usage(tokens) : null
      }
    }),
    "session.created": known(O.SessionCreated, ({ session }: Message<"session.created">) => ({
      _tag: "ModelSessionCreated",
      id: session.id ?? "",
      expiresAt: session.expires_at ? session.expires_at : null
    })),
    "session.updated": known(O.SessionUpdated, ({ session }: Message<"session.updated">) => ({
      _tag: "ModelSessionUpdated",
      input: format(session.audio?.input?.format),
      output: format(session.audio?.output?.format)
    })),
    error: known(O.Erred, ({ error }: Message<"error">) => ({
      _tag: "ModelErred",
      error: {
        type: error.type,
        code: error.code ?? null,
        message: error.message,
        param: error.param ?? null,
        cause: error.event_id ?? null
      }
    }))
  }

  const expected = (text: string): Fields => {
    const parsed = json(text)
    if (Either.isLeft(parsed)) return { _tag: "ModelMisbehaved", what: "malformed JSON" }
    const message = parsed.right
    const malformed = { _tag: "ModelMisbehaved", what: "malformed message" }
    if (!hasType(message)) return malformed
    const event = new Map(Object.entries(events)).get(message.type)
    return event === undefined ? { _tag: "ModelIgnored", type: message.type } : (event.expected(message) ?? malformed)
  }

  const agree = (text: string): string => {
    const decoded = OpenAI.decode(text, 7, 2)
    assert.deepStrictEqual<unknown>(decoded, { at: 7, session: 2, ...expected(text) })
    return decoded._tag === "ModelMisbehaved" ? decoded.what : decoded._tag
  }

  const messages = fc.oneof(
    ...Object.entries(events).map(([type, { messages }]) => messages.map((message) => ({ type, ...message })))
  )
  const tags = new Set(ServerMessages.server.map(([, , decoded]) => decoded._tag))

  it("agree on valid messages", () => {
    const seen = check(
      1_000,
      messages.map((message) => JSON.stringify(message)),
      agree
    )
    atLeast(seen, 20, ...[...tags].filter((tag) => tag !== "ModelIgnored"))
    atLeast(seen, 1, "ModelIgnored")
    assert.strictEqual(seen.get("malformed message"), undefined)
  })

  it("agree on messages with a wrong field", () => {
    const seen = check(
      2_000,
      messages.chain(Mutate.structure).map((message) => JSON.stringify(message) ?? ""),
      agree
    )
    atLeast(seen, 10, "malformed message", "ModelIgnored", "ModelResponseDone", "ModelSessionUpdated")
  })

  it("agree on messages with wrong text", () => {
    const seen = check(1_000, messages.map((message) => JSON.stringify(message)).chain(Mutate.text), agree)
    atLeast(seen, 10, "malformed message", "malformed JSON", "ModelIgnored", "ModelText")
  })

  it("agree on what the API sends", () => {
    for (const [, message] of ServerMessages.server) agree(JSON.stringify(message))
    for (const message of ServerMessages.malformed) agree(JSON.stringify(message))
    const wrong = fc.constantFrom(...ServerMessages.server.map(([, message]) => message)).chain(Mutate.structure)
    atLeast(
      check(
        1_000,
        wrong.map((message) => JSON.stringify(message) ?? ""),
        agree
      ),
      100,
      "malformed message"
    )
  })

  it("agree on anything", () => {
    const anything = fc.oneof(fc.string(), fc.fullUnicodeString(), fc.json(), fc.json().chain(Mutate.text))
    atLeast(check(500, anything, agree), 20, "malformed JSON", "malformed message")
  })
})

describe("OpenAI.encode and its Schemas", () => {
  for (const [title, command] of ClientMessages.client) {
    it(`agree on ${command._tag}: ${title}`, () => {
      Schema.decodeUnknownSync(Schema.parseJson(O.Client), { onExcessProperty: "error" })(OpenAI.encode(command))
    })
  }
})
