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
    where: [/"pauseToDecide":true/],
    by: ["heard in order"]
  },
  {
    id: "resumed-where-the-clear-was-sent",
    sentence: "After a cough the agent says again what was played while the clear was on its way.",
    seen: "a pause that is placed on our clock, not on the carrier's",
    patches: [
      {
        file: "Ledger.ts",
        find: "  const position = Cleared.positionOf(cut, roundTripFor(ledger, cut))\n  const rest",
        replace:
          "  const position = Playback.positionExpected(cut, cut.clearedAt, roundTripFor(ledger, cut), cut.clearedAt)\n  const rest"
      }
    ],
    where: [/"pauseToDecide":true/],
    by: ["heard in order"]
  },
  {
    id: "rest-lost-in-a-pause",
    sentence: "After a cough the agent goes on with what was generated since, and what was queued is never heard.",
    seen: "pain 9: a clear can't be taken back at the carrier",
    patches: [{ file: "Ledger.ts", find: "  return [...rest, ...unsent].reduce(", replace: "  return unsent.reduce(" }],
    where: [/"pauseToDecide":true/],
    by: ["heard in order"]
  },
  {
    id: "deltas-lost-in-a-pause",
    sentence: "What the model generates while the agent pauses is dropped.",
    seen: "pain 4: stale and late deltas are dropped alike",
    patches: [{ file: "Ledger.ts", find: "  return [...rest, ...unsent].reduce(", replace: "  return rest.reduce(" }],
    where: [/"pauseToDecide":true/],
    by: ["heard in order"]
  },
  {
    id: "paused-for-ever",
    sentence: "The agent pauses for a sound, and waits for words that never come.",
    seen: "pain 9: pause-then-decide without a deadline",
    patches: [
      {
        file: "call/Deadlines.ts",
        find: "due: ({ carrier, pause }) => (pause === null || (pause.goesOn && carrier.congestion !== null) ? null : pause.due),",
        replace: "due: () => null,"
      },
      {
        file: "call/Deadlines.ts",
        find: "due: (state) => earliestOf(state.sounds), fire: Sound.undecided",
        replace: "due: () => null, fire: Sound.undecided"
      }
    ],
    where: [/"pauseToDecide":true/],
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
    where: [/"greetingProtected":true|"protectAnswer":true/],
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
    where: [/"turns":"machine"/],
    by: ["aside is deleted"]
  }
]
