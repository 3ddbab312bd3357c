/**
 * The ledger: what was sent to the caller's ear, item by item, and how much of it was heard, on the carrier's clock.
 *
 * The audio between two clears is a generation, one `Playback`. A clear is a *probe* (a mark) and then `clear`, at
 * once; the playback becomes a *cut* (Cleared) until it is settled, and the next begins on an empty buffer.
 *
 * 1. heard <= sent <= received, for every item; heard does not decrease while `now` does not go back.
 * 2. A flushed mark is never counted as played.
 * 3. What is received after a clear belongs to the new generation, settled or not.
 * 4. A pause is a clear that may be taken back (`pause`, then `resume` or `giveUp`). Resumed, the audio goes on in a new
 *    generation from the byte at which the ear went silent: `sent` and `heard` stay positions in the item.
 * 5. While the carrier does not read (`congest`, then `drain`) no audio is sent, only marks and clears: what is received
 *    waits, in order, and can be cleared at once. Of an item that was too long to wait nothing more is sent.
 * 6. Everything is bounded: outstanding marks (far ahead thinned out, as any later echo of a run says the same), items, cuts,
 *    unsent audio.
 *
 * What it needs of a carrier: marks echoed in order when the audio before them was played, at once on an empty buffer,
 * and all pending ones when `clear` takes effect; media timestamps on the same ordered socket (protocols.md B.3).
 */

import * as Level from "./audio/Level.ts"
import * as Payload from "./audio/Payload.ts"
import type { Moment } from "./CarrierClock.ts"
import * as CarrierClock from "./CarrierClock.ts"
import * as Cleared from "./Cleared.ts"
import type { Command } from "./Command.ts"
import type { ModelAudio } from "./Event.ts"
import * as Kept from "./Kept.ts"
import * as Limits from "./Limits.ts"
import * as Playback from "./Playback.ts"
import * as RoundTrip from "./RoundTrip.ts"

export interface Ledger {
  /** The stream audio is sent on, null before the first. */
  readonly stream: number | null
  readonly bytesPerMs: number
  /** Number of the next mark; none is used twice in a call. */
  readonly nextMark: number
  readonly roundTrip: RoundTrip.RoundTrip
  readonly items: ReadonlyArray<ItemAccount>
  readonly unsent: ReadonlyArray<Kept.Piece>
  readonly unsentBytes: number
  /** Received while there was no room for it to wait. */
  readonly lostBytes: number
  readonly keeps: Kept.Contents
  /** Of what was sent and not heard, that which `keeps` names. */
  readonly kept: Kept.Kept
  /** Cleared for a while: what is received waits, what is kept of the last cut may be sent again. */
  readonly paused: boolean
  /** The carrier does not read: what is received waits. */
  readonly congested: boolean
  /** Marks of a lower number waited for a carrier that did not read: they tell no round trip. */
  readonly readsFrom: number
  readonly playback: Playback.Playback
  /** Cleared and not settled, oldest first. */
  readonly cuts: ReadonlyArray<Cleared.Cleared>
  /** Stretches of playback that are over, oldest first. */
  readonly stretches: ReadonlyArray<Playback.Stretch>
}

/** Whole bytes from the item's start; `sentBytes` leaves out what was dropped. */
export interface Progress {
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly heardBytes: number
}

/** What became of one item of a cleared generation. */
export interface Cut extends Playback.Key, Progress {
  /** The probe had not come back. */
  readonly estimated: boolean
}

export type Echo =
  /** Playback begins here, after silence; `underrunMs` is that silence when it was inside one item, else 0. */
  | { readonly kind: "started"; readonly at: Moment; readonly underrunMs: number }
  /** All audio before the mark was heard, with a pause of `underrunMs` (0: none). */
  | { readonly kind: "played"; readonly at: Moment; readonly underrunMs: number }
  /** A clear came back: the ear went silent here. */
  | { readonly kind: "cut"; readonly at: Moment }
  /** Unknown, or of a cleared generation. */
  | { readonly kind: "stale" }

interface ItemAccount extends Playback.Key {
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Heard, of the segments that left their playback. */
  readonly settledBytes: number
  /** The last generation it was in. */
  readonly generation: number
}

