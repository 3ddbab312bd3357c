/**
 * Records the golden calls: every scenario of the simulator in virtual time, into packages/core/test/calls. For a
 * scenario that is new or has changed; after a change of the machine, `update-calls.mjs` keeps the recorded events.
 *
 * `node scripts/golden-calls.mjs [NAME …]`, after `npm run build`; without names: those that have no file yet.
 */

import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { Recorder } from "../packages/core/dist/index.js"
import { Scenarios, SpeechFiles, World } from "../packages/simulator/dist/index.js"

const folder = new URL("../packages/core/test/calls/", import.meta.url)
mkdirSync(folder, { recursive: true })
const names = process.argv.slice(2)

for (const { name, options } of Scenarios.all(SpeechFiles.load())) {
  const file = new URL(`${name}.jsonl`, folder)
  if (names.length === 0 ? existsSync(file) : !names.includes(name)) continue
  /** @type {Array<[import("../packages/core/dist/index.js").Event, ReadonlyArray<import("../packages/core/dist/index.js").Command>]>} */
  const steps = []
  const world = World.make({ ...options, onStep: (event, commands) => steps.push([event, commands]) })
  world.run(120_000)
  const recorder = Recorder.make({
    version: "golden",
    call: name,
    startedAt: "2026-11-22T00:00:00.000Z",
    config: world.config
  })
  const text = recorder.start(world.first) + steps.map(([event, commands]) => recorder.add(event, commands)).join("")
  writeFileSync(file, text + recorder.finish())
  const ended = steps.flatMap(([, commands]) => commands).find((command) => command._tag === "Ended")
  console.log(`${name}: ${ended?.summary.outcome ?? "not ended"}, ${steps.length} events`)
}
