import { createHash } from "node:crypto"
import { once } from "node:events"
import * as Http from "node:http"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { type WebSocket, WebSocketServer } from "ws"
import * as WebSocketClient from "../src/net/WebSocketClient.ts"
import * as Wire from "../src/net/Wire.ts"

const listening = <S extends Net.Server>(make: () => S) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = make()
      const sockets = new Set<Net.Socket>()
      server.on("connection", (socket: Net.Socket) => {
        socket.on("error", () => {})
        sockets.add(socket)
        socket.once("close", () => sockets.delete(socket))
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const { port } = server.address() as Net.AddressInfo
      return { server, sockets, port, url: `ws://127.0.0.1:${port}/v1/realtime?secret=1` }
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )

/** A WebSocket server that gives each peer to `onPeer`. */
const webSockets = (onPeer: (ws: WebSocket, request: Http.IncomingMessage) => void) =>
  listening(() => {
    const server = Http.createServer()
    const upgrades = new WebSocketServer({ noServer: true })
    server.on("upgrade", (request, socket, head) => upgrades.handleUpgrade(request, socket, head, onPeer))
    return server
  })

/** What a wire said, in order. */
const log = () => {
  const lines: Array<string> = []
  const ended = Deferred.unsafeMake<void>(FiberId.none)
  const handlers: Wire.Handlers = {
    onText: (text, binary) => lines.push(binary ? "binary" : text),
    onClose: (code, reason) => {
      lines.push(`close ${code} ${reason}`)
      Deferred.unsafeDone(ended, Exit.void)
    }
  }
  return { lines, handlers, ended: Deferred.await(ended) }
}

const ignored: Wire.Handlers = { onText: () => {}, onClose: () => {} }

const quiet = Effect.provide(Logger.remove(Logger.defaultLogger))

const until = (done: () => boolean) =>
  Effect.sync(done).pipe(
    Effect.repeat({ until: (done) => done, schedule: Schedule.spaced("2 millis") }),
    Effect.timeout("4 seconds")
  )

const accepting = (request: string): string => {
  const key = /Sec-WebSocket-Key: (.*)\r\n/i.exec(request)?.[1] ?? ""
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
}

/** A server that answers the first request in one segment, and says nothing after. */
const raw = (answer: (request: string) => string | Buffer) =>
  listening(() =>
    Net.createServer((socket) => {
      socket.once("data", (request) => socket.write(answer(request.toString("latin1"))))
    })
  )

const frame = (text: string): Buffer => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)])

