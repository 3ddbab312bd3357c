/**
 * The ledger: what was sent to the caller's ear, item by item, and how much of it was heard, on the carrier's clock.
 *
 * Words. A *segment* is a run of bytes of one item, played in one piece. A *playback* is what one generation (the
 * audio between two clears) sent: its segments lie end to end on one line of bytes, and a *position* is a place on that
 * line. A *mark* stands at a position and is echoed when everything before it was played. A *leading* mark stands
 * before audio that may find the buffer empty: no audio after it is heard before its echo. A *stretch* is a time
 * during which the caller heard us without a pause.
 *
 * Theory. The buffer plays in real time, so each echo says when byte 0 would have begun, had nothing paused: the
 * *origin*, known as an interval because an echo's moment is. Echoes of one continuous run must agree: their intervals
 * are intersected. One that is later than all before shows a pause (a leading mark: the buffer had been empty; another:
 * an underrun) and starts the origin anew. Then position = (moment - origin) x bytes per ms.
 *
 * Invariants
 * 1. heard <= sent <= received, for every item.
 * 2. Heard never passes the next mark that is not echoed, nor falls behind the last that is: for moments that do not
 *    go back it never decreases.
 * 3. A mark flushed by a clear is never counted as played. A clear is a probe (a mark) and then `clear`: what arrives
 *    for the cleared generation agrees with its origin (played just before, in flight) or is too early (flushed).
 *    The probe's echo is the moment the ear went silent, whether flushed or played because the buffer was empty.
 * 4. Everything is bounded: marks (thinned out: any later echo of a run says the same), items, cuts, unsent audio.
 */

import type { Payload } from "./audio/Payload.ts"
import type { Moment } from "./CarrierClock.ts"
import type { Command } from "./Command.ts"
import type { ModelAudio } from "./Event.ts"

export interface Ledger {
  /** The stream audio is sent on, null before the first. */
  readonly stream: number | null
  readonly bytesPerMs: number
  /** Number of the next mark; never reused in a call. */
  readonly nextMark: number
  /** From sending to the moment of the echo when the buffer is empty, ms; null until measured. */
  readonly roundTrip: number | null
  readonly items: ReadonlyArray<ItemAccount>
  readonly unsent: ReadonlyArray<Unsent>
  readonly unsentBytes: number
  readonly playback: Playback
  /** Cleared playbacks that are not settled, oldest first. */
  readonly cuts: ReadonlyArray<CutPlayback>
  /** Stretches that are over, oldest first, at most two. */
  readonly stretches: ReadonlyArray<Stretch>
}

export interface Progress {
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly heardBytes: number
}

/** What became of one item of a cleared generation. */
export interface Cut extends Progress {
  readonly session: number
  readonly item: string
  readonly contentIndex: number
  readonly estimated: boolean
}

export type Echo =
  /** Playback begins here, after silence; `underrunMs` is the silence inside one item, else 0. */
  | { readonly kind: "started"; readonly at: Moment; readonly underrunMs: number }
  /** All audio before the mark was heard; `underrunMs` is how long it paused. */
  | { readonly kind: "played"; readonly at: Moment; readonly underrunMs: number }
  /** A clear came back: the ear went silent here. */
  | { readonly kind: "cut"; readonly at: Moment }
  /** Unknown, or of a cleared generation. */
  | { readonly kind: "stale" }

interface Key {
  readonly session: number
  readonly item: string
  readonly contentIndex: number
}

interface ItemAccount extends Key {
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Of the segments that were heard to their end or are settled. */
  readonly settledBytes: number
  /** The last generation it was in. */
  readonly generation: number
}

interface Segment extends Key {
  /** Position of its first byte. */
  readonly from: number
  readonly bytes: number
}

interface Unsent extends Key {
  /** Place in the item. */
  readonly from: number
  readonly bytes: number
  readonly payload: Payload
}