const DEFAULT_BYTES_PER_MS = 8

export const make = (keeps: Kept.Contents): Ledger => ({
  stream: null,
  bytesPerMs: DEFAULT_BYTES_PER_MS,
  nextMark: 0,
  roundTrip: RoundTrip.unknown,
  items: [],
  unsent: [],
  unsentBytes: 0,
  lostBytes: 0,
  keeps,
  kept: Kept.empty,
  paused: false,
  congested: false,
  readsFrom: 0,
  playback: Playback.empty(0, DEFAULT_BYTES_PER_MS),
  cuts: [],
  stretches: []
})

/** Keeps nothing that was sent. */
export const empty: Ledger = make({ audio: false, levels: false })

/**
 * A stream began: what was received before any is sent now, in order. Of an earlier stream's audio only that counts as
 * heard whose marks came back.
 */
export const begin = (ledger: Ledger, stream: number, bytesPerMs: number, now: Moment, out: Array<Command>): Ledger => {
  const rate = bytesPerMs > 0 ? bytesPerMs : DEFAULT_BYTES_PER_MS
  const { generation, sent } = ledger.playback
  const begun: Ledger = {
    stream,
    bytesPerMs: rate,
    nextMark: ledger.nextMark,
    roundTrip: RoundTrip.unknown,
    items: [ledger.playback, ...ledger.cuts.map(Cleared.played)].reduce(
      (items, playback) => settled(items, playback, playback.played),
      ledger.items
    ),
    unsent: [],
    unsentBytes: 0,
    lostBytes: ledger.lostBytes,
    keeps: ledger.keeps,
    kept: Kept.empty,
    paused: false,
    congested: false,
    readsFrom: ledger.nextMark,
    playback: Playback.empty(sent > 0 ? generation + 1 : generation, rate),
    cuts: ledger.cuts.map((cut) => ({ ...cut, probe: null, segments: [], marks: [], echoes: [], since: null })),
    stretches: []
  }
  return ledger.unsent.reduce((ledger, piece) => send(ledger, stream, piece, now, out), begun)
}

/**
 * Received and sent. Without a stream, while paused or congested, it is kept, up to 60 s; beyond that it, and all of its
 * item that follows, counts as received and lost only.
 */
export const receive = (ledger: Ledger, audio: ModelAudio, now: Moment, out: Array<Command>): Ledger => {
  const bytes = Math.max(0, audio.bytes)
  const account = itemOf(ledger.items, audio)
  const from = account?.receivedBytes ?? 0
  const received: Ledger = { ...ledger, items: withReceived(ledger, audio, bytes) }
  if (bytes === 0) return received
  const levels = ledger.keeps.levels ? audio.levels : ""
  const piece: Kept.Piece = { ...Playback.keyOf(audio), from, bytes, payload: audio.payload, levels, skipped: 0 }
  const { congested, paused, stream } = ledger
  const isAtOnce = stream !== null && !paused && !congested
  const waiting = ledger.unsentBytes + (ledger.keeps.audio ? ledger.kept.bytes : 0)
  const isFull = waiting + bytes > Limits.keptMs * ledger.bytesPerMs || ledger.unsent.length >= MAX_UNSENT_PIECES
  if ((isFull && !isAtOnce) || (ledger.lostBytes > 0 && account !== null && hasHole(ledger, account))) {
    const kept = paused ? { ...ledger.kept, isWhole: false } : ledger.kept
    return { ...received, lostBytes: ledger.lostBytes + bytes, kept }
  }
  return isAtOnce ? send(received, stream, piece, now, out) : hold(received, piece)
}

/** The carrier does not read. */
export const congest = (ledger: Ledger): Ledger => ({ ...ledger, congested: true })

/** It reads again: what waits is sent in order. */
export const drain = (ledger: Ledger, now: Moment, out: Array<Command>): Ledger => {
  const { nextMark, stream, unsent } = ledger
  if (stream === null || ledger.paused) return { ...ledger, congested: false, readsFrom: nextMark }
  const drained: Ledger = { ...ledger, congested: false, readsFrom: nextMark, unsent: [], unsentBytes: 0 }
  const sent = unsent.reduce((ledger, piece) => send(ledger, stream, piece, now, out), drained)
  return { ...sent, playback: Playback.late(sent.playback, now, roundTripOf(sent)) }
}

