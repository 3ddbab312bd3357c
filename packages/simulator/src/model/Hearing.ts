/**
 * What the model hears: the input audio buffer, voice activity in it, and the caller's turns cut out of it (protocols.md E.8).
 *
 * 1. Every appended byte is kept in `received`, and belongs to at most one committed item.
 * 2. Positions count audio written to the buffer since the session began.
 * 3. A start and its stop carry the id of the item that will hold the speech between them.
 */
import * as Base64 from "../Base64.ts"
import type { Agenda } from "./Agenda.ts"
import * as Conversation from "./Conversation.ts"
import type { Take } from "./Faults.ts"
import * as Received from "./Received.ts"
import type { Body } from "./ServerEvent.ts"
import type { Config } from "./Session.ts"
import * as Session from "./Session.ts"
import type { Failure } from "./Shape.ts"
import { notBase64 } from "./Shape.ts"
import * as Vad from "./Vad.ts"

export interface Speech {
  /** From 0, in order of commits. */
  readonly index: number
  readonly durationMs: number
  /** In the input format. */
  readonly audio: Uint8Array
}

export interface Host {
  readonly agenda: Agenda
  readonly now: () => number
  readonly newId: (prefix: string) => string
  readonly emit: (event: Body) => void
  /** Puts an item at the end of the conversation and tells of it; `before` runs with the id before it. */
  readonly insert: (item: Conversation.Item, before: (previousId: string | null) => void) => void
  readonly onSpeechStarted: (itemId: string, startMs: number, detectedMs: number) => void
  readonly onSpeechStopped: (itemId: string, endMs: number) => void
  readonly take: Take
  /** An item that was deleted is transcribed all the same. */
  readonly transcribesDeleted: boolean
  /** The text of an utterance, and how long its transcription takes. */
  readonly transcription: (speech: Speech) => { readonly text: string; readonly afterMs: number }
}

export interface Hearing {
  readonly received: Received.Received
  readonly configure: (config: Config) => void
  /** Base64, of `input_audio_buffer.append`. */
  readonly append: (audio: string) => Failure | undefined
  /** The same, as bytes. */
  readonly hear: (audio: Uint8Array) => void
  /** `input_audio_buffer.commit`. */
  readonly commit: () => Failure | undefined
  /** `input_audio_buffer.clear`. */
  readonly clear: () => void
  /** Nobody spoke for `idle_timeout_ms`: commits an empty item. False while somebody speaks. */
  readonly timeOut: () => boolean
  /** Takes the audio of now for speech, for `ms` or for ever. Nothing while somebody speaks. */
  readonly imagine: (ms: number | undefined) => void
}

