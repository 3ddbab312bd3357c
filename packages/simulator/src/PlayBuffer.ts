/**
 * The carrier's play buffer: media queued, played in order at 8 bytes a ms, marks between (protocols.md B.3).
 *
 * Times are ms on the carrier's clock, fractional. Because playback runs in real time, when every queued byte will be
 * heard is known the moment it is queued; only a clear changes it.
 *
 * 1. Audio starts when it is queued, or when the audio before it has been played, whichever is later.
 * 2. A mark is echoed when everything queued before it has been played; at once if there is nothing.
 * 3. `clear` discards what has not been played and echoes every pending mark at that moment, as flushed.
 * 4. Echoes come in the order of the marks.
 * 5. Every byte of every message ends in exactly one span, heard or cleared.
 *
 * With a `quantum` the player takes that many ms from the queue at every tick: audio starts on a tick, a mark is echoed
 * at the end of the piece that holds the last byte before it, and the piece being played survives a clear.
 */
export interface PlayBuffer {
  /** Queues audio; its index counts media messages from 0. */
  readonly media: (at: number, payload: Uint8Array) => void
  readonly mark: (at: number, name: string) => void
  readonly clear: (at: number) => void
  /** Tells the listener all that happens until `at`, in order of time. Also called by the three above. */
  readonly advance: (at: number) => void
  readonly nextDeadline: () => number | undefined
  /** The part of a message that is being heard, not yet reported as a span. */
  readonly inPlay: (at: number) => Span | undefined
  /** The line is gone at `at`: what was not played by then is discarded, and no mark is echoed. */
  readonly end: (at: number) => void
}

/** Bytes `from` (included) to `to` (excluded) of media message `message`, the first of them heard (or due) at `at`. */
export interface Span {
  readonly at: number
  readonly message: number
  readonly from: number
  readonly to: number
  readonly payload: Uint8Array
}

export interface Listener {
  /** Audio starts after silence. */
  readonly started: (at: number) => void
  /** The last queued byte has been played, or the rest was discarded (`cleared`). */
  readonly ended: (at: number, cleared: boolean) => void
  readonly heard: (span: Span) => void
  /** Discarded at `at`, which is when the ear went silent. */
  readonly cleared: (at: number, span: Span) => void
  readonly echoed: (at: number, name: string, flushed: boolean) => void
}

export interface Options {
  readonly listener: Listener
  /** ms; 0 (the default) plays continuously. */
  readonly quantum?: number
  /** A tick of the quantum, ms. */
  readonly phase?: number
}

export const bytesPerMs = 8

export const make = (options: Options): PlayBuffer => new Buffer(options)

interface Queued {
  readonly message: number
  readonly start: number
  readonly end: number
  readonly payload: Uint8Array
}

interface Pending {
  readonly name: string
  readonly due: number
}

class Buffer implements PlayBuffer {
  private readonly listener: Listener
  private readonly quantum: number
  private readonly phase: number
  private audio: Array<Queued> = []
  private audioHead = 0
  private marks: Array<Pending> = []
  private marksHead = 0
  private messages = 0
  private playing = false
  /** When the last queued byte has been played. */
  private playEnd = -Infinity
  private cutShort = false

  constructor({ listener, quantum = 0, phase = 0 }: Options) {
    this.listener = listener
    this.quantum = quantum
    this.phase = phase
  }

  media(at: number, payload: Uint8Array): void {
    this.advance(at)
    const message = this.messages++
    if (payload.length === 0) return
    const joins = at <= this.tickBefore(this.playEnd)
    const start = joins ? this.playEnd : this.tickAfter(at)
    this.playEnd = start + payload.length / bytesPerMs
    this.cutShort = false
    this.audio.push({ message, start, end: this.playEnd, payload })
    this.advance(at)
  }

  mark(at: number, name: string): void {
    this.advance(at)
    const due = this.tickAfter(this.playEnd)
    if (due <= at) this.listener.echoed(at, name, false)
    else this.marks.push({ name, due })
  }

