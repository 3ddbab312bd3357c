import { once } from "node:events"
import * as Http from "node:http"
import type * as Net from "node:net"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { TwilioRest } from "../src/twilio/TwilioRest.ts"

const ACCOUNT = "AC00000000000000000000000000000001"
const SUBACCOUNT = "AC00000000000000000000000000000003"
const CALL = "CA00000000000000000000000000000002"

type Reply = (response: Http.ServerResponse) => void

interface Asked {
  readonly line: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

const json =
  (status: number, body: unknown): Reply =>
  (response) => {
    response.writeHead(status, { "Content-Type": "application/json" })
    response.end(typeof body === "string" ? body : JSON.stringify(body))
  }

const failure = (status: number, code: number) => json(status, { code, message: `no. ${code}`, more_info: "", status })

const COMPLETED = json(200, { sid: CALL, status: "completed" })

const reset: Reply = (response) => response.socket?.resetAndDestroy()

/** A REST API that gives these replies in turn, the last one for ever. */
const api = (...replies: ReadonlyArray<Reply>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const asked: Array<Asked> = []
      const server = Http.createServer(async (request, response) => {
        let body = ""
        for await (const chunk of request) body += chunk
        asked.push({ line: `${request.method} ${request.url}`, headers: request.headers, body })
        const reply = replies[Math.min(asked.length, replies.length) - 1]
        reply?.(response)
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const { port } = server.address() as Net.AddressInfo
      return { asked, server, apiUrl: `http://127.0.0.1:${port}` }
    }),
    ({ server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

const rest = (apiUrl: string, client: Layer.Layer<HttpClient.HttpClient> = NodeHttpClient.layer) =>
  TwilioRest.layer({
    accountSid: ACCOUNT,
    authToken: Redacted.make("t0ken"),
    subaccounts: new Map([[SUBACCOUNT, [Redacted.make("5ub"), Redacted.make("07her")]]]),
    apiUrl
  }).pipe(
    Layer.provide(client),
    Layer.build,
    Effect.map((context) => Context.get(context, TwilioRest))
  )

const hangUp = (...replies: ReadonlyArray<Reply>) =>
  Effect.gen(function* () {
    const { apiUrl, asked } = yield* api(...replies)
    const twilio = yield* rest(apiUrl)
    return [yield* Effect.either(twilio.hangUp(CALL)), asked] as const
  })

describe("hangUp", () => {
  it.scopedLive("of a call of a subaccount is asked of the subaccount, by its own token", () =>
    Effect.gen(function* () {
      const { apiUrl, asked } = yield* api(COMPLETED)
      const twilio = yield* rest(apiUrl)
      for (const accountSid of [SUBACCOUNT, ACCOUNT, "", "AC00000000000000000000000000000009"]) {
        yield* twilio.hangUp(CALL, accountSid)
      }
      const account = (accountSid: string, token: string) => [
        `POST /2010-04-01/Accounts/${accountSid}/Calls/${CALL}.json`,
        `Basic ${btoa(`${accountSid}:${token}`)}`
      ]
      const main = account(ACCOUNT, "t0ken")
      assert.deepStrictEqual(
        asked.map(({ headers, line }) => [line, headers.authorization]),
        [account(SUBACCOUNT, "5ub"), main, main, main]
      )
    })
  )

  it.scopedLive("completes the call", () =>
    Effect.gen(function* () {
      const [result, asked] = yield* hangUp(COMPLETED)
      assert.strictEqual(result._tag, "Right")
      assert.lengthOf(asked, 1)
      assert.strictEqual(asked[0]?.line, `POST /2010-04-01/Accounts/${ACCOUNT}/Calls/${CALL}.json`)
      assert.strictEqual(asked[0]?.body, "Status=completed")
      const { authorization, traceparent, b3, ...headers } = asked[0]?.headers ?? {}
      assert.strictEqual(authorization, `Basic ${Buffer.from(`${ACCOUNT}:t0ken`).toString("base64")}`)
      assert.include(headers["content-type"], "application/x-www-form-urlencoded")
      assert.deepStrictEqual([traceparent, b3], [undefined, undefined])
    })
  )

  it.scopedLive("works over fetch as well", () =>
    Effect.gen(function* () {
      const { apiUrl, asked } = yield* api(COMPLETED)
      const twilio = yield* rest(`${apiUrl}/`, FetchHttpClient.layer)
      yield* twilio.hangUp(CALL)
      assert.strictEqual(asked[0]?.line, `POST /2010-04-01/Accounts/${ACCOUNT}/Calls/${CALL}.json`)
      assert.strictEqual(asked[0]?.body, "Status=completed")
    })
  )

  it.scopedLive("of a call that is over is a success", () =>
    Effect.gen(function* () {
      for (const over of [failure(404, 20404), failure(400, 21220), json(404, "<html>")]) {
        const [result, asked] = yield* hangUp(over)
        assert.strictEqual(result._tag, "Right")
        assert.lengthOf(asked, 1)
      }
    })
  )

  it.scopedLive("fails with Twilio's code and words, and does not try again", () =>
    Effect.gen(function* () {
      for (const [status, code] of [
        [401, 20003],
        [400, 21211],
        [500, 20500]
      ] as const) {
        const [result, asked] = yield* hangUp(failure(status, code))
        assert.strictEqual(result._tag, "Left")
        if (result._tag === "Right") continue
        const { code: got, detail, reason, status: answered } = result.left
        assert.deepStrictEqual([reason, answered, got, detail], ["Refused", status, code, `no. ${code}`])
        assert.notInclude(result.left.message, "t0ken")
        assert.lengthOf(asked, 1)
      }
    })
  )

  it.scopedLive("puts no phone number and no line break into its words", () =>
    Effect.gen(function* () {
      const [result] = yield* hangUp(
        json(400, JSON.stringify({ code: 21211, message: "To +15551230001\n is not valid" }))
      )
      assert.strictEqual(
        result._tag === "Left" ? result.left.message : "",
        "Twilio REST answered 400 (21211): To * is not valid"
      )
    })
  )

  it.scopedLive("leaves no connection behind", () =>
    Effect.gen(function* () {
      const { apiUrl, server } = yield* api(json(200, JSON.stringify({ sid: CALL, padding: "x".repeat(200_000) })))
      const twilio = yield* rest(apiUrl)
      for (let index = 0; index < 10; index++) yield* twilio.hangUp(CALL)
      const open = yield* Effect.async<number>(
        (resume) => void server.getConnections((_, count) => resume(Effect.succeed(count)))
      )
      assert.isAtMost(open, 1)
    })
  )

  it.scopedLive("takes an answer that is not Twilio's for what it is", () =>
    Effect.gen(function* () {
      for (const body of ["", "<html>", "null", "[]", `{"code":"20404","message":7}`, "{"]) {
        const [result] = yield* hangUp(json(503, body))
        assert.strictEqual(result._tag, "Left")
        if (result._tag === "Right") continue
        const { code, detail, reason, status } = result.left
        assert.deepStrictEqual([reason, status, code, detail], ["Refused", 503, undefined, undefined])
      }
    })
  )

  it.scopedLive("tries again after 429 and after a broken connection", () =>
    Effect.gen(function* () {
      const [result, asked] = yield* hangUp(failure(429, 20429), reset, COMPLETED)
      assert.strictEqual(result._tag, "Right")
      assert.lengthOf(asked, 3)
    })
  )

  it.scopedLive("gives up after four attempts", () =>
    Effect.gen(function* () {
      const [result, asked] = yield* hangUp(failure(429, 20429))
      assert.lengthOf(asked, 4)
      assert.strictEqual(result._tag === "Left" && result.left.reason, "RateLimited")
    })
  )

  it.scopedLive("fails as unreachable where nobody listens", () =>
    Effect.gen(function* () {
      const { apiUrl } = yield* Effect.scoped(api(COMPLETED))
      const twilio = yield* rest(apiUrl)
      const error = yield* Effect.flip(twilio.hangUp(CALL))
      assert.strictEqual(error.reason, "Unreachable")
      assert.notInclude(`${error.message}`, "t0ken")
    })
  )

  it.scopedLive("keeps a strange call sid inside its place in the path", () =>
    Effect.gen(function* () {
      const { apiUrl, asked } = yield* api(COMPLETED)
      const twilio = yield* rest(apiUrl)
      yield* twilio.hangUp("../../x?y#z")
      assert.strictEqual(
        asked[0]?.line,
        `POST /2010-04-01/Accounts/${ACCOUNT}/Calls/${encodeURIComponent("../../x?y#z")}.json`
      )
    })
  )

  it.effect("without configuration fails, so that the stream is closed instead", () =>
    Effect.gen(function* () {
      const twilio = yield* TwilioRest
      const error = yield* Effect.flip(twilio.hangUp(CALL))
      assert.strictEqual(error.reason, "NotConfigured")
      assert.include(error.message, "TWILIO_AUTH_TOKEN")
    }).pipe(Effect.provide(TwilioRest.layerNone))
  )
})

describe("a server that does not answer", () => {
  it.scoped("is given ten seconds", () =>
    Effect.gen(function* () {
      const never = HttpClient.make(() => Effect.never)
      const twilio = yield* rest("http://twilio.test", Layer.succeed(HttpClient.HttpClient, never))
      const fiber = yield* Effect.fork(Effect.flip(twilio.hangUp(CALL)))
      yield* TestClock.adjust("9999 millis")
      assert.isNull(yield* fiber.poll.pipe(Effect.map(Option.getOrNull)))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "Timeout")
    })
  )
})