describe("connect", () => {
  it.scopedLive("sends the headers, talks both ways, hands over the close", () =>
    Effect.gen(function* () {
      const headers: Array<string | undefined> = []
      const { url } = yield* webSockets((ws, request) => {
        headers.push(request.headers.authorization, request.url, request.headers["sec-websocket-extensions"])
        ws.on("message", (data, binary) => {
          ws.send(data, { binary })
          if (String(data) === "bye") ws.close(4000, "enough")
        })
      })
      const { ended, handlers, lines } = log()
      const wire = yield* WebSocketClient.connect(
        { url, headers: { Authorization: Redacted.make("Bearer key"), "OpenAI-Project": "p" } },
        () => handlers
      )
      assert.isTrue(wire.send("hällo"))
      assert.isTrue(wire.send(Buffer.from("bytes are text")))
      assert.isTrue(wire.send("bye"))
      yield* ended
      assert.deepStrictEqual(headers, ["Bearer key", "/v1/realtime?secret=1", undefined])
      assert.deepStrictEqual(lines, ["hällo", "bytes are text", "bye", "close 4000 enough"])
      assert.isFalse(wire.send("too late"))
      wire.close(1000, "")
      wire.terminate()
      assert.lengthOf(lines, 4)
    })
  )

  it.scopedLive("misses no message that came in the segment of the 101", () =>
    Effect.gen(function* () {
      const { url } = yield* raw((request) =>
        Buffer.concat([Buffer.from(accepting(request)), frame("one"), frame("two"), Buffer.from([0x88, 0])])
      )
      const { ended, handlers, lines } = log()
      yield* WebSocketClient.connect({ url }, () => handlers)
      yield* ended
      assert.deepStrictEqual(lines, ["one", "two", "close 1005 "])
    })
  )

  it.scopedLive("gives the wire to the handlers before the first message", () =>
    Effect.gen(function* () {
      const answers: Array<string> = []
      const { url } = yield* webSockets((ws) => {
        ws.on("message", (data) => {
          answers.push(String(data))
          ws.close()
        })
        ws.send("first")
      })
      const { ended, handlers } = log()
      yield* WebSocketClient.connect({ url }, (wire) => ({ ...handlers, onText: (text) => wire.send(`re: ${text}`) }))
      yield* ended
      assert.deepStrictEqual(answers, ["re: first"])
    })
  )

  it.scopedLive("fails as refused where nobody listens, and where the connection breaks", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(listening(() => Net.createServer()))
      const nobody = yield* Effect.flip(WebSocketClient.connect({ url: `ws://127.0.0.1:${port}` }, () => ignored))
      assert.strictEqual(nobody.reason, "refused")

      const { url } = yield* listening(() => Net.createServer((socket) => socket.once("data", () => socket.destroy())))
      const broken = yield* Effect.flip(WebSocketClient.connect({ url }, () => ignored))
      assert.strictEqual(broken.reason, "refused")
      assert.notInclude(broken.message, "secret")
    })
  )

  it.scopedLive("fails with the status and the beginning of the body", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* listening(() =>
        Http.createServer().on("upgrade", (_request, socket) => {
          socket.end(`HTTP/1.1 401 Unauthorized\r\nContent-Length: 5000\r\n\r\n${"é".repeat(2500)}`)
        })
      )
      const error = yield* Effect.flip(WebSocketClient.connect({ url }, () => ignored))
      assert.strictEqual(error.reason, "status")
      assert.strictEqual(error.status, 401)
      assert.strictEqual(error.body, "é".repeat(1024))
      assert.include(error.message, "401")
      assert.notInclude(error.message, "secret")
      yield* until(() => sockets.size === 0)
    })
  )

  it.scopedLive(
    "waits for the body of a refusal only so long",
    () =>
      Effect.gen(function* () {
        const { sockets, url } = yield* raw(() => "HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\npart")
        const error = yield* Effect.flip(WebSocketClient.connect({ url }, () => ignored))
        assert.deepStrictEqual([error.reason, error.status, error.body], ["status", 500, "part"])
        yield* until(() => sockets.size === 0)
      }),
    20_000
  )

  it.scopedLive("follows no redirect", () =>
    Effect.gen(function* () {
      const { url } = yield* raw(() => "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
      const error = yield* Effect.flip(WebSocketClient.connect({ url }, () => ignored))
      assert.deepStrictEqual([error.reason, error.status], ["status", 302])
    })
  )

  it.scopedLive("fails as timeout, and leaves no socket, where nobody answers", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* listening(() => Net.createServer((socket) => socket.resume()))
      const error = yield* Effect.flip(WebSocketClient.connect({ url, handshakeTimeout: "50 millis" }, () => ignored))
      assert.strictEqual(error.reason, "timeout")
      yield* until(() => sockets.size === 0)
    })
  )

  it.scopedLive("fails as protocol where the handshake is wrong", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* raw((request) => accepting(request.replace(/Key: ../, "Key: xx")))
      const error = yield* Effect.flip(WebSocketClient.connect({ url }, () => ignored))
      assert.strictEqual(error.reason, "protocol")
      yield* until(() => sockets.size === 0)
    })
  )

  it.scopedLive("fails as invalid, without the secret, where URL or header cannot be used", () =>
    Effect.gen(function* () {
      const badUrl = yield* Effect.flip(WebSocketClient.connect({ url: "nowhere" }, () => ignored))
      assert.strictEqual(badUrl.reason, "invalid")
      const headers = { Authorization: Redacted.make("Bearer s3cret\n") }
      const badHeader = yield* Effect.flip(
        WebSocketClient.connect({ url: "ws://127.0.0.1:1/", headers }, () => ignored)
      )
      assert.strictEqual(badHeader.reason, "invalid")
      assert.notInclude(`${badHeader.message} ${String(badHeader.cause)}`, "s3cret")
    })
  )

  it.scopedLive("interrupted while connecting leaves no socket", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const { sockets, url } = yield* listening(() =>
        Net.createServer((socket) => socket.on("data", () => Deferred.unsafeDone(asked, Exit.void)))
      )
      const waiting = yield* Effect.fork(WebSocketClient.connect({ url }, () => ignored))
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(waiting)
      yield* until(() => sockets.size === 0)
      const starting = yield* Effect.fork(WebSocketClient.connect({ url }, () => ignored))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(starting)
      yield* until(() => sockets.size === 0)
    })
  )
})

