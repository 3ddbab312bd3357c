/** Function calls: which the model made, which were run, which were answered. */

import type { Command, Event } from "@offhook/core"
import * as Bounds from "./Bounds.ts"
import type { Case } from "./Case.ts"
import type { Rule } from "./Rule.ts"

interface Call {
  readonly id: string
  readonly response: string
  readonly name: string
  status: "asked" | "completed" | "not completed"
  runs: number
  answers: number
  /** When its answer is due at the latest; Infinity before its response is done. */
  due: number
}

export const make = (on: Case): Rule => {
  const { found, peers, plan } = on
  const calls = new Map<string, Call>()
  const outOfBand = new Set<string>()
  const timeout = Math.max(0, ...plan.agent.tools.map(({ timeoutMs }) => timeoutMs))
  let nextLook = 0

  const called = (event: Extract<Event, { _tag: "ModelToolCalled" }>): void => {
    if (!peers.isReady(event.session) || outOfBand.has(event.response) || calls.has(event.call)) return
    if (calls.size >= most) {
      const oldest = [...calls.values()].find(({ answers }) => answers > 0)
      if (oldest !== undefined) calls.delete(oldest.id)
    }
    calls.set(event.call, {
      id: event.call,
      response: event.response,
      name: event.name,
      status: "asked",
      runs: 0,
      answers: 0,
      due: Number.POSITIVE_INFINITY
    })
  }

  const done = (event: Extract<Event, { _tag: "ModelResponseDone" }>, at: number): void => {
    for (const call of calls.values()) {
      if (call.response !== event.response || call.status !== "asked") continue
      call.status = event.status === "completed" ? "completed" : "not completed"
      const tool = plan.agent.tools.find(({ name }) => name === call.name)
      call.due = at + (tool?.timeoutMs ?? 0) + Bounds.toolAnswer
    }
    outOfBand.delete(event.response)
  }

  const run = (command: Extract<Command, { _tag: "RunTool" }>, at: number): void => {
    const call = calls.get(command.call)
    if (call === undefined) return found("tool runs once", at, `${command.name} is run, and was not called`)
    call.runs++
    if (call.runs > 1) found("tool runs once", at, `${command.call} is run ${call.runs} times`)
    if (call.answers > 0) found("tool runs once", at, `${command.call} is run after it was answered`)
    if (call.status !== "completed")
      found("tool runs once", at, `${command.call} is run, and its response is ${call.status}`)
  }

  const answer = (command: Extract<Command, { _tag: "AnswerTool" }>, at: number): void => {
    const call = calls.get(command.call)
    if (call === undefined) return found("tool answered once", at, `${command.call} is answered, and was not called`)
    call.answers++
    if (call.answers > 1) found("tool answered once", at, `${command.call} is answered ${call.answers} times`)
  }

  const look = (at: number): void => {
    for (const call of calls.values()) {
      if (call.answers > 0 || call.due > at) continue
      call.due = Number.POSITIVE_INFINITY
      found(
        "tool answered once",
        at,
        `${call.id} (${call.name}) is not answered, at most ${timeout} ms after it was made`
      )
    }
  }

  return {
    event: (event, at) => {
      switch (event._tag) {
        case "ModelResponseCreated":
          if (!event.inConversation) outOfBand.add(event.response)
          return
        case "ModelToolCalled":
          return called(event)
        case "ModelResponseDone":
          return done(event, at)
      }
    },
    command: (command, at) => {
      switch (command._tag) {
        case "RunTool":
          return run(command, at)
        case "AnswerTool":
          return answer(command, at)
        case "CloseModel":
          look(at)
          return calls.clear()
      }
    },
    stepped: (at) => {
      if (at < nextLook || calls.size === 0) return
      nextLook = at + 500
      if (peers.sessions.at(-1)?.endedBy === null) look(at)
    }
  }
}

/** Calls that are remembered. */
const most = 512
