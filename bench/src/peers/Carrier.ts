/**
 * A caller of a benchmark: Twilio's side of one call (protocols.md A, B) on plain sockets: signed webhook, upgrade with
 * what its TwiML says, `connected`, `start`, a stamped frame each 20 ms, marks echoed when they are played, `stop`.
 *
 * Whoever owns it calls `turn` each 20 ms: there is one timer for all calls.
 */

import { Buffer } from "node:buffer"
import { createHmac } from "node:crypto"
import type * as Net from "node:net"
import * as Framing from "./Framing.ts"
import * as Http from "./Http.ts"
import { parse, QUOTE } from "./Model.ts"
import * as Stamp from "./Stamp.ts"
import type { Lane } from "./Tally.ts"

export interface Target {
  readonly port: number
  /** Signs webhook and upgrade. */
  readonly authToken: string
  readonly accountSid: string
}

export interface Handlers {
  readonly lane: Lane
  /** Audio for the caller: a stamp, -1 where there is none. */
  readonly onAudio: (stamp: number, now: number) => void
  readonly onClear: (now: number) => void
  readonly onClose: () => void
  readonly onFault: (fault: string) => void
}

export interface Carrier {
  /** When `start` was sent. */
  readonly startedAt: number
  /** Sends the frame that is due, and echoes what has been played. */
  readonly turn: (now: number) => void
  /** ms of audio that the caller has not heard yet. */
  readonly buffered: (now: number) => number
  /** Hangs up: `stop`, and the close handshake. */
  readonly hangUp: () => void
  readonly destroy: () => void
}

const TAILS = Stamp.tails(Stamp.FRAME)
const MEDIA = Buffer.from('"media"')
const PAYLOAD = Buffer.from('"payload":"')
const BYTES_PER_MS = 8

