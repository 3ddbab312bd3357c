/**
 * The person who calls: a script of steps, and the microphone.
 *
 * A step waits for its moment, then acts; the next one begins when the act is over (a clip said to its end, all digits
 * pressed). Times are ms on the carrier's clock. The microphone gives one frame after another; a clip may begin and end
 * inside a frame; between clips the line is silent (0xFF) or carries noise.
 *
 * 1. Every byte of a clip is in exactly one frame, in order, from the one that covers the moment it began.
 * 2. A step always comes: where the agent does not do what is waited for, `orAfter` decides.
 */
import * as Base64 from "./Base64.ts"
import type { Random } from "./Random.ts"

/** What the caller says and does, one after another, and when. */
export type CallerScript = ReadonlyArray<Step>

export interface Step {
  readonly when: When
  readonly act: Act
}

export type When =
  /** `ms` after the step before (after the stream's start, for the first). */
  | { readonly _tag: "After"; readonly ms: number }
  /** `ms` after the stream's start, where that is later than the step before. */
  | { readonly _tag: "At"; readonly ms: number }
  /** `ms` after the agent's audio starts at the ear: a barge-in. Audio already playing counts from its start. */
  | { readonly _tag: "AgentSpeaking"; readonly ms: number; readonly orAfter: number }
  /** The agent has spoken since the step before, was not cut off by it, and has been silent for `ms`. */
  | { readonly _tag: "AgentSilent"; readonly ms: number; readonly orAfter: number }

export type Act =
  /** Several pieces are said as one; the same piece may stand there many times. Keys are pressed while it lasts. */
  | {
      readonly _tag: "Say"
      readonly clip: string
      readonly audio: Uint8Array | ReadonlyArray<Uint8Array>
      readonly keys?: ReadonlyArray<Key>
    }
  | { readonly _tag: "Press"; readonly digits: string; readonly everyMs: number }
  | { readonly _tag: "HangUp" }
  | { readonly _tag: "Wait" }

/** `ms` after the speech began. */
export interface Key {
  readonly ms: number
  readonly digit: string
}

export const now: When = { _tag: "After", ms: 0 }
export const after = (ms: number): When => ({ _tag: "After", ms })
export const at = (ms: number): When => ({ _tag: "At", ms })
export const agentSpeaking = (ms: number, orAfter = 15_000): When => ({ _tag: "AgentSpeaking", ms, orAfter })
export const agentSilent = (ms: number, orAfter = 15_000): When => ({ _tag: "AgentSilent", ms, orAfter })

/** `audio`: mu-law, 8 kHz. */
export const say = (
  clip: string,
  audio: Uint8Array | ReadonlyArray<Uint8Array>,
  when: When,
  keys: ReadonlyArray<Key> = []
): Step => ({ when, act: { _tag: "Say", clip, audio, keys } })
export const press = (digits: string, when: When, everyMs = 250): Step => ({
  when,
  act: { _tag: "Press", digits, everyMs }
})
export const hangUp = (when: When): Step => ({ when, act: { _tag: "HangUp" } })
export const wait = (when: When): Step => ({ when, act: { _tag: "Wait" } })

/** Never changed once it is given; frames of silence come again. */
export interface Frame {
  readonly payload: Uint8Array
  readonly base64: string
  readonly silent: boolean
}

export interface Listener {
  readonly speaking: (at: number, clip: string, bytes: number) => void
  readonly quiet: (at: number, clip: string) => void
  readonly pressed: (at: number, digit: string) => void
  readonly hungUp: (at: number) => void
}

export interface Caller {
  /** The microphone is heard from here: the first frame's first byte belongs to `from`. */
  readonly connected: (at: number, from: number) => void
  readonly disconnected: (at: number) => void
  readonly agentStarted: (at: number) => void
  readonly agentEnded: (at: number, cleared: boolean) => void
  /** Does what is due at or before `at`. */
  readonly advance: (at: number) => void
  readonly nextDeadline: () => number | undefined
  readonly frame: () => Frame
}

export interface Options {
  readonly script: CallerScript
  readonly frameBytes: number
  readonly listener: Listener
  /** Noise on the line of about -60 dBFS, seeded; silence without. */
  readonly noise?: Random
}

