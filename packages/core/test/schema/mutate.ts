/** Valid messages made wrong, or at least strange: in their structure and in their text. */
import { FastCheck as fc } from "effect"

const strange = fc.constantFrom<unknown>(
  ...[undefined, null, true, 0, -1, 1.5, 1e300, "", "0", "=", "inbound", "\u0000", [], {}, [1], { a: 1 }]
)

/** One field, somewhere in the message, left out or replaced. */
export const structure = (message: unknown): fc.Arbitrary<unknown> => {
  const places = placesOf(message)
  return fc
    .tuple(
      fc.nat(places.length - 1),
      fc.oneof({ arbitrary: strange, weight: 3 }, { arbitrary: fc.jsonValue(), weight: 1 })
    )
    .map(([index, value]) => replaced(message, places[index] ?? [], value))
}

const placesOf = (value: unknown): ReadonlyArray<ReadonlyArray<string>> =>
  typeof value === "object" && value !== null
    ? [[], ...Object.entries(value).flatMap(([key, field]) => placesOf(field).map((place) => [key, ...place]))]
    : [[]]

const replaced = (value: unknown, [key, ...rest]: ReadonlyArray<string>, by: unknown): unknown =>
  key === undefined
    ? by
    : { ...(value as object), [key]: replaced((value as Readonly<Record<string, unknown>>)[key], rest, by) }

const scrap = fc.constantFrom(...'"\\{}[]:,=+/-_ 09aZ\n\u0000\u00e9\uff21', "", '"}}', "==", "\\u0022", '","', "1e3")

/** Some characters, somewhere in the text, replaced by others. */
export const text = (valid: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.nat(valid.length), fc.constantFrom(0, 1, 1, 2, 7, valid.length), scrap)
    .map(([at, length, by]) => valid.slice(0, at) + by + valid.slice(at + length))