/** `number` tells calls apart, in the audio and in all ids. Rejects where the call is not taken. */
export const place = async (
  target: Target,
  number: number,
  now: () => number,
  handlers: Handlers
): Promise<Carrier> => {
  const digits = String(number).padStart(8, "0")
  const callSid = `CA${digits.padStart(32, "0")}`
  const streamSid = `MZ${digits.padStart(32, "0")}`
  const { accountSid } = target
  const stream = await ring(target, callSid, `+1555${digits.slice(1)}`)

  let socket: Net.Socket | undefined
  let playedAt = 0
  let marks: Array<{ readonly name: string; readonly at: number }> = []
  let sequence = 1
  let chunk = 1
  let startedAt = 0
  const { lane } = handlers

  const write = (message: string): void => {
    socket?.write(Framing.text(message, Framing.KEY))
  }

  const echo = (name: string): void => {
    write(
      `{"event":"mark","sequenceNumber":"${sequence++}","streamSid":"${streamSid}","mark":{"name":${JSON.stringify(name)}}}`
    )
  }

  const receive = (text: string): void => {
    const message = parse(text)
    const at = now()
    if (message?.["streamSid"] !== streamSid) return handlers.onFault("a message to the carrier without its streamSid")
    switch (message["event"]) {
      case "mark": {
        const { name } = message["mark"] as { readonly name: string }
        if (playedAt <= at) echo(name)
        else marks.push({ name, at: playedAt })
        return
      }
      case "clear": {
        playedAt = at
        for (const { name } of marks) echo(name)
        marks = []
        return handlers.onClear(at)
      }
      default:
        handlers.onFault(`the carrier does not know ${String(message["event"])}`)
    }
  }

  const onFrame: Framing.OnFrame = (opcode, bytes, start, end) => {
    if (opcode === Framing.TEXT) {
      const media = bytes.indexOf(MEDIA, start)
      const payload = media < 0 || media >= end ? -1 : bytes.indexOf(PAYLOAD, media)
      if (payload < 0 || payload >= end) return receive(bytes.toString("utf8", start, end))
      const at = now()
      const from = payload + PAYLOAD.length
      const to = bytes.indexOf(QUOTE, from)
      const length = Stamp.each(bytes, from, to, Stamp.DELTA, (stamp) => handlers.onAudio(stamp, at))
      playedAt = Math.max(playedAt, at) + length / BYTES_PER_MS
    } else if (opcode === Framing.PING) {
      socket?.write(Framing.frame(Framing.PONG, bytes.toString("latin1", start, end), Framing.KEY))
    } else if (opcode === Framing.CLOSE) {
      socket?.end(Framing.frame(Framing.CLOSE, Framing.NORMAL_CLOSURE, Framing.KEY))
    }
  }

  await Http.upgrade(
    {
      host: "127.0.0.1",
      port: target.port,
      line: `GET ${stream.path}`,
      headers: { "User-Agent": "Twilio.TmeWs/1.0", "X-Twilio-Signature": sign(target.authToken, stream.url) }
    },
    (opened) => {
      socket = opened
      opened.on("error", () => {})
      opened.once("close", handlers.onClose)
      write('{"event":"connected","protocol":"Call","version":"1.0.0"}')
      const mediaFormat = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 }
      const customParameters = stream.parameters
      const start = { accountSid, streamSid, callSid, tracks: ["inbound"], mediaFormat, customParameters }
      write(JSON.stringify({ event: "start", sequenceNumber: String(sequence++), streamSid, start }))
      startedAt = now()
      return Framing.reader(onFrame)
    }
  )

  return {
    startedAt,
    turn: (at) => {
      let played = 0
      for (; played < marks.length; played++) {
        const mark = marks[played]
        if (mark === undefined || mark.at > at) break
        echo(mark.name)
      }
      if (played > 0) marks = marks.slice(played)
      const frame = lane.next()
      const audio = Stamp.write(number, frame) + (TAILS[frame & 15] as string)
      write(
        `{"event":"media","sequenceNumber":"${sequence++}","streamSid":"${streamSid}","media":{"track":"inbound",` +
          `"chunk":"${chunk++}","timestamp":"${102 + frame * 20}","payload":"${audio}"}}`
      )
      lane.sent(at)
    },
    buffered: (at) => Math.max(0, playedAt - at),
    hangUp: () => {
      const stop = { accountSid, callSid }
      write(JSON.stringify({ event: "stop", sequenceNumber: String(sequence++), streamSid, stop }))
      socket?.write(Framing.frame(Framing.CLOSE, Framing.NORMAL_CLOSURE, Framing.KEY))
    },
    destroy: () => socket?.destroy()
  }
}

const WEBHOOK = "/incoming-call"

/** Asks the webhook; answers where its TwiML leads the call's audio to. */
const ring = async ({ accountSid, authToken, port }: Target, callSid: string, from: string) => {
  const origin = `http://127.0.0.1:${port}`
  const call = { AccountSid: accountSid, ApiVersion: "2010-04-01", CallSid: callSid, CallStatus: "ringing" }
  const parties = { Called: TO, Caller: from, Direction: "inbound", From: from, To: TO }
  const form = { ...call, ...parties }
  const { body, status } = await Http.exchange({
    host: "127.0.0.1",
    port,
    line: `POST ${WEBHOOK}`,
    headers: {
      "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
      "User-Agent": "TwilioProxy/1.1",
      "X-Twilio-Signature": sign(authToken, origin + WEBHOOK, form)
    },
    body: new URLSearchParams(form).toString()
  })
  const url = /<Stream[^>]* url="([^"]+)"/.exec(body)?.[1]
  if (status !== 200 || url === undefined) throw new Error(`the webhook was answered ${status}: ${body.slice(0, 200)}`)
  const parameters = Object.fromEntries(
    [...body.matchAll(/<Parameter name="([^"]*)" value="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value])
  )
  return { url, path: new URL(url).pathname, parameters }
}

const TO = "+15550000000"

const sign = (authToken: string, url: string, form: Readonly<Record<string, string>> = {}): string => {
  const fields = Object.entries(form).sort(([one], [other]) => (one < other ? -1 : 1))
  return createHmac("sha1", authToken)
    .update(url + fields.flat().join(""))
    .digest("base64")
}
