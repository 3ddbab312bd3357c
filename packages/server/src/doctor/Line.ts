/** The carrier's end of a media stream, as much of it as a test call needs: silence goes out, marks come back. */

import { type Errors, WebSocketClient, type Wire } from "@offhook/adapters"
import { Mulaw } from "@offhook/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { json } from "./Http.ts"

/** What comes first: the agent's voice, or the end. */
export type First =
  | { readonly _tag: "Audio"; readonly ms: number }
  | { readonly _tag: "Closed"; readonly code: number; readonly reason: string }

export interface Line {
  /** Begins the stream as Twilio does, and sends silence until something comes. */
  readonly talk: (start: Start) => Effect.Effect<First>
  /** Ends the stream as Twilio does when the caller hangs up. */
  readonly hangUp: Effect.Effect<void>
}

export interface Start {
  readonly callSid: string
  readonly accountSid: string
  readonly parameters: Readonly<Record<string, string>>
}

/** Closed at the end of the scope at the latest. */
export const open = Effect.fnUntraced(function* (
  url: string,
  headers: Readonly<Record<string, string>>
): Effect.fn.Return<Line, Errors.ConnectFailed, Scope.Scope> {
  const first = yield* Deferred.make<First>()
  const streamSid = `MZ${"0".repeat(32)}`
  let began = 0

  const attach = (wire: Wire.Wire): Wire.Handlers => ({
    onText: (text) => {
      const message = json(text) as { readonly event?: unknown; readonly mark?: unknown } | null | undefined
      if (message?.event === "mark") wire.send(JSON.stringify({ event: "mark", streamSid, mark: message.mark }))
      if (message?.event !== "media") return
      Deferred.unsafeDone(first, Effect.succeed({ _tag: "Audio", ms: Math.round(performance.now() - began) }))
    },
    onClose: (code, reason) => Deferred.unsafeDone(first, Effect.succeed({ _tag: "Closed", code, reason }))
  })

  const wire = yield* WebSocketClient.connect({ url, headers }, attach)
  let number = 0
  const send = (message: object) =>
    wire.send(JSON.stringify({ ...message, sequenceNumber: String(++number), streamSid }))
  const silence = Mulaw.silence(FRAME_MS * 8)

  const line: Line = {
    talk: ({ accountSid, callSid, parameters }) =>
      Effect.gen(function* () {
        began = performance.now()
        wire.send(JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" }))
        const mediaFormat = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 }
        send({
          event: "start",
          start: { accountSid, streamSid, callSid, tracks: ["inbound"], mediaFormat, customParameters: parameters }
        })
        let chunk = 0
        const frame = Effect.sync(() => {
          const timestamp = String(chunk * FRAME_MS)
          send({ event: "media", media: { track: "inbound", chunk: String(++chunk), timestamp, payload: silence } })
        })
        return yield* Effect.raceFirst(
          Deferred.await(first),
          Effect.zipRight(Effect.repeat(frame, Schedule.fixed(FRAME_MS)), Effect.never)
        )
      }),
    hangUp: Effect.sync(() => {
      send({ event: "stop", stop: {} })
      wire.close(1000, "")
    })
  }
  return line
})

const FRAME_MS = 20
