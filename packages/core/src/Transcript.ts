/**
 * What was said in a call, as turns in the order of the conversation: of the caller, what the model understood; of the
 * agent, the text that was generated, the part of it that was sent, and the part of it that was heard.
 *
 * An item is a place in the model's conversation. Its turns (one of a caller's item, one for each audio content of an
 * agent's in which anything was said) settle once they are final and everything before them has left. Links are items
 * without a turn: function calls, their outputs, system texts; they only carry the order.
 *
 * Order. Items stand in the chain of `previous_item_id`, however they arrive: a new item goes behind its predecessor,
 * and items that were waiting for it go behind it. An item that was never heard, or an aside of the caller, is skipped on the
 * way, for the model deleted it and chains the next item to the one before. A predecessor that is unknown or has left orders by arrival.
 *
 * Text and audio. The text of an item runs ahead of its audio, so text that arrives when `b` bytes of audio had been
 * received is spoken after `b`: an anchor, an upper bound on what is spoken by then. Where the text is at `b` bytes is
 * estimated by the lowest line that can be drawn: the largest convex curve from the start of the item to its end that
 * lies under every anchor. Speech at a steady rate is met exactly, however far ahead its text came. Of an item whose
 * generation was cancelled the end is where it stopped, so that text which was ahead of the audio then still counts.
 *
 * Invariants
 * 1. Turns settle in order, each once. A caller's turn waits at most 10 s for its transcription (then its text is null)
 *    and for its place in the chain, an agent's for `spoken`. An agent's item that brings neither text nor audio for
 *    10 s is a link.
 * 2. `heard` begins as `sent` does, and `sent` as `generated`; each ends at a word, and in " …" where something is
 *    missing.
 * 3. Bounded: 8,192 characters of text an item, 128 anchors a content, 16 contents an item, 128 items waiting (beyond
 *    them the first is settled with what is known), 64 turns of 32,768 characters together in the tail.
 */

import type { Command, Turn } from "./Command.ts"
import type {
  Millis,
  ModelItemAdded,
  ModelSpeechCommitted,
  ModelText,
  ModelTranscribed,
  ModelTranscriptionFailed
} from "./Event.ts"

export interface Transcript {
  readonly waiting: ReadonlyArray<Item>
  /** The last items that left, so that a late announcement does not bring one back. */
  readonly left: ReadonlyArray<Place>
  readonly settled: ReadonlyArray<Turn>
  /** The latest time seen: when an item that only `spoken` names began. */
  readonly at: Millis
}

interface Place {
  readonly session: number
  readonly item: string
}

interface Waiting extends Place {
  readonly previous: string | null
  /** False while only its text, not its place in the conversation is known. */
  readonly announced: boolean
  readonly at: Millis
}

type Item = Agent | Caller | Link

interface Link extends Waiting {
  readonly speaker: "none"
}

interface Caller extends Waiting {
  readonly speaker: "caller"
  readonly text: string | null
  readonly final: boolean
  readonly cut: boolean
  readonly aside: boolean
}

interface Agent extends Waiting {
  readonly speaker: "agent"
  readonly contents: ReadonlyArray<Content>
  /** The model was told to delete it. */
  readonly deleted: boolean
}

interface Content extends AnchoredText {
  readonly contentIndex: number
  readonly figures: Figures | null
  readonly protected: boolean
}

/** The text of one audio content and where it stands in the audio. */
export interface AnchoredText {
  readonly text: string
  /** Of the whole text, the part that was not kept included. */
  readonly length: number
  readonly anchors: ReadonlyArray<Anchor>
}

/** By `bytes` of audio no more than `length` characters are spoken. */
export interface Anchor {
  readonly bytes: number
  readonly length: number
}

/** How far one audio content came, in bytes from its start; `bytesPerMs` is 8 for G.711. */
export interface Figures {
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly heardBytes: number
  readonly bytesPerMs: number
}

