/**
 * What this process counts and measures, in Prometheus' text format.
 *
 * `table` is the whole of it: names, helps, labels, buckets; docs/OPERATIONS.md is made from it. Seconds, bytes and
 * dollars are the units; a counter ends in `_total`.
 *
 * 1. A name or label that is not in the table does not compile. Values of labels come from closed lists or from the
 *    operator's own files: no CallSid, number or text of a peer, or series would grow with calls.
 * 2. `inc` and `observe` are for what happens a few times a turn. What happens per frame is added to `frames`, plain
 *    integers that are read when they are asked for; `gauge` reads a number likewise.
 * 3. Nothing here throws or waits.
 */

import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Prom from "prom-client"

export interface Definition {
  readonly type: "counter" | "gauge" | "histogram"
  readonly help: string
  readonly labels: ReadonlyArray<string>
  /** Of a histogram, ascending. */
  readonly buckets?: ReadonlyArray<number>
}

const counter = <const L extends ReadonlyArray<string>>(help: string, ...labels: L) =>
  ({ type: "counter", help, labels }) satisfies Definition

const gauge = (help: string) => ({ type: "gauge", help, labels: [] }) as const satisfies Definition

const histogram = <const L extends ReadonlyArray<string>>(help: string, buckets: ReadonlyArray<number>, ...labels: L) =>
  ({ type: "histogram", help, labels, buckets }) satisfies Definition

/** Around what a conversation feels as prompt, slow, broken. */
const REACTION = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10]

/** Around the 15 s that Twilio waits for a webhook (protocols.md A.1). */
const ANSWER = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]

const CALL = [5, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600]

export const table = {
  offhook_calls_live: gauge("Calls that have not ended"),
  offhook_draining: gauge("1 once the server takes no new calls, since it is about to stop"),
  offhook_calls_started_total: counter("Calls that began"),
  offhook_calls_ended_total: counter("Calls that ended, by why; `fault` is a fault of Offhook", "outcome"),
  offhook_call_duration_seconds: histogram("From the webhook to the end of the call", CALL),
  offhook_first_word_seconds: histogram("From the begin of the stream to the agent's first word", REACTION),
  offhook_answer_seconds: histogram("From the end of the caller's speech to the begin of the answer", REACTION),
  offhook_interruption_seconds: histogram("From the onset of an interruption to the agent's silence", REACTION),
  offhook_turns_total: counter("Turns that settled, by whose", "speaker"),
  offhook_interruptions_total: counter("Turns of the agent that were interrupted"),
  offhook_truncations_total: counter("Corrections of what the model believes was heard"),
  offhook_deletions_total: counter("Items that the model was told to forget, since nothing of them was heard"),
  offhook_frames_total: counter(
    "Frames of audio that went on: `caller` from Twilio to the model, `agent` from the model to Twilio, `silence` in " +
      "place of media that never came",
    "direction"
  ),
  offhook_frames_dropped_total: counter(
    "Frames of audio that came and went nowhere: of the `caller`; of the `agent`, 20 ms each, where too many waited for " +
      "a carrier that does not read",
    "direction"
  ),
  offhook_congestions_total: counter("Times that a peer did not read for 500 ms, by which: audio waits", "peer"),
  offhook_frames_late_total: counter("Frames of the caller that came over 200 ms after their time"),
  offhook_responses_total: counter("Responses of the model that are done, by how", "status"),
  offhook_model_connections_total: counter(
    "Connections to the model, by what became of them; `session`: the `first` of its call, or a `reconnect`",
    "result",
    "session"
  ),
  offhook_model_errors_total: counter(
    "Errors of the model, by where they showed and by what they mean for the call (packages/core/src/ModelFault.ts)",
    "where",
    "class"
  ),
  offhook_tool_calls_total: counter("Tools that were run, by what became of them", "tool", "result"),
  offhook_tool_duration_seconds: histogram("How long tools took that answered", ANSWER, "tool"),
  offhook_notes_total: counter("What the recordings note, by code (docs/RECORDING.md)", "what"),
  offhook_tokens_total: counter("Tokens of the model's responses; cached ones are part of the input", "kind"),
  offhook_cost_dollars_total: counter("What the tokens of calls that ended cost, US dollars"),
  offhook_calls_unpriced_total: counter("Calls whose model has no price in the table: their cost is in no sum"),
  offhook_refusals_total: counter("What was refused at the edge, by why (docs/OPERATIONS.md, limits)", "reason"),
  offhook_http_requests_total: counter(
    "Requests over HTTP that were answered, by status; what never was one, and upgrades, are refusals alone",
    "status"
  ),
  offhook_webhook_seconds: histogram("How long webhooks took to be answered, by status", ANSWER, "status"),
  offhook_connections: gauge("TCP connections that are open, HTTP and WebSocket")
} as const

export type Name = keyof typeof table

