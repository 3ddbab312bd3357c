/** A server that is measured, in a process and on a core of its own. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync, readFileSync } from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import type { Inside } from "./Probe.ts"
import * as Http from "./peers/Http.ts"
import type { Peers, Spec } from "./Servers.ts"

export interface Server {
  readonly pid: number
  /** Collects garbage first. */
  readonly probe: () => Promise<Inside>
  readonly reset: () => void
  /** SIGTERM, and SIGKILL for who does not heed it. */
  readonly stop: () => Promise<void>
}

export interface Options {
  readonly core: number | null
  /** Directory for a profile of the processor, written when it stops. */
  readonly profile: string | null
}

const PROBE = new URL("Probe.js", import.meta.url)
const READY_WITHIN = 20_000
const STOPS_WITHIN = 15_000

/** Resolves when it answers over HTTP. */
export const start = async (spec: Spec, peers: Peers, { core, profile }: Options): Promise<Server> => {
  const path = join(peers.directory, "log")
  const log = openSync(path, "w")
  const flags = ["--expose-gc", "--import", PROBE.href]
  if (profile !== null) flags.push("--cpu-prof", "--cpu-prof-dir", profile)
  const command = [process.execPath, ...flags, ...spec.args]
  const [file = "", ...args] = core === null ? command : ["taskset", "-c", String(core), ...command]
  const child = spawn(file, args, {
    cwd: peers.directory,
    env: { PATH: process.env["PATH"], NODE_ENV: "production", ...spec.env(peers) },
    stdio: ["ignore", log, log, "ipc"]
  })
  closeSync(log)
  const ended = once(child, "exit")
  const { pid } = child
  if (pid === undefined) throw new Error(`${file} cannot be started`)

  const isThere = async (): Promise<boolean> => {
    const request = { host: "127.0.0.1", port: peers.port, line: "GET /", headers: {} }
    return Http.exchange(request).then(
      ({ status }) => status === 200,
      () => false
    )
  }
  const deadline = performance.now() + READY_WITHIN
  while (!(await isThere())) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill("SIGKILL")
      throw new Error(`${spec.title} did not start: ${readFileSync(path, "utf8").slice(-2000)}`)
    }
    await setTimeout(50)
  }
  return {
    pid,
    probe: async () => {
      child.send("probe")
      const [inside] = await once(child, "message")
      return inside
    },
    reset: () => child.send("reset"),
    stop: async () => {
      child.kill("SIGTERM")
      const killing = globalThis.setTimeout(() => child.kill("SIGKILL"), STOPS_WITHIN)
      await ended
      clearTimeout(killing)
    }
  }
}

/** A port of loopback that nobody listens on, below those that systems give to outgoing connections. */
export const freePort = async (): Promise<number> => {
  for (let port = 20_000 + Math.floor(Math.random() * 10_000); ; port++) {
    const server = Net.createServer().listen(port, "127.0.0.1")
    const isFree = await once(server, "listening").then(
      () => true,
      () => false
    )
    if (!isFree) continue
    server.close()
    await once(server, "close")
    return port
  }
}
