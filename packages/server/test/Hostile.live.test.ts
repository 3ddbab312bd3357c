/**
 * Clients that mean harm, over raw sockets, at the server as `App` composes it: each gets what it deserves, ten ordinary
 * calls go on as if nobody else were there, and afterwards nothing is left of any of them.
 *
 * Whether `ws` keeps to RFC 6455 is `ws`'s own to show (docs/decisions/040-websocket-conformance.md).
 */

import { monitorEventLoopDelay } from "node:perf_hooks"
import { setTimeout } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, it } from "@effect/vitest"
import { Brain, Caller, type CarrierClient } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import * as Hostile from "./support/HostileClient.ts"
import { audio, clip, joined, make, occurrences } from "./support/Live.ts"

const { dial, frame, opcodes, text, upgraded } = Hostile

/** What it got: an HTTP status or a close code; undefined where the connection just ended. */
type Act = (port: number) => Promise<number | undefined>

const got = async ({ closed }: Hostile.HostileClient) => Hostile.codeOf(await closed)

/** Says all that and waits for the end. */
const says =
  (...pieces: ReadonlyArray<string | Uint8Array>): Act =>
  async (port) => {
    const client = await dial(port)
    for (const piece of pieces) client.say(piece)
    return got(client)
  }

/** Says all that once it has its 101. */
const frames =
  (...pieces: ReadonlyArray<Uint8Array>): Act =>
  async (port) => {
    const client = await upgraded(port)
    for (const piece of pieces) client.say(piece)
    return got(client)
  }

/** Resets once it has said that; what it got cannot be known. */
const resets =
  (stage: (port: number) => Promise<Hostile.HostileClient>): Act =>
  async (port) => {
    const client = await stage(port)
    client.socket.resetAndDestroy()
    await client.closed
    return undefined
  }

const after = (open: typeof dial, ...pieces: ReadonlyArray<string | Uint8Array>): Act =>
  resets(async (port) => {
    const client = await open(port)
    for (const piece of pieces) client.say(piece)
    return client
  })

const CONNECTED = text('{"event":"connected","protocol":"Call","version":"1.0.0"}')
const POST = `POST /incoming-call HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n`
const KB = 1024

