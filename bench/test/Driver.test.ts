/** The driver with relays in the same process: what it says of them is known before. */

import { once } from "node:events"
import { createServer } from "node:http"
import type { Server } from "node:net"
import { afterEach, assert, describe, it } from "vitest"
import { type RawData, WebSocket, WebSocketServer } from "ws"
import { freePort } from "../src/Process.ts"
import * as Driver from "../src/peers/Driver.ts"
import * as Bytes from "../src/relays/Bytes.ts"
import * as Parse from "../src/relays/Parse.ts"
import * as Raw from "../src/relays/Raw.ts"
import { type Relay, serve, sessionUpdate } from "../src/relays/Webhook.ts"

let closing: Array<() => unknown> = []

afterEach(async () => {
  for (const close of closing.reverse()) await close()
  closing = []
})

const CALLS = 4
/** Every answer is interrupted: it has 4 s. */
const TURNS: Driver.Turns = { first: 20, speech: 50, heard: 400, interrupted: 400 }
const MS = 1_000

const measured = async (listen: (relay: Relay) => Server): Promise<Driver.Measured> => {
  const driver = await Driver.make({ calls: CALLS, setUp: 5, rate: 100, callMs: null, turns: TURNS })
  closing.push(driver.close)
  const port = await freePort()
  const server = listen({ port, modelUrl: `ws://127.0.0.1:${driver.modelPort}/v1/realtime` })
  closing.push(() => server.close())
  await once(server, "listening")
  await driver.ramp({ port, accountSid: "AC1", authToken: "any" })
  driver.begin()
  await new Promise((resolve) => setTimeout(resolve, MS))
  driver.end()
  return driver.finish()
}

/** A relay that does something wrong with the caller's and with the model's audio, each time that `fails` says so. */
const relay =
  (fault: "drop" | "keep" | "swap" | "twice") =>
  ({ modelUrl, port }: Relay): Server => {
    const server = serve(port)
    const carriers = new WebSocketServer({ server })
    carriers.on("connection", (carrier) => {
      const model = new WebSocket(modelUrl)
      let streamSid = ""
      const up = wrong(fault, (audio) => model.send(JSON.stringify({ type: "input_audio_buffer.append", audio })))
      const down = wrong(fault, (payload) =>
        carrier.send(JSON.stringify({ event: "media", streamSid, media: { payload } }))
      )
      model.on("open", () => model.send(sessionUpdate))
      model.on("message", (data: RawData) => {
        const message = JSON.parse(data.toString())
        if (message.type === "response.output_audio.delta") down(message.delta)
      })
      carrier.on("message", (data: RawData) => {
        const message = JSON.parse(data.toString())
        if (message.event === "start") streamSid = message.streamSid
        if (message.event === "media" && model.readyState === WebSocket.OPEN) up(message.media.payload)
      })
      carrier.on("close", () => model.close())
    })
    return server.listen(port, "127.0.0.1")
  }

/** Each fifth piece; one that waits follows the next. */
const wrong = (fault: "drop" | "keep" | "swap" | "twice", send: (audio: string) => void) => {
  let count = 0
  let waiting: string | undefined
  return (audio: string): void => {
    const isFifth = ++count % 5 === 0
    if (isFifth && fault === "drop") return
    if (isFifth && fault === "swap") {
      waiting = audio
      return
    }
    send(audio)
    if (isFifth && fault === "twice") send(audio)
    if (waiting === undefined) return
    send(waiting)
    waiting = undefined
  }
}

describe("Driver", () => {
  for (const [name, listen] of Object.entries({ parse: Parse.listen, bytes: Bytes.listen, raw: Raw.listen })) {
    it(`sees a conversation go through the relay "${name}", and nothing lost`, async () => {
      const result = await measured(listen)
      const { bargeIn, down, up } = result
      assert.deepStrictEqual(result.faults, [])
      for (const sums of [up, down]) {
        const { received, sent, ...wrong } = sums
        assert.deepStrictEqual(wrong, { lost: 0, duplicated: 0, disordered: 0, foreign: 0 })
        assert.strictEqual(received, sent)
      }
      assert.isAtLeast(up.received, (CALLS * MS) / 20 / 2)
      assert.isAtLeast(result.callSeconds, (CALLS * MS) / 1000 / 2)
      assert.isAtLeast(result.upDelay.count, (CALLS * MS) / 20 / 2)
      assert.isAtLeast(down.received, 20)
      assert.isAtLeast(bargeIn.count, 1)
      assert.strictEqual(result.bargeInsMissed, 0)
    })
  }

  it("tells what a relay drops", async () => {
    const { down, up } = await measured(relay("drop"))
    for (const sums of [up, down]) {
      assert.isAtLeast(sums.lost, sums.sent / 8)
      assert.strictEqual(sums.duplicated + sums.disordered + sums.foreign, 0)
      assert.strictEqual(sums.received + sums.lost, sums.sent)
    }
  })

  it("tells what a relay sends twice", async () => {
    const { up } = await measured(relay("twice"))
    assert.isAtLeast(up.duplicated, up.sent / 8)
    assert.strictEqual(up.lost + up.disordered + up.foreign, 0)
  })

  it("tells what a relay sends in another order", async () => {
    const { up } = await measured(relay("swap"))
    assert.isAtLeast(up.disordered, up.sent / 8)
    assert.strictEqual(up.duplicated + up.foreign, 0)
    // What still waits when a call ends.
    assert.isAtMost(up.lost, CALLS)
  })

  it("tells a relay that does not heed an interruption", async () => {
    const result = await measured(relay("keep"))
    assert.isAtLeast(result.bargeInsMissed, 1)
    assert.strictEqual(result.bargeIn.count, 0)
    assert.deepStrictEqual(result.faults, [])
  })

  it("tells a server that takes no calls", async () => {
    const busy = ({ port }: Relay) =>
      createServer((_, response) => response.writeHead(503).end()).listen(port, "127.0.0.1")
    const { faults, up } = await measured(busy)
    assert.isTrue(
      faults.some((fault) => fault.includes("a call was not taken: the webhook was answered 503")),
      `${faults}`
    )
    assert.strictEqual(up.sent, 0)
  })
})
