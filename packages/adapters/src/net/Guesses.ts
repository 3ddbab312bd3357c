/**
 * Who guesses API tokens is soon answered no more, whatever comes next: a right token among many wrong ones tells nothing,
 * one by one or all at once.
 *
 * 1. An address with `perAddress` wrong tokens within a minute waits until a minute after its first one is over.
 * 2. With `overall` wrong tokens within a minute, from however many addresses, everybody waits but the addresses that had
 *    a right token within the hour: who guesses from everywhere does not shut out who is known.
 * 3. A request without any token guesses nothing and is not counted.
 *
 * Memory is bounded: an address counts only by a wrong token, of which there are few a minute, or a right one.
 */

import * as Effect from "effect/Effect"
import { RateLimiterMemory } from "rate-limiter-flexible"
import * as RateWindow from "./RateWindow.ts"

export interface Limits {
  /** Wrong tokens in a minute. */
  readonly perAddress: number
  readonly overall: number
}

/** A person mistypes a few times; of the shortest token that is taken, 16 characters, no part is found in a lifetime. */
export const limits: Limits = { perAddress: 10, overall: 100 }

export interface Guesses {
  /** Whether a request from this address may be told that its token is right or wrong. */
  readonly mayBeTold: (address: string, isRight: boolean) => Effect.Effect<boolean>
}

export const make = ({ overall, perAddress }: Limits): Guesses => {
  const ofOne = new RateLimiterMemory({ points: perAddress, duration: 60 })
  const ofAll = new RateLimiterMemory({ points: overall, duration: 60 })
  const known = new RateLimiterMemory({ points: 1, duration: 3600 })

  const isKnown = async (address: string) => (await known.get(address)) !== null

  return {
    mayBeTold: (address, isRight) =>
      Effect.promise(async () => {
        if (!isRight)
          return (
            (await RateWindow.take(ofOne, address)) && ((await RateWindow.take(ofAll, ALL)) || (await isKnown(address)))
          )
        if (await RateWindow.isUsedUp(ofOne, address)) return false
        if ((await RateWindow.isUsedUp(ofAll, ALL)) && !(await isKnown(address))) return false
        await known.set(address, 1, 3600)
        return true
      })
  }
}

const ALL = "all"
