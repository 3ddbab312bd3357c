/** A call becomes a recording, and a recording is held against this version (docs/RECORDING.md quotes both). */

import { type Agent, Call, type Event, Recorder, Recording, Replay } from "@offhook/core"

// #region record
/** Answers what is done with each event of the call: the machine's commands, kept on the way. */
export const record = (config: Agent.Config, callSid: string, append: (text: string) => void) => {
  const recorder = Recorder.make({ version: "1.0.0", call: callSid, startedAt: new Date().toISOString(), config })
  let [state, commands] = Call.initial(config)
  append(recorder.start(commands))

  return (event: Event) => {
    ;[state, commands] = Call.step(state, event)
    append(recorder.add(event, commands))
    if (Call.isEnded(state)) append(recorder.finish())
    return commands
  }
}
// #endregion

// #region replay
/** Null: every command came again. Else the first difference, in a few lines. */
export const difference = (text: string): string | null => {
  const result = Replay.run(Recording.parse(text))
  return result.same ? null : Replay.explain(result.difference)
}
// #endregion
