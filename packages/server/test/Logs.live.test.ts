/** What operators see of calls, and what nobody may: everything that leaves the process is searched for it. */

import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { IncomingCall, Tools } from "@offhook/adapters"
import type { Agent } from "@offhook/core"
import { Brain, Caller, Signature } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import { WebSocket } from "ws"
import { accountSid, audio, clip, KEY, make, OPERATOR, READER } from "./support/Live.ts"

const TOKEN = "0123456789abcdef0123456789abcdee"
const COLLECTOR_KEY = "collector-0123456789abcdef"
const FROM = "+15005550142"
const TO = "+4930901820317"
const DIGITS = "4711#"

/** Words of the caller, of the agent, of tools and of an error of the model, none of which is a word of ours. */
const WORDS = ["pelican", "marzipan", "zeppelin", "saxophone", "tangerine", "bumblebee", "avocado"]

const said = (id: Parameters<typeof clip>[0], text: string): Brain.Plan => ({
  parts: [Brain.say({ audio: clip(id).audio, text })]
})

const brain = Brain.scripted([
  said("agent-greeting", "Hello from the pelican restaurant"),
  {
    parts: [
      Brain.call("book", `{"name":"Mr. Marzipan","phone":"${FROM}"}`),
      Brain.call("look_up", '{"what":"tangerine pie"}'),
      Brain.call("vanish", '{"why":"avocado"}')
    ]
  },
  said("agent-short-answer", "A table for Mr. Marzipan, and the zeppelin lands at eight"),
  said("agent-opening-hours", "How many bumblebee, please?"),
  said("agent-goodbye", "Goodbye, pelican")
])

const tool = (name: string): Agent.Tool => ({
  name,
  description: name,
  parameters: { type: "object" },
  timeoutMs: 500
})

describe("what is logged during calls", () => {
  it.scopedLive(
    "has call and outcome on every line, and no number, token, secret, audio or word, at any level",
    () =>
      Effect.gen(function* () {
        const posted: Array<string> = []
        const collector = yield* collecting(posted)
        const live = yield* make({
          brain,
          authToken: TOKEN,
          logLevel: LogLevel.All,
          traces: {
            url: `${collector}/v1/traces`,
            headers: { authorization: Redacted.make(COLLECTOR_KEY) },
            serviceName: "offhook"
          },
          agent: { tools: [tool("book"), tool("look_up"), tool("vanish")] },
          tools: {
            book: () => Effect.succeed({ booked: "marzipan" }),
            look_up: () => Effect.fail(new Tools.ToolError({ message: "no tangerine pie today" })),
            vanish: () => Effect.never
          },
          model: {
            transcribe: () => "I would like a saxophone",
            faults: [
              { _tag: "Error", code: "unknown_parameter", message: `avocado for ${KEY}`, after: "response.done" },
              { _tag: "ResponseFailed", code: "server_error", message: "saxophone out of tune" },
              { _tag: "UnknownEvent", type: "pelican.landed", after: "response.done" },
              { _tag: "Malformed", how: "json", after: "response.done", nth: 2 }
            ]
          }
        })
        const call = {
          from: FROM,
          to: TO,
          script: [
            Caller.say("caller-how-many", audio["caller-how-many"], Caller.agentSilent(300)),
            Caller.press(DIGITS, Caller.agentSilent(200)),
            Caller.say("caller-yes", audio["caller-yes"], Caller.agentSpeaking(600, 8_000)),
            Caller.hangUp(Caller.agentSilent(600, 6_000))
          ]
        }
        const [one, other] = yield* Effect.all(
          [live.place({ ...call, seed: "one" }), live.place({ ...call, seed: "other" })],
          {
            concurrency: 2
          }
        )
        const { summary } = yield* live.recording(one.callSid)
        assert.isAtLeast(summary.toolCalls, 3)
        assert.isAtLeast(summary.turns.agent, 2)
        assert.isAtLeast(summary.modelErrors, 1)
        const streamToken = yield* strangers(live.url)
        yield* live.calls.endAll("operator")

        const lines = live.logs
        for (const { callSid } of [one, other]) {
          const about = lines.filter((line) => line.includes(callSid))
          const named = (message: string) => about.filter((line) => line.includes(`message=${message}`)).length
          assert.strictEqual(named('"call started"'), 1)
          assert.strictEqual(named('"call ended"'), 1)
          assert.strictEqual(named('"incoming call"'), 1)
          const requests = new Set(about.map((line) => / requestId=([0-9a-f-]{36})(?: |$)/.exec(line)?.[1]))
          assert.lengthOf(requests, 1, "every line of a call has the request id of its webhook")
          assert.notInclude([...requests], undefined)
        }
        const about = lines.filter((line) => line.includes(one.callSid))
        const ended = about.find((line) => line.includes('message="call ended"'))
        assert.include(ended, `outcome="${summary.outcome}"`)
        assert.include(ended, `durationMs=${summary.durationMs}`)
        const settled = about.filter((line) => line.includes('message="turn settled"'))
        assert.strictEqual(settled.length, summary.turns.caller + summary.turns.agent)
        assert.isTrue(about.some((line) => line.includes("from=+*********42") && line.includes("to=+***********17")))

        const told = lines.filter((line) => !/callSid=CA\w+/.test(line))
        for (const line of told) assert.match(line, /refused: .* requestId=/, "a line of a call without its CallSid")
        assert.isAtLeast(told.length, 4)

        const left = [...lines, ...posted]
        const forbidden: Readonly<Record<string, RegExp>> = {
          number: /\+?\d{2}[\d ()./-]{6,}\d(?=\D|$)(?!\d)/,
          caller: new RegExp(`${FROM.slice(1)}|${TO.slice(1)}|555014|018203`),
          digits: /4711/,
          secret: new RegExp([TOKEN, KEY, COLLECTOR_KEY, OPERATOR, READER, ...streamToken].join("|")),
          signature: /[A-Za-z0-9+/]{27}=/,
          audio: /[A-Za-z0-9+/]{80,}/,
          word: new RegExp(WORDS.join("|"), "i")
        }
        for (const [what, pattern] of Object.entries(forbidden)) {
          for (const line of left) {
            const found = pattern.exec(plain(line))
            assert.isNull(found, `${what} in: ${line.slice(0, 600)}`)
          }
        }
      }),
    60_000
  )
})

