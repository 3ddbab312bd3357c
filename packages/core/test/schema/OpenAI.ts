/**
 * The Realtime API as Schemas, from protocols.md E.2, E.4, E.5, E.7 and E.9: the oracle of the hand-written decoder and
 * encoder. Of an event that the model sends, only the fields that mean something to a call.
 */
import { Schema } from "effect"
import * as Base64 from "./Base64.ts"

const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const Text = Schema.String
const Quantity = Schema.Number.pipe(Schema.finite(), Schema.nonNegative())

const Format = Schema.Struct({
  type: maybe(
    Text.annotations({
      arbitrary: () => (fc) => fc.constantFrom("audio/pcmu", "audio/pcma", "audio/pcm", "audio/opus")
    })
  ),
  rate: maybe(Quantity)
})
const Side = Schema.Struct({ format: maybe(Format) })
const Metadata = Schema.Record({ key: Text, value: Schema.Unknown }).annotations({
  arbitrary: () => (fc) =>
    fc.oneof(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.record({ offhook_request: fc.oneof(fc.string(), fc.jsonValue()) })
    )
})
const response = { id: Text, conversation_id: maybe(Text), metadata: maybe(Metadata) }
const Tokens = Schema.Struct({
  text_tokens: maybe(Quantity),
  audio_tokens: maybe(Quantity),
  image_tokens: maybe(Quantity)
})
const delta = { response_id: Text, item_id: Text, content_index: Quantity }

export const AudioDelta = Schema.Struct({ ...delta, delta: Schema.Union(Base64.NonEmpty, Schema.Literal("")) })
export const TextDelta = Schema.Struct({ ...delta, delta: Text })
export const ToolCall = Schema.Struct({
  response_id: Text,
  item_id: Text,
  call_id: Text,
  name: maybe(Text),
  arguments: Text
})
export const SpeechStarted = Schema.Struct({ item_id: Text, audio_start_ms: Quantity })
export const SpeechStopped = Schema.Struct({ item_id: Text, audio_end_ms: Quantity })
export const SpeechCommitted = Schema.Struct({ item_id: Text, previous_item_id: maybe(Text) })
export const ItemAdded = Schema.Struct({
  item: Schema.Struct({
    id: Text,
    type: Text.annotations({
      arbitrary: () => (fc) => fc.constantFrom("message", "function_call", "function_call_output", "mcp_call")
    }),
    role: maybe(
      Text.annotations({ arbitrary: () => (fc) => fc.constantFrom("assistant", "user", "system", "narrator") })
    )
  }),
  previous_item_id: maybe(Text)
})
export const ItemTruncated = Schema.Struct({ item_id: Text, content_index: Quantity, audio_end_ms: Quantity })
export const OfItem = Schema.Struct({ item_id: Text })
export const Transcribed = Schema.Struct({ item_id: Text, transcript: Text })
export const ResponseCreated = Schema.Struct({ response: Schema.Struct(response) })
export const ResponseDone = Schema.Struct({
  response: Schema.Struct({
    ...response,
    status: Schema.Literal("completed", "cancelled", "failed", "incomplete"),
    status_details: maybe(
      Schema.Struct({
        reason: maybe(Text),
        error: maybe(Schema.Struct({ type: maybe(Text), code: maybe(Text), message: maybe(Text) }))
      })
    ),
    usage: maybe(
      Schema.Struct({
        input_tokens: maybe(Quantity),
        output_tokens: maybe(Quantity),
        input_token_details: maybe(
          Schema.Struct({ ...Tokens.fields, cached_tokens: maybe(Quantity), cached_tokens_details: maybe(Tokens) })
        ),
        output_token_details: maybe(Tokens)
      })
    )
  })
})
export const SessionCreated = Schema.Struct({
  session: Schema.Struct({ id: maybe(Text), expires_at: maybe(Quantity) })
})
export const SessionUpdated = Schema.Struct({
  session: Schema.Struct({ audio: maybe(Schema.Struct({ input: maybe(Side), output: maybe(Side) })) })
})
export const Erred = Schema.Struct({
  error: Schema.Struct({ type: Text, message: Text, code: maybe(Text), param: maybe(Text), event_id: maybe(Text) })
})

/** What the API takes: decode with `onExcessProperty: "error"`. */
const client = <Type extends string, Fields extends Schema.Struct.Fields>(type: Type, fields: Fields) =>
  Schema.Struct({ type: Schema.Literal(type), event_id: Schema.optional(Text), ...fields })

const Pcmu = Schema.Struct({ type: Schema.Literal("audio/pcmu") })
const owner = { create_response: Schema.Boolean, interrupt_response: Schema.Boolean }

export const Client = Schema.Union(
  client("session.update", {
    session: Schema.Struct({
      type: Schema.Literal("realtime"),
      output_modalities: Schema.Tuple(Schema.Literal("audio")),
      instructions: Text,
      tools: Schema.Array(
        Schema.Struct({
          type: Schema.Literal("function"),
          name: Text.pipe(Schema.pattern(/^[\w-]{1,64}$/)),
          description: Text.pipe(Schema.maxLength(1_024)),
          parameters: Schema.Struct(
            { type: Schema.Literal("object") },
            Schema.Record({ key: Text, value: Schema.Unknown })
          )
        })
      ),
      tool_choice: Schema.Literal("auto"),
      audio: Schema.Struct({
        input: Schema.Struct({
          format: Pcmu,
          transcription: Schema.NullOr(Schema.Struct({ model: Text, language: Schema.optional(Text) })),
          noise_reduction: Schema.NullOr(Schema.Struct({ type: Schema.Literal("near_field", "far_field") })),
          turn_detection: Schema.Union(
            Schema.Struct({
              type: Schema.Literal("server_vad"),
              threshold: Schema.Number.pipe(Schema.between(0, 1)),
              prefix_padding_ms: Schema.NonNegativeInt,
              silence_duration_ms: Schema.NonNegativeInt,
              ...owner
            }),
            Schema.Struct({
              type: Schema.Literal("semantic_vad"),
              eagerness: Schema.Literal("low", "medium", "high", "auto"),
              ...owner
            })
          )
        }),
        output: Schema.Struct({ format: Pcmu, voice: Text })
      })
    })
  }),
  client("input_audio_buffer.append", { audio: Base64.NonEmpty }),
  client("conversation.item.truncate", {
    item_id: Text,
    content_index: Schema.NonNegativeInt,
    audio_end_ms: Schema.NonNegativeInt
  }),
  client("conversation.item.delete", { item_id: Text }),
  client("conversation.item.create", {
    item: Schema.Union(
      Schema.Struct({
        id: Schema.optional(Text),
        type: Schema.Literal("message"),
        role: Schema.Literal("system", "user"),
        content: Schema.Tuple(Schema.Struct({ type: Schema.Literal("input_text"), text: Text }))
      }),
      Schema.Struct({ type: Schema.Literal("function_call_output"), call_id: Text, output: Text })
    )
  }),
  client("response.create", {
    response: Schema.Struct({
      instructions: Schema.optional(Text),
      metadata: Schema.Record({ key: Text.pipe(Schema.maxLength(64)), value: Text.pipe(Schema.maxLength(512)) })
    })
  }),
  client("response.cancel", { response_id: Schema.optional(Text) })
)
