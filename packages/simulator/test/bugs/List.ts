import * as CallerBugs from "./CallerBugs.ts"
import * as EndingBugs from "./EndingBugs.ts"
import * as HeardBugs from "./HeardBugs.ts"
import type { KnownBug } from "./KnownBug.ts"
import * as PolicyBugs from "./PolicyBugs.ts"
import * as ResponseBugs from "./ResponseBugs.ts"

/** All of them, in the order of docs/KNOWN-BUGS.md. */
export const list: ReadonlyArray<KnownBug> = [
  ...HeardBugs.list,
  ...CallerBugs.list,
  ...PolicyBugs.list,
  ...ResponseBugs.list,
  ...EndingBugs.list
]
