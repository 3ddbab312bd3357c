import { once } from "node:events"
import * as Net from "node:net"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { WebSocket } from "ws"
import * as HttpListener from "../src/net/HttpListener.ts"

const LOOPBACK = { host: "127.0.0.1", port: 0 }

/** For failures that are meant, which the listener logs. */
const quiet = Effect.provide(Logger.remove(Logger.defaultLogger))

/** A listener of its own for each test, in the test's scope or in the one given. */
const listen = (limits: Partial<HttpListener.Limits> = {}) =>
  Effect.map(Layer.build(HttpListener.layer({ ...LOOPBACK, limits })), (context) =>
    Context.get(context, HttpListener.HttpListener)
  )

const echo: HttpListener.UpgradeRoute = {
  matches: (path) => path === "/echo",
  admit: () => HttpListener.accept,
  accept: (wire) => ({ onText: (text) => wire.send(text), onClose: () => {} })
}

const UPGRADE = (path: string, headers = "") =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`

const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = Net.connect(port, "127.0.0.1")
      socket.on("error", () => {})
      await once(socket, "connect")
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** Everything the server says until it ends the connection. */
const exchange = (port: number, request: string) =>
  Effect.scoped(
    Effect.flatMap(connect(port), (socket) =>
      Effect.async<string>((resume) => {
        let answer = ""
        socket.on("data", (chunk) => (answer += chunk.toString("latin1")))
        socket.on("close", () => resume(Effect.succeed(answer)))
        socket.write(request)
      })
    )
  )

const client = (port: number, path: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`)
      ws.on("error", () => {})
      await once(ws, "open")
      return ws
    }),
    (ws) => Effect.sync(() => ws.terminate())
  )

const closed = (ws: WebSocket) =>
  Effect.async<readonly [number, string]>((resume) => {
    ws.once("close", (code, reason) => resume(Effect.succeed([code, reason.toString()])))
  })

const settled = (listener: Context.Tag.Service<HttpListener.HttpListener>) =>
  listener.connections.pipe(
    Effect.repeat({ until: (open) => open === 0, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("10 seconds")
  )

describe("a port", () => {
  it.scopedLive("serves HTTP and WebSockets", () =>
    Effect.gen(function* () {
      const router = HttpLayerRouter.serve(
        HttpLayerRouter.use((router) =>
          Effect.andThen(
            router.add("GET", "/", HttpServerResponse.text("healthy")),
            router.add(
              "POST",
              "/form",
              Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
                Effect.map(request.text, (body) => HttpServerResponse.text(`${body.length}`))
              )
            )
          )
        ),
        { disableLogger: true, disableListenLog: true }
      )
      const context = yield* Layer.build(Layer.provideMerge(router, HttpListener.layer(LOOPBACK)))
      const listener = Context.get(context, HttpListener.HttpListener)
      yield* listener.upgrade(echo)

      const url = `http://127.0.0.1:${listener.port}`
      const fetched = (path: string, init?: RequestInit) =>
        Effect.promise(() => fetch(url + path, init).then(async (response) => [response.status, await response.text()]))
      assert.deepStrictEqual(yield* fetched("/"), [200, "healthy"])
      assert.deepStrictEqual(yield* fetched("/echo"), [404, ""])
      assert.deepStrictEqual(yield* fetched("/form", { method: "POST", body: "x".repeat(64 * 1024) }), [200, "65536"])
      const [status] = yield* fetched("/form", { method: "POST", body: "x".repeat(64 * 1024 + 1) })
      assert.strictEqual(status, 413)
      const chunked = "POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      const chunk = `10001\r\n${"x".repeat(0x10001)}\r\n`
      assert.include(yield* exchange(listener.port, `${chunked}${chunk}0\r\n\r\n`), "HTTP/1.1 413")

      const ws = yield* client(listener.port, "/echo")
      ws.send("hello")
      const [message] = yield* Effect.promise(() => once(ws, "message"))
      assert.strictEqual(String(message), "hello")
    })
  )

  it.scopedLive("that serves no app says 503", () =>
    Effect.gen(function* () {
      const listener = yield* listen()
      const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
      assert.match(yield* exchange(listener.port, request), /^HTTP\/1\.1 503 /)
    })
  )

  it.scopedLive("that is taken is a typed error that names PORT", () =>
    Effect.gen(function* () {
      const { port } = yield* listen()
      const error = yield* Effect.flip(Layer.build(HttpListener.layer({ host: "127.0.0.1", port })))
      assert.strictEqual(error._tag, "ListenFailed")
      assert.strictEqual(error.reason, "in-use")
      assert.include(error.message, `127.0.0.1:${port}`)
      assert.include(error.message, "PORT")
    })
  )

  it.scopedLive("on an address of another machine is a typed error that names HOST", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(HttpListener.layer({ host: "192.0.2.1", port: 0 })))
      assert.strictEqual(error.reason, "no-such-host")
      assert.include(error.message, "HOST")
    })
  )

  it.scopedLive("drops who never sends a request, and who never ends its headers", () =>
    Effect.gen(function* () {
      const listener = yield* listen({ headersTimeout: 100, requestTimeout: 200, timeoutCheck: 20 })
      const answers = yield* Effect.all(
        [exchange(listener.port, ""), exchange(listener.port, "GET / HTTP/1.1\r\nHost: x\r\nX: ")],
        { concurrency: 2 }
      )
      for (const answer of answers) assert.match(answer, /^(HTTP\/1\.1 408 |$)/)
      yield* settled(listener)
    })
  )

  it.scopedLive("answers headers over the limit with 431", () =>
    Effect.gen(function* () {
      const listener = yield* listen()
      const answer = yield* exchange(listener.port, UPGRADE("/echo", `X: ${"x".repeat(17 * 1024)}\r\n`))
      assert.match(answer, /^HTTP\/1\.1 431 /)
    })
  )
})

