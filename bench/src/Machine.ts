/** What Linux accounts: processor time of a process and of a core, and where a process may run. */

import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { availableParallelism, cpus, totalmem } from "node:os"

/** ms; the kernel counts in ticks of 10. */
const TICK = 10

/** Processor time of a process with all its threads, ms. */
export const cpuOf = (pid: number): { readonly user: number; readonly system: number } => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  // Behind the name, which may hold anything: fields 14 and 15 of proc(5).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return { user: Number(fields[11]) * TICK, system: Number(fields[12]) * TICK }
}

/** Files and sockets that a process holds open. */
export const openOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** Time in which a core did anything at all, ms: what stands beside it of a process is others'. */
export const busyOf = (core: number): number => {
  const line = readFileSync("/proc/stat", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`cpu${core} `))
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line ?? "")
    .split(" ")
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * TICK
}

/** Of the cores that we may use: one for the server, another for the driver; null where that cannot be. */
export const cores = (): { readonly server: number; readonly driver: number } | null => {
  if (process.platform !== "linux" || availableParallelism() < 2) return null
  try {
    const list = execFileSync("taskset", ["-cp", String(process.pid)], { encoding: "utf8" })
    const allowed = /:\s*(\S+)/.exec(list)?.[1] ?? ""
    const each = allowed.split(",").flatMap((range) => {
      const [from = 0, to = from] = range.split("-").map(Number)
      return Array.from({ length: to - from + 1 }, (_, index) => from + index)
    })
    const [server, driver] = each
    return server === undefined || driver === undefined ? null : { server, driver }
  } catch {
    return null
  }
}

/** For the table: what kind of machine it is, and not which. */
export const described = (): string => {
  const kind = (cpus()[0]?.model ?? "unknown processor")
    .replace(/\((R|TM)\)/g, "")
    .replace(/\s+/g, " ")
    .trim()
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} cores (${kind}), ${gigabytes} GB, ${process.platform} ${process.arch}, Node.js ${process.version}`
}
