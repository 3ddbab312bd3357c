/**
 * What a peer can send, at random: both decoders take any text, and the listener any bytes.
 *
 * A run is the same everywhere; FUZZ_SEED makes another one, FUZZ_RUNS a longer one.
 */

import * as Net from "node:net"
import { describe, it as effect } from "@effect/vitest"
import { OpenAI, Twilio } from "@offhook/core"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import { assert, it } from "vitest"
import * as RecordingLine from "../../core/src/RecordingLine.ts"
import * as Peers from "./support/Peers.ts"
import * as Server from "./support/Server.ts"

const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_122)
const runs = (usual: number) => Math.round(usual * Number(process.env["FUZZ_RUNS"] ?? 1))

const AUDIO = Buffer.alloc(160, 0x10).toString("base64")

const ofCarrier = [
  { event: "connected", protocol: "Call", version: "1.0.0" },
  Peers.started({ customParameters: { token: "t" } }),
  {
    event: "media",
    sequenceNumber: "2",
    streamSid: "MZ1",
    media: { track: "inbound", chunk: "1", timestamp: "5", payload: AUDIO }
  },
  { event: "mark", sequenceNumber: "3", streamSid: "MZ1", mark: { name: "g1.1" } },
  { event: "dtmf", sequenceNumber: "4", streamSid: "MZ1", dtmf: { track: "inbound_track", digit: "5" } },
  { event: "stop", sequenceNumber: "5", streamSid: "MZ1", stop: { accountSid: "AC1", callSid: "CA1" } }
].map((message) => JSON.stringify(message))

const at = { response_id: "resp_1", item_id: "item_1", output_index: 0, content_index: 0 }
const response = {
  id: "resp_1",
  conversation_id: "conv_1",
  metadata: { offhook_request: "r1" },
  status: "incomplete",
  status_details: { reason: "content_filter", error: { type: "server_error", code: "x", message: "y" } },
  usage: {
    input_tokens: 9,
    input_token_details: {
      text_tokens: 4,
      audio_tokens: 5,
      cached_tokens: 3,
      cached_tokens_details: { text_tokens: 3 }
    },
    output_tokens: 7,
    output_token_details: { text_tokens: 2, audio_tokens: 5 }
  }
}
const format = { format: { type: "audio/pcmu", rate: 8000 } }
const ofModel = [
  { type: "session.created", session: { id: "sess_1", expires_at: 1_780_000_000 } },
  { type: "session.updated", session: { audio: { input: format, output: format } } },
  { type: "input_audio_buffer.speech_started", item_id: "item_1", audio_start_ms: 120 },
  { type: "input_audio_buffer.speech_stopped", item_id: "item_1", audio_end_ms: 900 },
  { type: "input_audio_buffer.committed", item_id: "item_1", previous_item_id: null },
  {
    type: "conversation.item.added",
    item: { id: "item_1", type: "message", role: "user" },
    previous_item_id: "item_0"
  },
  { type: "conversation.item.truncated", item_id: "item_1", content_index: 0, audio_end_ms: 400 },
  { type: "conversation.item.deleted", item_id: "item_1" },
  { type: "conversation.item.input_audio_transcription.completed", item_id: "item_1", transcript: "hello" },
  { type: "conversation.item.input_audio_transcription.failed", item_id: "item_1" },
  { type: "response.created", response },
  { type: "response.output_audio.delta", ...at, delta: AUDIO },
  { type: "response.output_audio_transcript.delta", ...at, delta: "hel" },
  { type: "response.function_call_arguments.done", ...at, call_id: "call_1", name: "end_call", arguments: "{}" },
  { type: "response.done", response },
  { type: "error", error: { type: "invalid_request_error", code: "x", message: "y", param: null, event_id: "e1" } }
].map((message) => JSON.stringify(message))