const acts: Readonly<Record<string, readonly [expected: number | undefined, act: Act]>> = {
  "a connection reset at once": [undefined, after(dial)],
  "reset in the request line": [undefined, after(dial, "GET /media-st")],
  "reset in the headers": [undefined, after(dial, Hostile.UPGRADE.slice(0, -30))],
  "reset behind the upgrade": [undefined, after(dial, Hostile.UPGRADE)],
  "reset behind the 101": [undefined, after(upgraded)],
  "reset in a frame": [undefined, after(upgraded, CONNECTED.subarray(0, 20))],
  "reset behind a message": [undefined, after(upgraded, CONNECTED)],
  "reset behind its close": [undefined, after(upgraded, frame({ opcode: opcodes.close, payload: "\x03\xe8" }))],
  "reset in a body": [undefined, after(dial, `${POST}Content-Length: 500\r\n\r\nCallSid=`)],
  "an upgrade half said, and an end": [
    400,
    async (port) => {
      const client = await dial(port)
      client.socket.end(Hostile.UPGRADE.slice(0, -30))
      return got(client)
    }
  ],

  "another protocol": [400, says("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")],
  "an upgrade without a key": [400, says(Hostile.UPGRADE.replace(/Sec-WebSocket-Key.*\r\n/, ""))],
  "an upgrade of another path": [404, says(Hostile.UPGRADE.replace("/media-stream", "/nowhere"))],
  "headers without end": [431, says(`GET / HTTP/1.1\r\n${`X: ${"x".repeat(KB)}\r\n`.repeat(20)}`)],
  "a body that says it is too large": [413, says(`${POST}Content-Length: ${1024 * KB}\r\n\r\n`)],
  "chunks without end": [
    413,
    says(`${POST}Transfer-Encoding: chunked\r\n\r\n${`400\r\n${"x".repeat(KB)}\r\n`.repeat(80)}`)
  ],
  "a request smuggled behind another": [
    400,
    says(`${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n`)
  ],

  "an oversized frame": [1009, frames(text("x".repeat(65 * KB)))],
  "a frame that claims more than there is": [1009, frames(frame({ opcode: opcodes.text, claimed: 2n ** 40n }))],
  "a frame that claims more than can be": [1009, frames(frame({ opcode: opcodes.text, claimed: 2n ** 63n }))],
  "fragments that are too large together": [
    1009,
    frames(
      ...[opcodes.text, opcodes.continuation].map((opcode) =>
        frame({ opcode, payload: "x".repeat(40 * KB), fin: false })
      )
    )
  ],
  "fragments of nothing, without end": [
    1008,
    frames(
      frame({ opcode: opcodes.text, fin: false }),
      ...Array.from({ length: 100 }, () => frame({ opcode: opcodes.continuation, fin: false }))
    )
  ],
  "a fragment of nothing": [1002, frames(frame({ opcode: opcodes.continuation, payload: "x" }))],
  "a frame without a mask": [1002, frames(frame({ opcode: opcodes.text, payload: "{}", isMasked: false }))],
  "reserved bits": [1002, frames(frame({ opcode: opcodes.text, payload: "{}", reserved: 7 }))],
  "an opcode that is none": [1002, frames(frame({ opcode: 5, payload: "x" }))],
  "a ping in fragments": [1002, frames(frame({ opcode: opcodes.ping, fin: false }))],
  "a ping that is too large": [1002, frames(frame({ opcode: opcodes.ping, payload: "x".repeat(126) }))],
  "UTF-8 that is none": [1007, frames(frame({ opcode: opcodes.text, payload: Uint8Array.of(0xc3, 0x28) }))],
  "UTF-8 cut in a character": [1007, frames(frame({ opcode: opcodes.text, payload: Uint8Array.of(0xe2, 0x82) }))],
  "a binary frame": [1003, frames(frame({ opcode: opcodes.binary, payload: "{}" }))],

  "JSON that is none": [1008, frames(text('{"event":'))],
  "JSON of depth": [1008, frames(text("[".repeat(60 * KB)))],
  "JSON of depth in a start": [
    1008,
    frames(text(`{"event":"start","start":${"[".repeat(25 * KB)}${"]".repeat(25 * KB)}}`))
  ],
  "JSON of size": [1008, frames(text(`{${Array.from({ length: 4_000 }, (_, key) => `"${key}":1`).join()}}`))],
  "messages before start": [1008, frames(...Array.from({ length: 20 }, () => CONNECTED))],
  "a start of a call that nobody admitted": [
    1008,
    frames(
      text(
        JSON.stringify({
          event: "start",
          streamSid: "MZ1",
          start: {
            streamSid: "MZ1",
            callSid: "CA1",
            accountSid: "AC1",
            mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
            customParameters: { token: "x" }
          }
        })
      )
    )
  ],

  "pings without end": [
    undefined,
    frames(...Array.from({ length: 2_000 }, () => frame({ opcode: opcodes.ping, payload: "x".repeat(100) })))
  ],
  "pings that are answered, then a wrong word": [
    1008,
    async (port) => {
      const client = await upgraded(port)
      for (let ping = 0; ping < 50; ping++) {
        client.say(frame({ opcode: opcodes.ping, payload: `ping ${ping}.` }))
        await client.hears(`ping ${ping}.`)
      }
      client.say(text("{"))
      return got(client)
    }
  ],
  "headers a byte at a time": [
    408,
    async (port) => {
      const client = await dial(port)
      for (const byte of Hostile.UPGRADE) {
        client.say(byte)
        const isOver = await Promise.race([client.closed.then(() => true), setTimeout(250, false)])
        if (isOver) break
      }
      return got(client)
    }
  ],
  "a body a byte at a time": [
    408,
    async (port) => {
      const client = await dial(port)
      client.say(`${POST}Content-Length: 500\r\n\r\n`)
      for (let said = 0; said < 500; said++) {
        client.say("x")
        const isOver = await Promise.race([client.closed.then(() => true), setTimeout(250, false)])
        if (isOver) break
      }
      return got(client)
    }
  ],
  "an upgrade, and not a word": [1008, frames()]
}

/** Bytes of pings that a client which never reads may send before it is cut off. */
const MOST_UNREAD = 64 * 1024 * KB

/** Pongs that nobody takes pile up at the server: it must not wait until its memory is full. */
const neverReads = async (port: number): Promise<number> => {
  const client = await upgraded(port)
  client.socket.pause()
  const pings = Buffer.concat(
    Array.from({ length: 500 }, () => frame({ opcode: opcodes.ping, payload: "x".repeat(125) }))
  )
  let sent = 0
  while (!client.socket.destroyed && sent < MOST_UNREAD) {
    await new Promise<void>((resolve) => {
      client.socket.once("close", () => resolve())
      client.socket.write(pings, () => resolve())
    })
    client.socket.removeAllListeners("close")
    sent += pings.length
  }
  client.socket.resetAndDestroy()
  return sent
}

/**
 * Connections without a word. They come in groups that the listener has room for, each accepted before the next: one that
 * the kernel answered with a SYN cookie and had no room for is a connection to the client alone, who would never learn it.
 */
