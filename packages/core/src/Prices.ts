/**
 * What tokens cost. Prices change: the table carries the day it was read, and stands in every recording's header.
 */

/** US dollars per million tokens (protocols.md E.1). */
export interface Price {
  readonly textInput: number
  readonly textCached: number
  readonly textOutput: number
  readonly audioInput: number
  readonly audioCached: number
  readonly audioOutput: number
}

export interface PriceTable {
  /** The day the prices were read, `YYYY-MM-DD`. */
  readonly date: string
  readonly models: Readonly<Record<string, Price>>
}
