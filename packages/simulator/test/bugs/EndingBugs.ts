/** Bugs about how a call ends, and about what keeps it in order. */

import type { KnownBug } from "./KnownBug.ts"

export const list: ReadonlyArray<KnownBug> = [
  {
    id: "goodbye-cut",
    sentence: "The line closes while the agent is still saying goodbye.",
    seen: "pain 14: openclaw#155271, agent-call#9",
    patches: [
      {
        file: "call/Ending.ts",
        find: "  if (Ledger.isEmpty(call.ledger, now(call))) finish(call, call.ending)\n",
        replace: "  finish(call, call.ending)\n"
      }
    ],
    where: [/end_call/],
    by: ["goodbye is heard"]
  },
  {
    id: "goodbye-on-a-timer",
    sentence: "The line closes two seconds after the goodbye was generated, however long it is.",
    seen: "pain 14: vellum#38339",
    patches: [
      {
        file: "call/Ending.ts",
        find: "  call.ending = { ...call.ending, due: Math.max(call.ending.due, heardBy) }\n",
        replace: "  call.ending = { ...call.ending, due: Math.min(heardBy, call.at + 2_000) }\n"
      },
      {
        file: "call/Ending.ts",
        find: '  else if (ending.how === "hang up" && !Ledger.isEmpty(call.ledger, now(call))) extend(call)\n',
        replace: ""
      }
    ],
    where: [/end_call/],
    by: ["goodbye is heard"]
  },
  {
    id: "model-left-open",
    sentence: "The caller has hung up, and the model's session stays open and is paid for.",
    seen: "pain 15: twilio-py#36, twilio-py#10, openclaw#72998",
    patches: [
      {
        file: "call/Ending.ts",
        find: '    call.out.push({ _tag: "CloseModel", session: call.model.session })\n',
        replace: ""
      }
    ],
    by: ["sockets closed"]
  },
  {
    id: "carrier-left-open",
    sentence: "The model is gone, and the caller stays on a silent line.",
    seen: "pain 17: dead air after the model's failure",
    patches: [
      {
        file: "call/Ending.ts",
        find: '  call.out.push({ _tag: "CloseCarrier", stream: call.carrier.stream })\n',
        replace: ""
      }
    ],
    by: ["sockets closed"]
  },
  {
    id: "call-length-ignored",
    sentence: "A call goes on beyond the longest that it may last.",
    seen: "pain 25: AIReceptionist#10, a crazy bill",
    patches: [
      {
        file: "call/Deadlines.ts",
        find: "(ending === null || ending.revocable ? config.agent.maxCallMs : null)",
        replace: "(ending !== null && ending.revocable ? config.agent.maxCallMs : null)"
      }
    ],
    where: [/"maxCallMs":\d{1,5}\b/],
    by: ["within its length"]
  },
  {
    id: "commands-after-the-end",
    sentence: "What arrives after the end of a call is still answered.",
    seen: "pain 15; any handler that outlives its call",
    patches: [
      {
        file: "Call.ts",
        find: '  if (state.phase === "ended") return [state, []]\n',
        replace: ""
      },
      {
        file: "Call.ts",
        find: 'const handle = (call: Draft, event: Event): void => {\n  if (call.phase === "ended") return\n',
        replace: "const handle = (call: Draft, event: Event): void => {\n"
      }
    ],
    by: ["ends once"]
  },
  {
    id: "old-session-heard",
    sentence: "What a model still says after its session was closed is taken for the present one's.",
    seen: "pain 16: events of a session that was replaced",
    patches: [
      {
        file: "call/ModelEvents.ts",
        find: '  call.model.session === session && call.model.status !== "closed"\n',
        replace: "  call.model.session >= session\n"
      }
    ],
    where: [/CloseIgnored|SessionExpired/],
    by: ["open peers only", "sums add up"]
  },
  {
    id: "deadline-in-the-past",
    sentence: "A deadline that has passed is not taken off, and the host wakes the call up again at once, for ever.",
    seen: "any timer that is set from a time that has passed",
    patches: [
      {
        file: "call/Deadlines.ts",
        find: "return due > at ? due : null",
        replace: "return wanted !== null ? due : null"
      },
      {
        file: "Call.ts",
        find: '    if (call.phase === "ended") return\n  }\n',
        replace: "    return\n  }\n"
      }
    ],
    by: ["deadline ahead", "no livelock"]
  },
  {
    id: "state-grows",
    sentence: "Each turn leaves something behind in memory.",
    seen: "streamcore#56, pipecat#3378; a map from which nothing is taken",
    patches: [
      {
        file: "call/Items.ts",
        find: "  call.ledger = Ledger.forget(call.ledger, session, item, contentIndex)\n",
        replace: `  count(call, { past: [...(call.sums.past ?? []), { ...call, out: [], sums: null }] })
  call.ledger = Ledger.forget(call.ledger, session, item, contentIndex)
`
      }
    ],
    by: ["state is bounded"]
  },
  {
    id: "not-reproducible",
    sentence: "A recorded call does not replay: something in the machine depends on chance.",
    seen: "Math.random or Date in a decision",
    patches: [
      {
        file: "call/Responses.ts",
        find: "due: call.at + Limits.requestMs }\n  call.out.push",
        replace: "due: call.at + Limits.requestMs }\n  call.requests += Math.random() < 0.5 ? 0 : 1\n  call.out.push"
      }
    ],
    by: ["replays"]
  },
  {
    id: "late-timer",
    sentence: "Where two deadlines pass while the host is busy, only the first is seen to.",
    seen: "a host whose timers are late",
    patches: [
      {
        file: "Call.ts",
        find: '    if (call.phase === "ended") return\n  }\n',
        replace: "    return\n  }\n"
      }
    ],
    by: ["deadline ahead"]
  }
]
