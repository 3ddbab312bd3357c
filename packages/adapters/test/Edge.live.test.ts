/**
 * Who may come in, on real sockets: whatever is wrong gets the right status or close code, starts nothing, leaks nothing,
 * and is told by exactly one log line and one count.
 */

import { on, once } from "node:events"
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { WebSocket } from "ws"
import * as Refusal from "../src/Refusal.ts"
import type { Accounts } from "../src/twilio/Accounts.ts"
import * as Callers from "../src/twilio/Callers.ts"
import * as CarrierSocket from "../src/twilio/CarrierSocket.ts"
import * as Signature from "../src/twilio/Signature.ts"
import * as StreamToken from "../src/twilio/StreamToken.ts"
import * as Webhook from "../src/twilio/Webhook.ts"
import * as Peers from "./support/Peers.ts"
import * as Server from "./support/Server.ts"

const TOKEN = Redacted.make("5ecre75ecre75ecre75ecre75ecre7aa")
const SECONDARY = Redacted.make("07her5ecre707her5ecre707her5ecre")
const SUB_TOKEN = Redacted.make("5ub5ecre75ub5ecre75ub5ecre75ub5e")
const STRANGE = Redacted.make("57rangers5ecre757rangers5ecre757")
const ACCOUNT = "AC0123456789abcdef0123456789abcdef"
const SUBACCOUNT = "AC00000000000000000000000000000002"
const ORIGIN = "https://voice.example.com"
const PATH = "/incoming-call"

const accounts: Accounts = {
  accountSid: ACCOUNT,
  tokens: [TOKEN, SECONDARY],
  subaccounts: new Map([[SUBACCOUNT, [SUB_TOKEN]]])
}

interface Stage {
  readonly server: Server.Server
  readonly model: Peers.ModelServer
}

const stage = (options: Partial<Server.Options> = {}) =>
  Effect.gen(function* () {
    const model = yield* Peers.model()
    const server = yield* Server.make({ modelUrl: model.url, publicUrl: ORIGIN, ...accounts, ...options })
    return { server, model } satisfies Stage
  }).pipe(Effect.map((stage): Stage => stage))

/** What the peer saw: an HTTP status and its body, or a close code and its reason. */
interface Seen {
  readonly code: number
  readonly text: string
}

/** Reasons that a test below shows. */
const shown = new Set<Refusal.Reason>()

/** One offence, beside a call that goes on; the offender's words must not come back. */
const refuses = (
  name: string,
  reason: Refusal.Reason,
  offend: (stage: Stage) => Effect.Effect<Seen, unknown, Scope.Scope>,
  options: Partial<Server.Options> = {},
  said: Partial<Seen> = {}
) => {
  shown.add(reason)
  it.scopedLive(`${reason}: ${name}`, () =>
    Effect.gen(function* () {
      const { model, server } = yield* stage(options)
      const live = yield* server.calls.live
      const { code, text } = yield* offend({ server, model })
      const { code: expected, level, sentence } = Refusal.reasons[reason]
      assert.strictEqual(code, said.code ?? expected)
      if (code !== 200) assert.strictEqual(text, said.text ?? sentence)
      yield* Peers.until(() => server.logs.some((line) => line.includes("reason=")))
      const told = server.logs.filter((line) => line.includes("refused") || line.includes("reason="))
      assert.strictEqual(told.length, 1, told.join("\n"))
      assert.include(told[0], `reason=${reason}`)
      assert.include(told[0], level === "Info" ? "level=INFO" : "level=WARN")
      assert.deepStrictEqual(yield* server.refusals, { [reason]: 1 })
      assert.deepStrictEqual([yield* server.calls.live, model.peers.length], [live, live])
      const logs = server.logs.join("\n")
      for (const secret of [TOKEN, SECONDARY, SUB_TOKEN]) assert.notInclude(logs + text, Redacted.value(secret))
      assert.notInclude(logs + text, "5551230001")
    })
  )
}

/** A webhook with its signature over `signed`, sent as `body`. */
const post = (
  { server }: Stage,
  body: string,
  signed: { readonly body?: string; readonly url?: string; readonly token?: Redacted.Redacted | null } = {},
  headers: Readonly<Record<string, string>> = {}
) => {
  const { token = TOKEN, url = ORIGIN + PATH } = signed
  const signature = token === null ? {} : { "x-twilio-signature": sign(token, url, signed.body ?? body) }
  return Server.request(server.port, "POST", PATH, body, {
    "content-type": "application/x-www-form-urlencoded",
    ...signature,
    ...headers
  })
}

