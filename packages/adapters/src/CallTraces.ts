/**
 * A call as a trace, sent by OTLP over HTTP: a span for the call, one for each turn and each tool under it.
 *
 * Names and attributes are those of OpenTelemetry's semantic conventions for generative AI where they have one, and
 * `offhook.*` else. A span names the call by its CallSid; it holds no number, word or argument of anybody.
 *
 * 1. A span is made when what it tells of is over. A frame costs a look at its event's name and no more.
 * 2. This tracer is for calls alone and not Effect's own: that one would tell of each request with its URL and headers,
 *    where a signature or a caller's number may stand.
 * 3. A collector that is slow or away costs a bounded buffer, a line of the log, and nothing else.
 */

import * as OtlpSerialization from "@effect/opentelemetry/OtlpSerialization"
import * as OtlpTracer from "@effect/opentelemetry/OtlpTracer"
import * as HttpClient from "@effect/platform/HttpClient"
import type { Command, Event, Summary, Turn } from "@offhook/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Tracer from "effect/Tracer"
import type { Watcher } from "./CallObserver.ts"

export interface Options {
  /** Where spans are posted, as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names it. */
  readonly url: string
  /** Sent with them; a key of the collector may be among them. */
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  readonly serviceName: string
  readonly serviceVersion: string
}

/** Null, and without a layer: nothing is traced. */
export class CallTraces extends Context.Reference<CallTraces>()("@offhook/adapters/CallTraces", {
  defaultValue: (): Tracer.Tracer | null => null
}) {
  /** What is not sent when the layer ends is sent then, in 1 s at most: a server that stops is waited for (server's Drain). */
  static readonly layer = (options: Options): Layer.Layer<CallTraces, never, HttpClient.HttpClient> =>
    Layer.scoped(
      this,
      OtlpTracer.make({
        url: options.url,
        headers: Object.fromEntries(Object.entries(options.headers).map(([name, it]) => [name, Redacted.value(it)])),
        resource: { serviceName: options.serviceName, serviceVersion: options.serviceVersion },
        shutdownTimeout: "1 second"
      })
    ).pipe(Layer.provide([OtlpSerialization.layerJson, Layer.effect(HttpClient.HttpClient, telling)]))
}

/** Says when the collector begins to refuse or to be away, and when it takes traces again. */
const telling = Effect.map(HttpClient.HttpClient, (client) => {
  let isAway = false
  const told = (fault: string | null) =>
    Effect.suspend(() => {
      if (isAway === (fault !== null)) return Effect.void
      isAway = fault !== null
      return fault === null
        ? Effect.logInfo("traces arrive again")
        : Effect.annotateLogs(Effect.logWarning("traces do not arrive"), { fault })
    })
  return HttpClient.transform(client, (answered) =>
    answered.pipe(
      Effect.tap(({ status }) => told(status < 300 ? null : `the collector answers ${status}`)),
      Effect.tapError(({ message }) => told(message))
    )
  )
})

export interface Call {
  readonly callSid: string
  readonly model: string
  /** ms since the epoch. */
  readonly began: number
}

