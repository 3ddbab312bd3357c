/** Bugs about the caller's voice and keys on their way to the model. */

import type { KnownBug } from "./KnownBug.ts"

export const list: ReadonlyArray<KnownBug> = [
  {
    id: "backlog-out-of-order",
    sentence: "What the caller said before the model was ready reaches it in the wrong order.",
    seen: "pain 13; a stack where a queue was meant",
    patches: [
      {
        file: "call/CallerAudio.ts",
        find: "  for (const piece of audio.waiting) next",
        replace: "  for (const piece of [...audio.waiting].reverse()) next"
      }
    ],
    where: [/UpdateLate|ConnectSlow/],
    by: ["caller heard once"]
  },
  {
    id: "backlog-dropped",
    sentence: "What the caller said before the model was ready is lost.",
    seen: "Twilio's sample (protocols.md E.11); pain 13",
    patches: [
      {
        file: "call/CallerAudio.ts",
        find: "  for (const piece of audio.waiting) next",
        replace: "  for (const piece of [] as typeof audio.waiting) next"
      }
    ],
    where: [/UpdateLate|ConnectSlow/],
    by: ["caller heard once"]
  },
  {
    id: "backlog-too-short",
    sentence: "Of what the caller said before the model was ready, it hears only the last second.",
    seen: "pain 13; a buffer for the usual case",
    patches: [
      {
        file: "call/CallerAudio.ts",
        find: "    if (waitingBytes <= Limits.waitingBytes) break\n",
        replace: "    if (waitingBytes <= 1_000 * Limits.bytesPerMs) break\n"
      }
    ],
    where: [/UpdateLate|ConnectSlow/],
    by: ["caller heard once"]
  },
  {
    id: "half-duplex",
    sentence: "The model hears nothing of the caller while the agent speaks.",
    seen: "the usual cure for echo; pain 10",
    patches: [
      {
        file: "call/CarrierEvents.ts",
        find: '  if (call.model.status === "closed") return\n',
        replace: '  if (call.model.status === "closed" || !Ledger.isEmpty(call.ledger, now(call))) return\n'
      }
    ],
    by: ["caller heard once"]
  },
  {
    id: "gap-not-filled",
    sentence: "Where the carrier leaves media out, the model's clock falls behind the call's.",
    seen: "pain 11: silence suppression, livekit/sip#551",
    patches: [
      {
        file: "call/CallerAudio.ts",
        find: "  const filled = Math.min(jump, Limits.gapFilledMs)\n",
        replace: "  const filled = 0\n"
      }
    ],
    by: ["caller heard once"]
  },
  {
    id: "speech-gap-filled-twice",
    sentence: "Silence that was sent ahead is sent once more when media goes on.",
    seen: "design.md, Exactness 4; the model's clock runs ahead by a second each time",
    patches: [
      {
        file: "call/CallerAudio.ts",
        find: "event.timestamp - audio.expected - audio.aheadMs\n",
        replace: "event.timestamp - audio.expected\n"
      }
    ],
    by: ["caller heard once"]
  },
  {
    id: "keys-before-the-model",
    sentence: "Keys that are pressed before the model is ready are lost.",
    seen: "pain 23",
    patches: [
      {
        file: "call/Keys.ts",
        find: "    call.entries = [...call.entries, digits].slice(-Limits.entries)\n",
        replace: ""
      }
    ],
    where: [/UpdateLate|ConnectSlow/, /Press/],
    by: ["keys are told", "turn answered"]
  },
  {
    id: "greeting-cut-by-the-backlog",
    sentence: "The caller's hello, spoken before the agent could be heard, cuts off its greeting.",
    seen: 'pain 13: twilio-py#9, "greeting 50 % of the time"',
    patches: [
      {
        file: "call/Sound.ts",
        find: "  if (isBacklog && !Ledger.wasAudible(call.ledger, onset, now(call))) return\n",
        replace: ""
      }
    ],
    where: [/UpdateLate|ConnectSlow|"updateMs"/, /"turns":"machine"/],
    by: ["old speech cuts nothing"]
  },
  {
    id: "onset-by-arrival",
    sentence: "Speech counts from when the model told of it, not from when it was spoken.",
    seen: "design.md, Exactness 4",
    patches: [
      {
        file: "call/Sound.ts",
        find: "  const onset = CallerAudio.carrierTime(call.caller, modelMs)\n",
        replace: "  const onset = now(call).at\n"
      }
    ],
    by: ["cut is timed"]
  }
]