describe("a refused upgrade", () => {
  const refusing = (admit: HttpListener.UpgradeRoute["admit"]): HttpListener.UpgradeRoute => ({
    matches: (path) => path === "/media",
    admit,
    accept: () => assert.fail("accepted")
  })

  const refusal = (admit: HttpListener.UpgradeRoute["admit"], request = UPGRADE("/media")) =>
    Effect.gen(function* () {
      const listener = yield* listen({ admitTimeout: 50 })
      yield* listener.upgrade(refusing(admit))
      const answer = yield* exchange(listener.port, request)
      yield* settled(listener)
      const [head = "", body = ""] = answer.split("\r\n\r\n")
      const [line, ...headers] = head.split("\r\n")
      assert.include(headers, "Connection: close")
      assert.include(headers, `Content-Length: ${Buffer.byteLength(body, "latin1")}`)
      assert.include(headers, "content-type: application/problem+json")
      const { detail, requestId } = JSON.parse(Buffer.from(body, "latin1").toString("utf8"))
      assert.include(headers, `x-request-id: ${requestId}`)
      return [line, detail]
    })

  const unasked = () => assert.fail("admit was asked")

  it.scopedLive("has the status and the reason of the verdict", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refusal(() => HttpListener.refuse(403, "unterschrift fehlt ✗")), [
        "HTTP/1.1 403 Forbidden",
        "unterschrift fehlt ✗"
      ])
      assert.deepStrictEqual(yield* refusal(() => Effect.succeed(HttpListener.refuse(503, "draining"))), [
        "HTTP/1.1 503 Service Unavailable",
        "draining"
      ])
    })
  )

  it.scopedLive("is 500, and says no more, when admit fails, dies or throws; 503 when it takes too long", () =>
    Effect.gen(function* () {
      const internal = ["HTTP/1.1 500 Internal Server Error", "internal error"]
      const broken: ReadonlyArray<HttpListener.UpgradeRoute["admit"]> = [
        () => Effect.fail("secret"),
        () => Effect.die("secret"),
        () => {
          throw new Error("secret")
        }
      ]
      for (const admit of broken) assert.deepStrictEqual(yield* refusal(admit), internal)
      assert.deepStrictEqual(yield* refusal(() => Effect.never), [
        "HTTP/1.1 503 Service Unavailable",
        "not decided in time"
      ])

      const listener = yield* listen()
      yield* listener.upgrade({
        ...echo,
        matches: () => {
          throw new Error("secret")
        }
      })
      assert.match(yield* exchange(listener.port, UPGRADE("/media")), /^HTTP\/1\.1 500 /)
    }).pipe(quiet)
  )

  it.scopedLive("is told once where it is malformed, and so is a body that is too large", () => {
    const told: Array<string> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) => told.push(String(message)))
    )
    return Effect.gen(function* () {
      const app = HttpLayerRouter.serve(HttpLayerRouter.add("POST", "/form", HttpServerResponse.empty()), {
        disableLogger: true,
        disableListenLog: true
      })
      const context = yield* Layer.build(Layer.provideMerge(app, HttpListener.layer(LOOPBACK)))
      const listener = Context.get(context, HttpListener.HttpListener)
      yield* listener.upgrade(echo)
      const upgrade = "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
      yield* exchange(listener.port, upgrade)
      yield* exchange(listener.port, "POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n")
      assert.deepStrictEqual(told, ["refused: the upgrade is malformed", "refused: the body is too large"])
    }).pipe(Effect.provide(logger))
  })

  it.scopedLive("is 404 where no route matches, 400 where it is no WebSocket handshake", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refusal(unasked, UPGRADE("/other")))[0], "HTTP/1.1 404 Not Found")
      assert.strictEqual((yield* refusal(unasked, UPGRADE("/media/x")))[0], "HTTP/1.1 404 Not Found")
      const bad = [
        UPGRADE("/media").replace("GET", "POST"),
        UPGRADE("/media").replace("Upgrade: websocket", "Upgrade: h2c"),
        UPGRADE("/media").replace("Version: 13", "Version: 12"),
        UPGRADE("/media").replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
        UPGRADE("/media").replace(/Sec-WebSocket-Key.*\r\n/, "")
      ]
      for (const request of bad) {
        assert.strictEqual((yield* refusal(unasked, request))[0], "HTTP/1.1 400 Bad Request", request)
      }
    })
  )

  it.scopedLive("is not waited for by a client that hangs up", () =>
    Effect.gen(function* () {
      const listener = yield* listen({ admitTimeout: 600_000 })
      const interrupted = yield* Deferred.make<void>()
      yield* listener.upgrade(
        refusing(() => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)))
      )
      const socket = yield* connect(listener.port)
      socket.end(UPGRADE("/media"))
      yield* Deferred.await(interrupted)
      yield* settled(listener)
    })
  )

  it.scopedLive("is decided on the path without its query", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        (yield* refusal((request) => HttpListener.refuse(403, request.url ?? ""), UPGRADE("/media?a=/b")))[1],
        "/media?a=/b"
      )
    })
  )

  it.scopedLive("ends although the client keeps its side open", () =>
    Effect.gen(function* () {
      const listener = yield* listen()
      const socket = yield* connect(listener.port)
      socket.pause()
      socket.write(UPGRADE("/media"))
      yield* Effect.repeat(listener.connections, { until: (open) => open === 1, schedule: Schedule.spaced("1 millis") })
      yield* settled(listener)
    })
  )
})

