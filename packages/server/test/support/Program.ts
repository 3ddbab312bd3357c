/** The program as a process of its own, and what it says. */

import { type ChildProcess, spawn } from "node:child_process"
import { main } from "./Built.ts"

export interface Program {
  readonly process: ChildProcess
  readonly output: () => string
  readonly errors: () => string
  /** Once the program has said it. */
  readonly says: (what: RegExp) => Promise<RegExpExecArray>
  /** Its status, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

export interface Options {
  readonly cwd: string
  /** Beside `PATH` the program has nothing but these. */
  readonly env: Readonly<Record<string, string>>
}

export const start = (args: ReadonlyArray<string>, options: Options): Program =>
  running(process.execPath, [main, ...args], options)

/** The same on a terminal of its own, by util-linux' `script`; killed, it takes the terminal away. */
export const startOnTerminal = (args: ReadonlyArray<string>, options: Options): Program => {
  const command = [process.execPath, main, ...args].map((word) => `'${word}'`).join(" ")
  return running("script", ["--quiet", "--return", "--command", command, "/dev/null"], options)
}

const running = (command: string, args: ReadonlyArray<string>, { cwd, env }: Options): Program => {
  const child = spawn(command, args, { cwd, env: { PATH: process.env["PATH"], ...env } })
  const ended = new Promise<number | string>((resolve) => {
    child.once("close", (status, signal) => resolve(status ?? signal ?? "?"))
  })
  let output = ""
  let errors = ""
  const listeners = new Set<() => void>()
  const heard = (add: (text: string) => void) => (chunk: Buffer) => {
    add(chunk.toString())
    for (const listener of listeners) listener()
  }
  child.stdout.on(
    "data",
    heard((text) => (output += text))
  )
  child.stderr.on(
    "data",
    heard((text) => (errors += text))
  )
  return {
    process: child,
    output: () => output,
    errors: () => errors,
    says: (what) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = what.exec(output) ?? what.exec(errors)
          if (found === null) return
          listeners.delete(look)
          resolve(found)
        }
        listeners.add(look)
        look()
        void ended.then((status) =>
          reject(new Error(`ended with ${status}, and never said ${what}: ${output}${errors}`))
        )
      }),
    ended
  }
}

/** At once, if it has not ended by itself. */
export const kill = async ({ ended, process }: Program): Promise<void> => {
  process.kill("SIGKILL")
  await ended
}