  clear(at: number): void {
    this.advance(at)
    this.discard(at, this.tickAfter(at))
    const flushed = this.marks.slice(this.marksHead)
    this.marks = []
    this.marksHead = 0
    for (const { name } of flushed) this.listener.echoed(at, name, true)
  }

  end(at: number): void {
    this.advance(at)
    this.discard(at, at)
    this.marks = []
    this.marksHead = 0
    this.settle()
  }

  advance(at: number): void {
    for (let due = this.nextDeadline(); due !== undefined && due <= at; due = this.nextDeadline()) this.happen(due)
  }

  nextDeadline(): number | undefined {
    const head = this.audio[this.audioHead]
    const mark = this.marks[this.marksHead]
    const audioDue =
      head === undefined ? (this.playing ? this.playEnd : undefined) : this.playing ? head.end : head.start
    if (mark === undefined) return audioDue
    return audioDue === undefined ? mark.due : Math.min(audioDue, mark.due)
  }

  inPlay(at: number): Span | undefined {
    const head = this.audio[this.audioHead]
    if (head === undefined || at <= head.start) return undefined
    const to = Math.min(head.payload.length, wholeBytes(at - head.start))
    return to > 0 ? span(head, 0, to) : undefined
  }

  /** The one thing due at `due`; a byte heard, an echo, an end, in this order when they fall together. */
  private happen(due: number): void {
    const head = this.audio[this.audioHead]
    if (head !== undefined && this.playing && head.end <= due) {
      this.audioHead++
      if (this.audioHead > 64 && this.audioHead * 2 > this.audio.length) {
        this.audio = this.audio.slice(this.audioHead)
        this.audioHead = 0
      }
      this.listener.heard(span(head, 0, head.payload.length))
      return
    }
    const mark = this.marks[this.marksHead]
    if (mark !== undefined && mark.due <= due) {
      this.marksHead++
      if (this.marksHead === this.marks.length) {
        this.marks = []
        this.marksHead = 0
      }
      this.listener.echoed(mark.due, mark.name, false)
      return
    }
    if (this.playing) this.settle()
    else {
      this.playing = true
      this.listener.started(due)
    }
  }

  private settle(): void {
    if (!this.playing) return
    this.playing = false
    this.listener.ended(this.playEnd, this.cutShort)
    this.cutShort = false
  }

  /** Of what is queued only the bytes until `silent` are heard. */
  private discard(at: number, silent: number): void {
    if (this.playEnd <= silent) return
    const kept: Array<Queued> = []
    for (const queued of this.audio.slice(this.audioHead)) {
      const heard = Math.max(0, Math.min(queued.payload.length, wholeBytes(silent - queued.start)))
      if (heard > 0 && silent > at) {
        kept.push({ ...queued, payload: queued.payload.subarray(0, heard), end: queued.start + heard / bytesPerMs })
      } else if (heard > 0) {
        this.listener.heard(span(queued, 0, heard))
      }
      if (heard < queued.payload.length) this.listener.cleared(silent, span(queued, heard, queued.payload.length))
    }
    this.audio = kept
    this.audioHead = 0
    this.playEnd = silent
    this.cutShort = this.playing
    if (kept.length === 0) this.settle()
  }

  private tickAfter(at: number): number {
    if (this.quantum === 0 || at === -Infinity) return at
    return this.phase + Math.ceil((at - this.phase) / this.quantum - 1e-9) * this.quantum
  }

  private tickBefore(at: number): number {
    if (this.quantum === 0 || at === -Infinity) return at
    return this.phase + Math.floor((at - this.phase) / this.quantum + 1e-9) * this.quantum
  }
}

/** Bytes whose last moment has passed after `ms`; the term undoes rounding of fractional times. */
const wholeBytes = (ms: number): number => Math.floor(ms * bytesPerMs + 1e-6)

const span = ({ message, payload, start }: Queued, from: number, to: number): Span => ({
  at: start + from / bytesPerMs,
  message,
  from,
  to,
  payload: from === 0 && to === payload.length ? payload : payload.subarray(from, to)
})
