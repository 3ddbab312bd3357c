/**
 * Gates against the agent's own voice coming back from a loudspeaker or a hybrid: while it is audible, what is too
 * quiet for the caller, or too quiet beside what the agent says, does not count as loud. The model's voice activity
 * detection may still report a sound there: without a loud frame it is no speech (call/Verdict).
 *
 * The carrier's clock is that of the caller's frames, so that what played when a frame was spoken is known to about a
 * frame. An echo comes 40 to 500 ms after that: the frame is compared with the loudest of that time.
 */

import * as Level from "../audio/Level.ts"
import type { CarrierAudio } from "../Event.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import type { Draft, Outbound } from "./State.ts"
import { now } from "./State.ts"

/** Is a frame loud enough to be the caller's speech? */
export const isLoud = (call: Draft, { bytes, levels, timestamp }: CarrierAudio): boolean => {
  const { gate } = call.config.agent
  if (gate === null) return levels.length === 1 ? isSpeech(levels, 0) : anyIsSpeech(levels)
  const frame = timestamp + bytes / call.ledger.bytesPerMs
  if (gate.echoDb !== null) call.outbound = advanced(call, frame)
  const isAudible = Ledger.wasAudible(call.ledger, timestamp, now(call))
  for (let index = 0; index < levels.length; index++) {
    if (!isSpeech(levels, index)) continue
    const level = Level.dbfs(levels, index)
    const loudest =
      gate.echoDb === null ? Number.NEGATIVE_INFINITY : loudestBefore(call, timestamp + index * Level.WINDOW_MS)
    const isQuiet = gate.minDbfs !== null && isAudible && level < gate.minDbfs
    const isEcho = gate.echoDb !== null && loudest >= Limits.loudDbfs && level <= loudest - gate.echoDb
    if (!isQuiet && !isEcho) return true
  }
  return false
}

const anyIsSpeech = (levels: string): boolean => {
  for (let index = 0; index < levels.length; index++) if (isSpeech(levels, index)) return true
  return false
}

const isSpeech = (levels: string, index: number): boolean => Level.dbfs(levels, index) >= Limits.loudDbfs

const advanced = ({ ledger, outbound }: Draft, to: number): Outbound => {
  const start = to - Limits.echoToMs - Level.WINDOW_MS
  const isRecent = outbound.until >= start && outbound.until <= to
  let until = isRecent ? outbound.until : start
  let levels = isRecent ? outbound.levels : ""
  for (; until + Level.WINDOW_MS <= to; until += Level.WINDOW_MS) {
    levels += Ledger.levelAt(ledger, until + Level.WINDOW_MS / 2)
  }
  return { until, levels: levels.slice(-MOST_LEVELS) }
}

/** The loudest level, dBFS, whose echo may come at carrier time `at`. */
const loudestBefore = ({ outbound: { levels, until } }: Draft, at: number): number => {
  let loudest = Number.NEGATIVE_INFINITY
  for (let index = 0; index < levels.length; index++) {
    const start = until - (levels.length - index) * Level.WINDOW_MS
    if (start + Level.WINDOW_MS <= at - Limits.echoToMs || start > at - Limits.echoFromMs) continue
    loudest = Math.max(loudest, Level.dbfs(levels, index))
  }
  return loudest
}

const MOST_LEVELS = Math.ceil(Limits.echoToMs / Level.WINDOW_MS) + 2
