/** What is going to happen: in order of time, ties in the order in which they were added. */

export interface Schedule {
  readonly add: (at: number, act: () => void) => void
  /** When the next one is due; Infinity where nothing is. */
  readonly next: () => number
  /** Removes the next one and does it. */
  readonly take: () => void
}

interface Entry {
  readonly at: number
  readonly act: () => void
}

export const make = (): Schedule => {
  let entries: Array<Entry> = []
  let head = 0
  return {
    add: (at, act) => {
      const entry = { at, act }
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
      if (head === entries.length) {
        entries.length = 0
        head = 0
      } else if (head >= 64 && head * 2 >= entries.length) {
        entries = entries.slice(head)
        head = 0
      }
      entry?.act()
    }
  }
}
