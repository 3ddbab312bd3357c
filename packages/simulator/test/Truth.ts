/**
 * What really happened in a call of the world: read from the carrier's line and ear and from the strict model, never
 * from the machine's own books.
 *
 * The agent's audio must be recognisable for that: give every item audio of its own (`signed`).
 */
import { type Conversation, G711, type PlayBuffer, type SimCarrier, type World } from "@offhook/simulator"
import { assert } from "vitest"

/** One spoken item: what the model generated and remembers, and what became of it at the caller's ear. */
export interface Spoken {
  readonly id: string
  readonly generatedMs: number
  /** What the model believes was heard: all of it, unless it was told otherwise. */
  readonly believedMs: number
  readonly isTold: boolean
  /** How far into the item the ear got. */
  readonly heardMs: number
  /** Each time when playback was cleared and went on later: ms that the ear heard again, or (less than 0) never heard. */
  readonly resumes: ReadonlyArray<number>
  /** When its last byte was heard, and when the carrier discarded the rest, ms; -Infinity where that never happened. */
  readonly heardUntil: number
  readonly clearedAt: number
  /** Something that reached the carrier was never heard. */
  readonly isCut: boolean
}

/** Audio that differs from all other audio in the lowest bit of its bytes: inaudible, and enough to recognise it. */
export const signed = (audio: Uint8Array, signature: number): Uint8Array =>
  audio.map((byte, index) => byte ^ (Math.imul(index + 1, Math.imul(signature + 1, 0x9e3779b1) | 1) >>> 31))

/**
 * All items with audio, in order of the conversation. Fails where a byte reaches the carrier that no item has there, or
 * where the ear hears bytes too late or in another order. An item whose playback was cleared may go on where it was
 * heard, or near that.
 */
export const spoken = ({ models, carrier }: World.World): ReadonlyArray<Spoken> => {
  const items = models.flatMap((model) => model.items.flatMap(withAudio))
  const books = items.map(
    (): Book => ({
      sent: 0,
      heard: 0,
      resumes: [],
      heardUntil: -Infinity,
      clearedAt: -Infinity
    })
  )
  let current = 0
  /** The item and the byte: behind what was sent, else where something cleared goes on, else where an item begins. */
  const placeOf = (payload: Uint8Array): readonly [index: number, from: number] => {
    const sent = books[current]?.sent ?? 0
    if (holds(items[current]?.clip, payload, sent)) return [current, sent]
    for (const [index, { clip }] of items.entries()) {
      const from = resumption(clip, payload, books[index])
      if (from !== undefined) return [index, from]
    }
    return [items.findIndex(({ clip }, index) => books[index]?.sent === 0 && holds(clip, payload, 0)), 0]
  }
  for (const { payload, heard, until, clearedAt } of messages(carrier.ear)) {
    const [index, from] = placeOf(payload)
    assert.isDefined(items[index], "the carrier received audio that no item has at this place")
    const one = books[index]
    assert.isDefined(one)
    current = index
    if (from !== one.sent) {
      if (one.heard > 0 || from > 0) one.resumes.push((one.heard - from) / G711.BYTES_PER_MS)
    } else if (heard > 0) assert.strictEqual(one.heard, from, "the ear heard an item with a hole in it")
    if (heard > 0) {
      one.heard = from + heard
      one.heardUntil = until
    }
    one.sent = from + payload.length
    one.clearedAt = Math.max(one.clearedAt, clearedAt)
  }
  return items.map(({ id, isDeleted, generatedMs, keptMs }, index) => {
    const book = books[index]
    return {
      id,
      generatedMs,
      believedMs: isDeleted ? 0 : (keptMs ?? generatedMs),
      isTold: isDeleted || keptMs !== null,
      heardMs: (book?.heard ?? 0) / G711.BYTES_PER_MS,
      resumes: book?.resumes ?? [],
      heardUntil: book?.heardUntil ?? -Infinity,
      clearedAt: book?.clearedAt ?? -Infinity,
      isCut: book !== undefined && book.heard < book.sent
    }
  })
}

/** Bytes and ms. */
interface Book {
  sent: number
  heard: number
  heardUntil: number
  clearedAt: number
  readonly resumes: Array<number>
}

