/**
 * `npm start` as a stranger sees it, without keys: one simulated call leaves its recording and its sound within 60 s of
 * a warm start, the server answers, and Ctrl-C ends it with status 0.
 */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readdirSync, statSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { freePort } from "./port.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
const recordings = `${root}recordings`

const until = async (what, seconds, holds) => {
  const started = performance.now()
  while (!(await holds())) {
    if (performance.now() - started > seconds * 1_000) throw new Error(`Not within ${seconds} s: ${what}`)
    await setTimeout(200)
  }
  console.log(`── after ${((performance.now() - started) / 1_000).toFixed(1)} s: ${what}`)
}

const port = String(await freePort())
const env = { ...process.env, PORT: port }
for (const name of Object.keys(env)) if (/^(OPENAI|TWILIO|OFFHOOK)_|^PUBLIC_URL$/.test(name)) delete env[name]

mkdirSync(recordings, { recursive: true })
const before = new Set(readdirSync(recordings))
// A process group of its own, so that a signal to the group is what Ctrl-C is.
const start = spawn("npm", ["start"], { cwd: root, detached: true, env, stdio: ["ignore", "inherit", "inherit"] })
const ended = once(start, "exit")
const kill = () => {
  if (start.exitCode === null && start.signalCode === null) process.kill(-start.pid, "SIGKILL")
}
process.once("exit", kill)

const alive = () => assert.equal(start.exitCode ?? start.signalCode, null, "npm start ended by itself")
const made = (extension) =>
  readdirSync(recordings).some(
    (name) => !before.has(name) && name.endsWith(extension) && statSync(`${recordings}/${name}`).size > 0
  )

await until("the recording and its sound are there", 60, () => {
  alive()
  return made(".jsonl") && made(".wav")
})
const health = await fetch(`http://127.0.0.1:${port}/`)
assert.equal(health.status, 200)
console.log(`── GET / answers ${await health.text()}`)

process.kill(-start.pid, "SIGINT")
const result = await Promise.race([ended, setTimeout(20_000, "timeout", { ref: false })])
assert.notEqual(result, "timeout", "Ctrl-C does not end it")
assert.deepEqual(result, [0, null], "Ctrl-C ends it with status 0")
console.log("── Ctrl-C ended it cleanly")
