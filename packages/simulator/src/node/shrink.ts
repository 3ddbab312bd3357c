/** A thread that makes one failing call small, answers with the finding, and leaves. */

import { parentPort, workerData } from "node:worker_threads"
import * as Finding from "../simulation/Finding.ts"
import * as Population from "../simulation/Population.ts"
import * as Simulation from "../simulation/Simulation.ts"
import * as SpeechFiles from "./SpeechFiles.ts"
import type { Small, ToShrink } from "./Threads.ts"

const { directory, index, invariant, population, seed } = workerData as ToShrink
const options = { audio: SpeechFiles.load() }
const plan = Population.plan(seed, index, population)
const broken = Simulation.run(plan, options).broken.find((one) => one.invariant === invariant)
if (broken === undefined) throw new Error(`${invariant} is not broken in call ${index} of seed ${seed}`)

const small = Finding.shrunk(plan, broken, options)
const file = `${directory}/${Finding.name(small.plan, small.broken)}`
const { callMs } = Simulation.run(small.plan, options)
parentPort?.postMessage({
  file,
  text: Finding.text(small.plan, small.broken, file, options),
  broken: small.broken,
  callMs
} satisfies Small)
