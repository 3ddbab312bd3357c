/**
 * A carrier's play buffer behind a network, as small as it can be: what the ledger's tests believe the ear. Independent
 * of the simulator on purpose.
 *
 * True time is the carrier's clock, fractional ms. The host sees its own clock (another zero, another speed, rounded
 * down) and messages that were delayed by a line each way; a line keeps order, as TCP does.
 */

export interface Options {
  readonly seed: number
  /** Without jitter, ms. */
  readonly roundTrip: number
  /** Added to each passage of each way, uniform in [0, jitter) ms. */
  readonly jitter: number
  /** How much faster our clock runs, parts per million. */
  readonly ppm?: number
  /** Carrier time in which no frame is sent: from, to. */
  readonly suppressed?: ReadonlyArray<readonly [number, number]>
  /** True time in which nothing arrives at the host: from, to. */
  readonly stalls?: ReadonlyArray<readonly [number, number]>
  /** Is the carrier deaf to this message? */
  readonly loses?: (message: Message) => boolean
  readonly host: Host
}

export interface Host {
  readonly frame: (at: number, timestamp: number, ms: number) => void
  readonly echo: (at: number, name: string) => void
}

export type Message =
  | { readonly kind: "audio"; readonly item: string; readonly bytes: number }
  | { readonly kind: "mark"; readonly name: string }
  | { readonly kind: "clear" }

export interface PlayBufferModel {
  readonly random: () => number
  /** The host does something at a true time. */
  readonly schedule: (time: number, run: (at: number) => void) => void
  /** The host sends now. */
  readonly send: (message: Message) => void
  readonly run: (until: number) => void
  /** True time now. */
  readonly now: () => number
  /** Bytes of an item truly heard until now. */
  readonly heard: (item: string) => number
  /** Was anything audible at a true time? */
  readonly audible: (time: number) => boolean
  /** When everything that is buffered now will have been played. */
  readonly playEnd: () => number
  /** When clears took effect. */
  readonly clearedAt: ReadonlyArray<number>
}

interface Piece {
  readonly item: string
  readonly start: number
  end: number
}

interface Pending {
  readonly name: string
  flushed: boolean
}

const bytesPerMs = 8
/** The first timestamp of a stream, as seen (protocols.md B.2). */
const firstTimestamp = 102

export const make = (options: Options): PlayBufferModel => {
  const random = mulberry(options.seed)
  const clockZero = Math.floor(random() * 5000)
  const speed = 1 + (options.ppm ?? 0) / 1e6
  const hostClock = (time: number) => Math.floor(clockZero + time * speed)
  const line = (stalls: Options["stalls"]) => {
    let last = 0
    return (time: number) => {
      let arrival = Math.max(last, time + options.roundTrip / 2 + random() * options.jitter)
      for (const [from, to] of stalls ?? []) if (arrival >= from && arrival < to) arrival = to
      last = arrival
      return arrival
    }
  }
  const up = line(options.stalls)
  const down = line([])

  let now = 0
  let order = 0
  const agenda: Array<{ readonly time: number; readonly order: number; readonly run: () => void }> = []
  const at = (time: number, run: () => void) => {
    const entry = { time, order: order++, run }
    let low = 0
    let high = agenda.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (agenda[middle]!.time <= time) low = middle + 1
      else high = middle
    }
    agenda.splice(low, 0, entry)
  }

  const pieces: Array<Piece> = []
  let pending: Array<Pending> = []
  let playEnd = 0
  const clearedAt: Array<number> = []
  const deliverEcho = (name: string) => {
    at(up(now), () => options.host.echo(hostClock(now), name))
  }
  const process = (message: Message) => {
    if (options.loses?.(message)) return
    if (message.kind === "audio") {
      const start = Math.max(now, playEnd)
      playEnd = start + message.bytes / bytesPerMs
      pieces.push({ item: message.item, start, end: playEnd })
    } else if (message.kind === "mark") {
      const mark = { name: message.name, flushed: false }
      if (playEnd <= now) return deliverEcho(message.name)
      pending.push(mark)
      at(playEnd, () => {
        if (mark.flushed) return
        pending = pending.filter((other) => other !== mark)
        deliverEcho(mark.name)
      })
    } else {
      for (let last = pieces.length - 1; last >= 0 && pieces[last]!.end > now; last--) {
        pieces[last]!.end = Math.max(pieces[last]!.start, now)
      }
      playEnd = Math.min(playEnd, now)
      clearedAt.push(now)
      for (const mark of pending) {
        mark.flushed = true
        deliverEcho(mark.name)
      }
      pending = []
    }
  }

  const frame = (timestamp: number) =>
    at(timestamp + 20, () => {
      const isSuppressed = (options.suppressed ?? []).some(([from, to]) => timestamp >= from && timestamp < to)
      if (!isSuppressed) at(up(now), () => options.host.frame(hostClock(now), timestamp, 20))
      frame(timestamp + 20)
    })
  frame(firstTimestamp)

  return {
    random,
    schedule: (time, run) => at(time, () => run(hostClock(now))),
    send: (message) => at(down(now), () => process(message)),
    run: (until) => {
      while (agenda[0] !== undefined && agenda[0].time <= until) {
        const entry = agenda.shift()!
        now = Math.max(now, entry.time)
        entry.run()
      }
      now = until
    },
    now: () => now,
    heard: (item) => {
      let bytes = 0
      for (const piece of pieces) {
        if (piece.item === item) bytes += Math.max(0, Math.min(piece.end, now) - piece.start) * bytesPerMs
      }
      return Math.floor(bytes + 1e-6)
    },
    audible: (time) => pieces.some((piece) => time >= piece.start && time < piece.end),
    playEnd: () => playEnd,
    clearedAt
  }
}

export const mulberry = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