export const make = (options: Options): Caller => new Person(options)

/** Shorter holes in the agent's audio are the network's, not the agent's. */
const sameSpeechMs = 100

const bytesPerMs = 8

/** Said from byte `start` of the line up to `end`. */
interface Clip {
  readonly name: string
  readonly start: number
  readonly end: number
  readonly pieces: ReadonlyArray<Uint8Array>
  /** The piece being said, and where on the line it begins. */
  piece: number
  pieceStart: number
}

class Person implements Caller {
  private readonly script: CallerScript
  private readonly frameBytes: number
  private readonly listener: Listener
  private readonly background: () => Frame

  private index = 0
  /** When the step before was over; undefined while nobody listens. */
  private base: number | undefined
  private from = 0
  /** Bytes of the line given since `from`. */
  private position = 0
  private clip: Clip | undefined
  /** The last clip said: its end may lie in a frame that has not been given yet. */
  private clipBefore: Clip | undefined
  private keys: ReadonlyArray<{ readonly due: number; readonly digit: string }> = []
  private digits: { readonly act: string; readonly everyMs: number; next: number; due: number } | undefined

  private agentPlaying = false
  private agentSince = -Infinity
  private agentUntil = -Infinity
  private agentCut = false

  constructor({ script, frameBytes, listener, noise }: Options) {
    this.script = script
    this.frameBytes = frameBytes
    this.listener = listener
    const silence = new Heard(new Uint8Array(frameBytes).fill(0xff), true)
    this.background = noise === undefined ? () => silence : noisy(noise, frameBytes)
  }

  connected(at: number, from: number): void {
    this.base = at
    this.from = from
    this.position = 0
    this.clipBefore = undefined
  }

  disconnected(at: number): void {
    if (this.clip !== undefined) this.listener.quiet(at, this.clip.name)
    if (this.clip !== undefined || this.digits !== undefined) this.index++
    this.clip = undefined
    this.keys = []
    this.digits = undefined
    this.base = undefined
  }

  agentStarted(at: number): void {
    if (this.agentCut || at - this.agentUntil > sameSpeechMs) this.agentSince = at
    this.agentPlaying = true
    this.agentCut = false
  }

  agentEnded(at: number, cleared: boolean): void {
    this.agentPlaying = false
    this.agentUntil = at
    this.agentCut = cleared
  }

  nextDeadline(): number | undefined {
    if (this.base === undefined) return undefined
    if (this.clip !== undefined) {
      const over = this.timeOf(this.clip.end)
      const key = this.keys[0]
      return key !== undefined && key.due < over ? key.due : over
    }
    if (this.digits !== undefined) return this.digits.due
    const step = this.script[this.index]
    return step === undefined ? undefined : this.due(step.when, this.base)
  }

  advance(at: number): void {
    for (let due = this.nextDeadline(); due !== undefined && due <= at; due = this.nextDeadline()) this.happen(due)
  }

  frame(): Frame {
    const start = this.position
    const end = start + this.frameBytes
    this.position = end
    const background = this.background()
    const before = covers(this.clipBefore, start, end)
    const current = covers(this.clip, start, end)
    if (before === undefined && current === undefined) return background
    const whole =
      current !== undefined && current.start <= start && end <= current.end ? view(current, start, end) : undefined
    if (whole !== undefined) return new Heard(whole, false)
    const payload = background.payload.slice()
    if (before !== undefined) overlay(payload, start, before)
    if (current !== undefined) overlay(payload, start, current)
    return new Heard(payload, false)
  }

  private due(when: When, base: number): number | undefined {
    switch (when._tag) {
      case "After":
        return base + when.ms
      case "At":
        return Math.max(base, this.from + when.ms)
      case "AgentSpeaking":
        return this.agentPlaying
          ? Math.max(base, this.agentSince + when.ms)
          : Math.max(base, this.agentUntil) + when.orAfter
      case "AgentSilent": {
        if (this.agentPlaying) return undefined
        const answered = this.agentUntil > base && !(this.agentCut && this.agentSince < base)
        return answered ? this.agentUntil + when.ms : base + when.orAfter
      }
    }
  }

