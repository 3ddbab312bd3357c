/**
 * Watches calls as they happen: a story on a terminal, a live view. It sees everything and changes nothing; what it
 * throws is logged once a call and hurts nobody, other watchers neither. Its callbacks run on the audio path: they must
 * be short.
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

/** The same, of one call. */
export interface Watcher {
  readonly onStep: (event: Event | null, commands: ReadonlyArray<Command>) => void
  readonly onReleased: (recording: string | null) => void
}

/** What an observer sees of one call. */
export const watch = (observer: Observer, callSid: string): Watcher => ({
  onStep: (event, commands) => observer.onStep(callSid, event, commands),
  onReleased: (recording) => observer.onReleased(callSid, recording)
})

/** Several as one: what one of them throws is given to `onDefect` once, it sees no more, and the others go on. */
export const all = (watchers: ReadonlyArray<Watcher>, onDefect: (cause: unknown) => void): Watcher => {
  let watching = watchers

  const failed = (watcher: Watcher, cause: unknown): void => {
    watching = watching.filter((other) => other !== watcher)
    onDefect(cause)
  }

  return {
    onStep: (event, commands) => {
      for (const watcher of watching) {
        try {
          watcher.onStep(event, commands)
        } catch (cause) {
          failed(watcher, cause)
        }
      }
    },
    onReleased: (recording) => {
      for (const watcher of watching) {
        try {
          watcher.onReleased(recording)
        } catch (cause) {
          failed(watcher, cause)
        }
      }
    }
  }
}
