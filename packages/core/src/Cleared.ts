/**
 * A playback that was cleared, until it is settled: where the ear was when the clear took effect.
 *
 * Words. The *probe* is the mark sent just before the clear: its echo is the moment the ear went silent, whether the
 * clear flushed it or it was played because the buffer was empty. The other marks that were out come back played, before
 * that moment, or flushed, at it; nothing in an echo says which (protocols.md B.3).
 *
 * 1. An echo at the moment of silence, as far as anybody can tell the two apart, is no proof that its audio was heard:
 *    the clock says how far the ear was, and the echo that it was not there before. One that is too early for having
 *    been played was flushed, unless a frame came between it and the probe. A leading mark with nothing unheard before
 *    it says where playback began in either case.
 * 2. The order in which flushed echoes come back does not matter, nor that of those that were under way (G.2).
 * 3. Of marks that come in one instant a stall may have held all: none is early only because the first of them is late.
 * 4. What the clear flushed a second after it should have been played was late itself, and came together with the clear.
 * 5. Until the probe is back an echo that fits is taken as played, but nothing is final.
 */

import type { Moment } from "./CarrierClock.ts"
import * as CarrierClock from "./CarrierClock.ts"
import * as Playback from "./Playback.ts"

/** Its `marks` are those that have not come back. */
export interface Cleared extends Playback.Playback {
  /** Number of the mark sent just before the clear; null when there was no stream to send it on, or it is gone. */
  readonly probe: number | null
  readonly clearedAt: number
  /** The ear was not silent before: the end of the last frame that came before the probe, or when it was cleared. */
  readonly notBefore: number
  /** What came back since and may have been played, as it came. */
  readonly echoes: ReadonlyArray<Echoed>
  /** When the clear took effect, as the first flushed mark says: the burst of them arrives no earlier than that. */
  readonly flushed: Moment | null
  /** When it took effect, once the probe is back. */
  readonly silent: Moment | null
  readonly items: ReadonlyArray<Playback.Key>
}

interface Echoed {
  readonly mark: Playback.OutstandingMark
  readonly at: Moment
  /** Too early for having been played, by what was known. */
  readonly isEarly: boolean
}

export const of = (
  playback: Playback.Playback,
  probe: number | null,
  now: Moment,
  items: ReadonlyArray<Playback.Key>
): Cleared => ({
  ...playback,
  probe,
  clearedAt: now.at,
  notBefore: now.at,
  echoes: [],
  flushed: null,
  silent: null,
  items
})

/** A mark of this generation, or its probe, may still come back. */
export const isOf = (cut: Cleared, number: number): boolean =>
  cut.silent === null && (cut.probe === number || cut.marks.some((mark) => mark.number === number))

/** The probe or a mark came back. */
export const echo = (cut: Cleared, number: number, now: Moment): Cleared => {
  if (cut.probe === number) {
    return { ...cut, silent: cut.flushed !== null && Playback.mayBeOne(cut.flushed, now) ? cut.flushed : now }
  }
  const mark = cut.marks.find((mark) => mark.number === number)
  if (mark === undefined) return cut
  const marks = cut.marks.filter((other) => other !== mark)
  // What came in the same instant may be as late as it seems, or all of it be so by a stall.
  const before = { ...cut, echoes: cut.echoes.filter(({ at }) => now.at - at.at > INSTANT_MS) }
  const early = Math.min(Playback.earlyMs(played(cut), mark, now), Playback.earlyMs(played(before), mark, now))
  const last = cut.echoes.at(-1)
  const isBehindEarly = last?.isEarly === true && last.at.after === now.after && last.mark.position <= mark.position
  return {
    ...cut,
    marks,
    echoes: [...cut.echoes, { mark, at: now, isEarly: early > 0 || isBehindEarly }],
    flushed: early > FLUSHED_EARLY_MS ? (cut.flushed ?? now) : cut.flushed
  }
}

/** With all echoes taken as played that were not flushed, by what is known of that. Its segments are all still there. */
export const played = (cut: Cleared): Playback.Playback => told(cut, Playback.notBefore)

const told = (cut: Cleared, flushed: typeof Playback.notBefore): Playback.Playback => {
  const silence = cut.silent ?? cut.flushed
  return cut.echoes.reduce<Playback.Playback>((playback, { at, isEarly, mark }) => {
    const isFirst = mark.leading && mark.position === playback.played
    const isOfClear = silence !== null && (Playback.mayBeOne(at, silence) || (isEarly && at.after === silence.after))
    const isFlushed = isOfClear && !isFirst
    if (isFlushed) return flushed(playback, mark, at)
    if (mark.position < playback.played) return playback
    return { ...Playback.play(playback, mark, -1, at)[0], segments: cut.segments }
  }, cut)
}

