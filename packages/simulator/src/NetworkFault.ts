/**
 * What goes wrong between the host and its peers, besides what a Line does: plain JSON data.
 *
 * A peer's socket is a stream of the carrier or a session of the model, counted from 0; 0 where nothing is said.
 */
import type { Event } from "@offhook/core"

export type Peer = "carrier" | "model"

/**
 * Ms since the call was placed, or when the host has received so many messages on this socket (0: as soon as it is
 * open). What would strike where no socket is open does not.
 */
export type Moment = { readonly atMs: number } | { readonly received: number }

type ConnectFailed = Extract<Event, { readonly _tag: "ModelConnectFailed" }>

export type NetworkFault =
  /** The socket is gone without a goodbye (1006). What is on its way, in both directions, still arrives, or does not. */
  | {
      readonly _tag: "SocketLost"
      readonly peer: Peer
      readonly index?: number
      readonly when: Moment
      readonly inFlight: "delivered" | "lost"
    }
  /** The way to a peer is blocked: what the host sends waits in its socket, and is late by as much. */
  | { readonly _tag: "Congested"; readonly peer: Peer; readonly atMs: number; readonly ms: number }
  /** The connection to the model is made `afterMs` later, or fails by then. */
  | { readonly _tag: "ConnectSlow"; readonly index?: number; readonly afterMs: number }
  | {
      readonly _tag: "ConnectFailed"
      readonly index?: number
      readonly afterMs: number
      readonly failure: ConnectFailed["failure"]
      readonly status: number | null
    }
  /** The peer never answers a close (the carrier: nor a hang-up): it falls silent, or goes on as if nothing was. */
  | { readonly _tag: "CloseIgnored"; readonly peer: Peer; readonly afterwards: "goes on" | "silent" }
  /** REST answers the hang-up after so long. */
  | { readonly _tag: "HangUpFailed"; readonly afterMs: number }
  | { readonly _tag: "HangUpSlow"; readonly afterMs: number }
  /** The hang-up ends the call, and its socket without a `stop`. */
  | { readonly _tag: "HangUpWithoutStop" }
