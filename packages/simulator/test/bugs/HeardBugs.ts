/** Bugs about what the caller hears, and what the model is told of it. */

import type { KnownBug } from "./KnownBug.ts"

/** What is told of a cut item is read off a clock of the caller's audio, from the first delta of a response on. */
const clockAtFirstDelta = (isKept: string, since: string) => ({
  file: "call/ModelEvents.ts",
  find: "  if (Slot.alive(call, event.response)) {\n    const { lostBytes } = call.ledger",
  replace: `  if (!(${isKept})) count(call, { started: { ${since}, at: now(call).at } })
  if (Slot.alive(call, event.response)) {
    const { lostBytes } = call.ledger`
})

const toldByClock = (audioEndMs: string) => ({
  file: "call/Items.ts",
  find: "  const audioEndMs = Math.floor(heardBytes / call.ledger.bytesPerMs)\n",
  replace: `  const started = call.sums.started
  const elapsed = Math.max(0, Math.floor(now(call).at - (started?.at ?? 0)))
  const generated = Math.floor(
    (Ledger.progress(call.ledger, now(call), session, item, contentIndex)?.receivedBytes ?? 0) / call.ledger.bytesPerMs
  )
  const audioEndMs = ${audioEndMs}
`
})

export const list: ReadonlyArray<KnownBug> = [
  {
    id: "constant-mark-name",
    sentence:
      "Every mark has the same name, so an echo is taken for whichever is oldest: those that a clear flushes eat the next answer's.",
    seen: "Twilio's sample (protocols.md E.11); pain 4",
    patches: [
      {
        file: "Ledger.ts",
        find: "const markName = (generation: number, number: number): string =>",
        replace:
          'const markName = () => "responsePart"\nexport const was = (generation: number, number: number): string =>'
      },
      {
        file: "Ledger.ts",
        find: "  const number = markNumber(name)\n",
        replace:
          "  const number = ledger.playback.marks[0]?.number ?? ledger.cuts.find((cut) => cut.silentAt === null)?.probe ?? null\n"
      }
    ],
    by: ["believed is heard", "settled is heard", "no refusal", "truncated within"]
  },
  {
    id: "flushed-mark-is-played",
    sentence: "A mark that a clear flushed counts as played, so all that was queued counts as heard.",
    seen: "pain 4; openai-agents-js#1343",
    patches: [
      {
        file: "Cleared.ts",
        find: "const isFlushed = isOfClear && !isFirst",
        replace: "const isFlushed = isOfClear && silence === undefined"
      }
    ],
    by: ["believed is heard", "settled is heard", "unheard is deleted"]
  },
  {
    id: "start-time-not-reset",
    sentence: "The clock of an answer goes on from the one before, unless that was interrupted.",
    seen: "Twilio's sample (protocols.md E.11); pain 1, twilio-py#22",
    patches: [
      clockAtFirstDelta("call.sums.started", "response: event.response"),
      toldByClock("Math.min(elapsed, generated)"),
      {
        file: "call/Interruption.ts",
        find: "export const settleByEstimate",
        replace: "const restart = (call: Draft) => count(call, { started: null })\nexport const settleByEstimate"
      },
      {
        file: "call/Interruption.ts",
        find: "  Items.cut(call, cuts, atOnce)\n",
        replace: "  Items.cut(call, cuts, atOnce)\n  restart(call)\n"
      }
    ],
    by: ["believed is heard"]
  },
  {
    id: "truncated-by-the-callers-clock",
    sentence: "The model is told the time since the answer's first delta arrived, not what was heard of it.",
    seen: "Twilio's sample (protocols.md E.11); pain 1",
    patches: [
      clockAtFirstDelta("call.sums.started?.response === event.response", "response: event.response"),
      toldByClock("Math.min(elapsed, generated)")
    ],
    by: ["believed is heard"]
  },
  {
    id: "truncation-not-clamped",
    sentence: "An item is truncated beyond the audio that was generated for it.",
    seen: 'pain 1: "Audio content of X ms is already shorter than Y ms"; pipecat#3677',
    patches: [
      clockAtFirstDelta("call.sums.started?.response === event.response", "response: event.response"),
      toldByClock("elapsed")
    ],
    by: ["truncated within", "no refusal"]
  },
  {
    id: "truncated-at-what-was-generated",
    sentence: "What was generated counts as heard, so the model is never told that the caller missed the rest.",
    seen: "pain 2: twilio's agent connect, TAC-py#118; openai-agents-js#1173",
    patches: [
      {
        file: "call/Items.ts",
        find: "  for (const { session, item, contentIndex, heardBytes, receivedBytes } of cuts) {\n",
        replace:
          "  for (const { session, item, contentIndex, receivedBytes } of cuts) {\n    const heardBytes = receivedBytes\n"
      }
    ],
    by: ["believed is heard", "unheard is deleted"]
  },
  {
    id: "truncated-at-the-last-echo",
    sentence: "Only whole deltas count as heard: what was played since the last mark's echo is forgotten.",
    seen: "OpenAI's own Twilio transport: 110 ms off in the median, 579 at worst (design.md, Exactness 2)",
    patches: [
      {
        file: "Playback.ts",
        find: "  playback.origin === null\n    ? playback.played",
        replace: "  limit >= 0\n    ? playback.played"
      },
      {
        file: "Playback.ts",
        find: "  return begun === Number.NEGATIVE_INFINITY\n    ? played",
        replace: "  return limit >= 0\n    ? played"
      }
    ],
    by: ["believed is heard"]
  },
  {
    id: "truncated-where-the-clear-was-sent",
    sentence: "The cut is told as of the moment the clear was sent, though the caller heard on until it arrived.",
    seen: "every transport that truncates at once (design.md, Exactness 2)",
    patches: [
      {
        file: "Cleared.ts",
        find: "        known,\n        silenceOf(cut, roundTrip),\n",
        replace: "        cut,\n        cut.clearedAt,\n"
      }
    ],
    by: ["believed is heard"]
  },
  {
    id: "heard-through-a-pause",
    sentence: "The heard position runs on while the line is silent for want of audio.",
    seen: "pain 2: any position that is a clock's and no mark's",
    patches: [
      {
        file: "Playback.ts",
        find: "clamped(playback, at, playback.marks[0]?.position ?? playback.sent)",
        replace: "clamped(playback, at, playback.sent)"
      },
      {
        file: "Playback.ts",
        find: "  const { earliest, latest } = told\n  if (origin === null",
        replace: "  const { earliest, latest } = told\n  if (origin !== null) return origin\n  if (origin === null"
      }
    ],
    by: ["believed is heard", "settled is heard"]
  },
  {
    id: "never-truncated",
    sentence: "The audio stops when the caller speaks, but the model goes on believing that all of it was heard.",
    seen: "pain 2; community.openai.com 1371637",
    patches: [
      {
        file: "call/Items.ts",
        find: '  call.out.push({ _tag: "Truncate", session, item, contentIndex, audioEndMs })\n',
        replace: ""
      }
    ],
    by: ["believed is heard", "told in time"]
  },
  {
    id: "queued-item-not-deleted",
    sentence: "An item that was queued and never heard stays in the conversation as if the caller had heard it.",
    seen: "pain 2: openclaw#138619",
    patches: [{ file: "call/Items.ts", find: '  call.out.push({ _tag: "DeleteItem", session, item })\n', replace: "" }],
    by: ["unheard is deleted"]
  },
  {
    id: "late-deltas-forwarded",
    sentence: "Audio of an answer that was interrupted still goes to the caller when it comes late.",
    seen: "Twilio's sample (protocols.md E.11); pain 4",
    patches: [
      {
        file: "call/ModelEvents.ts",
        find: "  if (Slot.alive(call, event.response)) {\n    const { lostBytes } = call.ledger",
        replace: "  if (Slot.holds(call, event.response)) {\n    const { lostBytes } = call.ledger"
      }
    ],
    by: ["nothing stale"]
  },
  {
    id: "clear-forgotten",
    sentence: "The model stops, but what the carrier has buffered is played to its end.",
    seen: "pain 3: openai-agents-js#1173, pipecat#366",
    patches: [{ file: "Ledger.ts", find: '    out.push({ _tag: "Clear", stream })\n', replace: "" }],
    by: ["believed is heard", "nothing stale", "silent when spoken to", "settled is heard"]
  },
  {
    id: "interrupted-only-while-generating",
    sentence: "Once the model has generated its answer, the caller can't interrupt what is still being played.",
    seen: "pain 3: openai-agents-js#1173, elizaOS/eliza#19407, twilio-node#9",
    patches: [
      {
        file: "call/Interruption.ts",
        find: "  if (Ledger.isEmpty(call.ledger, now(call))) return\n",
        replace: `  if (pause === null && call.slot._tag !== "Cancelling") return
  if (Ledger.isEmpty(call.ledger, now(call))) return
`
      }
    ],
    by: ["silent when spoken to"]
  },
  {
    id: "settled-by-arrival",
    sentence: "The transcript is in the order in which texts arrive, so an answer stands before its question.",
    seen: "pain 8: openai-agents-js#106, livekit/agents-js#28",
    patches: [
      {
        file: "Transcript.ts",
        find: "export const settle = (t: Transcript, at: Millis, out: Array<Command>): Transcript => {\n",
        replace: `export const settle = (before: Transcript, at: Millis, out: Array<Command>): Transcript => {
  const isFinal = (item: Item) => dueAt(item, before.waiting.length) <= at
  const waiting = [...before.waiting.filter(isFinal), ...before.waiting.filter((item) => !isFinal(item))]
  const t = { ...before, waiting }
`
      }
    ],
    by: ["settled once"]
  },
  {
    id: "settled-twice",
    sentence: "A transcription that comes late brings a turn back that was told before.",
    seen: "pain 8; any map that forgets what has left",
    patches: [
      {
        file: "Transcript.ts",
        find: "t.left.some((item) => isSame(item, place))",
        replace: "t.left.length < 0 && isSame(place, place)"
      }
    ],
    by: ["settled once"]
  },
  {
    id: "text-of-what-was-not-heard",
    sentence: "The transcript of an interrupted answer holds words that the caller never heard.",
    seen: "pain 7: openai-agents-js#523, livekit#2201",
    patches: [
      {
        file: "Transcript.ts",
        find: "      heard: heardText(it, heardBytes, receivedBytes),\n",
        replace: "      heard: it.text,\n"
      }
    ],
    by: ["texts shrink", "settled is heard"]
  },
  {
    id: "clear-without-a-deadline",
    sentence: "Where the mark before a clear never comes back, the call waits for it for ever.",
    seen: "protocols.md G.2 9: nothing promises that every mark is echoed",
    patches: [
      {
        file: "call/Deadlines.ts",
        find: "    due: ({ carrier, cut }) => (cut === null || carrier.congestion !== null ? null : cut.due),\n",
        replace: "    due: () => null,\n"
      }
    ],
    where: [/EchoesMissing/],
    by: ["told in time", "turn answered", "no dead air"]
  }
]
