/**
 * One generation of audio in the carrier's play buffer: everything sent between two clears, and how far it was heard.
 *
 * Words. The *segments* of a playback lie end to end on one line of bytes; a *position* is a place on that line. A
 * *mark* stands at a position and is echoed when everything before it was played. A *leading* mark stands before audio
 * that may find the buffer empty: nothing after it is heard before its echo. A *stretch* is a time during which the
 * caller heard us without a pause.
 *
 * Theory. The buffer plays in real time, so each echo says when byte 0 would have begun had nothing paused: the
 * *origin*, an interval because the moment of an echo is one. An echo never comes before its audio was played, so the
 * end of that interval is hard, and the earliest of a continuous run counts. It may come a little late (a carrier that
 * plays in pieces echoes at the end of one), so its beginning is soft: intervals are intersected, and where one is
 * earlier than all before it is right. One that is later than all before shows a pause (behind a leading mark: the audio
 * came after the mark; a frame or more: an underrun) and the origin is what it says.
 * Then position = (moment - origin) x bytes per ms.
 *
 * The moment of an echo is told better by the next frame: the origin is told anew then, by all echoes since the last.
 *
 * 1. A position never passes the next mark that is not echoed, nor falls behind the last that is: for moments that do
 *    not go back it never decreases.
 * 2. A leading mark bounds the origin from below only: its audio may arrive, and begin, a little after it. So does the
 *    echo of a mark that may have been flushed.
 */

import type { Moment } from "./CarrierClock.ts"
import * as CarrierClock from "./CarrierClock.ts"

/** What identifies an item's audio. */
export interface Key {
  readonly session: number
  readonly item: string
  readonly contentIndex: number
}

/** A run of bytes of one item, played in one piece. */
export interface Segment extends Key {
  /** Position of its first byte. */
  readonly from: number
  readonly bytes: number
}

export interface OutstandingMark {
  readonly number: number
  readonly position: number
  readonly leading: boolean
  /** A leading mark behind which the item before it goes on. */
  readonly within: boolean
  readonly sentAt: number
}

/** A time known to lie between two, carrier ms. */
interface Interval {
  readonly earliest: number
  readonly latest: number
}

interface Origin extends Interval {
  /** Of what plays behind a leading mark, told by that alone. */
  readonly leading: boolean
}

/** A mark that came back, and when. */
interface Told {
  readonly position: number
  readonly leading: boolean
  readonly at: Moment
}

/** Carrier ms. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

export interface Playback {
  readonly generation: number
  readonly bytesPerMs: number
  /** Bytes sent: the end of the line. */
  readonly sent: number
  /** Position of the last mark played. */
  readonly played: number
  readonly origin: Origin | null
  /** The origin by the echoes before the last frame, and the echoes since. */
  readonly firm: Origin | null
  readonly told: ReadonlyArray<Told>
  /** By how much the marks of the run stand behind the times when they were sent, ms: the least; null without an origin. */
  readonly lead: number | null
  /** The end of what was late, when it was sent at last, carrier ms; null: nothing was. */
  readonly busyUntil: number | null
  /** When the stretch began that is or was last heard. */
  readonly since: number | null
  /** Those not played to their end. */
  readonly segments: ReadonlyArray<Segment>
  /** Not echoed, in order. */
  readonly marks: ReadonlyArray<OutstandingMark>
}

/** What an echo showed. */
export interface Played {
  /** Silence until here since the audio before the mark should have been played, ms; 0 below a frame. */
  readonly pauseMs: number
  /** Playback begins here: the mark leads, and there was silence before it. */
  readonly begins: boolean
  /** What was before the mark had been played when it was sent: its echo took a round trip, no more. */
  readonly atOnce: boolean
  /** The stretch that was over before this echo. */
  readonly closed: Stretch | null
}

export const empty = (generation: number, bytesPerMs: number): Playback => ({
  generation,
  bytesPerMs,
  sent: 0,
  played: 0,
  origin: null,
  firm: null,
  told: [],
  lead: null,
  busyUntil: null,
  since: null,
  segments: [],
  marks: []
})

/** A mark was played: everything before it was heard. `index` is its place among the outstanding. */
export const play = (
  playback: Playback,
  mark: OutstandingMark,
  index: number,
  now: Moment
): readonly [Playback, Played] => {
  const { bytesPerMs, origin } = playback
  const told = originTold(bytesPerMs, mark.position, now)
  const due = origin === null ? null : middle(origin) + mark.position / bytesPerMs
  const lateMs = due !== null && isLate(origin, told) ? now.at - due : 0
  const pauseMs = lateMs >= PAUSE_MS ? lateMs : 0
  const begins = mark.leading && (origin === null || pauseMs > 0)
  const isNewStretch = playback.since === null || (begins && !(mark.within && pauseMs < JOINED_BELOW_MS))
  const isFull = playback.told.length === MAX_TOLD
  const lead = mark.position / bytesPerMs - mark.sentAt
  return [
    {
      ...playback,
      played: mark.position,
      origin: originAfter(origin, mark.leading, told),
      firm: isFull ? origin : playback.firm,
      told: [...(isFull ? [] : playback.told), { position: mark.position, leading: mark.leading, at: now }],
      lead: playback.lead === null || pauseMs > 0 ? lead : Math.min(playback.lead, lead),
      since: isNewStretch
        ? now.at - (mark.leading ? 0 : (mark.position - playback.played) / bytesPerMs)
        : playback.since,
      segments: playback.segments.filter((segment) => segment.from + segment.bytes > mark.position),
      marks: playback.marks.slice(index + 1)
    },
    {
      pauseMs,
      begins,
      atOnce: begins && (due === null || due <= mark.sentAt),
      closed: isNewStretch && playback.since !== null && due !== null ? { from: playback.since, to: due } : null
    }
  ]
}

