/**
 * The telephone's keys, gathered into entries: what a caller keys until `#`, or until no key comes for 2 s.
 *
 * Invariants
 * 1. An entry holds at most 64 keys: the 64th completes it.
 * 2. `#` only ends an entry and is never part of one; alone it is the empty entry.
 * 3. `nextDeadline` is null exactly while nothing is gathered.
 */

import type { Millis } from "./Event.ts"

export interface Keypad {
  readonly digits: string
  /** When the last key was pressed. */
  readonly at: Millis
}

export const initial: Keypad = { digits: "", at: 0 }

/**
 * One key (`0-9 * # A-D`; anything else changes nothing), and the entry it completes: without `#`, `""` for `#` alone.
 * Where the deadline has passed, `due` comes before.
 */
export const press = (keypad: Keypad, digit: string, at: Millis): readonly [Keypad, string | null] => {
  if (digit === "#") return [initial, keypad.digits]
  if (!isKey.test(digit)) return [keypad, null]
  const digits = keypad.digits + digit
  return digits.length >= maxDigits ? [initial, digits] : [{ digits, at }, null]
}

/** At the deadline: the entry that is complete because no key came for 2 s. */
export const due = ({ digits }: Keypad): readonly [Keypad, string] => [initial, digits]

export const nextDeadline = (keypad: Keypad): Millis | null => (keypad.digits === "" ? null : keypad.at + pauseMs)

/** An entry as the model is told of it; the keys stand apart so that they are read as digits, not as a number. */
export const sentence = (digits: string): string =>
  `The caller keyed ${digits === "" ? "#" : [...digits].join(" ")} on the telephone.`

const isKey = /^[0-9*A-D]$/
const maxDigits = 64
const pauseMs = 2_000