interface OutstandingMark {
  readonly number: number
  readonly position: number
  readonly leading: boolean
  /** The item that goes on behind a leading mark is the one before it. */
  readonly within: boolean
  readonly sentAt: number
}

interface Playback {
  readonly generation: number
  /** Bytes sent: the end of the line. */
  readonly sent: number
  /** Position of the last mark played. */
  readonly played: number
  /** When byte 0 would have begun, had playback never paused. */
  readonly origin: Origin | null
  /** When the stretch began that is or was last heard. */
  readonly since: number | null
  /** Those not heard to their end. */
  readonly segments: ReadonlyArray<Segment>
  /** Not echoed, in order. */
  readonly marks: ReadonlyArray<OutstandingMark>
}

/** A time that is known to lie between two, carrier ms. */
interface Interval {
  readonly earliest: number
  readonly latest: number
}

interface Origin extends Interval {
  /** Told by a leading mark only: its audio may have arrived, and begun, a little after it. */
  readonly leading: boolean
}

interface CutPlayback extends Playback {
  /** Number of the mark sent just before the clear; null when no stream was there to send it on. */
  readonly probe: number | null
  readonly clearedAt: number
  /** When the flushed marks say the clear took effect. */
  readonly flushed: Interval | null
  /** When the probe's echo said so. */
  readonly silentAt: number | null
  readonly items: ReadonlyArray<Key>
}

interface Stretch {
  readonly from: number
  readonly to: number
}

const playbackOf = (generation: number): Playback => ({
  generation,
  sent: 0,
  played: 0,
  origin: null,
  since: null,
  segments: [],
  marks: []
})

export const empty: Ledger = {
  stream: null,
  bytesPerMs: 8,
  nextMark: 0,
  roundTrip: null,
  items: [],
  unsent: [],
  unsentBytes: 0,
  playback: playbackOf(0),
  cuts: [],
  stretches: []
}

/** A stream began: what was received before is sent now, in order. What an earlier stream played stays as it stood. */
export const begin = (ledger: Ledger, stream: number, bytesPerMs: number, now: Moment, out: Array<Command>): Ledger => {
  const rate = bytesPerMs > 0 ? bytesPerMs : empty.bytesPerMs
  const items = [ledger.playback, ...ledger.cuts].reduce(
    (settled, playback) => settleItems(settled, playback, playback.played),
    ledger.items
  )
  const begun: Ledger = {
    ...ledger,
    stream,
    bytesPerMs: rate,
    roundTrip: null,
    items,
    unsent: [],
    unsentBytes: 0,
    playback: playbackOf(ledger.playback.generation + (ledger.playback.sent > 0 ? 1 : 0)),
    cuts: ledger.cuts.map((cut) => ({ ...cut, segments: [], marks: [], probe: null })),
    stretches: []
  }
  return ledger.unsent.reduce((sent, piece) => send(sent, piece, now, out), begun)
}

/** Received and sent; without a stream kept, up to 60 s, and beyond that received only. */
export const receive = (ledger: Ledger, audio: ModelAudio, now: Moment, out: Array<Command>): Ledger => {
  const bytes = audio.bytes > 0 ? audio.bytes : 0
  const from = findItem(ledger.items, audio)?.receivedBytes ?? 0
  const received: Ledger = { ...ledger, items: receivedItems(ledger, audio, bytes) }
  if (bytes === 0) return received
  const piece: Unsent = {
    session: audio.session,
    item: audio.item,
    contentIndex: audio.contentIndex,
    from,
    bytes,
    payload: audio.payload
  }
  if (ledger.stream !== null) return send(received, piece, now, out)
  if (ledger.unsentBytes + bytes > MAX_UNSENT_MS * ledger.bytesPerMs) return received
  if (ledger.unsent.length >= MAX_UNSENT_PIECES) return received
  return { ...received, unsent: [...ledger.unsent, piece], unsentBytes: ledger.unsentBytes + bytes }
}

