import { once } from "node:events"
import * as Http from "node:http"
import type * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import type { Event } from "@offhook/core"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { ModelSocket } from "../src/openai/ModelSocket.ts"
import * as Peers from "./support/Peers.ts"

const opened = (url: string, session = 3) =>
  Effect.gen(function* () {
    const events: Array<Event> = []
    const context = yield* Layer.build(ModelSocket.layer({ url, apiKey: Redacted.make("sk-test") }))
    const connection = yield* Context.get(context, ModelSocket).open({
      session,
      model: "a model",
      driver: { now: () => 7, dispatch: (event) => events.push(event) }
    })
    return { events, connection }
  })

const refusing = (status: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = Http.createServer()
      server.on("upgrade", (_, socket) => socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`))
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      return { server, url: `ws://127.0.0.1:${(server.address() as Net.AddressInfo).port}/` }
    }),
    ({ server }) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  )

const silence = { _tag: "ForwardSilence", session: 3, from: 0, bytes: 8 } as const

describe("ModelSocket", () => {
  it.scopedLive("connects, speaks and ends; the query of the URL stays, commands before and after do nothing", () =>
    Effect.gen(function* () {
      const model = yield* Peers.model()
      const { connection, events } = yield* opened(`${model.url}?deployment=x`)
      connection.send(silence)
      yield* Peers.until(() => events.length >= 2)
      assert.strictEqual(model.peers[0]?.url, "/v1/realtime?deployment=x&model=a+model")
      assert.deepStrictEqual(events.slice(0, 1), [{ _tag: "ModelConnected", at: 7, session: 3 }])
      connection.send(silence)
      yield* Peers.until(() => model.peers[0]?.received.length === 1)
      model.peers[0]?.ws.send(Buffer.from("x"))
      model.peers[0]?.ws.close(4000, "enough")
      yield* Peers.until(() => events.at(-1)?._tag === "ModelClosed")
      assert.deepStrictEqual(events.slice(-2), [
        { _tag: "ModelMisbehaved", at: 7, session: 3, what: "binary frame" },
        { _tag: "ModelClosed", at: 7, session: 3, code: 4000, reason: "enough" }
      ])
      connection.send(silence)
      connection.close()
    })
  )

  it.scopedLive("a model that does not read is an event, and so is that it reads again", () =>
    Effect.gen(function* () {
      const model = yield* Peers.model()
      const { connection, events } = yield* opened(model.url)
      yield* Peers.until(() => events.length >= 2)
      const peer = model.peers[0]
      peer?.ws.pause()
      const message = { _tag: "AddText", session: 3, item: "one", role: "user", text: "x".repeat(64 * 1024) } as const
      const before = events.length
      // The kernel takes as much as it likes; then it is half a second, in which less waits than would end the connection.
      let sentAt = 0
      yield* Peers.until(() => {
        if (performance.now() - sentAt > 20) {
          sentAt = performance.now()
          connection.send(message)
        }
        return events.length > before
      })
      peer?.ws.resume()
      yield* Peers.until(() => events.length === before + 2)
      assert.deepStrictEqual(events.slice(before), [
        { _tag: "ModelCongested", at: 7, session: 3 },
        { _tag: "ModelDrained", at: 7, session: 3 }
      ])
      connection.close()
    })
  )

  it.scopedLive("a refused connection, and one with a status, are events; the key is in no log", () =>
    Effect.gen(function* () {
      const logs: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make((entry) => {
          logs.push(Logger.logfmtLogger.log(entry))
        })
      )
      const server = yield* refusing(401)
      const status = yield* opened(server.url).pipe(Effect.provide(logger))
      yield* Peers.until(() => status.events.length === 1)
      assert.deepStrictEqual(status.events, [
        { _tag: "ModelConnectFailed", at: 7, session: 3, failure: "status", status: 401 }
      ])
      const refused = yield* opened("ws://127.0.0.1:1/").pipe(Effect.provide(logger))
      yield* Peers.until(() => refused.events.length === 1)
      assert.deepStrictEqual(refused.events, [
        { _tag: "ModelConnectFailed", at: 7, session: 3, failure: "refused", status: null }
      ])
      assert.strictEqual(logs.length, 2)
      assert.notInclude(logs.join(), "sk-test")
    })
  )

  it.scopedLive("given up before it is open: no event, and no socket is left", () =>
    Effect.gen(function* () {
      const model = yield* Peers.mute
      const { connection, events } = yield* opened(model.url)
      yield* Peers.until(() => model.sockets.size === 1)
      connection.close()
      connection.close()
      yield* Peers.until(() => model.sockets.size === 0)
      assert.deepStrictEqual(events, [])
    })
  )

  it.scopedLive("the end of the scope closes an open connection politely", () =>
    Effect.gen(function* () {
      const model = yield* Peers.model()
      const scope = yield* Scope.make()
      const { events } = yield* Scope.extend(opened(model.url), scope)
      yield* Peers.until(() => events.length >= 2)
      const closed = Effect.async<number>((resume) => {
        model.peers[0]?.ws.once("close", (code) => resume(Effect.succeed(code)))
      })
      const [code] = yield* Effect.all([closed, Scope.close(scope, Exit.void)], { concurrency: 2 })
      assert.strictEqual(code, 1000)
    })
  )
})