/** Without what may look like something else: times, ids of calls, requests and spans, dollars, ports. */
const plain = (line: string): string =>
  line
    .replace(/timestamp=\S+/g, "")
    .replace(/"\w*[tT]imeUnixNano":"\d+"/g, "")
    .replace(/\b(CA|AC|MZ)[0-9a-f]{32}\b/g, "")
    .replace(/"(traceId|spanId|parentSpanId)":"[0-9a-f]+"/g, "")
    .replace(/\bcall_[0-9a-f]+\b/g, "")
    .replace(/\b0\.\d{1,6}\b/g, "")
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "")
    .replace(/127\.0\.0\.1:\d+/g, "")

/** Those who should not have come, each with something that a log might repeat. What comes back is secret too. */
const strangers = (url: string) =>
  Effect.promise(async () => {
    const form = (params: Readonly<Record<string, string>>, signature?: string) =>
      fetch(url + IncomingCall.PATH, {
        method: "POST",
        body: new URLSearchParams(params),
        ...(signature === undefined ? {} : { headers: { "x-twilio-signature": signature } })
      })
    const params = { CallSid: `CA${"f".repeat(32)}`, AccountSid: accountSid, From: FROM, To: TO, CallerName: "PELICAN" }
    const signed = Signature.sign(TOKEN, url + IncomingCall.PATH, params)
    assert.strictEqual((await form(params)).status, 403)
    assert.strictEqual((await form({ ...params, From: TO }, signed)).status, 403)
    assert.strictEqual((await form({ ...params, CallSid: FROM }, signed)).status, 403)
    const twiml = await (await form(params, signed)).text()
    const tokens = [...twiml.matchAll(/value="([^"]{20,})"|media-stream\/([^"/]{20,})"/g)].map(
      ([, parameter, path]) => parameter ?? path ?? ""
    )
    assert.isAtLeast(tokens.length, 1)
    await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${READER}x` } })
    const metrics = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${READER}` } })
    assert.strictEqual(metrics.status, 200)
    assert.notMatch(await metrics.text(), /CA[0-9a-f]{32}|5550142/)
    const socket = new WebSocket(`${url.replace("http", "ws")}/media-stream?From=${FROM}`, {
      headers: { "x-twilio-signature": signed }
    })
    await new Promise((resolve) => socket.once("error", resolve))
    return [...tokens, signed].map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
  })

const collecting = (posted: Array<string>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(
        () =>
          new Promise<Http.Server>((resolve) => {
            const server = Http.createServer((request, response) => {
              let body = ""
              request.setEncoding("utf8").on("data", (chunk: string) => {
                body += chunk
              })
              request.on("end", () => {
                posted.push(body)
                response.end("{}")
              })
            })
            server.listen(0, "127.0.0.1", () => resolve(server))
          })
      ),
      (server) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
    ),
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  )
