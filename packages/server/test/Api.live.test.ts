/** The HTTP API as a client of it sees it: Effect's own client, made from the contract, against the listening server. */

import { createHash } from "node:crypto"
import * as Vm from "node:vm"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { HttpProblem, Refusal } from "@offhook/adapters"
import { Api, openApi, Problem } from "@offhook/api"
import { Agent } from "@offhook/core"
import { Brain, Caller } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { KEY, make, OPERATOR, READER } from "./support/Live.ts"

const brain: Brain.Brain = () => Brain.NOTHING

const CALL = `CA${"5".repeat(32)}`

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
}

/** `asked` gets what is asked, as in the document. */
const clientOf = (baseUrl: string, token: string | null, asked = new Set<string>()) =>
  HttpApiClient.make(Api, {
    baseUrl,
    transformClient: HttpClient.mapRequest((request) => {
      asked.add(`${request.method} ${request.url.replace(CALL, "{callSid}")}`)
      return token === null ? request : HttpClientRequest.bearerToken(request, token)
    })
  }).pipe(Effect.provide(FetchHttpClient.layer))

const ask = (url: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, headers: response.headers, text: await response.text() }
  })

const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } })

const basic = (token: string): RequestInit => ({ headers: { authorization: `Basic ${btoa(`me:${token}`)}` } })

const admitted = (url: string) =>
  ask(url, { method: "POST", body: new URLSearchParams({ CallSid: CALL, From: "+15550100123", To: "+15550199456" }) })

/** A page's script as a browser with our policy would load it: no code from strings, and whom it asks is written down. */
const run = (script: string) => {
  const asked: Array<string> = []
  const anything = (): object =>
    new Proxy(() => {}, {
      get: (_, name) =>
        name === Symbol.toPrimitive ? () => "" : name === Symbol.iterator ? function* () {} : anything(),
      set: () => true,
      apply: anything,
      construct: anything
    })
  const names = ["document", "localStorage", "history", "HTMLElement", "Element", "Node", "Event", "EventTarget"]
  const page: Record<string, unknown> = {
    ...Object.fromEntries(names.map((name) => [name, anything()])),
    ...{ console, setTimeout, clearTimeout, queueMicrotask, performance, btoa, atob },
    ...{ URL, TextEncoder, TextDecoder, AbortController, Headers, Request, Response, FormData, Blob, File: Blob },
    navigator: { userAgent: "", platform: "" },
    location: new URL("http://localhost/docs"),
    addEventListener: () => {},
    fetch: (url: unknown) => asked.push(String(url)),
    XMLHttpRequest: class {
      open(_: string, url: string) {
        asked.push(url)
      }
    }
  }
  for (const name of ["window", "self", "globalThis"]) page[name] = page
  Vm.runInContext(script, Vm.createContext(page, { codeGeneration: { strings: false, wasm: false } }))
  return { asked, page }
}

const decode = Schema.decodeUnknownSync(Problem.Problem)