export const initial: Transcript = { waiting: [], left: [], settled: [], at: 0 }

/** An item entered the conversation: a turn for a message of the assistant or the user, a link otherwise. */
export const added = (t: Transcript, event: ModelItemAdded): Transcript => {
  if (event.kind !== "message" || event.role === "system" || event.role === null) {
    return announce(t, event, (place) => ({ ...place, speaker: "none" }))
  }
  if (event.role === "assistant") return announce(t, event, silentAgent)
  return announce(t, event, unheardCaller)
}

/** The caller's utterance became an item; `added` for the same item may come before or after. */
export const committed = (t: Transcript, event: ModelSpeechCommitted): Transcript => announce(t, event, unheardCaller)

/** More of an item's transcript, which arrived when `receivedBytes` of this content's audio had. */
export const text = (t: Transcript, event: ModelText, receivedBytes: number): Transcript =>
  withContent(t, event, event.contentIndex, event.at, (before, room) =>
    before.figures !== null
      ? before
      : {
          ...before,
          text: before.length > before.text.length ? before.text : before.text + clip(event.text, room),
          length: before.length + event.text.length,
          anchors: anchor(before.anchors, { bytes: receivedBytes, length: before.length })
        }
  )

/** What the caller said, or that nobody will know. */
export const transcribed = (t: Transcript, event: ModelTranscribed | ModelTranscriptionFailed): Transcript => {
  const known = find(t, event)
  if (hasLeft(t, event) || (known !== undefined && known.speaker !== "caller")) return t
  return put(t, known, said(known ?? unheardCaller(unannounced(event, event.at)), understood(event)), event.at)
}

/** What the caller said was no speech to listen to; the model forgets it, so that the next item follows the one before. */
export const aside = (t: Transcript, session: number, item: string): Transcript => {
  const known = find(t, { session, item })
  return known?.speaker === "caller" ? put(t, known, { ...known, aside: true }, t.at) : t
}

/** The model is told to forget an item of its own, so that the next one follows the one before. */
export const deleted = (t: Transcript, session: number, item: string): Transcript => {
  const known = find(t, { session, item })
  return known?.speaker === "agent" ? put(t, known, { ...known, deleted: true }, t.at) : t
}

/** What the caller said, null where nobody will know; undefined while it is not known. */
export const words = (t: Transcript, session: number, item: string): string | null | undefined => {
  const known = find(t, { session, item })
  return known?.speaker === "caller" && known.final ? known.text : undefined
}

/** A text of ours that stands for the caller, under an id of ours: the keys they pressed. */
export const keyed = (t: Transcript, session: number, item: string, text: string, at: Millis): Transcript =>
  put(t, find(t, { session, item }), said(unheardCaller(unannounced({ session, item }, at)), text), at)

/**
 * One audio content is final: heard to its end, cut, or never heard (or a text without audio: figures of 0 bytes).
 * Text that arrives later belongs to a response that was cancelled, and is dropped.
 */
export const spoken = (
  t: Transcript,
  session: number,
  item: string,
  contentIndex: number,
  figures: Figures,
  isProtected = false
): Transcript =>
  withContent(t, { session, item }, contentIndex, t.at, (before) => ({ ...before, figures, protected: isProtected }))

/** The item that leaves next though it is not final, as too many wait behind it; null where none does. */
export const overflowing = (t: Transcript): Place | null =>
  t.waiting.length > maxWaiting ? (t.waiting[0] ?? null) : null

/** Every turn that can leave, as `Settled`; to be called after each step, then `nextDeadline` is null or later. */
export const settle = (t: Transcript, at: Millis, out: Array<Command>): Transcript => {
  let count = 0
  for (const item of t.waiting) {
    const behind = t.waiting.length - count - 1
    if (dueAt(item, behind) > at && behind < maxWaiting) break
    count++
  }
  return leave(t, count, at, out)
}

