/** `replay FILE…`: recorded calls through this version's state machine once more, and what another agent would have done. */

import * as FileSystem from "@effect/platform/FileSystem"
import { type Agent, Recording, Replay, WhatIf } from "@offhook/core"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

export class NoInput extends Data.TaggedError("NoInput")<{ readonly file: string; readonly reason: string }> {
  override get message(): string {
    return `${this.file} cannot be read: ${this.reason}`
  }
}

/** `text` is for a person. */
export interface Verdict {
  readonly same: boolean
  readonly text: string
}

export const replay = (
  file: string,
  agent: Agent.Agent | null
): Effect.Effect<Verdict, NoInput, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = yield* fs
      .readFileString(file)
      .pipe(
        Effect.mapError(
          (error) => new NoInput({ file, reason: error._tag === "SystemError" ? error.reason : error.message })
        )
      )
    const recording = Recording.parse(text)
    const verdict = judge(file, recording)
    if (agent === null || recording.header === null) return verdict
    return { ...verdict, text: `${verdict.text}\n${indented(WhatIf.describe(WhatIf.run(recording, agent)))}` }
  })

const judge = (file: string, recording: Recording.Recording): Verdict => {
  const began = performance.now()
  const result = Replay.run(recording)
  const ms = Math.ceil(performance.now() - began)
  if (!result.same) return { same: false, text: `${file}: different\n${indented(Replay.explain(result.difference))}` }
  const length = ((result.events.at(-1)?.at ?? 0) / 1000).toFixed(1)
  const end = result.end.end === "complete" ? "" : ` (the recording is not whole: ${result.end.reason})`
  return {
    same: true,
    text: `${file}: the same. ${result.events.length} events, ${result.commands.length} commands; ${length} s of call in ${ms} ms${end}`
  }
}

const indented = (text: string): string => text.replace(/^/gm, "  ")
