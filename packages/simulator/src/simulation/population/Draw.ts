/** What is drawn from a seed, beyond a number. */
import type * as Random from "../../Random.ts"

export const pick = <A>(random: Random.Random, list: readonly [A, ...Array<A>]): A =>
  list[random.integer(0, list.length - 1)] ?? list[0]

export const chance = (random: Random.Random, share: number): boolean => random.next() < share

/** One of `list`, each as often as its weight says. */
export const weighted = <A>(
  random: Random.Random,
  list: readonly [readonly [number, A], ...Array<readonly [number, A]>]
): A => {
  let left = random.next() * list.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, value] of list) {
    left -= weight
    if (left < 0) return value
  }
  return list[0][1]
}

/** From `least` to `most`, in whole ms; small ones as often as ten times larger ones. */
export const spread = (random: Random.Random, least: number, most: number): number =>
  Math.round(least * (most / least) ** random.next())