const sign = (token: Redacted.Redacted, url: string, body: string): string =>
  Signature.sign(token, url, Webhook.parse(body))

const seen = (asking: Effect.Effect<{ readonly status: number; readonly body: string }>): Effect.Effect<Seen> =>
  Effect.map(asking, ({ body, status }) => ({ code: status, text: detailOf(body) }))

/** A refusal's sentence, plain or as problem details (RFC 9457). */
const detailOf = (body: string): string => (body.startsWith("{") ? JSON.parse(body).detail : body)

const FORM = `AccountSid=${ACCOUNT}&CallSid=CA1&From=%2B15551230001&To=%2B15559870002&FromCity=`

describe("a webhook is refused", () => {
  refuses("no signature", "webhook_signature", (stage) => seen(post(stage, FORM, { token: null })))
  refuses("of a stranger's token", "webhook_signature", (stage) => seen(post(stage, FORM, { token: STRANGE })))
  refuses("of the subaccount's token", "webhook_signature", (stage) => seen(post(stage, FORM, { token: SUB_TOKEN })))
  refuses("of the main account's token, for a subaccount", "webhook_signature", (stage) =>
    seen(post(stage, FORM.replace(ACCOUNT, SUBACCOUNT)))
  )
  refuses("of a value that was altered", "webhook_signature", (stage) =>
    seen(post(stage, FORM.replace("0001", "0003"), { body: FORM }))
  )
  refuses("of a field that was added", "webhook_signature", (stage) => seen(post(stage, `${FORM}&X=`, { body: FORM })))
  refuses("of a field that was taken away", "webhook_signature", (stage) =>
    seen(post(stage, FORM.replace("&FromCity=", ""), { body: FORM }))
  )
  refuses("of http for https", "webhook_signature", (stage) =>
    seen(post(stage, FORM, { url: `http://voice.example.com${PATH}` }))
  )
  refuses("of another path", "webhook_signature", (stage) => seen(post(stage, FORM, { url: `${ORIGIN}/incoming` })))
  refuses("of the host that a proxy claims", "webhook_signature", (stage) =>
    seen(
      post(
        stage,
        FORM,
        { url: `https://evil.example${PATH}` },
        { host: "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" }
      )
    )
  )
  refuses("an account that is not ours", "webhook_account", (stage) =>
    seen(post(stage, FORM.replace(ACCOUNT, "AC00000000000000000000000000000009")))
  )
  refuses("two CallSids", "webhook_call_sid", (stage) => seen(post(stage, `${FORM}&CallSid=CA2`)))
  refuses("a CallSid that is a path", "webhook_call_sid", (stage) =>
    seen(post(stage, FORM.replace("CA1", encodeURIComponent("CA/../x"))))
  )
  refuses("two AccountSids", "webhook_account_sid", (stage) => seen(post(stage, `${FORM}&AccountSid=AC2`)))
  refuses(
    "an AccountSid that is a path",
    "webhook_account_sid",
    (stage) => seen(post(stage, FORM.replace(ACCOUNT, "AC%2F..%2Fx"))),
    { accountSid: null }
  )
  refuses("another method", "webhook_method", ({ server }) => seen(Server.request(server.port, "PUT", PATH, FORM)))
  refuses(
    "from elsewhere, where the model is simulated",
    "webhook_simulated",
    (stage) => seen(post(stage, FORM, { token: null }, { host: "voice.example.com" })),
    { tokens: [], simulated: true }
  )
  refuses(
    "the host of no origin, where none is configured",
    "webhook_host",
    (stage) => seen(post(stage, FORM, { url: PATH }, { host: "a.example/x" })),
    { publicUrl: null }
  )
  refuses("no form", "webhook_content_type", (stage) =>
    seen(post(stage, FORM, {}, { "content-type": "application/json" }))
  )
  refuses("a body over the limit", "http_body_size", (stage) => seen(post(stage, `${FORM}&X=${"x".repeat(70_000)}`)))
  refuses(
    "from elsewhere, without a token",
    "webhook_remote",
    (stage) => seen(post(stage, FORM, { token: null }, { host: "voice.example.com" })),
    { tokens: [] }
  )
  refuses(
    "through a tunnel on this machine, without a token",
    "webhook_remote",
    (stage) => seen(post(stage, FORM, { token: null }, { "x-forwarded-for": "192.0.2.1" })),
    { tokens: [] }
  )
  refuses(
    "of a page in a browser on this machine, without a token",
    "webhook_remote",
    (stage) => seen(post(stage, FORM, { token: null }, { origin: "https://evil.example" })),
    { tokens: [] }
  )
  refuses(
    "of a picture in a page, without a token",
    "webhook_remote",
    ({ server }) => seen(Server.request(server.port, "GET", `${PATH}?${FORM}`, "", { "sec-fetch-site": "cross-site" })),
    { tokens: [] }
  )
})

