import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Callers from "../src/twilio/Callers.ts"
import * as IncomingCall from "../src/twilio/IncomingCall.ts"
import * as Signature from "../src/twilio/Signature.ts"
import * as Peers from "./support/Peers.ts"
import * as Server from "./support/Server.ts"

const CALL = "CA0123456789abcdef0123456789abcdef"
const TOKEN = Redacted.make("5ecre75ecre75ecre75ecre75ecre7aa")
const SECONDARY = Redacted.make("07her5ecre707her5ecre707her5ecre")
const PUBLIC_URL = "https://voice.example.com/offhook"

const signedWebhook = (token: Redacted.Redacted, callSid = CALL) => ({
  "x-twilio-signature": Signature.sign(
    token,
    `${PUBLIC_URL}/incoming-call`,
    new Map([
      ["CallSid", [callSid]],
      ["From", ["+15551230001"]],
      ["To", ["+15559870002"]]
    ])
  )
})

/** The upgrade that Twilio makes of a document: its path as our listener sees it, and its signature. */
const upgradeOf = (twiml: string) => {
  const url = /<Stream url="([^"]*)"/.exec(twiml)?.[1] ?? ""
  return {
    path: url.slice(url.indexOf("/media-stream")),
    headers: { "x-twilio-signature": Signature.sign(TOKEN, url) }
  }
}

const refusal = <A, R>(connecting: Effect.Effect<A, never, R>) =>
  connecting.pipe(Effect.sandbox, Effect.flip, Effect.map(Cause.pretty))

describe("the webhook, with Twilio tokens", () => {
  it.scopedLive("only what Twilio signed is admitted, and only then a model session opens", () =>
    Effect.gen(function* () {
      const model = yield* Peers.model()
      const server = yield* Server.make({ modelUrl: model.url, tokens: [TOKEN, SECONDARY], publicUrl: PUBLIC_URL })
      assert.strictEqual((yield* Server.webhook(server.port, CALL)).status, 403)
      const wrong = signedWebhook(Redacted.make("wrong"))
      assert.strictEqual((yield* Server.webhook(server.port, CALL, wrong)).status, 403)
      assert.strictEqual((yield* Server.webhook(server.port, "CA1", signedWebhook(TOKEN))).status, 403)
      assert.strictEqual(yield* server.calls.live, 0)

      const first = yield* Server.webhook(server.port, CALL, signedWebhook(TOKEN))
      assert.strictEqual(first.status, 200)
      assert.include(first.body, '<Stream url="wss://voice.example.com/offhook/media-stream/1.')
      const again = yield* Server.webhook(server.port, CALL, signedWebhook(SECONDARY))
      assert.deepStrictEqual(again, first)
      yield* Peers.until(() => model.peers.length === 1)
      assert.strictEqual(yield* server.calls.live, 1)
    })
  )

  it.scopedLive(
    "an upgrade that Twilio did not sign is refused before the 101; a signed one still needs its token",
    () =>
      Effect.gen(function* () {
        const model = yield* Peers.model()
        const server = yield* Server.make({ modelUrl: model.url, tokens: [TOKEN], publicUrl: PUBLIC_URL })
        assert.include(yield* refusal(Peers.carrier(server.port, CALL)), "Unexpected server response: 403")
        assert.strictEqual(model.peers.length, 0)

        const { body } = yield* Server.webhook(server.port, CALL, signedWebhook(TOKEN))
        const strange = yield* Peers.carrier(server.port, CALL, upgradeOf(body))
        strange.start()
        assert.strictEqual(yield* strange.closed, 1008)
        // Who had the right URL was the carrier: its call is over.
        yield* server.calls.idle

        const again = yield* Server.webhook(server.port, CALL, signedWebhook(TOKEN))
        const carrier = yield* Peers.carrier(server.port, CALL, upgradeOf(again.body))
        carrier.start({ token: Server.tokenOf(again.body) })
        carrier.media(1)
        yield* Peers.until(
          () => model.peers.at(-1)?.received.some(({ type }) => type === "input_audio_buffer.append") === true
        )
        carrier.ws.close()
        yield* server.calls.idle
      })
  )

  it.scopedLive("no secret, no number, no word and no audio in any log line, nor a secret in the recording", () =>
    Effect.gen(function* () {
      const model = yield* Peers.model((peer, event) => {
        if (event.type !== "response.create") return
        const metadata = event.response?.metadata
        const at = { response_id: "r1", item_id: "i1", output_index: 0, content_index: 0 }
        peer.send({ type: "response.created", response: { id: "r1", metadata, conversation_id: "c1" } })
        peer.send({ type: "response.output_audio.delta", ...at, delta: Peers.SPEECH })
        peer.send({ type: "response.output_audio_transcript.delta", ...at, delta: "Confidential words" })
        peer.send({ type: "error", error: { type: "invalid_request_error", message: `Incorrect key ${Server.KEY}` } })
        peer.send({
          type: "response.done",
          response: { id: "r1", metadata, conversation_id: "c1", status: "completed" }
        })
      })
      const server = yield* Server.make({ modelUrl: model.url, tokens: [TOKEN], publicUrl: PUBLIC_URL })
      const { body } = yield* Server.webhook(server.port, CALL, signedWebhook(TOKEN))
      const token = Server.tokenOf(body)
      const carrier = yield* Peers.carrier(server.port, CALL, upgradeOf(body))
      carrier.start({ token, caller: "+15551230001" })
      for (let chunk = 1; chunk < 5; chunk++) carrier.media(chunk)
      carrier.send("{")
      yield* Peers.until(() => carrier.received.some(({ event }) => event === "media"))
      yield* Peers.until(() => server.logs.some((line) => line.includes("model error")))
      carrier.ws.close()
      yield* server.calls.idle
      const secrets = [Redacted.value(TOKEN), Server.KEY, token]
      const logs = server.logs.join("\n")
      assert.include(logs, "call ended")
      for (const hidden of [...secrets, "5551230001", "5559870002", "Confidential", Peers.SPEECH.slice(0, 40)]) {
        assert.notInclude(logs, hidden)
      }
      const recording = server.files.get(CALL) ?? ""
      assert.include(recording, "Confidential words")
      for (const hidden of [...secrets, "5551230001"]) assert.notInclude(recording, hidden)
    })
  )
})