/** A text with a few of its characters cut, doubled, moved or replaced. */
const damaged = (texts: fc.Arbitrary<string>) =>
  fc
    .tuple(
      texts,
      fc.array(
        fc.record({
          from: fc.double({ min: 0, max: 1, noNaN: true }),
          length: fc.nat(12),
          by: fc.oneof(
            fc.constantFrom(
              "",
              "{",
              "}",
              "[",
              '"',
              "\\",
              ",",
              "null",
              "-1",
              "1e999",
              "\\ud800",
              "\0",
              "=",
              "ﬀ",
              "\u2028"
            ),
            fc.fullUnicodeString({ maxLength: 4 })
          )
        }),
        { minLength: 1, maxLength: 4 }
      )
    )
    .map(([text, edits]) =>
      edits.reduce((text, { by, from, length }) => {
        const start = Math.floor(from * text.length)
        return text.slice(0, start) + by + text.slice(start + length)
      }, text)
    )

/** A message in which one value, at any depth, is another. */
const altered = (texts: fc.Arbitrary<string>) =>
  fc
    .tuple(
      texts,
      fc.nat(),
      fc.oneof(
        fc.jsonValue(),
        fc.constantFrom(-1, 0.5, 1e308, "", "x".repeat(70), "null", { toString: 1 }, ["inbound"])
      )
    )
    .map(([text, which, value]) => {
      let values = 0
      JSON.parse(text, (_, old) => {
        values++
        return old
      })
      const chosen = which % values
      let at = 0
      return JSON.stringify(JSON.parse(text, (_, old) => (at++ === chosen ? value : old)))
    })

/** As deep and as large as a message may be, whole and cut off. */
const monsters = (bytes: number): ReadonlyArray<string> => {
  const of = (piece: string) => piece.repeat(Math.floor(bytes / piece.length))
  const half = Math.floor(bytes / 2) - 64
  return [
    of("["),
    "[".repeat(half) + "]".repeat(half),
    of('{"event":'),
    of('{"a":'),
    `{"event":"media","x":${"[".repeat(half)}${"]".repeat(half)}}`,
    `{"type":"response.done","response":${"[".repeat(half)}${"]".repeat(half)}}`,
    `{"type":"session.updated","session":${of('{"audio":').slice(0, half)}`,
    of('"'),
    of("\\"),
    of("\0"),
    of("9"),
    `{"event":"media","sequenceNumber":"${"9".repeat(bytes - 64)}`,
    `{"event":"media","sequenceNumber":"1","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"${"9".repeat(half)}","payload":"${AUDIO}"}}`,
    `{"event":"media","sequenceNumber":"1","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"1","payload":"${"A".repeat(4 * Math.floor(bytes / 5))}"}}`,
    `{"event":"media","sequenceNumber":"1","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"1","payload":"${"=".repeat(half)}"}}`,
    `{"type":"response.output_audio.delta","response_id":"r","item_id":"i","content_index":0,"delta":"${"A".repeat(4 * Math.floor(bytes / 5))}"}`,
    `{"event":"dtmf",${of('"__proto__":{"a":1},').slice(0, half)}`,
    `[${of("1e999,").slice(0, half)}1]`,
    `{${Array.from({ length: Math.floor(bytes / 16) }, (_, key) => `"${key}":0`).join()},"event":"stop"}`
  ]
}

/** Every field that the event's name promises is there with its type, and no number is one that JSON does not know. */
const assertSound = (event: { readonly _tag: string; readonly at: number }, text: string) => {
  assert.strictEqual(RecordingLine.event({ e: event._tag, ...event }, event.at), null, text.slice(0, 500))
  const numbers = Object.values(event).filter((value) => typeof value === "number")
  assert.isTrue(numbers.every(Number.isFinite), `${event._tag}: ${text.slice(0, 500)}`)
}

/** ms of the processor's time: the machine may be busy with others. */
const cpu = (work: () => void): number => {
  const before = process.cpuUsage()
  work()
  const { system, user } = process.cpuUsage(before)
  return (system + user) / 1_000
}

const connections: ReadonlyArray<Twilio.Connection> = [
  { stream: 0, streamSid: null },
  { stream: 1, streamSid: "MZ1" }
]