describe("a TCP reset", () => {
  const ROUNDS = 100

  /** Hundreds of connections, on a machine that may be busy. */
  const PATIENCE = 30_000

  const reset = (port: number, request: string, answered: boolean) =>
    Effect.scoped(
      Effect.flatMap(connect(port), (socket) =>
        Effect.promise(async () => {
          await new Promise<void>((resolve) => socket.write(request, () => resolve()))
          if (answered) await once(socket, "data")
          socket.resetAndDestroy()
          if (!socket.closed) await once(socket, "close")
        })
      )
    )

  const survives = (route: HttpListener.UpgradeRoute, request: string, answered: boolean) =>
    Effect.gen(function* () {
      const uncaught: Array<unknown> = []
      const onUncaught = (error: unknown) => uncaught.push(error)
      process.on("uncaughtExceptionMonitor", onUncaught)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("uncaughtExceptionMonitor", onUncaught)))
      const listener = yield* listen({ admitTimeout: 600_000 })
      yield* listener.upgrade(route)
      yield* listener.upgrade(echo)
      yield* Effect.replicateEffect(reset(listener.port, request, answered), ROUNDS, { concurrency: 10, discard: true })
      yield* settled(listener)
      assert.deepStrictEqual(uncaught, [])
      const ws = yield* client(listener.port, "/echo")
      ws.send("alive")
      yield* Effect.promise(() => once(ws, "message"))
    })

  it.scopedLive(
    "while admit waits interrupts it, and harms nobody",
    () =>
      Effect.gen(function* () {
        let begun = 0
        let interrupted = 0
        const waiting: HttpListener.UpgradeRoute = {
          matches: (path) => path === "/wait",
          admit: () =>
            Effect.suspend(() => {
              begun++
              return Effect.never
            }).pipe(Effect.onInterrupt(() => Effect.sync(() => interrupted++))),
          accept: () => assert.fail("accepted")
        }
        yield* survives(waiting, UPGRADE("/wait"), false)
        assert.isAbove(begun, 0)
        assert.strictEqual(interrupted, begun)
      }),
    PATIENCE
  )

  it.scopedLive(
    "during a quick admit harms nobody",
    () =>
      survives(
        { ...echo, admit: () => Effect.as(Effect.sleep("1 millis"), HttpListener.accept) },
        UPGRADE("/echo"),
        false
      ),
    PATIENCE
  )

  it.scopedLive(
    "before and after a refusal harms nobody",
    () =>
      Effect.gen(function* () {
        const refused = {
          ...echo,
          matches: (path: string) => path === "/no",
          admit: () => HttpListener.refuse(403, "no")
        }
        yield* survives(refused, UPGRADE("/no"), false)
        yield* survives(refused, UPGRADE("/no"), true)
        yield* survives(refused, UPGRADE("/unknown"), true)
      }),
    PATIENCE
  )

  it.scopedLive(
    "after the 101 is the end of that socket, 1006",
    () =>
      Effect.gen(function* () {
        const codes: Array<number> = []
        const route = { ...echo, accept: () => ({ onText: () => {}, onClose: (code: number) => codes.push(code) }) }
        yield* survives({ ...route, matches: (path) => path === "/once" }, UPGRADE("/once"), true)
        assert.deepStrictEqual(new Set(codes), new Set([1006]))
        assert.lengthOf(codes, ROUNDS)
      }),
    PATIENCE
  )
})

