/**
 * What is counted within a window of time, by rate-limiter-flexible. Both count and look at once, before anything is waited
 * for: what comes in a burst is judged as what comes one by one.
 */

import type { RateLimiterMemory } from "rate-limiter-flexible"

/** Counts one more; false: there was nothing left. */
export const take = (limiter: RateLimiterMemory, key: string): Promise<boolean> =>
  limiter.consume(key).then(
    () => true,
    () => false
  )

/** Whether there is nothing left; counts nothing. */
export const isUsedUp = async (limiter: RateLimiterMemory, key: string): Promise<boolean> => {
  const state = await limiter.get(key)
  return state !== null && state.msBeforeNext > 0 && state.consumedPoints >= limiter.points
}
