/**
 * The session object: defaults, partial merge, and the rules of `session.update` that need the session's state (protocols.md E.2).
 *
 * 1. An update is a merge: absent fields stay; `""`, `[]` and `null` clear.
 * 2. One invalid field rejects the whole update; the configuration before it stays.
 * 3. A format is replaced whole; turn detection of the same type is merged, of another type starts from its defaults.
 */
import type { AudioFormat, Json } from "./ClientEvent.ts"
import type { Failure } from "./Shape.ts"
import { invalidValue } from "./Shape.ts"
import type * as Vad from "./Vad.ts"

export interface FunctionTool {
  readonly type: "function"
  readonly name: string
  readonly description?: string
  readonly parameters?: Json
}

export interface McpTool {
  readonly type: "mcp"
  readonly server_label: string
}

export type TurnDetection =
  | {
      readonly type: "server_vad"
      readonly threshold: number
      readonly prefix_padding_ms: number
      readonly silence_duration_ms: number
      readonly idle_timeout_ms: number | null
      readonly create_response: boolean
      readonly interrupt_response: boolean
    }
  | {
      readonly type: "semantic_vad"
      readonly eagerness: "low" | "medium" | "high" | "auto"
      readonly create_response: boolean
      readonly interrupt_response: boolean
    }

export interface Transcription {
  readonly model?: string
  readonly language?: string
  readonly prompt?: string
}

/** The full effective configuration, as `session.created` and `session.updated` echo it. */
export interface Config {
  readonly type: "realtime"
  readonly object: "realtime.session"
  readonly id: string
  readonly model: string
  readonly output_modalities: Array<"audio" | "text">
  readonly instructions: string
  readonly tools: Array<FunctionTool | McpTool>
  readonly tool_choice: "auto" | "none" | "required" | { readonly type: "function"; readonly name: string }
  readonly max_output_tokens: number | "inf"
  readonly truncation: "auto" | "disabled" | { readonly type: "retention_ratio"; readonly retention_ratio: number }
  readonly tracing: "auto" | { readonly workflow_name?: string; readonly group_id?: string } | null
  readonly prompt: { readonly id: string } | null
  readonly expires_at: number
  readonly parallel_tool_calls?: boolean
  readonly reasoning?: { readonly effort?: "minimal" | "low" | "medium" | "high" | "xhigh" }
  readonly audio: {
    readonly input: {
      readonly format: AudioFormat
      readonly transcription: Transcription | null
      readonly noise_reduction: { readonly type: "near_field" | "far_field" } | null
      readonly turn_detection: TurnDetection | null
    }
    readonly output: {
      readonly format: AudioFormat
      readonly voice: string | { readonly id: string }
      readonly speed: number
    }
  }
}

const PCM: AudioFormat = { type: "audio/pcm", rate: 24000 }

const SERVER_VAD: TurnDetection = {
  type: "server_vad",
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 500,
  idle_timeout_ms: null,
  create_response: true,
  interrupt_response: true
}

const SEMANTIC_VAD: TurnDetection = {
  type: "semantic_vad",
  eagerness: "auto",
  create_response: true,
  interrupt_response: true
}

export const initial = (id: string, model: string, expiresAt: number): Config => ({
  type: "realtime",
  object: "realtime.session",
  id,
  model,
  output_modalities: ["audio"],
  instructions: "Your knowledge cutoff is 2024-10. You are a helpful, witty, and friendly AI.",
  tools: [],
  tool_choice: "auto",
  max_output_tokens: "inf",
  truncation: "auto",
  tracing: null,
  prompt: null,
  expires_at: expiresAt,
  audio: {
    input: { format: PCM, transcription: null, noise_reduction: null, turn_detection: SERVER_VAD },
    output: { format: PCM, voice: "alloy", speed: 1 }
  }
})

/** What the session does: audio that was produced locks the voice, a response that runs locks the speed. */
export interface Activity {
  readonly hasSpoken: boolean
  readonly isResponding: boolean
}

