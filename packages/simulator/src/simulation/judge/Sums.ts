/** The summary, held against what happened: counted from events and commands as they came. */

import type { Command, Event } from "@offhook/core"
import type { Case } from "./Case.ts"
import type { Rule } from "./Rule.ts"

type Summary = Extract<Command, { _tag: "Ended" }>["summary"]
type Usage = NonNullable<Extract<Event, { _tag: "ModelResponseDone" }>["usage"]>

/** From a deadline to the step that fires it, where a step just then comes first. */
const late = 2

export const make = (on: Case): Rule => {
  const { bounds, found, peers, plan, world } = on
  const counted = {
    callerTurns: 0,
    agentTurns: 0,
    asides: 0,
    responses: 0,
    truncations: 0,
    deletions: 0,
    runs: 0,
    clears: 0,
    answers: 0,
    answerMs: 0,
    worstAnswerMs: 0,
    deadAirMs: 0,
    heardMs: 0,
    generatedMs: 0
  }
  const usage: { -readonly [field in keyof Usage]: number } = {
    inputText: 0,
    inputAudio: 0,
    inputImage: 0,
    cachedText: 0,
    cachedAudio: 0,
    cachedImage: 0,
    outputText: 0,
    outputAudio: 0
  }
  let now = 0

  const isLive = (session: number): boolean => peers.sessions[session]?.endedBy === null && !peers.isOver

  const reacted = (command: Extract<Command, { _tag: "Reacted" }>, at: number): void => {
    if (!(command.ms >= 0)) found("sums add up", at, `a reaction took ${command.ms} ms`)
    if (command.to === "interruption") return
    counted.deadAirMs += command.ms
    if (command.to === "greeting") return
    counted.answers++
    counted.answerMs += command.ms
    counted.worstAnswerMs = Math.max(counted.worstAnswerMs, command.ms)
  }

  const ended = (summary: Summary, at: number): void => {
    const expect = (name: string, said: number, was: number, tolerance = 0): void => {
      if (Math.abs(said - was) > tolerance) found("sums add up", at, `${name}: the summary says ${said}, it was ${was}`)
    }
    // A deadline that a late timer fires happens at its own time.
    expect("durationMs", summary.durationMs, now - bounds.timers / 2, bounds.timers / 2 + late)
    expect("turns.caller", summary.turns.caller, counted.callerTurns)
    expect("turns.agent", summary.turns.agent, counted.agentTurns)
    expect("asides", summary.asides, counted.asides)
    expect("responses", summary.responses, counted.responses)
    expect("truncations", summary.truncations, counted.truncations)
    expect("deletions", summary.deletions, counted.deletions)
    expect("answers", summary.reactions.answers, counted.answers)
    expect("answerMs", summary.reactions.answerMs, counted.answerMs)
    expect("worstAnswerMs", summary.reactions.worstAnswerMs, counted.worstAnswerMs)
    expect("deadAirMs", summary.deadAirMs, counted.deadAirMs)
    // Turns are floored to ms, the sum is not.
    expect("heardMs", summary.heardMs, counted.heardMs, counted.agentTurns + 1)
    expect("generatedMs", summary.generatedMs, counted.generatedMs, counted.agentTurns + 1)
    if (summary.toolCalls < counted.runs) expect("toolCalls", summary.toolCalls, counted.runs)
    if (summary.interruptions + summary.resumed > counted.clears) {
      expect("interruptions and resumed pauses", summary.interruptions + summary.resumed, counted.clears)
    }
    for (const field of Object.keys(usage) as Array<keyof Usage>) {
      expect(`usage.${field}`, summary.usage[field], usage[field])
    }
    const costUsd = cost()
    if (costUsd === null ? summary.costUsd !== null : Math.abs((summary.costUsd ?? Number.NaN) - costUsd) > 1e-9) {
      found("sums add up", at, `costUsd: the summary says ${summary.costUsd}, it was ${costUsd}`)
    }
  }

  /** Each kind of token at its price; what was cached is part of the input (protocols.md E.7). Images cost as text. */
  const cost = (): number | null => {
    const price = world.config.prices.models[plan.agent.model]
    if (price === undefined) return null
    const million = 1_000_000
    const text = usage.inputText + usage.inputImage - usage.cachedText - usage.cachedImage
    return (
      (text * price.textInput) / million +
      ((usage.cachedText + usage.cachedImage) * price.textCached) / million +
      (usage.outputText * price.textOutput) / million +
      ((usage.inputAudio - usage.cachedAudio) * price.audioInput) / million +
      (usage.cachedAudio * price.audioCached) / million +
      (usage.outputAudio * price.audioOutput) / million
    )
  }

  return {
    event: (event) => {
      if (!peers.isOver) now = Math.max(now, event.at)
      switch (event._tag) {
        case "ModelResponseCreated":
          if (event.inConversation && isLive(event.session)) counted.responses++
          return
        case "ModelResponseDone":
          if (event.usage === null || !isLive(event.session)) return
          for (const field of Object.keys(usage) as Array<keyof Usage>) usage[field] += event.usage[field]
      }
    },
    command: (command, at) => {
      switch (command._tag) {
        case "Clear":
          counted.clears++
          return
        case "Truncate":
          counted.truncations++
          return
        case "DeleteItem":
          counted.deletions++
          return
        case "RunTool":
          counted.runs++
          return
        case "Reacted":
          return reacted(command, at)
        case "Settled": {
          const { turn } = command
          if (turn.speaker === "agent") {
            counted.agentTurns++
            counted.heardMs += turn.heardMs
            counted.generatedMs += turn.generatedMs
          } else {
            counted.callerTurns++
            if (turn.aside) counted.asides++
          }
          return
        }
        case "Ended":
          return ended(command.summary, at)
      }
    }
  }
}
