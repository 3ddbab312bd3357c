/** Where a server's processor time goes: V8's samples of the time that was measured, by part and by function. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { measure, type Settings } from "./Contest.ts"
import type { Name } from "./Servers.ts"

export interface Profile {
  readonly server: Name
  readonly calls: number
  /** Parts of the time in which the process did anything, the largest first. */
  readonly parts: ReadonlyArray<Share>
  readonly functions: ReadonlyArray<Share>
}

export interface Share {
  readonly name: string
  readonly share: number
}

/** V8's own format, as far as it is read. */
interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly children?: ReadonlyArray<number>
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }>
  readonly startTime: number
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

const FUNCTIONS = 20

/** `directory` is empty. */
export const take = async (server: Name, settings: Settings, directory: string): Promise<Profile> => {
  const { plan, window } = await measure(server, { ...settings, profile: directory })
  // The last one: a disturbed run left another.
  const file = readdirSync(directory).sort().at(-1)
  if (file === undefined) throw new Error("the server left no profile")
  const profile: CpuProfile = JSON.parse(readFileSync(join(directory, file), "utf8"))
  const frames = new Map(profile.nodes.map(({ callFrame, id }) => [id, callFrame]))
  const parents = new Map(
    profile.nodes.flatMap(({ callFrame, children = [] }) => children.map((id) => [id, callFrame]))
  )
  const parts = new Map<string, number>()
  const functions = new Map<string, number>()
  let at = profile.startTime
  let all = 0
  for (const [index, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[index] ?? 0
    at += us
    const frame = frames.get(id)
    if (frame === undefined || at < window.from || at > window.to || frame.functionName === "(idle)") continue
    all += us
    const part = partOf(frame.url, frame.functionName)
    parts.set(part, (parts.get(part) ?? 0) + us)
    // Of a native function its caller says more: many things are written.
    const named = frame.url === "" ? (parents.get(id) ?? frame) : frame
    const callee = named === frame ? "" : ` → ${frame.functionName}`
    const name = `${named.functionName || "(anonymous)"}${callee} – ${placeOf(named.url, named.lineNumber, part)}`
    functions.set(name, (functions.get(name) ?? 0) + us)
  }
  const shares = (sums: ReadonlyMap<string, number>): ReadonlyArray<Share> =>
    [...sums].map(([name, us]) => ({ name, share: us / all })).sort((one, other) => other.share - one.share)
  return { server, calls: plan.calls, parts: shares(parts), functions: shares(functions).slice(0, FUNCTIONS) }
}

const partOf = (url: string, name: string): string => {
  const package_ = /packages\/([^/]+)\/dist\//.exec(url)?.[1]
  if (package_ !== undefined) return `Offhook: ${package_}`
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]
  if (dependency !== undefined) return dependency
  if (url.includes("bench/dist/")) return "relay"
  if (url.startsWith("node:")) return "Node.js"
  if (name === "(garbage collector)") return "garbage collection"
  // Native functions of Node.js and V8; `(program)` is what V8 cannot name.
  return "native: system calls, buffers, strings"
}

/** A path in the repository or in a dependency, and nothing of the machine. */
const placeOf = (url: string, line: number, part: string): string => {
  const path = /(?:node_modules\/(?!.*node_modules\/)|packages\/|bench\/dist\/|^node:)(.*)$/.exec(url)?.[1]
  return path === undefined ? part : `${path}:${line + 1}`
}