describe.concurrent("the API", () => {
  it.scopedLive("every endpoint answers a client that is made from the contract", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      const asked = new Set<string>()
      const client = yield* clientOf(live.url, OPERATOR, asked)
      assert.deepStrictEqual(yield* client.health.live(), { status: "ok" })
      assert.deepStrictEqual(yield* client.health.ready(), { status: "ready" })
      assert.deepStrictEqual(yield* client.calls.list(), { calls: [] })

      yield* admitted(live.webhookUrl)
      const call = yield* client.calls.get({ path: { callSid: CALL } })
      assert.deepInclude(call, {
        callSid: CALL,
        from: "+*********23",
        to: "+*********56",
        phase: "waiting",
        carrier: "awaited",
        speaking: { caller: false, agent: false },
        turns: { caller: 0, agent: 0 },
        costUsd: 0,
        ending: null
      })
      assert.isAtMost(Math.abs(Date.parse(call.startedAt) + call.durationMs - Date.now()), 5_000)
      assert.deepStrictEqual(
        (yield* client.calls.list()).calls.map(({ callSid }) => callSid),
        [CALL]
      )

      const { connections, uptimeSeconds, startedAt, version, limits, ...server } = yield* client.server.information()
      assert.deepStrictEqual(server, {
        node: process.versions.node,
        accepting: true,
        calls: 1,
        signatures: "not checked",
        model: Agent.defaults.model
      })
      assert.match(version, /^\d+\.\d+\.\d+$/)
      assert.isAtLeast(connections, 1)
      assert.isAtLeast(uptimeSeconds, 0)
      assert.isAtMost(Math.abs(Date.parse(startedAt) - Date.now()), 60_000)
      assert.deepInclude(limits, { maxCalls: 100, maxBodyBytes: 65_536, messagesPerSecond: 100 })

      const { settings } = yield* client.server.configuration()
      assert.deepStrictEqual(settings, [{ name: "OPENAI_API_KEY", value: "(set)", isDefault: false }])
      assert.match(yield* client.server.metrics(), /^offhook_calls_live 1$/m)

      assert.deepInclude(yield* client.calls.hangUp({ path: { callSid: CALL } }), { callSid: CALL, phase: "ended" })
      yield* live.calls.idle
      assert.deepStrictEqual(yield* client.calls.list(), { calls: [] })
      for (const gone of [client.calls.get, client.calls.hangUp]) {
        const error = yield* Effect.flip(gone({ path: { callSid: CALL } }))
        assert.deepInclude(error, { status: 404, code: "call-not-found", title: "Not Found" })
      }
      yield* live.calls.close
      assert.deepInclude(yield* Effect.flip(client.health.ready()), { status: 503, code: "not-ready" })
      assert.deepStrictEqual(yield* client.health.live(), { status: "ok" })
      const declared = Object.entries(openApi.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
      )
      assert.sameMembers([...asked], declared)
    })
  )

  it.scopedLive("a call that is spoken is seen, and ends when an operator hangs up", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      const client = yield* clientOf(live.url, OPERATOR)
      const phone = yield* Effect.fork(live.place({ callSid: CALL, script: [Caller.hangUp(Caller.at(30_000))] }))
      const call = yield* client.calls.get({ path: { callSid: CALL } }).pipe(
        Effect.filterOrFail(({ carrier, model }) => carrier === "open" && model === "ready"),
        Effect.retry(Schedule.spaced("10 millis"))
      )
      assert.strictEqual(call.phase, "live")
      const ending = yield* client.calls.hangUp({ path: { callSid: CALL } })
      assert.deepInclude(ending, { phase: "closing", ending: "operator" })
      yield* Fiber.join(phone)
      const { summary } = yield* live.recording(CALL)
      assert.strictEqual(summary.outcome, "operator")
    })
  )

  it.scopedLive("who has no token, a wrong one, or one that may only read", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain, guesses: { perAddress: 1_000, overall: 1_000 } })
      yield* admitted(live.webhookUrl)
      const path = { callSid: CALL }
      for (const token of [null, "", "x", `${OPERATOR}x`, OPERATOR.slice(1), KEY]) {
        const { calls, health, server } = yield* clientOf(live.url, token)
        assert.deepStrictEqual(yield* health.live(), { status: "ok" })
        assert.deepStrictEqual(yield* health.ready(), { status: "ready" })
        for (const refused of [
          calls.list(),
          calls.get({ path }),
          calls.hangUp({ path }),
          server.information(),
          server.configuration(),
          server.metrics()
        ]) {
          assert.deepInclude(yield* Effect.flip(refused as Effect.Effect<unknown, unknown>), {
            status: 401,
            code: "unauthorized"
          })
        }
      }
      const reader = yield* clientOf(live.url, READER)
      assert.strictEqual((yield* reader.calls.list()).calls.length, 1)
      assert.deepInclude(yield* Effect.flip(reader.calls.hangUp({ path })), { status: 403, code: "forbidden" })
      assert.strictEqual(yield* live.calls.live, 1)

      // Another scheme with the right token is none, and Basic is for the documents alone.
      for (const header of [OPERATOR, `Token ${OPERATOR}`, `Basic ${btoa(`me:${OPERATOR}`)}`, `Bearer ${OPERATOR} x`]) {
        const { status, headers } = yield* ask(`${live.url}/api/v1/calls`, { headers: { authorization: header } })
        assert.strictEqual(status, 401, header)
        assert.strictEqual(headers.get("www-authenticate"), `Bearer realm="Offhook"`)
      }
      const text = yield* (yield* clientOf(live.url, READER)).server.metrics()
      assert.match(text, /^offhook_refusals_total\{reason="api_unauthorized"\} 40$/m)
      assert.match(text, /^offhook_refusals_total\{reason="api_forbidden"\} 1$/m)
      const lines = live.logs.filter((line) => line.includes("reason=api_unauthorized"))
      assert.lengthOf(lines, Refusal.LINES_PER_MINUTE, "a flood of refusals is none of the log")
      for (const secret of [OPERATOR, READER, "Basic", "Bearer"]) assert.notInclude(live.logs.join("\n"), secret)
    })
  )

  it.scopedLive("who guesses is soon answered no more, not even with a right token", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain, guesses: { perAddress: 5, overall: 5 } })
      const { server } = yield* clientOf(live.url, OPERATOR)
      yield* server.information()
      for (const path of ["/api/v1/calls", "/metrics", "/openapi.json", "/docs", "/nothing", "/api/v1/server"]) {
        assert.strictEqual((yield* ask(live.url + path)).status, path === "/nothing" ? 404 : 401)
        yield* ask(live.url + path, bearer("x".repeat(32)))
      }
      assert.deepInclude(yield* Effect.flip(server.information()), { status: 429, code: "too-many-requests" })
      for (const [path, init] of [
        ["/api/v1/calls", bearer(READER)],
        [`/api/v1/calls/${CALL}/hang-up`, { method: "POST", ...bearer(OPERATOR) }],
        ["/docs", basic(READER)],
        ["/openapi.json", bearer("y".repeat(32))]
      ] as const) {
        const { headers, status, text } = yield* ask(live.url + path, init)
        assert.deepStrictEqual([status, headers.get("retry-after")], [429, "60"])
        assert.deepInclude(decode(JSON.parse(text)), { status: 429, code: "too-many-requests" })
      }
      assert.strictEqual((yield* ask(`${live.url}/docs`)).status, 401)
      assert.strictEqual((yield* ask(live.url)).status, 200)
      const told = (reason: string) => live.logs.filter((line) => line.includes(`reason=${reason}`)).length
      assert.deepStrictEqual([told("api_unauthorized"), told("api_guesses")], [11, 5])
    })
  )

  it.scopedLive("without a token of its own the server answers nobody, in the same words", () =>
    Effect.gen(function* () {
      const open = yield* make({ brain })
      const closed = yield* make({ brain, api: { operator: null, reader: null } })
      const paths = ["/api/v1/calls", `/api/v1/calls/${CALL}`, "/api/v1/server", "/metrics", "/docs", "/openapi.json"]
      for (const path of paths) {
        const answers = yield* Effect.forEach([open, closed], ({ url }) => ask(url + path, bearer("undefined")))
        const [one, other] = answers.map(({ status, text }) => {
          const { requestId: _, ...problem } = decode(JSON.parse(text))
          return { status, problem }
        })
        assert.strictEqual(one?.status, 401, path)
        assert.deepStrictEqual(one, other)
        assert.include(one?.problem.detail, "OFFHOOK_API_TOKEN")
      }
      assert.strictEqual((yield* ask(`${closed.url}/`)).text, `{"status":"ok"}`)
    })
  )
})

