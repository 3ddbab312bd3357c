/**
 * Requests at random to everything that the server serves, with and without tokens: each is answered as docs/API.md says.
 *
 * A run is the same everywhere; FUZZ_SEED makes another one, FUZZ_RUNS a longer one. What is no HTTP at all is fuzzed in
 * packages/adapters/test/Fuzz.test.ts.
 */

import { assert, it } from "@effect/vitest"
import { HttpProblem } from "@offhook/adapters"
import { openApi, Problem } from "@offhook/api"
import { Brain } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { dial } from "./support/HostileClient.ts"
import { KEY, make, OPERATOR, READER } from "./support/Live.ts"

const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_122)
const numRuns = Math.round(40 * Number(process.env["FUZZ_RUNS"] ?? 1))

const brain: Brain.Brain = () => Brain.NOTHING

const CALL = `CA${"5".repeat(32)}`

const PATHS = [...Object.keys(openApi.paths), "/docs", "/openapi.json", "/incoming-call", "/media-stream"]

const usually = <T>(usual: ReadonlyArray<T>, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: other })

/** What a request line may hold. */
const visible = (maxLength: number) =>
  fc.stringOf(
    fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    { maxLength }
  )

const path = fc
  .tuple(
    usually(
      PATHS,
      visible(60).map((text) => `/${text}`)
    ),
    usually([CALL, "CA1"], fc.oneof(visible(40), fc.constantFrom("..", "%2e%2e%2f", "%00", "%", "x".repeat(5_000)))),
    usually(["", "", "/"], fc.oneof(visible(60), fc.constantFrom("?", "?a=1&a=2", "#x", "//", ";a=b", "?%")))
  )
  .map(([path, callSid, end]) => path.replace("{callSid}", callSid) + end)

const RIGHT = [`Bearer ${OPERATOR}`, `Bearer ${READER}`, `Basic ${btoa(`me:${OPERATOR}`)}`]

const authorization = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  { weight: 4, arbitrary: fc.constantFrom<string | null>(...RIGHT) },
  {
    weight: 3,
    arbitrary: fc.oneof(
      fc.constantFrom(
        "Bearer",
        "Bearer ",
        `Bearer ${OPERATOR}x`,
        `Bearer ${OPERATOR.slice(1)}`,
        `Bearer  ${READER.toUpperCase()}`,
        `Bearer ${OPERATOR}, Bearer ${READER}`,
        `Basic ${btoa(OPERATOR)}`,
        `Basic ${btoa(`${OPERATOR}:`)}`,
        "Basic ====",
        `Digest username="${READER}"`,
        OPERATOR,
        `Bearer ${"x".repeat(10_000)}`
      ),
      visible(40),
      visible(40).map((text) => `Bearer ${text}`),
      visible(40).map((text) => `Basic ${btoa(text)}`)
    )
  }
)

const headers = fc.array(
  fc.oneof(
    fc.constantFrom(
      "Origin: https://evil.example",
      "Access-Control-Request-Method: POST",
      "Accept: text/html",
      "Accept: application/xml;q=0.1",
      "Accept-Encoding: gzip, br",
      "If-None-Match: *",
      "Range: bytes=0-1",
      "Content-Type: application/json",
      "Content-Type: application/x-www-form-urlencoded",
      "Content-Type: text/plain; charset=utf-7",
      "X-Request-Id: one",
      "X-HTTP-Method-Override: POST",
      "X-Forwarded-For: 127.0.0.1",
      "Cookie: a=b",
      "Upgrade: websocket",
      "Expect: 100-continue"
    ),
    visible(30).map((text) => `X-Request-Id: ${text}`),
    visible(30).map((text) => `Accept: ${text}`)
  ),
  { maxLength: 4 }
)

const body = usually(["", "", "{}", "[".repeat(1_000), `CallSid=${CALL}`], fc.oneof(fc.json(), fc.fullUnicodeString()))

const request = fc.record({
  method: usually(
    ["GET", "GET", "POST", "HEAD"],
    fc.constantFrom("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY")
  ),
  path,
  authorization,
  headers,
  body,
  isChunked: fc.boolean()
})

