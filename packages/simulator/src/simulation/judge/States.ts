/** The machine's state, of which nothing is known but that it is plain data of a bounded size. Looked at now and then. */

import type { Case } from "./Case.ts"

/** JSON text of a state with nothing in it that waits. */
const mostBytes = 256 * 1024
/**
 * Base64 of 10 s of the caller's audio; of 60 s of the agent's, where it may have to go on after a pause, or waits for
 * the carrier's stream, or for it to be read.
 */
const callerBytes = 10_000 * 8 * 2
const agentBytes = 60_000 * 8 * 2

/** Steps from one look to the next: some 10 s of frames. */
const every = 512

export interface States {
  readonly stepped: (state: unknown, at: number) => void
}

export const make = ({ found, peers, plan }: Case): States => {
  const mayWait =
    plan.agent.pauseToDecide ||
    plan.faults.network.some((fault) => fault._tag === "Congested" && fault.peer === "carrier")
  let steps = 0
  return {
    stepped: (state, at) => {
      // At first often: what is short-lived is there at the beginning.
      if (++steps % every !== 0 && (steps > every || (steps & (steps - 1)) !== 0)) return
      const odd = oddity(state, "state")
      if (odd !== null) return found("state is data", at, odd)
      const bytes = JSON.stringify(state).length
      const isKept = mayWait || peers.streams.length === 0
      const most = mostBytes + callerBytes + (isKept ? agentBytes : 0)
      if (bytes > most) found("state is bounded", at, `the state is ${Math.round(bytes / 1024)} kB of JSON`)
    }
  }
}

/** Where a value is not what JSON gives back; null: nowhere. */
const oddity = (value: unknown, path: string): string | null => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return null
    case "number":
      return Number.isFinite(value) ? null : `${path} is ${value}`
    case "object":
      break
    default:
      return `${path} is ${typeof value}`
  }
  if (value === null) return null
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const odd = oddity(value[index], `${path}[${index}]`)
      if (odd !== null) return odd
    }
    return null
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return `${path} is no plain object`
  for (const key in value) {
    const odd = oddity((value as Readonly<Record<string, unknown>>)[key], `${path}.${key}`)
    if (odd !== null) return odd
  }
  return null
}