/** Where a message goes on with an item of which something was sent that nobody heard. */
const resumption = (clip: Uint8Array, payload: Uint8Array, book: Book | undefined): number | undefined => {
  if (book === undefined || book.heard === book.sent) return undefined
  const place = Buffer.from(clip.buffer, clip.byteOffset, clip.length).indexOf(
    payload,
    Math.max(0, book.heard - resumeSlackBytes)
  )
  return place < 0 || place > book.heard + resumeSlackBytes ? undefined : place
}

/** Farther from what was heard nothing goes on. */
const resumeSlackBytes = 100 * G711.BYTES_PER_MS

const withAudio = (item: Conversation.Item) =>
  item.content.flatMap((part) =>
    part.type === "output_audio" ? [{ id: item.id, isDeleted: item.deleted, ...part }] : []
  )

const holds = (clip: Uint8Array | undefined, part: Uint8Array, at: number): boolean =>
  clip !== undefined && Buffer.compare(clip.subarray(at, at + part.length), part) === 0

interface Message {
  readonly payload: Uint8Array
  /** Bytes. */
  readonly heard: number
  readonly until: number
  readonly clearedAt: number
}

/** The media messages of the carrier's only stream, put together from what was heard of them and what was cleared. */
const messages = (ear: SimCarrier.Ear): ReadonlyArray<Message> => {
  const parts = new Map<number, Array<PlayBuffer.Span>>()
  const clearedAt = new Map<number, number>()
  const heard = new Map<number, PlayBuffer.Span>()
  for (const span of [...ear.heard, ...ear.cleared]) {
    const some = parts.get(span.message)
    if (some === undefined) parts.set(span.message, [span])
    else some.push(span)
  }
  for (const span of ear.cleared) clearedAt.set(span.message, span.clearedAt)
  for (const [index, span] of ear.heard.entries()) {
    assert.isAbove(span.message, ear.heard[index - 1]?.message ?? -1, "the ear heard messages out of order")
    heard.set(span.message, span)
  }
  return Array.from({ length: parts.size }, (_, message) => {
    const spans = (parts.get(message) ?? []).sort((a, b) => a.from - b.from)
    spans.forEach((span, index) => {
      assert.strictEqual(span.from, spans[index - 1]?.to ?? 0, `message ${message} has a hole`)
    })
    const first = heard.get(message)
    assert.strictEqual(first?.from ?? 0, 0, `message ${message} is heard from its middle`)
    return {
      payload: Buffer.concat(spans.map(({ payload }) => payload)),
      heard: first?.to ?? 0,
      until: first === undefined ? -Infinity : first.at + first.to / G711.BYTES_PER_MS,
      clearedAt: clearedAt.get(message) ?? -Infinity
    }
  })
}

const nothing = new Uint8Array(0)

/**
 * How many of the caller's frames reached the model. Fails where a byte arrived that the caller did not send: between
 * two frames there is silence as long as the frames that the carrier left out, `gapFilledMs` at most, and where media
 * stopped in the caller's speech `speechGapFilledMs` ahead of that; there is none where no frame was left out.
 */
export const framesReceived = ({ models, carrier }: World.World): number => {
  const received = models[0]?.received.bytes() ?? nothing
  let position = 0
  let expected = carrier.sent[0]?.timestamp ?? 0
  for (const [index, { payload, timestamp }] of carrier.sent.entries()) {
    if (position === received.length) return index
    const missingMs = timestamp - expected
    const ahead = missingMs >= speechGapMs ? [0, speechGapFilledMs] : [0]
    const filling = ahead
      .map((ms) => (ms + Math.min(Math.max(0, missingMs - ms), gapFilledMs)) * G711.BYTES_PER_MS)
      .find((bytes) => isSilent(received, position, position + bytes) && holds(received, payload, position + bytes))
    if (filling === undefined && isSilent(received, position, received.length)) return index
    assert.isDefined(filling, `frame ${index} is not what the model hears next`)
    position += filling + payload.length
    expected = timestamp + payload.length / G711.BYTES_PER_MS
  }
  assert.isTrue(isSilent(received, position, received.length), "the model heard more than the caller said")
  return carrier.sent.length
}

const gapFilledMs = 10_000
/** Media stopped for 750 ms, as who counts them sees it: between the frames around the gap, over a line with jitter. */
const speechGapMs = 700
const speechGapFilledMs = 1_000

const isSilent = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let index = from; index < to; index++) if (bytes[index] !== G711.SILENCE) return false
  return to <= bytes.length
}