export const make = (host: Host, initial: Config): Hearing => {
  const { agenda, emit, newId } = host
  const received = Received.make()
  const vad = Vad.make()
  let { format, transcription } = initial.audio.input
  let bufferStartMs = 0
  let speechItemId: string | undefined
  let forgetsTurn = false
  let utterances = 0
  let scratch = new Uint8Array(1_024)

  const append = (audio: string): Failure | undefined => {
    if (scratch.length < audio.length) scratch = new Uint8Array(audio.length)
    const length = Base64.decodeInto(audio, scratch)
    if (length < 0) return notBase64("audio")
    hear(scratch, length)
    return undefined
  }

  const hear = (bytes: Uint8Array, length: number) => {
    received.append(bytes, length, host.now())
    for (const change of vad.push(bytes, length)) {
      if (change._tag === "Started") speechStarted(change.startMs, change.atMs)
      else speechStopped(change.startMs, change.endMs)
    }
  }

  const speechStarted = (startMs: number, detectedMs: number) => {
    forgetsTurn = host.take("TurnForgotten") !== undefined
    speechItemId = newId("item")
    emit({
      type: "input_audio_buffer.speech_started",
      item_id: speechItemId,
      audio_start_ms: Math.round(startMs)
    })
    host.onSpeechStarted(speechItemId, startMs, detectedMs)
  }

  const speechStopped = (startMs: number, endMs: number) => {
    const itemId = speechItemId ?? newId("item")
    speechItemId = undefined
    if (forgetsTurn) return
    emit({ type: "input_audio_buffer.speech_stopped", item_id: itemId, audio_end_ms: Math.round(endMs) })
    commit(itemId, startMs, endMs)
    host.onSpeechStopped(itemId, endMs)
  }

  const commitByClient = (): Failure | undefined => {
    const endMs = vad.positionMs()
    const bufferedMs = endMs - bufferStartMs
    if (bufferedMs < 100) {
      const buffered = bufferedMs.toFixed(2)
      return {
        code: "input_audio_buffer_commit_empty",
        message: `Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has ${buffered}ms of audio.`,
        param: null
      }
    }
    const itemId = speechItemId ?? newId("item")
    speechItemId = undefined
    vad.reset()
    commit(itemId, bufferStartMs, endMs)
    return undefined
  }

  const commit = (itemId: string, startMs: number, endMs: number) => {
    const perMs = Vad.bytesPerMs(format.type)
    const offset = (ms: number) => Math.max(0, received.length() - Math.round((vad.positionMs() - ms) * perMs))
    const audio = received.bytes(offset(startMs), offset(endMs))
    const item = Conversation.callerSpeech(itemId, audio, endMs - startMs)
    bufferStartMs = endMs
    host.insert(item, (previous) => {
      emit({ type: "input_audio_buffer.committed", item_id: itemId, previous_item_id: previous })
    })
    const speech = { index: utterances++, durationMs: endMs - startMs, audio }
    if (transcription !== null && audio.length > 0) transcribe(item, speech)
  }

  const transcribe = (item: Conversation.Item, speech: Speech) => {
    const { text, afterMs } = host.transcription(speech)
    if (host.take("TranscriptionMissing") !== undefined) return
    const long = host.take("TranscriptionLong")
    const said =
      long === undefined ? text : "\u8a71\u{1f355}\u3002".repeat(Math.ceil(long.chars / 4)).slice(0, long.chars)
    const transcript = host.take("TranscriptionEmpty") === undefined ? said : ""
    const fails = host.take("TranscriptionFailed") !== undefined
    const byDuration = transcription?.model === "whisper-1"
    const at = { item_id: item.id, content_index: 0 }
    const run = () => {
      if (item.deleted && !host.transcribesDeleted) return
      if (fails) {
        const error = { type: "server_error", code: "transcription_failed", message: "Input transcription failed." }
        return emit({ type: "conversation.item.input_audio_transcription.failed", ...at, error })
      }
      const part = item.content[0]
      if (part?.type === "input_audio") part.transcript = transcript
      for (const delta of byDuration ? [] : (transcript.match(/\s*\S+/g) ?? [])) {
        emit({ type: "conversation.item.input_audio_transcription.delta", ...at, delta })
      }
      const audioTokens = Math.ceil(speech.durationMs / 100)
      const outputTokens = Conversation.textTokens(transcript)
      emit({
        type: "conversation.item.input_audio_transcription.completed",
        ...at,
        transcript,
        usage: byDuration
          ? { type: "duration", seconds: Math.ceil(speech.durationMs / 1000) }
          : {
              type: "tokens",
              total_tokens: audioTokens + outputTokens,
              input_tokens: audioTokens,
              input_token_details: { text_tokens: 0, audio_tokens: audioTokens },
              output_tokens: outputTokens
            }
      })
    }
    agenda.add({
      at: host.now() + (host.take("TranscriptionLate")?.ms ?? afterMs),
      owner: "transcription",
      piece: false,
      run
    })
  }

  return {
    received,
    configure: ({ audio: { input } }) => {
      format = input.format
      transcription = input.transcription
      vad.configure(Session.vadSettings(input.turn_detection), input.format.type)
      if (!vad.speaking()) speechItemId = undefined
    },
    append,
    hear: (audio) => hear(audio, audio.length),
    commit: commitByClient,
    clear: () => {
      vad.reset()
      speechItemId = undefined
      bufferStartMs = vad.positionMs()
      emit({ type: "input_audio_buffer.cleared" })
    },
    imagine: (ms) => {
      if (vad.speaking() || speechItemId !== undefined) return
      const startMs = vad.positionMs()
      speechStarted(startMs, startMs)
      const itemId = speechItemId
      if (ms === undefined) return
      agenda.add({
        at: host.now() + ms,
        owner: "imagined",
        piece: false,
        run: () => {
          if (speechItemId === itemId) speechStopped(startMs, vad.positionMs())
        }
      })
    },
    timeOut: () => {
      if (vad.speaking()) return false
      const itemId = newId("item")
      const endMs = vad.positionMs()
      emit({
        type: "input_audio_buffer.timeout_triggered",
        item_id: itemId,
        audio_start_ms: Math.round(bufferStartMs),
        audio_end_ms: Math.round(endMs)
      })
      commit(itemId, endMs, endMs)
      return true
    }
  }
}
