/** The HTTP routes, over real sockets. */

import { assert, describe, it } from "@effect/vitest"
import { Brain } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import { make } from "./support/Live.ts"

const brain: Brain.Brain = () => Brain.NOTHING

const ask = (url: string, init?: RequestInit) =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
  })

const CALL = `CA${"7".repeat(32)}`

const form = (fields: Record<string, string>): RequestInit => ({ method: "POST", body: new URLSearchParams(fields) })

describe.concurrent("HTTP", () => {
  it.scopedLive("a repeated webhook gets the same answer and starts nothing; GET and POST are alike", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      const first = yield* ask(live.webhookUrl, form({ CallSid: CALL, From: "+15550100" }))
      assert.strictEqual(first.status, 200)
      assert.match(first.type ?? "", /^text\/xml/)
      assert.include(first.text, `<Stream url="${live.url.replace("http", "ws")}/media-stream/`)
      assert.deepStrictEqual(yield* ask(live.webhookUrl, form({ CallSid: CALL, From: "+15550100" })), first)
      assert.deepStrictEqual(yield* ask(`${live.webhookUrl}?CallSid=${CALL}`), first)
      assert.strictEqual(yield* live.calls.live, 1)
      assert.strictEqual((yield* ask(`${live.url}/`)).text, `{"status":"ok"}`)
    })
  )

  it.scopedLive("what is no call is refused, and is no call", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      for (const [status, init] of [
        [400, form({})],
        [400, form({ CallSid: "../../etc/passwd" })],
        [415, { method: "POST", body: "{}", headers: { "content-type": "application/json" } }],
        [413, form({ CallSid: CALL, Filler: "x".repeat(70_000) })],
        [405, { method: "DELETE" }]
      ] as ReadonlyArray<readonly [number, RequestInit]>) {
        const answer = yield* ask(live.webhookUrl, init)
        assert.strictEqual(answer.status, status)
        assert.notInclude(answer.text, "passwd")
      }
      assert.strictEqual((yield* ask(`${live.url}/nothing`)).status, 404)
      assert.strictEqual(yield* live.calls.live, 0)
      assert.deepStrictEqual(live.model.sessions, [])
    })
  )

  it.scopedLive("while the server stops, callers hear so, and load balancers are told", () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      yield* live.calls.close
      const { status, text } = yield* ask(live.webhookUrl, form({ CallSid: CALL }))
      assert.strictEqual(status, 200)
      assert.match(text, /<Response><Say>.*call again.*<\/Say><Hangup\/><\/Response>$/)
      assert.strictEqual((yield* ask(`${live.url}/ready`)).status, 503)
      assert.strictEqual((yield* ask(`${live.url}/`)).status, 200)
    })
  )
})
