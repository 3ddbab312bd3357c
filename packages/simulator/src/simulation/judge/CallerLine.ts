/**
 * The caller's audio, from our door to the model: the frames that came are looked for in the bytes that the model
 * received, in order.
 *
 * Between two frames there may be silence as long as the frames that the carrier left out, 10 s at most; where media
 * stopped for 750 ms in the caller's speech there may be 1 s of it ahead of that. A message that the carrier repeats is
 * not said twice.
 *
 * Silence before a frame that is silent itself may be either: every place where a frame may stand is followed, until
 * what the caller says tells which it was.
 */

import type { Event } from "@offhook/core"
import * as Base64 from "../../Base64.ts"
import * as G711 from "../../G711.ts"
import type { Case } from "./Case.ts"
import type { Rule } from "./Rule.ts"

const bytesPerMs = G711.BYTES_PER_MS
const gapFilledMs = 10_000
/** Media stopped for 750 ms, as who counts them sees it: between the frames around the gap, over a line with jitter. */
const stoppedMs = 700
const speechGapFilledMs = 1_000
/** A smaller jump of the timestamps is rounding. */
const roundingMs = 20
/** Kept while the model is not ready. */
const keptBytes = 10_000 * bytesPerMs

interface Frame {
  readonly at: number
  readonly timestamp: number
  readonly payload: Uint8Array | string
  readonly bytes: number
}

