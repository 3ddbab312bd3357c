/**
 * The faults of one session on their way: waiting for their moment, then for their occasion, then taken.
 *
 * 1. A fault is taken once. 2. Acts of one moment happen in the order they were given.
 */
import type { Agenda } from "./Agenda.ts"
import type { Act, Fault, FaultOf, Tag } from "./Fault.ts"
import { isAct } from "./Fault.ts"
import type { ServerEvent } from "./ServerEvent.ts"

export interface Taken {
  /** Ms on the host's clock. */
  readonly at: number
  readonly fault: Fault
}

export interface Faults {
  readonly add: (fault: Fault) => void
  /** The session opened: the times of faults count from now. */
  readonly opened: () => void
  /** Before each input after that. */
  readonly onInput: () => void
  /** After each event. */
  readonly onSent: (type: ServerEvent["type"]) => void
  /** A change whose occasion is now. */
  readonly take: Take
  /** In order. */
  readonly taken: ReadonlyArray<Taken>
}

export type Take = <T extends Tag>(tag: T, accept?: (fault: FaultOf<T>) => boolean) => FaultOf<T> | undefined

export interface Host {
  readonly agenda: Agenda
  readonly now: () => number
  readonly act: (act: Act) => void
  readonly onTaken: (fault: Fault) => void
}

export const make = (host: Host, initial: ReadonlyArray<Fault>): Faults => {
  const taken: Array<Taken> = []
  const counting: Array<{ readonly fault: Fault; left: number }> = []
  const changes: Array<Fault> = []
  let momentless: Array<Act> = []
  let openedAt: number | undefined
  let unopened: Array<Fault> = []

  const took = (fault: Fault) => {
    taken.push({ at: host.now(), fault })
    host.onTaken(fault)
  }

  const happen = (fault: Fault) => {
    if (!isAct(fault)) return void changes.push(fault)
    took(fault)
    host.act(fault)
  }

  const count = (fault: Fault) => {
    if (fault.after === undefined) happen(fault)
    else counting.push({ fault, left: fault.nth ?? 1 })
  }

  const add = (fault: Fault) => {
    if (fault.atMs !== undefined) {
      if (openedAt === undefined) unopened.push(fault)
      else host.agenda.add({ at: openedAt + fault.atMs, owner: "fault", piece: false, run: () => count(fault) })
    } else if (fault.after === undefined && isAct(fault)) momentless.push(fault)
    else count(fault)
  }

  for (const fault of initial) add(fault)

  return {
    add,
    opened: () => {
      openedAt = host.now()
      const timed = unopened
      unopened = []
      for (const fault of timed) add(fault)
    },
    onInput: () => {
      if (momentless.length === 0) return
      const now = momentless
      momentless = []
      for (const act of now) happen(act)
    },
    onSent: (type) => {
      if (counting.length === 0) return
      const reached = counting.filter((one) => one.fault.after === type && --one.left === 0)
      for (const one of reached) counting.splice(counting.indexOf(one), 1)
      for (const { fault } of reached) happen(fault)
    },
    take: <T extends Tag>(tag: T, accept?: (fault: FaultOf<T>) => boolean) => {
      if (changes.length === 0) return undefined
      const index = changes.findIndex((one) => one._tag === tag && accept?.(one as FaultOf<T>) !== false)
      if (index < 0) return undefined
      const [fault] = changes.splice(index, 1)
      if (fault !== undefined) took(fault)
      return fault as FaultOf<T> | undefined
    },
    taken
  }
}