describe("an accepted upgrade", () => {
  it.scopedLive("misses no message that came with the request", () =>
    Effect.gen(function* () {
      const listener = yield* listen()
      const received = yield* Deferred.make<string>()
      yield* listener.upgrade({
        matches: () => true,
        admit: () => Effect.as(Effect.sleep("5 millis"), HttpListener.accept),
        accept: () => ({
          onText: (text) => Deferred.unsafeDone(received, Exit.succeed(text)),
          onClose: () => {}
        })
      })
      const socket = yield* connect(listener.port)
      const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])
      socket.write(Buffer.concat([Buffer.from(UPGRADE("/")), frame]))
      assert.strictEqual(yield* Deferred.await(received), "hi")
    })
  )

  it.scopedLive("closes 1009 over the payload limit, and the others go on", () =>
    Effect.gen(function* () {
      const ends: Array<number> = []
      const listener = yield* listen()
      yield* listener.upgrade({
        ...echo,
        accept: (wire) => ({ onText: (text) => wire.send(text), onClose: (code) => ends.push(code) })
      })
      const other = yield* client(listener.port, "/echo")
      const ws = yield* client(listener.port, "/echo")
      ws.send("x".repeat(64 * 1024))
      yield* Effect.promise(() => once(ws, "message"))
      ws.send("x".repeat(64 * 1024 + 1))
      assert.strictEqual((yield* closed(ws))[0], 1009)
      other.send("still here")
      yield* Effect.promise(() => once(other, "message"))
      assert.deepStrictEqual(ends, [1009])
    })
  )

  it.scopedLive("whose accept throws is closed 1011, and told with the id of its upgrade", () => {
    const told: Array<string> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make((entry) => told.push(Logger.logfmtLogger.log(entry)))
    )
    return Effect.gen(function* () {
      const listener = yield* listen()
      yield* listener.upgrade({
        ...echo,
        accept: () => {
          throw new Error("broken")
        }
      })
      const ws = yield* client(listener.port, "/echo")
      assert.deepStrictEqual(yield* closed(ws), [1011, "internal error"])
      yield* settled(listener)
      assert.lengthOf(told, 1)
      assert.match(told.join(), /a WebSocket handler failed.* requestId=[0-9a-f-]{36}$/s)
    }).pipe(Effect.provide(logger))
  })

  it.scopedLive("negotiates no compression", () =>
    Effect.gen(function* () {
      const listener = yield* listen()
      yield* listener.upgrade(echo)
      const ws = yield* client(listener.port, "/echo")
      assert.strictEqual(ws.extensions, "")
    })
  )
})

