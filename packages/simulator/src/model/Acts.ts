/** What faults do at once (Fault.ts): frames that the session itself would not send. */
import * as G711 from "../G711.ts"
import type { ClientEvent } from "./ClientEvent.ts"
import type * as Conversation from "./Conversation.ts"
import type { Act, FaultOf } from "./Fault.ts"
import type { AudioPlace } from "./Response.ts"
import type { Body, ErrorBody } from "./ServerEvent.ts"

export interface Host {
  readonly emit: (event: Body) => void
  readonly emitAudio: (place: AudioPlace, mulaw: Uint8Array) => void
  readonly sendRaw: (text: string, binary?: boolean) => void
  readonly sendError: (error: ErrorBody) => void
  readonly newId: (prefix: string) => string
  readonly close: (code: number, reason: string) => void
  readonly expire: () => void
  /** Runs when what happens now is over. */
  readonly soon: (run: () => void) => void
  readonly begin: (outOfBand: boolean) => void
  readonly imagineSpeech: (ms: number | undefined) => void
  /** `event_id` of the last client event of a type. */
  readonly lastOf: (type: ClientEvent["type"]) => string | null
  readonly items: ReadonlyArray<Conversation.Item>
  /** The response in the slot, if any. */
  readonly running: () => { readonly id: string } | undefined
}

export const perform = (host: Host, act: Act): void => {
  switch (act._tag) {
    case "Error": {
      const message = act.message ?? "The server had an error while processing your request. Sorry about that!"
      const eventId = act.blames === undefined ? null : host.lastOf(act.blames)
      const error = { type: act.type ?? "server_error", code: act.code, message, param: act.param ?? null }
      return host.sendError({ ...error, event_id: eventId })
    }
    case "Malformed":
      if (act.how === "halves") {
        for (const event of HALVES) host.sendRaw(JSON.stringify(event))
        return
      }
      return host.sendRaw(MALFORMED[act.how], act.how === "binary")
    case "RateLimits":
      return host.emit({
        type: "rate_limits.updated",
        rate_limits: (["requests", "tokens"] as const).map((name) => ({
          name,
          limit: 5000,
          remaining: act.remaining,
          reset_seconds: act.resetSeconds
        }))
      })
    case "ResponseOfItsOwn":
      return host.soon(() => host.begin(act.outOfBand === true))
    case "SessionExpired":
      return host.expire()
    case "SocketLost":
      return host.close(act.code ?? 1006, act.reason ?? "")
    case "SpeechImagined":
      return host.soon(() => host.imagineSpeech(act.ms))
    case "StrayDelta": {
      const place = strayPlace(host, act)
      return place === undefined ? undefined : host.emitAudio(place, hum(act.ms))
    }
    case "UnknownEvent": {
      const type = act.type ?? "response.mood.updated"
      return host.sendRaw(JSON.stringify({ type, event_id: host.newId("event"), mood: { valence: 0.5 } }))
    }
  }
}

const MALFORMED: { readonly [how in Exclude<FaultOf<"Malformed">["how"], "halves">]: string } = {
  binary: "\u0000\u0001\u0002\u0003",
  errorless: '{"type":"error","event_id":"event_0"}',
  json: '{"type":"response.output_audio.delta","delta":"////',
  noBase64:
    '{"type":"response.output_audio.delta","response_id":"resp_0","item_id":"item_0","content_index":0,"delta":"///*"}',
  noObject: '["response.output_audio.delta"]',
  noType: '{"event_id":"event_0","delta":"////"}',
  vagueError: '{"type":"error","error":{"type":7,"message":null,"code":{}}}',
  wrongTypes:
    '{"type":"response.output_audio.delta","response_id":7,"item_id":null,"content_index":"0","delta":{"audio":""}}'
}

const HALVES: ReadonlyArray<object> = [
  { type: "session.created" },
  { type: "session.created", session: {} },
  { type: "session.created", session: { id: 7, expires_at: "soon" } },
  { type: "session.updated" },
  ...[
    7,
    { input: 7 },
    { input: { format: "audio/pcmu" } },
    { input: { format: { type: 7 } } },
    { input: { format: { type: "audio/pcm", rate: "fast" } } },
    { input: { format: { type: "audio/opus" } }, output: { format: { type: "audio/pcm" } } },
    { input: { format: { type: "audio/pcma" } }, output: { format: { type: "audio/pcm", rate: 24_000 } } },
    { output: { format: { type: null } } }
  ].map((audio) => ({ type: "session.updated", session: { audio } })),
  { type: "response.output_audio.delta", response_id: "resp_0", item_id: "item_0", content_index: 0, delta: "" },
  { type: "conversation.item.added", item: { id: "item_0", type: "mcp_list_tools" } },
  { type: "conversation.item.deleted" },
  { type: "conversation.item.input_audio_transcription.failed" },
  ...[
    { status: "odd" },
    { status: "failed", status_details: { error: "odd" } },
    { status: "failed", status_details: { error: { code: 7 } } },
    { status: "failed", status_details: { error: {} } },
    { status: "incomplete", status_details: {} },
    { status: "completed", usage: 7 },
    { status: "completed", usage: {} },
    { status: "completed", usage: { input_token_details: { cached_tokens: "7" } } },
    { status: "completed", usage: { input_tokens: 9, input_token_details: { cached_tokens: 7 } } }
  ].map((response) => ({ type: "response.done", response: { id: "resp_0", ...response } }))
]

const strayPlace = (host: Host, { of }: FaultOf<"StrayDelta">): AudioPlace | undefined => {
  const at = (responseId: string, itemId: string): AudioPlace => ({
    response_id: responseId,
    item_id: itemId,
    output_index: 0,
    content_index: 0
  })
  const running = host.running()?.id
  const spoken = host.items.filter((item) => item.role === "assistant" && item.responseId !== null)
  switch (of) {
    case "unknownItem":
      return at(running ?? spoken.at(-1)?.responseId ?? host.newId("resp"), host.newId("item"))
    case "unknownResponse":
      return at(host.newId("resp"), host.newId("item"))
    case "deletedItem":
    case "endedResponse": {
      const item = spoken.findLast((one) => (of === "deletedItem" ? one.deleted : one.responseId !== running))
      return item === undefined ? undefined : at(item.responseId ?? "", item.id)
    }
  }
}

/** A square wave of 400 Hz at -25 dBFS, which no clip holds. */
const hum = (ms: number): Uint8Array =>
  Uint8Array.from({ length: ms * G711.BYTES_PER_MS }, (_, i) => (i % 20 < 10 ? 0xa7 : 0x27))
