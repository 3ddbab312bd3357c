/**
 * How exactly anybody on our side could know where the ear stopped, ms: the tolerance of what is believed and settled
 * (docs/decisions/015). It is derived for each cut from what really happened to it, never from the machine.
 */

import type * as Bounds from "./Bounds.ts"
import type { Echo, Echoes } from "./Echoes.ts"

/** Allowed for a byte that is half played and ms that are floored, at both ends of a measurement, and drifting clocks. */
export const rounding = 5

/** One audio content of an item, as far as it was cut. Times in ms, -Infinity where it never happened. */
export interface Cut {
  heardAt: number
  clearedAt: number
  clearGivenAt: number
  /** The mark before that clear. */
  probe: string
  /** The shortest way to the carrier that had been measured when the model was told, ms; Infinity: none. */
  fastest: number
  toldAt: number
}

/** When the ear heard the agent without a pause; `givenAt`: when its first audio was given to the carrier. */
export interface Stretch {
  readonly from: number
  readonly givenAt: number
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
  /** The echo of its clear came later than it is waited for. */
  readonly isLate: (one: Cut) => boolean
}

export const make = (bounds: Bounds.Bounds, echoes: Echoes, stretches: ReadonlyArray<Stretch>): Tolerance => {
  /** How much later one message comes than another. */
  const longest = bounds.toCarrier.most - bounds.toCarrier.least

  const of = (one: Cut, usedAt = one.toldAt): number => bounds.frame + rounding + unknownOf(one, usedAt)

  const isEstimated = (one: Cut): boolean =>
    one.toldAt > Number.NEGATIVE_INFINITY && (echoes.last(true, one.clearedAt)?.arrivedAt ?? 0) > one.toldAt

  const isLate = (one: Cut): boolean =>
    (echoes.last(true, one.clearedAt)?.arrivedAt ?? Number.POSITIVE_INFINITY) > one.clearGivenAt + bounds.echo

  /**
   * When the clear reached the carrier nobody could tell but by what was measured before, be it in a stall. Where its echo
   * never comes, each frame without it says later.
   */
  const ofEstimate = (one: Cut, cameAt: number, usedAt: number): number => {
    const missing = usedAt > cameAt + bounds.fromCarrier.most ? usedAt - bounds.fromCarrier.least - cameAt : 0
    return Math.max(missing, ofWay(one, cameAt - one.clearGivenAt) + bounds.fromCarrier.jitter)
  }

  /** How far what took so long is from what anybody could expect of the way to the carrier. */
  const ofWay = (one: Cut, took: number): number => {
    const early = Number.isFinite(one.fastest) ? one.fastest - took : 0
    return Math.max(bounds.toCarrier.jitter, took - bounds.toCarrier.least, early) + bounds.clock
  }

  const unknownOf = (one: Cut, usedAt = one.toldAt): number => {
    if (one.clearedAt === Number.NEGATIVE_INFINITY) return unknownOfWhole(one, usedAt)
    const cut = echoes.last(true, one.clearedAt)
    const isLate = cut === undefined || cut.arrivedAt > usedAt
    const ofCut = isLate
      ? ofEstimate(one, one.clearedAt, usedAt)
      : Math.max(unknownBy(cut, one, usedAt), heldWith(cut, one)) + Math.max(0, one.clearedAt - cut.at)
    // A carrier that plays in pieces echoes a mark at the end of the piece.
    const ofCarrier = bounds.echoesLate + bounds.quantum
    const isKnown = isLate
      ? ({ arrivedAt }: Echo) => arrivedAt <= Math.max(usedAt, one.clearGivenAt)
      : (echo: Echo) => isBefore(echo, cut)
    return ofCut + beginningOf(one, isKnown, isLate) + (isLate ? starved(one) : 0) + ofCarrier
  }

  /** It came before another, and not in the same gap between frames, unless by more than the line makes of them. */
  const isBefore = (echo: Echo, cut: Echo): boolean =>
    echo.arrivedAt < cut.arrivedAt - bounds.clock &&
    (echo.placedAt !== cut.placedAt || cut.at - echo.at > bounds.fromCarrier.jitter + bounds.clock)

  /**
   * How long before the clear the first mark was played that came with the clear's own, and no frame with them or between:
   * either the way back held both, or the audio itself was late, and the ear had only just got there.
   */
  const heldWith = (cut: Echo, one: Cut): number => {
    if (cut.isFramed) return 0
    const stretch = stretches.findLast(({ from }) => from <= one.clearedAt)
    const played = stretch === undefined ? [] : echoes.played(stretch.givenAt, one.clearedAt)
    const isWith = ({ arrivedAt, placedAt }: Echo) =>
      placedAt === cut.placedAt && arrivedAt >= cut.arrivedAt - bounds.clock
    const first = played.find(isWith)
    return first === undefined ? 0 : cut.at - first.at
  }

  /** How long the ear had heard nothing before the clear came, as what was cut was still on its way. */
  const starved = (one: Cut): number => {
    const stretch = stretches.findLast(({ from }) => from <= one.clearedAt)
    return stretch === undefined ? 0 : Math.max(0, one.clearedAt - stretch.to)
  }

  /**
   * Where the audio began that was cut, by the last mark of it that is known to be played. One that came together with the
   * clear's own proves nothing but that the first had been reached. Where none was back, the audio was as late as it was.
   */
  const beginningOf = (one: Cut, isKnown: (echo: Echo) => boolean, isLate: boolean): number => {
    const stretch = stretches.findLast(({ from }) => from <= one.clearedAt)
    const played = stretch === undefined ? [] : echoes.played(stretch.givenAt, one.clearedAt)
    const known = played.findLast(isKnown)
    if (known === undefined && isLate && stretch !== undefined) return ofWay(one, stretch.from - stretch.givenAt)
    const anchor = known ?? played[0] ?? echoes.last(false, one.clearedAt)
    if (anchor === undefined) return 0
    // Nothing of it was heard, and the mark before it, which was as late, was not back.
    const isUnheard = one.heardAt === Number.NEGATIVE_INFINITY && !isKnown(anchor)
    if (isLate && isUnheard && anchor.givenAt > Number.NEGATIVE_INFINITY) return ofWay(one, anchor.at - anchor.givenAt)
    // What came between the same two frames cannot be told apart: one that is late makes those behind it look early.
    const together = played.filter((echo) => echo.placedAt === anchor.placedAt && isKnown(echo))
    return (
      together.reduce((most, { unknown }) => Math.max(most, unknown), anchor.unknown) + behind(anchor.at, one.clearedAt)
    )
  }

  /** The frame behind an echo is waited for as long as the echo is. */
  const unknownBy = (echo: Echo, one: Cut, usedAt: number): number =>
    echo.placedAt > usedAt && usedAt >= one.clearGivenAt + bounds.echo - bounds.clock - 1 ? echo.unplaced : echo.unknown

  /** The clear came when all was heard, which the last mark says, if it comes before the clear's, and not with it. */
  const unknownOfWhole = (one: Cut, usedAt: number): number => {
    const probe = echoes.named(one.probe)
    const anchor = (echoes.last(false, one.heardAt - 1)?.unknown ?? 0) + bounds.echoesLate
    const last = echoes.last(false, one.heardAt + bounds.quantum)
    // The clear came in the last piece, and flushed the mark behind it.
    const inPiece = last === undefined || last.at < one.heardAt - 1 ? bounds.quantum : 0
    return anchor + inPiece + (probe === undefined || probe.arrivedAt <= usedAt ? 0 : ofEstimate(one, probe.at, usedAt))
  }

  /** How long after its leading mark audio began: the carrier echoes the mark, and the audio arrives later. */
  const behind = (anchorAt: number, clearedAt: number): number => {
    const stretch = stretches.findLast(({ from }) => from <= clearedAt)
    const beganAt = stretch === undefined || stretch.to < anchorAt + 1 ? clearedAt : stretch.from
    const later = beganAt - anchorAt
    // It may have begun at once: half as late as any is the best guess.
    return later < 0 ? 0 : Math.min(Math.max(later, bounds.toCarrier.jitter / 2), longest)
  }

  return { of, unknownOf, atEcho: (one) => of(one, one.clearGivenAt + bounds.echo), isEstimated, isLate }
}
