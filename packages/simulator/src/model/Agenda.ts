/**
 * What a simulated machine will do by itself: a list of steps in order of time, ties in order of insertion.
 * The earliest is the machine's deadline.
 */

export interface Step {
  readonly at: number
  /** Whoever scheduled it: its steps can be taken back together. */
  readonly owner: string
  /** A piece of a response already on its way: some of these still arrive after a cancellation. */
  readonly piece: boolean
  readonly run: () => void
}

export interface Agenda {
  readonly add: (step: Step) => void
  /** Removes the steps of an owner and returns them in order. */
  readonly remove: (owner: string) => ReadonlyArray<Step>
  readonly next: () => number | undefined
  /** Removes and returns the earliest step due at `at`. */
  readonly due: (at: number) => Step | undefined
  readonly clear: () => void
}

export const make = (): Agenda => {
  let steps: Array<Step> = []
  return {
    add: (step) => {
      const before = steps.findLastIndex((other) => other.at <= step.at)
      steps.splice(before + 1, 0, step)
    },
    remove: (owner) => {
      const removed = steps.filter((step) => step.owner === owner)
      if (removed.length > 0) steps = steps.filter((step) => step.owner !== owner)
      return removed
    },
    next: () => steps[0]?.at,
    due: (at) => ((steps[0]?.at ?? Infinity) <= at ? steps.shift() : undefined),
    clear: () => {
      steps = []
    }
  }
}
