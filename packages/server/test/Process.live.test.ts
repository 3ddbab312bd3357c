/** The program as a process: what it says, what it leaves, with which status it ends. */

import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { type IncomingMessage, request } from "node:http"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { Brain, Caller, CarrierClient, ModelServer } from "@offhook/simulator"
import { afterEach, assert, beforeAll, beforeEach, describe, it } from "vitest"
import { WebSocket } from "ws"
import { BUILD_MS, build } from "./support/Built.ts"
import { clip } from "./support/Live.ts"
import * as Port from "./support/Port.ts"
import * as Program from "./support/Program.ts"

beforeAll(build, BUILD_MS)

let directory: string
let running: Array<Program.Program>
let closing: Array<() => Promise<unknown>>

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "offhook-"))
  running = []
  closing = []
})

afterEach(async () => {
  for (const program of running) await Program.kill(program)
  for (const close of closing) await close()
  rmSync(directory, { recursive: true })
})

/** In an empty directory, with an environment that holds nothing but what is given. */
const offhook = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Program.Program => {
  const program = Program.start(args, { cwd: directory, env })
  running.push(program)
  return program
}

/** A model that greets and then goes on for 8 s. */
const modelServer = async (): Promise<string> => {
  const plan: Brain.Plan = { parts: [Brain.say(clip("agent-opening-hours"))] }
  const model = await ModelServer.start({ brain: Brain.scripted([plan]) })
  closing.push(model.close)
  return model.url
}

const served = async (args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) => {
  const port = await Port.free()
  const url = await modelServer()
  const server = offhook(["serve", ...args], {
    OPENAI_API_KEY: "sk-test",
    OPENAI_REALTIME_URL: url,
    OFFHOOK_DRAIN_SECONDS: "0",
    PORT: String(port),
    ...env
  })
  await server.says(/listening|no Twilio token/)
  return { server, port, webhookUrl: `http://127.0.0.1:${port}/incoming-call` }
}

/** A call is placed, and the agent's voice is heard. */
const talking = async (webhookUrl: string): Promise<void> => {
  const end = new AbortController()
  let result: Promise<CarrierClient.CallResult> | undefined
  await new Promise<void>((resolve) => {
    result = CarrierClient.placeCall({
      webhookUrl,
      script: [Caller.hangUp(Caller.after(25_000))],
      signal: end.signal,
      onTrace: ({ _tag }) => {
        if (_tag === "AudioStarted") resolve()
      }
    })
  })
  closing.push(async () => {
    end.abort()
    await result
  })
}

/** A carrier whose stream begins, and that then reads nothing more: not even that it is to close. */
const mute = async (port: number): Promise<void> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/media-stream`)
  closing.push(async () => socket.terminate())
  await once(socket, "open")
  const [callSid, streamSid] = [`CA${"1".repeat(32)}`, `MZ${"1".repeat(32)}`]
  const mediaFormat = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 }
  const start = { accountSid: "AC1", callSid, streamSid, tracks: ["inbound"], mediaFormat, customParameters: {} }
  socket.send(JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" }))
  socket.send(JSON.stringify({ event: "start", sequenceNumber: "1", streamSid, start }))
  socket.pause()
}

describe("configuration", () => {
  it("without a key nothing is served: 78, with or without `serve`", async () => {
    for (const args of [[], ["serve"]]) {
      const program = offhook(args)
      assert.strictEqual(await program.ended, 78)
      assert.match(program.errors(), /OPENAI_API_KEY is not set/)
      assert.strictEqual(program.output(), "")
    }
  })

  it("every problem is told at once, those of the agent file too", async () => {
    writeFileSync(join(directory, "agent.json"), `{ "voise": "marin", "turns": "caller" }`)
    const program = offhook(["serve"], {
      PORT: "http",
      OPENAI_REALTIME_URL: "https://example.com",
      TWILIO_ACCOUNT_SID: "AC12",
      TWILIO_AUTH_TOKEN: "7f3a9c0d",
      OFFHOOK_AGENT: "agent.json"
    })
    assert.strictEqual(await program.ended, 78)
    for (const name of [
      "OPENAI_API_KEY",
      "PORT",
      "OPENAI_REALTIME_URL",
      "TWILIO_ACCOUNT_SID",
      "PUBLIC_URL",
      "agent.json: voise",
      "agent.json: turns"
    ]) {
      assert.match(program.errors(), new RegExp(`^  ${name} `, "m"))
    }
    assert.match(program.errors(), /did you mean "voice"/)
    assert.notInclude(program.errors(), "7f3a9c0d")
  })

  it("`.env` is read, and the environment wins", async () => {
    writeFileSync(join(directory, ".env"), "OPENAI_API_KEY=sk-test\nPORT=nonsense\n")
    const port = await Port.free()
    const program = offhook([], { PORT: String(port) })
    await program.says(/listening/)
    const response = await fetch(`http://127.0.0.1:${port}/`)
    assert.strictEqual(response.status, 200)
    assert.strictEqual(response.headers.get("content-type"), "application/json")
    assert.deepStrictEqual(await response.json(), { status: "ok" } as never)
    program.process.kill("SIGTERM")
    assert.strictEqual(await program.ended, 0)
  })

  it("a simulated model is no answer to a Twilio account", async () => {
    const program = offhook(["start"], { TWILIO_AUTH_TOKEN: "7f3a9c0d" })
    assert.strictEqual(await program.ended, 78)
    assert.match(program.errors(), /a simulated model never answers a public number/)
  })

  it("`--real` needs a key", async () => {
    const program = offhook(["start", "--real"])
    assert.strictEqual(await program.ended, 78)
    assert.match(program.errors(), /OPENAI_API_KEY is not set, but --real/)
  })

  it("a port that is taken is said so, with what to do: 69", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await once(other, "listening")
    closing.push(() => once(other.close(), "close"))
    const port = String((other.address() as AddressInfo).port)
    for (const [command, env] of [
      ["serve", { OPENAI_API_KEY: "sk-test" }],
      ["start", {}]
    ] as const) {
      const program = offhook([command], { ...env, PORT: port })
      assert.strictEqual(await program.ended, 69)
      assert.match(program.errors(), new RegExp(`127.0.0.1:${port} is already in use: .*set PORT`))
    }
  })

  it("wrong arguments: 64; --version and --help: 0, without colours in a file", async () => {
    const wrong = offhook(["serf"])
    assert.strictEqual(await wrong.ended, 64)
    const help = offhook(["--help"])
    assert.strictEqual(await help.ended, 0)
    for (const name of ["serve", "start", "demo", "replay", "simulate"]) assert.include(help.output(), `- ${name}`)
    assert.notInclude(help.output(), "\u001b")
    const version = offhook(["--version"])
    assert.strictEqual(await version.ended, 0)
    assert.match(version.output(), /^\d+\.\d+\.\d+$/m)
  })
})

