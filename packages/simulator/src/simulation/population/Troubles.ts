/**
 * What goes wrong: faults of the model, the carrier, the network between and the host. *Mild* ones leave the call alive;
 * *grave* ones end it, or may. What no sane peer does (Fault.standing, CarrierFault.isAllowed) is the smaller part.
 */
import type { CarrierFault, Moment, Odd } from "../../CarrierFault.ts"
import type { AudioFormat } from "../../model/ClientEvent.ts"
import type { Fault, Moment as ModelMoment } from "../../model/Fault.ts"
import type { NetworkFault } from "../../NetworkFault.ts"
import type * as Random from "../../Random.ts"
import type { Plan } from "../Plan.ts"
import { chance, pick, spread, weighted } from "./Draw.ts"

/** What becomes of a model whose response number `nth` is done. */
export const afterResponse = (random: Random.Random, nth: number): Fault => {
  const fault: Fault = chance(random, 0.5)
    ? { _tag: "SocketLost" }
    : { _tag: "Error", code: pick(random, [...final, "session_expired"]), type: "invalid_request_error" }
  return { ...fault, after: "response.done", nth }
}

/** A change to a plan. `lastsMs`: how long the call is expected to be; `isMild`: it must outlive what happens. */
export const trouble = (random: Random.Random, plan: Plan, lastsMs: number, isMild: boolean): Plan => {
  const grave = !isMild && chance(random, 0.25)
  const { faults } = plan
  return weighted(random, [
    [
      50,
      (): Plan => {
        const fault = grave
          ? graveOfModel(random)
          : weighted(random, [
              [4, vendor(random)],
              [1, misbehaviour(random)]
            ])
        return {
          ...plan,
          faults: {
            ...faults,
            model: [...faults.model, ...again(random, { ...fault, ...moment(random, fault, lastsMs) })]
          }
        }
      }
    ],
    [
      20,
      (): Plan => {
        const fault = grave ? graveOfCarrier(random, lastsMs) : mildOfCarrier(random, lastsMs)
        return { ...plan, faults: { ...faults, carrier: [...faults.carrier, fault] } }
      }
    ],
    [
      18,
      (): Plan => {
        if (grave && chance(random, 0.1)) return deadLeg(random, plan, lastsMs)
        const fault = grave ? graveOfNetwork(random, lastsMs) : mildOfNetwork(random, lastsMs)
        return { ...plan, faults: { ...faults, network: [...faults.network, fault] } }
      }
    ],
    [12, (): Plan => ({ ...plan, host: { ...plan.host, ...(grave ? ending(random, lastsMs) : slowness(random)) } })],
    [8, (): Plan => (grave ? failing(random, plan) : lasting(random, plan))]
  ])()
}

/** What concerns a response may happen several times in a row. */
const again = (random: Random.Random, fault: Fault): ReadonlyArray<Fault> =>
  fault._tag.startsWith("Response") && chance(random, 0.12)
    ? Array.from({ length: random.integer(2, 12) }, () => fault)
    : [fault]

/** No response succeeds any more. */
const failing = (random: Random.Random, plan: Plan): Plan => {
  const fault = pick<() => Fault>(random, [
    () => ({ _tag: "ResponseFailed", code: pick(random, passing), part: share(random) }),
    () => ({ _tag: "ResponseRefused", code: pick(random, passing) }),
    () => ({ _tag: "ResponseIgnored" })
  ])()
  const when: ModelMoment = { after: "session.updated" }
  const model = Array.from({ length: 24 }, () => ({ ...fault, ...when }))
  return { ...plan, faults: { ...plan.faults, model: [...plan.faults.model, ...model] } }
}

/** What has a deadline of ours, so that it passes: echoes that never come, responses that end late when they are cut. */
const lasting = (random: Random.Random, plan: Plan): Plan => {
  const { faults, model } = plan
  if (chance(random, 0.5)) {
    const missing: CarrierFault = { _tag: "EchoesMissing", atMs: random.integer(0, 6_000), ms: null }
    return { ...plan, faults: { ...faults, carrier: [...faults.carrier, missing] } }
  }
  const slow = Array.from(
    { length: 6 },
    (): Fault => ({ _tag: "CancelSlow", ms: random.integer(1_000, 2_800), after: "session.updated" })
  )
  return {
    ...plan,
    model: { ...model, pace: { ...model.pace, speed: [1, 1.5] } },
    faults: { ...faults, model: [...faults.model, ...slow] }
  }
}

/** An echo of a mark that was cleared: the protocol does not say in which order (protocols.md B.3, G.2.9). */
export const echoes = (random: Random.Random): ReadonlyArray<CarrierFault> => {
  if (chance(random, 0.6)) return []
  return [
    {
      _tag: "EchoesFlushed",
      order: pick(random, ["sent", "reversed", "shuffled"]),
      place: pick(random, ["before", "behind"])
    }
  ]
}

