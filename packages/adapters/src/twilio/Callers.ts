/**
 * Who may call, and how often.
 *
 * Asked once per call, after its webhook's signature: a stranger can neither use up anybody's calls nor fill a memory.
 *
 * 1. Deny wins over allow; a list of those allowed that is not empty allows nobody else.
 * 2. A caller who withholds the number is nobody in particular, so the limits per caller do not count such calls: only
 *    the overall one does, and `anonymous` in the list of those denied.
 * 3. A call that is refused for its caller takes nothing of the overall limit: one caller cannot shut out the others.
 * 4. Callers are remembered by keyed hashes, for an hour at most; the overall limit bounds how many.
 */

import { createHmac, randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import { RateLimiterMemory } from "rate-limiter-flexible"
import * as RateWindow from "../net/RateWindow.ts"
import type * as Refusal from "../Refusal.ts"

export interface Options {
  /**
   * E.164 numbers, SIP addresses, or beginnings of them with `*`: `+49*`. `anonymous` is whoever withholds the number,
   * however Twilio says so. Empty: everybody.
   */
  readonly allow: ReadonlyArray<string>
  readonly deny: ReadonlyArray<string>
  /** Calls; 0: as many as they like. */
  readonly callerPerMinute: number
  readonly callerPerHour: number
  readonly perMinute: number
}

export interface Callers {
  /** Null: may call, and this call is counted. `from` as Twilio says it. */
  readonly judge: (from: string) => Effect.Effect<Refusal.Reason | null>
}

/** Generous for people, a nuisance for machines: nobody redials every six seconds. */
export const defaults: Options = { allow: [], deny: [], callerPerMinute: 10, callerPerHour: 60, perMinute: 300 }

/** Everybody, as often as they like. */
export const everybody: Callers = { judge: () => Effect.succeed(null) }

export const make = (options: Options): Callers => {
  const secret = randomBytes(32)
  const perCaller = [limiter(options.callerPerMinute, 60), limiter(options.callerPerHour, 3600)].flat()
  const overall = limiter(options.perMinute, 60)

  return {
    judge: (from) =>
      Effect.promise(async () => {
        if (isOn(options.deny, from) || (options.allow.length > 0 && !isOn(options.allow, from))) return "call_denied"
        const key = isWithheld(from) ? null : createHmac("sha256", secret).update(from).digest("base64url")
        // Before anybody is remembered: a wave from many numbers fills no memory.
        if (await areUsedUp(overall, ALL)) return "call_rate"
        if (key !== null && !(await take(perCaller, key))) return "call_caller_rate"
        return (await take(overall, ALL)) ? null : "call_rate"
      })
  }
}

/** Whether a list names the caller. */
export const isOn = (list: ReadonlyArray<string>, from: string): boolean =>
  list.some((entry) => {
    if (entry === "anonymous") return isWithheld(from)
    return entry.endsWith("*") ? from.startsWith(entry.slice(0, -1)) : from === entry
  })

/** What stands in `From` where there is no number: a word, or the word keyed on a telephone. */
export const isWithheld = (from: string): boolean => !/^(\+\d|client:|sip:)/.test(from) || WITHHELD.has(from)

const WITHHELD: ReadonlySet<string> = new Set([
  "+266696687", // ANONYMOUS
  "+2562533", // BLOCKED
  "+7378742833", // RESTRICTED
  "+8656696", // UNKNOWN
  "+86282452253" // UNAVAILABLE
])

const ALL = "all"

const limiter = (points: number, duration: number): ReadonlyArray<RateLimiterMemory> =>
  points === 0 ? [] : [new RateLimiterMemory({ points, duration })]

/** Takes of each, until one has nothing left: who calls too often in a minute uses up none of the hour. */
const take = async (limiters: ReadonlyArray<RateLimiterMemory>, key: string): Promise<boolean> => {
  for (const one of limiters) if (!(await RateWindow.take(one, key))) return false
  return true
}

const areUsedUp = async (limiters: ReadonlyArray<RateLimiterMemory>, key: string): Promise<boolean> => {
  for (const one of limiters) if (await RateWindow.isUsedUp(one, key)) return true
  return false
}
