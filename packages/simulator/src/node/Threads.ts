/**
 * A campaign on several threads. Pieces of it are handed out in order, and taken back in order: what is known so far is
 * always the calls from 0 up to some number, whatever the number of threads. Failing calls are made small on threads too.
 *
 * Invariants
 * 1. The same seed and options give the same tally, however many threads there are and however long they take.
 * 2. No call ends a campaign. One that never comes back, or takes its thread with it, is broken ("no livelock", "never
 *    throws"); the thread is replaced, and the piece is played again without that call.
 */

import { Worker } from "node:worker_threads"
import * as Campaign from "../simulation/Campaign.ts"
import type { Broken, Invariant } from "../simulation/Invariants.ts"
import type * as Population from "../simulation/Population.ts"

export interface Options {
  readonly seed: string
  readonly calls: number
  readonly population: Population.Options
  readonly threads: number
  /** No more calls are begun when so many have failed. */
  readonly failures: number
  /** Called with all that is known so far, whenever it is more. The tally is the campaign's own. */
  readonly onProgress?: (tally: Campaign.Tally) => void
  /** Ends the campaign with what is known so far. */
  readonly signal?: AbortSignal
  /** What a thread runs. Default: campaign.js beside this. */
  readonly program?: URL
  /** ms of real time that one call may take. Default: three minutes; an hour's call takes a few seconds. */
  readonly patience?: number
}

/** Calls handed out at once: enough to make messages cheap, few enough that the last thread does not work alone. */
const pieceCalls = 10

/** Calls `from` up to but not including `to`. */
export interface Piece {
  readonly from: number
  readonly to: number
  /** Known already not to come back, and why. */
  readonly lost: ReadonlyArray<Lost>
}

export interface Lost {
  readonly index: number
  readonly broken: Broken
}

/** What a thread is made with; `playing[0]` is where it writes the number of the call that it plays, or `idle`. */
export interface Data {
  readonly seed: string
  readonly population: Population.Options
  readonly playing: Int32Array
}

export const idle = -1

export const run = (options: Options): Promise<Campaign.Tally> =>
  new Promise((resolve, reject) => {
    const { calls, failures, onProgress, patience = 180_000, population, seed, signal } = options
    const program = options.program ?? new URL("./campaign.js", import.meta.url)
    const total = Campaign.none()
    const done = new Map<number, { readonly piece: Piece; readonly tally: Campaign.Tally }>()
    const threads = new Set<{ readonly leave: () => void }>()
    let handedOut = 0
    let over = false

    const take = (): Piece | null => {
      if (handedOut >= calls || over) return null
      const from = handedOut
      handedOut = Math.min(calls, from + pieceCalls)
      return { from, to: handedOut, lost: [] }
    }

    const takeBack = (piece: Piece, tally: Campaign.Tally): void => {
      if (over) return
      done.set(piece.from, { piece, tally })
      for (let next = done.get(total.calls); next !== undefined && !over; next = done.get(total.calls)) {
        done.delete(total.calls)
        Campaign.merge(total, next.tally)
        over = total.failed >= failures || total.calls >= calls
      }
      onProgress?.(total)
      if (over) finish()
    }

    const finish = (): void => {
      over = true
      signal?.removeEventListener("abort", finish)
      for (const { leave } of threads) leave()
      if (threads.size === 0) resolve(total)
    }

    const begin = (first: Piece): void => {
      const playing = new Int32Array(new SharedArrayBuffer(4)).fill(idle)
      const data: Data = { seed, population, playing }
      const worker = new Worker(program, { workerData: data })
      let piece: Piece | null = first
      let failure: Broken | null = null
      let watched = idle
      let watchedSince = performance.now()
      const watch = setInterval(() => {
        const index = Atomics.load(playing, 0)
        if (index !== watched || index === idle) {
          watched = index
          watchedSince = performance.now()
        } else if (performance.now() - watchedSince > patience) {
          failure = { invariant: "no livelock", at: 0, detail: `it did not come back within ${patience / 1000} s` }
          void worker.terminate()
        }
      }, patience / 10)
      const thread = {
        leave: () => {
          if (piece === null) worker.postMessage(null)
          else void worker.terminate()
        }
      }
      threads.add(thread)
      worker.on("message", (tally: Campaign.Tally) => {
        const played = piece
        piece = null
        if (played !== null) takeBack(played, tally)
        piece = take()
        worker.postMessage(piece)
      })
      worker.on("error", (error) => {
        failure = { invariant: "never throws", at: 0, detail: error.message }
      })
      worker.on("exit", () => {
        clearInterval(watch)
        threads.delete(thread)
        const index = Atomics.load(playing, 0)
        if (!over && piece !== null && index !== idle) {
          const broken = failure ?? { invariant: "never throws", at: 0, detail: "it ended its thread" }
          begin({ ...piece, lost: [...piece.lost, { index, broken }] })
        } else if (!over && failure !== null) {
          reject(new Error(`a thread of the simulation could not play: ${failure.detail}`))
          finish()
        }
        if (over && threads.size === 0) resolve(total)
      })
      worker.postMessage(piece)
    }

    if (signal?.aborted === true || calls === 0) return finish()
    signal?.addEventListener("abort", finish)
    for (let thread = 0; thread < options.threads; thread++) {
      const piece = take()
      if (piece !== null) begin(piece)
    }
  })

/** A call of a seed that breaks an invariant, and where what is left of it will be kept. */
export interface ToShrink {
  readonly seed: string
  readonly population: Population.Options
  readonly index: number
  readonly invariant: Invariant
  readonly directory: string
}

/** The smallest call that was found to break the same: the file's path and text, what is broken, how long it is. */
export interface Small {
  readonly file: string
  readonly text: string
  readonly broken: Broken
  readonly callMs: number
}

/** ms of real time. Shrinking is bounded by calls and by what they last; where a call hangs, so would this. */
const shrinkPatience = 120_000

/** Null where the call takes its thread with it, does not come back, or is not wanted any more. */
export const shrink = (call: ToShrink, signal?: AbortSignal): Promise<Small | null> =>
  new Promise((resolve) => {
    const worker = new Worker(new URL("./shrink.js", import.meta.url), { workerData: call })
    const stop = (): void => void worker.terminate()
    const timer = setTimeout(stop, shrinkPatience)
    signal?.addEventListener("abort", stop)
    let small: Small | null = null
    worker.on("message", (message: Small) => {
      small = message
    })
    worker.on("error", () => {})
    worker.on("exit", () => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", stop)
      resolve(small)
    })
  })
