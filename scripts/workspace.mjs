/**
 * What every command of this repository stands on: a Node.js that is new enough, installed dependencies, a build.
 *
 * Everything here runs on a fresh clone, so it imports nothing but Node.js itself.
 */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

export const bin = {
  biome: join(root, "node_modules/@biomejs/biome/bin/biome"),
  depcruise: join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs"),
  knip: join(root, "node_modules/knip/bin/knip.js"),
  offhook: join(root, "packages/server/dist/main.js"),
  tsc: join(root, "node_modules/typescript/bin/tsc"),
  vitest: join(root, "node_modules/vitest/vitest.mjs")
}

/**
 * Runs a command in the foreground, in the repository's root, and answers its exit status (128 + n for signal n).
 *
 * Ctrl-C reaches the whole process group, and npm sends it to its child once more; `kill` reaches one process alone.
 * So signals are passed on and never end this process: the command decides how it ends.
 *
 * @param {string} command
 * @param {ReadonlyArray<string>} args
 * @param {{ onMessage?: (message: unknown) => void }} [options]
 * @returns {Promise<number>}
 */
export const run = (command, args, options = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      shell: process.platform === "win32" && command === "npm",
      stdio: options.onMessage === undefined ? "inherit" : ["inherit", "inherit", "inherit", "ipc"]
    })
    if (options.onMessage !== undefined) child.on("message", options.onMessage)
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => child.kill(signal)
    for (const signal of forwarded) process.on(signal, forward)
    const settle = () => {
      for (const signal of forwarded) process.off(signal, forward)
    }
    child.once("error", (error) => {
      settle()
      reject(error)
    })
    child.once("close", (status, signal) => {
      settle()
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })

/**
 * `run` for a program of this repository, on the Node.js that runs this script.
 *
 * @param {ReadonlyArray<string>} args
 * @param {{ onMessage?: (message: unknown) => void }} [options]
 */
export const node = (args, options) => run(process.execPath, args, options)

/**
 * Installs the dependencies, unless the same lock file was last installed for the same Node.js on the same platform.
 * pnpm itself need not be there: npm brings the version that package.json names.
 *
 * @returns {Promise<number>} exit status
 */
export const install = async () => {
  const { engines, packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const minimum = engines.node.replace(">=", "")
  if (process.versions.node.localeCompare(minimum, "en", { numeric: true }) < 0) {
    console.error(`Offhook needs Node.js ${minimum} or newer. This is ${process.versions.node}: https://nodejs.org/`)
    return 1
  }
  const wanted = [
    createHash("sha256")
      .update(readFileSync(join(root, "pnpm-lock.yaml")))
      .digest("hex"),
    `node ${process.versions.node.split(".")[0]} ${process.platform} ${process.arch}`
  ].join("\n")
  const marker = join(root, "node_modules/.offhook-installed")
  if (textOf(marker) === wanted) return 0
  console.log(`Installing the dependencies with ${packageManager} ...`)
  const status = await run("npm", [
    "exec",
    "--yes",
    `--package=${packageManager}`,
    "--",
    "pnpm",
    "install",
    "--frozen-lockfile",
    // Development tools too where NODE_ENV is production, and no question where no one can answer.
    "--prod=false",
    "--config.confirmModulesPurge=false"
  ])
  if (status !== 0) return status
  mkdirSync(dirname(marker), { recursive: true })
  writeFileSync(marker, wanted)
  return 0
}

/**
 * Compiles what is out of date of the server and all that it stands on.
 *
 * @returns {Promise<number>} exit status
 */
export const build = () => node([bin.tsc, "-b", "packages/server/tsconfig.src.json"])

/**
 * Runs steps one after another until one fails.
 *
 * @param {ReadonlyArray<() => Promise<number>>} steps
 * @returns {Promise<number>} the exit status of the last step that ran
 */
export const sequence = async (...steps) => {
  for (const step of steps) {
    const status = await step()
    if (status !== 0) return status
  }
  return 0
}

/** @param {string} path */
const textOf = (path) => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** @type {ReadonlyArray<NodeJS.Signals>} */
const forwarded = ["SIGINT", "SIGTERM"]
