/**
 * Ways in which the file of a recording is damaged: on a disk, by an editor, by another version, by a program that is
 * not ours.
 */
import type * as Random from "../../Random.ts"
import { pick } from "../population/Draw.ts"

export interface Damaged {
  readonly text: string
  /** What was done, for whoever reads what is broken. */
  readonly how: string
  /**
   * "prefix": what is left is sound, and replays. "told": it is not called the complete recording that it was.
   * "words": it is read or refused, and what is refused is explained.
   */
  readonly asks: "prefix" | "told" | "words"
}

/** `whole` ends in a newline, as every recording does. */
export const damage = (random: Random.Random, whole: string): Damaged => pick(random, ways)(random, whole)

type Way = (random: Random.Random, whole: string) => Damaged

const ways: readonly [Way, ...Array<Way>] = [
  (random, whole) => {
    const place = random.integer(0, random.next() < 0.5 ? Math.min(6_000, whole.length - 2) : whole.length - 2)
    return { text: whole.slice(0, place), how: `cut to ${place} of ${whole.length} characters`, asks: "prefix" }
  },
  (random, whole) => {
    const place = random.integer(0, whole.length - 1)
    const text = `${whole.slice(0, place)}#${whole.slice(place + 1)}`
    return { text, how: `# at ${place} of ${whole.length} characters`, asks: "words" }
  },
  (random, whole) => {
    const lines = linesOf(whole)
    const index = random.integer(0, lines.length - 1)
    const text = joined([...lines.slice(0, index), ...lines.slice(index + 1)])
    return { text, how: `line ${index + 1} is missing`, asks: "told" }
  },
  (random, whole) => {
    const lines = linesOf(whole)
    const index = random.integer(1, lines.length)
    const text = joined([...lines.slice(0, index), pick(random, strange), ...lines.slice(index)])
    return { text, how: `a strange line ${index + 1}`, asks: "told" }
  },
  (random, whole) => ({ text: `${whole}${pick(random, strange)}\n`, how: "a line after the end", asks: "words" }),
  (random, whole) => {
    const lines = linesOf(whole)
    const index = random.integer(1, lines.length - 1)
    const text = joined([...lines.slice(0, index), lines[index - 1] ?? "", ...lines.slice(index)])
    return { text, how: `line ${index} is there twice`, asks: "told" }
  },
  (random, whole) => fieldChanged(random, whole, random.integer(0, linesOf(whole).length - 1)),
  (random, whole) => fieldChanged(random, whole, random.integer(0, linesOf(whole).length - 1)),
  (random, whole) => fieldChanged(random, whole, lineOf(random, whole, '"after":[')),
  (random, whole) => fieldChanged(random, whole, lineOf(random, whole, '"ticks":[')),
  (random, whole) => fieldChanged(random, whole, linesOf(whole).length - 1),
  (random, whole) => headerChanged(random, whole),
  (random) => ({
    text: pick(random, ["", "\n", " \n\n", "[]\n", "not a recording", '{"type":"object"}\n', '"offhook"\n']),
    how: "another file",
    asks: "words"
  }),
  (random, whole) => {
    const lines = linesOf(whole).map((line) => (random.next() < 0.1 ? "" : line))
    return { text: joined(lines), how: "lines are empty", asks: "words" }
  },
  (_, whole) => {
    const lines = linesOf(whole).map((line, index) => (index === 0 ? line : "?"))
    return { text: joined(lines), how: "nothing but the header is left", asks: "told" }
  }
]

/** Lines that stand in no recording where they come. */
const strange: readonly [string, ...Array<string>] = [
  "{}",
  "null",
  '{"at":12,"e":"Nonsense"}',
  '{"at":0.5,"e":"HangUpFailed"}',
  '{"at":-1,"e":"TimeAdvanced"}',
  '{"at":1000000000,"e":"EndRequested","by":"operator","after":[20]}',
  '{"at":1000000000,"e":"EndRequested"}',
  '{"at":1000000000,"e":"HangUpFailed"}',
  '{"c":"Ended"}',
  '{"c":"ForwardAudio","session":0,"from":0,"bytes":160,"times":3}',
  '{"end":"complete"}',
  '{"end":"incomplete","reason":"it seemed long enough","dropped":"some"}'
]

const headerChanged = (random: Random.Random, whole: string): Damaged => {
  const [first = "", ...lines] = linesOf(whole)
  const header = JSON.parse(first) as { readonly config: { readonly agent: object; readonly prices: object } }
  const { config } = header
  const changed = pick<object>(random, [
    { ...header, offhook: 2 },
    { ...header, offhook: "1" },
    { ...header, call: 7 },
    { ...header, config: { ...config, prices: {} } },
    { ...header, config: { agent: null, prices: config.prices } },
    { ...header, config: { ...config, agent: { ...config.agent, tools: "none" } } },
    { ...header, config: { ...config, agent: { ...config.agent, maxCallMs: "long" } } },
    { ...header, config: { ...config, agent: { ...config.agent, detection: [] } } }
  ])
  return { text: joined([JSON.stringify(changed), ...lines]), how: "another header", asks: "told" }
}

/** One field of a line is gone, null or of another type. */
const fieldChanged = (random: Random.Random, whole: string, index: number): Damaged => {
  const lines = linesOf(whole)
  const line = JSON.parse(lines[index] ?? "{}") as Readonly<Record<string, unknown>>
  const names = Object.keys(line)
  const name = names[random.integer(0, names.length - 1)] ?? ""
  const { [name]: before, ...others } = line
  const value = pick<unknown>(random, [undefined, null, true, -1, 7, "", "seven", [], [null], [[1]], [["a"]], {}])
  const changed = value === undefined ? others : { ...line, [name]: value }
  const text = joined([...lines.slice(0, index), JSON.stringify(changed), ...lines.slice(index + 1)])
  return {
    text,
    how: `${name} of line ${index + 1} is ${JSON.stringify(value)}, not ${JSON.stringify(before)?.slice(0, 40)}`,
    asks: "words"
  }
}

/** A line that holds `words`, or any. */
const lineOf = (random: Random.Random, whole: string, words: string): number => {
  const lines = linesOf(whole)
  const found = lines.flatMap((line, index) => (line.includes(words) ? [index] : []))
  return found[random.integer(0, found.length - 1)] ?? random.integer(0, lines.length - 1)
}

export const linesOf = (whole: string): ReadonlyArray<string> => whole.trimEnd().split("\n")

export const joined = (lines: ReadonlyArray<string>): string => `${lines.join("\n")}\n`
