import { Random, SimCarrier } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import { connect, place } from "./CarrierCall.ts"

const tail = "<Say>We are sorry.</Say><Hangup/>"

describe("SimCarrier: webhook and TwiML", () => {
  it("posts every parameter of an incoming call, the empty ones too", () => {
    const { handle, of } = place()
    handle(0, { _tag: "CallPlaced" })
    const [post] = of("PostWebhook")
    assert.isDefined(post)
    assert.strictEqual(post.url, "https://voice.example.com/incoming-call")
    assert.strictEqual(post.method, "POST")
    assert.match(post.params["CallSid"] ?? "", /^CA[0-9a-f]{32}$/)
    assert.match(post.params["AccountSid"] ?? "", /^AC[0-9a-f]{32}$/)
    assert.strictEqual(post.params["CallStatus"], "ringing")
    assert.strictEqual(post.params["Direction"], "inbound")
    assert.strictEqual(post.params["StirVerstat"], "TN-Validation-Passed-A")
    assert.strictEqual(post.params["FromCity"], "")
    assert.strictEqual(post.params["CalledZip"], "")
  })

  it("executes verbs one after another, each in its time, and hangs up after the last", () => {
    const { handle, answer, advance, of, carrier } = place()
    handle(0, { _tag: "CallPlaced" })
    answer(100, `<Response><Say>Hello</Say><Pause length="2"/><Play>https://x.example/a.mp3</Play></Response>`)
    advance(60_000)
    const verbs = of("Trace").filter((one) => one.trace._tag === "VerbExecuted")
    assert.deepStrictEqual(
      verbs.map((one) => one.at),
      [100, 100 + 5 * 65, 100 + 5 * 65 + 2000]
    )
    assert.deepStrictEqual(of("CallEnded"), [{ _tag: "CallEnded", at: 100 + 5 * 65 + 2000 + 2000, reason: "twiml" }])
    assert.isTrue(carrier.isEnded())
    assert.isUndefined(carrier.nextDeadline())
  })

  it("connects the stream without the query of its URL", () => {
    const { handle, answer, of } = place()
    handle(0, { _tag: "CallPlaced" })
    answer(5, `<Response><Connect><Stream url="ws://127.0.0.1:5050/media?token=1"/></Connect></Response>`)
    assert.deepStrictEqual(of("OpenSocket"), [
      { _tag: "OpenSocket", at: 5, stream: 0, url: "ws://127.0.0.1:5050/media" }
    ])
  })

  it("takes a relative stream URL from the webhook's host", () => {
    const { handle, answer, of } = place()
    handle(0, { _tag: "CallPlaced" })
    answer(5, `<Response><Connect><Stream url="/media"/></Connect></Response>`)
    assert.strictEqual(of("OpenSocket")[0]?.url, "wss://voice.example.com/media")
  })

  it("refuses ws:// away from loopback (31922) and runs what follows", () => {
    const { handle, answer, of, carrier, traces, advance } = place()
    handle(0, { _tag: "CallPlaced" })
    answer(5, `<Response><Connect><Stream url="ws://voice.example.com/media"/></Connect>${tail}</Response>`)
    advance(10_000)
    assert.strictEqual(carrier.warnings[0]?.code, 31922)
    assert.deepStrictEqual(of("OpenSocket"), [])
    assert.include(traces(), "VerbExecuted")
    assert.strictEqual(of("CallEnded")[0]?.reason, "twiml")
  })

  it("runs the tail when the server closes the socket, or refuses it", () => {
    for (const lose of ["closed", "refused", "unreachable"] as const) {
      const call = place()
      call.handle(0, { _tag: "CallPlaced" })
      call.answer(0, connect("", tail))
      if (lose === "closed") {
        call.handle(10, { _tag: "SocketOpened", stream: 0 })
        call.handle(500, { _tag: "SocketClosed", stream: 0, code: 1006, reason: "" })
      } else {
        call.handle(500, { _tag: "SocketRefused", stream: 0, status: lose === "refused" ? 503 : undefined })
      }
      call.advance(60_000)
      const code = { closed: 31921, refused: 31920, unreachable: 31902 }[lose]
      assert.deepStrictEqual(
        call.carrier.warnings.map((one) => one.code),
        [code]
      )
      const verbs = call.of("Trace").flatMap((one) => (one.trace._tag === "VerbExecuted" ? [one.trace.verb] : []))
      assert.deepStrictEqual(verbs, ["Connect", "Say", "Hangup"])
      assert.notInclude(
        call.texts().map((one) => one.event),
        "stop"
      )
      assert.strictEqual(call.of("CallEnded")[0]?.at, 500 + "We are sorry.".length * 65)
    }
  })

  it("gives up a handshake that is not answered (31901), and forgets an answer that comes too late", () => {
    const call = place()
    call.handle(0, { _tag: "CallPlaced" })
    call.answer(0, connect("", tail))
    call.advance(9_999)
    assert.isEmpty(call.carrier.warnings)
    call.advance(10_000)
    assert.deepStrictEqual(
      call.carrier.warnings.map((one) => one.code),
      [31901]
    )
    assert.lengthOf(call.of("CloseSocket"), 1)
    call.handle(10_001, { _tag: "SocketOpened", stream: 0 })
    call.advance(20_000)
    assert.isEmpty(call.texts())
    assert.strictEqual(call.of("CallEnded")[0]?.reason, "twiml")
  })

  it("asks the action of <Connect>, follows redirects, and dials in vain", () => {
    const call = place()
    call.handle(0, { _tag: "CallPlaced" })
    call.answer(0, connect("", tail, ` action="/after"`))
    call.handle(10, { _tag: "SocketOpened", stream: 0 })
    call.handle(500, { _tag: "SocketClosed", stream: 0, code: 1000, reason: "" })
    assert.strictEqual(call.of("PostWebhook")[1]?.url, "https://voice.example.com/after")
    assert.strictEqual(call.of("PostWebhook")[1]?.params["CallStatus"], "in-progress")
    call.answer(600, `<Response><Redirect method="GET">/next</Redirect><Hangup/></Response>`)
    assert.strictEqual(call.of("PostWebhook")[2]?.url, "https://voice.example.com/next")
    assert.strictEqual(call.of("PostWebhook")[2]?.method, "GET")
    call.answer(700, `<Response><Dial timeout="4" action="/dialled"><Number>+15005550007</Number></Dial></Response>`)
    call.advance(4699)
    assert.lengthOf(call.of("PostWebhook"), 3)
    call.advance(4700)
    assert.strictEqual(call.of("PostWebhook")[3]?.params["DialCallStatus"], "no-answer")
    call.answer(4800, "<Response/>")
    assert.strictEqual(call.of("CallEnded")[0]?.reason, "twiml")
  })

  it("ends with an application error on what Twilio refuses", () => {
    const bad: ReadonlyArray<readonly [body: string, contentType: string | undefined, status: number, code: number]> = [
      ["<Response><Hangup/></Response>", "text/xml", 500, 11200],
      ["<Response><Hangup/></Response>", "text/html", 200, 12300],
      ["<Response><Hangup/></Response>", "", 200, 12300],
      ["<Response><Hangup></Response>", "text/xml", 200, 12100],
      ["", "text/xml", 200, 12100],
      ["hello", "text/xml", 200, 12100],
      ["<Reply/>", "text/xml", 200, 12200],
      ["<Response><Sing/></Response>", "text/xml", 200, 12200],
      ["<Response>hello</Response>", "text/xml", 200, 12200],
      [`<Response><Connect><Stream url="wss://a/b" colour="red"/></Connect></Response>`, "text/xml", 200, 12200],
      [connect(`<Parameter name="a" value="${"x".repeat(499)}"/>`), "application/xml; charset=utf-8", 200, 12200]
    ]
    for (const [body, contentType, status, code] of bad) {
      const { handle, answer, of, carrier } = place()
      handle(0, { _tag: "CallPlaced" })
      answer(1, body, contentType, status)
      assert.deepStrictEqual(
        carrier.warnings.map((one) => one.code),
        [code],
        body
      )
      assert.strictEqual(of("CallEnded")[0]?.reason, "application-error")
    }
  })

  it("takes no answer to another request", () => {
    const call = place()
    call.handle(0, { _tag: "CallPlaced" })
    call.answer(1, "<Response><Redirect>/next</Redirect></Response>")
    const answered = { _tag: "WebhookAnswered", request: 0, status: 200, contentType: "text/xml" } as const
    call.handle(2, { ...answered, body: "<Response><Hangup/></Response>" })
    call.handle(3, { _tag: "WebhookFailed", request: 0, message: "reset" })
    assert.isFalse(call.carrier.isEnded())
    call.answer(4, "<Response><Reject/></Response>")
    assert.strictEqual(call.of("CallEnded")[0]?.reason, "rejected")
  })

  it("waits 15 s for a webhook, and not longer", () => {
    const { handle, answer, of, carrier } = place()
    handle(0, { _tag: "CallPlaced" })
    assert.strictEqual(carrier.nextDeadline(), 15_000)
    answer(15_001, "<Response><Hangup/></Response>")
    assert.deepStrictEqual(of("CallEnded"), [{ _tag: "CallEnded", at: 15_000, reason: "application-error" }])
  })

  it("rejects without answering", () => {
    const { handle, answer, of, traces } = place()
    handle(0, { _tag: "CallPlaced" })
    answer(1, `<Response><Reject reason="busy"/></Response>`)
    assert.notInclude(traces(), "Answered")
    assert.strictEqual(of("CallEnded")[0]?.reason, "rejected")
  })
})

it("runs far faster than real time", () => {
  const carrier = SimCarrier.make({
    webhookUrl: "https://voice.example.com/incoming-call",
    random: Random.make(1),
    script: []
  })
  carrier.handle({ _tag: "CallPlaced", at: 0 })
  carrier.handle({
    _tag: "WebhookAnswered",
    at: 0,
    request: 0,
    status: 200,
    contentType: "text/xml",
    body: connect()
  })
  carrier.handle({ _tag: "SocketOpened", at: 0, stream: 0 })
  const before = process.cpuUsage()
  for (let at = 0; at < 600_000; at = carrier.nextDeadline() ?? 600_000) carrier.handle({ _tag: "TimeAdvanced", at })
  const { user, system } = process.cpuUsage(before)
  assert.isAbove(600_000 / ((user + system) / 1000), 1000)
  assert.isAbove(carrier.sent.length, 29_000)
})