/** Somebody wants the call to end. */
export const ending = (random: Random.Random, lastsMs: number): Plan["host"] => {
  const by = pick<"operator" | "shutdown">(random, ["operator", "shutdown"])
  const end = chance(random, 0.3) ? { by, after: spread(random, 1, 400) } : { by, atMs: random.integer(0, lastsMs) }
  return { ends: chance(random, 0.1) ? [end, { by: "shutdown", atMs: random.integer(0, lastsMs) }] : [end] }
}

const slowness = (random: Random.Random): Plan["host"] =>
  weighted(random, [
    [3, { timersLateMs: spread(random, 5, 250) }],
    [1, { clockMs: pick(random, [5, 10, 16, 100]) }]
  ])

// The model.

const points = [
  "response.created",
  "response.output_audio.delta",
  "response.output_audio.done",
  "response.done",
  "input_audio_buffer.speech_started",
  "input_audio_buffer.committed",
  "conversation.item.added"
] as const

/** Copies may begin with the first event of all. */
const moment = (random: Random.Random, { _tag }: Fault, lastsMs: number): ModelMoment =>
  _tag === "Garbled" && chance(random, 0.5) ? {} : modelMoment(random, lastsMs)

const modelMoment = (random: Random.Random, lastsMs: number): ModelMoment =>
  weighted<() => ModelMoment>(random, [
    [5, () => ({ after: pick(random, points), nth: random.integer(1, 4) })],
    [3, () => ({ atMs: random.integer(0, lastsMs) })],
    [1, () => ({ after: "session.updated" })],
    [1, () => ({})]
  ])()

/** What passes. */
const passing = ["server_error", "rate_limit_exceeded", "overloaded"] as const

/** What refuses something we never said: to the machine a stranger. */
const strange = [
  "something_new",
  "invalid_value",
  "input_audio_buffer_commit_empty",
  "item_truncate_invalid_item_id",
  "item_delete_invalid_item_id",
  "response_cancel_not_active"
] as const

/** What no session will be spared. */
const final = [
  "insufficient_quota",
  "billing_hard_limit_reached",
  "model_not_found",
  "invalid_api_key",
  "account_deactivated"
] as const

const vendor = (random: Random.Random): Fault =>
  weighted<() => Fault>(random, [
    [
      2,
      () => ({
        _tag: "Error",
        code: pick(random, [...passing, ...strange, null]),
        type: pick(random, ["server_error", "invalid_request_error", "odd"])
      })
    ],
    [1, () => ({ _tag: "UnknownEvent" })],
    [1, () => ({ _tag: "RateLimits", remaining: random.integer(0, 9), resetSeconds: random.integer(0, 60) })],
    [1, () => ({ _tag: "SpeechImagined", ms: spread(random, 50, 2_000) })],
    [1, () => ({ _tag: "StrayDelta", of: "deletedItem", ms: spread(random, 20, 400) })],
    [1, () => ({ _tag: "CallOdd", how: "huge", chars: spread(random, 1_000, 100_000) })],
    [2, () => ({ _tag: "CancelSlow", ms: spread(random, 50, 2_500) })],
    [1, () => ({ _tag: "EventLate", event: pick(random, loose), ms: spread(random, 20, 3_000) })],
    [1, () => ({ _tag: "EventMissing", event: pick(random, loose) })],
    [1, () => ({ _tag: "FormatMissing" })],
    [1, () => ({ _tag: "PreviousItem", id: pick(random, [null, "item_nobody_knows"]) })],
    [1, () => ({ _tag: "ResponseAsText" })],
    [1, () => ({ _tag: "ResponseAudioSecond" })],
    [2, () => ({ _tag: "ResponseBursts", everyMs: spread(random, 100, 3_000) })],
    [2, () => ({ _tag: "ResponseDeltas", bytes: pick(random, [0, 1, 7, 161, 24_000]), count: random.integer(1, 6) })],
    [
      3,
      () => ({ _tag: "ResponseFailed", code: pick(random, [...passing, null, "something_new"]), part: share(random) })
    ],
    [1, () => ({ _tag: "ResponseFailed", code: pick(random, passing), unannounced: true })],
    [2, () => ({ _tag: "ResponseHangs", part: share(random), deaf: chance(random, 0.3) })],
    [2, () => ({ _tag: "ResponseIgnored", of: pick(random, ["client", "turn"]) })],
    [
      2,
      () => ({
        _tag: "ResponseIncomplete",
        reason: pick(random, ["max_output_tokens", "content_filter"]),
        part: share(random)
      })
    ],
    [1, () => ({ _tag: "ResponseRefused" })],
    [1, () => ({ _tag: "ResponseRefused", code: pick(random, ["server_error", "rate_limit_exceeded", null]) })],
    [2, () => ({ _tag: "ResponseSlow", speed: 0.2 + 0.7 * random.next() })],
    [1, () => ({ _tag: "TranscriptionEmpty" })],
    [2, () => ({ _tag: "TranscriptionFailed" })],
    [2, () => ({ _tag: "TranscriptionLate", ms: spread(random, 900, 12_000) })],
    [2, () => ({ _tag: "TranscriptionLong", chars: spread(random, 1_000, 20_000) })],
    [2, () => ({ _tag: "TranscriptionMissing" })],
    [1, () => ({ _tag: "UpdateLate", ms: spread(random, 200, 4_000) })]
  ])()

