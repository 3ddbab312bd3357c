/**
 * A call as numbers: what its events and commands add to the metrics of the process.
 *
 * 1. A frame of audio costs additions of integers and nothing else: no allocation, no look-up by name.
 * 2. A frame of the caller is dropped when it came and never went to the model: repeated, over what is kept before the
 *    model is there, or while it does not read, or after it was gone. That is known when the call ends, and counted then.
 * 3. A frame is late against the fastest of the call. The clocks may drift apart by 100 ppm and are given 200.
 */

import { type Command, type Event, ModelFault, type Outcome } from "@offhook/core"
import type { Watcher } from "./CallObserver.ts"
import type { Service } from "./Metrics.ts"

/** More than a frame's jitter on any usable line; a caller hears a pause of this length. */
const LATE_MS = 200

/** ms of drift for each ms of media: 200 ppm. */
const DRIFT = 0.0002

/** What the agent's audio is counted in where it was dropped, ms: its deltas have any length. */
const FRAME_MS = 20

/** Makes the series of whatever may go wrong, so that the first of each is seen as a step. */
export const declare = (metrics: Service, tools: ReadonlyArray<string>): void => {
  for (const outcome of OUTCOMES) metrics.add("offhook_calls_ended_total", 0, { outcome })
  for (const where of ["connect", "session", "response", "close"]) {
    for (const class_ of ["ignore", "note", "retry", "renew", "end"]) {
      metrics.add("offhook_model_errors_total", 0, { where, class: class_ })
    }
  }
  for (const result of CONNECTED) metrics.add("offhook_model_connections_total", 0, { result, session: "first" })
  for (const tool of tools) {
    for (const result of ["answered", "timed out", "call over"]) {
      metrics.add("offhook_tool_calls_total", 0, { tool, result })
    }
  }
  for (const peer of ["carrier", "model"]) metrics.add("offhook_congestions_total", 0, { peer })
  for (const [, kind] of KINDS) metrics.add("offhook_tokens_total", 0, { kind })
}