/** The call is over: everything leaves, in order, with what is known. */
export const close = (t: Transcript, at: Millis, out: Array<Command>): Transcript => leave(t, t.waiting.length, at, out)

/** When the first item stops waiting for its transcription. */
export const nextDeadline = (t: Transcript): Millis | null => {
  const first = t.waiting[0]
  const due = first === undefined ? never : dueAt(first, t.waiting.length - 1)
  return due === never || due === now ? null : due
}

/** The last settled turns, oldest first: what a new session is told of the call. */
export const tail = (t: Transcript): ReadonlyArray<Turn> => t.settled

/**
 * The part of the text that was spoken in the first `bytes` of `receivedBytes`: all, nothing, or up to the last whole
 * word, with " …".
 */
export const heardText = (spoken: AnchoredText, bytes: number, receivedBytes: number): string => {
  if (bytes <= 0) return ""
  if (bytes >= receivedBytes) return spoken.text
  const words = spoken.text.slice(0, wordEnd(spoken.text, position(spoken, bytes, receivedBytes))).trimEnd()
  return words === "" ? ellipsis : `${words} ${ellipsis}`
}

const announce = (
  t: Transcript,
  event: ModelItemAdded | ModelSpeechCommitted,
  make: (place: Waiting) => Item
): Transcript => {
  const known = find(t, event)
  if (hasLeft(t, event) || known?.announced === true) return t
  const { at, item, previous, session } = event
  const here: Waiting = { session, item, previous, announced: true, at }
  const waiting = t.waiting.filter((other) => other !== known)
  return insert({ ...t, waiting, at }, known === undefined ? make(here) : { ...known, ...here, at: known.at })
}

const silentAgent = (place: Waiting): Agent => ({ ...place, speaker: "agent", contents: [], deleted: false })

const unheardCaller = (place: Waiting): Caller => ({
  ...place,
  speaker: "caller",
  text: null,
  final: false,
  cut: false,
  aside: false
})

const unannounced = ({ item, session }: Place, at: Millis): Waiting => ({
  session,
  item,
  previous: null,
  announced: false,
  at
})

const understood = (event: ModelTranscribed | ModelTranscriptionFailed): string | null =>
  event._tag === "ModelTranscribed" ? event.text : null

const said = (item: Caller, text: string | null): Caller => ({
  ...item,
  text: text === null ? null : clip(text, maxText),
  final: true,
  cut: text !== null && text.length > maxText
})

const isSame = (a: Place, b: Place): boolean => a.item === b.item && a.session === b.session

const find = (t: Transcript, place: Place): Item | undefined => t.waiting.find((item) => isSame(item, place))

const hasLeft = (t: Transcript, place: Place): boolean => t.left.some((item) => isSame(item, place))

/** Puts an item in the place of the one it replaces, or where it belongs. */
const put = (t: Transcript, known: Item | undefined, item: Item, at: Millis): Transcript =>
  known === undefined
    ? insert({ ...t, at }, item)
    : { ...t, at, waiting: t.waiting.map((other) => (other === known ? item : other)) }

const insert = (t: Transcript, item: Item): Transcript => {
  const follows = (a: Item, b: Place) => a.session === b.session && a.previous === b.item
  const predecessor = t.waiting.findIndex((other) => item.previous !== null && follows(item, other))
  const successor = t.waiting.findIndex((other) => follows(other, item))
  const later = t.waiting.findIndex((other) => other.session > item.session)
  const end = lastAnnounced(t, item, later === -1 ? t.waiting.length : later)
  if (predecessor === -1) {
    const index = successor === -1 ? end : successor
    return { ...t, waiting: [...t.waiting.slice(0, index), item, ...t.waiting.slice(index)] }
  }
  const run: Array<Item> = [item]
  const rest: Array<Item> = []
  for (const other of t.waiting) (run.some((known) => follows(other, known)) ? run : rest).push(other)
  let index = rest.findIndex((other) => follows(item, other)) + 1
  while (index < rest.length && isForgotten(rest[index]) && rest[index]?.session === item.session) index++
  return { ...t, waiting: [...rest.slice(0, index), ...run, ...rest.slice(index)] }
}