describe("a route", () => {
  it.scopedLive("lives as long as its scope", () =>
    Effect.gen(function* () {
      const listener = yield* listen()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* listener.upgrade(echo)
          yield* client(listener.port, "/echo")
        })
      )
      assert.match(yield* exchange(listener.port, UPGRADE("/echo")), /^HTTP\/1\.1 404 /)
    })
  )
})

describe("release", () => {
  const listening = (grace: number) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const listener = yield* Scope.extend(listen({ grace }), scope)
      const ends: Array<number> = []
      yield* Scope.extend(
        listener.upgrade({
          ...echo,
          accept: () => ({ onText: () => {}, onClose: (code) => ends.push(code) })
        }),
        scope
      )
      return { listener, ends, release: Scope.close(scope, Exit.void) }
    })

  it.scopedLive("says 1001, and waits no longer than the polite need", () =>
    Effect.gen(function* () {
      const { ends, listener, release } = yield* listening(60_000)
      const ws = yield* client(listener.port, "/echo")
      const [[code]] = yield* Effect.all([closed(ws), release], { concurrency: 2 })
      assert.strictEqual(code, 1001)
      assert.deepStrictEqual(ends, [1001])
      assert.strictEqual(yield* listener.connections, 0)
    })
  )

  it.scopedLive("ends who does not answer, whatever it is doing", () =>
    Effect.gen(function* () {
      const { ends, listener, release } = yield* listening(50)
      const mute = yield* connect(listener.port)
      mute.write(UPGRADE("/echo"))
      yield* Effect.promise(() => once(mute, "data"))
      yield* connect(listener.port)
      const half = yield* connect(listener.port)
      half.write("POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
      yield* Effect.repeat(listener.connections, { until: (open) => open === 3, schedule: Schedule.spaced("1 millis") })
      const [elapsed] = yield* Effect.timed(release)
      assert.strictEqual(yield* listener.connections, 0)
      assert.deepStrictEqual(ends, [1006])
      assert.isBelow(Duration.toMillis(elapsed), 2_000)
    })
  )

  it.scopedLive("answers an upgrade that is still being decided", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const listener = yield* Scope.extend(listen(), scope)
      const begun = yield* Deferred.make<void>()
      yield* listener.upgrade({
        ...echo,
        admit: () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      })
      const [answer] = yield* Effect.all(
        [
          exchange(listener.port, UPGRADE("/echo")),
          Effect.andThen(Deferred.await(begun), Scope.close(scope, Exit.void))
        ],
        { concurrency: 2 }
      )
      assert.match(answer, /^HTTP\/1\.1 503 /)
    })
  )
})