export const make = (on: Case): Rule => {
  const { bounds, found, peers, world } = on
  /** By the grain of the host's clock it may be less. */
  const speechGapMs = stoppedMs - bounds.clock
  let frames: Array<Frame> = []
  let head = 0
  /** Where in the received bytes the next frame may begin, in order: all that fit what came so far. */
  let places: ReadonlyArray<number> = [0]
  let expected: number | null = null
  let overflowed = false
  /** Since when frames wait as the model does not read; Infinity: they do not. */
  let heldFrom = Number.POSITIVE_INFINITY
  let matched = 0
  /** When the frame before came. */
  let lastAt = 0
  let broken = false
  let nextLook = 0
  let latest: Frame | undefined

  const came = (event: Extract<Event, { _tag: "CarrierAudio" }>, at: number): void => {
    if (peers.sessions.at(-1)?.endedBy !== null || !peers.isStreaming()) return
    const { bytes, payload, timestamp } = event
    if (latest !== undefined && timestamp === latest.timestamp && isSame(payload, latest.payload)) return
    latest = { at, timestamp, payload, bytes }
    frames.push(latest)
  }

  /** Looks for the frames in what the model received since; `isFinal`: nothing more comes. */
  const look = (isFinal: boolean): void => {
    const received = world.models.at(-1)?.received
    if (received === undefined || broken) return
    const base = places[0] ?? 0
    const bytes = received.bytes(base)
    let from = places.map((place) => place - base)
    while (head < frames.length && !broken) {
      const frame = frames[head]
      if (frame === undefined) break
      const jump = expected === null ? 0 : frame.timestamp - expected
      const missing = Math.abs(jump) < roundingMs ? 0 : Math.max(0, jump)
      const stopped = expected !== null && (frame.at - lastAt >= speechGapMs || missing >= speechGapMs)
      const fills = fillings(missing, stopped)
      const last = from.at(-1) ?? 0
      if (last + (fills.at(-1) ?? 0) + frame.bytes > bytes.length && !isFinal) break
      const next = from.flatMap((at) =>
        fills.flatMap((fill) => (holds(bytes, at, fill, frame) ? [at + fill + frame.bytes] : []))
      )
      if (next.length === 0) {
        const isCutOff = last + frame.bytes + (missing + speechGapFilledMs) * bytesPerMs > bytes.length
        if (isCutOff && from.some((at) => isSilent(bytes, at, bytes.length))) break
        if (overflowed && matched === 0) {
          head++
          expected = frame.timestamp + frame.bytes / bytesPerMs
          continue
        }
        broken = true
        const ms = Math.round((base + last) / bytesPerMs)
        found(
          "caller heard once",
          world.now(),
          `the frame at ${frame.timestamp} ms is not what the model hears at ${ms} ms`
        )
        break
      }
      from = next.length === 1 ? next : [...new Set(next)].sort((one, other) => one - other).slice(0, mostPlaces)
      lastAt = frame.at
      expected = frame.timestamp + frame.bytes / bytesPerMs
      if (jump < 0 && missing === 0) expected = Math.max(expected, frame.timestamp)
      head++
      matched++
    }
    places = from.map((at) => base + at)
    received.forget?.((places[0] ?? 0) - G711.BYTES_PER_MS * 60_000)
    if (head > 512) {
      frames = frames.slice(head)
      head = 0
    }
  }

  return {
    event: (event, at) => {
      if (event._tag === "CarrierAudio") came(event, at)
      else if (event._tag === "ModelSessionUpdated") checkWaiting()
      else if (event._tag === "ModelCongested") heldFrom = at
      else if (event._tag === "ModelDrained") heldFrom = Number.POSITIVE_INFINITY
    },
    command: (command) => {
      if (command._tag === "Note" && command.note.what === "audio overflow") overflowed = true
    },
    stepped: (at) => {
      if (at < nextLook) return
      nextLook = at + 1_000
      look(false)
    },
    over: (at) => {
      look(true)
      const frame = frames[head]
      const session = peers.sessions.at(-1)
      if (broken || session === undefined || session.readyAt === Number.POSITIVE_INFINITY) return
      const received = world.models.at(-1)?.received.length() ?? 0
      const end = places.at(-1) ?? 0
      const rest = received - end
      const due = Math.min(heldFrom, peers.deafAt(peers.sessions.length - 1, bounds.toModel.most))
      if (frame !== undefined && Math.max(frame.at, session.readyAt) < due) {
        found(
          "caller heard once",
          at,
          `the frame at ${frame.timestamp} ms never reached the model (${Math.round(frame.at)}, ${Math.round(due)}, ${frames.length - head} frames)`
        )
      } else if (
        frame === undefined &&
        rest > 0 &&
        !isSilent(world.models.at(-1)?.received.bytes(end) ?? none, 0, rest)
      ) {
        found("caller heard once", at, `the model heard ${rest} bytes more than the caller said`)
      }
    }
  }

  function checkWaiting(): void {
    let bytes = 0
    for (let index = head; index < frames.length; index++) bytes += frames[index]?.bytes ?? 0
    if (bytes > keptBytes) overflowed = true
  }
}

/** Places that are followed at once. */
const mostPlaces = 16

const none = new Uint8Array(0)

/** Bytes of silence that may stand before a frame after `missing` ms; `stopped`: media did, as we saw it. */
const fillings = (missing: number, stopped: boolean): ReadonlyArray<number> => {
  const whole = Math.min(missing, gapFilledMs) * bytesPerMs
  if (!stopped) return [whole]
  return [whole, (speechGapFilledMs + Math.min(Math.max(0, missing - speechGapFilledMs), gapFilledMs)) * bytesPerMs]
}

const holds = (bytes: Uint8Array, at: number, silence: number, frame: Frame): boolean => {
  const start = at + silence
  if (start + frame.bytes > bytes.length || !isSilent(bytes, at, start)) return false
  const payload = asBytes(frame.payload)
  for (let index = 0; index < payload.length; index++) if (bytes[start + index] !== payload[index]) return false
  return true
}

const isSilent = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let index = from; index < to; index++) if (bytes[index] !== G711.SILENCE) return false
  return to <= bytes.length
}

const asBytes = (payload: Uint8Array | string): Uint8Array =>
  typeof payload === "string" ? (Base64.decode(payload) ?? none) : payload

const isSame = (one: Uint8Array | string, other: Uint8Array | string): boolean => {
  if (typeof one === "string" || typeof other === "string") return one === other
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}
