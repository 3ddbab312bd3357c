/**
 * Function calls in flight.
 *
 * The arguments of a call are complete before its response is done, and also in one that was cancelled; so a tool runs
 * only when its response has completed (protocols.md E.8).
 *
 * Invariants
 * 1. Every call is answered exactly once: by its tool, by its timeout, or at once with the reason it was not run.
 * 2. One response follows when the last call in flight is answered.
 */

import * as EndCall from "../EndCall.ts"
import type { ModelToolCalled, ToolFinished } from "../Event.ts"
import * as Limits from "../Limits.ts"
import * as Ending from "./Ending.ts"
import * as Slot from "./Slot.ts"
import type { Draft, ToolCall } from "./State.ts"
import { count, note } from "./State.ts"

export const called = (call: Draft, event: ModelToolCalled): void => {
  if (!Slot.holds(call, event.response)) return
  if (call.answered.includes(event.call) || call.tools.some((tool) => tool.call === event.call)) return
  if (call.tools.length >= Limits.toolCalls) return refuse(call, event.call, "too many function calls at once")
  call.tools = [
    ...call.tools,
    { call: event.call, name: event.name, arguments: event.arguments, response: event.response, due: null }
  ]
}

/** `spoke`: the response had something for the ear. `cutShort`: the caller began to speak before its end. */
export const responseDone = (
  call: Draft,
  response: string,
  completed: boolean,
  spoke: boolean,
  cutShort: boolean
): void => {
  const pending = call.tools.filter((tool) => tool.response === response && tool.due === null)
  const isEndCall = (tool: ToolCall) => tool.name === EndCall.name && call.config.agent.endCall
  for (const tool of pending) {
    if (!completed) refuse(call, tool.call, "not run: the response was interrupted")
    else if (isEndCall(tool)) endCall(call, tool, spoke, cutShort)
    else run(call, tool)
  }
  if (completed && !pending.every(isEndCall)) followUp(call)
}

export const finished = (call: Draft, event: ToolFinished): void => {
  const tool = call.tools.find((tool) => tool.call === event.call && tool.due !== null)
  if (tool === undefined) return note(call, "late tool result", "the call was answered before: its result is dropped")
  if (specOf(call, tool.name)?.protectAnswer === true && call.config.agent.turns === "machine") call.protect = true
  answer(call, tool.call, event.output)
  followUp(call)
}

export const timedOut = (call: Draft): void => {
  for (const tool of call.tools) {
    if (tool.due === null || tool.due > call.at) continue
    note(call, "tool timed out", tool.name)
    answer(call, tool.call, '{"error":"the tool did not answer in time"}')
  }
  followUp(call)
}

const specOf = (call: Draft, name: string) => call.config.agent.tools.find((spec) => spec.name === name)

const run = (call: Draft, tool: ToolCall): void => {
  const spec = specOf(call, tool.name)
  if (spec === undefined) return refuse(call, tool.call, "there is no such tool")
  const given = tool.arguments.trim() === "" ? "{}" : tool.arguments
  if (!isObject(given)) return refuse(call, tool.call, "the arguments are not a JSON object")
  call.tools = call.tools.map((other) =>
    other.call === tool.call ? { ...tool, arguments: given, due: call.at + spec.timeoutMs } : other
  )
  count(call, { toolCalls: call.sums.toolCalls + 1 })
  call.out.push({ _tag: "RunTool", call: tool.call, name: tool.name, arguments: given })
}

/** A sound that is not known to be speech calls the end off when it proves to be. */
const endCall = (call: Draft, tool: ToolCall, spoke: boolean, cutShort: boolean): void => {
  count(call, { toolCalls: call.sums.toolCalls + 1 })
  const isCallerSpeaking = call.speech.speaking && call.speech.lookAt === null
  if (cutShort || isCallerSpeaking) return refuse(call, tool.call, "not hung up: the caller speaks")
  answer(call, tool.call, EndCall.accepted)
  Ending.afterGoodbye(call, spoke)
}

const refuse = (call: Draft, id: string, reason: string): void => {
  note(call, "tool refused", reason)
  answer(call, id, JSON.stringify({ error: reason }))
}

const answer = (call: Draft, id: string, output: string): void => {
  call.tools = call.tools.filter((tool) => tool.call !== id)
  call.answered = [...call.answered, id].slice(-Limits.answeredCalls)
  if (call.model.status === "ready") {
    call.out.push({ _tag: "AnswerTool", session: call.model.session, call: id, output })
  }
}

const followUp = (call: Draft): void => {
  if (call.tools.length === 0 && call.ending === null) Slot.want(call, "tools")
}

const isObject = (text: string): boolean => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
