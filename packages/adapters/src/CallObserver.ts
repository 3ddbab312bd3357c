/**
 * Watches calls as they happen: a story on a terminal, a live view. It sees everything and changes nothing; what it
 * throws is logged once a call and hurts nobody. Its callbacks run on the audio path: they must be short.
 */

import type { Command, Event } from "@offhook/core"
import * as Context from "effect/Context"

/** Without a layer nobody watches. */
export class CallObserver extends Context.Reference<CallObserver>()("@offhook/adapters/CallObserver", {
  defaultValue: (): Observer => ({ onStep: () => {}, onReleased: () => {} })
}) {}

export interface Observer {
  /** An event and its commands, before they are carried out; `event` null: the call begins. */
  readonly onStep: (callSid: string, event: Event | null, commands: ReadonlyArray<Command>) => void
  /** All that the call held is released; `recording` is the path of its whole file, null where there is none. */
  readonly onReleased: (callSid: string, recording: string | null) => void
}
