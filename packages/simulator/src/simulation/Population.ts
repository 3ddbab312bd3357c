/** The calls that a seed stands for: who calls, over which network, what goes wrong, and how often. */

import { Agent } from "@offhook/core"
import * as Caller from "../Caller.ts"
import * as Random from "../Random.ts"
import type * as Plan from "./Plan.ts"
import { pick } from "./Plan.ts"

export interface Options {
  /** The agent of every call; without it the seed chooses one, with all its policies. */
  readonly agent?: Agent.Agent
  readonly network?: Network
  readonly faults?: Faults
}

/** `mixed`: the seed chooses among the others, call by call. */
export type Network = "good" | "mixed" | "mobile" | "poor"

/** `some`: in about half of the calls something goes wrong. */
export type Faults = "many" | "none" | "some"

/** The call number `index` of a seed. */
export const plan = (seed: string, index: number, options: Options = {}): Plan.Plan => {
  const random = Random.make(`${seed}/${index}`)
  const steps = Array.from({ length: random.integer(2, 6) }, (): Plan.Step => {
    const when =
      random.next() < 0.5
        ? Caller.agentSpeaking(random.integer(0, 4_000), 4_000)
        : Caller.agentSilent(random.integer(0, 1_500), 6_000)
    return {
      when,
      act: { _tag: "Say", clip: pick(random, ["caller-how-many", "caller-mhm", "caller-table-for-four"]) }
    }
  })
  return {
    seed: `${seed}/${index}`,
    agent: options.agent ?? { ...Agent.defaults, turns: pick(random, ["machine", "model"]) },
    caller: [...steps, { when: Caller.after(3_000), act: { _tag: "HangUp" } }],
    responses: Array.from({ length: 8 }, () => [
      { _tag: "Say", clip: pick(random, ["agent-booked", "agent-how-many", "agent-opening-hours"]) }
    ]),
    tools: [{ afterMs: 500 }],
    network: { carrier: { delay: 40, jitter: 8 }, model: { delay: 20, jitter: 5 } }
  }
}
