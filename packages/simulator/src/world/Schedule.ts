/** What is going to happen: in order of time, ties in the order in which they were added. */

/** `On`: what it happens to. */
export interface Entry<On> {
  readonly at: number
  readonly on: On
  readonly act: () => void
}

export interface Schedule<On> {
  readonly add: (at: number, on: On, act: () => void) => void
  /** When the next one is due; Infinity where nothing is. */
  readonly next: () => number
  /** Removes the next one. */
  readonly take: () => Entry<On> | undefined
}

export const make = <On>(): Schedule<On> => {
  let entries: Array<Entry<On>> = []
  let head = 0
  return {
    add: (at, on, act) => {
      const entry = { at, on, act }
      if (entries.length === head || (entries[entries.length - 1]?.at ?? 0) <= at) {
        entries.push(entry)
        return
      }
      let low = head
      let high = entries.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((entries[middle]?.at ?? 0) <= at) low = middle + 1
        else high = middle
      }
      entries.splice(low, 0, entry)
    },
    next: () => entries[head]?.at ?? Infinity,
    take: () => {
      const entry = entries[head++]
      if (head >= entries.length) {
        entries.length = 0
        head = 0
      } else if (head >= 64 && head * 2 >= entries.length) {
        entries = entries.slice(head)
        head = 0
      }
      return entry
    }
  }
}