describe.concurrent("every answer", () => {
  it.scopedLive("of 400 and above is a problem, with the id of its request", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      const webhook = (body: string, headers: Record<string, string> = {}): RequestInit => ({
        method: "POST",
        body,
        headers: { "content-type": "application/x-www-form-urlencoded", ...headers }
      })
      for (const [path, init, status, code, allow = null] of [
        ["/nothing", {}, 404, "not-found"],
        ["/nothing?token=abc", { method: "POST" }, 404, "not-found"],
        ["//evil.example/", {}, 404, "not-found"],
        ["/%zz", {}, 404, "not-found"],
        ["/api/v1/calls/../../etc", {}, 404, "not-found"],
        ["/", { method: "POST" }, 405, "method-not-allowed", "GET"],
        ["/metrics", { method: "DELETE" }, 405, "method-not-allowed", "GET"],
        ["/api/v1/calls", { method: "OPTIONS" }, 405, "method-not-allowed", "GET"],
        [`/api/v1/calls/${CALL}/hang-up`, {}, 405, "method-not-allowed", "POST"],
        ["/incoming-call", { method: "DELETE" }, 405, "method-not-allowed", "GET, POST"],
        ["/incoming-call", webhook("From=1"), 400, "bad-request"],
        ["/incoming-call", webhook("{}", { "content-type": "application/json" }), 415, "unsupported-media-type"],
        ["/incoming-call", webhook("x".repeat(70_000)), 413, "content-too-large"],
        ["/api/v1/calls", {}, 401, "unauthorized"],
        [`/api/v1/calls/${CALL}/hang-up`, { method: "POST", ...bearer(READER) }, 403, "forbidden"],
        [`/api/v1/calls/${CALL}`, bearer(READER), 404, "call-not-found"],
        [`/api/v1/calls/%2e%2e%2f${"x".repeat(2_000)}`, bearer(READER), 404, null],
        ["/docs", {}, 401, "unauthorized"]
      ] as ReadonlyArray<readonly [string, RequestInit, number, string | null, string?]>) {
        const { headers, text, ...answer } = yield* ask(live.url + path, init)
        const what = `${init.method ?? "GET"} ${path.slice(0, 40)}: ${text}`
        assert.strictEqual(answer.status, status, what)
        assert.strictEqual(headers.get("content-type"), HttpProblem.CONTENT_TYPE, what)
        const problem = decode(JSON.parse(text))
        assert.strictEqual(problem.status, status, what)
        assert.strictEqual(problem.requestId, headers.get("x-request-id"), what)
        assert.strictEqual(headers.get("allow"), allow, what)
        if (code !== null) assert.strictEqual(problem.code, code, what)
        const said = text.replace(problem.requestId ?? "", "")
        for (const part of ["evil", "etc", "abc", "stack", "Error:"]) assert.notInclude(said, part)
      }
      const told: Record<string, number> = {}
      for (const line of live.logs) {
        const reason = /reason=(\w+)/.exec(line)?.[1]
        if (reason !== undefined) told[reason] = (told[reason] ?? 0) + 1
      }
      const { text } = yield* ask(`${live.url}/metrics`, bearer(READER))
      const counts = (name: string, label: string) =>
        Object.fromEntries(
          [...text.matchAll(new RegExp(`^${name}\\{${label}="(\\w+)"\\} ([1-9]\\d*)$`, "gm"))].map(
            ([, value, count]) => [value, Number(count)]
          )
        )
      const expected = {
        http_path: 6,
        http_method: 4,
        http_body_size: 1,
        webhook_method: 1,
        webhook_call_sid: 1,
        webhook_content_type: 1,
        api_unauthorized: 2,
        api_forbidden: 1
      }
      assert.deepStrictEqual([told, counts("offhook_refusals_total", "reason")], [expected, expected])
      // What is too large is refused by the listener; a call that is not there was asked for, and is no refusal.
      assert.deepStrictEqual(counts("offhook_http_requests_total", "status"), {
        400: 1,
        401: 2,
        403: 1,
        404: 7,
        405: 5,
        415: 1
      })
    })
  )

  it.scopedLive("carries the constant headers, no CORS header, and a request id that is the log's", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      const origin = { origin: "https://evil.example" }
      for (const [path, init] of [
        ["/", {}],
        ["/ready", {}],
        ["/nothing", {}],
        ["/metrics", bearer(READER)],
        ["/openapi.json", bearer(READER)],
        ["/incoming-call", { method: "POST", body: new URLSearchParams({ CallSid: CALL }) }],
        ["/incoming-call", { method: "POST", body: new URLSearchParams({ Filler: "x".repeat(70_000) }) }]
      ] as ReadonlyArray<readonly [string, RequestInit]>) {
        const { headers } = yield* ask(live.url + path, { ...init, headers: { ...init.headers, ...origin } })
        for (const [name, value] of Object.entries(HEADERS)) {
          assert.strictEqual(headers.get(name), value, `${path} ${name}`)
        }
        assert.match(headers.get("x-request-id") ?? "", /^[\da-f-]{36}$/)
        for (const name of headers.keys()) assert.notMatch(name, /^access-control-|^server$|^x-powered-by$/)
      }
      const given = yield* ask(`${live.url}/metrics`, { headers: { "x-request-id": "from-a-proxy.1" } })
      assert.strictEqual(given.headers.get("x-request-id"), "from-a-proxy.1")
      assert.isTrue(
        live.logs.some((line) => line.includes("reason=api_unauthorized") && line.includes("requestId=from-a-proxy.1"))
      )
      for (const harmful of ["a b", "x".repeat(65), `"`, "<script>"]) {
        const { headers } = yield* ask(live.url, { headers: { "x-request-id": harmful } })
        assert.match(headers.get("x-request-id") ?? "", /^[\da-f-]{36}$/)
      }
    })
  )
})