/** Merges a `session` of the right shape (ClientEvent.ts). */
export const update = (
  config: Config,
  change: Json,
  activity: Activity
): { readonly ok: true; readonly config: Config } | { readonly ok: false; readonly failure: Failure } => {
  const failure = rejected(config, change, activity)
  if (failure !== undefined) return { ok: false, failure }
  const { audio, ...rest } = change
  const input = section(audio, "input")
  const turnDetection = input["turn_detection"] as TurnDetection | null | undefined
  return {
    ok: true,
    config: {
      ...config,
      ...rest,
      audio: {
        input: {
          ...config.audio.input,
          ...input,
          ...(turnDetection === undefined
            ? {}
            : { turn_detection: turnDetection === null ? null : mergeTurnDetection(config, turnDetection) })
        },
        output: { ...config.audio.output, ...section(audio, "output") }
      }
    }
  }
}

/** The voice activity settings that a turn detection asks for. */
export const vadSettings = (turnDetection: TurnDetection | null): Vad.Settings | null => {
  if (turnDetection === null) return null
  if (turnDetection.type === "server_vad") {
    const silenceMs = turnDetection.silence_duration_ms
    return { threshold: turnDetection.threshold, prefixMs: turnDetection.prefix_padding_ms, silenceMs: () => silenceMs }
  }
  // Semantics is emulated: a longer utterance is taken for a finished thought and waited on for an eighth of the maximum, a short one a quarter.
  const maximumMs = { low: 8000, medium: 4000, high: 2000, auto: 4000 }[turnDetection.eagerness]
  return { threshold: 0.5, prefixMs: 300, silenceMs: (speechMs) => (speechMs >= 1000 ? maximumMs / 8 : maximumMs / 4) }
}

const section = (audio: unknown, key: "input" | "output"): Json =>
  (audio as { readonly [key: string]: Json } | undefined)?.[key] ?? {}

const mergeTurnDetection = (config: Config, change: TurnDetection): TurnDetection => {
  const current = config.audio.input.turn_detection
  const base = current?.type === change.type ? current : change.type === "server_vad" ? SERVER_VAD : SEMANTIC_VAD
  return { ...base, ...change } as TurnDetection
}

const rejected = (config: Config, change: Json, { hasSpoken, isResponding }: Activity): Failure | undefined => {
  const model = change["model"]
  if (model !== undefined && model !== config.model) {
    return invalidValue("session.model", "The model of a session cannot be changed.")
  }
  if (change["reasoning"] !== undefined && !config.model.startsWith("gpt-realtime-2")) {
    return invalidValue("session.reasoning", `Reasoning is not supported by the model '${config.model}'.`)
  }
  const tracing = change["tracing"]
  if (tracing !== undefined && config.tracing !== null && JSON.stringify(tracing) !== JSON.stringify(config.tracing)) {
    return invalidValue("session.tracing", "The tracing configuration of a session cannot be changed once it is on.")
  }
  const { voice, speed } = section(change["audio"], "output")
  if (isResponding && speed !== undefined && speed !== config.audio.output.speed) {
    return invalidValue("session.audio.output.speed", "The speed can only be changed between responses.")
  }
  if (hasSpoken && voice !== undefined && JSON.stringify(voice) !== JSON.stringify(config.audio.output.voice)) {
    return {
      code: "cannot_update_voice",
      message: "Cannot update a conversation's voice if assistant audio is present.",
      param: "session.audio.output.voice"
    }
  }
  return misheard({ ...config.audio.input, ...section(change["audio"], "input") })
}

const severalModels = ["gpt-transcribe", "gpt-live-transcribe"]

/** Fields of transcription that only some models take (protocols.md E.2). */
const misheard = ({ transcription, turn_detection }: Json): Failure | undefined => {
  const { model, prompt, languages, keywords, delay } = (transcription ?? {}) as Json
  const refused = (field: string) =>
    invalidValue(
      `session.audio.input.transcription.${field}`,
      `'${field}' is not supported by the transcription model '${String(model)}'.`
    )
  if (languages !== undefined && !severalModels.includes(String(model))) return refused("languages")
  if (keywords !== undefined && !severalModels.includes(String(model))) return refused("keywords")
  if (model !== "gpt-realtime-whisper") return delay === undefined ? undefined : refused("delay")
  if (prompt !== undefined) return refused("prompt")
  return turn_detection === null
    ? undefined
    : invalidValue("session.audio.input.turn_detection", "'gpt-realtime-whisper' needs a turn detection of null.")
}
