/** The transcript, held against the conversation that the model holds: every turn once, in its order, with its words. */

import type { Command, Event } from "@offhook/core"
import type { Case } from "./Case.ts"
import type { Rule } from "./Rule.ts"

type Turn = Extract<Command, { _tag: "Settled" }>["turn"]
type AgentTurn = Extract<Turn, { speaker: "agent" }>

export const make = (on: Case): Rule => {
  const { found, peers, plan, suspended, world } = on
  /** Items that have to stand in the transcript and do not yet. */
  const due = new Set<string>()
  /** The latest that stand there, by content. */
  const settled = new Set<string>()
  const deleted = new Set<string>()
  const responseOf = new Map<string, string>()
  const outOfBand = new Set<string>()
  const failed = new Set<string>()
  let session = -1
  let place = -1
  /** Its protection is promised to the next request, to a request, to its response. */
  let protects = false
  let protectedRequest: string | null = null
  /** Function calls whose answer is protected. */
  const protecting = new Set<string>()
  /** The result that came with this step. It is too late where the time of its call is over by now. */
  let finished: Extract<Event, { _tag: "ToolFinished" }> | null = null
  const protectedResponses = new Set<string>()

  const appeared = (item: string): void => {
    if (settled.has(`${item}/caller`)) return
    due.add(item)
  }

  const settle = (turn: Turn, at: number): void => {
    const key = turn.speaker === "caller" ? `${turn.item}/caller` : `${turn.item}/${turn.contentIndex}`
    if (settled.has(key)) found("settled once", at, `${turn.item} stands in the transcript twice`)
    settled.add(key)
    if (settled.size > most) settled.delete(oldest(settled))
    due.delete(turn.item)
    inOrder(turn, at)
    if (turn.speaker === "agent") agent(turn, at)
    else if (turn.aside && !deleted.has(turn.item) && peers.isReady(turn.session)) {
      found("aside is deleted", at, `${turn.item} is an aside, and the model still has it`)
    } else if (!turn.aside && deleted.has(turn.item)) {
      found("aside is deleted", at, `the model was told to forget ${turn.item}, which is no aside`)
    }
  }

  const inOrder = (turn: Turn, at: number): void => {
    const items = world.models[turn.session]?.items
    if (items === undefined) return
    if (turn.session !== session) {
      session = turn.session
      place = -1
    }
    let index = items.length - 1
    while (index >= 0 && items[index]?.id !== turn.item) index--
    if (index < 0) return
    if (index < place) found("settled once", at, `${turn.item} stands behind what the model has behind it`)
    place = Math.max(place, index)
  }

  const agent = (turn: AgentTurn, at: number): void => {
    const { generated, heard, heardMs, sent, generatedMs } = turn
    if (!begins(sent, heard) || !begins(generated, sent)) {
      found("texts shrink", at, `"${heard}" was heard of "${sent}", that was sent of "${generated}"`)
    }
    const response = responseOf.get(turn.item)
    responseOf.delete(turn.item)
    if (response === undefined) return
    if (protectedResponses.has(response) && !turn.protected) {
      found("protected is heard", at, `${turn.item} is to be protected, and was not`)
    }
    const isOver = peers.endingAt < Number.POSITIVE_INFINITY || !peers.isReady(turn.session)
    const isTellable = !isOver && !failed.has(response) && !suspended.has("settled is heard")
    if (turn.protected && heardMs < generatedMs && isTellable) {
      found("protected is heard", at, `${heardMs} of ${generatedMs} ms of ${turn.item} were heard, and it is protected`)
    }
  }

  const created = (event: Extract<Event, { _tag: "ModelResponseCreated" }>): void => {
    if (!event.inConversation) {
      outOfBand.add(event.response)
      return
    }
    if (protectedRequest === null || event.request !== protectedRequest) return
    protectedResponses.add(event.response)
    protectedRequest = null
  }

  return {
    event: (event) => {
      finished = event._tag === "ToolFinished" ? event : null
      switch (event._tag) {
        case "ModelSpeechCommitted":
          return peers.isReady(event.session) ? appeared(event.item) : undefined
        case "ModelAudio":
        case "ModelText":
          if (!outOfBand.has(event.response) && peers.isReady(event.session)) responseOf.set(event.item, event.response)
          return
        case "ModelToolCalled":
          if (plan.agent.tools.some(({ name, protectAnswer }) => name === event.name && protectAnswer)) {
            protecting.add(event.call)
          }
          return
        case "ModelResponseCreated":
          return created(event)
        case "ModelResponseDone":
          if (event.status !== "completed") failed.add(event.response)
          outOfBand.delete(event.response)
          return
      }
    },
    command: (command, at) => {
      switch (command._tag) {
        case "AddText":
          if (command.role === "user") appeared(command.item)
          else if (command.item === "greeting" && plan.agent.greetingProtected) protects = true
          return
        case "AnswerTool":
          if (
            protecting.delete(command.call) &&
            finished?.call === command.call &&
            finished.output === command.output
          ) {
            protects = plan.agent.turns === "machine"
          }
          return
        case "CreateResponse":
          if (protects) protectedRequest = command.request
          protects = false
          return
        case "DeleteItem":
          deleted.add(command.item)
          return
        case "Settled":
          return settle(command.turn, at)
        case "Ended":
          for (const item of due) found("settled once", at, `${item} does not stand in the transcript`)
      }
    }
  }
}

/** Turns that are remembered. */
const most = 1_024

const oldest = (set: ReadonlySet<string>): string => set.values().next().value ?? ""

const begins = (whole: string, start: string): boolean => whole.startsWith(start.replace(/ ?…$/, ""))
