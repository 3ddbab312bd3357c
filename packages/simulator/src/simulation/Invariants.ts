/**
 * What must be true of every call: a name, a sentence that a person understands, and how exactly it holds with the
 * reason. The Judge and Replays hold calls against them; docs/SIMULATION.md shows them as a table.
 *
 * *Safety* holds whatever the peers do. The others hold of peers that keep their protocols, however slow or unlucky
 * they are; what a fault may break besides stands in judge/Suspended.
 */

export interface Rule {
  readonly sentence: string
  /** How exactly, and why not more exactly; null where nothing is to be allowed for. */
  readonly tolerance: string | null
  readonly isSafety: boolean
}

const safety = (sentence: string, tolerance: string | null = null): Rule => ({ sentence, tolerance, isSafety: true })
const rule = (sentence: string, tolerance: string | null = null): Rule => ({ sentence, tolerance, isSafety: false })

export const rules = {
  "ends once": safety("A call ends exactly once, and is silent from then on."),
  "never throws": safety("The machine never throws, whatever it is given."),
  "no livelock": safety("A call comes to its end: it never does the same for ever."),
  "ends in time": safety(
    "Once a call is ending it is over soon, whatever the peers do.",
    "6 s after the last close was asked for: the carrier's 5 s to close, and a round trip"
  ),
  "sockets closed": safety("At the end of a call each socket is closed, or was asked to close."),
  "open peers only": safety("Nothing is sent to a stream or a session that is not open."),
  "ends for a reason": safety("A call is given up for what the vendor calls fatal, or after several attempts."),
  "within its length": safety(
    "A call ends when its longest time is over.",
    "15 s for a goodbye, and the time it is heard"
  ),
  "dead leg ends": safety("A line from which nothing comes any more is given up.", "65 s"),
  "right format": safety("Nothing is bridged with a session that speaks another format."),
  "deadline ahead": safety("After a step the next deadline lies ahead, never in the past."),
  "state is data": safety("The state is plain data: JSON and back, it is the same."),
  "state is bounded": safety(
    "The state does not grow with the length of the call.",
    "256 kB of JSON, and besides that 10 s of the caller's and 60 s of the agent's audio"
  ),
  replays: safety("Replaying the recording gives the same commands, whole or split at any event."),
  "damage is told": safety("A damaged recording is refused with an explanation, or read up to the damage."),
  "what if is told": safety(
    "What another agent would have done is counted and told; the same would have done the same."
  ),
  "contradictions are named": safety(
    "An agent or a document that contradicts itself is refused by name, and no other."
  ),
  "believed is heard": rule(
    "What the model believes was said is what the caller heard.",
    "20 ms, a frame between two of which an echo stands, and 5 ms of rounding; besides, what no party could know: how " +
      "late an echo came where no frames stand around it, how late the clear came where its echo was not waited for, how " +
      "long after its mark audio began, and the piece of audio that a carrier plays to its end"
  ),
  "unheard is deleted": rule("What the caller heard nothing of is not left as if it had been said."),
  "whole is left alone": rule("What was heard to its end is not truncated.", "as of what is believed"),
  "truncated within": rule("A truncation is never beyond what was generated."),
  "settled is heard": rule(
    "The transcript's figures are what the caller heard, of what was sent, of what was generated.",
    "as of what is believed; where the line ended in the middle, a round trip more"
  ),
  "nothing stale": rule("After a clear nothing of what was interrupted is played any more."),
  "silent when spoken to": rule(
    "Where the agent lets itself be interrupted, it is silent soon after the caller's speech is known.",
    "the clear's way to the carrier and 60 ms; of audio that has been audible for 2 s"
  ),
  "old speech cuts nothing": rule(
    "What the caller said before the agent could be heard, and the model learned late, does not cut the agent off."
  ),
  "cut is timed": rule(
    "How long the agent spoke on is counted from where the caller began to speak, to where the ear fell silent.",
    "what the network's jitter hides of both, 60 ms for the frames around them, and how late an echo came"
  ),
  "told first": rule("Who owns the turns asks for the next response after the model was told what was heard."),
  "told in time": rule(
    "The model is told of a cut soon, whether or not the response that was cut ends.",
    "the round trips, 400 ms for the echo, 300 ms for the response's end"
  ),
  "not spoken over": rule("No response is asked for while the caller speaks, nor played that was asked for before."),
  "heard in order": rule(
    "The caller hears what the model said, byte for byte, without holes and repetitions.",
    "where the agent goes on after a pause: 25 ms, and what no party could know"
  ),
  "caller heard once": rule(
    "Every byte of the caller reaches the model once, in order, with silence only where the carrier left frames out.",
    "what is more than the last 10 s before the model is ready, or while it does not read, and that is noted"
  ),
  "one response": rule("No response is asked for while one is asked for or active."),
  "no refusal": rule(
    "The model never has a reason to refuse what it is told.",
    "a response.create or response.cancel that crossed an event of the model's own; an item that is cut before its response, which ends late or whose cancellation comes late, is done: once"
  ),
  "tool runs once": rule("A function is run once, and only of a response that has completed."),
  "tool answered once": rule(
    "Every function call is answered exactly once.",
    "after its response is done: the tool's timeout and 1 s"
  ),
  "turn answered": rule(
    "Every turn of the caller is answered, or the reason is in the recording.",
    "within 20 s: three attempts at a response that the model does not create; 7 s in which nobody speaks and nothing is done"
  ),
  "no dead air": rule(
    "Who waits for the agent is not left in silence without a reason in the recording.",
    "12 s, 6 s after a failure that passes, more only while a function runs: the longest that a model may be silent before it is given up, and retried"
  ),
  "greets once": rule("The agent greets once, and not after it has spoken."),
  "retries are few": rule(
    "What the model does not answer is asked for again a few times, not for ever.",
    "12 requests in a row; 6 responses that failed: an answer three times, and then the goodbye"
  ),
  "keys are told": rule("Every key that the caller presses is told to the model, in order.", "within 10 s"),
  "goodbye is heard": rule(
    "When the agent hangs up, its goodbye was heard, the caller is not speaking, and it does hang up.",
    "what takes longer than the audio itself and 2 s; 15 s until it hangs up"
  ),
  "sums add up": rule("The summary says what happened: turns, responses, cuts, tokens, cost, times."),
  "settled once": rule("Every turn stands in the transcript once, in the order of the conversation."),
  "texts shrink": rule("The heard text begins as the sent one does, and that as the generated one."),
  "protected is heard": rule("A protected greeting or answer is heard to its end."),
  "aside is deleted": rule("What the caller said aside is deleted from the model's conversation and not answered."),
  "pause is short": rule(
    "A pause to decide ends with the agent going on, or as an interruption.",
    "800 ms, and the time the network takes"
  )
} as const satisfies Readonly<Record<string, Rule>>

export type Invariant = keyof typeof rules

/** The sentence of each. */
export const invariants: Readonly<Record<Invariant, string>> = Object.fromEntries(
  Object.entries(rules).map(([name, { sentence }]) => [name, sentence])
) as Record<Invariant, string>

/** A sentence of the list that is not true of a call. */
export interface Broken {
  readonly invariant: Invariant
  /** Ms since the call was placed. */
  readonly at: number
  /** What was seen, with numbers. */
  readonly detail: string
}