type Request = typeof request extends fc.Arbitrary<infer R> ? R : never

const textOf = ({ authorization, body, headers, isChunked, method, path }: Request): string => {
  const bytes = Buffer.byteLength(body)
  const isEmpty = bytes === 0
  return [
    `${method} ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: close",
    ...(authorization === null ? [] : [`Authorization: ${authorization}`]),
    ...headers,
    isChunked && !isEmpty ? "Transfer-Encoding: chunked" : `Content-Length: ${bytes}`,
    "",
    isChunked && !isEmpty ? `${bytes.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body
  ].join("\r\n")
}

const decode = Schema.decodeUnknownSync(Problem.Problem)

/** What nobody sees without a token. */
const GUARDED = /^\/(api\/|metrics|docs|openapi\.json)/

const judge = (request: Request, answer: string): string => {
  const [head = "", ...rest] = answer.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, "").split("\r\n\r\n")
  const text = rest.join("\r\n\r\n")
  const status = /^HTTP\/1\.1 ([2-5]\d\d) /.exec(head)?.[1] ?? ""
  assert.match(status, /^(200|202|4\d\d)$/, head)
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, "im").exec(head)?.[1]?.trim()
  for (const [name, value] of Object.entries(HttpProblem.headers)) {
    if (name !== "content-security-policy" || status !== "200") assert.strictEqual(header(name), value, head)
  }
  assert.notMatch(head, /^(access-control-|set-cookie|server|x-powered-by)/im)
  assert.match(header("x-request-id") ?? "", /^[\w.-]{1,64}$/)
  const isRight = request.authorization !== null && RIGHT.includes(request.authorization)
  if (!isRight && GUARDED.test(request.path)) assert.match(status, /^4/, head)
  if (status.startsWith("4")) {
    assert.strictEqual(header("content-type"), HttpProblem.CONTENT_TYPE, head)
    if (request.method !== "HEAD") {
      const problem = decode(JSON.parse(text))
      assert.deepStrictEqual([problem.status, problem.requestId], [Number(status), header("x-request-id")])
    }
    for (const part of ["Error", "node_modules", "evil.example"]) assert.notInclude(answer, part)
  }
  for (const secret of [OPERATOR, READER, KEY]) assert.notInclude(answer, secret)
  return status
}

it.scopedLive(
  "whatever is asked of the API, the documents and the metrics is answered as it should be, and nothing is left of it",
  () =>
    Effect.gen(function* () {
      const live = yield* make({ brain, guesses: { perAddress: 1_000_000, overall: 1_000_000 } })
      const fibers = yield* live.fibers
      const port = Number(new URL(live.url).port)
      const seen = new Map<string, number>()
      yield* Effect.promise(async () =>
        fc.assert(
          fc.asyncProperty(fc.array(request, { minLength: 25, maxLength: 25 }), async (requests) => {
            await Promise.all(
              requests.map(async (request) => {
                const client = await dial(port)
                client.say(textOf(request))
                const status = judge(request, await client.closed)
                seen.set(status, (seen.get(status) ?? 0) + 1)
              })
            )
          }),
          { seed, numRuns, endOnFailure: true, interruptAfterTimeLimit: 45_000, markInterruptAsFailure: true }
        )
      )
      for (const status of ["200", "400", "401", "403", "404", "405"]) {
        assert.isAbove(seen.get(status) ?? 0, 0, `${status} among ${JSON.stringify([...seen])}`)
      }
      yield* live.calls.endAll("shutdown")
      yield* live.settled
      yield* Effect.zipRight(Effect.sleep("2 millis"), live.fibers).pipe(
        Effect.repeat({ until: (now) => now === fibers }),
        Effect.timeout("5 seconds")
      )
      assert.deepStrictEqual(
        live.logs.filter((line) => /level=(ERROR|FATAL)/.test(line)),
        []
      )
      for (const secret of [OPERATOR, READER, KEY]) assert.notInclude(live.logs.join("\n"), secret)
    }),
  60_000
)