type Of<T extends Definition["type"]> = { [N in Name]: (typeof table)[N]["type"] extends T ? N : never }[Name]

/** The labels of a metric, each with its value; none where it has none. */
type Labels<N extends Name> = (typeof table)[N]["labels"][number] extends never
  ? readonly []
  : readonly [labels: Readonly<Record<(typeof table)[N]["labels"][number], string>>]

/** Counted by whoever moves frames, with `++`. */
export interface Frames {
  caller: number
  agent: number
  silence: number
  dropped: number
  droppedOfAgent: number
  late: number
}

export interface Service {
  readonly inc: <N extends Of<"counter">>(name: N, ...labels: Labels<N>) => void
  /** 0 makes a series that is not there yet: a rate knows its first step only from a zero before it. */
  readonly add: <N extends Of<"counter">>(name: N, value: number, ...labels: Labels<N>) => void
  readonly observe: <N extends Of<"histogram">>(name: N, value: number, ...labels: Labels<N>) => void
  /** `read` is asked at each scrape, and stays until another one takes its place. */
  readonly gauge: (name: Of<"gauge">, read: () => number) => void
  readonly frames: Frames
  /** One refusal at the edge. */
  readonly refused: (reason: string) => void
  /** All of it, with Node.js' own, as `contentType`. */
  readonly text: Effect.Effect<string>
  readonly contentType: string
}

/** Without a layer nothing is counted. */
export class Metrics extends Context.Reference<Metrics>()("@offhook/adapters/Metrics", {
  defaultValue: (): Service => none()
}) {
  static readonly layer: Layer.Layer<Metrics> = Layer.sync(this, () => make())
}

/** Counts nothing. */
const none = (): Service => ({
  inc: () => {},
  add: () => {},
  observe: () => {},
  gauge: () => {},
  refused: () => {},
  frames: { caller: 0, agent: 0, silence: 0, dropped: 0, droppedOfAgent: 0, late: 0 },
  text: Effect.succeed(""),
  contentType: Prom.Registry.PROMETHEUS_CONTENT_TYPE
})

/** From zero, on a registry of its own. */
export const make = (): Service => {
  const register = new Prom.Registry()
  const ofProcess = processRegistry()
  const frames: Frames = { caller: 0, agent: 0, silence: 0, dropped: 0, droppedOfAgent: 0, late: 0 }
  const readers = new Map<string, () => number>()
  const counters = new Map<string, Prom.Counter>()
  const histograms = new Map<string, Prom.Histogram>()

  for (const [name, { buckets, help, labels, type }] of Object.entries<Definition>(table)) {
    const common = { name, help, labelNames: [...labels], registers: [register] }
    if (type === "counter") counters.set(name, new Prom.Counter(common))
    else if (type === "histogram")
      histograms.set(name, new Prom.Histogram({ ...common, buckets: [...(buckets ?? [])] }))
    else {
      new Prom.Gauge({
        ...common,
        collect() {
          this.set(readers.get(name)?.() ?? 0)
        }
      })
    }
  }

  const add = (name: string, value: number, labels: Readonly<Record<string, string>> = {}): void => {
    if (value >= 0) counters.get(name)?.inc(labels, value)
  }

  const exact = (name: Of<"counter">, value: number, labels: Readonly<Record<string, string>> = {}): void => {
    const counter = counters.get(name)
    counter?.remove(labels)
    counter?.inc(labels, value)
  }

  const text = Effect.promise(async () => {
    for (const direction of DIRECTIONS) exact("offhook_frames_total", frames[direction], { direction })
    exact("offhook_frames_dropped_total", frames.dropped, { direction: "caller" })
    exact("offhook_frames_dropped_total", frames.droppedOfAgent, { direction: "agent" })
    exact("offhook_frames_late_total", frames.late)
    return `${await register.metrics()}\n${await ofProcess.metrics()}`
  })

  return {
    inc: (name, ...[labels]) => add(name, 1, labels),
    add: (name, value, ...[labels]) => add(name, value, labels),
    observe: (name, value, ...[labels]) => histograms.get(name)?.observe(labels ?? {}, value),
    gauge: (name, read) => void readers.set(name, read),
    refused: (reason) => add("offhook_refusals_total", 1, { reason }),
    frames,
    text,
    contentType: register.contentType
  }
}

const DIRECTIONS = ["caller", "agent", "silence"] as const

/**
 * Node.js' own numbers (`process_*`, `nodejs_*`), event-loop delay and garbage collection among them. They are of the
 * process, and what observes them cannot be taken away: so there is one for all, and none before metrics are made.
 */
const processRegistry = (): Prom.Registry => {
  if (existing === undefined) {
    existing = new Prom.Registry()
    Prom.collectDefaultMetrics({ register: existing })
  }
  return existing
}

let existing: Prom.Registry | undefined