/** Where the ear went silent; `roundTrip` is the carrier's, for what has not come back. */
export const positionOf = (cut: Cleared, roundTrip: number): number => {
  const known = played(cut)
  return cameTogether(cut, roundTrip)
    ? known.played
    : Playback.positionExpected(
        known,
        silenceOf(cut, roundTrip),
        roundTripOf(cut, roundTrip),
        notBegunBefore(cut, roundTrip)
      )
}

/** The clear flushed what should have been played long before: the audio was late, and arrived with the clear. */
const cameTogether = (cut: Cleared, roundTrip: number): boolean => {
  const { echoes, silent } = cut
  const heard = told(cut, (playback) => playback)
  const [next] = echoes.flatMap(({ mark }) => (mark.position > heard.played ? [mark] : [])).sort(byPosition)
  return silent !== null && next !== undefined && silent.at > Playback.dueOf(heard, next, roundTrip) + MUTE_MS
}

/** How far the ear is at least: whether what came back was played or flushed may still turn out. */
export const positionSoFar = (cut: Cleared, now: Moment): number => {
  const { at } = cut.silent ?? cut.flushed ?? now
  return Math.min(Playback.positionAt(cut, at), Playback.positionAt(played(cut), at))
}

/** The last stretch of playback that the caller heard of it. */
export const stretchOf = (cut: Cleared, now: Moment, roundTrip: number, overdueMs: number): Playback.Stretch | null => {
  const stretch = Playback.stretchOf(played(cut), now, overdueMs)
  return stretch === null ? null : { from: stretch.from, to: Math.min(stretch.to, silenceOf(cut, roundTrip)) }
}

/** The carrier's clock was corrected by so many ms. */
export const correct = (cut: Cleared, ms: number, first: number): Cleared => {
  const corrected = (moment: Moment) => ({ ...moment, at: CarrierClock.corrected(moment.at, ms, first) })
  return {
    ...Playback.correct(cut, ms, first),
    clearedAt: cut.clearedAt + ms,
    notBefore: CarrierClock.corrected(cut.notBefore, ms, first),
    echoes: cut.echoes.map((echoed) => ({ ...echoed, at: corrected(echoed.at) })),
    flushed: cut.flushed === null ? null : corrected(cut.flushed),
    silent: cut.silent === null ? null : corrected(cut.silent)
  }
}

/** A frame arrived that ends at `latest`. */
export const notAfter = (cut: Cleared, latest: number): Cleared => ({
  ...Playback.notAfter(cut, latest),
  notBefore: cut.silent === null ? Math.max(cut.notBefore, latest) : cut.notBefore,
  echoes: cut.echoes.map((echoed) => ({ ...echoed, at: CarrierClock.notAfter(echoed.at, latest) })),
  flushed: cut.flushed === null ? null : CarrierClock.notAfter(cut.flushed, latest),
  silent: cut.silent === null ? null : CarrierClock.notAfter(cut.silent, latest)
})

const byPosition = (one: Playback.OutstandingMark, other: Playback.OutstandingMark) => one.position - other.position

/** When the clear took effect, or will have. */
const silenceOf = (cut: Cleared, roundTrip: number): number =>
  cut.silent?.at ?? cut.clearedAt + roundTripOf(cut, roundTrip)

/** How long its first mark has been out, which finds an empty buffer and is echoed at once: no round trip is shorter. */
export const waitedMs = ({ marks, notBefore, played, silent }: Cleared): number => {
  const first = marks[0]
  return silent === null && played === 0 && first?.position === 0 && first.leading ? notBefore - first.sentAt : 0
}

/** A leading mark that is not back was not reached before the last frame. */
const notBegunBefore = (cut: Cleared, roundTrip: number): number =>
  cut.silent === null && !isMute(cut, roundTrip) ? cut.notBefore : Number.NEGATIVE_INFINITY

/** Of an outstanding clear: were it shorter, its probe would be back before the last frame. */
const roundTripOf = (cut: Cleared, roundTrip: number): number =>
  cut.silent === null && !isMute(cut, roundTrip) ? Math.max(roundTrip, cut.notBefore - cut.clearedAt) : roundTrip

/** A mark is so much overdue that the carrier echoes none: that they are missing proves nothing. */
const isMute = (cut: Cleared, roundTrip: number): boolean => {
  const mark = cut.marks[0]
  return mark !== undefined && cut.notBefore > Playback.dueOf(cut, mark, roundTrip) + MUTE_MS
}

/** A mark that is too early was flushed; by less than this what told the origin may have been late itself. */
const FLUSHED_EARLY_MS = 50
/** Of messages that arrive together. */
const INSTANT_MS = 2
/** Longer than a line stalls. */
const MUTE_MS = 1000
