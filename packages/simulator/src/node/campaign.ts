/** A thread of a campaign: plays the pieces that it is sent, answers each with its tally, and leaves when there is none. */

import { parentPort, workerData } from "node:worker_threads"
import * as Campaign from "../simulation/Campaign.ts"
import * as SpeechFiles from "./SpeechFiles.ts"
import { type Data, idle, type Piece } from "./Threads.ts"

const { playing, population, seed } = workerData as Data
const options: Campaign.Options = { seed, population, audio: SpeechFiles.load() }

parentPort?.on("message", (piece: Piece | null) => {
  if (piece === null) return parentPort?.close()
  const tally = Campaign.none()
  for (let index = piece.from; index < piece.to; index++) {
    const lost = piece.lost.find((one) => one.index === index)
    Atomics.store(playing, 0, index)
    if (lost === undefined) Campaign.play(tally, index, options)
    else Campaign.judged(tally, index, [lost.broken])
  }
  Atomics.store(playing, 0, idle)
  parentPort?.postMessage(tally)
})
