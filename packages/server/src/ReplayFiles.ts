/** `replay FILE…`: recorded calls through this version's state machine once more, and what another agent would have done. */

import { join } from "node:path"
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
  /** Nothing of the call is missing. */
  readonly whole: boolean
  readonly text: string
}

export interface Replayed extends Verdict {
  /** With another agent: what it would have done. */
  readonly whatIf: WhatIf.Report | null
}

/** Fails where the file is no recording at all; one that is damaged further on replays up to there. */
export const replay = Effect.fnUntraced(function* (file: string, agent: Agent.Agent | null) {
  const recording = Recording.parse(yield* read(file))
  if (recording.header === null) {
    return yield* new FileUnusable({ file, reason: recording.problems[0]?.text ?? "it has no header" })
  }
  const { text, ...verdict } = judge(recording)
  const whatIf = agent === null ? null : WhatIf.run(recording, agent)
  return { ...verdict, text: `${file}: ${text}`, whatIf } satisfies Replayed
})

/** What one call would have been, in sentences; many are a table (WhatIfTable). */
export const described = ({ text, whatIf }: Replayed): string =>
  [text, ...(whatIf === null ? [] : lines(WhatIf.describe(whatIf)))].join("\n  ")

/** A directory stands for the recordings in it, in the order of their names. */
export const filesOf = Effect.fnUntraced(
  function* (path: string) {
    const fs = yield* FileSystem.FileSystem
    const { type } = yield* fs.stat(path)
    if (type !== "Directory") return [path]
    const names = (yield* fs.readDirectory(path)).filter((name) => name.endsWith(".jsonl")).sort()
    if (names.length === 0) return yield* new FileUnusable({ file: path, reason: "no recording (*.jsonl) is in it" })
    return names.map((name) => join(path, name))
  },
  (effect, path) => Effect.mapError(effect, (error) => (error._tag === "FileUnusable" ? error : unusable(path, error)))
)

export const read = (file: string): Effect.Effect<string, FileUnusable, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(file)).pipe(
    Effect.mapError((error) => unusable(file, error))
  )

export const judge = (recording: Recording.Recording): Verdict => {
  const began = performance.now()
  const result = Replay.run(recording)
  const ms = Math.ceil(performance.now() - began)
  if (!result.same)
    return { same: false, whole: false, text: ["different", ...lines(Replay.explain(result.difference))].join("\n  ") }
  const call = `${((result.events.at(-1)?.at ?? 0) / 1000).toFixed(1)} s of call in ${ms} ms`
  const end = result.end.end === "complete" ? "" : ` (the recording is not whole: ${result.end.reason})`
  return {
    same: true,
    whole: result.end.end === "complete",
    text: `the same ${result.commands.length} commands from ${result.events.length} events, ${call}${end}`
  }
}

export const unusable = (file: string, error: PlatformError.PlatformError): FileUnusable =>
  new FileUnusable({
    file,
    reason: error._tag === "SystemError" ? (REASONS[error.reason] ?? error.reason) : error.message
  })

const REASONS: Partial<Record<PlatformError.SystemErrorReason, string>> = {
  NotFound: "there is no such file",
  PermissionDenied: "permission denied"
}

const lines = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.split("\n"))
