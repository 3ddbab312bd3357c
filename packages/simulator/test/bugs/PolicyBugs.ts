/** Bugs about what may interrupt the agent: pauses, protected segments, asides. */

import type { KnownBug } from "./KnownBug.ts"

export const list: ReadonlyArray<KnownBug> = [
  {
    id: "resumed-at-the-last-echo",
    sentence: "After a cough the agent says again what the caller has heard since the last mark.",
    seen: "resuming by whole chunks, as frameworks that pause between frames do",
    patches: [
      {
        file: "Ledger.ts",
        find: "  const rest = Kept.from(kept, position)\n",
        replace: "  const rest = Kept.from(kept, cut.played)\n"
      }
    ],
    by: ["heard in order"]
  },
  {
    id: "resumed-where-the-clear-was-sent",
    sentence: "After a cough the agent says again what was played while the clear was on its way.",
    seen: "a pause that is placed on our clock, not on the carrier's",
    patches: [
      {
        file: "Ledger.ts",
        find: "  const position = positionOf(ledger, cut, now)\n  const rest",
        replace: "  const position = Playback.positionExpected(cut, cut.clearedAt)\n  const rest"
      }
    ],
    by: ["heard in order"]
  },
  {
    id: "rest-lost-in-a-pause",
    sentence: "After a cough the agent goes on with what was generated since, and what was queued is never heard.",
    seen: "pain 9: a clear can't be taken back at the carrier",
    patches: [{ file: "Ledger.ts", find: "  return [...rest, ...unsent].reduce(", replace: "  return unsent.reduce(" }],
    by: ["heard in order"]
  },
  {
    id: "deltas-lost-in-a-pause",
    sentence: "What the model generates while the agent pauses is dropped.",
    seen: "pain 4: stale and late deltas are dropped alike",
    patches: [{ file: "Ledger.ts", find: "  return [...rest, ...unsent].reduce(", replace: "  return rest.reduce(" }],
    by: ["heard in order"]
  },
  {
    id: "paused-for-ever",
    sentence: "The agent pauses for a sound, and waits for words that never come.",
    seen: "pain 9: pause-then-decide without a deadline",
    patches: [
      {
        file: "call/Deadlines.ts",
        find: "due: (state) => state.pause?.due ?? null, fire: Sound.paused",
        replace: "due: () => null, fire: Sound.paused"
      },
      {
        file: "call/Deadlines.ts",
        find: "due: (state) => earliestOf(state.sounds), fire: Sound.undecided",
        replace: "due: () => null, fire: Sound.undecided"
      }
    ],
    by: ["pause is short"]
  },
  {
    id: "protected-segment-cut",
    sentence: "The caller speaks, and the legal notice is cut off.",
    seen: "uninterruptible flags that only the next response heeds; pain 9",
    patches: [
      {
        file: "call/Sound.ts",
        find: "  if (!Protection.isUnderWay(call)) return Interruption.interrupt(call)\n",
        replace: '  if (call.phase !== "ended") return Interruption.interrupt(call)\n'
      }
    ],
    by: ["protected is heard"]
  },
  {
    id: "answer-queued-behind-a-protected-segment",
    sentence: "An answer is queued behind the legal notice, and who interrupts it cuts off the notice.",
    seen: "one queue for all that is to be played",
    patches: [{ file: "call/Responses.ts", find: "  !Protection.isUnheard(call) &&\n", replace: "" }],
    by: ["protected is heard"]
  },
  {
    id: "aside-left-in-the-conversation",
    sentence: 'The agent ignores an "mm-hm", but the model reads it before its next answer.',
    seen: "pain 9: livekit#6488",
    patches: [
      {
        file: "call/Sound.ts",
        find: '  call.out.push({ _tag: "DeleteItem", session, item })\n',
        replace: ""
      }
    ],
    by: ["aside is deleted"]
  },
  {
    id: "aside-answered",
    sentence: 'The agent answers an "mm-hm" as if it had been a turn.',
    seen: "pain 9: livekit#6750",
    patches: [
      {
        file: "call/Sound.ts",
        find: "    return forget(call, event.item)\n",
        replace: '    forget(call, event.item)\n    return Slot.want(call, "answer")\n'
      }
    ],
    by: ["aside is deleted"]
  }
]