const carrierTakes = (text: string): string => {
  const tags = connections.map((connection) => {
    const event = Twilio.decode(text, 7, connection)
    if (event !== null) assertSound(event, text)
    return event?._tag ?? "nothing"
  })
  return tags.join(" ")
}

const modelTakes = (text: string): string => {
  const event = OpenAI.decode(text, 7, 1)
  assertSound(event, text)
  return event._tag
}

describe("the decoders", () => {
  const texts = (messages: ReadonlyArray<string>) => {
    const real = fc.constantFrom(...messages)
    return fc.oneof(
      { weight: 4, arbitrary: damaged(real) },
      { weight: 4, arbitrary: altered(real) },
      { weight: 1, arbitrary: fc.fullUnicodeString({ maxLength: 200 }) },
      { weight: 1, arbitrary: fc.string16bits({ maxLength: 200 }) },
      { weight: 1, arbitrary: fc.json() }
    )
  }

  for (const [name, messages, take, tags] of [
    ["the carrier's", ofCarrier, carrierTakes, 8],
    ["the model's", ofModel, modelTakes, 15]
  ] as const) {
    it(`${name}: any text is an event that is sound, or none`, () => {
      const seen = new Map<string, number>()
      for (const message of messages) take(message)
      void fc.assert(
        fc.property(texts(messages), (text) => {
          const tag = take(text)
          seen.set(tag, (seen.get(tag) ?? 0) + 1)
        }),
        { seed, numRuns: runs(20_000) }
      )
      assert.isAtLeast(seen.size, tags, [...seen.keys()].join(", "))
    })
  }

  /** A frame has 20 ms; a message of the largest size that a stranger may send must not cost many of them. */
  it("the carrier's: deep and large messages are read in bounded time", () => {
    for (const text of monsters(64 * 1024)) {
      assert.isBelow(
        cpu(() => carrierTakes(text)),
        250,
        text.slice(0, 100)
      )
    }
  })

  it("the model's: deep and large messages are read in bounded time", () => {
    for (const text of monsters(4 * 1024 * 1024)) {
      assert.isBelow(
        cpu(() => modelTakes(text)),
        3_000,
        text.slice(0, 100)
      )
    }
  })
})