/** How much too early the echo of a mark is for having been played, ms; below 0 it is not. */
export const earlyMs = (playback: Playback, mark: OutstandingMark, now: Moment): number => {
  if (playback.origin === null) return mark.leading ? -1 : Number.MAX_VALUE
  return playback.origin.earliest - originTold(playback.bytesPerMs, mark.position, now).latest
}

/** A mark came back that may have been flushed: if not then, its position is reached later. */
export const notBefore = (playback: Playback, mark: OutstandingMark, now: Moment): Playback => {
  const { bytesPerMs, origin } = playback
  const told = originTold(bytesPerMs, mark.position, now)
  return isLate(origin, told) ? { ...playback, origin: originAfter(origin, true, told) } : playback
}

/** When a mark that is out should have been played, carrier ms. */
export const dueOf = ({ bytesPerMs, origin }: Playback, mark: OutstandingMark, roundTrip: number): number =>
  Math.max(
    mark.sentAt + roundTrip,
    origin === null ? Number.NEGATIVE_INFINITY : middle(origin) + mark.position / bytesPerMs
  )

/** No round trip is longer: each mark of the run was echoed no earlier than one after it was sent, ms. */
export const longestRoundTrip = ({ lead, origin }: Playback): number =>
  lead === null || origin === null ? Number.POSITIVE_INFINITY : origin.latest + lead

/** Position heard at a moment, by all that is known. */
export const positionAt = (playback: Playback, at: number): number =>
  clamped(playback, at, playback.marks[0]?.position ?? playback.sent)

/**
 * Position expected at a moment of which the marks have not come back yet: playback goes on behind a leading mark as
 * soon as the audio is there, a round trip after it was sent, and not before `notBefore`.
 */
export const positionExpected = (playback: Playback, at: number, roundTrip: number, notBefore: number): number => {
  const { bytesPerMs, marks, origin, played, sent } = playback
  let begun = origin === null ? Number.NEGATIVE_INFINITY : middle(origin)
  let limit = sent
  for (const mark of marks) {
    if (!mark.leading && begun !== Number.NEGATIVE_INFINITY) continue
    const starts = Math.max(begun + mark.position / bytesPerMs, mark.sentAt + roundTrip, notBefore)
    if (starts > at) {
      limit = mark.position
      break
    }
    begun = starts - mark.position / bytesPerMs
  }
  return begun === Number.NEGATIVE_INFINITY
    ? played
    : Math.max(played, Math.min(limit, Math.floor((at - begun) * bytesPerMs)))
}

/** Position at a moment that may be past; null when nothing of this playback was heard then. */
export const placeOf = (playback: Playback, at: number): number | null => {
  if (playback.origin === null) return null
  const position = Math.floor((at - middle(playback.origin)) * playback.bytesPerMs)
  return position < 0 || position >= stop(playback) ? null : position
}

/** The carrier's clock was corrected by so many ms. The origin moves as the last echo does, which told it. */
export const correct = <A extends Playback>(playback: A, ms: number, first: number): A => {
  const { busyUntil, bytesPerMs, firm, lead, marks, origin, played, since, told } = playback
  const echoed = origin === null ? 0 : middle(origin) + played / bytesPerMs
  const moved = CarrierClock.corrected(echoed, ms, first) - echoed
  const shifted = (origin: Origin | null) =>
    origin === null ? null : { ...origin, earliest: origin.earliest + moved, latest: origin.latest + moved }
  return {
    ...playback,
    origin: shifted(origin),
    firm: shifted(firm),
    told: told.map((one) => ({ ...one, at: { ...one.at, at: one.at.at + moved } })),
    lead: lead === null ? null : lead - ms,
    busyUntil: busyUntil === null ? null : busyUntil + ms,
    since: since === null ? null : since + moved,
    marks: marks.map((mark) => ({ ...mark, sentAt: mark.sentAt + ms }))
  }
}

