/**
 * The connections between the host and its peers: what is on its way on them, and what is lost.
 *
 * 1. Messages of one direction arrive in the order in which they were sent; of a lost socket none that was sent after.
 * 2. Whoever closes a socket, or loses it: each side learns of it at most once.
 */
import type * as Line from "../Line.ts"
import type { NetworkFault, Peer } from "../NetworkFault.ts"
import type { Schedule } from "./Schedule.ts"

/** A socket was closed: by whom, as soon as that side did it. Times are ms since the call was placed. */
export interface Closing {
  readonly at: number
  readonly peer: Peer
  /** Which stream or session. */
  readonly index: number
  readonly by: "host" | "network" | "peer"
  readonly code: number
}

/** One direction of a socket. */
export interface Passage {
  readonly socket: Socket
  readonly isInbound: boolean
}

/** A connection between the host and a peer. */
export class Socket {
  readonly peer: Peer
  readonly index: number
  readonly inbound: Passage = { socket: this, isInbound: true }
  readonly outbound: Passage = { socket: this, isInbound: false }
  status: "closed" | "open" | "opening" = "opening"
  /** Messages that the host received. */
  received = 0
  /** Nothing that is sent from now on arrives. */
  isLost = false
  /** Nor does what is on its way. */
  isDropped = false
  /** The peer sends nothing any more. */
  isMute = false
  /** The peer knows that it is closed, or is about to. */
  isOver = false

  constructor(peer: Peer, index: number) {
    this.peer = peer
    this.index = index
  }
}

export interface Options {
  readonly schedule: Schedule<Passage | null>
  readonly from: Readonly<Record<Peer, Line.Line>>
  readonly to: Readonly<Record<Peer, Line.Line>>
  readonly faults: ReadonlyArray<NetworkFault>
  readonly now: () => number
  /** Something is about to be sent to the peer. */
  readonly onSend: (socket: Socket) => void
  /** A side learns that the socket is closed. */
  readonly tellPeer: (socket: Socket, code: number) => void
  readonly tellHost: (socket: Socket, code: number) => void
}

export interface Sockets {
  readonly closings: ReadonlyArray<Closing>
  readonly find: (peer: Peer, index: number) => Socket | undefined
  /** The one that was begun last. */
  readonly last: (peer: Peer) => Socket | undefined
  readonly begin: (peer: Peer, index: number) => Socket
  readonly opened: (socket: Socket) => void
  /** From the host to the peer. */
  readonly send: (socket: Socket | undefined, arrive: () => void) => void
  /** From the peer to the host. */
  readonly receive: (socket: Socket | undefined, sentAt: number, arrive: () => void) => void
  /** What is scheduled next happens, unless it was lost on its way. */
  readonly happen: () => void
  readonly closedByHost: (socket: Socket) => void
  readonly closedByPeer: (socket: Socket, at: number, code: number) => void
  /** Whether the peer ignores what ends its connection; then it may be mute from now on. */
  readonly isIgnored: (socket: Socket) => boolean
  /** The host closes all that is left. */
  readonly letGo: () => void
}

export const make = ({ schedule, from, to, faults, now, onSend, tellPeer, tellHost }: Options): Sockets => {
  const sockets: Record<Peer, Array<Socket>> = { carrier: [], model: [] }
  const closings: Array<Closing> = []
  const losses = faults.filter((fault) => fault._tag === "SocketLost")
  const ignored = faults.filter((fault) => fault._tag === "CloseIgnored")
  const later = (at: number, act: () => void): void => schedule.add(at, null, act)

  const lose = (socket: Socket, isDropped: boolean): void => {
    if (socket.status !== "open" || socket.isLost) return
    const { peer, index } = socket
    socket.status = "closed"
    socket.isLost = true
    socket.isDropped = isDropped
    socket.isOver = true
    closings.push({ at: now(), peer, index, by: "network", code: 1006 })
    later(to[peer].arrival(now()), () => tellPeer(socket, 1006))
    later(from[peer].arrival(now()), () => tellHost(socket, 1006))
  }

  /** Loses a socket whose fault waited for this message. */
  const strike = (socket: Socket): void => {
    for (const { peer, index = 0, when, inFlight } of losses) {
      if (peer !== socket.peer || index !== socket.index) continue
      if ("received" in when && when.received === socket.received) lose(socket, inFlight === "lost")
    }
  }

  const closedByHost = (socket: Socket): void => {
    if (socket.status === "closed") return
    socket.status = "closed"
    closings.push({ at: now(), peer: socket.peer, index: socket.index, by: "host", code: 1000 })
  }

  for (const { peer, index = 0, when, inFlight } of losses) {
    if (!("atMs" in when)) continue
    later(when.atMs, () => {
      const socket = sockets[peer][index]
      if (socket !== undefined) lose(socket, inFlight === "lost")
    })
  }

  return {
    closings,
    find: (peer, index) => sockets[peer][index],
    last: (peer) => sockets[peer].at(-1),
    begin: (peer, index) => {
      const socket = new Socket(peer, index)
      sockets[peer][index] = socket
      return socket
    },
    opened: (socket) => {
      if (socket.status === "opening") socket.status = "open"
      strike(socket)
    },
    send: (socket, arrive) => {
      if (socket === undefined || socket.isLost) return
      onSend(socket)
      schedule.add(to[socket.peer].arrival(now()), socket.outbound, arrive)
    },
    receive: (socket, sentAt, arrive) => {
      if (socket === undefined || socket.isLost || socket.isMute) return
      schedule.add(from[socket.peer].arrival(sentAt), socket.inbound, arrive)
    },
    happen: () => {
      const entry = schedule.take()
      if (entry === undefined) return
      const { act, on } = entry
      if (on === null) return act()
      const { isInbound, socket } = on
      if (socket.isDropped) return
      if (isInbound) socket.received++
      act()
      if (isInbound && losses.length > 0) strike(socket)
    },
    closedByHost,
    closedByPeer: (socket, at, code) => {
      socket.isOver = true
      closings.push({ at, peer: socket.peer, index: socket.index, by: "peer", code })
    },
    isIgnored: (socket) => {
      const fault = ignored.find(({ peer }) => peer === socket.peer)
      if (fault === undefined) return false
      socket.isMute = fault.afterwards === "silent"
      return true
    },
    letGo: () => {
      for (const socket of [...sockets.carrier, ...sockets.model]) {
        if (socket.isOver) continue
        closedByHost(socket)
        socket.isOver = true
        later(to[socket.peer].arrival(now()), () => tellPeer(socket, 1000))
      }
    }
  }
}
