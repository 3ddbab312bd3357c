/**
 * Bugs that were in the machine until simulated calls found them, each brought back by undoing what mended it. Of each
 * the shortest call that shows it is kept (`Kept.ts`); CHANGELOG.md tells them.
 */

import type { KnownBug } from "./KnownBug.ts"

export const list: ReadonlyArray<KnownBug> = [
  {
    id: "bytes-in-the-state",
    sentence: "Audio that waits for the carrier's stream is kept as bytes, so a state that was written down loses it.",
    seen: "seed k, call 24",
    patches: [
      {
        file: "Ledger.ts",
        find: "{ ...piece, payload: Payload.toBase64(piece.payload) }",
        replace: "piece"
      }
    ],
    by: ["state is data"]
  },
  {
    id: "media-stopped-in-the-past",
    sentence: "The caller's media stopped before their speech was reported: the wait for it is over before it begins.",
    seen: "seed n, call 7",
    patches: [
      {
        file: "call/Deadlines.ts",
        find: "Math.max(state.at, state.caller.lastAt + Limits.speechGapMs)",
        replace: "state.caller.lastAt + Limits.speechGapMs"
      }
    ],
    by: ["deadline ahead"]
  },
  {
    id: "repeated-media-said-twice",
    sentence: "A media message that the carrier repeats is heard twice by the model.",
    seen: "seed r, calls 95, 97, 153 and 154, with many faults",
    patches: [
      {
        file: "call/CarrierEvents.ts",
        find: "  if (CallerAudio.isRepeated(call.caller, event)) return",
        replace: "  if (event.bytes < 0) return"
      }
    ],
    by: ["caller heard once"]
  },
  {
    id: "refused-truncation-forgotten",
    sentence:
      "A truncation is refused because its response is not done yet, and is not repeated: the model believes that all was heard.",
    seen: "seed r, call 127, with many faults",
    patches: [
      {
        file: "call/ModelEvents.ts",
        find: " || Items.refused(call, error.cause)) return",
        replace: ") return"
      }
    ],
    where: [/CancelSlow|editBeforeDone/],
    by: ["believed is heard", "unheard is deleted", "told in time"]
  },
  {
    id: "any-error-ends-a-call-that-is-configured",
    sentence: "An error that blames nobody ends the call, where the session is just being configured.",
    seen: "seed r, call 47, with many faults",
    patches: [
      {
        file: "call/ModelEvents.ts",
        find: '"configuring" && error.cause === CommandId.configureModel',
        replace: '"configuring" && kind !== "ignore"'
      }
    ],
    where: [/"Error"/],
    by: ["ends for a reason"]
  },
  {
    id: "estimate-stops-at-a-pause",
    sentence:
      "Where the clear's mark is late, the estimate of what was heard stops at the last place where the audio ran out, though playback went on behind it.",
    seen: "seed j, calls 9 and 29, without faults",
    patches: [
      {
        file: "Playback.ts",
        find: "  let limit = sent\n  for (const mark of marks) {",
        replace: "  let limit = Math.min(sent, stop(playback))\n  for (const mark of [] as typeof marks) {"
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "echo-without-the-next-frame",
    sentence:
      "A mark that comes back late is placed by when it arrived, though the frame behind it tells that it was sent earlier.",
    seen: "seed k, call 75; npm test, calls 10 and 153",
    patches: [
      {
        file: "call/CarrierEvents.ts",
        find: "    call.ledger = Ledger.notAfter(call.ledger, event.timestamp + ms)\n",
        replace: ""
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "cut-not-waited-for",
    sentence:
      "Where nothing forces it, a cut is estimated after 400 ms, though on a slow line its mark takes longer to come back.",
    seen: "seed j, call 9, without faults",
    patches: [
      {
        file: "call/Interruption.ts",
        find: "return Ledger.echoWaitMs(call.ledger)\n",
        replace: "return Limits.cutWaitMs\n"
      }
    ],
    by: ["believed is heard", "settled is heard"]
  },
  {
    id: "asides-counted-as-sounds",
    sentence: "The summary counts sounds that were ignored, where one turn of the caller may be two.",
    seen: "seed r1, call 42",
    patches: [
      {
        file: "call/Items.ts",
        find: "call.sums.asides + (turn.aside ? 1 : 0)",
        replace: "call.sums.asides"
      },
      {
        file: "call/Sound.ts",
        find: '  note(call, "interruption ignored", why)\n',
        replace: '  note(call, "interruption ignored", why)\n  count(call, { asides: call.sums.asides + 1 })\n'
      }
    ],
    by: ["sums add up"]
  },
  {
    id: "beginning-without-the-next-frame",
    sentence: "On a line with jitter playback is taken to begin later than the frame behind the echo allows.",
    seen: "seed u, call 178",
    patches: [
      {
        file: "Playback.ts",
        find: "  if (playback.told.length === 0) return playback\n",
        replace: "  if (playback.told.length === 0 || playback.origin?.leading) return playback\n"
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "flushed-with-the-clear",
    sentence:
      "A mark that comes back together with the clear's own is taken as played, so more counts as heard than was.",
    seen: "seed k, call 78; seed s, call 8; seed t, calls 86 and 101",
    patches: [
      {
        file: "Cleared.ts",
        find: "const isFlushed = isOfClear && !isFirst",
        replace: "const isFlushed = isOfClear && silence === undefined"
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "pause-without-the-next-frame",
    sentence:
      "After a cough the agent goes on from where the mark arrived, though the frame behind it tells it was earlier.",
    seen: "npm test, calls 83 and 196",
    patches: [
      {
        file: "call/Pause.ts",
        find: "CarrierClock.isFirm(when)) return resume(call)",
        replace: "when.uncertainty >= 0) return resume(call)"
      }
    ],
    where: [/"pauseToDecide":true/],
    by: ["heard in order"]
  },
  {
    id: "round-trip-with-the-wait",
    sentence:
      "What an answer waits behind the one before it counts as the line's round trip, so later estimates of a cut are off.",
    seen: "seed FIX, call 1650",
    patches: [
      {
        file: "Ledger.ts",
        find: "(played.atOnce ? measured",
        replace: "(played.begins ? measured"
      },
      {
        file: "Ledger.ts",
        find: "roundTrip === null || measured < roundTrip ? measured : roundTrip + (measured - roundTrip) / 8",
        replace: "roundTrip === null ? measured : roundTrip + (measured - roundTrip) / 4"
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "stall-taken-for-a-late-clear",
    sentence:
      "Where the line back stalls, a cut is estimated as if the caller had heard on until now, though no frame tells that the clear was late.",
    seen: "seed FIX, call 500",
    patches: [
      {
        file: "Ledger.ts",
        find: "  for (const cut of due) {\n    const position = Cleared.positionOf(cut, ",
        replace:
          "  for (const cut of due) {\n    const position = Cleared.positionOf({ ...cut, notBefore: Math.max(cut.notBefore, now.at) }, "
      }
    ],
    by: ["believed is heard", "settled is heard"]
  },
  {
    id: "heard-item-deleted",
    sentence: "An item whose second content the caller heard is deleted, because its first had no audio.",
    seen: "seed lead, call 120",
    patches: [
      {
        file: "call/Items.ts",
        find: "  if (spared || others.some((open) => heardOf(call, open) > 0)) {\n",
        replace: "  if (false) {\n"
      }
    ],
    where: [/ResponseAudioSecond/],
    by: ["believed is heard", "settled is heard"]
  },
  {
    id: "silence-before-any-media",
    sentence:
      "Where the model believes to hear speech before any media came, a second of silence is sent, by which its clock is off for the whole call.",
    seen: "seed lead3, call 557",
    patches: [
      {
        file: "call/Deadlines.ts",
        find: "      state.caller.expected !== null &&\n      state.caller.aheadMs === 0 &&\n",
        replace: "      state.caller.aheadMs === 0 &&\n"
      }
    ],
    where: [/SpeechImagined/],
    by: ["caller heard once", "believed is heard", "settled is heard"]
  },
  {
    id: "first-mark-behind-a-clear",
    sentence:
      "An interruption before the first mark came back is estimated as if the line took 200 ms, though that mark tells how long it takes.",
    seen: "seed FIX, call 1106",
    patches: [
      {
        file: "Ledger.ts",
        find: "mark.number === number && mark.position === 0 && mark.leading)",
        replace: "mark.number === number && mark.position < 0)"
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "goodbye-cut-while-it-is-generated",
    sentence: "A goodbye that takes longer than 10 s to generate is cut off while the caller hears it.",
    seen: "seed GIX, call 353",
    patches: [
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
    id: "late-as-in-the-last-stall",
    sentence:
      "After the line had stalled, a mark that came where no frames are was taken for half as late as in the stall, so cuts were off.",
    seen: "seed FIX, calls 327 and 2672",
    patches: [
      {
        file: "CarrierClock.ts",
        find: "    const bound = Math.max(usual, Math.min(lateness / 2, LOOSE_MS))\n",
        replace: "    if (usual >= 0) return between(earliest, latest + ROUNDING_MS, end)\n    const bound = LOOSE_MS\n"
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "repeated-media-behind-a-stop",
    sentence: "A media message that is repeated after media had stopped in mid-speech is heard twice by the model.",
    seen: "seed GIX, call 748",
    patches: [
      {
        file: "call/CarrierEvents.ts",
        find: "  if (CallerAudio.isRepeated(call.caller, event)) return",
        replace: "  if (call.caller.aheadMs === 0 && CallerAudio.isRepeated(call.caller, event)) return"
      }
    ],
    by: ["caller heard once"]
  },
  {
    id: "told-while-being-cancelled",
    sentence:
      "Where a pause became an interruption without its mark, the model was told in the very step that cancels.",
    seen: "seed w1, call 18884; seed w1, call 18912",
    patches: [
      {
        file: "call/Interruption.ts",
        find: 'settleCut(call, now(call), call.config.agent.turns === "model")',
        replace: "settleCut(call, now(call), true)"
      }
    ],
    where: [/"turns":"machine"/, /EchoesMissing/],
    by: ["no refusal"]
  },
  {
    id: "refused-again-in-vain",
    sentence: "What was refused while a response went on was told again when that was given up, and refused again.",
    seen: "seed w1, call 3040; seed w1, call 6621",
    patches: [
      {
        file: "call/Items.ts",
        find: "held.response === response && !held.refused)",
        replace: "held.response === response)"
      }
    ],
    where: [/"deaf":true/],
    by: ["no refusal"]
  },
  {
    id: "cut-short-and-not-told",
    sentence:
      "The model was told late of an answer that was heard as far as it had come when it was cut, and went on behind that.",
    seen: "seed w1, call 26461; seed w1, call 27520; seed w1, call 4700",
    patches: [
      {
        file: "call/Items.ts",
        find: "held.due === null && !held.refused\n",
        replace: "call.at < 0\n"
      }
    ],
    where: [/CancelSlow/],
    by: ["told in time"]
  },
  {
    id: "played-before-the-format-is-known",
    sentence: "What a model said before it was configured was played: PCM, as mu-law.",
    seen: "seed w1, call 29231; seed JIX, call 776",
    patches: [
      {
        file: "call/Responses.ts",
        find: '  if (call.model.status !== "ready") return Slot.cancel(call, event.response, null)\n',
        replace: ""
      }
    ],
    where: [/SpeechImagined|ResponseOfItsOwn/],
    by: ["right format"]
  },
  {
    id: "truncated-to-nothing",
    sentence: "A second part of an item of which nothing was heard was truncated to 0 ms, which some models refuse.",
    seen: "seed good1, --network good, call 2211",
    patches: [
      {
        file: "call/Items.ts",
        find: "  if (audioEndMs > 0) return truncate(",
        replace: "  if (audioEndMs > 0 || contentIndex > 0) return truncate("
      }
    ],
    where: [/ResponseAudioSecond/],
    by: ["no refusal", "unheard is deleted"]
  },
  {
    id: "asked-anew-with-each-key",
    sentence:
      "A model in which a response hangs was asked for another with each entry on the keypad, and never given up.",
    seen: "seed known bugs, call 863",
    patches: [
      {
        file: "call/Slot.ts",
        find: "  if (call.wanted?.protected === true) call.protect = true\n",
        replace:
          "  if (call.wanted?.protected === true) call.protect = true\n  call.lost = { requests: 0, notBefore: 0 }\n"
      }
    ],
    where: [/"deaf":true/, /"digits"/],
    by: ["retries are few"]
  },
  {
    id: "deleted-but-not-yet-over",
    sentence: "An item that was deleted while its response went on stood in the transcript behind what came after it.",
    seen: "seed w1, call 33473; seed w1, call 38886",
    patches: [
      {
        file: "Transcript.ts",
        find: "  (item.deleted || (item.contents",
        replace: "  (item.at < 0 || (item.contents"
      }
    ],
    by: ["settled once"]
  },
  {
    id: "flushed-mark-tells-nothing",
    sentence:
      "A mark that came back with the clear is left out altogether, though it tells that the ear was not there before: audio that began late behind its leading mark counts as further heard.",
    seen: "seed w1, call 278; seed w1, call 1815; seed w1, call 9633",
    patches: [
      {
        file: "Cleared.ts",
        find: "if (isFlushed) return Playback.notBefore(playback, mark, at)",
        replace: "if (isFlushed) return playback"
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "flushed-mark-counts-behind-an-early-one",
    sentence:
      "Of the marks that a clear flushed the second counts as played, where it came back a millisecond before the clear's own: it is not early by the first, which is.",
    seen: "seed w2, call 7565; seed RFg, call 217; seed w4, call 13840; seed w4, call 21123; seed x1, call 2900",
    patches: [
      {
        file: "Cleared.ts",
        find: "isEarly: early > 0 || isBehindEarly",
        replace: "isEarly: early > 0"
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "early-mark-is-flushed",
    sentence:
      "A mark that is earlier than what was guessed in a stall or before the first frame counts as flushed, though frames stand between it and the clear.",
    seen: "seed final, call 101; seed w1, call 2338",
    patches: [
      {
        file: "Cleared.ts",
        find: "(isEarly && at.after === silence.after)",
        replace: "isEarly"
      }
    ],
    by: ["believed is heard", "settled is heard", "heard in order"]
  },
  {
    id: "greeting-of-nothing",
    sentence: "A model that answers the greeting's request with nothing is not asked again: nobody speaks.",
    seen: "seed w5, call 457",
    patches: [
      {
        file: "call/Responses.ts",
        find: 'isSilent && wanted?.why === "greeting"',
        replace: 'isSilent && wanted?.why === "goodbye"'
      }
    ],
    by: ["no dead air"]
  },
  {
    id: "reacted-before-the-call",
    sentence: "Where the carrier's timestamps are less than 0, so is the time until the greeting is heard.",
    seen: "seed w5, call 7483",
    patches: [
      {
        file: "call/CarrierEvents.ts",
        find: "Math.max(0, Math.round(waited))",
        replace: "Math.round(waited)"
      }
    ],
    by: ["sums add up"]
  },
  {
    id: "stuck-speech-cuts",
    sentence:
      "What the caller said just before the host noticed that the model does not read counts as said when it is read, and cuts an answer that came long after it.",
    seen: "seed s9, call 59451",
    patches: [
      {
        file: "call/CallerAudio.ts",
        find: "const from = audio.appended - stuckMs * Limits.bytesPerMs",
        replace: "const from = audio.appended"
      }
    ],
    by: ["old speech cuts nothing"]
  },
  {
    id: "text-for-speech",
    sentence: "A greeting or a goodbye in text alone, which nobody hears, passes for one that was said.",
    seen: "seed s3p, --network poor, call 2819",
    patches: [
      {
        file: "call/Items.ts",
        find: "(figures ?? nothing).receivedBytes > 0",
        replace: "(figures ?? nothing).receivedBytes >= 0"
      }
    ],
    by: ["no dead air", "goodbye is heard"]
  }
]
