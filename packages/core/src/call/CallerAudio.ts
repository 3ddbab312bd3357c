/**
 * The caller's audio on its way to the model: kept while nobody listens, forwarded once, in order, on a clock that
 * stays true.
 *
 * The model counts the bytes appended to its session, and names places in time by that count. `map` turns such a
 * place into the carrier's time: each entry says at which carrier time the byte `from` was spoken, and holds until
 * the next entry.
 *
 * Invariants
 * 1. Every byte from the carrier is forwarded exactly once and in order, or counted in `lostBytes`. A frame that comes
 *    again is none.
 * 2. Where the carrier's timestamps jump, silence of the same length is forwarded (one gap at most `gapFilledMs`).
 * 3. While the model does not read, audio waits as it does before the model is there; the map goes on where it was.
 * 4. Silence sent ahead, because media stopped while the caller spoke, is taken off the next gap.
 */

import type { Payload } from "../audio/Payload.ts"
import { toBase64 } from "../audio/Payload.ts"
import type { Command } from "../Command.ts"
import type { CarrierAudio, Millis } from "../Event.ts"
import * as Limits from "../Limits.ts"

export interface CallerAudio {
  readonly waiting: ReadonlyArray<Piece>
  readonly waitingBytes: number
  readonly lostBytes: number
  /** Bytes appended to the present session. */
  readonly appended: number
  /** The appended bytes from here to there, the last of them, reached the model late. */
  readonly backlogFrom: number
  readonly backlogEnd: number
  /** The carrier's timestamp at which the next frame starts; null before the first. */
  readonly expected: number | null
  readonly lastAt: Millis
  /** The carrier's time up to which the caller was last loud enough to be speaking. */
  readonly loudUntil: number
  /** Silence sent since the last frame. */
  readonly aheadMs: number
  readonly map: ReadonlyArray<{ readonly from: number; readonly carrier: number }>
}

/** `payload` null: silence. `carrier` is the time of its first byte. */
interface Piece {
  readonly payload: string | null
  readonly bytes: number
  readonly carrier: number
}

export const initial: CallerAudio = {
  waiting: [],
  waitingBytes: 0,
  lostBytes: 0,
  appended: 0,
  backlogFrom: 0,
  backlogEnd: 0,
  expected: null,
  lastAt: 0,
  loudUntil: 0,
  aheadMs: 0,
  map: []
}

/** The same frame once more. */
export const isRepeated = ({ expected }: CallerAudio, event: CarrierAudio): boolean => {
  const length = event.bytes / Limits.bytesPerMs
  return expected !== null && Math.abs(event.timestamp + length - expected) < Limits.gapMs / 2
}

/**
 * A frame arrived, loud enough to be speech or not; `session` null: nobody listens yet. Returns the ms of a gap that
 * were not filled, in `gap`.
 */
export const frame = (
  audio: CallerAudio,
  event: CarrierAudio,
  isLoud: boolean,
  session: number | null,
  out: Array<Command>
): readonly [CallerAudio, gap: number] => {
  const length = event.bytes / Limits.bytesPerMs
  const loudUntil = isLoud ? event.timestamp + length : audio.loudUntil
  const jump = audio.expected === null ? 0 : event.timestamp - audio.expected - audio.aheadMs
  if (jump > -Limits.gapMs && jump < Limits.gapMs) {
    const expected = audio.expected === null ? event.timestamp : audio.expected + audio.aheadMs
    return [
      append(
        arrived(audio, event.at, expected + length, loudUntil),
        event.payload,
        event.bytes,
        expected,
        session,
        out
      ),
      0
    ]
  }
  const next = arrived(audio, event.at, event.timestamp + length, loudUntil)
  if (jump < 0) return [append(next, event.payload, event.bytes, event.timestamp, session, out), 0]
  const filled = Math.min(jump, Limits.gapFilledMs)
  const silence = append(next, null, filled * Limits.bytesPerMs, event.timestamp - filled, session, out)
  return [append(silence, event.payload, event.bytes, event.timestamp, session, out), jump - filled]
}

/** Media stopped while the caller speaks: silence, so that the model can end the turn. */
export const fillSpeechGap = (audio: CallerAudio, session: number | null, out: Array<Command>): CallerAudio => {
  const bytes = Limits.speechGapFilledMs * Limits.bytesPerMs
  const next = append(audio, null, bytes, (audio.expected ?? 0) + audio.aheadMs, session, out)
  return { ...next, aheadMs: audio.aheadMs + Limits.speechGapFilledMs }
}

