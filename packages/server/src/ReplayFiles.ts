/** `replay FILE…`: recorded calls through this version's state machine once more, and what another agent would have done. */

import type * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { type Agent, Recording, Replay, WhatIf } from "@offhook/core"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

export class FileUnusable extends Data.TaggedError("FileUnusable")<{ readonly file: string; readonly reason: string }> {
  override get message(): string {
    return `${this.file}: ${this.reason}`
  }
}

/** `text` is for a person. */
export interface Verdict {
  readonly same: boolean
  readonly text: string
}

export const replay = Effect.fnUntraced(function* (file: string, agent: Agent.Agent | null) {
  const recording = Recording.parse(yield* read(file))
  const { same, text } = judge(recording)
  const whatIf = agent === null || recording.header === null ? "" : WhatIf.describe(WhatIf.run(recording, agent))
  return { same, text: [`${file}: ${text}`, ...lines(whatIf)].join("\n  ") } satisfies Verdict
})

export const read = (file: string): Effect.Effect<string, FileUnusable, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(file)).pipe(
    Effect.mapError((error) => unusable(file, error))
  )

export const judge = (recording: Recording.Recording): Verdict => {
  const began = performance.now()
  const result = Replay.run(recording)
  const ms = Math.ceil(performance.now() - began)
  if (!result.same)
    return { same: false, text: ["different", ...lines(Replay.explain(result.difference))].join("\n  ") }
  const call = `${((result.events.at(-1)?.at ?? 0) / 1000).toFixed(1)} s of call in ${ms} ms`
  const end = result.end.end === "complete" ? "" : ` (the recording is not whole: ${result.end.reason})`
  return {
    same: true,
    text: `the same ${result.commands.length} commands from ${result.events.length} events, ${call}${end}`
  }
}

export const unusable = (file: string, error: PlatformError.PlatformError): FileUnusable =>
  new FileUnusable({ file, reason: error._tag === "SystemError" ? error.reason : error.message })

const lines = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.split("\n"))