/** What was echoed so far was sent at `latest` at the latest: the end of a frame that came after it. */
export const notAfter = <A extends Playback>(playback: A, latest: number): A => {
  if (playback.told.length === 0) return playback
  const origin = playback.told.reduce<Origin | null>(
    (origin, { at, leading, position }) =>
      originAfter(origin, leading, originTold(playback.bytesPerMs, position, CarrierClock.notAfter(at, latest))),
    playback.firm
  )
  return { ...playback, origin, firm: origin, told: [] }
}

/** Bytes of an item heard at a position. */
export const heardOf = (playback: Playback, key: Key, position: number): number =>
  playback.segments.reduce(
    (heard, segment) =>
      isSame(segment, key) ? heard + Math.max(0, Math.min(segment.bytes, position - segment.from)) : heard,
    0
  )

/** When the last byte sent will have been played, carrier ms. */
export const endOf = (playback: Playback, roundTrip: number): number => {
  const { busyUntil, bytesPerMs, marks, origin, sent } = playback
  const known = Math.max(busyUntil ?? -Infinity, origin === null ? -Infinity : middle(origin) + sent / bytesPerMs)
  return marks.reduce(
    (end, mark, index) =>
      mark.leading || (origin === null && index === 0)
        ? Math.max(end, mark.sentAt + roundTrip + (sent - mark.position) / bytesPerMs)
        : end,
    known
  )
}

/** All that is unheard was late, and is played from now on at the earliest. */
export const late = (playback: Playback, now: Moment, roundTrip: number): Playback => ({
  ...playback,
  busyUntil: now.at + roundTrip + (playback.sent - playback.played) / playback.bytesPerMs
})

/** The last stretch, whether it is over or not. While an echo is overdue it lasts. */
export const stretchOf = (playback: Playback, now: Moment, overdueMs: number): Stretch | null => {
  if (playback.since === null || playback.origin === null) return null
  const next = playback.marks[0]
  const end = middle(playback.origin) + stop(playback) / playback.bytesPerMs
  const isOverdue = next !== undefined && !next.leading && now.at > end && now.at <= end + overdueMs
  return { from: playback.since, to: isOverdue ? now.at : end }
}

export const isSame = (one: Key, other: Key): boolean =>
  one.item === other.item && one.session === other.session && one.contentIndex === other.contentIndex

export const keyOf = ({ session, item, contentIndex }: Key): Key => ({ session, item, contentIndex })

/** Can two moments be one and the same? Not if a frame came between them. */
export const mayBeOne = (one: Moment, other: Moment): boolean => {
  const apart = Math.abs(one.at - other.at)
  const grain = one.after === other.after ? CLOCK_MS : -ROUNDING_MS
  return apart === 0 || apart < one.uncertainty + other.uncertainty + grain
}

const middle = (interval: Interval): number => (interval.earliest + interval.latest) / 2

const originTold = (bytesPerMs: number, position: number, { at, uncertainty }: Moment): Interval => ({
  earliest: at - uncertainty - position / bytesPerMs,
  latest: at + uncertainty - position / bytesPerMs
})

const isLate = (origin: Interval | null, told: Interval): boolean => origin !== null && told.earliest > origin.latest

/** Playback begins at the echo of a leading mark or a little later, the less so the better its moment is known. */
const leadingOrigin = ({ earliest, latest }: Interval): Origin => ({
  earliest,
  latest: latest + (latest - earliest) / 2,
  leading: true
})

const originAfter = (origin: Origin | null, leading: boolean, told: Interval): Origin => {
  const { earliest, latest } = told
  if (origin === null || earliest > origin.latest + (leading || origin.leading ? 0 : PAUSE_MS)) {
    return leading ? leadingOrigin(told) : { ...told, leading: false }
  }
  if (latest < origin.earliest) return { ...told, leading: false }
  if (earliest > origin.latest) return { earliest: origin.latest, latest: origin.latest + DRIFT_MS, leading: false }
  const bounded = { earliest: Math.max(origin.earliest, earliest), latest }
  return leading || origin.leading
    ? { ...bounded, leading }
    : { ...bounded, latest: Math.min(origin.latest, latest), leading: false }
}

const clamped = (playback: Playback, at: number, limit: number): number =>
  playback.origin === null
    ? playback.played
    : Math.max(playback.played, Math.min(limit, Math.floor((at - middle(playback.origin)) * playback.bytesPerMs)))

/** Where playback stops by itself: before a leading mark that is not echoed, or where nothing more was sent. */
const stop = (playback: Playback): number => playback.marks.find((mark) => mark.leading)?.position ?? playback.sent

/** Arrivals are told in whole ms. */
const CLOCK_MS = 1
/** Of numbers that are not whole. */
const ROUNDING_MS = 1e-6
/** The carrier plays by another clock than it stamps frames by, perhaps: an origin moves so much with an echo. */
const DRIFT_MS = 1
/** Echoes between two frames are few; where none come, the oldest are as firm as they get. */
const MAX_TOLD = 16
/** A pause shorter than a frame is no pause. */
const PAUSE_MS = 20
/** A shorter pause inside one item does not end a stretch. */
const JOINED_BELOW_MS = 500