/** Late audio of an interrupted response: generated, never sent. Of a forgotten item nothing is kept. */
export const drop = (ledger: Ledger, audio: ModelAudio): Ledger =>
  audio.bytes > 0 && findItem(ledger.items, audio) !== null
    ? {
        ...ledger,
        items: ledger.items.map((account) =>
          isKey(account, audio) ? { ...account, receivedBytes: account.receivedBytes + audio.bytes } : account
        )
      }
    : ledger

/** A mark came back. */
export const echo = (ledger: Ledger, name: string, now: Moment): readonly [Ledger, Echo] => {
  const number = markNumber(name)
  if (number === null) return [ledger, STALE]
  const index = ledger.playback.marks.findIndex((mark) => mark.number === number)
  const mark = ledger.playback.marks[index]
  if (mark === undefined) return echoOfCleared(ledger, number, now)
  return echoOfPlayback(ledger, mark, index, now)
}

/**
 * Nothing unsent, and nothing sent that is still unheard. Audio counts as unheard until its mark is echoed, or 1 s
 * beyond the time the clock says for it.
 */
export const isEmpty = (ledger: Ledger, now: Moment): boolean =>
  ledger.unsent.length === 0 && (ledger.playback.marks.length === 0 || now.at > estimatedEnd(ledger, now) + OVERDUE_MS)

/** Estimated ms until everything sent is heard, as its last echo will tell; 0 when empty. */
export const remainingMs = (ledger: Ledger, now: Moment): number =>
  (ledger.playback.marks.length === 0 ? 0 : Math.max(0, estimatedEnd(ledger, now) - now.at)) +
  ledger.unsentBytes / ledger.bytesPerMs

/** Carrier ms at which the stretch began that plays now; null when nothing plays, or its leading mark is not echoed. */
export const playingSince = (ledger: Ledger): number | null => {
  const next = ledger.playback.marks[0]
  if (next === undefined || (next.leading && next.position === ledger.playback.played)) return null
  return ledger.playback.since
}

/** Was anything of ours audible at carrier time `at`? Known of the current stretch and those just before. */
export const wasAudible = (ledger: Ledger, at: number, now: Moment): boolean => {
  const isIn = (stretch: Stretch | null) => stretch !== null && at >= stretch.from && at <= stretch.to
  return (
    isIn(stretchOf(ledger, ledger.playback, now)) ||
    ledger.cuts.some((cut) => isIn(stretchOfCut(ledger, cut, now))) ||
    ledger.stretches.some(isIn)
  )
}

/** Silence the ear at once: a probe and the clear. Unsent audio is discarded. Without a stream there is no command. */
export const clear = (ledger: Ledger, now: Moment, out: Array<Command>): Ledger => {
  const { generation } = ledger.playback
  const probe = ledger.stream === null ? null : ledger.nextMark
  if (ledger.stream !== null) {
    out.push({ _tag: "Mark", stream: ledger.stream, name: markName(generation, ledger.nextMark) })
    out.push({ _tag: "Clear", stream: ledger.stream })
  }
  const cut: CutPlayback = {
    ...ledger.playback,
    probe,
    clearedAt: now.at,
    flushed: null,
    silentAt: null,
    items: ledger.items.filter((account) => account.generation === generation).map(keyOf)
  }
  return boundCuts({
    ...ledger,
    nextMark: ledger.nextMark + 1,
    unsent: [],
    unsentBytes: 0,
    playback: playbackOf(generation + 1),
    cuts: [...ledger.cuts, cut]
  })
}

/** The probe of a clear is outstanding. */
export const isCutting = (ledger: Ledger): boolean =>
  ledger.cuts.some((cut) => cut.probe !== null && cut.silentAt === null)

/**
 * The final figures of cleared generations: of all whose probe came back (call it once per `cut`), or, when none has,
 * of all there are, estimated (call it once at the deadline).
 */
