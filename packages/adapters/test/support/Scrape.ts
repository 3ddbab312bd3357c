/** Prometheus' text format, read as strictly as it is written. */

import { assert } from "vitest"

export interface Scrape {
  /** Name of each series, with the suffixes that a histogram has. */
  readonly names: ReadonlySet<string>
  /** The one series with exactly these labels; undefined where there is none. */
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => number | undefined
  /** Of all series of this name. */
  readonly sum: (name: string) => number
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+]?(?:[0-9.eE+-]+|Inf|NaN)|Nan)$/

export const parse = (text: string): Scrape => {
  const series = new Map<string, number>()
  const names = new Set<string>()
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue
    const match = LINE.exec(line)
    assert(match !== null, `no line of a scrape: ${line}`)
    const [, name = "", labels = "", value = ""] = match
    names.add(name)
    const sorted = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => `${key}=${text}`).sort()
    series.set(`${name} ${sorted.join()}`, Number(value.replace("Inf", "Infinity")))
  }
  return {
    names,
    value: (name, labels = {}) =>
      series.get(
        `${name} ${Object.entries(labels)
          .map(([key, text]) => `${key}=${text}`)
          .sort()
          .join()}`
      ),
    sum: (name) => [...series].reduce((sum, [key, value]) => (key.split(" ")[0] === name ? sum + value : sum), 0)
  }
}
