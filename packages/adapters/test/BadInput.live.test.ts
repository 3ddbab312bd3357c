/** What bad input gets, on real sockets: the offender is answered, everybody else goes on, nothing is left over. */

import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as CarrierSocket from "../src/twilio/CarrierSocket.ts"
import * as Peers from "./support/Peers.ts"
import * as Server from "./support/Server.ts"

interface Stage {
  readonly server: Server.Server
  readonly model: Peers.ModelServer
  /** A socket that has not said anything. */
  readonly stranger: Effect.Effect<Peers.CarrierPeer, never, Scope.Scope>
  /** A call of its own, its stream begun. */
  readonly caller: Effect.Effect<Peers.CarrierPeer, never, Scope.Scope>
}

const noted = (server: Server.Server, what: string) => server.logs.filter((line) => line.includes(what)).length

const appended = (peer: Peers.ModelPeer | undefined) =>
  peer?.received.filter(({ type }) => type === "input_audio_buffer.append").length ?? 0

/** Runs `offend` while another call is live; that call must go on, and afterwards nothing may be left. */
const beside = (name: string, offend: (stage: Stage) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.scopedLive(name, () =>
    Effect.gen(function* () {
      const model = yield* Peers.model()
      const server = yield* Server.make({ modelUrl: model.url })
      const fibers = yield* server.fibers
      const base = yield* Server.baseOf(server)

      yield* Effect.scoped(
        Effect.gen(function* () {
          const other = yield* Server.begin(server, Server.nextCall())
          yield* Peers.until(() => appended(model.peers[0]) === 1)
          assert.isAbove(yield* server.fibers, fibers)

          yield* Effect.scoped(
            offend({
              server,
              model,
              stranger: Peers.carrier(server.port, Server.nextCall()),
              caller: Server.begin(server, Server.nextCall())
            })
          )

          other.media(2)
          yield* Peers.until(() => appended(model.peers[0]) === 2)
          assert.strictEqual(other.ws.readyState, other.ws.OPEN)
          other.stop()
          other.ws.close()
          yield* server.calls.idle
        })
      )
      yield* Peers.until(() => model.sockets.size === 0)
      yield* base
      assert.strictEqual(yield* server.calls.live, 0)
      assert.notInclude(server.logs.join("\n"), "level=ERROR")
    })
  )

/** Before `start` a socket is a stranger: the first thing wrong ends it. */
const refusedBeforeStart = (
  name: string,
  code: number,
  reason: string,
  say: (carrier: Peers.CarrierPeer, stage: Stage) => void
) =>
  beside(name, (stage) =>
    Effect.gen(function* () {
      const carrier = yield* stage.stranger
      say(carrier, stage)
      assert.strictEqual(yield* carrier.closed, code)
      yield* Peers.until(() => noted(stage.server, reason) === 1)
      assert.strictEqual(stage.model.peers.length, 1)
    })
  )

/** After `start` the call goes on: it is noted once, however often it comes. */
const notedInCall = (name: string, what: string, say: (carrier: Peers.CarrierPeer) => void) =>
  beside(name, (stage) =>
    Effect.gen(function* () {
      const carrier = yield* stage.caller
      yield* Peers.until(() => appended(stage.model.peers[1]) === 1)
      say(carrier)
      say(carrier)
      carrier.media(2)
      yield* Peers.until(() => appended(stage.model.peers[1]) === 2)
      carrier.ws.close()
      yield* Peers.until(() => stage.server.files.size === 1)
      const [recording = ""] = stage.server.files.values()
      const notes = recording
        .split("\n")
        .filter((line) => line.includes(`"what":"carrier misbehaved","detail":"${what}"`))
      assert.strictEqual(notes.length, 1)
    })
  )

describe("before start", () => {
  refusedBeforeStart("malformed JSON", 1008, "malformed JSON", (carrier) => carrier.send('{"event":'))
  refusedBeforeStart("no object", 1008, "malformed message", (carrier) => carrier.send("[1]"))
  refusedBeforeStart("an unknown event", 1008, "message before start", (carrier) => carrier.send({ event: "hello" }))
  refusedBeforeStart("media", 1008, "message before start", (carrier) => carrier.media(1))
  refusedBeforeStart("a binary frame", 1003, "binary frame", (carrier) => carrier.send(Buffer.from("{}")))
  refusedBeforeStart("connected without end", 1008, "too many messages before start", (carrier) => {
    for (let index = 0; index < 20; index++) carrier.connected()
  })
  refusedBeforeStart("a start without its fields", 1008, "malformed message", (carrier) =>
    carrier.send({ event: "start", streamSid: "MZ1", start: { streamSid: "MZ1" } })
  )
  beside("a wrong token; the right one still begins the stream", ({ model, server }) =>
    Effect.gen(function* () {
      const callSid = Server.nextCall()
      const { body } = yield* Server.webhook(server.port, callSid)
      const wrong = yield* Peers.carrier(server.port, callSid)
      wrong.start({ token: "x".repeat(32) })
      assert.strictEqual(yield* wrong.closed, 1008)
      yield* Peers.until(() => noted(server, "reason=stream_token_forged") === 1)
      const right = yield* Peers.carrier(server.port, callSid)
      right.start({ token: Server.tokenOf(body) })
      right.media(1)
      yield* Peers.until(() => appended(model.peers[1]) === 1)
      right.ws.close()
      yield* Peers.until(() => server.files.size === 1)
    })
  )

  beside("an oversized frame", ({ server, stranger }) =>
    Effect.gen(function* () {
      const carrier = yield* stranger
      carrier.send("x".repeat(65 * 1024))
      assert.strictEqual(yield* carrier.closed, 1009)
      yield* Peers.until(() => noted(server, "reason=stream_message_size") === 1)
    })
  )

  beside("a client that connects and hangs up", ({ server, stranger }) =>
    Effect.gen(function* () {
      const carrier = yield* stranger
      carrier.ws.terminate()
      yield* Peers.until(() => noted(server, "reason=stream_gone") === 1)
    })
  )
})

describe("in a call", () => {
  notedInCall("malformed JSON", "malformed JSON", (carrier) => carrier.send("{"))
  notedInCall("an unknown event", "unknown message", (carrier) => carrier.send({ event: "hello" }))
  notedInCall("a field is missing", "malformed message", (carrier) =>
    carrier.send({ event: "media", streamSid: carrier.streamSid, media: {} })
  )
  notedInCall("a field of the wrong type", "malformed message", (carrier) =>
    carrier.send({
      event: "media",
      streamSid: carrier.streamSid,
      media: { track: "inbound", timestamp: "20", payload: 5 }
    })
  )
  notedInCall("no base64", "malformed message", (carrier) => carrier.media(9, "no base64!"))
  notedInCall("a binary frame", "binary frame", (carrier) => carrier.send(Buffer.from([1, 2, 3])))
  notedInCall("a second start", "second start", (carrier) => carrier.start())
  notedInCall("a wrong streamSid", "wrong stream", (carrier) =>
    carrier.send({ event: "mark", streamSid: "MZother", mark: { name: "x" } })
  )

  beside("an oversized frame ends the connection, and with it the call", ({ caller, server }) =>
    Effect.gen(function* () {
      const carrier = yield* caller
      carrier.send("x".repeat(65 * 1024))
      assert.strictEqual(yield* carrier.closed, 1009)
      yield* Peers.until(() => noted(server, 'outcome="carrier lost"') === 1)
    })
  )

  beside("a carrier that does not read is cut off, and its call ends", ({ caller, model, server }) =>
    Effect.gen(function* () {
      const carrier = yield* caller
      yield* Peers.until(() => appended(model.peers[1]) === 1)
      carrier.ws.pause()
      const peer = model.peers[1]
      if (peer === undefined) return assert.fail("no session")
      const at = { response_id: "r1", item_id: "i1", output_index: 0, content_index: 0 }
      peer.send({ type: "response.created", response: { id: "r1", conversation_id: "c1" } })
      const delta = Buffer.alloc(384 * 1024, 0x10).toString("base64")
      for (let sent = 0; sent < 60; sent++) peer.send({ type: "response.output_audio.delta", ...at, delta })
      yield* Peers.until(() => noted(server, 'outcome="carrier lost"') === 1)
    })
  )

  beside("a second stream of one call is refused, the first goes on", ({ caller, model, server }) =>
    Effect.gen(function* () {
      const first = yield* caller
      const callSid = `CA${first.streamSid.slice(2)}`
      const second = yield* Peers.carrier(server.port, callSid)
      second.start()
      assert.strictEqual(yield* second.closed, 1008)
      first.media(2)
      yield* Peers.until(() => appended(model.peers[1]) === 2)
      first.ws.close()
      yield* Peers.until(() => server.files.size === 1)
    })
  )
})

describe("the model", () => {
  const misbehaves = (name: string, say: (peer: Peers.ModelPeer) => void, what: string) =>
    beside(name, ({ caller, model, server }) =>
      Effect.gen(function* () {
        const carrier = yield* caller
        yield* Peers.until(() => appended(model.peers[1]) === 1)
        const peer = model.peers[1]
        if (peer === undefined) return assert.fail("no session")
        say(peer)
        say(peer)
        peer.send({ type: "rate_limits.updated" })
        carrier.media(2)
        yield* Peers.until(() => appended(peer) === 2)
        carrier.ws.close()
        yield* Peers.until(() => server.files.size === 1)
        const [recording = ""] = server.files.values()
        assert.strictEqual(recording.split(`"what":"model misbehaved","detail":"${what}"`).length, 2)
      })
    )
  misbehaves("malformed JSON", (peer) => peer.ws.send("{"), "malformed JSON")
  misbehaves("a binary frame", (peer) => peer.ws.send(Buffer.from("{}")), "binary frame")
  misbehaves(
    "a field of the wrong type",
    (peer) => peer.send({ type: "response.done", response: { id: 5 } }),
    "malformed message"
  )

  beside("does not read: it is cut off, and the carrier runs its tail", ({ caller, model, server }) =>
    Effect.gen(function* () {
      const carrier = yield* caller
      yield* Peers.until(() => appended(model.peers[1]) === 1)
      model.peers[1]?.ws.pause()
      const seconds = Buffer.alloc(45_000, 0x10).toString("base64")
      for (let chunk = 2; chunk < 400; chunk++) carrier.media(chunk, seconds)
      assert.strictEqual(yield* carrier.closed, 1000)
      yield* Peers.until(() => noted(server, 'outcome="model lost"') === 1)
      model.peers[1]?.ws.terminate()
    })
  )

  beside("is gone: the carrier's socket is closed, so that it runs its tail", ({ caller, model, server }) =>
    Effect.gen(function* () {
      const carrier = yield* caller
      yield* Peers.until(() => appended(model.peers[1]) === 1)
      model.peers[1]?.ws.terminate()
      assert.strictEqual(yield* carrier.closed, 1000)
      yield* Peers.until(() => noted(server, 'outcome="model lost"') === 1)
    })
  )
})

describe("connections that are no call", () => {
  beside("another path, no upgrade, another method, a raw reset", ({ server }) =>
    Effect.gen(function* () {
      const asked = yield* Effect.all([
        Server.request(server.port, "GET", "/nothing"),
        Server.request(server.port, "GET", "/media-stream"),
        Server.request(server.port, "DELETE", "/incoming-call"),
        Server.request(server.port, "GET", "/incoming-call")
      ])
      assert.deepStrictEqual(
        asked.map(({ status }) => status),
        [404, 404, 405, 400]
      )
      const socket = Net.connect(server.port, "127.0.0.1")
      socket.on("error", () => {})
      yield* Effect.async<void>((resume) => {
        socket.once("connect", () => resume(Effect.void))
      })
      socket.write("GET /media-stream HTTP/1.1\r\nUpgrade: websocket\r\n")
      socket.resetAndDestroy()
    })
  )
})

it.scopedLive(
  "a client that says nothing is closed after 10 s",
  () =>
    Effect.gen(function* () {
      const model = yield* Peers.model()
      const server = yield* Server.make({ modelUrl: model.url })
      const fibers = yield* server.fibers
      const began = performance.now()
      const carrier = yield* Peers.carrier(server.port, Server.nextCall())
      assert.strictEqual(yield* carrier.closed, 1008)
      assert.approximately(performance.now() - began, 10_000, 1_500)
      assert.strictEqual(noted(server, "no start in time"), 1)
      assert.strictEqual(CarrierSocket.MAX_BEFORE_START, 5)
      yield* Effect.repeat(Effect.zipRight(Effect.sleep("2 millis"), server.fibers), { until: (now) => now === fibers })
    }),
  20_000
)