/** The keys that were sent to the model stand behind what it announces before it announces them. */
const lastAnnounced = ({ waiting }: Transcript, { announced, session }: Item, end: number): number => {
  const isOnItsWay = (other: Item | undefined) =>
    other?.speaker === "caller" && !other.announced && other.session === session
  let index = end
  while (announced && isOnItsWay(waiting[index - 1])) index--
  return index
}

/** The model deleted it. */
const isForgotten = (item: Item | undefined): boolean => (item?.speaker === "caller" ? item.aside : wasNeverHeard(item))

const wasNeverHeard = (item: Item | undefined): boolean =>
  item?.speaker === "agent" &&
  (item.deleted || (item.contents.length > 0 && item.contents.every((it) => it.figures?.heardBytes === 0)))

const withContent = (
  t: Transcript,
  where: Place,
  contentIndex: number,
  at: Millis,
  change: (before: Content, room: number) => Content
): Transcript => {
  const known = find(t, where)
  if (hasLeft(t, where) || (known !== undefined && known.speaker !== "agent")) return t
  const item: Agent = known ?? silentAgent(unannounced(where, at))
  const before = item.contents.find((it) => it.contentIndex === contentIndex)
  if (before === undefined && item.contents.length >= maxContents) return t
  const room = maxText - item.contents.reduce((sum, it) => sum + it.text.length, 0)
  const after = change(
    before ?? { contentIndex, text: "", length: 0, anchors: [], figures: null, protected: false },
    room
  )
  const contents = [...item.contents.filter((it) => it !== before), after]
  contents.sort((a, b) => a.contentIndex - b.contentIndex)
  return put(t, known, { ...item, contents }, at)
}

/** When an item leaves that has `behind` others behind it; `now` for a final one. */
const dueAt = (item: Item, behind: number): Millis => {
  if (item.speaker === "none") return now
  if (item.speaker === "caller") return item.final && item.announced ? now : item.at + patienceMs
  if (item.contents.length === 0) return behind > 0 ? item.at + patienceMs : never
  return item.contents.every((it) => it.figures !== null) ? now : never
}

const leave = (t: Transcript, count: number, at: Millis, out: Array<Command>): Transcript => {
  if (count === 0) return t
  const leaving = t.waiting.slice(0, count)
  const settled = [...t.settled]
  for (const item of leaving) {
    for (const turn of turns(item)) {
      out.push({ _tag: "Settled", turn })
      settled.push(turn)
    }
    if (isCut(item)) out.push({ _tag: "Note", note: { what: "text cut", detail: item.item } })
  }
  return {
    ...t,
    at,
    waiting: t.waiting.slice(count),
    left: [...t.left, ...leaving.map(({ item, session }) => ({ session, item }))].slice(-maxLeft),
    settled: bounded(settled)
  }
}

const turns = (item: Item): ReadonlyArray<Turn> => {
  if (item.speaker === "none") return []
  const { at, session } = item
  if (item.speaker === "caller")
    return [{ speaker: "caller", session, item: item.item, at, text: item.text, aside: item.aside }]
  return item.contents.filter(isSomething).map((it) => {
    const { bytesPerMs, heardBytes, receivedBytes, sentBytes } = it.figures ?? unknownFigures
    return {
      speaker: "agent",
      session,
      item: item.item,
      contentIndex: it.contentIndex,
      at,
      generated: it.text,
      sent: heardText(it, sentBytes, receivedBytes),
      heard: heardText(it, heardBytes, receivedBytes),
      generatedMs: ms(receivedBytes, bytesPerMs),
      sentMs: ms(sentBytes, bytesPerMs),
      heardMs: ms(heardBytes, bytesPerMs),
      interrupted: it.figures === null || heardBytes < receivedBytes,
      protected: it.protected
    }
  })
}