  private happen(at: number): void {
    if (this.clip !== undefined) {
      const key = this.keys[0]
      if (key !== undefined && key.due <= at) {
        this.keys = this.keys.slice(1)
        this.listener.pressed(at, key.digit)
        return
      }
      this.listener.quiet(at, this.clip.name)
      this.clipBefore = this.clip
      this.clip = undefined
      this.keys = []
      this.next(at)
      return
    }
    if (this.digits !== undefined) {
      this.listener.pressed(at, this.digits.act.charAt(this.digits.next))
      this.digits.next++
      this.digits.due = at + this.digits.everyMs
      if (this.digits.next === this.digits.act.length) {
        this.digits = undefined
        this.next(at)
      }
      return
    }
    const act = this.script[this.index]?.act
    switch (act?._tag) {
      case "Say": {
        const pieces = (act.audio instanceof Uint8Array ? [act.audio] : act.audio).filter(({ length }) => length > 0)
        const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
        const start = this.byteAt(at)
        this.clip = { name: act.clip, start, end: start + bytes, pieces, piece: 0, pieceStart: start }
        this.keys = (act.keys ?? []).map(({ ms, digit }) => ({ due: at + ms, digit })).sort((a, b) => a.due - b.due)
        this.listener.speaking(at, act.clip, bytes)
        return
      }
      case "Press":
        if (act.digits === "") this.next(at)
        else this.digits = { act: act.digits, everyMs: act.everyMs, next: 0, due: at }
        return
      case "HangUp":
        this.next(at)
        this.listener.hungUp(at)
        return
      case "Wait":
        this.next(at)
    }
  }

  private next(at: number): void {
    this.index++
    this.base = at
  }

  private byteAt(at: number): number {
    return Math.max(this.position, Math.ceil((at - this.from) * bytesPerMs - 1e-6))
  }

  private timeOf(byte: number): number {
    return this.from + byte / bytesPerMs
  }
}

/** A frame in which something is to be heard. */
export const loud = (payload: Uint8Array): Frame => new Heard(payload, false)

class Heard implements Frame {
  readonly payload: Uint8Array
  readonly silent: boolean
  private text: string | undefined

  constructor(payload: Uint8Array, silent: boolean) {
    this.payload = payload
    this.silent = silent
  }

  get base64(): string {
    this.text ??= Base64.encode(this.payload)
    return this.text
  }
}

const covers = (clip: Clip | undefined, start: number, end: number): Clip | undefined =>
  clip !== undefined && clip.start < end && clip.end > start ? clip : undefined

/** The piece that is said at byte `at` of the line; asked in order. */
const pieceAt = (clip: Clip, at: number): Uint8Array | undefined => {
  let piece = clip.pieces[clip.piece]
  while (piece !== undefined && clip.pieceStart + piece.length <= at) {
    clip.pieceStart += piece.length
    piece = clip.pieces[++clip.piece]
  }
  return piece
}

/** Bytes `start` to `end` of the line without a copy, where one piece holds all of them. */
const view = (clip: Clip, start: number, end: number): Uint8Array | undefined => {
  const piece = pieceAt(clip, start)
  const { pieceStart } = clip
  return piece !== undefined && end <= pieceStart + piece.length
    ? piece.subarray(start - pieceStart, end - pieceStart)
    : undefined
}

const overlay = (payload: Uint8Array, start: number, clip: Clip): void => {
  const end = Math.min(start + payload.length, clip.end)
  for (let at = Math.max(start, clip.start); at < end; ) {
    const piece = pieceAt(clip, at)
    if (piece === undefined) return
    const part = piece.subarray(at - clip.pieceStart, end - clip.pieceStart)
    payload.set(part, at - start)
    at += part.length
  }
}

/** Frames of noise with an amplitude of up to 48 of 32,768: about -60 dBFS. */
const noisy = (random: Random, frameBytes: number): (() => Frame) => {
  const draw = () => {
    const payload = new Uint8Array(frameBytes)
    for (let i = 0; i < frameBytes; i++) payload[i] = (random.next() < 0.5 ? 0x7f : 0xff) - random.integer(0, 6)
    return new Heard(payload, true)
  }
  const first = draw()
  const more = Array.from({ length: 63 }, draw)
  return () => more[random.integer(0, more.length)] ?? first
}