/** Traces one call. */
export const watch = (tracer: Tracer.Tracer, { began, callSid, model }: Call): Watcher => {
  const nanos = (at: number): bigint => BigInt(Math.round(began + at)) * 1_000_000n
  const span = (name: string, at: number, kind: Tracer.SpanKind, parent: Option.Option<Tracer.AnySpan>) =>
    tracer.span(name, parent, Context.empty(), [], nanos(at), kind)

  const call = span("call", 0, "server", Option.none())
  put(call, { "offhook.call.sid": callSid, "gen_ai.provider.name": "openai", "gen_ai.request.model": model })
  const speech = new Map<string, { readonly from: number; until: number }>()
  const played = new Map<string, number>()
  const tools = new Map<string, { readonly name: string; readonly at: number }>()
  let now = 0
  let ended: Summary | undefined

  const happened = (event: Event): void => {
    now = event.at
    switch (event._tag) {
      case "ModelSpeechStarted":
        return remember(speech, `${event.session} ${event.item}`, { from: now, until: now })
      case "ModelSpeechStopped": {
        const heard = speech.get(`${event.session} ${event.item}`)
        if (heard !== undefined) heard.until = now
        return
      }
    }
  }

  const follows = (command: Command, event: Event | null): void => {
    switch (command._tag) {
      case "Mark":
        return
      case "PlayAudio":
        if (command.from > 0) return
        return remember(played, itemOf(command), now)
      case "RunTool":
        return remember(tools, command.call, { name: command.name, at: now })
      case "AnswerTool":
        return over(command.call, event?._tag === "ToolFinished" ? null : "timeout")
      case "Settled":
        return settled(command.turn)
      case "Ended":
        ended = command.summary
        return
    }
  }

  const settled = (turn: Turn): void => {
    if (turn.speaker === "caller") {
      const heard = speech.get(`${turn.session} ${turn.item}`) ?? { from: turn.at, until: turn.at }
      speech.delete(`${turn.session} ${turn.item}`)
      return tell("turn caller", heard.from, heard.until, { "offhook.turn.aside": turn.aside })
    }
    const from = played.get(itemOf(turn)) ?? turn.at
    played.delete(itemOf(turn))
    tell("turn agent", from, Math.min(now, from + turn.heardMs), {
      "offhook.turn.generated_ms": turn.generatedMs,
      "offhook.turn.heard_ms": turn.heardMs,
      "offhook.turn.interrupted": turn.interrupted
    })
  }

  const over = (id: string, error: string | null): void => {
    const tool = tools.get(id)
    if (tool === undefined) return
    tools.delete(id)
    tell(`execute_tool ${tool.name}`, tool.at, now, {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": tool.name,
      "gen_ai.tool.call.id": id,
      ...(error === null ? {} : { "error.type": error })
    })
  }

  const tell = (name: string, from: number, until: number, attributes: Attributes): void => {
    const told = span(name, from, "internal", Option.some(call))
    put(told, attributes)
    told.end(nanos(Math.max(from, until)), exitOf(attributes))
  }

  return {
    onStep: (event, commands) => {
      if (event !== null) happened(event)
      for (const command of commands) follows(command, event)
    },
    onReleased: () => {
      for (const id of [...tools.keys()]) over(id, "call over")
      const attributes = ended === undefined ? { "error.type": "fault" } : summed(ended)
      put(call, attributes)
      call.end(nanos(ended?.durationMs ?? now), exitOf(attributes))
    }
  }
}

type Attributes = Readonly<Record<string, boolean | number | string>>

const summed = ({ costUsd, interruptions, outcome, responses, turns, usage }: Summary): Attributes => ({
  "offhook.call.outcome": outcome,
  "offhook.call.turns": turns.caller + turns.agent,
  "offhook.call.interruptions": interruptions,
  "offhook.call.responses": responses,
  "gen_ai.usage.input_tokens": usage.inputText + usage.inputAudio + usage.inputImage,
  "gen_ai.usage.output_tokens": usage.outputText + usage.outputAudio,
  ...(costUsd === null ? {} : { "offhook.call.cost_usd": Number(costUsd.toFixed(6)) }),
  ...(BROKEN.has(outcome) ? { "error.type": outcome } : {})
})

/** Ends that nobody wanted. */
const BROKEN: ReadonlySet<Summary["outcome"]> = new Set([
  "carrier lost",
  "carrier silent",
  "format mismatch",
  "model lost",
  "model refused",
  "never connected"
])

const put = (span: Tracer.Span, attributes: Attributes): void => {
  for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
}

const exitOf = (attributes: Attributes): Exit.Exit<void, unknown> => {
  const type = attributes["error.type"]
  return type === undefined ? Exit.void : Exit.fail(type)
}

const itemOf = ({ contentIndex, item, session }: { session: number; item: string; contentIndex: number }): string =>
  `${session} ${item} ${contentIndex}`

/** What a call can be amid at once is far less: a peer that never ends what it begins takes no more memory. */
const MOST = 64

const remember = <V>(map: Map<string, V>, key: string, value: V): void => {
  if (map.has(key)) return
  if (map.size >= MOST) for (const oldest of map.keys()) if (map.delete(oldest)) break
  map.set(key, value)
}