const loose = [
  "conversation.item.input_audio_transcription.completed",
  "conversation.item.input_audio_transcription.delta",
  "rate_limits.updated"
] as const

/** Some of it more than a session can forgive. */
const bookkeeping = [
  "session.created",
  "session.updated",
  "response.created",
  "response.done",
  "response.output_item.added",
  "response.output_item.done",
  "response.output_audio.done",
  "response.output_audio_transcript.delta",
  "conversation.item.added",
  "input_audio_buffer.speech_started",
  "input_audio_buffer.speech_stopped",
  "input_audio_buffer.committed"
] as const

const malformed = [
  "binary",
  "errorless",
  "halves",
  "halves",
  "json",
  "noBase64",
  "noObject",
  "noType",
  "vagueError",
  "wrongTypes"
] as const

const misbehaviour = (random: Random.Random): Fault =>
  weighted<() => Fault>(random, [
    [3, () => ({ _tag: "Malformed", how: pick(random, malformed) })],
    [6, () => ({ _tag: "Garbled", events: spread(random, 5, 200), copies: random.integer(1, 12) })],
    [
      1,
      () => ({
        _tag: "Error",
        code: pick(random, strange),
        blames: pick(random, ["response.create", "conversation.item.truncate"])
      })
    ],
    [2, () => ({ _tag: "ResponseOfItsOwn", outOfBand: chance(random, 0.5) })],
    [1, () => ({ _tag: "SpeechImagined" })],
    [
      1,
      () => ({
        _tag: "StrayDelta",
        of: pick(random, ["endedResponse", "unknownItem", "unknownResponse"]),
        ms: spread(random, 20, 400)
      })
    ],
    [1, () => ({ _tag: "CallOdd", how: pick(random, ["repeatedId", "unnamed"]) })],
    [1, () => ({ _tag: "CancelIgnored" })],
    [2, () => ({ _tag: "EventLate", event: pick(random, bookkeeping), ms: spread(random, 20, 3_000) })],
    [3, () => ({ _tag: "EventMissing", event: pick(random, bookkeeping) })],
    [2, () => ({ _tag: "EventRepeated", event: pick(random, bookkeeping) })],
    [1, () => ({ _tag: "ItemIdRepeated" })],
    [1, () => ({ _tag: "TurnForgotten" })]
  ])()

const graveOfModel = (random: Random.Random): Fault =>
  weighted<() => Fault>(random, [
    [3, () => ({ _tag: "SocketLost" })],
    [
      2,
      () => ({
        _tag: "SocketLost",
        code: pick(random, [1000, 1001, 1006, 1008, 1011, 3000, 4000]),
        reason: pick(random, ["", "invalid_request_error.invalid_api_key"])
      })
    ],
    [2, () => ({ _tag: "SessionExpired" })],
    [1, () => ({ _tag: "Error", code: pick(random, [...final, "session_expired"]), type: "invalid_request_error" })],
    [1, () => ({ _tag: "ResponseFailed", code: pick(random, [...final, "session_expired"]), part: share(random) })],
    [1, () => ({ _tag: "UpdateIgnored" })],
    [1, () => ({ _tag: "UpdateRefused", code: pick(random, ["invalid_value", "unknown_parameter"]) })],
    [
      1,
      () => ({
        _tag: "FormatChanged",
        format: pick<AudioFormat>(random, [{ type: "audio/pcm", rate: 24_000 }, { type: "audio/pcma" }])
      })
    ]
  ])()

/** Often nothing or everything. */
const share = (random: Random.Random): number => pick(random, [0, 1, Math.round(100 * random.next()) / 100])

// The carrier.

const carrierMoment = (random: Random.Random, lastsMs: number): Moment =>
  chance(random, 0.3) ? { after: spread(random, 1, 400) } : { atMs: random.integer(0, lastsMs) }