export const settleCut = (ledger: Ledger, now: Moment): readonly [Ledger, ReadonlyArray<Cut>] => {
  const isExact = (cut: CutPlayback) => cut.silentAt !== null || cut.probe === null
  const exact = ledger.cuts.filter(isExact)
  const due = exact.length > 0 ? exact : ledger.cuts
  const told: Array<Cut> = []
  let items = ledger.items
  let stretches = ledger.stretches
  for (const cut of due) {
    items = settleItems(items, cut, positionOfCut(ledger, cut, now))
    const stretch = stretchOfCut(ledger, cut, now)
    if (stretch !== null) stretches = [...stretches, stretch].slice(-KEPT_STRETCHES)
    for (const key of cut.items) {
      const account = findItem(items, key)
      if (account === null) continue
      told.push({
        ...keyOf(account),
        receivedBytes: account.receivedBytes,
        sentBytes: account.sentBytes,
        heardBytes: account.settledBytes,
        estimated: !isExact(cut)
      })
    }
  }
  return [
    { ...ledger, items, stretches, cuts: exact.length > 0 ? ledger.cuts.filter((cut) => !isExact(cut)) : [] },
    told
  ]
}

/** How far an item has come; null when it is unknown or forgotten. */
export const progress = (
  ledger: Ledger,
  now: Moment,
  session: number,
  item: string,
  contentIndex: number
): Progress | null => {
  const account = findItem(ledger.items, { session, item, contentIndex })
  if (account === null) return null
  const position = positionAt(ledger.playback, now.at, ledger.bytesPerMs, nextMarkPosition(ledger.playback))
  return {
    receivedBytes: account.receivedBytes,
    sentBytes: account.sentBytes,
    heardBytes: ledger.cuts.reduce(
      (heard, cut) => heard + heardOf(cut, account, positionOfCut(ledger, cut, now)),
      account.settledBytes + heardOf(ledger.playback, account, position)
    )
  }
}

/** A settled item leaves the state. */
export const forget = (ledger: Ledger, session: number, item: string, contentIndex: number): Ledger => {
  const key = { session, item, contentIndex }
  const others = <A extends Key>(list: ReadonlyArray<A>) => list.filter((other) => !isKey(other, key))
  return {
    ...ledger,
    items: others(ledger.items),
    playback: { ...ledger.playback, segments: others(ledger.playback.segments) },
    cuts: ledger.cuts.map((cut) => ({ ...cut, segments: others(cut.segments), items: others(cut.items) }))
  }
}

const send = (ledger: Ledger, piece: Unsent, now: Moment, out: Array<Command>): Ledger => {
  const { playback, stream } = ledger
  if (stream === null) return ledger
  let { nextMark } = ledger
  const marks: Array<OutstandingMark> =
    playback.marks.length < MAX_MARKS ? [...playback.marks] : thinned(playback.marks)
  const last = playback.segments.at(-1)
  const mark = (position: number, leading: boolean) => {
    out.push({ _tag: "Mark", stream, name: markName(playback.generation, nextMark) })
    marks.push({ number: nextMark, position, leading, within: leading && piece.from > 0, sentAt: now.at })
    nextMark += 1
  }
  if (marks.length === 0 || estimatedEnd(ledger, now) - now.at < LEADING_BELOW_MS) mark(playback.sent, true)
  out.push({
    _tag: "PlayAudio",
    stream,
    session: piece.session,
    item: piece.item,
    contentIndex: piece.contentIndex,
    from: piece.from,
    bytes: piece.bytes,
    payload: piece.payload
  })
  const sent = playback.sent + piece.bytes
  mark(sent, false)
  return {
    ...ledger,
    nextMark,
    items: ledger.items.map((account) =>
      isKey(account, piece)
        ? { ...account, sentBytes: account.sentBytes + piece.bytes, generation: playback.generation }
        : account
    ),
    playback: {
      ...playback,
      sent,
      marks,
      segments:
        last !== undefined && isKey(last, piece) && last.from + last.bytes === playback.sent
          ? [...playback.segments.slice(0, -1), { ...last, bytes: last.bytes + piece.bytes }]
          : [...playback.segments, { ...keyOf(piece), from: playback.sent, bytes: piece.bytes }]
    }
  }
}

