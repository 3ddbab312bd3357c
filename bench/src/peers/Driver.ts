/**
 * Both peers of a measured server in one process: carriers and the model, on one clock, so that one-way delays are exact.
 *
 * A conversation goes on in each call, its turns spread over the calls: the caller begins to speak, has finished 800 ms
 * later, and is answered with four seconds of audio; every other answer is interrupted after three.
 *
 * 1. One timer serves all calls. Their frames are spread evenly over 20 ms, and what each was late is counted.
 * 2. A driver that was late itself, or whose processor was full, says so: its numbers are no result (`disturbances`).
 */

import * as Histogram from "../Histogram.ts"
import * as Carrier from "./Carrier.ts"
import * as Model from "./Model.ts"
import * as Stamp from "./Stamp.ts"
import * as Tally from "./Tally.ts"

export interface Options {
  readonly calls: number
  /** ms that the model takes to open a session. */
  readonly setUp: number
  /** Calls that begin in a second. */
  readonly rate: number
  readonly turns: Turns
  /** ms after which a call hangs up and the next caller takes its place; null: they stay. */
  readonly callMs: number | null
}

/** ms of a conversation. */
export interface Turns {
  /** Before its first turn, at least. */
  readonly first: number
  /** That a caller speaks. */
  readonly speech: number
  /** From an answer to the next turn, where it is heard to its end and where it is interrupted. */
  readonly heard: number
  readonly interrupted: number
}

export const turns: Turns = { first: 500, speech: 800, heard: 6_000, interrupted: 3_000 }

export interface Measured {
  readonly up: Tally.Sums
  readonly down: Tally.Sums
  /** ms from the carrier's write to the model's read, and back. */
  readonly upDelay: Histogram.Quantiles
  readonly downDelay: Histogram.Quantiles
  /** ms from `speech_started` to `clear`. */
  readonly bargeIn: Histogram.Quantiles
  /** Interruptions that nothing came of until the caller was answered again. */
  readonly bargeInsMissed: number
  /** ms from `start` to the first audio, of calls that a server greets. */
  readonly firstAudio: Histogram.Quantiles
  /** ms that frames left late. */
  readonly lateness: Histogram.Quantiles
  /** Part of the time that the driver was busy. */
  readonly busy: number
  /** Calls that were placed, from the first to the last. */
  readonly placed: number
  /** Seconds of calls. */
  readonly callSeconds: number
  /** What the server did wrong. */
  readonly faults: ReadonlyArray<string>
  /** What keeps the numbers from being a result: they are the driver's or the machine's own. */
  readonly disturbances: ReadonlyArray<string>
}

export interface Driver {
  readonly modelPort: number
  /** Places all calls; resolves when they are all connected and configured. */
  readonly ramp: (target: Carrier.Target) => Promise<void>
  /** Delays count from here. */
  readonly begin: () => void
  /** And end here, with the calls still there. */
  readonly end: () => void
  /** Hangs all up, and waits for what is on its way and for the server to let go of the model. */
  readonly finish: () => Promise<Measured>
  readonly close: () => Promise<void>
}

const FRAME_MS = 20

/** ms that frames may leave late at p99, and part of the time that the driver may be busy: beyond it is a disturbance. */
const MAX_LATENESS = 5
const MAX_BUSY = 0.85

interface Call {
  readonly number: number
  readonly up: Tally.Lane
  carrier: Carrier.Carrier | undefined
  session: Model.Session | undefined
  isGreeted: boolean
  isOver: boolean
  /** When `speech_started` was sent with audio in the carrier's buffer. */
  interruptedAt: number | null
  turns: number
  nextAct: number
  nextBurst: number
  endsAt: number
}

