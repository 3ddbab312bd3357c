/** Media Streams as Schemas, from protocols.md B.2 and B.3: the oracle of the hand-written decoder and encoder. */
import { Schema } from "effect"
import * as Base64 from "./Base64.ts"

const Sid = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/))
const Digits = Schema.String.pipe(Schema.pattern(/^[0-9]{1,15}$/))

/** Sent as digits and never read. */
const Unread = Schema.optional(Schema.Unknown.annotations({ arbitrary: () => (fc) => fc.nat().map(String) }))

const Count = Schema.Int.pipe(Schema.between(1, Number.MAX_SAFE_INTEGER))

export const Connected = Schema.Struct({ event: Schema.Literal("connected") })

export const Start = Schema.Struct({
  event: Schema.Literal("start"),
  sequenceNumber: Unread,
  streamSid: Sid,
  start: Schema.Struct({
    accountSid: Sid,
    streamSid: Sid,
    callSid: Sid,
    mediaFormat: Schema.Struct({ encoding: Schema.String, sampleRate: Count, channels: Count }),
    customParameters: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), { exact: true })
  })
})

export const Media = Schema.Struct({
  event: Schema.Literal("media"),
  sequenceNumber: Unread,
  streamSid: Schema.String,
  media: Schema.Struct({
    track: Schema.Literal("inbound"),
    chunk: Unread,
    timestamp: Digits,
    payload: Base64.NonEmpty
  })
})

export const OtherTrack = Schema.Struct({
  event: Schema.Literal("media"),
  streamSid: Schema.String,
  media: Schema.Struct({ track: Schema.String.pipe(Schema.filter((track) => track !== "inbound")) })
})

export const Mark = Schema.Struct({
  event: Schema.Literal("mark"),
  sequenceNumber: Unread,
  streamSid: Schema.String,
  mark: Schema.Struct({ name: Schema.String })
})

export const Dtmf = Schema.Struct({
  event: Schema.Literal("dtmf"),
  sequenceNumber: Unread,
  streamSid: Schema.String,
  dtmf: Schema.Struct({ digit: Schema.Literal(..."0123456789*#ABCD") })
})

export const Stop = Schema.Struct({ event: Schema.Literal("stop"), sequenceNumber: Unread, streamSid: Schema.String })

/** Exactly these: decode with `onExcessProperty: "error"`. */
export const Outbound = Schema.Union(
  Schema.Struct({
    event: Schema.Literal("media"),
    streamSid: Sid,
    media: Schema.Struct({ payload: Base64.NonEmpty })
  }),
  Schema.Struct({ event: Schema.Literal("mark"), streamSid: Sid, mark: Schema.Struct({ name: Schema.String }) }),
  Schema.Struct({ event: Schema.Literal("clear"), streamSid: Sid })
)
