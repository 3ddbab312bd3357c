/**
 * How exactly anybody on our side could know where the ear stopped, ms: the tolerance of what is believed and settled
 * (docs/decisions/015). It is derived for each cut from what really happened to it, never from the machine.
 */

import * as Bounds from "./Bounds.ts"
import type { Echoes } from "./Echoes.ts"

/** Allowed for a byte that is half played and ms that are floored, at both ends of a measurement, and drifting clocks. */
export const rounding = 5

/** One audio content of an item, as far as it was cut. Times in ms, -Infinity where it never happened. */
export interface Cut {
  heardAt: number
  clearedAt: number
  clearGivenAt: number
  /** The mark before that clear. */
  probe: string
  /** The shortest way to the carrier that had been measured then, ms; Infinity: none. */
  fastest: number
  toldAt: number
}

/** When the ear heard the agent without a pause. */
export interface Stretch {
  readonly from: number
  to: number
}

export interface Tolerance {
  /** Of what is believed of an item; `usedAt`: by when it had to be known. */
  readonly of: (one: Cut, usedAt?: number) => number
  /** The part of it that no party could know. */
  readonly unknownOf: (one: Cut, usedAt?: number) => number
  /** Of a cut at the time when its clear should have been echoed. */
  readonly atEcho: (one: Cut) => number
  /** The model was told before the echo of the clear came. */
  readonly isEstimated: (one: Cut) => boolean
}

export const make = (bounds: Bounds.Bounds, echoes: Echoes, stretches: ReadonlyArray<Stretch>): Tolerance => {
  const of = (one: Cut, usedAt = one.toldAt): number => bounds.frame + rounding + unknownOf(one, usedAt)

  const isEstimated = (one: Cut): boolean =>
    one.toldAt > Number.NEGATIVE_INFINITY && (echoes.last(true, one.clearedAt)?.arrivedAt ?? 0) > one.toldAt

  /** When the clear reached the carrier nobody could tell but by what was measured before, be it in a stall. */
  const ofEstimate = (one: Cut, cameAt: number): number => {
    const took = cameAt - one.clearGivenAt
    const late = took - bounds.toCarrier.least
    const early = Number.isFinite(one.fastest) ? one.fastest - took : 0
    return Math.max(bounds.toCarrier.jitter, late, early) + bounds.fromCarrier.jitter
  }

  const unknownOf = (one: Cut, usedAt = one.toldAt): number => {
    if (one.clearedAt === Number.NEGATIVE_INFINITY) return unknownOfWhole(one, usedAt)
    const cut = echoes.last(true, one.clearedAt)
    const anchor = echoes.last(false, one.clearedAt)
    const late = cut === undefined || cut.arrivedAt > usedAt
    const ofCut =
      cut === undefined || late ? ofEstimate(one, one.clearedAt) : cut.unknown + Math.max(0, one.clearedAt - cut.at)
    if (anchor === undefined) return ofCut + bounds.echoesLate
    // A carrier that plays in pieces echoes a mark at the end of the piece.
    return ofCut + anchor.unknown + behind(anchor.at, one.clearedAt) + bounds.quantum + bounds.echoesLate
  }

  /** The clear came when all was heard, which the last mark says, if it comes before the clear's, and not with it. */
  const unknownOfWhole = (one: Cut, usedAt: number): number => {
    const probe = echoes.named(one.probe)
    const anchor = (echoes.last(false, one.heardAt - 1)?.unknown ?? 0) + bounds.echoesLate
    return anchor + (probe === undefined || probe.arrivedAt <= usedAt ? 0 : ofEstimate(one, probe.at))
  }

  /** How long after its leading mark audio began: the carrier echoes the mark, and the audio arrives later. */
  const behind = (anchorAt: number, clearedAt: number): number => {
    const stretch = stretches.findLast(({ from }) => from <= clearedAt)
    const beganAt = stretch === undefined || stretch.to < anchorAt - 1 ? clearedAt : stretch.from
    return Math.min(Math.max(0, beganAt - anchorAt), bounds.toCarrier.most - bounds.toCarrier.least)
  }

  return { of, unknownOf, atEcho: (one) => of(one, one.clearGivenAt + Bounds.echo), isEstimated }
}
