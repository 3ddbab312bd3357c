/** What keeps the program from starting, all of it at once: each problem names the setting, what is wrong and the fix. */

import * as Data from "effect/Data"

export interface Problem {
  /** The variable, or the agent file's field by its path, e.g. `detection.threshold`. */
  readonly name: string
  /** What is wrong, with the shape of the value (never a secret itself). */
  readonly problem: string
  readonly fix: string
}

export class StartupProblems extends Data.TaggedError("StartupProblems")<{
  readonly problems: ReadonlyArray<Problem>
}> {
  override get message(): string {
    return this.problems.map(line).join("\n")
  }
}

export const line = ({ fix, name, problem }: Problem): string => `${name}: ${problem}. ${fix}`