/** Counts one call that begins now. */
export const watch = (metrics: Service): Watcher => {
  const { frames } = metrics
  const tools = new Map<string, { readonly name: string; readonly at: number }>()
  let came = 0
  let went = 0
  let fastest = Number.POSITIVE_INFINITY
  let latest = 0
  let isEnded = false
  let isGivenUp = false

  const arrived = (at: number, timestamp: number): void => {
    came++
    if (timestamp > latest) {
      fastest += (timestamp - latest) * DRIFT
      latest = timestamp
    }
    const offset = at - timestamp
    if (offset < fastest) fastest = offset
    else if (offset > fastest + LATE_MS) frames.late++
  }

  const happened = (event: Event): void => {
    switch (event._tag) {
      case "CarrierAudio":
        return arrived(event.at, event.timestamp)
      case "CarrierCongested":
        return metrics.inc("offhook_congestions_total", { peer: "carrier" })
      case "ModelCongested":
        return metrics.inc("offhook_congestions_total", { peer: "model" })
      case "ModelConnected":
        return connected("connected", event.session)
      case "ModelConnectFailed":
        connected(event.failure, event.session)
        return metrics.inc("offhook_model_errors_total", {
          where: "connect",
          class: ModelFault.classifyConnectFailure(event.failure, event.status)
        })
      case "ModelErred":
        return metrics.inc("offhook_model_errors_total", { where: "session", class: ModelFault.classify(event.error) })
      case "ModelResponseDone": {
        const { error, status, usage } = event
        metrics.inc("offhook_responses_total", { status })
        if (status === "failed") {
          const failure = error === null ? "note" : ModelFault.classify(error)
          metrics.inc("offhook_model_errors_total", { where: "response", class: failure })
        }
        if (usage !== null) spent(usage)
        return
      }
      case "ModelClosed":
        if (isGivenUp) return
        return metrics.inc("offhook_model_errors_total", {
          where: "close",
          class: ModelFault.classifyClose(event.code, event.reason)
        })
    }
  }

  const connected = (result: Connected, session: number): void =>
    metrics.inc("offhook_model_connections_total", { result, session: session === 0 ? "first" : "reconnect" })

  const spent = (usage: Usage): void => {
    for (const [key, kind] of KINDS) metrics.add("offhook_tokens_total", usage[key], { kind })
  }

  const follows = (command: Command, event: Event | null): void => {
    switch (command._tag) {
      case "ForwardAudio":
        went++
        frames.caller++
        return
      case "ForwardSilence":
        frames.silence++
        return
      case "PlayAudio":
        frames.agent++
        return
      case "ConnectModel":
        isGivenUp = false
        return
      case "CloseModel":
        isGivenUp = true
        return
      case "Truncate":
        return metrics.inc("offhook_truncations_total")
      case "DeleteItem":
        return metrics.inc("offhook_deletions_total")
      case "RunTool":
        tools.set(command.call, { name: command.name, at: event?.at ?? 0 })
        return
      case "AnswerTool":
        return answered(command.call, event)
      case "Note":
        return metrics.inc("offhook_notes_total", { what: command.note.what })
      case "Reacted":
        return metrics.observe(REACTIONS[command.to], command.ms / 1_000)
      case "Settled": {
        const { turn } = command
        metrics.inc("offhook_turns_total", { speaker: turn.speaker })
        if (turn.speaker === "agent" && turn.interrupted) metrics.inc("offhook_interruptions_total")
        return
      }
      case "Ended": {
        isEnded = true
        const { costUsd, droppedMs, durationMs, outcome } = command.summary
        frames.droppedOfAgent += Math.ceil((droppedMs?.agent ?? 0) / FRAME_MS)
        metrics.inc("offhook_calls_ended_total", { outcome })
        metrics.observe("offhook_call_duration_seconds", durationMs / 1_000)
        if (costUsd === null) metrics.inc("offhook_calls_unpriced_total")
        else metrics.add("offhook_cost_dollars_total", costUsd)
        return
      }
    }
  }

  const answered = (call: string, event: Event | null): void => {
    const tool = tools.get(call)
    if (tool === undefined) return
    tools.delete(call)
    const isAnswer = event?._tag === "ToolFinished"
    metrics.inc("offhook_tool_calls_total", { tool: tool.name, result: isAnswer ? "answered" : "timed out" })
    if (isAnswer) metrics.observe("offhook_tool_duration_seconds", (event.at - tool.at) / 1_000, { tool: tool.name })
  }

  return {
    onStep: (event, commands) => {
      if (event === null) metrics.inc("offhook_calls_started_total")
      else happened(event)
      for (const command of commands) follows(command, event)
    },
    onReleased: () => {
      frames.dropped += Math.max(0, came - went)
      for (const { name } of tools.values()) {
        metrics.inc("offhook_tool_calls_total", { tool: name, result: "call over" })
      }
      if (!isEnded) metrics.inc("offhook_calls_ended_total", { outcome: "fault" })
    }
  }
}

type Usage = NonNullable<Extract<Event, { readonly _tag: "ModelResponseDone" }>["usage"]>

const REACTIONS = {
  answer: "offhook_answer_seconds",
  greeting: "offhook_first_word_seconds",
  interruption: "offhook_interruption_seconds"
} as const

const OUTCOMES = Object.keys({
  "agent hung up": 0,
  "caller hung up": 0,
  "carrier lost": 0,
  "carrier silent": 0,
  "duration limit": 0,
  "format mismatch": 0,
  "model lost": 0,
  "model refused": 0,
  "never connected": 0,
  operator: 0,
  shutdown: 0,
  fault: 0
} satisfies Readonly<Record<Outcome | "fault", 0>>)

type Connected = "connected" | Extract<Event, { readonly _tag: "ModelConnectFailed" }>["failure"]

const CONNECTED = Object.keys({ connected: 0, refused: 0, status: 0, timeout: 0 } satisfies Readonly<
  Record<Connected, 0>
>)

const KINDS = [
  ["inputText", "input_text"],
  ["inputAudio", "input_audio"],
  ["inputImage", "input_image"],
  ["cachedText", "cached_text"],
  ["cachedAudio", "cached_audio"],
  ["cachedImage", "cached_image"],
  ["outputText", "output_text"],
  ["outputAudio", "output_audio"]
] as const