const echoOfPlayback = (ledger: Ledger, mark: OutstandingMark, index: number, now: Moment): readonly [Ledger, Echo] => {
  const { bytesPerMs, playback } = ledger
  const told = toldBy(mark, now, bytesPerMs)
  const expected = playback.origin === null ? null : middle(playback.origin) + mark.position / bytesPerMs
  const pauseMs = expected !== null && isLate(playback.origin, told) ? now.at - expected : 0
  const isPause = pauseMs >= PAUSE_MS
  const starts = playback.origin === null || (mark.leading && isPause && !(mark.within && pauseMs < JOINED_BELOW_MS))
  const since = starts ? now.at - (mark.leading ? 0 : (mark.position - playback.played) / bytesPerMs) : playback.since
  const closed = starts && playback.since !== null && expected !== null ? [{ from: playback.since, to: expected }] : []
  return [
    {
      ...ledger,
      roundTrip:
        mark.leading && (playback.origin === null || isPause)
          ? smoothed(ledger.roundTrip, now.at - mark.sentAt)
          : ledger.roundTrip,
      items: settleItems(ledger.items, heardUpTo(playback, mark.position), mark.position),
      playback: {
        ...playback,
        played: mark.position,
        origin: originAfter(playback.origin, mark, told),
        since,
        segments: playback.segments.filter((segment) => segment.from + segment.bytes > mark.position),
        marks: playback.marks.slice(index + 1)
      },
      stretches: closed.length === 0 ? ledger.stretches : [...ledger.stretches, ...closed].slice(-KEPT_STRETCHES)
    },
    mark.leading && (playback.origin === null || isPause)
      ? { kind: "started", at: now, underrunMs: mark.within ? pauseMs : 0 }
      : { kind: "played", at: now, underrunMs: isPause ? pauseMs : 0 }
  ]
}

const echoOfCleared = (ledger: Ledger, number: number, now: Moment): readonly [Ledger, Echo] => {
  const replaced = (cut: CutPlayback, by: CutPlayback) => ledger.cuts.map((other) => (other === cut ? by : other))
  for (const cut of ledger.cuts) {
    if (cut.silentAt !== null) continue
    const arrived: Interval = { earliest: now.at - now.uncertainty, latest: now.at + now.uncertainty }
    if (cut.probe === number) {
      const silent = agreed(cut.flushed, arrived)
      const at: Moment = { at: middle(silent), uncertainty: (silent.latest - silent.earliest) / 2 }
      return [
        {
          ...ledger,
          roundTrip: smoothed(ledger.roundTrip, at.at - cut.clearedAt),
          cuts: replaced(cut, { ...cut, silentAt: at.at })
        },
        { kind: "cut", at }
      ]
    }
    const index = cut.marks.findIndex((mark) => mark.number === number)
    const mark = cut.marks[index]
    if (mark === undefined) continue
    const told = toldBy(mark, now, ledger.bytesPerMs)
    const early = cut.origin === null ? (mark.leading ? 0 : Infinity) : cut.origin.earliest - told.latest
    if (early > FLUSHED_AHEAD_MS) {
      return [{ ...ledger, cuts: replaced(cut, { ...cut, flushed: agreed(cut.flushed, arrived) }) }, STALE]
    }
    const marks = cut.marks.slice(index + 1)
    if (early > 0) return [{ ...ledger, cuts: replaced(cut, { ...cut, marks }) }, STALE]
    const played: CutPlayback = {
      ...cut,
      played: mark.position,
      origin: originAfter(cut.origin, mark, told),
      since: cut.since ?? now.at,
      marks
    }
    return [{ ...ledger, cuts: replaced(cut, played) }, STALE]
  }
  return [ledger, STALE]
}

/** What the echo of a mark says of byte 0. */
const toldBy = (mark: OutstandingMark, now: Moment, bytesPerMs: number): Interval => ({
  earliest: now.at - now.uncertainty - mark.position / bytesPerMs,
  latest: now.at + now.uncertainty - mark.position / bytesPerMs
})

