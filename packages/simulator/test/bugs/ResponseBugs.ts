/** Bugs about who speaks: responses, function calls, and errors of the model. */

import type { KnownBug } from "./KnownBug.ts"

export const list: ReadonlyArray<KnownBug> = [
  {
    id: "created-while-active",
    sentence: "A response is asked for while another one is under way, and refused.",
    seen: "pain 5: conversation_already_has_active_response, pipecat#3960",
    patches: [
      {
        file: "call/Responses.ts",
        find: '  call.slot._tag === "Idle" &&\n',
        replace: ""
      }
    ],
    by: ["one response", "no refusal"]
  },
  {
    id: "created-before-the-truncation",
    sentence: "The next answer is asked for before the model knows what was heard of the last one.",
    seen: "design.md, Exactness 2",
    patches: [
      {
        file: "call/Responses.ts",
        find: "  call.cut === null &&\n",
        replace: ""
      },
      {
        file: "call/Responses.ts",
        find: "  call.held.every(({ refused }) => refused) &&\n",
        replace: ""
      }
    ],
    where: [/"turns":"machine"/],
    by: ["told first"]
  },
  {
    id: "created-while-the-caller-speaks",
    sentence: "The agent begins to answer while the caller is still speaking.",
    seen: "pain 20: pydantic-ai#6324, a tool's result re-opens the turn after a barge-in",
    patches: [{ file: "call/Responses.ts", find: "  !call.speech.speaking &&\n", replace: "" }],
    by: ["not spoken over"]
  },
  {
    id: "cancellation-lost",
    sentence: "A caller who speaks just before a response is created is spoken over by it.",
    seen: "the race between response.create and barge-in; pain 5",
    patches: [
      {
        file: "call/Slot.ts",
        find: '  if (slot._tag === "Requested") call.slot = { ...slot, cancel: true }\n',
        replace: ""
      }
    ],
    by: ["not spoken over"]
  },
  {
    id: "never-cancelled",
    sentence: "The caller interrupts, and the model goes on with an answer that nobody hears.",
    seen: "pain 3: only the playback is stopped",
    patches: [
      {
        file: "call/Slot.ts",
        find: '  if (status === "ready") call.out.push({ _tag: "CancelResponse", session, response })\n',
        replace: ""
      }
    ],
    by: ["one response", "no refusal"]
  },
  {
    id: "wedged-by-a-refusal",
    sentence: "After a response was refused, the agent never says anything again.",
    seen: "pain 5: livekit#1056; pain 1: pipecat#3677",
    patches: [
      {
        file: "call/Responses.ts",
        find: "  if (pending === null || error.cause !== pending.request) return false\n",
        replace: "  if (pending === null || error.cause !== null) return false\n"
      },
      {
        file: "call/Deadlines.ts",
        find: '(slot._tag === "Idle" || model.congestion !== null ? null : slot.due)',
        replace: '(slot._tag === "Idle" || slot._tag === "Requested" || model.congestion !== null ? null : slot.due)'
      }
    ],
    where: [/ResponseRefused|ResponseOfItsOwn/],
    by: ["turn answered", "no dead air"]
  },
  {
    id: "benign-error-ends-the-call",
    sentence: "An error of which nobody has heard ends the call.",
    seen: 'pain 6: openai-agents-js#189, pipecat ("errors are fatal"), jambonz',
    patches: [{ file: "ModelFault.ts", find: '  )?.fault ?? "note"', replace: '  )?.fault ?? "end"' }],
    where: [/"Error"/],
    by: ["ends for a reason"]
  },
  {
    id: "tool-answered-twice",
    sentence: "A tool that answers after its time-out is answered for a second time.",
    seen: "pain 20: livekit#6411",
    patches: [
      {
        file: "call/Tools.ts",
        find: "  if (tool === undefined) return note(",
        replace: `  if (tool === undefined && call.model.status === "ready") {
    call.out.push({ _tag: "AnswerTool", session: call.model.session, call: event.call, output: event.output })
  }
  if (tool === undefined) return note(`
      }
    ],
    by: ["tool answered once"]
  },
  {
    id: "tool-of-an-interrupted-response",
    sentence: "A tool is run that the model asked for in a response that was cancelled.",
    seen: "protocols.md E.8: the arguments are complete in a cancelled response too",
    patches: [
      { file: "call/Tools.ts", find: "    if (!completed) refuse(", replace: "    if (pending.length === 0) refuse(" }
    ],
    where: [/"_tag":"Call"/],
    by: ["tool runs once"]
  },
  {
    id: "refused-tool-not-answered",
    sentence: "A function call that can't be run is never answered.",
    seen: "pain 20: livekit-agents-js#2249, result lost",
    patches: [
      {
        file: "call/Tools.ts",
        find: '  note(call, "tool refused", reason)\n  answer(call, id, JSON.stringify({ error: reason }))\n',
        replace: '  note(call, "tool refused", reason)\n  call.tools = call.tools.filter((tool) => tool.call !== id)\n'
      }
    ],
    by: ["tool answered once"]
  },
  {
    id: "tool-without-a-deadline",
    sentence: "A tool that never answers leaves the caller waiting for ever.",
    seen: "pain 19; twilio-py#34",
    patches: [
      { file: "call/Deadlines.ts", find: "due: (state) => earliestOf(state.tools),", replace: "due: () => null," }
    ],
    by: ["tool answered once"]
  },
  {
    id: "cost-counted-twice",
    sentence: "The bill of a call is twice what the model reported.",
    seen: "pain 25: PageSpace#2391, cached tokens counted again",
    patches: [
      {
        file: "call/Responses.ts",
        find: "Usage.add(call.sums.usage, event.usage)",
        replace: "Usage.add(Usage.add(call.sums.usage, event.usage), event.usage)"
      }
    ],
    by: ["sums add up"]
  },
  {
    id: "cost-of-the-last-response",
    sentence: "The bill of a call is that of its last response.",
    seen: "pain 25: usage that is set, not summed",
    patches: [{ file: "call/Responses.ts", find: "Usage.add(call.sums.usage, event.usage)", replace: "event.usage" }],
    by: ["sums add up"]
  },
  {
    id: "format-not-checked",
    sentence: "The model speaks in another format than the phone's, and the caller hears noise.",
    seen: "pain 18: Patter#154, PCM16 sent as mu-law",
    patches: [
      {
        file: "call/ModelEvents.ts",
        find: "  if (!isMulaw(event.input) || !isMulaw(event.output)) {",
        replace: "  if (call.at < 0 && isMulaw(event.input)) {"
      }
    ],
    where: [/FormatChanged/],
    by: ["right format"]
  },
  {
    id: "asked-for-ever",
    sentence: "A response that fails each time is asked for again without end.",
    seen: "pain 17; retries without a bound",
    patches: [
      {
        file: "call/Responses.ts",
        find: '  if (wanted.tries + 1 >= Limits.responseTries) return Ending.fail(call, "model lost")\n',
        replace: ""
      },
      {
        file: "call/Responses.ts",
        find: "Limits.retryMs * 2 ** again.tries",
        replace: "Limits.retryMs"
      }
    ],
    where: [/ResponseFailed|ResponseIgnored|ResponseRefused/],
    by: ["retries are few"]
  },
  {
    id: "tool-result-unsaid",
    sentence: "The tool has answered, but nobody asks the model to say so.",
    seen: "pain 20: livekit#6569, the call wedges",
    patches: [
      {
        file: "call/Tools.ts",
        find: '  if (call.tools.length === 0 && call.ending === null) Slot.want(call, "tools")\n',
        replace: ""
      }
    ],
    by: ["no dead air", "turn answered"]
  },
  {
    id: "failed-response-not-retried",
    sentence: "When a response fails, the caller waits for an answer that does not come.",
    seen: "pain 17: livekit#6205, openclaw#136847",
    patches: [
      {
        file: "call/Responses.ts",
        find: '    case "retry": {\n      if (!isAwaited) return\n',
        replace: '    case "retry": {\n      return\n'
      }
    ],
    where: [/ResponseFailed/],
    by: ["turn answered", "no dead air"]
  }
]