const saysNothing = async (port: number, count: number): Promise<ReadonlyArray<Promise<number | undefined>>> => {
  const isAccepted = says("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
  const mute: Array<Promise<number | undefined>> = []
  while (mute.length < count) {
    const group = await Promise.all(Array.from({ length: Math.min(200, count - mute.length) }, () => dial(port)))
    mute.push(...group.map(got))
    assert.strictEqual(await isAccepted(port), 200, "whoever comes behind them is answered")
  }
  return mute
}

/** All of it once; the most that lasts is the body that takes 15 s. */
const onslaught = async (port: number, silent: number): Promise<void> => {
  const mute = await saysNothing(port, silent)
  const results = await Promise.all(Object.values(acts).map(([, act]) => act(port)))
  assert.deepStrictEqual(
    Object.keys(acts).map((name, index) => [name, results[index]]),
    Object.entries(acts).map(([name, [expected]]) => [name, expected])
  )
  assert.isBelow(await neverReads(port), MOST_UNREAD, "a client that never reads is cut off")
  for (const code of await Promise.all(mute)) assert.strictEqual(code, 408, "a connection that says nothing")
}

setFlagsFromString("--expose_gc")
const collectGarbage: () => void = runInNewContext("gc")

const heapNow = (): number => {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

const resources = (kind: string): number => process.getActiveResourcesInfo().filter((one) => one === kind).length

const ordinary = {
  script: [
    Caller.say("caller-how-many", audio["caller-how-many"], Caller.agentSpeaking(1_000)),
    Caller.hangUp(Caller.agentSilent(300))
  ]
}

const heard = ({ ear }: CarrierClient.CallResult): Uint8Array => joined(ear.heard.map(({ payload }) => payload))

it.scopedLive(
  "hostile clients get nothing, ten calls notice nothing, nothing is left",
  () =>
    Effect.gen(function* () {
      const say = (id: Parameters<typeof clip>[0]): Brain.Plan => ({ parts: [Brain.say(clip(id))] })
      const live = yield* make({ brain: Brain.scripted([say("agent-opening-hours"), say("agent-short-answer")]) })
      const port = Number(new URL(live.url).port)
      // What is there once for all, and what comes back by itself, is there after the first call.
      yield* live.place({ ...ordinary, seed: "alone" })
      yield* live.settled
      yield* Effect.sleep("200 millis")
      const before = { fibers: yield* live.fibers, sockets: resources("TCPSocketWrap"), timers: resources("Timeout") }

      const besieged = Effect.fnUntraced(function* (round: string) {
        const loop = monitorEventLoopDelay({ resolution: 5 })
        loop.enable()
        const onslaughts = yield* Effect.fork(Effect.promise(() => onslaught(port, 1_000)))
        const results = yield* Effect.forEach(
          Array.from({ length: 10 }, (_, index) => `${round} ${index}`),
          (seed) => live.place({ ...ordinary, seed }),
          { concurrency: "unbounded" }
        )
        yield* onslaughts
        loop.disable()

        const errors: Array<number> = []
        for (const result of results) {
          assert.strictEqual(result.reason, "caller")
          const { commands, summary } = yield* live.recording(result.callSid)
          assert.strictEqual(summary.outcome, "caller hung up")
          assert.strictEqual(summary.interruptions, 1)
          assert.strictEqual(summary.modelErrors, 0)
          assert.deepStrictEqual(result.warnings, [])
          const cut = commands.find((command) => command._tag === "Truncate")
          if (cut === undefined) return assert.fail("the model is told where it was cut")
          const whole = heard(result)
          const answer = audio["agent-short-answer"]
          assert.strictEqual(occurrences(whole, answer), 1, "the answer was heard once, to its end")
          errors.push(Math.abs((whole.length - answer.length) / 8 - cut.audioEndMs))
        }
        // Carriers, server and hostile clients share one thread: where it stands still, so does the line of each call.
        const stoodStill = loop.max / 1_000_000
        errors.sort((one, other) => one - other)
        assert.isAtMost(errors[5] ?? 0, 25, `ms between told and heard, median of ${errors}`)
        assert.isAtMost(
          errors[9] ?? 0,
          25 + stoodStill,
          `ms between told and heard, at most; ${stoodStill} ms stood still`
        )
        for (const { model } of live.model.sessions) assert.deepStrictEqual(model.errorsSent, [])
      })

      const settled = Effect.gen(function* () {
        yield* live.settled
        yield* Effect.zipRight(Effect.sleep("5 millis"), live.fibers).pipe(
          Effect.repeat({ until: (now) => now === before.fibers }),
          Effect.timeout("5 seconds")
        )
        // Without a timeout, which would be a timer too.
        yield* Effect.zipRight(
          Effect.sleep("5 millis"),
          Effect.sync(() => resources("Timeout"))
        ).pipe(Effect.repeat({ until: (now) => now <= before.timers }))
        assert.strictEqual(resources("TCPSocketWrap"), before.sockets, "sockets")
      })
      yield* besieged("first")
      yield* settled
      const heap = heapNow()
      yield* besieged("second")
      yield* settled
      assert.isBelow(heapNow() / heap, 1.05, "the heap")
      assert.notInclude(live.logs.join("\n"), "level=ERROR")
    }),
  120_000
)
