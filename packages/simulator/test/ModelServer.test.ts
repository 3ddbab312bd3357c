/** The simulated model on real sockets. Real time; every wait is for an event. */

import { once } from "node:events"
import type { IncomingMessage } from "node:http"
import type { ServerEvent } from "@offhook/simulator"
import { Brain, Line, ModelServer, Random } from "@offhook/simulator"
import { afterEach, assert, describe, it } from "vitest"
import { WebSocket } from "ws"
import * as H from "./ModelHarness.ts"

const PACE = { createMs: [1, 2], thinkMs: [1, 5], speed: [40, 60], updateMs: [1, 2], transcriptionMs: [1, 5] } as const

const brain = Brain.scripted([], { rest: { parts: [Brain.say(H.clip(1000))] } })

const running: Array<ModelServer.ModelServer> = []

const start = async (options: Partial<ModelServer.Options> = {}): Promise<ModelServer.ModelServer> => {
  const server = await ModelServer.start({ brain, pace: PACE, ...options })
  running.push(server)
  return server
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

interface Client {
  readonly socket: WebSocket
  readonly events: Array<ServerEvent.ServerEvent>
  readonly send: (event: object) => void
  /** The next event of a type that was not waited for before. */
  readonly next: <Type extends ServerEvent.ServerEvent["type"]>(type: Type) => Promise<H.EventOf<Type>>
}

const connect = (url: string, headers: Record<string, string> = {}): Client => {
  const socket = new WebSocket(url, { headers })
  const events: Array<ServerEvent.ServerEvent> = []
  let taken = 0
  let wake = () => {}
  socket.on("message", (data) => {
    events.push(JSON.parse(data.toString()) as ServerEvent.ServerEvent)
    wake()
  })
  const next = async <Type extends ServerEvent.ServerEvent["type"]>(type: Type): Promise<H.EventOf<Type>> => {
    for (;;) {
      while (taken < events.length) {
        const event = events[taken++]!
        if (event.type === type) return event as H.EventOf<Type>
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { socket, events, next, send: (event) => socket.send(JSON.stringify(event)) }
}

const MODEL = "?model=gpt-realtime-2.1"

describe("ModelServer", () => {
  it("answers over a real socket", async () => {
    const server = await start()
    const client = connect(`${server.url}${MODEL}`)
    await client.next("session.created")
    client.send({ type: "session.update", session: H.TELEPHONY })
    await client.next("session.updated")
    client.send({ type: "response.create" })
    const done = await client.next("response.done")
    assert.strictEqual(done.response.status, "completed")
    assert.strictEqual(server.sessions[0]?.model.config()?.model, "gpt-realtime-2.1")
  })

  it("runs one machine a connection, with its own seed", async () => {
    const server = await start()
    const clients = [connect(`${server.url}${MODEL}`), connect(`${server.url}${MODEL}`)]
    const ids = await Promise.all(clients.map(async (client) => (await client.next("session.created")).session.id))
    assert.notStrictEqual(ids[0], ids[1])
    assert.strictEqual(server.sessions.length, 2)
  })

  const refusedWith = async (url: string, headers: Record<string, string> = {}) => {
    const { socket } = connect(url, headers)
    socket.on("error", () => {})
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage]
    socket.terminate()
    return response.statusCode
  }

  it("refuses another path, no model, and two of model, intent and call_id", async () => {
    const server = await start()
    assert.strictEqual(await refusedWith(`${server.url}/other${MODEL}`), 404)
    assert.strictEqual(await refusedWith(server.url), 400)
    assert.strictEqual(await refusedWith(`${server.url}${MODEL}&intent=transcription`), 400)
    assert.strictEqual(server.sessions.length, 0)
  })

  it("refuses a wrong key and none with HTTP 401, and takes the right one", async () => {
    const server = await start({ apiKey: "sk-right" })
    assert.strictEqual(await refusedWith(`${server.url}${MODEL}`), 401)
    assert.strictEqual(await refusedWith(`${server.url}${MODEL}`, { Authorization: "Bearer sk-wrong" }), 401)
    const client = connect(`${server.url}${MODEL}`, { Authorization: "Bearer sk-right" })
    await client.next("session.created")
  })

  const closedWith = async (client: Client) => {
    const [code, reason] = (await once(client.socket, "close")) as [number, Buffer]
    return [code, reason.toString(), client.events.map((event) => event.type).join()]
  }

  it("closes 3000 for a wrong key, when told to", async () => {
    const server = await start({ apiKey: "sk-right", badKey: "close" })
    const closed = await closedWith(connect(`${server.url}${MODEL}`, { Authorization: "Bearer sk-wrong" }))
    assert.deepStrictEqual(closed, [3000, "invalid_request_error.invalid_api_key", "error"])
  })

  it("closes 4000 for the beta header and for a wrong intent", async () => {
    const server = await start()
    const beta = await closedWith(connect(`${server.url}${MODEL}`, { "OpenAI-Beta": "realtime=v1" }))
    assert.deepStrictEqual(beta, [4000, "invalid_request_error.beta_api_shape_disabled", "error"])
    const intent = await closedWith(connect(`${server.url}?intent=chat`))
    assert.deepStrictEqual(intent, [4000, "invalid_request_error.invalid_intent", "error"])
  })

  it("closes 1001 when the session's time is over", async () => {
    const server = await start({ limitMs: 30 })
    const [code, , types] = await closedWith(connect(`${server.url}${MODEL}`))
    assert.strictEqual(code, 1001)
    assert.include(types, "error")
  })

  it("loses a socket without a close frame, and tells who asks", async () => {
    const server = await start()
    const client = connect(`${server.url}${MODEL}`)
    await client.next("session.created")
    server.sessions[0]?.fail({ _tag: "SocketLost" })
    assert.strictEqual((await closedWith(client))[0], 1006)
    assert.strictEqual((await server.sessions[0]?.closed)?.code, 1006)
    assert.isTrue(server.sessions[0]?.model.closed())
  })

  it("answers malformed and binary messages with an error and goes on", async () => {
    const server = await start()
    const client = connect(`${server.url}${MODEL}`)
    await client.next("session.created")
    client.socket.send("{")
    await client.next("error")
    client.socket.send(Buffer.from([1, 2, 3]))
    await client.next("error")
    client.send({ type: "response.create" })
    await client.next("response.done")
  })

  it("delays both directions by a line", async () => {
    const line = (name: string) => Line.make({ delay: 60, jitter: 10, random: Random.make(name) })
    const server = await start({ lines: () => ({ up: line("up"), down: line("down") }) })
    const client = connect(`${server.url}${MODEL}`)
    await client.next("session.created")
    const sentAt = performance.now()
    client.send({ type: "input_audio_buffer.clear" })
    await client.next("input_audio_buffer.cleared")
    assert.isAtLeast(performance.now() - sentAt, 118)
  })
})