describe("the HTTP surface", () => {
  const CRLF = "\r\n"
  /** Stands for so many bytes, so that a counterexample can be read. */
  const LONG = "‹20,000 bytes›"
  const LARGE = "‹70,000 bytes›"
  const usually = <T>(usual: ReadonlyArray<T>, other: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: other })
  const anything = fc.oneof(fc.string16bits({ maxLength: 40 }), fc.string({ maxLength: 40 }))

  const method = usually(
    ["GET", "POST", "PUT", "HEAD", "OPTIONS", "TRACE"],
    fc.oneof(fc.constantFrom("CONNECT", "get", "PRI"), anything)
  )
  const target = usually(
    [
      "/",
      "/incoming-call",
      "/incoming-call?CallSid=CA1&From=%2B1&To=%2B2",
      "/incoming-call?CallSid=%",
      "/media-stream",
      "/media-stream/x.y/z",
      "/media-stream?%00",
      "//",
      "/../../etc/passwd",
      "/%2e%2e/%",
      "http://example.com/incoming-call",
      "*",
      "example.com:443",
      "/\ud800",
      `/${LONG}`
    ],
    anything.map((text) => `/${text}`)
  )
  const version = usually(["HTTP/1.1"], fc.constantFrom("HTTP/1.0", "HTTP/2.0", "HTTP/9", "RTSP/1.0", ""))
  const header = usually(
    [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Upgrade: h2c",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Key: x",
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99",
      "Content-Type: application/x-www-form-urlencoded",
      "Content-Type: multipart/form-data; boundary=x",
      "Content-Type: application/json; charset=utf-7",
      "X-Twilio-Signature: x",
      "X-Forwarded-For: 127.0.0.1",
      "Authorization: Bearer x",
      "Range: bytes=0-"
    ],
    fc.oneof(
      fc.constantFrom(
        "Content-Length: 5",
        "Content-Length: 5, 6",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Expect: 100-continue",
        "Expect: x",
        " folded: x",
        ":",
        `X: ${LONG}`
      ),
      fc.tuple(anything, anything).map(([name, value]) => `${name}: ${value}`)
    )
  )
  const body = usually(
    [
      "",
      "CallSid=CA1&From=%2B1&To=%2B2",
      "CallSid=%ZZ&&=&a",
      "5\r\nhello\r\n0\r\n\r\n",
      "fffffffff\r\n",
      "{".repeat(9_000)
    ],
    fc.oneof(fc.string16bits({ maxLength: 400 }), fc.constant(LARGE))
  )
  const request = fc
    .record({ method, target, version, headers: fc.array(header, { maxLength: 6 }), body })
    .map(({ body, headers, method, target, version }) =>
      [`${method} ${target} ${version}`, "Host: 127.0.0.1", ...headers, "", body].join(CRLF)
    )
  const spoken = fc.oneof(
    { weight: 6, arbitrary: request },
    { weight: 2, arbitrary: fc.tuple(request, request).map((two) => two.join("")) },
    { weight: 1, arbitrary: request.map((text) => text.slice(0, text.length / 2)) },
    { weight: 1, arbitrary: fc.fullUnicodeString({ maxLength: 500 }) }
  )
  /** How a client leaves: it waits for what comes, says that it is done, or resets. */
  const leaving = fc.constantFrom("end", "end", "reset", "pieces")

  const speak = async (port: number, text: string, how: string): Promise<string> => {
    const bytes = Buffer.from(text.replaceAll(LONG, "x".repeat(20_000)).replaceAll(LARGE, "x".repeat(70_000)))
    const socket = Net.connect({ host: "127.0.0.1", port })
    let answer = ""
    socket.setEncoding("latin1")
    socket.on("data", (text: string) => {
      if (answer.length < 1_000) answer += text
    })
    socket.on("error", () => {})
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
    await Promise.race([new Promise<void>((resolve) => socket.once("connect", resolve)), closed])
    if (how === "pieces") {
      const piece = Math.ceil(bytes.length / 5)
      for (let from = 0; from < bytes.length && !socket.destroyed; from += piece) {
        socket.write(bytes.subarray(from, from + piece))
        await new Promise((resolve) => setImmediate(resolve))
      }
    } else socket.write(bytes)
    if (how === "reset") socket.resetAndDestroy()
    else socket.end()
    await closed
    return answer
  }

  effect.scopedLive(
    "whatever comes is answered or closed, and nothing is left of it",
    () =>
      Effect.gen(function* () {
        const server = yield* Server.make({ modelUrl: "ws://127.0.0.1:1/" })
        const base = yield* Server.baseOf(server)
        const seen = new Map<string, number>()
        const batch = fc.array(fc.tuple(spoken, leaving), { minLength: 25, maxLength: 25 })
        yield* Effect.promise(async () =>
          fc.assert(
            fc.asyncProperty(batch, async (clients) => {
              const answers = await Promise.all(clients.map(([text, how]) => speak(server.port, text, how)))
              for (const answer of answers) {
                assert.match(answer, /^(HTTP\/1\.1 [1-5]\d\d |$)/)
                const status = answer.slice(9, 12)
                seen.set(status, (seen.get(status) ?? 0) + 1)
              }
            }),
            {
              seed,
              numRuns: runs(60),
              endOnFailure: true,
              interruptAfterTimeLimit: 45_000,
              markInterruptAsFailure: true
            }
          )
        )
        yield* server.calls.endAll("shutdown")
        yield* base
        for (const status of ["", "400", "404", "405", "431"])
          assert.isAbove(seen.get(status) ?? 0, 0, `${status} among ${JSON.stringify([...seen])}`)
        assert.isUndefined(seen.get("500"), server.logs.filter((line) => line.includes("ERROR")).join("\n"))
        const { status } = yield* Server.webhook(server.port, Server.nextCall())
        assert.strictEqual(status, 200)
      }),
    60_000
  )
})