export const make = async (options: Options): Promise<Driver> => {
  const { turns } = options
  const now = (): number => performance.now()
  const up = Tally.make()
  const down = Tally.make()
  const bargeIn = Histogram.make()
  const firstAudio = Histogram.make()
  const lateness = Histogram.make()
  const faults = new Map<string, number>()
  const calls = new Map<number, Call>()
  const slots: Array<Call | undefined> = Array.from({ length: options.calls })
  let bargeInsMissed = 0
  let placed = 0
  let streams = 0
  let isFinishing = false
  let callMs = 0
  let begunAt = 0
  let endedAt = 0
  let load = performance.eventLoopUtilization()
  let busy = 0
  let target: Carrier.Target | undefined
  let wake: () => void = () => {}

  const fault = (what: string): void => {
    faults.set(what, (faults.get(what) ?? 0) + 1)
  }

  const model = await Model.listen(
    { setUp: options.setUp, deltas: 20, burst: 5, now },
    {
      lane: down.lane,
      onAudio: (session, stamp) => {
        const call = stamp < 0 ? undefined : calls.get(Stamp.senderOf(stamp))
        if (call === undefined) return up.foreign()
        if (call.session === undefined) {
          call.session = session
          call.nextAct = now() + turns.first + (call.number % options.calls) * (turns.heard / options.calls)
          wake()
        }
        if (call.session !== session) return up.foreign()
        call.up.received(Stamp.numberOf(stamp), now())
      },
      onClose: (session) => {
        for (const call of slots) if (call?.session === session && !call.isOver) fault("the server left the model")
      },
      onFault: fault
    }
  )

  const answering = (session: Model.Session | undefined, stamp: number, at: number): void => {
    if (session === undefined) down.foreign()
    else session.lane.received(Stamp.numberOf(stamp), at)
  }

  const place = async (slot: number): Promise<void> => {
    const number = placed++
    const call: Call = {
      number,
      up: up.lane(),
      carrier: undefined,
      session: undefined,
      isGreeted: false,
      isOver: false,
      interruptedAt: null,
      turns: 0,
      nextAct: Infinity,
      nextBurst: Infinity,
      endsAt: Infinity
    }
    calls.set(number, call)
    slots[slot] = call
    /** Whose audio the caller hears. */
    let speaker = -1
    const handlers: Carrier.Handlers = {
      lane: call.up,
      onAudio: (stamp, at) => {
        if (stamp < 0) return down.foreign()
        if (speaker < 0) speaker = Stamp.senderOf(stamp)
        if (speaker !== Stamp.senderOf(stamp)) return down.foreign()
        if (!call.isGreeted) {
          call.isGreeted = true
          // Before the first turn: nobody has spoken to it yet.
          if (call.turns === 0 && call.carrier !== undefined) firstAudio.add(at - call.carrier.startedAt)
        }
        answering(model.sessions[speaker], stamp, at)
      },
      onClear: (at) => {
        if (call.interruptedAt === null) return
        if (isMeasuring()) bargeIn.add(at - call.interruptedAt)
        call.interruptedAt = null
      },
      onClose: () => {
        streams--
        if (!call.isOver) fault("the server hung up")
        call.isOver = true
        wake()
      },
      onFault: fault
    }
    try {
      if (target === undefined) return
      const carrier = await Carrier.place(target, number, now, handlers)
      call.carrier = carrier
      streams++
      if (options.callMs !== null) call.endsAt = now() + options.callMs
    } catch (error) {
      fault(`a call was not taken: ${error instanceof Error ? error.message : String(error)}`)
      call.isOver = true
      call.endsAt = now()
    }
    wake()
  }

  const isMeasuring = (): boolean => begunAt > 0 && endedAt === 0

  const act = (call: Call, session: Model.Session, at: number): void => {
    if (at >= call.nextBurst) {
      session.speak()
      call.nextBurst += Model.BURST_EVERY
      if (!session.isSpeaking()) call.nextBurst = Infinity
    } else if (session.isSpeaking() && call.nextBurst === Infinity) {
      call.nextBurst = at + Model.BURST_EVERY
    }
    if (at < call.nextAct) return
    const isBeginning = call.turns++ % 2 === 0
    if (isBeginning) {
      if (call.interruptedAt !== null) bargeInsMissed++
      call.interruptedAt = (call.carrier?.buffered(at) ?? 0) > AUDIBLE ? now() : null
      session.speechStarted()
      call.nextBurst = Infinity
      call.nextAct = at + turns.speech
    } else {
      session.speechStopped()
      call.nextBurst = at + Model.BURST_EVERY
      call.nextAct = at + (call.turns % 4 === 2 ? turns.interrupted : turns.heard)
    }
  }

  const end = (call: Call): void => {
    call.isOver = true
    call.carrier?.hangUp()
  }

  /** The frames of all calls are one series. */
  let frame = 0
  let seriesFrom = 0
  const tick = (): void => {
    const interval = FRAME_MS / options.calls
    for (;;) {
      const at = now()
      const due = seriesFrom + frame * interval
      if (due > at) break
      const slot = frame++ % options.calls
      const call = slots[slot]
      if (isMeasuring()) lateness.add(at - due)
      if (call === undefined) continue
      if (call.isOver) {
        if (options.callMs !== null && !isFinishing && call.endsAt < at - TURN_OVER) {
          call.endsAt = Infinity
          void place(slot)
        }
        continue
      }
      if (call.carrier === undefined) continue
      if (at >= call.endsAt) {
        end(call)
        continue
      }
      call.carrier.turn(at)
      if (isMeasuring()) callMs += FRAME_MS
      if (call.session !== undefined) act(call, call.session, at)
    }
    timer = setTimeout(tick, 1)
  }
  let timer: NodeJS.Timeout | undefined

  /** Until `holds`, which is looked at whenever something happens to a call. */
  const until = (holds: () => boolean, ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      const settle = (held: boolean): void => {
        clearTimeout(deadline)
        clearInterval(looking)
        wake = () => {}
        resolve(held)
      }
      const look = (): void => {
        if (holds()) settle(true)
      }
      const deadline = setTimeout(() => settle(false), ms)
      const looking = setInterval(look, LOOK_EVERY)
      wake = look
      look()
    })

  const isOnItsWay = (tally: Tally.Tally): boolean => tally.sums().lost > 0

  return {
    modelPort: model.port,
    ramp: async (to) => {
      target = to
      seriesFrom = now()
      tick()
      const every = 1000 / options.rate
      const from = now()
      for (let slot = 0; slot < options.calls; slot++) {
        const wait = from + slot * every - now()
        if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait))
        void place(slot)
      }
      const isUp = await until(() => slots.every((call) => call?.session?.isReady() === true || call?.isOver), 30_000)
      if (!isUp) fault("not all calls came up within 30 s")
      const over = slots.filter((call) => call?.isOver === true).length
      if (over > 0 && options.callMs === null) fault(`${over} calls did not come up`)
    },
    begin: () => {
      for (const histogram of [up.delays, down.delays, bargeIn, lateness]) histogram.reset()
      bargeInsMissed = 0
      load = performance.eventLoopUtilization()
      begunAt = now()
    },
    end: () => {
      endedAt = now()
      busy = performance.eventLoopUtilization(load).utilization
    },
    finish: async () => {
      const delays = { up: up.delays.quantiles(), down: down.delays.quantiles() }
      isFinishing = true
      clearTimeout(timer)
      await until(() => !isOnItsWay(up) && !isOnItsWay(down), ON_ITS_WAY)
      const sums = { up: up.sums(), down: down.sums() }
      for (const call of slots) if (call !== undefined && !call.isOver) end(call)
      if (!(await until(() => model.open() === 0 && streams === 0, SETTLE))) {
        fault(`${model.open()} sessions and ${streams} streams were still open ${SETTLE} ms after their calls`)
      }
      const late = lateness.quantiles()
      const disturbances: Array<string> = []
      if (late.p99 > MAX_LATENESS) disturbances.push(`the driver was late: ${late.p99.toFixed(1)} ms at p99`)
      if (busy > MAX_BUSY) disturbances.push(`the driver was busy ${Math.round(busy * 100)} % of the time`)
      return {
        disturbances,
        placed,
        up: sums.up,
        down: sums.down,
        upDelay: delays.up,
        downDelay: delays.down,
        bargeIn: bargeIn.quantiles(),
        bargeInsMissed,
        firstAudio: firstAudio.quantiles(),
        lateness: late,
        busy,
        callSeconds: callMs / 1000,
        faults: [...faults].map(([what, times]) => (times === 1 ? what : `${what} (${times} times)`))
      }
    },
    close: async () => {
      isFinishing = true
      clearTimeout(timer)
      for (const call of calls.values()) {
        call.isOver = true
        call.carrier?.destroy()
      }
      await model.close()
    }
  }
}

/** ms in the carrier's buffer that are worth an interruption. */
const AUDIBLE = 100
/** ms between the end of a call and the next one in its place. */
const TURN_OVER = 500
/** ms for what is on its way: later it is lost to any ear. */
const ON_ITS_WAY = 1_000
/** ms for the server to end its calls. */
const SETTLE = 5_000
const LOOK_EVERY = 20