/** A response that was cancelled at once leaves contents in which nothing was said. */
const isSomething = (content: Content): boolean => content.text !== "" || (content.figures?.receivedBytes ?? 0) > 0

const ms = (bytes: number, bytesPerMs: number): Millis => Math.floor(bytes / bytesPerMs)

const isCut = (item: Item): boolean =>
  item.speaker === "caller"
    ? item.cut
    : item.speaker === "agent" && item.contents.some((it) => it.length > it.text.length)

const bounded = (settled: ReadonlyArray<Turn>): ReadonlyArray<Turn> => {
  let kept = 0
  let room = maxTailText
  for (const turn of settled.slice(-maxTailTurns).reverse()) {
    room -= size(turn)
    if (room < 0) break
    kept++
  }
  return settled.slice(settled.length - kept)
}

const size = (turn: Turn): number =>
  turn.speaker === "caller" ? (turn.text ?? "").length : turn.generated.length + turn.sent.length + turn.heard.length

/** Keeps the anchors convex: one that lies above the line between its neighbours bounds nothing. */
const anchor = (anchors: ReadonlyArray<Anchor>, next: Anchor): ReadonlyArray<Anchor> => {
  if (anchors.some(({ bytes, length }) => bytes >= next.bytes && length <= next.length)) return anchors
  const kept = [...below(anchors, next), next]
  return kept.length > maxAnchors ? kept.filter((_, index) => index % 2 === 0) : kept
}

/** Without the last ones that lie above the line to `next`. */
const below = (anchors: ReadonlyArray<Anchor>, next: Anchor): ReadonlyArray<Anchor> => {
  const kept = [...anchors]
  for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
    if (!isAbove(last, kept.at(-1) ?? start, next)) return [...kept, last]
  }
  return kept
}

const isAbove = (middle: Anchor, from: Anchor, to: Anchor): boolean =>
  (middle.length - from.length) * (to.bytes - from.bytes) >= (to.length - from.length) * (middle.bytes - from.bytes)

const position = ({ anchors, length }: AnchoredText, bytes: number, receivedBytes: number): number => {
  const end: Anchor = { bytes: receivedBytes, length }
  const before = anchors.filter((it) => it.bytes < receivedBytes)
  const curve = below(before, end)
  const to = curve.find((it) => bytes <= it.bytes) ?? end
  const from = curve.filter((it) => it.bytes < bytes).at(-1) ?? start
  return Math.floor(from.length + ((to.length - from.length) * (bytes - from.bytes)) / (to.bytes - from.bytes))
}

/** The last end of a word at or before `at`; in scripts without spaces every character ends one. */
const wordEnd = (whole: string, at: number): number => {
  for (let end = Math.min(at, whole.length); end > 0; end--) {
    if (end === whole.length || /\s/.test(whole.charAt(end))) return end
    if (unspaced.test(whole.charAt(end - 1)) && !continues.test(whole.charAt(end))) return end
  }
  return 0
}

/** Never splits a surrogate pair. */
const clip = (whole: string, room: number): string => {
  if (whole.length <= room) return whole
  const end = /[\uD800-\uDBFF]/.test(whole.charAt(room - 1)) ? room - 1 : room
  return whole.slice(0, Math.max(end, 0))
}

const start: Anchor = { bytes: 0, length: 0 }
const unknownFigures: Figures = { receivedBytes: 0, sentBytes: 0, heardBytes: 0, bytesPerMs: 1 }
const ellipsis = "\u2026"
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u
const continues = /[\p{M}\u30FC]/u
const now = Number.NEGATIVE_INFINITY
const never = Number.POSITIVE_INFINITY
const patienceMs = 10_000
const maxAnchors = 128
const maxContents = 16
const maxLeft = 128
const maxTailText = 32_768
const maxTailTurns = 64
const maxText = 8_192
const maxWaiting = 128
