/**
 * SIGTERM in the middle of fifty calls, at the program as a process: no word is lost of those that end in time, and those
 * that do not end between two sentences.
 */

import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { Recording, Replay, type Turn } from "@offhook/core"
import { Brain, Caller, CarrierClient, CarrierRest, ModelServer, Signature } from "@offhook/simulator"
import { afterEach, assert, beforeAll, it } from "vitest"
import { WebSocket } from "ws"
import { BUILD_MS, build } from "./support/Built.ts"
import { accountSid, audio, clip, joined, occurrences, READER } from "./support/Live.ts"
import * as Port from "./support/Port.ts"
import * as Program from "./support/Program.ts"

beforeAll(build, BUILD_MS)

const closing: Array<() => unknown> = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const authToken = "12345"

/** The conversations of `ENDING` calls take 14 s; the others' callers ask once, about when the time is up. */
const ENDING = 45
const LATE = [14_500, 15_500, 16_500, 17_500, 18_500]
const SECONDS = 18

const ending: Caller.CallerScript = [
  Caller.say("caller-how-many", audio["caller-how-many"], Caller.agentSilent(300)),
  Caller.say("caller-yes", audio["caller-yes"], Caller.agentSilent(300)),
  Caller.wait(Caller.after(60_000))
]

const late = (ms: number): Caller.CallerScript => [
  Caller.say("caller-how-many", audio["caller-how-many"], Caller.at(ms)),
  Caller.wait(Caller.after(60_000))
]

const brain = Brain.conversation({
  greeting: clip("agent-greeting"),
  answers: [clip("agent-how-many")],
  goodbye: clip("agent-goodbye")
})

/** Until it is not ready: when a request was sent, at the latest, that a server that was awake answered with ready. */
const readiness = async (ask: () => Promise<Response>): Promise<number> => {
  let readyAt = 0
  for (;;) {
    const sentAt = performance.now()
    const { status } = await ask()
    if (status === 503) return readyAt
    // One that waited for a core does not know of the signal either.
    if (performance.now() - sentAt < AWAKE) readyAt = sentAt
    await setTimeout(5)
  }
}

/** ms */
const AWAKE = 30

const heard = ({ ear }: CarrierClient.CallResult): Uint8Array => joined(ear.heard.map(({ payload }) => payload))