/** A session begins: nothing was appended to it. */
export const anew = (audio: CallerAudio): CallerAudio => ({
  ...audio,
  appended: 0,
  backlogFrom: 0,
  backlogEnd: 0,
  map: []
})

/**
 * A model listens: what was kept is forwarded in order. The `stuckMs` before it came late as
 * well, and so did an earlier backlog that reaches there.
 */
export const flush = (audio: CallerAudio, session: number, stuckMs: Millis, out: Array<Command>): CallerAudio => {
  if (audio.waiting.length === 0) return audio
  let next: CallerAudio = { ...audio, waiting: [], waitingBytes: 0 }
  for (const piece of audio.waiting) next = append(next, piece.payload, piece.bytes, piece.carrier, session, out)
  const from = audio.appended - stuckMs * Limits.bytesPerMs
  return { ...next, backlogFrom: audio.backlogEnd < from ? from : audio.backlogFrom, backlogEnd: next.appended }
}

/** The model learns of this place later than it was spoken, as the audio around it was kept. */
export const isBacklog = ({ backlogEnd, backlogFrom }: CallerAudio, modelMs: number): boolean => {
  const byte = modelMs * Limits.bytesPerMs
  return byte >= backlogFrom && byte < backlogEnd
}

/** The carrier's time of a place in the audio appended, in ms of the model's count. */
export const carrierTime = (audio: CallerAudio, modelMs: number): number => {
  const byte = modelMs * Limits.bytesPerMs
  let entry = audio.map[0]
  for (const candidate of audio.map) {
    if (candidate.from > byte) break
    entry = candidate
  }
  return entry === undefined ? 0 : entry.carrier + (byte - entry.from) / Limits.bytesPerMs
}

const arrived = (audio: CallerAudio, at: Millis, expected: number, loudUntil: number): CallerAudio => ({
  waiting: audio.waiting,
  waitingBytes: audio.waitingBytes,
  lostBytes: audio.lostBytes,
  appended: audio.appended,
  backlogFrom: audio.backlogFrom,
  backlogEnd: audio.backlogEnd,
  expected,
  lastAt: at,
  loudUntil,
  aheadMs: 0,
  map: audio.map
})

const append = (
  audio: CallerAudio,
  payload: Payload | null,
  bytes: number,
  carrier: number,
  session: number | null,
  out: Array<Command>
): CallerAudio => {
  if (bytes <= 0) return audio
  if (session === null) return wait(audio, payload, bytes, carrier)
  out.push(
    payload === null
      ? { _tag: "ForwardSilence", session, from: audio.appended, bytes }
      : { _tag: "ForwardAudio", session, from: audio.appended, bytes, payload }
  )
  return {
    waiting: audio.waiting,
    waitingBytes: audio.waitingBytes,
    lostBytes: audio.lostBytes,
    appended: audio.appended + bytes,
    backlogFrom: audio.backlogFrom,
    backlogEnd: audio.backlogEnd,
    expected: audio.expected,
    lastAt: audio.lastAt,
    loudUntil: audio.loudUntil,
    aheadMs: audio.aheadMs,
    map: mapped(audio, carrier)
  }
}

const wait = (audio: CallerAudio, payload: Payload | null, bytes: number, carrier: number): CallerAudio => {
  const waiting = [...audio.waiting, { payload: payload === null ? null : toBase64(payload), bytes, carrier }]
  let waitingBytes = audio.waitingBytes + bytes
  let lostBytes = audio.lostBytes
  let lost = 0
  for (const oldest of waiting) {
    if (waitingBytes <= Limits.waitingBytes) break
    waitingBytes -= oldest.bytes
    lostBytes += oldest.bytes
    lost++
  }
  return { ...audio, waiting: waiting.slice(lost), waitingBytes, lostBytes }
}

const mapEntries = 64

const mapped = (audio: CallerAudio, carrier: number): CallerAudio["map"] => {
  const last = audio.map[audio.map.length - 1]
  if (last !== undefined && Math.abs(last.carrier + (audio.appended - last.from) / Limits.bytesPerMs - carrier) < 1) {
    return audio.map
  }
  return [...audio.map, { from: audio.appended, carrier }].slice(-mapEntries)
}
