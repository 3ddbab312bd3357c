/**
 * Recorded calls as tests: `@offhook/core/testing`. It throws, so it fits any test runner.
 */

import type { Command, Summary } from "./Command.ts"
import type { Event } from "./Event.ts"
import * as Recording from "./Recording.ts"
import * as Replay from "./Replay.ts"

export interface Replayed {
  readonly events: ReadonlyArray<Event>
  readonly commands: ReadonlyArray<Command>
  /** Null where the recording ends before the call did. */
  readonly summary: Summary | null
}

/**
 * Replays a recording, given as the text of its file. Throws an Error that shows the line and the first difference
 * where a command is not as recorded, or where the text is not a sound recording. A recording that was cut off or is
 * incomplete replays up to its end. `machine` is this version's `Call` unless another is given.
 */
export const replay = <State>(text: string, machine?: Replay.Machine<State>): Replayed => {
  const result = Replay.run(Recording.parse(text), machine)
  if (!result.same) throw new Error(Replay.explain(result.difference))
  const ended = result.commands.find((command) => command._tag === "Ended")
  return { events: result.events, commands: result.commands, summary: ended?.summary ?? null }
}