const odd = [
  "binary frame",
  "broken base64",
  "empty payload",
  "foreign stream",
  "half messages",
  "invalid key",
  "malformed JSON",
  "malformed message",
  "media without payload",
  "outdated media",
  "repeated echo",
  "repeated media",
  "second start",
  "unknown echo",
  "unknown event"
] as const satisfies ReadonlyArray<Odd>

const mildOfCarrier = (random: Random.Random, lastsMs: number): CarrierFault =>
  weighted<() => CarrierFault>(random, [
    [8, () => ({ _tag: "EchoesLate", ms: spread(random, 20, 600) })],
    [3, () => ({ _tag: "WebhookRepeated", afterMs: spread(random, 1, 4_000) })],
    [6, () => ({ _tag: "Sends", what: pick(random, odd), when: carrierMoment(random, lastsMs) })],
    [2, () => ({ _tag: "MediaLost", atMs: random.integer(0, lastsMs), ms: 20 * spread(random, 1, 100) })],
    [1, () => ({ _tag: "MediaSwapped", when: carrierMoment(random, lastsMs) })],
    [
      1,
      () => ({
        _tag: "TimestampsShifted",
        atMs: random.integer(0, lastsMs),
        byMs: pick(random, [-500, -20, 20, 300, 5_000])
      })
    ],
    [
      2,
      () => ({
        _tag: "EchoesMissing",
        atMs: random.integer(0, lastsMs),
        ms: pick(random, [spread(random, 100, 5_000), null])
      })
    ],
    [1, () => ({ _tag: "MediaBeforeStart" })],
    [1, () => ({ _tag: "StartsBroken" })],
    [1, () => ({ _tag: "StopRepeated" })]
  ])()

const graveOfCarrier = (random: Random.Random, lastsMs: number): CarrierFault =>
  weighted<CarrierFault>(random, [
    [2, { _tag: "StartMissing" }],
    [1, { _tag: "FormatForeign", encoding: "audio/x-l16", sampleRate: 16_000, channels: 2 }],
    [3, { _tag: "Sends", what: "early stop", when: carrierMoment(random, lastsMs) }]
  ])

// The network.

const mildOfNetwork = (random: Random.Random, lastsMs: number): NetworkFault =>
  weighted<() => NetworkFault>(random, [
    [
      6,
      () => {
        const peer = pick<"carrier" | "model">(random, ["carrier", "model"])
        // Ten seconds of the caller are kept, a minute of the agent.
        const ms = spread(random, 600, peer === "model" ? 9_000 : 20_000)
        return { _tag: "Congested", peer, atMs: random.integer(0, lastsMs), ms }
      }
    ],
    [3, () => ({ _tag: "ConnectSlow", afterMs: spread(random, 100, 8_000) })],
    [
      3,
      () => ({
        _tag: "CloseIgnored",
        peer: pick(random, ["carrier", "model"]),
        afterwards: pick(random, ["goes on", "silent"])
      })
    ],
    [2, () => ({ _tag: "HangUpFailed", afterMs: spread(random, 10, 8_000) })],
    [2, () => ({ _tag: "HangUpSlow", afterMs: spread(random, 100, 8_000) })],
    [2, () => ({ _tag: "HangUpWithoutStop" })]
  ])()

/** Nothing comes from the carrier any more, and nobody closes. */
const deadLeg = (random: Random.Random, plan: Plan, lastsMs: number): Plan => {
  const { fromCarrier } = plan.network
  const stall = { at: random.integer(0, lastsMs), ms: random.integer(50_000, 90_000) }
  const stalls = [...(fromCarrier.stalls ?? []), stall]
  return { ...plan, network: { ...plan.network, fromCarrier: { ...fromCarrier, stalls } } }
}

const graveOfNetwork = (random: Random.Random, lastsMs: number): NetworkFault =>
  weighted<() => NetworkFault>(random, [
    [
      6,
      () => ({
        _tag: "SocketLost",
        peer: pick(random, ["carrier", "model"]),
        when: chance(random, 0.5) ? { received: spread(random, 1, 600) - 1 } : { atMs: random.integer(0, lastsMs) },
        inFlight: pick(random, ["delivered", "lost"])
      })
    ],
    [1, () => ({ _tag: "ConnectSlow", afterMs: 30_000 })],
    [
      1,
      () => ({
        _tag: "ConnectFailed",
        afterMs: spread(random, 5, 9_000),
        failure: pick(random, ["refused", "timeout"]),
        status: null
      })
    ],
    [
      1,
      () => ({
        _tag: "ConnectFailed",
        afterMs: spread(random, 5, 2_000),
        failure: "status",
        status: pick(random, [401, 403, 404, 429, 500, 503])
      })
    ]
  ])()