const isLate = (origin: Interval | null, told: Interval): boolean => origin !== null && told.earliest > origin.latest

/**
 * A later echo shows a pause, and counts. One that is a little too early shows that the bounds are not quite hard: the
 * truth is taken to be between them.
 */
const originAfter = (origin: Origin | null, mark: OutstandingMark, told: Interval): Origin => {
  if (origin === null || isLate(origin, told)) {
    return mark.leading
      ? { earliest: told.earliest, latest: told.latest + (told.latest - told.earliest) / 2, leading: true }
      : { earliest: told.earliest, latest: told.latest, leading: false }
  }
  if (told.latest < origin.earliest - PAUSE_MS) return { ...told, leading: false }
  const one = Math.max(origin.earliest, told.earliest)
  const other = origin.leading ? told.latest : Math.min(origin.latest, told.latest)
  return { earliest: Math.min(one, other), latest: Math.max(one, other), leading: false }
}

/** The first message of a burst arrives with the least delay: the later ones may only narrow what it told. */
const agreed = (known: Interval | null, told: Interval): Interval => {
  if (known === null || known.earliest > told.latest || known.latest < told.earliest) return told
  return { earliest: Math.max(known.earliest, told.earliest), latest: Math.min(known.latest, told.latest) }
}

const middle = (interval: Interval): number => (interval.earliest + interval.latest) / 2

const positionAt = (playback: Playback, at: number, bytesPerMs: number, limit: number): number =>
  playback.origin === null
    ? playback.played
    : Math.max(playback.played, Math.min(limit, Math.floor((at - middle(playback.origin)) * bytesPerMs)))

const nextMarkPosition = (playback: Playback): number => playback.marks[0]?.position ?? playback.sent

/** Where playback stops by itself: before a leading mark that is not echoed, or where nothing more was sent. */
const stopPosition = (playback: Playback): number =>
  playback.marks.find((mark) => mark.leading)?.position ?? playback.sent

/** At the probe's echo every mark played before has been echoed; before it the clear is expected to take effect. */
const positionOfCut = (ledger: Ledger, cut: CutPlayback, now: Moment): number =>
  cut.silentAt !== null
    ? positionAt(cut, cut.silentAt, ledger.bytesPerMs, nextMarkPosition(cut))
    : positionAt(cut, expectedSilence(ledger, cut, now), ledger.bytesPerMs, stopPosition(cut))

const expectedSilence = (ledger: Ledger, cut: CutPlayback, now: Moment): number =>
  cut.silentAt ?? Math.max(now.at, cut.clearedAt + (ledger.roundTrip ?? 0))

/** When the last byte sent will have been played, were every leading mark to find the buffer empty on arrival. */
const estimatedEnd = (ledger: Ledger, now: Moment): number => {
  const { bytesPerMs, playback } = ledger
  const roundTrip = ledger.roundTrip ?? UNKNOWN_ROUND_TRIP_MS
  const leading = playback.marks.find((mark) => mark.leading)
  const known = playback.origin === null ? now.at : middle(playback.origin) + playback.sent / bytesPerMs
  if (leading === undefined) return known
  return Math.max(known, leading.sentAt + roundTrip + (playback.sent - leading.position) / bytesPerMs)
}

const stretchOf = (ledger: Ledger, playback: Playback, now: Moment): Stretch | null => {
  if (playback.since === null || playback.origin === null) return null
  const next = playback.marks[0]
  const end = middle(playback.origin) + stopPosition(playback) / ledger.bytesPerMs
  const isOverdue = next !== undefined && !next.leading && now.at > end && now.at <= end + OVERDUE_MS
  return { from: playback.since, to: isOverdue ? now.at : end }
}

const stretchOfCut = (ledger: Ledger, cut: CutPlayback, now: Moment): Stretch | null => {
  const stretch = stretchOf(ledger, cut, now)
  return stretch === null
    ? null
    : { from: stretch.from, to: Math.min(stretch.to, cut.silentAt ?? expectedSilence(ledger, cut, now)) }
}