describe("HTTP is refused", () => {
  const raw =
    (bytes: string) =>
    ({ server }: Stage) =>
      Effect.promise(async (): Promise<Seen> => {
        const socket = Net.connect(server.port, "127.0.0.1")
        socket.on("error", () => {})
        socket.write(bytes)
        let text = ""
        socket.on("data", (data) => {
          text += String(data)
        })
        await once(socket, "close")
        const [head = "", body = ""] = text.split("\r\n\r\n")
        return {
          code: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]),
          text: detailOf(body)
        }
      })
  refuses("what is not HTTP", "http_malformed", raw("\x16\x03\x01 hello\r\n\r\n"))
  refuses("a request that names no host", "http_malformed", raw("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"))
  refuses("an expectation", "http_expectation", raw("GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n"))
  refuses("to be a proxy", "http_method", raw("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"))
  refuses(
    "a body that does not come to its end",
    "http_timeout",
    raw(`POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nCall`),
    {
      limits: { headersTimeout: 100, requestTimeout: 200, timeoutCheck: 50 }
    }
  )
  refuses("headers that do not come to their end", "http_timeout", raw("GET / HTTP/1.1\r\nHost: x\r\n"), {
    limits: { headersTimeout: 100, requestTimeout: 200, timeoutCheck: 50 }
  })
  refuses("headers over the limit", "http_header_size", raw(`GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`))

  const chunked = (bytes: number, end: string) =>
    raw(
      `POST ${PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n` +
        `Content-Type: application/x-www-form-urlencoded\r\n\r\n` +
        `100\r\n${"x".repeat(0x100)}\r\n`.repeat(bytes / 0x100) +
        end
    )
  refuses("a body in chunks over the limit", "http_body_size", chunked(0x2000, "0\r\n\r\n"), {
    limits: { maxBody: 1_000 }
  })
  refuses("a body in chunks over the limit that does not come to its end", "http_body_size", chunked(0x2000, ""), {
    limits: { maxBody: 1_000, lingeringTimeout: 50 }
  })

  it.scopedLive("a body in chunks under the limit is read as any other", () =>
    Effect.gen(function* () {
      const answer = yield* post(yield* stage(), FORM, {}, { "transfer-encoding": "chunked" })
      assert.strictEqual(answer.status, 200, answer.body)
      assert.include(answer.body, "<Connect><Stream ")
    })
  )

  it.scopedLive("who goes on sending what is refused gets the whole answer, and is cut off in bounds", () =>
    Effect.gen(function* () {
      const { server } = yield* stage({ limits: { lingeringTimeout: 60_000 } })
      const [answer, sent] = yield* Effect.promise(async () => {
        const socket = Net.connect(server.port, "127.0.0.1")
        let answer = ""
        let sent = 0
        socket.on("error", () => {})
        socket.on("data", (data) => {
          answer += String(data)
        })
        const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
        socket.write(`POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n`)
        while (!socket.destroyed) {
          const isRoom = socket.write("x".repeat(10_000))
          sent += 10_000
          await Promise.race([closed, isRoom ? new Promise(setImmediate) : once(socket, "drain").catch(() => {})])
        }
        return [answer, sent] as const
      })
      assert.match(answer, /^HTTP\/1\.1 413 [\s\S]*"detail":"the body is too large"/)
      assert.isAbove(sent, 1024 * 1024)
      assert.isBelow(sent, 16 * 1024 * 1024)
      assert.deepStrictEqual(yield* server.refusals, { http_body_size: 1 })
    })
  )
})

describe("connections", () => {
  it.scopedLive("beyond the limit are dropped, told and counted; one that ends makes room", () =>
    Effect.gen(function* () {
      const { server } = yield* stage({ limits: { maxConnections: 2 } })
      const connect = Effect.acquireRelease(
        Effect.promise(async () => {
          const socket = Net.connect(server.port, "127.0.0.1")
          socket.on("error", () => {})
          socket.resume()
          await once(socket, "connect")
          return socket
        }),
        (socket) => Effect.sync(() => socket.destroy())
      )
      const first = yield* connect
      yield* connect
      yield* Effect.flatMap(connect, (socket) => Effect.promise(() => once(socket, "close")))
      yield* Peers.until(() => server.logs.some((line) => line.includes("reason=http_connections")))
      assert.deepStrictEqual(yield* server.refusals, { http_connections: 1 })
      first.destroy()
      yield* Effect.zipRight(Effect.sleep("2 millis"), server.listener.connections).pipe(
        Effect.repeat({ until: (open) => open === 1 })
      )
      assert.strictEqual((yield* Server.request(server.port, "PUT", PATH)).status, 405)
    })
  )
})

