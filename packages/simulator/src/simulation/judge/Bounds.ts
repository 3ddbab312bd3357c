/**
 * How long things may take, ms, told independently of the machine's own limits. What a network adds is computed from
 * the plan.
 */

import type * as Line from "../../Line.ts"
import type { Peer } from "../../NetworkFault.ts"
import type * as Plan from "../Plan.ts"

/** One direction of a network path: no message takes less, none takes longer. */
export interface Path {
  readonly least: number
  readonly most: number
  /** How much longer one message takes than another, without a stall. */
  readonly jitter: number
}

export interface Bounds {
  readonly fromCarrier: Path
  readonly toCarrier: Path
  readonly fromModel: Path
  readonly toModel: Path
  /** How late the host's timers are. */
  readonly timers: number
  /** Between two frames of the caller. */
  readonly frame: number
  /** What a carrier plays at once, and to its end. */
  readonly quantum: number
  /** The grain of the host's clock. */
  readonly clock: number
  /** How late the carrier echoes what was played. */
  readonly echoesLate: number
  /** From the last change of an item at the ear until the model was told of it. */
  readonly settle: number
  /** A clear's echo, and the frame behind it, are waited for: no longer than until the model answers by itself. */
  readonly echo: number
}

/** The echo of a clear is waited for. */
const echo = 400
/** The model answers that long after it was told, at the earliest. */
const beforeAnswer = 100
/** A truncation is held until its response is done. */
const hold = 300
/** A sound may be speech, or not. */
const decide = 800
/** What a host's timers, and steps between, may add. */
const slack = 100

/** The caller waits, without a reason in the recording. */
export const deadAir = 12_000
/** After a failure that passes, another attempt is made. */
export const retry = 6_000
/** A turn is answered. */
export const answer = 20_000
/** While nobody speaks and nothing is done about it, a turn waits: less than two deadlines of an answer. */
export const idle = 7_000
/** After a tool's time is over. */
export const toolAnswer = 1_000
/** No event of an active response: it is given up. */
export const stuck = 30_000
/** A cancelled response ends, else it is given up. */
export const cancelled = 3_000
/** A request is neither created nor refused: it is given up. */
export const requested = 5_000
/** The carrier closes its side, else it is given up; and a round trip. */
export const closing = 6_000
/** Of the caller's audio, where the carrier does as it always did (protocols.md B.2). */
export const frame = 20

export const of = ({ agent, carrier, faults, host, network }: Plan.Plan): Bounds => {
  const fromCarrier = path(network.fromCarrier)
  const toCarrier = congested(path(network.toCarrier), faults, "carrier")
  const fromModel = path(network.fromModel)
  const toModel = congested(path(network.toModel), faults, "model")
  const timers = host.timersLateMs ?? 0
  return {
    fromCarrier,
    toCarrier,
    fromModel,
    toModel,
    timers,
    frame: Math.max(frame, (carrier.frameBytes ?? 0) / 8),
    quantum: carrier.playoutQuantum ?? 0,
    clock: (host.clockMs ?? 1) - 1,
    echoesLate: faults.carrier.reduce((most, fault) => Math.max(most, fault._tag === "EchoesLate" ? fault.ms : 0), 0),
    echo:
      agent.turns === "model" && agent.detection.type === "server_vad"
        ? Math.min(echo, agent.detection.silenceDurationMs - beforeAnswer)
        : echo,
    settle:
      fromCarrier.most +
      toCarrier.most +
      fromModel.most +
      toModel.most +
      echo +
      hold +
      slack +
      3 * timers +
      (agent.pauseToDecide ? decide : 0)
  }
}

/** What is sent while the way is blocked leaves at the end of that. */
const congested = (path: Path, { network }: Plan.Plan["faults"], peer: Peer): Path => ({
  ...path,
  most: network.reduce(
    (most, fault) => (fault._tag === "Congested" && fault.peer === peer ? most + fault.ms : most),
    path.most
  )
})

const path = ({ delay, jitter, stalls = [] }: Line.Network): Path => ({
  least: delay,
  jitter,
  // What arrives during a stall arrives at its end.
  most: delay + jitter + Math.max(0, ...stalls.map((stall) => (typeof stall.ms === "number" ? stall.ms : stall.ms[1])))
})
