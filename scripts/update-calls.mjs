/**
 * `node scripts/update-calls.mjs [FILE ...]`: records calls again by the machine as it is now, and says for each what is
 * the first to change. Without files: the golden calls of the core and of the examples. For changes that are meant.
 *
 * A recorded call keeps its events. One that a simulation found is simulated again, by its plan: whoever is on the other
 * end of a machine that was mended answers what it does now.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { build, install, root, sequence } from "./workspace.mjs"

const folders = ["packages/core/test/calls", "packages/core/test/calls/found", "examples/replay-in-vitest/calls"]

/** @param {string} folder */
const recordings = (folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".jsonl"))
        .map((name) => join(folder, name))
    : []

const status = await sequence(install, build)
if (status !== 0) process.exit(status)
const { Call, Recorder, Recording, Replay } = await import(
  new URL("../packages/core/dist/index.js", import.meta.url).href
)

const { Finding, SpeechFiles } = await import(new URL("../packages/simulator/dist/index.js", import.meta.url).href)
const audio = SpeechFiles.load()

const named = process.argv.slice(2)
let unreadable = 0
for (const file of named.length > 0 ? named : folders.flatMap((folder) => recordings(join(root, folder)))) {
  const name = relative(root, file)
  const before = readFileSync(file, "utf8")
  const recording = Recording.parse(before)
  const problem = recording.problems[0]
  if (problem !== undefined) {
    unreadable++
    console.log(`${name}: not updated. line ${problem.line}: ${problem.text}`)
    continue
  }
  const finding = Finding.read(before)
  const after = finding === null ? Recorder.again(recording, Call) : Finding.again(finding, name, { audio })
  const result = Replay.run(recording)
  console.log(
    result.same
      ? `${name}: ${after === before ? "unchanged" : "the same call in another form"}`
      : `${name}: changed\n${Replay.explain(result.difference)}`
  )
  if (after !== before) writeFileSync(file, after)
}
process.exit(unreadable === 0 ? 0 : 1)