describe("a webhook is accepted", () => {
  const accepted = (name: string, body: string, token = TOKEN, sent = body) =>
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const playing = yield* stage()
        const answer = yield* post(playing, sent, { body, token })
        assert.strictEqual(answer.status, 200, answer.body)
        assert.include(answer.body, "<Connect><Stream ")
        yield* Peers.until(() => playing.model.peers.length === 1)
        assert.deepStrictEqual(yield* playing.server.refusals, {})
      })
    )
  accepted("of the primary token", FORM)
  accepted("of the secondary token", FORM, SECONDARY)
  accepted("of a subaccount's own token", FORM.replace(ACCOUNT, SUBACCOUNT), SUB_TOKEN)
  accepted("with its fields in another order", FORM, TOKEN, FORM.split("&").reverse().join("&"))
  accepted("with repeated fields", `${FORM}&X=2&X=1&X=1`)
  accepted("with repeated fields in another order", `${FORM}&X=2&X=1&X=1`, TOKEN, `X=1&X=2&${FORM}`)
  accepted("with empty fields", `${FORM}&CalledCity=&CalledState=`)
  accepted("in any script", `${FORM}&CallerName=${encodeURIComponent("Zoë 李 🌍")}`)
})

describe("a call is not taken", () => {
  const told = (body: string) => (stage: Stage) => seen(post(stage, body))
  const rates = { ...Callers.defaults, callerPerMinute: 0, callerPerHour: 0, perMinute: 0 }
  refuses("a caller who is denied", "call_denied", told(FORM), {
    callers: Callers.make({ ...rates, deny: ["+1555*"] })
  })
  refuses("as many calls are live as may be", "call_limit", told(FORM), { maxCalls: 0 })
  const judged = (reason: Refusal.Reason): Callers.Callers => ({ judge: () => Effect.succeed(reason) })
  refuses("a caller who calls too often", "call_caller_rate", told(FORM), { callers: judged("call_caller_rate") })
  refuses("more calls than may come in", "call_rate", told(FORM), { callers: judged("call_rate") })
  refuses("the server drains", "call_closed", (stage) => Effect.zipRight(stage.server.calls.close, told(FORM)(stage)))

  it.scopedLive("what the caller hears: a tone, a busy line; a repeated webhook is judged once", () =>
    Effect.gen(function* () {
      const callers = Callers.make({ ...rates, deny: ["anonymous"], callerPerMinute: 1 })
      const playing = yield* stage({ callers, maxCalls: 2 })
      const from = (callSid: string, number: string) =>
        post(playing, `AccountSid=${ACCOUNT}&CallSid=${callSid}&From=${number}`)
      const first = yield* from("CA1", "%2B15550001")
      assert.include(first.body, "<Connect>")
      assert.deepStrictEqual(yield* from("CA1", "%2B15550001"), first)
      assert.include((yield* from("CA2", "%2B15550001")).body, '<Response><Reject reason="busy"/></Response>')
      assert.include((yield* from("CA3", "anonymous")).body, '<Response><Reject reason="rejected"/></Response>')
      assert.include((yield* from("CA4", "%2B15550002")).body, "<Connect>")
      assert.match((yield* from("CA5", "%2B15550003")).body, /<Say>All our lines are busy[^<]*<\/Say><Hangup\/>/)
      assert.strictEqual(yield* playing.server.calls.live, 2)
      assert.deepStrictEqual(yield* playing.server.refusals, { call_caller_rate: 1, call_denied: 1, call_limit: 1 })
    })
  )
})

/** As Twilio opens a stream: signed over the URL of the TwiML. */
const upgradeOf = (path: string, token = TOKEN, scheme = "wss") => ({
  path,
  headers: { "x-twilio-signature": Signature.sign(token, `${scheme}://voice.example.com${path}`) }
})

const refusal = <A, R>(connecting: Effect.Effect<A, never, R>) =>
  connecting.pipe(Effect.sandbox, Effect.flip, Effect.map(Cause.pretty))

