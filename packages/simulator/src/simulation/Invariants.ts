/** What must be true of every call, in a sentence each. The Judge holds calls against them. */

export const invariants = {
  "ends once": "A call ends exactly once, and is silent from then on.",
  "never throws": "The machine never throws, whatever it is given.",
  "no livelock": "A call comes to its end: it never does the same for ever.",
  "no refusal": "The model never has a reason to refuse what it is told."
} as const

export type Invariant = keyof typeof invariants

/** A sentence of the list that is not true of a call. */
export interface Broken {
  readonly invariant: Invariant
  /** Ms since the call was placed. */
  readonly at: number
  /** What was seen, with numbers. */
  readonly detail: string
}
