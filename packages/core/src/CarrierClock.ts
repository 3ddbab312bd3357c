/**
 * The carrier's clock: when, on the clock of its media timestamps, something happened whose message arrives now.
 *
 * A timestamp is the start of its frame, so a frame of 20 ms can be sent at timestamp + 20 at the earliest: its *end*.
 * Every message travels on one ordered socket. Three facts place it:
 *
 * 1. It was sent after the last frame that arrived before it, and before the next one: within one frame of that end.
 * 2. `arrival - end` is the offset of the two clocks plus the frame's delay. Its minimum over the last 30 s is the
 *    offset plus the smallest delay, so `arrival - minimum` is the latest moment the message can have been sent at.
 *    The window slides because clocks drift: 200 ppm are 6 ms in 30 s.
 * 3. Nor was it sent earlier than that by more than frames have lately been late above the minimum.
 *
 * These bounds are an interval; a moment is its middle, its uncertainty the half. Without frames for 60 ms, or three frames, (silence
 * suppression) the upper bound of fact 1 is void, and a message is taken for as late as frames usually are; before that, facts 1 and 3 may already contradict each other (the
 * frames ended, or the line stalls), and the interval holds both explanations; so it does where a message comes in the same
 * instant as the last frame, which had waited, as the message may have. What is learnt of the line may take a
 * moment back by a few ms. Timestamps that go backwards start the clock anew.
 *
 * Before the first frame the offset is a guess, and moments are true to each other only. What was placed by it moves
 * when frames tell better (`correction`, `corrected`): at the first one, and at faster ones soon after it (it was late,
 * or the line was stalled), but never beyond its end, as all that arrived before it was sent before it. A frame after
 * 30 s without any (the clocks drifted apart) and one that starts the clock anew are such first frames.
 *
 * Whether the carrier really stamps a frame's start is not documented. Were it the end, every moment would lie one
 * frame later, and all differences would be the same: only differences matter, also to the onset of speech, which is
 * a place in the same timestamps and is compared with echoes to a frame's accuracy.
 */

import type { Millis } from "./Event.ts"

/** A moment on the carrier's clock, plus or minus, both in ms and not whole. */
export interface Moment {
  readonly at: number
  readonly uncertainty: number
  /** The end of the last frame before it: it is not earlier, whatever the line does. 0 before the first. */
  readonly after: number
}

export interface CarrierClock {
  /** Timestamp + length of the last frame; null before the first. */
  readonly end: number | null
  /** Length of the last frame, ms. */
  readonly span: number
  /** When it arrived, our clock. */
  readonly arrived: Millis
  /** The end of the frame that the window began with: what is placed before it was placed by an older offset. */
  readonly first: number
  /** Our clock minus the carrier's, for the fastest message of the window. */
  readonly offset: number
  /** How late frames have lately been above the fastest, ms: a maximum that decays. */
  readonly lateness: number
  /** How late half of them are: a median that follows slowly, as a stall tells nothing of what comes behind it. */
  readonly usual: number
  /** The second (our clock) that `minimum` belongs to. */
  readonly second: number
  readonly minimum: number
  /** The minima of earlier seconds, oldest first, at most 30 s back. */
  readonly minima: ReadonlyArray<SecondMinimum>
}

interface SecondMinimum {
  readonly second: number
  readonly minimum: number
}

/** No stream yet: the carrier's clock is taken for ours. */
export const initial: CarrierClock = {
  end: null,
  span: 0,
  arrived: 0,
  first: 0,
  offset: 0,
  lateness: 0,
  usual: 0,
  second: 0,
  minimum: 0,
  minima: []
}

/**
 * A stream began now: its timestamps count from about here, until the first frame tells. First ones were seen 102 and
 * 155 ms from the beginning (protocols.md B.2).
 */
export const started = (at: Millis): CarrierClock => ({
  end: null,
  span: 0,
  arrived: 0,
  first: 0,
  offset: at,
  lateness: 0,
  usual: 0,
  second: 0,
  minimum: 0,
  minima: []
})

/** A frame of `ms` of caller audio arrived. */
export const frame = (clock: CarrierClock, at: Millis, timestamp: Millis, ms: number): CarrierClock => {
  const end = timestamp + ms
  const offset = at - end
  const second = Math.floor(at / 1000)
  if (clock.end === null || end < clock.end) {
    return {
      end,
      span: ms,
      arrived: at,
      first: end,
      offset,
      lateness: 0,
      usual: 0,
      second,
      minimum: offset,
      minima: []
    }
  }
  const isSameSecond = second === clock.second
  const minima = isSameSecond ? clock.minima : withinWindow(clock, second)
  const fastest = isSameSecond ? Math.min(clock.offset, offset) : leastOf(minima, offset)
  return {
    end,
    span: ms,
    arrived: at,
    first: isSameSecond || minima.length > 0 ? clock.first : end,
    offset: fastest,
    lateness: Math.max(offset - fastest, clock.lateness * LATENESS_DECAY),
    usual: clock.usual + Math.max(-USUAL_STEP_MS, Math.min(USUAL_STEP_MS, offset - fastest - clock.usual)),
    second,
    minimum: isSameSecond ? Math.min(clock.minimum, offset) : offset,
    minima
  }
}