it("SIGTERM under 50 live calls", async () => {
  const directory = mkdtempSync(join(tmpdir(), "offhook-"))
  closing.push(() => rmSync(directory, { recursive: true }))
  const model = await ModelServer.start({ brain })
  closing.push(model.close)
  const rest = await CarrierRest.start({ authToken })
  closing.push(rest.close)
  const port = await Port.free()
  const url = `http://127.0.0.1:${port}`
  const webhookUrl = `${url}/incoming-call`
  const server = Program.start(["serve"], {
    cwd: directory,
    env: {
      HOST: "127.0.0.1",
      PORT: String(port),
      PUBLIC_URL: url,
      OPENAI_API_KEY: "sk-test",
      OPENAI_REALTIME_URL: model.url,
      TWILIO_ACCOUNT_SID: accountSid,
      TWILIO_AUTH_TOKEN: authToken,
      TWILIO_API_URL: rest.url,
      OFFHOOK_API_READ_TOKEN: READER,
      OFFHOOK_CALLER_CALLS_PER_MINUTE: "0",
      OFFHOOK_CALLER_CALLS_PER_HOUR: "0",
      OFFHOOK_DRAIN_SECONDS: String(SECONDS)
    }
  })
  closing.push(() => Program.kill(server))
  await server.says(/"listening"/)

  const webhook = async (callSid: string): Promise<string> => {
    const params = { CallSid: callSid, AccountSid: accountSid, From: "+15550001", To: "+15550002" }
    const answer = await fetch(webhookUrl, {
      method: "POST",
      headers: { "x-twilio-signature": Signature.sign(authToken, webhookUrl, params) },
      body: new URLSearchParams(params)
    })
    assert.strictEqual(answer.status, 200)
    return answer.text()
  }

  const place = (script: Caller.CallerScript, seed: string) => {
    let talk = () => {}
    const talks = new Promise<void>((resolve) => {
      talk = resolve
    })
    const result = CarrierClient.placeCall({
      webhookUrl,
      script,
      seed,
      authToken,
      accountSid,
      rest,
      onTrace: ({ _tag }) => {
        if (_tag === "AudioStarted") talk()
      }
    })
    return { result, talks }
  }
  const scripts = [...LATE.map(late), ...Array.from({ length: ENDING }, () => ending)]
  const placed = scripts.map((script, index) => place(script, `drain ${index}`))
  const awaited = await webhook(`CA${"a".repeat(32)}`)
  await Promise.all(placed.map(({ talks }) => talks))

  const get = (path: string) => fetch(url + path, { headers: { authorization: `Bearer ${READER}` } })
  assert.strictEqual((await get("/ready")).status, 200)
  const stoppedAt = performance.now()
  server.process.kill("SIGTERM")
  const readyAt = await readiness(() => get("/ready"))
  assert.isBelow(readyAt, stoppedAt + 100, "100 ms later it is not ready")
  assert.isBelow(performance.now(), stoppedAt + 1_000, "however slow the machine is")
  assert.strictEqual((await get("/")).status, 200, "it is alive")
  assert.match(await (await get("/metrics")).text(), /^offhook_draining 1$/m)
  assert.match(await webhook(`CA${"b".repeat(32)}`), /<Response><Say>We cannot take[^<]+<\/Say><Hangup\/><\/Response>$/)

  // The webhook came before the signal, the stream comes after it.
  const streamUrl = /url="([^"]+)"/.exec(awaited)?.[1] ?? ""
  const headers = { "x-twilio-signature": Signature.sign(authToken, streamUrl, {}) }
  const stream = new WebSocket(streamUrl, { headers })
  await once(stream, "open")
  stream.terminate()

  const results = await Promise.all(placed.map(({ result }) => result))
  assert.strictEqual(await server.ended, 0)
  assert.isBelow(performance.now() - stoppedAt, (SECONDS + 10) * 1_000)

  const whole = joined([audio["agent-greeting"], audio["agent-how-many"], audio["agent-goodbye"]])
  const [one, two] = [audio["agent-greeting"], joined([audio["agent-greeting"], audio["agent-how-many"]])]
  for (const [index, result] of results.entries()) {
    const recording = Recording.parse(readFileSync(join(directory, "recordings", `${result.callSid}.jsonl`), "utf8"))
    const replay = Replay.run(recording)
    if (!replay.same || recording.end.end !== "complete") return assert.fail("the recording is not whole")
    const turns = replay.commands.flatMap((command) => (command._tag === "Settled" ? [command.turn] : []))
    assert.deepStrictEqual(turns.filter(isCut), [])
    if (index >= LATE.length) {
      assert.strictEqual(recording.end.summary.outcome, "agent hung up")
      assert.strictEqual(result.reason, "rest")
      assert.isTrue(Buffer.from(heard(result)).equals(whole), "the agent was heard word for word")
      assert.deepStrictEqual(recording.end.summary.turns, { caller: 2, agent: 3 })
    } else {
      assert.strictEqual(recording.end.summary.outcome, "shutdown")
      assert.strictEqual(result.reason, "twiml")
      const ear = Buffer.from(heard(result))
      assert.isTrue(ear.equals(one) || ear.equals(two), "sentences are whole")
      const said = result.traces.flatMap(({ trace }) => (trace._tag === "VerbExecuted" ? [trace.verb] : []))
      assert.deepStrictEqual(said.slice(-2), ["Say", "Hangup"])
    }
  }
  assert.strictEqual(readdirSync(join(directory, "recordings")).length, placed.length + 1)

  const questions = model.sessions.map(({ model: { received } }) => {
    const bytes = received.bytes()
    return occurrences(bytes, audio["caller-how-many"]) + occurrences(bytes, audio["caller-yes"])
  })
  assert.strictEqual(questions.filter((count) => count === 2).length, ENDING, "callers were heard word for word")
}, 60_000)

const isCut = (turn: Turn): boolean => turn.speaker === "agent" && (turn.interrupted || turn.heardMs < turn.generatedMs)
