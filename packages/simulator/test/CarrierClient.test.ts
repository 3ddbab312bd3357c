import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { Caller, CarrierClient, CarrierRest, Line, Random, Signature } from "@offhook/simulator"
import { assert, it } from "vitest"
import { type WebSocket, WebSocketServer } from "ws"
import { clear, counted, joined, type Message, mark, media } from "./CarrierCall.ts"

const authToken = "0123456789abcdef0123456789abcdef"
const accountSid = `AC${"1".repeat(32)}`

interface Visit {
  readonly socket: WebSocket
  readonly streamSid: string
  readonly send: (message: object) => void
  /** Messages of the carrier, in order. */
  readonly received: Array<Message>
  /** Once the carrier has sent a message like this. */
  readonly until: (like: (message: Message) => boolean) => Promise<Message>
}

/** A server as a user would have one: a webhook that answers TwiML, and a media socket given to `visit`. */
const serve = async (
  visit: (visit: Visit) => unknown,
  { twiml, refuse }: { twiml?: (streamUrl: string) => string; refuse?: boolean } = {}
) => {
  const signatures: Array<readonly [string, boolean]> = []
  const statuses: Array<string> = []
  const upgrades: Array<IncomingMessage> = []
  const binaries: Array<Buffer> = []
  const http = createServer(async (request, response) => {
    const form = new URLSearchParams(await new Response(request as never).text())
    const params = Object.fromEntries(form)
    if (request.url === "/status") {
      statuses.push(params["StreamEvent"] ?? "")
      response.end()
      return
    }
    const expected = Signature.sign(authToken, `${origin}${request.url}`, params)
    signatures.push(["webhook", request.headers["x-twilio-signature"] === expected])
    response.writeHead(200, { "content-type": "text/xml" })
    const streamUrl = `${origin.replace("http", "ws")}/media`
    response.end(
      twiml?.(streamUrl) ??
        `<Response><Connect><Stream url="${streamUrl}" statusCallback="${origin}/status"/></Connect><Say>Sorry</Say></Response>`
    )
  })
  const sockets = new WebSocketServer({ noServer: true })
  http.on("upgrade", (request, socket, head) => {
    const expected = Signature.sign(authToken, `${origin.replace("http", "ws")}${request.url}`)
    signatures.push(["upgrade", request.headers["x-twilio-signature"] === expected])
    upgrades.push(request)
    if (refuse === true) {
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
      return
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      const received: Array<Message> = []
      const waiting: Array<() => void> = []
      const until: Visit["until"] = (like) =>
        new Promise((resolve) => {
          const look = () => {
            const found = received.find(like)
            if (found !== undefined) resolve(found)
            else waiting.push(look)
          }
          look()
        })
      ws.on("message", (data, isBinary) => {
        if (isBinary) {
          binaries.push(data as Buffer)
          return
        }
        const message = JSON.parse(data.toString()) as Message
        received.push(message)
        if (message.event === "start") {
          visit({
            socket: ws,
            streamSid: message.streamSid ?? "",
            send: (one) => ws.send(JSON.stringify(one)),
            received,
            until
          })
        }
        for (const look of waiting.splice(0)) look()
      })
    })
  })
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  return {
    webhookUrl: `${origin}/incoming-call`,
    signatures,
    statuses,
    upgrades,
    binaries,
    /** Settles only when no connection is left. */
    closed: () => new Promise<void>((resolve) => http.close(() => resolve()))
  }
}