/** Some of an item is still to be sent. */
export const isWaiting = (ledger: Ledger, session: number, item: string, contentIndex: number): boolean =>
  ledger.unsent.some((piece) => Playback.isSame(piece, { session, item, contentIndex }))

/** Late audio of an interrupted response: generated, never sent. Of an item that is not here nothing is kept. */
export const drop = (ledger: Ledger, audio: ModelAudio): Ledger =>
  audio.bytes > 0 && itemOf(ledger.items, audio) !== null
    ? {
        ...ledger,
        items: ledger.items.map((account) =>
          Playback.isSame(account, audio) ? { ...account, receivedBytes: account.receivedBytes + audio.bytes } : account
        )
      }
    : ledger

/** A mark came back. */
export const echo = (ledger: Ledger, name: string, now: Moment): readonly [Ledger, Echo] => {
  const number = markNumber(name)
  if (number === null) return [ledger, STALE]
  const index = ledger.playback.marks.findIndex((mark) => mark.number === number)
  const mark = ledger.playback.marks[index]
  if (mark === undefined) return echoOfCut(ledger, number, now)
  const [playback, played] = Playback.play(ledger.playback, mark, index, now)
  const timed = played.atOnce ? measured(ledger, number, mark.sentAt, now) : ledger
  return [
    {
      ...timed,
      roundTrip: RoundTrip.atMost(timed.roundTrip, Playback.longestRoundTrip(playback)),
      items: settled(ledger.items, playedOut(ledger.playback, mark.position), mark.position),
      playback,
      kept: Kept.release(ledger.kept, mark.position - (ledger.keeps.levels ? RECENT_MS * ledger.bytesPerMs : 0)),
      stretches: played.closed === null ? ledger.stretches : withStretch(ledger.stretches, played.closed)
    },
    played.begins
      ? { kind: "started", at: now, underrunMs: mark.within ? played.pauseMs : 0 }
      : { kind: "played", at: now, underrunMs: played.pauseMs }
  ]
}

/**
 * Nothing unsent, and nothing sent that is still unheard. Audio is unheard until its mark is back, or until 1 s after
 * the clock says it must have been played, if the carrier reads.
 */
export const isEmpty = (ledger: Ledger, now: Moment): boolean =>
  ledger.unsent.length === 0 &&
  !ledger.paused &&
  (ledger.playback.marks.length === 0 ||
    (!ledger.congested && now.at > Playback.endOf(ledger.playback, roundTripOf(ledger)) + OVERDUE_MS))

/** Estimated ms until everything that is here has been heard; 0 when empty, or when its last echo is due. */
export const remainingMs = (ledger: Ledger, now: Moment): number =>
  (ledger.unsentBytes + (ledger.paused ? ledger.kept.bytes : 0)) / ledger.bytesPerMs +
  (ledger.playback.marks.length === 0 ? 0 : Math.max(0, Playback.endOf(ledger.playback, roundTripOf(ledger)) - now.at))

/** Was anything of ours audible at carrier time `at`? Known of the current stretch and those just before it. */
export const wasAudible = (ledger: Ledger, at: number, now: Moment): boolean => {
  const isIn = (stretch: Playback.Stretch | null) => stretch !== null && at >= stretch.from && at <= stretch.to
  return (
    isIn(Playback.stretchOf(ledger.playback, now, OVERDUE_MS)) ||
    ledger.cuts.some((cut) => isIn(Cleared.stretchOf(cut, now, roundTripOf(ledger), OVERDUE_MS))) ||
    ledger.stretches.some(isIn)
  )
}

/** Silence the ear at once: a probe and the clear, where there is a stream. Unsent audio is discarded. */
export const clear = (ledger: Ledger, now: Moment, out: Array<Command>): Ledger => {
  const { nextMark, stream } = ledger
  const { generation } = ledger.playback
  if (stream !== null) {
    out.push({ _tag: "Mark", stream, name: markName(generation, nextMark) })
    out.push({ _tag: "Clear", stream })
  }
  const items = ledger.items.filter((account) => account.generation === generation).map(Playback.keyOf)
  return withCut(
    {
      ...ledger,
      nextMark: nextMark + 1,
      unsent: [],
      unsentBytes: 0,
      kept: Kept.empty,
      paused: false,
      playback: Playback.empty(generation + 1, ledger.bytesPerMs)
    },
    Cleared.of(ledger.playback, stream === null ? null : nextMark, now, items)
  )
}