/** The path of a token that some other process minted. */
const pathOf = (token: string) => `${CarrierSocket.PATH}/${token}`

const minted = (bound: Partial<StreamToken.Bound> = {}, by = accounts, ago = 0): string =>
  StreamToken.make(by, () => Date.now() - ago).mint({ callSid: "CA1", accountSid: ACCOUNT, ...bound })

describe("an upgrade is refused, before the 101", () => {
  const upgrade =
    (how: () => { readonly path: string; readonly headers: Readonly<Record<string, string>> }) =>
    ({ server }: Stage) =>
      Effect.async<Seen>((resume) => {
        const { headers, path } = how()
        const ws = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers })
        ws.on("open", () => resume(Effect.succeed({ code: 101, text: "" })))
        ws.on("error", () => {})
        ws.on("unexpected-response", (_, response) => {
          let text = ""
          response.on("data", (data) => {
            text += String(data)
          })
          response.on("end", () => {
            resume(Effect.succeed({ code: response.statusCode ?? 0, text: detailOf(text) }))
          })
        })
      })

  const unsigned = () => ({ path: pathOf(minted()), headers: {} })
  refuses("no signature", "upgrade_signature", upgrade(unsigned))
  refuses(
    "of https for wss",
    "upgrade_signature",
    upgrade(() => upgradeOf(pathOf(minted()), TOKEN, "https"))
  )
  refuses(
    "of a stranger's token",
    "upgrade_signature",
    upgrade(() => upgradeOf(pathOf(minted()), STRANGE))
  )
  refuses(
    "of another URL",
    "upgrade_signature",
    upgrade(() => ({ ...upgradeOf(pathOf(minted())), path: pathOf(minted()) }))
  )
  refuses(
    "of the main account, for a subaccount's token",
    "upgrade_signature",
    upgrade(() => upgradeOf(pathOf(minted({ accountSid: SUBACCOUNT }))))
  )
  refuses(
    "no token",
    "upgrade_token_missing",
    upgrade(() => upgradeOf(CarrierSocket.PATH))
  )
  refuses(
    "expired",
    "upgrade_token_expired",
    upgrade(() => upgradeOf(pathOf(minted({}, accounts, 61_000))))
  )
  refuses(
    "made with another key",
    "upgrade_token_forged",
    upgrade(() => upgradeOf(pathOf(minted({}, { ...accounts, tokens: [STRANGE] }))))
  )
  refuses(
    "of another call, by its name alone",
    "upgrade_token_forged",
    upgrade(() => upgradeOf(pathOf(minted().replace("CA1", "CA2"))))
  )
  refuses(
    "truncated",
    "upgrade_token_forged",
    upgrade(() => upgradeOf(pathOf(minted().slice(0, -1))))
  )
  refuses(
    "from elsewhere, without a Twilio token",
    "upgrade_remote",
    upgrade(() => ({ path: CarrierSocket.PATH, headers: { host: "voice.example.com" } })),
    { tokens: [] }
  )
  refuses(
    "of a page in a browser on this machine, without a Twilio token",
    "upgrade_remote",
    upgrade(() => ({ path: CarrierSocket.PATH, headers: { origin: "https://evil.example" } })),
    { tokens: [] }
  )
  refuses(
    "by another method",
    "upgrade_malformed",
    ({ server }) =>
      seen(
        Server.request(server.port, "POST", CarrierSocket.PATH, "", { connection: "upgrade", upgrade: "websocket" })
      ),
    {},
    { text: "a WebSocket upgrade is a GET" }
  )
  refuses(
    "while nobody can say so",
    "upgrade_undecided",
    (stage) =>
      Effect.zipRight(
        stage.server.listener.upgrade({
          matches: (path) => path === "/never",
          admit: () => Effect.never,
          accept: () => assert.fail("never admitted")
        }),
        upgrade(() => ({ path: "/never", headers: {} }))(stage)
      ),
    { limits: { admitTimeout: 50 } }
  )
  refuses("once calls are ended", "upgrade_closed", (stage) =>
    Effect.zipRight(stage.server.calls.endAll("shutdown"), upgrade(() => upgradeOf(pathOf(minted())))(stage))
  )
  refuses(
    "no such path",
    "upgrade_path",
    upgrade(() => upgradeOf("/media-streams"))
  )
})