const heardOf = (playback: Playback, key: Key, position: number): number =>
  playback.segments.reduce(
    (heard, segment) =>
      isKey(segment, key) ? heard + Math.max(0, Math.min(segment.bytes, position - segment.from)) : heard,
    0
  )

const heardUpTo = (playback: Playback, position: number): Playback => ({
  ...playback,
  segments: playback.segments.filter((segment) => segment.from + segment.bytes <= position)
})

const settleItems = (
  items: ReadonlyArray<ItemAccount>,
  playback: Playback,
  position: number
): ReadonlyArray<ItemAccount> =>
  playback.segments.length === 0
    ? items
    : items.map((account) => {
        const heard = heardOf(playback, account, position)
        return heard === 0 ? account : { ...account, settledBytes: account.settledBytes + heard }
      })

const receivedItems = (ledger: Ledger, key: Key, bytes: number): ReadonlyArray<ItemAccount> => {
  const { generation } = ledger.playback
  if (findItem(ledger.items, key) !== null) {
    return ledger.items.map((account) =>
      isKey(account, key) ? { ...account, receivedBytes: account.receivedBytes + bytes, generation } : account
    )
  }
  const account: ItemAccount = { ...keyOf(key), receivedBytes: bytes, sentBytes: 0, settledBytes: 0, generation }
  return [...ledger.items, account].slice(-MAX_ITEMS)
}

const boundCuts = (ledger: Ledger): Ledger => {
  const [first, second, ...rest] = ledger.cuts
  if (first === undefined || second === undefined || ledger.cuts.length <= MAX_CUTS) return ledger
  return {
    ...ledger,
    items: settleItems(ledger.items, first, first.played),
    cuts: [{ ...second, items: [...first.items, ...second.items].slice(-MAX_ITEMS) }, ...rest]
  }
}

const thinned = (marks: ReadonlyArray<OutstandingMark>): Array<OutstandingMark> =>
  marks.filter((_, index) => index % 2 === 0)

const smoothed = (roundTrip: number | null, measured: number): number | null => {
  if (measured < 0 || measured > MAX_ROUND_TRIP_MS) return roundTrip
  return roundTrip === null ? measured : roundTrip + (measured - roundTrip) / 4
}

const findItem = (items: ReadonlyArray<ItemAccount>, key: Key): ItemAccount | null =>
  items.find((account) => isKey(account, key)) ?? null

const isKey = (one: Key, other: Key): boolean =>
  one.item === other.item && one.session === other.session && one.contentIndex === other.contentIndex

const keyOf = (key: Key): Key => ({ session: key.session, item: key.item, contentIndex: key.contentIndex })

const markName = (generation: number, number: number): string => `g${generation}-${number}`

const markNumber = (name: string): number | null => {
  const number = /^g\d+-(\d+)$/.exec(name)?.[1]
  return number === undefined ? null : Number(number)
}

const STALE: Echo = { kind: "stale" }
/** A mark leads when less than this is left to play: what is on its way may arrive too late. */
const LEADING_BELOW_MS = 1000
/** An echo may come this much later than the clock says before it is given up. */
const OVERDUE_MS = 1000
/** A shorter pause than a frame is not told. */
const PAUSE_MS = 20
/** A shorter pause inside one item does not end a stretch. */
const JOINED_BELOW_MS = 500
/** A mark of a cleared generation that is echoed this much too early for having been played was flushed. */
const FLUSHED_AHEAD_MS = 50
const UNKNOWN_ROUND_TRIP_MS = 250
const MAX_ROUND_TRIP_MS = 5000
const MAX_UNSENT_MS = 60_000
const MAX_UNSENT_PIECES = 4096
const MAX_MARKS = 256
const MAX_ITEMS = 256
const MAX_CUTS = 8
const KEPT_STRETCHES = 2