it("holds a call over real sockets: echo, marks, clear, hang-up, nothing left", async () => {
  const speech = counted(2400, 5)
  let visited: Visit | undefined
  const server = await serve((visit) => {
    visited = visit
    visit.send(mark(visit.streamSid, "lead"))
    visit.send(media(visit.streamSid, speech))
    visit.send(mark(visit.streamSid, "end"))
    void visit
      .until((one) => one.mark?.name === "end")
      .then(() => {
        visit.send(media(visit.streamSid, counted(80_000, 7)))
        visit.send(mark(visit.streamSid, "never"))
        return visit.until((one) => one.dtmf !== undefined)
      })
      .then(() => visit.send(clear(visit.streamSid)))
  })
  const clip = counted(1000, 9)
  const result = await CarrierClient.placeCall({
    webhookUrl: server.webhookUrl,
    accountSid,
    authToken,
    script: [
      Caller.say("clip", clip, Caller.after(200)),
      Caller.press("7", Caller.agentSpeaking(150)),
      Caller.hangUp(Caller.after(300))
    ]
  })
  await server.closed()

  assert.strictEqual(result.reason, "caller")
  assert.deepStrictEqual(result.warnings, [])
  assert.deepStrictEqual(server.signatures, [
    ["webhook", true],
    ["upgrade", true]
  ])
  assert.deepStrictEqual(server.statuses, ["stream-started", "stream-stopped"])
  assert.strictEqual(server.upgrades[0]?.headers["user-agent"], "Twilio.TmeWs/1.0")
  assert.isUndefined(server.upgrades[0]?.headers["sec-websocket-extensions"])

  assert.deepStrictEqual(joined(result.ear.heard.filter((one) => one.message === 0).map((one) => one.payload)), speech)
  const rest = [...result.ear.heard, ...result.ear.cleared].filter((one) => one.message === 1)
  assert.deepStrictEqual(joined(rest.map((one) => one.payload)), counted(80_000, 7))
  assert.deepStrictEqual(
    result.ear.echoes.map((one) => [one.name, one.flushed]),
    [
      ["lead", false],
      ["end", false],
      ["never", true]
    ]
  )
  const [lead, end] = result.ear.echoes
  assert.approximately((end?.at ?? 0) - (lead?.at ?? 0), 300, 10)

  const received = visited?.received ?? []
  assert.deepStrictEqual(
    [received[0]?.event, received[1]?.event, received.at(-1)?.event],
    ["connected", "start", "stop"]
  )
  const frames = received.flatMap((one) => (one.media === undefined ? [] : [one.media]))
  const line = joined(frames.map((one) => new Uint8Array(Buffer.from(one.payload, "base64"))))
  assert.deepStrictEqual(
    line.filter((byte) => byte !== 0xff),
    clip
  )
  assert.deepStrictEqual(line, joined(result.sent.map((one) => one.payload)))
  frames.forEach((one, i) => {
    assert.strictEqual(Number(one.timestamp), Number(frames[0]?.timestamp) + 20 * i)
  })
  assert.isAtLeast(frames.length, 20)
})

it("lets the server hang up over REST, and knows no call after that", async () => {
  const rest = await CarrierRest.start({ authToken })
  const update = (callSid: string, body: string, password = authToken) =>
    fetch(`${rest.url}/2010-04-01/Accounts/${accountSid}/Calls/${callSid}.json`, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `Basic ${btoa(`${accountSid}:${password}`)}`,
        connection: "close"
      },
      body
    })
  const statuses: Array<number> = []
  const callSid = `CA${"2".repeat(32)}`
  let visited: Visit | undefined
  const server = await serve(async (visit) => {
    visited = visit
    statuses.push((await update(callSid, "Status=completed", "wrong")).status)
    statuses.push((await update(callSid, "Status=paused")).status)
    statuses.push((await update(callSid, "Status=completed")).status)
  })
  const result = await CarrierClient.placeCall({ webhookUrl: server.webhookUrl, accountSid, callSid, script: [], rest })
  assert.strictEqual(result.reason, "rest")
  assert.strictEqual(visited?.received.at(-1)?.event, "stop")
  const late = await update(callSid, "Status=completed")
  assert.strictEqual(late.status, 404)
  assert.strictEqual(((await late.json()) as { code: number }).code, 20404)
  await server.closed()
  assert.deepStrictEqual(statuses, [401, 400, 200])
  await rest.close()
})

it("redirects a live call by REST TwiML", async () => {
  const rest = await CarrierRest.start()
  const server = await serve(() => {
    const body = new URLSearchParams({ Twiml: "<Response><Hangup/></Response>" })
    const url = `${rest.url}/2010-04-01/Accounts/${accountSid}/Calls/CA1.json`
    void fetch(url, { method: "POST", body, headers: { connection: "close" } })
  })
  const result = await CarrierClient.placeCall({
    webhookUrl: server.webhookUrl,
    accountSid,
    callSid: "CA1",
    script: [],
    rest
  })
  assert.strictEqual(result.reason, "twiml")
  await server.closed()
  await rest.close()
})

const verbs = (result: CarrierClient.CallResult) =>
  result.traces.flatMap(({ trace }) => (trace._tag === "VerbExecuted" ? [trace.verb] : []))