describe("a stream that is gone before its start", () => {
  const outcomeOf = (text = "") => JSON.parse(text.trim().split("\n").at(-1) ?? "{}").summary?.outcome
  const admitted = Effect.gen(function* () {
    const playing = yield* stage()
    const token = Server.tokenOf((yield* post(playing, FORM)).body)
    return { ...playing, token }
  })

  it.scopedLive("ends the call that waits for it, at once", () =>
    Effect.gen(function* () {
      const { server, token } = yield* admitted
      const carrier = yield* Peers.carrier(server.port, "CA1", upgradeOf(pathOf(token)))
      carrier.connected()
      assert.strictEqual(yield* server.calls.live, 1)
      carrier.ws.terminate()
      yield* Effect.timeout(server.calls.idle, "5 seconds")
      assert.strictEqual(outcomeOf(server.files.get("CA1")), "never connected")
      assert.deepStrictEqual(yield* server.refusals, { stream_gone: 1 })
      const told = server.logs.filter((line) => line.includes("reason=stream_gone"))
      assert.match(told.join("\n"), /^(?=.* callSid=CA1( |$))(?=.* requestId=[\w-]{36}( |$)).*$/)
    })
  )

  it.scopedLive("ends no other: of another token, or of a call that has its stream", () =>
    Effect.gen(function* () {
      const { server, token } = yield* admitted
      const other = yield* Peers.carrier(server.port, "CA1", upgradeOf(pathOf(minted())))
      other.ws.terminate()
      yield* Peers.until(() => server.logs.some((line) => line.includes("reason=stream_gone")))
      const [second, carrier] = yield* Effect.all(
        [token, token].map((token) => Peers.carrier(server.port, "CA1", upgradeOf(pathOf(token))))
      )
      carrier?.start({ token })
      carrier?.media(1)
      yield* Peers.until(() => server.logs.some((line) => line.includes('message="call started"')))
      yield* Effect.zipRight(Effect.sleep("2 millis"), server.calls.get("CA1")).pipe(
        Effect.repeat({ until: (call) => call?.carrier === "open" })
      )
      second?.ws.terminate()
      yield* Peers.until(() => server.logs.filter((line) => line.includes("reason=stream_gone")).length === 2)
      assert.deepInclude(yield* server.calls.get("CA1"), { carrier: "open", phase: "live" })
    })
  )
})

