/**
 * How long the agent spoke on when it was interrupted, as the machine tells it, held against the ear: from the place in
 * the caller's audio at which the model heard them begin (protocols.md E.2), to the clear's effect at the carrier.
 */

import type { Command, Event } from "@offhook/core"
import type { Case } from "./Case.ts"
import type { Rule } from "./Rule.ts"

const bytesPerMs = 8
/** The frame of the onset, the frame of the echo, and rounding. */
const toleranceMs = 60
const remembered = 512

/** Bytes of the caller, forwarded as they came: those up to `to` were spoken when they left the carrier, before `at`. */
interface Forwarded {
  readonly session: number
  readonly from: number
  readonly to: number
  readonly at: number
}

interface Clear {
  /** The mark before it. */
  readonly probe: string
  /** When the last byte before the onset came here; null where nobody can tell. */
  readonly onset: number | null
  isEchoed: boolean
}

export const make = (on: Case): Rule => {
  const { bounds, found, peers, world } = on
  let forwarded: Array<Forwarded> = []
  let arrivedAt = Number.NEGATIVE_INFINITY
  let onset: number | null = null
  let lastMark = ""
  let clear: Clear | null = null

  const cameAt = (event: Extract<Event, { _tag: "ModelSpeechStarted" }>): number | null => {
    if (peers.backlogged(event) !== null) return null
    const place = peers.placeOf(event) * bytesPerMs
    const piece = forwarded.findLast(({ from, session }) => session === event.session && from <= place)
    if (piece === undefined || piece.to < place) return null
    return piece.at - (piece.to - place) / bytesPerMs
  }

  const reacted = (ms: number, at: number): void => {
    if (clear === null || clear.onset === null) return
    const { onset, probe } = clear
    clear = null
    const echo = world.carrier.ear.echoes.findLast(({ name }) => name === probe)
    if (echo === undefined) return
    const tolerance = toleranceMs + bounds.clock + bounds.timers + bounds.echoesLate + bounds.frame
    const least = Math.max(0, echo.at - onset + bounds.fromCarrier.least - tolerance)
    const most = echo.at - onset + 2 * bounds.fromCarrier.most - bounds.fromCarrier.least + tolerance
    if (ms < least - bounds.fromCarrier.jitter || ms > most) {
      found(
        "cut is timed",
        at,
        `${ms} ms, and it was ${Math.round(echo.at - onset + bounds.fromCarrier.least)} ms or more`
      )
    }
  }

  return {
    event: (event, at) => {
      if (event._tag === "CarrierAudio") arrivedAt = at
      else if (event._tag === "ModelDrained") arrivedAt = Number.NEGATIVE_INFINITY
      else if (event._tag === "ModelSpeechStarted") onset = cameAt(event)
      else if (event._tag === "CarrierMarked" && event.name === clear?.probe) clear.isEchoed = true
    },
    command: (command: Command, at) => {
      switch (command._tag) {
        case "ForwardAudio":
          if (arrivedAt !== at) return
          forwarded.push({ session: command.session, from: command.from, to: command.from + command.bytes, at })
          if (forwarded.length > 2 * remembered) forwarded = forwarded.slice(-remembered)
          return
        case "Mark":
          lastMark = command.name
          return
        case "Clear":
          // Of two that are under way nobody can tell which is told.
          clear = { probe: lastMark, onset: clear === null || clear.isEchoed ? onset : null, isEchoed: false }
          return
        case "Reacted":
          if (command.to === "interruption") reacted(command.ms, at)
      }
    }
  }
}
