/** Every number that decides something, with its reason. Times in ms, sizes in bytes. */

/** G.711 at 8 kHz: one byte a sample (protocols.md F.1). */
export const bytesPerMs = 8

/** Caller audio kept while no model listens, or while it does not read: ten seconds is longer than a connection may take. */
export const waitingBytes = 10_000 * bytesPerMs

/** A jump of the media timestamps is filled with silence from one frame on; less is rounding. */
export const gapMs = 20

/** The longest gap filled: beyond it the model's clock matters to no turn any more (protocols.md B.4). */
export const gapFilledMs = 10_000

/** Media that stops while the caller speaks: some carriers suppress silence, and the turn would never end (B.4). */
export const speechGapMs = 750

/** What was sent so long before a peer is said not to read may wait as well: 500 ms until the host notices, and a burst. */
export const stuckMs = 1_000

/** A peer that has read nothing for so long while something waits for it is given up: nothing that is said arrives. */
export const congestedMs = 60_000

/** Enough silence for the model's voice activity detection to close the turn. */
export const speechGapFilledMs = 1_000

/** What `audio_start_ms` includes where the detection names no prefix padding (protocols.md E.2). */
export const prefixPaddingMs = 300

/** A sound is speech or not after this: the caller has heard nothing for so long where playback pauses meanwhile. */
export const decideMs = 800

/** A sound is over after so much quiet: within a word there is less. */
export const quietMs = 200

/**
 * Playback is resumed from audio that is kept until it was heard: a minute is longer than anybody talks to a caller
 * without a pause, and takes 640 kB.
 */
export const keptMs = 60_000

/** Sounds whose verdict or item is still to come. */
export const sounds = 16

/** How often speech that is too short so far is looked at again: a frame. */
export const lookMs = 20

/** Model turns: the truncation must be there before the model answers, which is `silence_duration_ms` after the end. */
export const cutBeforeAnswerMs = 100

/** Where the model's own silence window is not known (semantic detection), or we create the response ourselves. */
export const cutWaitMs = 400

/** Twice the measured round trip where that is longer, or none was measured; nothing forces an estimate before. */
export const cutWaitMostMs = 1_500

/**
 * An echo that does not stand firmly between two frames waits for the next, for as long as tells a late one from none
 * (protocols.md B.4), or longer where frames have been later.
 */
export const nextFrameMs = 60

/** Nothing proves that truncate or delete is accepted before `response.done`; a response that is cancelled ends soon. */
export const holdMs = 300

/** The model answers a `response.create` in well under a second; five are a lost request. */
export const requestMs = 5_000

/** No event of an active response for so long: it is stuck. */
export const responseMs = 30_000

/** A cancelled response ends in a round trip. */
export const cancelMs = 3_000

/** A turn of the caller without a response after this is answered by our own request. */
export const answerMs = 3_000

/**
 * Our request lost against a response of the model's: the wait before the next, which doubles, up to a time, and how
 * often in a row one may lose. Half a minute in all: no response that ends takes longer.
 */
export const refusedMs = 250
export const refusedMostMs = 5_000
export const refusals = 9

/** What is still to be heard before our next response is generated: the caller notices nothing, and it can be cut sooner. */
export const aheadMs = 10_000

/** Attempts at one response, and the wait before the second; it doubles. */
export const responseTries = 3
export const retryMs = 500

/** From opening the socket to `session.updated`. */
export const modelReadyMs = 10_000

/** Sessions end after 60 minutes (protocols.md E.3); said three minutes before. */
export const sessionWarnMs = 57 * 60_000

/** From the webhook to the stream: a spoken line may stand before it. */
export const streamMs = 60_000

/** Media comes 50 times a second, with silence suppression at least the marks do: a minute of nothing is a dead leg. */
export const carrierSilentMs = 60_000

/** After a hang-up the carrier stops the stream; if it does not, the socket is closed, then given up. */
export const closingMs = 5_000

/** What may come late at the end of playback: a round trip and a frame. */
export const playbackMarginMs = 2_000

/** For a goodbye that is still to be spoken. */
export const goodbyeMs = 10_000

/** What the caller still hears of a lost model before the apology; nobody listens to them meanwhile. */
export const lastWordsMs = 10_000

/** Speech that counts as such for a policy, dBFS: telephone speech has -30 to -15, noise on the line under -50. */
export const loudDbfs = -45

/** How long after it played the agent's voice may come back: the carrier's path there and back, and a room. */
export const echoFromMs = 40
export const echoToMs = 500

/** Function calls in flight at once, and those answered that are remembered. */
export const toolCalls = 32
export const answeredCalls = 64

/** Keyed entries that wait for the model; connecting takes ten seconds at most. */
export const entries = 8

/** Agent items that are not settled yet; a carrier that never echoes a mark must not grow the state. */
export const openItems = 64