/** All that is unheard could be sent again after a `pause`. */
export const isKept = (ledger: Ledger): boolean => ledger.keeps.audio && ledger.stream !== null && ledger.kept.isWhole

/** A `clear` that may be taken back: what is unheard, and what is received now, waits for `resume` or `giveUp`. */
export const pause = (ledger: Ledger, now: Moment, out: Array<Command>): Ledger => ({
  ...clear(ledger, now, out),
  unsent: ledger.unsent,
  unsentBytes: ledger.unsentBytes,
  kept: ledger.kept,
  paused: true
})

/**
 * Goes on from the byte at which the ear went silent, as the probe said, or as expected where it is not back. What is
 * sent again counts as sent once.
 */
export const resume = (ledger: Ledger, now: Moment, out: Array<Command>): Ledger => {
  const { kept, stream, unsent } = ledger
  const cut = ledger.cuts.at(-1)
  const over: Ledger = { ...ledger, kept: Kept.empty, unsent: [], unsentBytes: 0, paused: false }
  if (!ledger.paused || cut === undefined || stream === null) return over
  const position = Cleared.positionOf(cut, roundTripFor(ledger, cut))
  const rest = Kept.from(kept, position)
  const stretch = Cleared.stretchOf(cut, now, roundTripOf(ledger), OVERDUE_MS)
  const items = settled(ledger.items, cut, position).map((account) => ({
    ...account,
    sentBytes: rest.reduce(
      (sent, piece) => (Playback.isSame(account, piece) ? sent - piece.bytes : sent),
      account.sentBytes
    )
  }))
  const settledCut: Ledger = {
    ...over,
    items,
    cuts: ledger.cuts.slice(0, -1),
    stretches: stretch === null ? ledger.stretches : withStretch(ledger.stretches, stretch)
  }
  return [...rest, ...unsent].reduce(
    (ledger, piece) => (ledger.congested ? hold(ledger, piece) : send(ledger, stream, piece, now, out)),
    settledCut
  )
}

/** The pause was a `clear` after all: what waits is dropped, and settled with the rest. */
export const giveUp = (ledger: Ledger): Ledger => {
  const { generation } = ledger.playback
  const waiting = ledger.items.filter((account) => account.generation === generation).map(Playback.keyOf)
  const cut = ledger.cuts.at(-1)
  if (!ledger.paused || cut === undefined) return ledger
  const items = [...cut.items.filter((key) => !waiting.some((other) => Playback.isSame(key, other))), ...waiting]
  return {
    ...ledger,
    unsent: [],
    unsentBytes: 0,
    kept: Kept.empty,
    paused: false,
    playback: Playback.empty(generation + 1, ledger.bytesPerMs),
    cuts: [...ledger.cuts.slice(0, -1), { ...cut, items }]
  }
}

/** The level of what plays at carrier time `at`, as one character of audio/Level. */
export const levelAt = (ledger: Ledger, at: number): string => {
  const position = Playback.placeOf(ledger.playback, at)
  return position === null ? Level.SILENCE : Kept.levelAt(ledger.kept, position, ledger.bytesPerMs)
}

/** The probe of a clear is outstanding. */
export const isCutting = (ledger: Ledger): boolean =>
  ledger.cuts.some((cut) => cut.probe !== null && cut.silent === null)

/**
 * The final figures of cleared generations: of all whose probe is back or never was sent (call it after each `cut`,
 * and after a clear that leaves nothing outstanding); when there is none, of all others, estimated (call it at the
 * deadline). A probe that comes later is stale.
 */