describe("the end of the scope", () => {
  it.scopedLive("closes politely", () =>
    Effect.gen(function* () {
      const codes: Array<number> = []
      const { url } = yield* webSockets((ws) => ws.on("close", (code) => codes.push(code)))
      const { handlers, lines } = log()
      const wire = yield* Effect.scoped(WebSocketClient.connect({ url }, () => handlers))
      assert.deepStrictEqual(lines, ["close 1000 "])
      assert.isFalse(wire.send("late"))
      yield* until(() => codes.length === 1)
      assert.deepStrictEqual(codes, [1000])
    })
  )

  it.scopedLive(
    "ends a mute peer after a bounded wait",
    () =>
      Effect.gen(function* () {
        const { url, sockets } = yield* raw(accepting)
        const { handlers, lines } = log()
        const scope = yield* Scope.make()
        yield* Scope.extend(
          WebSocketClient.connect({ url }, () => handlers),
          scope
        )
        const [elapsed] = yield* Effect.timed(Scope.close(scope, Exit.void))
        assert.isBelow(Duration.toMillis(elapsed), 10_000)
        assert.deepStrictEqual(lines, ["close 1006 "])
        yield* until(() => sockets.size === 0)
      }),
    20_000
  )
})

describe("a wire", () => {
  it.scopedLive("says that a message is binary", () =>
    Effect.gen(function* () {
      const { url } = yield* webSockets((ws) => {
        ws.send(Buffer.from("raw"), { binary: true })
        ws.send("text")
        ws.close(1000)
      })
      const { ended, handlers, lines } = log()
      yield* WebSocketClient.connect({ url }, () => handlers)
      yield* ended
      assert.deepStrictEqual(lines, ["binary", "text", "close 1000 "])
    })
  )

  it.scopedLive("hands over bytes to who asks for them", () =>
    Effect.gen(function* () {
      const { url } = yield* webSockets((ws) => {
        ws.send("é")
        ws.send(Buffer.from([1, 2]))
        ws.close(1000)
      })
      const { ended, handlers } = log()
      const got: Array<string> = []
      yield* WebSocketClient.connect({ url }, () => ({
        onBytes: (bytes, binary) => got.push(`${bytes.toString("hex")} ${binary}`),
        onClose: handlers.onClose
      }))
      yield* ended
      assert.deepStrictEqual(got, ["c3a9 false", "0102 true"])
    })
  )

  it.scopedLive("ends with 1009 over the payload limit, with 1007 on text that is not UTF-8", () =>
    Effect.gen(function* () {
      const codes: Array<number> = []
      const cases = [
        (ws: WebSocket) => ws.send("x".repeat(101)),
        (ws: WebSocket) => ws.send(Buffer.from([0xff, 0xff]), { binary: false })
      ]
      for (const misbehave of cases) {
        const { url } = yield* webSockets((ws) => {
          ws.on("close", (code) => codes.push(code))
          misbehave(ws)
        })
        const { ended, handlers, lines } = log()
        yield* WebSocketClient.connect({ url, maxPayload: 100 }, () => handlers)
        yield* ended
        codes.push(Number(/^close (\d+)/.exec(lines[0] ?? "")?.[1]))
      }
      yield* until(() => codes.length === 4)
      assert.deepStrictEqual(codes.sort(), [1007, 1007, 1009, 1009])
    })
  )

  it.scopedLive("survives handlers that throw: it closes 1011 and calls no more", () =>
    Effect.gen(function* () {
      const ends: Array<string> = []
      const { url } = yield* webSockets((ws) => {
        ws.on("close", (code, reason) => ends.push(`${code} ${reason}`))
        ws.send("one")
        ws.send("two")
      })
      let calls = 0
      const { ended, handlers } = log()
      const fail = () => {
        calls++
        throw new Error("broken")
      }
      yield* WebSocketClient.connect({ url }, () => ({ ...handlers, onText: fail }))
      yield* ended
      assert.strictEqual(calls, 1)
      yield* WebSocketClient.connect({ url }, fail)
      yield* WebSocketClient.connect({ url }, (wire) => {
        wire.close(1000, "")
        return { onText: () => {}, onClose: fail }
      })
      yield* until(() => ends.length === 3 && calls === 3)
      assert.deepStrictEqual(ends.sort(), ["1000 ", "1011 internal error", "1011 internal error"])
    }).pipe(quiet)
  )

  it.scopedLive("cuts a reason at a letter, and takes any code", () =>
    Effect.gen(function* () {
      const ends: Array<string> = []
      const { url } = yield* webSockets((ws) => ws.on("close", (code, reason) => ends.push(`${code} ${reason}`)))
      for (const [code, reason] of [
        [4321, "é".repeat(100)],
        [1006, "not for the wire"],
        [0.5, ""]
      ] as const) {
        const wire = yield* WebSocketClient.connect({ url }, () => ignored)
        wire.close(code, reason)
        yield* until(() => ends.length > 0)
        assert.strictEqual(ends.pop(), code === 4321 ? `4321 ${"é".repeat(61)}` : `1011 ${reason}`)
      }
    })
  )

  it.scopedLive(
    "tells how much has not left yet",
    () =>
      Effect.gen(function* () {
        const { url } = yield* webSockets((ws) => ws.pause())
        const wire = yield* WebSocketClient.connect({ url }, () => ignored)
        assert.strictEqual(wire.bufferedAmount(), 0)
        for (let sent = 0; sent < 32 && wire.bufferedAmount() < 1024 * 1024; sent++) wire.send("x".repeat(1024 * 1024))
        assert.isAbove(wire.bufferedAmount(), 1024 * 1024)
        wire.terminate()
      }),
    20_000
  )

  it.scopedLive("ends who does not read, before it costs more than its bound", () =>
    Effect.gen(function* () {
      const { url } = yield* webSockets((ws) => ws.pause())
      const { ended, handlers, lines } = log()
      const wire = yield* WebSocketClient.connect({ url }, () => handlers)
      const message = "x".repeat(256 * 1024)
      let most = 0
      for (let sent = 0; sent < 256 && wire.send(message); sent++) most = Math.max(most, wire.bufferedAmount())
      assert.isFalse(wire.send("later"))
      assert.isAtMost(most, Wire.MAX_BUFFERED + message.length + 16)
      yield* ended
      assert.deepStrictEqual(lines, ["close 1006 the peer does not read"])
    })
  )

  it.scopedLive(
    "tells when its peer has read nothing for half a second, and when it reads again",
    () =>
      Effect.gen(function* () {
        const peers: Array<WebSocket> = []
        const { url } = yield* webSockets((ws) => {
          ws.pause()
          peers.push(ws)
        })
        const told: Array<readonly [what: string, at: number, waiting: number]> = []
        const tell = (what: string) => told.push([what, performance.now(), wire.bufferedAmount()])
        const wire: Wire.Wire = yield* WebSocketClient.connect({ url }, () => ({
          ...ignored,
          onCongested: () => tell("congested"),
          onDrained: () => tell("drained")
        }))
        wire.send("nothing waits")
        const message = "x".repeat(64 * 1024)
        while (wire.bufferedAmount() === 0) wire.send(message)
        const began = performance.now()
        const least = wire.bufferedAmount()
        yield* until(() => told.length === 1)
        const [[what = "", at = 0] = []] = told
        assert.strictEqual(what, "congested")
        assert.isAbove(at - began, Wire.CONGESTED)
        assert.isBelow(at - began, Wire.CONGESTED + 1_000)
        // What is sent meanwhile is late as well, and told of no second time.
        wire.send(message)
        assert.isAbove(wire.bufferedAmount(), least)
        peers[0]?.resume()
        yield* until(() => told.length === 2)
        assert.deepStrictEqual(told[1]?.[0], "drained")
        assert.strictEqual(wire.bufferedAmount(), 0)
        wire.send("nothing waits again")
        assert.lengthOf(told, 2)
      }),
    20_000
  )

  it.scopedLive("pings on silence, and lives while answers come", () =>
    Effect.gen(function* () {
      let pings = 0
      const enough = yield* Deferred.make<void>()
      const { url } = yield* webSockets((ws) =>
        ws.on("ping", () => {
          if (++pings === 3) Deferred.unsafeDone(enough, Exit.void)
        })
      )
      const { handlers, lines } = log()
      yield* WebSocketClient.connect({ url, pingIdle: 20 }, () => handlers)
      yield* Deferred.await(enough)
      assert.deepStrictEqual(lines, [])
    })
  )

  it.scopedLive("ends when a ping gets no answer", () =>
    Effect.gen(function* () {
      const { url, sockets } = yield* raw(accepting)
      const { ended, handlers, lines } = log()
      yield* WebSocketClient.connect({ url, pingIdle: 20 }, () => handlers)
      yield* ended
      assert.deepStrictEqual(lines, ["close 1006 no answer to a ping"])
      yield* until(() => sockets.size === 0)
    })
  )
})