/** By how many ms what was placed before a frame moves by what it taught; 0 in the run of frames. */
export const correction = (before: CarrierClock, after: CarrierClock): number =>
  after.minima.length < LEARNING_SECONDS ? before.offset - after.offset : 0

/** Where a moment that was told before frames belongs, moved by `ms`; `first` is the clock's. */
export const corrected = (at: number, ms: number, first: number): number => at + Math.min(ms, Math.max(0, first - at))

/** How long the next frame may take where frames come, ms: it is as late as they have lately been. */
export const nextFrameMs = ({ lateness, span }: CarrierClock): number => Math.ceil(span + lateness)

/** When, on the carrier's clock, something happened whose message arrives now on the socket of the media. */
export const moment = (clock: CarrierClock, at: Millis): Moment => {
  const { arrived, end, lateness, span, usual } = clock
  const latest = at - clock.offset
  if (end === null) return { at: latest, uncertainty: UNCERTAINTY_BEFORE_FRAMES_MS, after: 0 }
  const earliest = Math.max(end, latest - lateness)
  const next = end + span
  if (latest > end - span + Math.max(SUPPRESSED_AFTER_MS, 3 * span)) {
    if (at === arrived) return between(end, latest, end)
    const bound = Math.max(usual, Math.min(lateness / 2, LOOSE_MS))
    return between(Math.max(earliest, latest - usual - bound), latest + bound - usual + ROUNDING_MS, end)
  }
  if (earliest > next + lateness / 2 + ROUNDING_MS) return between(end, latest, end)
  if (earliest > next) return between(Math.max(end, next - JUST_BEFORE_MS), next, end)
  return between(earliest, Math.max(earliest, Math.min(next, latest + ROUNDING_MS)), end)
}

/** It stands between two frames, as far as anybody can tell; else the next frame may tell it better. */
export const isFirm = ({ after, at, uncertainty }: Moment): boolean =>
  uncertainty <= FIRM_MS && (after === 0 || at + uncertainty <= after + FIRM_MS * 2)

/**
 * A moment whose message arrived before a frame was not sent after the end of that frame, which is `latest`. Where
 * little is left of it the message was as late as none lately: a stall perhaps, and fact 3 is void. Then it was sent at
 * any time between the two frames.
 */
export const notAfter = (moment: Moment, latest: number): Moment => {
  const { after, at, uncertainty } = moment
  if (at + uncertainty <= latest) return moment
  const earliest = at - uncertainty
  if (latest - after <= FOLLOWING_MS && earliest >= latest - LITTLE_MS) return between(after, latest, after)
  return between(Math.min(earliest, latest), latest, after)
}

const between = (earliest: number, latest: number, after: number): Moment => ({
  at: (earliest + latest) / 2,
  uncertainty: (latest - earliest) / 2,
  after
})

const withinWindow = (clock: CarrierClock, second: number): ReadonlyArray<SecondMinimum> => {
  const minima = clock.minima.filter((past) => past.second > second - WINDOW_SECONDS)
  if (clock.second > second - WINDOW_SECONDS) minima.push({ second: clock.second, minimum: clock.minimum })
  return minima
}

const leastOf = (minima: ReadonlyArray<SecondMinimum>, offset: number): number =>
  minima.reduce((least, past) => Math.min(least, past.minimum), offset)

const WINDOW_SECONDS = 30
/** Complete seconds of frames after which the fastest message is known. */
const LEARNING_SECONDS = 2
/** From the start of the last frame: three of 20 ms. */
const SUPPRESSED_AFTER_MS = 60
/** Per frame: of a lateness of 10 ms, 6 are left after a second of punctual frames. */
const LATENESS_DECAY = 0.997
/** What is a little later than any frame was, was probably sent just before the next frame. */
const JUST_BEFORE_MS = 4
/** Without frames a moment is told no firmer than this where they have been late: the next frame may tell more. */
const LOOSE_MS = 12
/** A frame. */
const USUAL_STEP_MS = 1
/** From the end of a frame to that of the next, where none is missing and they are long. */
const FOLLOWING_MS = 100
/** Half a frame of 20 ms. */
const LITTLE_MS = 10
/** Half a frame of 20 ms, and the rounding of a clock. */
const FIRM_MS = 11
/** A host's clock is rounded down. */
const ROUNDING_MS = 1
/** Of moments to each other: what messages are usually late. Against the timestamps to come it is about 100 ms. */
const UNCERTAINTY_BEFORE_FRAMES_MS = 10