export const settleCut = (ledger: Ledger, now: Moment): readonly [Ledger, ReadonlyArray<Cut>] => {
  const isDue = (cut: Cleared.Cleared) => cut.silent !== null || cut.probe === null
  const due = ledger.cuts.some(isDue) ? ledger.cuts.filter(isDue) : ledger.cuts
  const told: Array<Cut> = []
  let { items, stretches } = ledger
  for (const cut of due) {
    const position = Cleared.positionOf(cut, roundTripFor(ledger, cut))
    const stretch = Cleared.stretchOf(cut, now, roundTripOf(ledger), OVERDUE_MS)
    items = settled(items, cut, position)
    if (stretch !== null) stretches = withStretch(stretches, stretch)
    for (const key of cut.items) {
      const account = itemOf(items, key)
      if (account === null) continue
      told.push({
        ...Playback.keyOf(account),
        receivedBytes: account.receivedBytes,
        sentBytes: account.sentBytes,
        heardBytes: account.settledBytes,
        estimated: cut.silent === null && cut.sent > 0
      })
    }
  }
  return [{ ...ledger, items, stretches, cuts: ledger.cuts.filter((cut) => !due.includes(cut)) }, told]
}

/** How far an item has come; null when it is not here. */
export const progress = (
  ledger: Ledger,
  now: Moment,
  session: number,
  item: string,
  contentIndex: number
): Progress | null => {
  const account = itemOf(ledger.items, { session, item, contentIndex })
  if (account === null) return null
  const playing = Playback.heardOf(ledger.playback, account, Playback.positionAt(ledger.playback, now.at))
  return {
    receivedBytes: account.receivedBytes,
    sentBytes: account.sentBytes,
    heardBytes: ledger.cuts.reduce(
      (heard, cut) => heard + Playback.heardOf(cut, account, Cleared.positionSoFar(cut, now)),
      account.settledBytes + playing
    )
  }
}

/** The carrier's clock was corrected: what was placed on it moves along (CarrierClock), what was heard stays heard. */
export const correct = (ledger: Ledger, ms: number, first: number): Ledger => {
  if (ms === 0) return ledger
  const corrected = (at: number) => CarrierClock.corrected(at, ms, first)
  const playback = Playback.correct(ledger.playback, ms, first)
  const roundTrip = RoundTrip.correct(ledger.roundTrip, ms, first)
  return {
    ...ledger,
    roundTrip: RoundTrip.atMost(roundTrip, Playback.longestRoundTrip(playback)),
    playback,
    cuts: ledger.cuts.map((cut) => Cleared.correct(cut, ms, first)),
    stretches: ledger.stretches.map(({ from, to }) => ({ from: corrected(from), to: corrected(to) }))
  }
}

/** A frame arrived that ends at `latest`: what came back before it was sent before that. */
export const notAfter = (ledger: Ledger, latest: number): Ledger => {
  const { cuts } = ledger
  const playback = Playback.notAfter(ledger.playback, latest)
  const roundTrip = RoundTrip.notAfter(ledger.roundTrip, latest)
  if (cuts.length === 0 && playback === ledger.playback && roundTrip === ledger.roundTrip) return ledger
  return {
    ...ledger,
    roundTrip: RoundTrip.atMost(roundTrip, Playback.longestRoundTrip(playback)),
    playback,
    cuts: cuts.map((cut) => Cleared.notAfter(cut, latest))
  }
}

/** How long the probe of a clear is worth waiting for, ms. */
export const echoWaitMs = ({ roundTrip }: Ledger): number =>
  roundTrip.ms === null
    ? Limits.cutWaitMostMs
    : Math.max(Limits.cutWaitMs, Math.min(Limits.cutWaitMostMs, Math.ceil(2 * roundTrip.ms)))

/** When the ear went silent, of the last clear whose probe is back and that is not settled. */
export const silence = ({ cuts }: Ledger): Moment | null =>
  cuts.reduce<Moment | null>((last, { silent }) => silent ?? last, null)

/** A settled item leaves the state. */
export const forget = (ledger: Ledger, session: number, item: string, contentIndex: number): Ledger => {
  const key = { session, item, contentIndex }
  const others = <A extends Playback.Key>(list: ReadonlyArray<A>) => list.filter((one) => !Playback.isSame(one, key))
  const unsent = others(ledger.unsent)
  return {
    ...ledger,
    items: others(ledger.items),
    unsent,
    unsentBytes: unsent.reduce((bytes, piece) => bytes + piece.bytes, 0),
    kept: Kept.only(ledger.kept, (one) => !Playback.isSame(one, key)),
    playback: { ...ledger.playback, segments: others(ledger.playback.segments) },
    cuts: ledger.cuts.map((cut) => ({ ...cut, segments: others(cut.segments), items: others(cut.items) }))
  }
}

