/** What the caller of one call experienced, as their ear heard it. Times in ms. */

export interface Measures {
  /** Of each cut: how far what the model believes is from what was heard. */
  readonly cutErrors: Array<number>
  /** Of each pause after which the agent went on: what was lost (positive) or repeated (negative). */
  readonly resumeErrors: Array<number>
  /** From the start of the stream to the first audio. */
  readonly greetings: Array<number>
  /** From the end of the caller's speech to the agent's audio. */
  readonly answers: Array<number>
  /** From the place at which the caller began to speak to the agent's silence. */
  readonly interruptions: Array<number>
  /** Silence while the caller waited for the agent. */
  deadAirMs: number
  callerTurns: number
  /** Turns of the caller that nothing answered, with the reason. */
  readonly unanswered: Array<string>
  /** Clears after which the agent did not go on, and those after which it did. */
  cuts: number
  resumes: number
}

export const make = (): Measures => ({
  cutErrors: [],
  resumeErrors: [],
  greetings: [],
  answers: [],
  interruptions: [],
  deadAirMs: 0,
  callerTurns: 0,
  unanswered: [],
  cuts: 0,
  resumes: 0
})