it("executes the tail when the server refuses or loses the socket", async () => {
  const refusing = await serve(() => {}, { refuse: true })
  const refused = await CarrierClient.placeCall({ webhookUrl: refusing.webhookUrl, script: [] })
  assert.deepStrictEqual(
    refused.warnings.map((one) => one.code),
    [31920]
  )
  assert.deepStrictEqual(verbs(refused), ["Connect", "Say"])
  await refusing.closed()

  const losing = await serve((visit) => visit.socket.terminate())
  const lost = await CarrierClient.placeCall({ webhookUrl: losing.webhookUrl, script: [] })
  assert.deepStrictEqual(
    lost.warnings.map((one) => one.code),
    [31921]
  )
  assert.deepStrictEqual(verbs(lost), ["Connect", "Say"])
  await losing.closed()
})

it("ends with an application error when no webhook is there", async () => {
  const server = await serve(() => {})
  await server.closed()
  const result = await CarrierClient.placeCall({ webhookUrl: server.webhookUrl, script: [] })
  assert.strictEqual(result.reason, "application-error")
  assert.strictEqual(result.warnings[0]?.code, 11200)
})

it("carries audio over a network with its delays", async () => {
  const random = Random.make(3)
  const server = await serve((visit) => {
    void visit
      .until((one) => one.media !== undefined)
      .then(() => visit.send(media(visit.streamSid, counted(160))))
      .then(() => visit.until((one) => Number(one.media?.chunk) > 20))
      .then(() => visit.socket.close(1000))
  })
  const result = await CarrierClient.placeCall({
    webhookUrl: server.webhookUrl,
    script: [],
    toServer: Line.make({ delay: 60, jitter: 10, random: random.split("to") }),
    fromServer: Line.make({ delay: 50, jitter: 10, random: random.split("from") })
  })
  const trip = (result.ear.heard[0]?.at ?? 0) - (result.sent[0]?.at ?? 0)
  assert.isTrue(trip >= 110 && trip < 170, `${trip} ms`)
  await server.closed()
})

it("hangs up when aborted, politely, and leaves a peer that does not answer", async () => {
  const abort = new AbortController()
  let visited: Visit | undefined
  const server = await serve((visit) => {
    visited = visit
    abort.abort()
  })
  const result = await CarrierClient.placeCall({ webhookUrl: server.webhookUrl, script: [], signal: abort.signal })
  assert.strictEqual(result.reason, "caller")
  assert.strictEqual(visited?.received.at(-1)?.event, "stop")
  await server.closed()

  const abortMute = new AbortController()
  let socket: WebSocket | undefined
  const mute = await serve((visit) => {
    socket = visit.socket
    visit.socket.pause()
    abortMute.abort()
  })
  const left = await CarrierClient.placeCall({ webhookUrl: mute.webhookUrl, script: [], signal: abortMute.signal })
  assert.strictEqual(left.reason, "caller")
  socket?.terminate()
  await mute.closed()
})

it("places no call that is aborted before", async () => {
  const server = await serve(() => assert.fail("a stream was opened"))
  const result = await CarrierClient.placeCall({
    webhookUrl: server.webhookUrl,
    script: [],
    signal: AbortSignal.abort()
  })
  assert.strictEqual(result.reason, "caller")
  await server.closed()
})

it("misbehaves on real sockets as it does without: a binary frame, a webhook again, a stop in the middle", async () => {
  let stops = 0
  const server = await serve((visit) => {
    visit.socket.on("message", (data, isBinary) => {
      if (!isBinary && data.toString().includes(`"event":"stop"`)) stops++
    })
  })
  const result = await CarrierClient.placeCall({
    webhookUrl: server.webhookUrl,
    authToken,
    script: [Caller.hangUp(Caller.after(400))],
    faults: [
      { _tag: "WebhookRepeated", afterMs: 0 },
      { _tag: "Sends", what: "binary frame", when: { after: 3 } },
      { _tag: "Sends", what: "early stop", when: { atMs: 200 } },
      { _tag: "Sends", what: "unknown echo", when: { atMs: 250 } }
    ]
  })
  await server.closed()
  assert.strictEqual(result.reason, "caller")
  assert.strictEqual(server.binaries.length, 1)
  assert.strictEqual(stops, 2)
  assert.deepStrictEqual(server.signatures.map(([what]) => what).sort(), ["upgrade", "webhook", "webhook"])
})