/** It waits: as plain data, in the generation in which it will be sent. */
const hold = (ledger: Ledger, piece: Kept.Piece): Ledger => ({
  ...ledger,
  items: ledger.items.map((account) =>
    Playback.isSame(account, piece) ? { ...account, generation: ledger.playback.generation } : account
  ),
  unsent: [...ledger.unsent, { ...piece, payload: Payload.toBase64(piece.payload) }],
  unsentBytes: ledger.unsentBytes + piece.bytes
})

/** Something of the item was received and is neither sent nor waiting: what follows would be heard in its place. */
const hasHole = (ledger: Ledger, account: ItemAccount): boolean =>
  ledger.unsent.reduce(
    (bytes, piece) => (Playback.isSame(account, piece) ? bytes + piece.bytes : bytes),
    account.sentBytes
  ) < account.receivedBytes

const send = (ledger: Ledger, stream: number, piece: Kept.Piece, now: Moment, out: Array<Command>): Ledger => {
  const { playback } = ledger
  const { generation } = playback
  let { nextMark } = ledger
  const marks = playback.marks.length < MAX_MARKS ? [...playback.marks] : thinned(playback.marks)
  const mark = (position: number, leading: boolean) => {
    out.push({ _tag: "Mark", stream, name: markName(generation, nextMark) })
    marks.push({ number: nextMark, position, leading, within: leading && piece.from > 0, sentAt: now.at })
    nextMark += 1
  }
  const mayFindEmpty = marks.length === 0 || Playback.endOf(playback, roundTripOf(ledger)) < now.at + LEADING_BELOW_MS
  const sent = playback.sent + piece.bytes
  if (mayFindEmpty) mark(playback.sent, true)
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
  mark(sent, false)
  return {
    ...ledger,
    nextMark,
    items: ledger.items.map((account) =>
      Playback.isSame(account, piece) ? { ...account, sentBytes: account.sentBytes + piece.bytes, generation } : account
    ),
    playback: {
      ...playback,
      sent,
      marks,
      segments: extended(playback, piece)
    },
    kept: kept(ledger, piece)
  }
}

/** Those that are echoed next stay. */
const thinned = (marks: ReadonlyArray<Playback.OutstandingMark>): Array<Playback.OutstandingMark> =>
  marks.filter((_, index) => index < MAX_MARKS / 2 || index % 2 === 0)

const kept = ({ bytesPerMs, keeps, kept, playback }: Ledger, piece: Kept.Piece): Kept.Kept =>
  keeps.audio || keeps.levels
    ? Kept.add(kept, piece, playback.sent, playback.played, Limits.keptMs * bytesPerMs, keeps)
    : kept

const extended = ({ segments, sent }: Playback.Playback, piece: Kept.Piece): ReadonlyArray<Playback.Segment> => {
  const last = segments.at(-1)
  return last !== undefined && Playback.isSame(last, piece) && last.from + last.bytes === sent
    ? [...segments.slice(0, -1), { ...last, bytes: last.bytes + piece.bytes }]
    : [...segments, { ...Playback.keyOf(piece), from: sent, bytes: piece.bytes }].slice(-MAX_SEGMENTS)
}

const echoOfCut = (ledger: Ledger, number: number, now: Moment): readonly [Ledger, Echo] => {
  const cut = ledger.cuts.find((cut) => Cleared.isOf(cut, number))
  if (cut === undefined) return [ledger, STALE]
  const echoed = Cleared.echo(cut, number, now)
  const cuts = ledger.cuts.map((other) => (other === cut ? echoed : other))
  const { silent } = echoed
  if (silent === null) {
    // The first mark of a generation finds an empty buffer: it is echoed at once, never flushed.
    const first = cut.marks.find((mark) => mark.number === number && mark.position === 0 && mark.leading)
    return [{ ...(first === undefined ? ledger : measured(ledger, number, first.sentAt, now)), cuts }, STALE]
  }
  return [
    { ...measured(ledger, number, cut.clearedAt, silent), cuts },
    { kind: "cut", at: silent }
  ]
}

