/**
 * How well anybody on our side could know where on the carrier's clock an echo stands: the jitter of the ones that cuts
 * are measured by.
 *
 * An echo travels in order with the caller's frames. Where it stands between two that follow each other, its place is
 * known to a frame, and by a host whose clock tells less to one and a half. Where frames are missing around it, nothing
 * is known but its arrival, which is late by as much as the network made it, be it nothing: the best that anybody can do
 * is to take it for half as late as any, and one that comes in the same instant as a frame for half as late as that. That
 * is what no party could know.
 */

import type { Event } from "@offhook/core"
import type { SimCarrier } from "../../SimCarrier.ts"
import type { Bounds } from "./Bounds.ts"

export interface Echo {
  readonly at: number
  readonly name: string
  readonly flushed: boolean
  /** When its mark was given; -Infinity where that is long ago. */
  readonly givenAt: number
  arrivedAt: number
  /** Ms; how far its place is unknown besides the frame around it. */
  unknown: number
  /** When the frame behind it arrived, and what was unknown before. */
  placedAt: number
  unplaced: number
  /** It came in the same instant as the frame before it, which tells how late it is. */
  isFramed: boolean
}

export interface Echoes {
  readonly event: (event: Event, at: number) => void
  /** Takes in what the carrier echoed since. */
  readonly read: () => void
  /** The last one sent at or before `at`. */
  readonly last: (flushed: boolean, at: number) => Echo | undefined
  /** Those of marks given at or after `givenAt` that were sent, not flushed, at or before `at`, in order. */
  readonly played: (givenAt: number, at: number) => ReadonlyArray<Echo>
  /** A mark was given. */
  readonly marked: (name: string, at: number) => void
  /** A clear was, behind the last mark, whose name it returns. */
  readonly cleared: (at: number) => string
  readonly named: (name: string) => Echo | undefined
  /**
   * The shortest way to the carrier that could be measured so far, ms: by a clear, or by a mark when no other was out,
   * which is echoed at once. Infinity where there was none.
   */
  readonly fastest: () => number
}

/** A long answer is cut, and the next are heard, before the first is judged. */
const remembered = 1024

export const make = (carrier: SimCarrier, { clock, frame, fromCarrier }: Bounds): Echoes => {
  /** How far from its place one is taken to be: it may have come at once, or waited as long as they do at most. */
  const unplaced = (late: number, framedLate: number): number =>
    Math.max(fromCarrier.jitter / 2, framedLate / 2, late) + clock

  let cursor = 0
  const echoes: Array<Echo> = []
  /** Those that have not arrived, by name. */
  const underWay = new Map<string, Echo>()
  /** Arrived, and the frame behind it has not. */
  let open: Array<Echo> = []
  let frameEnd: number | null = null
  /** When the last frame arrived, and how much later than the fastest. */
  let framedAt = Number.NEGATIVE_INFINITY
  let framedLate = 0
  let offset = Number.POSITIVE_INFINITY
  const out = new Set<string>()
  /** Marks by which the way to the carrier is measured: when they were given. */
  const measuring = new Map<string, number>()
  /** When marks were given that are not echoed. */
  const given = new Map<string, number>()
  let lastMark = ""
  let fastest = Number.POSITIVE_INFINITY

  const read = (): void => {
    const all = carrier.ear.echoes
    for (; cursor < all.length; cursor++) {
      const echo = all[cursor]
      if (echo === undefined) continue
      const { at, name, flushed } = echo
      const givenAt = given.get(name) ?? Number.NEGATIVE_INFINITY
      given.delete(name)
      const never = Number.POSITIVE_INFINITY
      const sent = {
        at,
        name,
        flushed,
        givenAt,
        arrivedAt: never,
        unknown: 0,
        placedAt: never,
        unplaced: 0,
        isFramed: false
      }
      echoes.push(sent)
      underWay.set(name, sent)
      if (echoes.length > 2 * remembered) echoes.splice(0, remembered)
    }
  }

  return {
    read,
    event: (event, at) => {
      if (event._tag === "CarrierMarked") {
        read()
        out.delete(event.name)
        const echo = underWay.get(event.name)
        underWay.delete(event.name)
        const givenAt = measuring.get(event.name)
        measuring.delete(event.name)
        if (echo === undefined) return
        if (givenAt !== undefined) fastest = Math.min(fastest, echo.at - givenAt)
        echo.arrivedAt = at
        echo.isFramed = at - framedAt < 1 + clock
        echo.unplaced = unplaced(at - echo.at - fromCarrier.least, echo.isFramed ? framedLate : 0)
        echo.unknown = echo.unplaced
        open.push(echo)
      } else if (event._tag === "CarrierAudio") {
        if (open.length > 0 && frameEnd !== null) {
          const missing = Math.max(0, event.timestamp - frameEnd)
          const around = missing < 1 ? Math.min(clock, frame) / 2 : missing + frame
          for (const echo of open) echo.unknown = Math.min(echo.unknown, around)
        }
        for (const echo of open) echo.placedAt = at
        if (open.length > 0) open = []
        frameEnd = event.timestamp + event.bytes / 8
        framedAt = at
        offset = Math.min(offset, at - frameEnd)
        framedLate = at - frameEnd - offset
      }
    },
    last: (flushed, at) => {
      for (let index = echoes.length - 1; index >= 0; index--) {
        const echo = echoes[index]
        if (echo !== undefined && echo.flushed === flushed && echo.at <= at + 1e-6) return echo
      }
      return undefined
    },
    played: (givenAt, at) => echoes.filter((echo) => !echo.flushed && echo.givenAt >= givenAt && echo.at <= at + 1e-6),
    marked: (name, at) => {
      given.set(name, at)
      if (out.size === 0) measuring.set(name, at)
      out.add(name)
      lastMark = name
    },
    cleared: (at) => {
      measuring.set(lastMark, at)
      return lastMark
    },
    named: (name) => echoes.findLast((echo) => echo.name === name),
    fastest: () => fastest
  }
}