describe.concurrent("the documents", () => {
  it.scopedLive("open with either token, as a bearer's or as a browser's password", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      for (const path of ["/docs", "/openapi.json"]) {
        for (const init of [bearer(READER), bearer(OPERATOR), basic(READER), basic(OPERATOR)]) {
          assert.strictEqual((yield* ask(live.url + path, init)).status, 200)
        }
        for (const init of [{}, bearer("x"), basic("x"), basic("")]) {
          const { headers, status } = yield* ask(live.url + path, init)
          assert.strictEqual(status, 401)
          assert.match(headers.get("www-authenticate") ?? "", /^Basic realm="Offhook"/)
        }
      }
    })
  )

  it.scopedLive("the page brings all it needs: its policy allows nothing else", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      const { headers, text } = yield* ask(`${live.url}/docs`, bearer(READER))
      assert.match(headers.get("content-type") ?? "", /^text\/html/)
      const policy = headers.get("content-security-policy") ?? ""
      assert.match(policy, /^default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'unsafe-inline'; /)
      assert.notMatch(policy, /https?:|wss?:|\*|unsafe-eval|script-src[^;]*unsafe/)
      const page = text.replace(/<script[^>]*>[\s\S]*?<\/script>/g, "").replace(/<style>[\s\S]*?<\/style>/g, "")
      assert.notMatch(page, /\b(?:src|href|srcset|action)\s*=/i)
      const [style = ""] = /<style>[\s\S]*?<\/style>/.exec(text) ?? []
      assert.isAbove(style.length, 100_000)
      for (const [, address = ""] of style.matchAll(/url\(["']?([^"')]*)/g)) assert.match(address, /^(data:|#)/)
      assert.notInclude(style, "@import")
      assert.notMatch(text, /<script[^>]+src/i)

      const [, script = ""] = /<script>([\s\S]*?)<\/script>/.exec(text) ?? []
      assert.include(policy, createHash("sha256").update(script).digest("base64"))
      assert.notInclude(script, "\r", "a browser hashes line feeds")
      const { asked, page: loaded } = run(script)
      assert.strictEqual(typeof loaded["SwaggerUIBundle"], "function")
      assert.deepStrictEqual(asked, [])
    })
  )
})
