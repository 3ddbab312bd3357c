/** What the carrier remembers of a call, for judges: in the host's time. The lists only grow. */
import type { Ear, SentFrame, UnsentFrame } from "./CarrierProtocol.ts"
import type { Listener } from "./CarrierStream.ts"

export interface CarrierRecords {
  readonly ear: { readonly [Record in keyof Ear]: Array<Ear[Record][number]> }
  readonly sent: Array<SentFrame>
  readonly unsent: Array<UnsentFrame>
  /** What a stream tells of it, on the carrier's clock. */
  readonly of: (stream: number) => Pick<Listener, "cleared" | "echoed" | "heard" | "sent" | "unsent">
}

export const make = (toHost: (at: number) => number): CarrierRecords => {
  const ear: CarrierRecords["ear"] = { heard: [], cleared: [], echoes: [], gaps: [] }
  const sent: Array<SentFrame> = []
  const unsent: Array<UnsentFrame> = []
  return {
    ear,
    sent,
    unsent,
    of: (stream) => ({
      sent: (at, timestamp, payload, isCopy) => {
        sent.push({ stream, at: toHost(at), timestamp, payload, isCopy })
      },
      unsent: (at, timestamp, payload, why) => {
        unsent.push({ stream, at: toHost(at), timestamp, payload, why })
      },
      heard: ({ at, message, from, to, payload }) => {
        ear.heard.push({ stream, at: toHost(at), message, from, to, payload })
      },
      cleared: (at, span) => {
        ear.cleared.push({ ...span, stream, at: toHost(span.at), clearedAt: toHost(at) })
      },
      echoed: (at, name, flushed) => {
        ear.echoes.push({ stream, at: toHost(at), name, flushed })
      }
    })
  }
}
