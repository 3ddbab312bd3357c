/**
 * When the host cannot write to a peer: what it sends meanwhile waits in its socket, and leaves at the end, in order.
 *
 * The host notices when something has waited for `NOTICED` ms; that it is over it notices at once.
 */
import type { NetworkFault, Peer } from "../NetworkFault.ts"

/** As the adapters' sockets do (packages/adapters/src/net/Wire.ts). */
const NOTICED = 500

/** Ms since the call was placed. */
interface Window {
  readonly from: number
  readonly to: number
}

export interface Congestion {
  /** When what is sent at `at` leaves; to be asked in order of time. */
  readonly leaves: (at: number) => number
  /** Something is sent at `at`: when the host notices, and when it is over; null: it does not, or did before. */
  readonly noticed: (at: number) => Window | null
}

export const of = (faults: ReadonlyArray<NetworkFault>, peer: Peer): Congestion => {
  const windows: Array<Window> = []
  const mine = faults.flatMap((fault) => (fault._tag === "Congested" && fault.peer === peer ? [fault] : []))
  for (const { atMs: from, ms } of mine.sort((one, other) => one.atMs - other.atMs)) {
    const last = windows.at(-1)
    if (last === undefined || last.to < from) windows.push({ from, to: from + ms })
    else windows[windows.length - 1] = { from: last.from, to: Math.max(last.to, from + ms) }
  }
  const told = new Set<Window>()
  const within = (at: number) => windows.find(({ from, to }) => at >= from && at < to)
  return {
    leaves: (at) => within(at)?.to ?? at,
    noticed: (at) => {
      const window = within(at)
      if (window === undefined || told.has(window)) return null
      told.add(window)
      return at + NOTICED < window.to ? { from: at + NOTICED, to: window.to } : null
    }
  }
}