describe("the webhook, without", () => {
  it.scopedLive("GET works, the stream URL is the request's host, spoken lines are escaped", () =>
    Effect.gen(function* () {
      const model = yield* Peers.model()
      const server = yield* Server.make({ modelUrl: model.url })
      const { body, status } = yield* Server.request(server.port, "GET", `/incoming-call?CallSid=${CALL}&From=x`)
      assert.strictEqual(status, 200)
      assert.include(body, `url="ws://127.0.0.1:${server.port}/media-stream/1.${CALL}.`)
      yield* server.calls.close
      const late = yield* Server.webhook(server.port, "CA2")
      assert.match(late.body, /<Response><Say>[^<]+<\/Say><Hangup\/><\/Response>$/)
      assert.include(yield* refusal(Peers.carrier(server.port, CALL)), "Unexpected server response: 503")
    })
  )

  it.scopedLive(
    "closed: new calls are sent elsewhere, and counted against no caller; a repeated webhook is answered",
    () =>
      Effect.gen(function* () {
        const model = yield* Peers.model()
        const callers = Callers.make({ ...Callers.defaults, callerPerMinute: 1 })
        const drainUrl = "https://other.example.com/incoming-call"
        const server = yield* Server.make({ modelUrl: model.url, callers, drainUrl })
        const first = yield* Server.webhook(server.port, CALL)
        yield* server.calls.close
        for (const callSid of ["CA2", "CA2", "CA3"]) {
          const { body } = yield* Server.webhook(server.port, callSid)
          assert.match(
            body,
            /<Response><Pause length="1"\/><Redirect method="POST">https:\/\/other[^<]+<\/Redirect><\/R/
          )
        }
        assert.strictEqual((yield* Server.webhook(server.port, CALL)).body, first.body)
      })
  )

  it("the stream URL", () => {
    const urls: ReadonlyArray<readonly [string | null, string | undefined, string | null]> = [
      ["https://a.example", "b.example", "wss://a.example/media-stream"],
      ["http://localhost:5050", undefined, "ws://localhost:5050/media-stream"],
      ["https://a.example/x/", undefined, "wss://a.example/x/media-stream"],
      [null, "localhost:5050", "ws://localhost:5050/media-stream"],
      [null, "[::1]:5050", "ws://[::1]:5050/media-stream"],
      [null, "127.0.0.1.nip.io", "wss://127.0.0.1.nip.io/media-stream"],
      [null, 'a"><Redirect>', null],
      [null, "a.example/x", null],
      [null, "user@a.example", null],
      [null, "a.example?x", null],
      [null, "a.example, b.example", null],
      [null, "a.example:", null],
      [null, "", null],
      [null, undefined, null]
    ]
    for (const [publicUrl, host, url] of urls) assert.strictEqual(IncomingCall.streamUrlOf(publicUrl, host), url)
  })

  it("masking takes no longer for a long number, which shows no more of itself", () => {
    const before = performance.now()
    assert.strictEqual(IncomingCall.masked("7".repeat(60_000)).length, 40)
    assert.isBelow(performance.now() - before, 100)
  })

  it("a masked number keeps its last two digits", () => {
    assert.deepStrictEqual(
      ["+15551230001", "client:alice", "sip:ann@10.0.0.7", "anonymous", "Zoë\n+1\n", "", "7"].map(IncomingCall.masked),
      ["+*********01", "******:***ce", "***:***@**.*.**7", "*******us", "****+1*", "", "7"]
    )
  })
})