describe("a start is refused", () => {
  const start =
    (token: string, parameter: string | null = token, callSid = "CA1", meanwhile: Effect.Effect<void> = Effect.void) =>
    ({ server }: Stage) =>
      Effect.gen(function* () {
        const carrier = yield* Peers.carrier(server.port, callSid, upgradeOf(pathOf(token)))
        const reason = Effect.promise(() => once(carrier.ws, "close")).pipe(Effect.map(([, text]) => String(text)))
        yield* meanwhile
        carrier.start(parameter === null ? {} : { token: parameter })
        const text = yield* reason
        return { code: yield* carrier.closed, text }
      })

  refuses("with the token of another call", "stream_token_other", (stage) => start(minted({ callSid: "CA2" }))(stage))
  refuses("with another token than its URL's", "stream_token_mismatch", (stage) => start(minted(), minted())(stage))
  refuses("with a token in its URL alone", "stream_token_mismatch", (stage) => start(minted(), null)(stage))

  refuses("with a CallSid that is none", "stream_call_sid", (stage) => start(minted(), undefined, "XX1")(stage))
  refuses("with a token that expired since its upgrade", "stream_token_expired", (stage) => {
    const token = minted({}, accounts, 58_000)
    return start(token, token, "CA1", Effect.sleep(2_000))(stage)
  })
  refuses("where calls are ended since its upgrade", "stream_closed", (stage) =>
    start(minted(), undefined, "CA1", stage.server.calls.endAll("shutdown"))(stage)
  )
  refuses("where as many calls are live as may be", "stream_limit", (stage) => start(minted())(stage), { maxCalls: 0 })

  /** Instead of a start. */
  const says =
    (what: (ws: WebSocket) => void) =>
    ({ server }: Stage) =>
      Effect.gen(function* () {
        const { closed, ws } = yield* Peers.carrier(server.port, "CA1", upgradeOf(pathOf(minted())))
        const reason = Effect.promise(() => once(ws, "close")).pipe(Effect.map(([, text]) => String(text)))
        what(ws)
        const text = yield* reason
        return { code: yield* closed, text }
      })
  /** What ws itself refuses has no sentence. */
  const byWs = (code: number): Seen => ({ code, text: "" })
  refuses(
    "a binary frame",
    "stream_binary",
    says((ws) => ws.send(Buffer.from("{}")))
  )
  refuses(
    "media",
    "stream_before_start",
    says((ws) => ws.send(`{"event":"media"}`))
  )
  refuses(
    "UTF-8 that is none",
    "stream_protocol",
    says((ws) => ws.send(Buffer.of(0xc3, 0x28), { binary: false })),
    {},
    byWs(1007)
  )
  refuses(
    "a message that is too large",
    "stream_message_size",
    says((ws) => ws.send("x".repeat(65 * 1024))),
    {},
    byWs(1009)
  )
  refuses(
    "a message in too many pieces",
    "stream_message_size",
    says((ws) => {
      for (let piece = 0; piece < 100; piece++) ws.send("", { fin: false })
    }),
    {},
    byWs(1008)
  )
  refuses(
    "nothing, and a reset",
    "stream_gone",
    says((ws) => ws.terminate()),
    {},
    byWs(1006)
  )

  it.scopedLive("of a call that has its stream, with a token of its own", () =>
    Effect.gen(function* () {
      const { server } = yield* stage()
      const first = minted()
      const carrier = yield* Peers.carrier(server.port, "CA1", upgradeOf(pathOf(first)))
      carrier.start({ token: first })
      const seen = yield* start(minted())({ server, model: yield* Peers.model() })
      assert.deepStrictEqual(seen, { code: 1008, text: Refusal.reasons.stream_repeated.sentence })
      assert.deepStrictEqual(yield* server.refusals, { stream_repeated: 1 })
      assert.strictEqual(yield* server.calls.live, 1)
    })
  )

  it.scopedLive("a token used twice, by then or at once; the stream that had it goes on", () =>
    Effect.gen(function* () {
      const playing = yield* stage()
      const token = minted()
      const how = upgradeOf(pathOf(token))
      const first = yield* Peers.carrier(playing.server.port, "CA1", how)
      const second = yield* Peers.carrier(playing.server.port, "CA1", how)
      first.start({ token })
      second.start({ token })
      assert.strictEqual(yield* second.closed, 1008)
      const third = yield* refusal(Peers.carrier(playing.server.port, "CA1", how))
      assert.include(third, "Unexpected server response: 403")
      assert.deepStrictEqual(yield* playing.server.refusals, { stream_token_used: 1, upgrade_token_used: 1 })
      first.media(1)
      yield* Peers.until(
        () => playing.model.peers[0]?.received.some(({ type }) => type === "input_audio_buffer.append") === true
      )
      assert.strictEqual(yield* playing.server.calls.live, 1)
      first.ws.close()
      yield* playing.server.calls.idle
      const late = yield* refusal(Peers.carrier(playing.server.port, "CA1", how))
      assert.include(late, "Unexpected server response: 403")
    })
  )
})

describe("several processes behind a balancer", () => {
  it.scopedLive("webhook at one, stream at another: the call begins where its stream is", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* stage(), yield* stage()]
      const { body } = yield* post(one, FORM)
      const token = Server.tokenOf(body)
      const carrier = yield* Peers.carrier(other.server.port, "CA1", upgradeOf(pathOf(token)))
      carrier.start({ token })
      carrier.media(1)
      yield* Peers.until(
        () => other.model.peers[0]?.received.some(({ type }) => type === "input_audio_buffer.append") === true
      )
      assert.strictEqual(yield* other.server.calls.live, 1)
      // The other one would begin no second session for a webhook of the call that comes late.
      assert.include((yield* post(other, FORM)).body, token)
      assert.strictEqual(other.model.peers.length, 1)
      carrier.ws.close()
      yield* other.server.calls.idle
    })
  )

  it.scopedLive(
    "a process that drains takes the stream of a call that another one admitted, until calls are ended",
    () =>
      Effect.gen(function* () {
        const { model, server } = yield* stage()
        yield* server.calls.close
        const token = minted()
        const carrier = yield* Peers.carrier(server.port, "CA1", upgradeOf(pathOf(token)))
        const late = minted({ callSid: "CA2" })
        const another = yield* Peers.carrier(server.port, "CA2", upgradeOf(pathOf(late)))
        carrier.start({ token })
        carrier.media(1)
        yield* Peers.until(
          () => model.peers[0]?.received.some(({ type }) => type === "input_audio_buffer.append") === true
        )
        assert.deepStrictEqual(yield* server.refusals, {})
        yield* server.calls.endAll("shutdown")
        another.start({ token: late })
        assert.strictEqual(yield* another.closed, 1001)
        const refused = yield* refusal(Peers.carrier(server.port, "CA3", upgradeOf(pathOf(minted({ callSid: "CA3" })))))
        assert.include(refused, "Unexpected server response: 503")
        assert.deepStrictEqual(yield* server.refusals, { stream_closed: 1, upgrade_closed: 1 })
        assert.strictEqual(yield* server.calls.live, 0)
      })
  )

  it.scopedLive("a process that is full takes no stream either", () =>
    Effect.gen(function* () {
      const { server } = yield* stage({ maxCalls: 0 })
      const token = minted()
      const carrier = yield* Peers.carrier(server.port, "CA1", upgradeOf(pathOf(token)))
      carrier.start({ token })
      assert.strictEqual(yield* carrier.closed, 1013)
      assert.deepStrictEqual(yield* server.refusals, { stream_limit: 1 })
    })
  )
})