describe("signals", () => {
  it("SIGTERM in the middle of a call: the call ends politely, and the program with 0", async () => {
    const { server, webhookUrl } = await served()
    await talking(webhookUrl)
    server.process.kill("SIGTERM")
    assert.strictEqual(await server.ended, 0)
    assert.match(server.output(), /"outcome":"shutdown"/)
    const [recording] = readdirSync(join(directory, "recordings"))
    const lines = readFileSync(join(directory, "recordings", recording ?? ""), "utf8")
      .trim()
      .split("\n")
    assert.deepInclude(JSON.parse(lines.at(-1) ?? ""), { end: "complete" })
  })

  it("two SIGINTs at once are one; the server does not wait for ever for a peer that is mute", async () => {
    const { port, server, webhookUrl } = await served()
    await mute(port)
    await server.says(/call started/)
    server.process.kill("SIGINT")
    await server.says(/stopping: no new calls/)
    assert.isNull(server.process.exitCode, "the call holds it")
    const answer = await fetch(webhookUrl, { method: "POST", body: new URLSearchParams({ CallSid: "CA2" }) })
    assert.match(await answer.text(), /<Response><Say>.*<\/Say><Hangup\/>/, "callers hear that nobody is there")
    server.process.kill("SIGINT")
    assert.strictEqual(await server.ended, 0)
    assert.match(server.output(), /"outcome":"shutdown"/)
  })

  it("a second SIGINT after that is meant: the program ends at once", async () => {
    const { port, server } = await served()
    await mute(port)
    await server.says(/call started/)
    server.process.kill("SIGINT")
    await server.says(/stopping: no new calls/)
    // Time itself is under test here.
    await setTimeout(600)
    assert.isNull(server.process.exitCode, "the call holds it")
    server.process.kill("SIGINT")
    assert.strictEqual(await server.ended, 130)
  })

  it("carrier and collector of traces are mute: it ends in 10 s more than calls may go on", async () => {
    const collector = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1")
    await once(collector, "listening")
    closing.push(() => once(collector.close(), "close"))
    const { port, server } = await served([], {
      OFFHOOK_DRAIN_SECONDS: "1",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
    })
    await mute(port)
    await server.says(/call started/)
    const asked = performance.now()
    server.process.kill("SIGTERM")
    assert.strictEqual(await server.ended, 0)
    assert.match(server.output(), /"outcome":"shutdown"/)
    assert.isBelow(performance.now() - asked, 11_000)
  }, 30_000)

  it("who reads along may leave", async () => {
    const { port, server, webhookUrl } = await served()
    server.process.stdout?.destroy()
    server.process.stderr?.destroy()
    for (const callSid of ["CA1", "CA2"]) {
      const answer = await fetch(webhookUrl, { method: "POST", body: new URLSearchParams({ CallSid: callSid }) })
      assert.strictEqual(answer.status, 200)
    }
    assert.strictEqual((await fetch(`http://127.0.0.1:${port}/`)).status, 200)
    server.process.kill("SIGTERM")
    assert.strictEqual(await server.ended, 0)
  })

  it("every log line is one line of JSON where no terminal is, and is there once", async () => {
    const { server, webhookUrl } = await served()
    await talking(webhookUrl)
    server.process.kill("SIGTERM")
    await server.ended
    const lines = server.output().trim().split("\n")
    const messages = lines.map((line) => (JSON.parse(line) as { message: string }).message)
    assert.match(messages.splice(1, 1)[0] ?? "", /^no Twilio token is configured: /)
    assert.deepStrictEqual(messages, [
      "listening",
      "call started",
      "stopping: no new calls",
      "the time to stop is up: calls are ended",
      "call ended"
    ])
    const ended = JSON.parse(lines.at(-1) ?? "") as { annotations: object; logLevel: string; timestamp: string }
    const about = ["callSid", "costUsd", "durationMs", "interruptions", "outcome", "requestId", "responses"]
    assert.hasAllKeys(ended.annotations, about)
    assert.strictEqual(ended.logLevel, "INFO")
    assert.match(ended.timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  })

  it.skipIf(process.platform !== "linux")("log lines are readable on a terminal, in production JSON", async () => {
    for (const [env, line] of [
      [{ NO_COLOR: "1" }, /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO \(#\d+\): listening[\s\S]*\n {2}address: 127\.0\.0\.1:\d+/m],
      [{ NODE_ENV: "production" }, /^\{"message":"listening",.*"address":"127\.0\.0\.1:\d+".*\}\r?$/m]
    ] as const) {
      const program = Program.startOnTerminal(["serve"], {
        cwd: directory,
        env: { OPENAI_API_KEY: "sk-test", PORT: String(await Port.free()), ...env }
      })
      running.push(program)
      await program.says(/nobody but this machine is answered/)
      assert.match(program.output(), line)
    }
  })

  it("logs from the level that is configured on; `--log-level` wins", async () => {
    const said = async (args: ReadonlyArray<string>, level: string) => {
      const { server, webhookUrl } = await served(args, { OFFHOOK_LOG_LEVEL: level })
      await talking(webhookUrl)
      server.process.kill("SIGTERM")
      assert.strictEqual(await server.ended, 0)
      const lines = server.output().trim().split("\n")
      return new Set(lines.map((line) => (JSON.parse(line) as { logLevel: string }).logLevel))
    }
    assert.deepStrictEqual(await said([], "warning"), new Set(["WARN"]))
    assert.deepStrictEqual(await said([], "debug"), new Set(["DEBUG", "INFO", "WARN"]))
    assert.deepStrictEqual(await said(["--log-level", "debug"], "warning"), new Set(["DEBUG", "INFO", "WARN"]))
    assert.deepStrictEqual(await said(["--log-level=info"], "debug"), new Set(["INFO", "WARN"]))
  })
})

describe("the simulated call", () => {
  it("`demo` tells it, leaves recording and sound, and ends by itself; `replay` finds it the same", async () => {
    const demo = offhook(["demo"], { OPENAI_API_KEY: "sk-test-0123456789" })
    assert.strictEqual(await demo.ended, 0)
    const story = demo.output()
    assert.strictEqual(demo.errors(), "")
    for (const line of [
      /Simulated: the phone network, the caller and the model/,
      /agent {3}“Hello, this is Luigi's restaurant. How can I help you\?” {2}\[first word after 0\.\d\d s]/,
      /caller {2}“Hi! What are your opening hours, please\?”/,
      /cut {5}after 3\.\d\d s of 7\.79 s: the caller heard “We open Tuesday to Sunday\. Lunch/,
      /\[silent 0\.\d\d s after the caller began]/,
      /outcome {4}agent hung up/,
      /with the real model \$0\.\d+, simulated: nothing/
    ]) {
      assert.match(story.replace(/\n +/g, " "), line)
    }
    assert.notInclude(story, "\u001b")
    const recordings = readdirSync(join(directory, "recordings")).sort()
    assert.strictEqual(recordings.length, 2)
    const [recording = "", sound = ""] = recordings
    assert.match(recording, /^CA[0-9a-f]{32}\.jsonl$/)
    assert.strictEqual(sound, recording.replace("jsonl", "wav"))
    assert.include(story, `npm run replay -- recordings/${recording}`)

    const file = join("recordings", recording)
    const same = offhook(["replay", file])
    assert.strictEqual(await same.ended, 0)
    assert.match(same.output(), /: the same \d+ commands from \d+ events/)

    writeFileSync(join(directory, "agent.json"), `{ "turns": "machine", "interruptAfterMs": 3000 }`)
    const whatIf = offhook(["replay", "--what-if", "agent.json", file])
    assert.strictEqual(await whatIf.ended, 0)
    assert.match(whatIf.output(), /would have been different|there would have been/)

    const lines = readFileSync(join(directory, file), "utf8").split("\n")
    const cleared = lines.findIndex((line) => line.startsWith('{"c":"Clear"'))
    assert.isAbove(cleared, 0)
    lines[cleared] = lines[cleared]?.replace('"stream":0', '"stream":1') ?? ""
    writeFileSync(join(directory, "other.jsonl"), lines.join("\n"))
    const different = offhook(["replay", file, "other.jsonl"])
    assert.strictEqual(await different.ended, 1)
    assert.match(different.output(), /other\.jsonl: different\n.*\n.*recorded: .*Clear/)

    writeFileSync(join(directory, "notes.jsonl"), "hello\n")
    const unusable = offhook(["replay", "nowhere.jsonl", "notes.jsonl", "recordings"])
    assert.strictEqual(await unusable.ended, 66)
    assert.match(unusable.errors(), /nowhere\.jsonl: there is no such file\nnotes\.jsonl: this is not an Offhook rec/)
    assert.match(unusable.output(), /^recordings.CA\w+\.jsonl: the same/)

    const noAgent = offhook(["replay", "--what-if", "nobody.json", file])
    assert.strictEqual(await noAgent.ended, 78)
    assert.match(noAgent.errors(), /--what-if nobody\.json cannot be read/)
  }, 90_000)

  it("`start` with a key alone simulates, and says so; only this machine is answered; Ctrl-C ends it, and the call", async () => {
    const port = await Port.free()
    const start = offhook(["start"], { OPENAI_API_KEY: "sk-test", PORT: String(port), HOST: "0.0.0.0" })
    await start.says(/OPENAI_API_KEY is set and was not used/)
    await start.says(/“Hello, this is Luigi's restaurant/)
    // fetch would not let the host be chosen.
    const webhook = async (host: string) => {
      const path = "/incoming-call?CallSid=CA1"
      const asking = request({ host: "127.0.0.1", port, path, headers: { host }, agent: false }).end()
      const [response] = (await once(asking, "response")) as [IncomingMessage]
      response.resume()
      return response.statusCode
    }
    assert.strictEqual(await webhook("offhook.example.com"), 403)
    assert.strictEqual(await webhook(`localhost:${port}`), 200)
    // No webhook of this machine's admitted it: a tunnel to the media socket alone is not answered either.
    const stranger = new WebSocket(`ws://127.0.0.1:${port}/media-stream`)
    await once(stranger, "open")
    const mediaFormat = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 }
    const ids = { streamSid: "MZ1", callSid: "CA2", accountSid: "AC1" }
    const began = { ...ids, tracks: ["inbound"], mediaFormat, customParameters: {} }
    stranger.send(JSON.stringify({ event: "start", sequenceNumber: "1", streamSid: "MZ1", start: began }))
    assert.strictEqual((await once(stranger, "close"))[0], 1008)
    start.process.kill("SIGINT")
    assert.strictEqual(await start.ended, 0)
    assert.match(start.output(), /over: shutdown/)
  })

  it("`start --real` with a key alone places the call to the model of the configuration", async () => {
    const url = await modelServer()
    const start = offhook(["start", "--real"], { OPENAI_API_KEY: "sk-test", OPENAI_REALTIME_URL: url, PORT: "0" })
    await start.says(/Real: OpenAI's model/)
    await start.says(/agent {3}“We open Tuesday/)
    start.process.kill("SIGINT")
    assert.strictEqual(await start.ended, 0)
  })

  it("`start` with a key and a Twilio account is the real server, and places no call", async () => {
    const port = await Port.free()
    const start = offhook(["start"], {
      OPENAI_API_KEY: "sk-test",
      TWILIO_ACCOUNT_SID: `AC${"0".repeat(32)}`,
      TWILIO_AUTH_TOKEN: "7f3a9c0d",
      PUBLIC_URL: "https://voice.example.com",
      PORT: String(port),
      HOST: "127.0.0.1"
    })
    await start.says(/"webhook":"https:\/\/voice\.example\.com\/incoming-call"/)
    const unsigned = await fetch(`http://127.0.0.1:${port}/incoming-call`, { method: "POST" })
    assert.strictEqual(unsigned.status, 403)
    start.process.kill("SIGTERM")
    assert.strictEqual(await start.ended, 0)
    assert.notMatch(start.output(), /Simulated|call started/)
  })
})
