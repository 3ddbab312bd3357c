/**
 * The ledger and the carrier's clock in a call: the host of the play buffer model. It plays and clears when it is told
 * to, and settles each clear as a call does: at its echo, or at a deadline.
 */

import * as CarrierClock from "../../src/CarrierClock.ts"
import type { Command } from "../../src/Command.ts"
import type { ModelAudio } from "../../src/Event.ts"
import * as Ledger from "../../src/Ledger.ts"
import * as PlayBufferModel from "./PlayBufferModel.ts"

export interface Settled extends Ledger.Cut {
  /** Truly heard, at the time of settling. */
  readonly trueBytes: number
}

export interface Echoed {
  readonly name: string
  readonly echo: Ledger.Echo
}

export interface Options extends Omit<PlayBufferModel.Options, "host"> {
  /** After each thing that happens. */
  readonly check?: (conversation: Conversation, now: CarrierClock.Moment) => void
  /** The state goes through JSON after each thing that happens. */
  readonly revives?: boolean
  /** From clear to the estimate, ms. */
  readonly deadline?: number
}

export interface Conversation {
  readonly buffer: PlayBufferModel.PlayBufferModel
  ledger: Ledger.Ledger
  clock: CarrierClock.CarrierClock
  readonly echoes: Array<Echoed>
  /** One list a settling. */
  readonly settled: Array<ReadonlyArray<Settled>>
  /** The model sends audio at a true time. */
  readonly audioAt: (time: number, item: string, bytes: number) => void
  readonly clearAt: (time: number) => void
  readonly dropAt: (time: number, item: string, bytes: number) => void
}

export const make = (options: Options): Conversation => {
  let hostTime = 0
  const moment = () => CarrierClock.moment(it.clock, hostTime)
  const happened = () => {
    if (options.revives === true) {
      it.ledger = JSON.parse(JSON.stringify(it.ledger))
      it.clock = JSON.parse(JSON.stringify(it.clock))
    }
    options.check?.(it, moment())
  }
  const buffer = PlayBufferModel.make({
    ...options,
    host: {
      frame: (at, timestamp, ms) => {
        hostTime = at
        const clock = CarrierClock.frame(it.clock, at, timestamp, ms)
        it.ledger = Ledger.correct(it.ledger, CarrierClock.correction(it.clock, clock), clock.first)
        it.clock = clock
        happened()
      },
      echo: (at, name) => {
        hostTime = at
        const [ledger, echo] = Ledger.echo(it.ledger, name, moment())
        it.ledger = ledger
        it.echoes.push({ name, echo })
        happened()
        if (echo.kind === "cut") settle()
      }
    }
  })
  const settle = () => {
    const [ledger, cuts] = Ledger.settleCut(it.ledger, moment())
    it.ledger = ledger
    it.settled.push(cuts.map((cut) => ({ ...cut, trueBytes: buffer.heard(cut.item) })))
    happened()
  }
  const does = (time: number, change: (out: Array<Command>) => Ledger.Ledger) =>
    buffer.schedule(time, (at) => {
      hostTime = at
      const out: Array<Command> = []
      it.ledger = change(out)
      for (const command of out) {
        if (command._tag === "PlayAudio") buffer.send({ kind: "audio", item: command.item, bytes: command.bytes })
        if (command._tag === "Mark") buffer.send({ kind: "mark", name: command.name })
        if (command._tag === "Clear") buffer.send({ kind: "clear" })
      }
      happened()
    })
  const it: Conversation = {
    buffer,
    ledger: Ledger.empty,
    clock: CarrierClock.initial,
    echoes: [],
    settled: [],
    audioAt: (time, item, bytes) => does(time, (out) => Ledger.receive(it.ledger, audioOf(item, bytes), moment(), out)),
    dropAt: (time, item, bytes) => does(time, () => Ledger.drop(it.ledger, audioOf(item, bytes))),
    clearAt: (time) => {
      let cleared = -1
      does(time, (out) => {
        cleared = it.ledger.playback.generation
        return Ledger.clear(it.ledger, moment(), out)
      })
      buffer.schedule(time + (options.deadline ?? 2000), (at) => {
        hostTime = at
        if (it.ledger.cuts.some((cut) => cut.generation === cleared)) settle()
      })
    }
  }
  buffer.schedule(0, (at) => {
    hostTime = at
    it.clock = CarrierClock.started(at)
  })
  does(0, (out) => Ledger.begin(it.ledger, 0, 8, moment(), out))
  return it
}

export const audioOf = (item: string, bytes: number, contentIndex = 0): ModelAudio => ({
  _tag: "ModelAudio",
  at: 0,
  session: 0,
  response: "response",
  item,
  contentIndex,
  bytes,
  levels: "",
  payload: `${item}:${bytes}`
})