describe("a stream's rate", () => {
  it.scopedLive("too many messages end it", () =>
    Effect.gen(function* () {
      const playing = yield* stage()
      const token = minted()
      const carrier = yield* Peers.carrier(playing.server.port, "CA1", upgradeOf(pathOf(token)))
      carrier.start({ token })
      for (let chunk = 1; chunk < CarrierSocket.RATE.burst - 10; chunk++) carrier.media(chunk)
      yield* Peers.until(
        () =>
          (playing.model.peers[0]?.received.filter(({ type }) => type === "input_audio_buffer.append").length ?? 0) > 0
      )
      assert.deepStrictEqual(yield* playing.server.refusals, {})
      // Nobody asked for these echoes.
      for (let count = 0; count < 3_000; count++) {
        carrier.send({ event: "mark", sequenceNumber: "3", streamSid: carrier.streamSid, mark: { name: "x" } })
      }
      assert.strictEqual(yield* carrier.closed, 1008)
      yield* playing.server.calls.idle
      assert.deepStrictEqual(yield* playing.server.refusals, { stream_rate: 1 })
    })
  )

  it.scopedLive("pings are messages too, and a stranger has no other rate", () =>
    Effect.gen(function* () {
      const { server } = yield* stage()
      const token = minted()
      const carrier = yield* Peers.carrier(server.port, "CA1", upgradeOf(pathOf(token)))
      const answered = yield* Effect.promise(async () => {
        let pongs = 0
        // A batch, then the next: whoever reads no pongs is cut off by ws itself.
        const ping = () => {
          for (let count = 0; count < 50; count++) carrier.ws.ping()
        }
        ping()
        for await (const _ of on(carrier.ws, "pong", { close: ["close"] })) if (++pongs % 50 === 0) ping()
        return pongs
      })
      assert.isAtLeast(answered, CarrierSocket.RATE.burst)
      assert.strictEqual(yield* carrier.closed, 1008)
      assert.deepStrictEqual(yield* server.refusals, { stream_rate: 1 })
    })
  )
})

describe("strangers", () => {
  it.scopedLive("wait in bounded number, and leave room when they go", () =>
    Effect.gen(function* () {
      const { server } = yield* stage({ tokens: [] })
      const waiting = yield* Effect.forEach(
        Array.from({ length: CarrierSocket.MAX_WAITING }),
        () => Peers.carrier(server.port, "CA1"),
        { concurrency: 32 }
      )
      const beyond = yield* refusal(Peers.carrier(server.port, "CA1"))
      assert.include(beyond, "Unexpected server response: 503")
      assert.deepStrictEqual(yield* server.refusals, { upgrade_waiting: 1 })
      waiting[0]?.ws.terminate()
      yield* Peers.until(() => server.logs.some((line) => line.includes("reason=stream_gone")))
      yield* Peers.carrier(server.port, "CA1")
    })
  )
})

it("every reason is shown here, or elsewhere with its line and its count", () => {
  const elsewhere: ReadonlyArray<Refusal.Reason> = [
    // server's Api.live.test.ts
    ...(["http_path", "api_unauthorized", "api_guesses", "api_forbidden"] as const),
    // Above, in tests of their own.
    ...(["http_connections", "upgrade_token_used", "upgrade_waiting"] as const),
    ...(["stream_repeated", "stream_token_used", "stream_rate"] as const),
    // Calls.test.ts: no socket comes so far where the upgrade is checked.
    ...(["stream_not_admitted", "stream_token_forged", "stream_failed"] as const),
    // CarrierSocket.test.ts
    "stream_start_timeout"
  ]
  assert.sameMembers([...shown, ...elsewhere], Object.keys(Refusal.reasons))
})