const withStretch = (stretches: ReadonlyArray<Playback.Stretch>, stretch: Playback.Stretch) =>
  [...stretches, stretch].slice(-KEPT_STRETCHES)

/** The part of a playback that leaves it when the mark at `position` is played. */
const playedOut = (playback: Playback.Playback, position: number): Playback.Playback => ({
  ...playback,
  segments: playback.segments.filter((segment) => segment.from + segment.bytes <= position)
})

const settled = (
  items: ReadonlyArray<ItemAccount>,
  playback: Playback.Playback,
  position: number
): ReadonlyArray<ItemAccount> =>
  playback.segments.length === 0
    ? items
    : items.map((account) => {
        const heard = Playback.heardOf(playback, account, position)
        return heard === 0 ? account : { ...account, settledBytes: account.settledBytes + heard }
      })

const withReceived = (ledger: Ledger, key: Playback.Key, bytes: number): ReadonlyArray<ItemAccount> => {
  const { generation } = ledger.playback
  if (itemOf(ledger.items, key) !== null) {
    return ledger.items.map((account) =>
      Playback.isSame(account, key) ? { ...account, receivedBytes: account.receivedBytes + bytes, generation } : account
    )
  }
  const account: ItemAccount = {
    ...Playback.keyOf(key),
    receivedBytes: bytes,
    sentBytes: 0,
    settledBytes: 0,
    generation
  }
  return [...ledger.items, account].slice(-MAX_ITEMS)
}

/** Beyond the bound the two oldest are settled as one, the first as its marks say. */
const withCut = (ledger: Ledger, cut: Cleared.Cleared): Ledger => {
  const [first, second, ...rest] = [...ledger.cuts, cut]
  if (first === undefined || second === undefined || rest.length + 2 <= MAX_CUTS) {
    return { ...ledger, cuts: [...ledger.cuts, cut] }
  }
  return {
    ...ledger,
    items: settled(ledger.items, first, Cleared.played(first).played),
    cuts: [{ ...second, items: [...first.items, ...second.items].slice(-MAX_ITEMS) }, ...rest]
  }
}

const measured = (ledger: Ledger, number: number, sentAt: number, echoed: Moment): Ledger =>
  number < ledger.readsFrom || ledger.congested
    ? ledger
    : { ...ledger, roundTrip: RoundTrip.measured(ledger.roundTrip, sentAt, echoed) }

const roundTripOf = (ledger: Ledger): number => ledger.roundTrip.ms ?? UNKNOWN_ROUND_TRIP_MS

/** What is not measured yet is as long as the mark before a cut has been out, at least. */
const roundTripFor = (ledger: Ledger, cut: Cleared.Cleared): number =>
  ledger.roundTrip.ms ?? Math.min(MAX_WAITED_MS, Math.max(UNKNOWN_ROUND_TRIP_MS, Cleared.waitedMs(cut)))

const itemOf = (items: ReadonlyArray<ItemAccount>, key: Playback.Key): ItemAccount | null =>
  items.find((account) => Playback.isSame(account, key)) ?? null

const markName = (generation: number, number: number): string => `g${generation}-${number}`

const markNumber = (name: string): number | null => {
  const number = /^g\d+-(\d+)$/.exec(name)?.[1]
  return number === undefined ? null : Number(number)
}

const STALE: Echo = { kind: "stale" }
/** A mark leads when less than this is left to play: what is on its way may arrive too late. */
const LEADING_BELOW_MS = 1000
/** An echo that comes this much later than the clock says is given up. */
const OVERDUE_MS = 1000
const UNKNOWN_ROUND_TRIP_MS = 200
/** A mark that is out longer is lost. */
const MAX_WAITED_MS = 1000
const MAX_UNSENT_PIECES = 4096
/** How long the levels of what was heard are looked for. */
const RECENT_MS = 600
const MAX_MARKS = 512
const MAX_ITEMS = 256
const MAX_SEGMENTS = 256
const MAX_CUTS = 8
const KEPT_STRETCHES = 2
