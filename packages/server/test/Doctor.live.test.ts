/** `offhook doctor` against a whole deployment over real sockets, proxy included; then each thing is broken once. */

import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { Calls, type Problem, Tools } from "@offhook/adapters"
import { Brain, CarrierRest, type Fault, ModelServer } from "@offhook/simulator"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { beforeAll } from "vitest"
import * as App from "../src/App.ts"
import * as Doctor from "../src/doctor/Doctor.ts"
import * as Report from "../src/doctor/Report.ts"
import * as Startup from "../src/Startup.ts"
import { BUILD_MS, build, main, root } from "./support/Built.ts"
import { accountSid, clip, closing, KEY, OPERATOR } from "./support/Live.ts"
import * as Port from "./support/Port.ts"
import * as ReverseProxy from "./support/ReverseProxy.ts"

const TOKEN = "5e0af1c2b3d4e5f60718293a4b5c6d7e"
const NUMBER = "+15550100042"

/** As `Report.json` has it. */
interface Line {
  readonly check: string
  readonly result: "ok" | "skipped" | "to do"
  readonly text: string
  readonly fix?: string
}

type Env = Readonly<Record<string, string>>

interface Broken {
  /** Of the server; the doctor has the same, unless `doctor` says otherwise. */
  readonly server?: Env
  readonly doctor?: Env
  readonly proxy?: ReverseProxy.Options
  readonly faults?: ReadonlyArray<Fault.Fault>
  readonly numbers?: (webhook: string) => ReadonlyArray<CarrierRest.PhoneNumber>
  /** Of subaccounts, as Twilio knows them. */
  readonly authTokens?: Env
}

interface Deployment {
  readonly env: Env
  readonly webhook: string
  readonly calls: Context.Tag.Service<Calls.Calls>
  readonly model: ModelServer.ModelServer
  readonly logs: ReadonlyArray<string>
  readonly examined: Effect.Effect<ReadonlyArray<Line>, Problem.StartupProblems>
}

const deployed = Effect.fnUntraced(function* ({
  authTokens = {},
  doctor = {},
  faults = [],
  numbers,
  proxy = {},
  server = {}
}: Broken = {}) {
  const port = yield* Effect.promise(Port.free)
  const front = yield* closing(() => ReverseProxy.start(port, proxy))
  const brain = Brain.scripted([{ parts: [Brain.say(clip("agent-opening-hours"))] }])
  const model = yield* closing(() => ModelServer.start({ brain, seed: "doctor", apiKey: KEY, faults }))
  const webhook = `${front.url}/incoming-call`
  const listed = numbers?.(webhook) ?? [{ phoneNumber: NUMBER, voiceUrl: webhook }]
  const rest = yield* closing(() => CarrierRest.start({ authToken: TOKEN, authTokens, numbers: listed }))
  const env: Env = {
    OPENAI_API_KEY: KEY,
    OPENAI_REALTIME_URL: model.url,
    PORT: String(port),
    HOST: "127.0.0.1",
    PUBLIC_URL: front.url,
    TWILIO_ACCOUNT_SID: accountSid,
    TWILIO_AUTH_TOKEN: TOKEN,
    TWILIO_API_URL: rest.url,
    OFFHOOK_API_TOKEN: OPERATOR,
    OFFHOOK_RECORDINGS: "off",
    ...server
  }
  const { agent, configuration, settings } = yield* Startup.load(env)
  const logs: Array<string> = []
  const app = yield* App.layer({
    settings,
    agent,
    configuration,
    tools: Tools.Tools.layerNone,
    rest: App.restOf(settings),
    simulated: false
  }).pipe(
    Layer.provide(
      Logger.replace(
        Logger.defaultLogger,
        Logger.make((entry) => void logs.push(Logger.logfmtLogger.log(entry)))
      )
    ),
    Layer.build
  )
  return {
    env,
    webhook,
    model,
    logs,
    calls: Context.get(app, Calls.Calls),
    examined: examined({ ...env, ...doctor })
  } satisfies Deployment
}, Effect.provide(NodeContext.layer))

const examined = (env: Env): Effect.Effect<ReadonlyArray<Line>, Problem.StartupProblems> =>
  Effect.gen(function* () {
    const told: Array<string> = []
    const found = yield* Doctor.examine(yield* Startup.load(env), (one) => void told.push(...Report.lines(one)))
    const text = [...told, Report.json(found)].join("\n")
    for (const secret of [KEY, TOKEN, OPERATOR, NUMBER, NUMBER.slice(1, -2), "sk-wrong"]) {
      assert.notInclude(text, secret)
    }
    const lines = JSON.parse(Report.json(found)) as ReadonlyArray<Line>
    for (const { check, fix, result } of lines) {
      assert.isTrue(told.some((line) => line.startsWith(result) && line.includes(check)))
      assert.strictEqual(fix !== undefined, result === "to do", check)
    }
    return lines
  }).pipe(Effect.provide([Tools.Tools.layerNone, NodeContext.layer]))

/** Only these have something to do, and say so in these words. */
const toDo = (lines: ReadonlyArray<Line>, expected: Readonly<Record<string, RegExp>>): void => {
  const found = lines.filter(({ result }) => result === "to do")
  assert.deepStrictEqual(
    found.map(({ check }) => check),
    Object.keys(expected),
    JSON.stringify(found, null, 2)
  )
  for (const { check, fix, text } of found) assert.match(`${text} → ${fix}`, expected[check] ?? /^$/)
}

const resultsOf = (lines: ReadonlyArray<Line>): Readonly<Record<string, string>> =>
  Object.fromEntries(lines.map(({ check, result }) => [check, result]))

describe("a deployment that is whole", () => {
  it.scopedLive("every check is ok, and nothing of the test call is left", () =>
    Effect.gen(function* () {
      const { calls, examined, logs, model } = yield* deployed()
      const lines = yield* examined
      assert.deepStrictEqual(
        lines.map(({ check, result, text }) => [check, result === "ok" ? result : text]),
        Doctor.checks.map(({ name }) => [name, "ok"])
      )
      assert.match(lines.find(({ check }) => check === "first frame")?.text ?? "", /heard after \d+ ms/)
      assert.match(lines.find(({ check }) => check === "number")?.text ?? "", /^\+\*{9}42 calls http/)
      yield* Effect.timeout(calls.idle, "5 seconds")
      yield* Effect.promise(() => Promise.all(model.sessions.map(({ closed }) => closed)))
      assert.strictEqual(model.sessions.length, 2)
      assert.isTrue(
        logs.every((line) => !line.includes("refused")),
        logs.join("\n")
      )
      assert.match(logs.filter((line) => line.includes("call ended")).join(), /outcome="caller hung up".*CAdoctor/)
    })
  )

  it.scopedLive("twice, where only some may call: the test call comes from one of them", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ server: { OFFHOOK_ALLOW_CALLERS: "+4930*" } })
      for (let time = 0; time < 2; time++) toDo(yield* examined, {})
    })
  )
})

describe("the model", () => {
  it.scopedLive("a wrong key, here alone: the server's is right", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ doctor: { OPENAI_API_KEY: "sk-wrong-0123456789" } })
      toDo(yield* examined, { model: /does not know the key → create a key/ })
    })
  )

  it.scopedLive("a wrong key of the server too: the test call ends before a sound", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ server: { OPENAI_API_KEY: "sk-wrong-0123456789" } })
      toDo(yield* examined, { model: /does not know the key/, "first frame": /ended the test call before a sound/ })
    })
  )

  it.scopedLive("a model that does not exist", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({
        faults: [{ _tag: "Error", code: "model_not_found", after: "session.created" }]
      })
      const lines = yield* examined
      assert.strictEqual(resultsOf(lines)["model"], "to do")
      assert.match(lines.find(({ check }) => check === "model")?.fix ?? "", /OPENAI_MODEL/)
    })
  )

  it.scopedLive("another format is echoed: callers would hear noise", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({
        faults: [{ _tag: "FormatChanged", format: { type: "audio/pcm", rate: 24_000 } }]
      })
      toDo(yield* examined, { model: /echoes audio\/pcm, not audio\/pcmu/, "first frame": /before a sound/ })
    })
  )

  it.scopedLive("the session is refused for something in the agent file", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ faults: [{ _tag: "UpdateRefused", code: "invalid_value" }] })
      const lines = yield* examined
      assert.match(lines.find(({ check }) => check === "model")?.text ?? "", /the session was refused: invalid_value/)
    })
  )

  it.scopedLive("an error that quotes the key and a number: the finding does not", () =>
    Effect.gen(function* () {
      const message = `Incorrect API key provided:\n${KEY} (call ${NUMBER})`
      const { examined } = yield* deployed({
        faults: [{ _tag: "Error", code: null, message, after: "session.created" }]
      })
      const text = (yield* examined).find(({ check }) => check === "model")?.text ?? ""
      assert.match(text, /Incorrect API key provided: \* \(call \*\)/)
    })
  )

  it.scopedLive("nobody there", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(Port.free)
      const { examined } = yield* deployed({ doctor: { OPENAI_REALTIME_URL: `ws://127.0.0.1:${port}/v1/realtime` } })
      toDo(yield* examined, { model: /cannot be reached/ })
    })
  )
})

describe("the way to the server", () => {
  const behind = ["TwiML", "upgrade", "first frame"]

  it.scopedLive("PUBLIC_URL where nobody listens", () =>
    Effect.gen(function* () {
      const { env, examined } = yield* deployed({
        doctor: { PUBLIC_URL: `http://localhost:${yield* Effect.promise(Port.free)}` }
      })
      const lines = yield* examined
      toDo(lines, {
        webhook: new RegExp(`cannot be reached.* → start Offhook.*port ${env["PORT"]}`),
        number: /no number calls this webhook.* → in the Twilio console/
      })
      for (const check of behind) assert.strictEqual(resultsOf(lines)[check], "skipped")
    })
  )

  it.scopedLive("PUBLIC_URL of a name that nobody has", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ doctor: { PUBLIC_URL: "https://offhook.invalid" } })
      const lines = yield* examined
      assert.match(lines.find(({ check }) => check === "webhook")?.text ?? "", /the name offhook.invalid is not known/)
    })
  )

  it.scopedLive("another PUBLIC_URL than the server has", () =>
    Effect.gen(function* () {
      const { env, examined: other } = yield* deployed()
      const second = yield* closing(() => ReverseProxy.start(Number(env["PORT"]), {}))
      const lines = yield* examined({ ...env, PUBLIC_URL: second.url })
      assert.strictEqual(resultsOf(lines)["webhook"], "to do")
      assert.match(
        lines.find(({ check }) => check === "webhook")?.fix ?? "",
        /PUBLIC_URL and TWILIO_AUTH_TOKEN must be/
      )
      toDo(yield* other, {})
    })
  )

  it.scopedLive("another auth token than the server has", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ doctor: { TWILIO_AUTH_TOKEN: TOKEN.replace("5", "6") } })
      toDo(yield* examined, {
        webhook: /the signature is missing or wrong/,
        number: /Twilio refuses SID and token of the account/
      })
    })
  )

  it.scopedLive("a proxy that alters the path", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ proxy: { path: (path) => `/voice${path}` } })
      toDo(yield* examined, { webhook: /refuses with 404.* → let the proxy pass the path/ })
    })
  )

  it.scopedLive("a proxy that adds to the query", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ proxy: { path: (path) => `${path}?from=proxy` } })
      toDo(yield* examined, { webhook: /signature is missing or wrong → .*leave path, query/ })
    })
  )

  it.scopedLive("a proxy that alters the path of the stream alone", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ proxy: { path: (path) => path.replace("/media-stream", "/stream") } })
      toDo(yield* examined, { upgrade: /refuses the upgrade with 404.*let the proxy pass WebSockets/ })
    })
  )

  it.scopedLive("a proxy that passes the upgrade as an ordinary request, and the test call does not wait", () =>
    Effect.gen(function* () {
      const { calls, examined } = yield* deployed({ proxy: { upgrade: "ordinary" } })
      const lines = yield* examined
      toDo(lines, { upgrade: /refuses the upgrade with 404.*let the proxy pass WebSockets/ })
      assert.strictEqual(resultsOf(lines)["first frame"], "skipped")
      yield* Effect.timeout(calls.idle, "5 seconds")
    })
  )

  it.scopedLive("a proxy that cuts the upgrade", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ proxy: { upgrade: "cut" } })
      toDo(yield* examined, { upgrade: /the connection is lost.*let the proxy pass WebSockets/ })
    })
  )

  it.scopedLive("a proxy that takes the signature away from the upgrade", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ proxy: { upgrade: "unsigned" } })
      toDo(yield* examined, { upgrade: /signature is missing or wrong.*X-Twilio-Signature/ })
    })
  )

  it.scopedLive("a tunnel without its server", () =>
    Effect.gen(function* () {
      const { env, examined } = yield* deployed({ proxy: { status: 502 } })
      toDo(yield* examined, { webhook: new RegExp(`answers 502.* → start Offhook.*port ${env["PORT"]}`) })
    })
  )

  it.scopedLive("a redirect", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ proxy: { status: 308 } })
      toDo(yield* examined, { webhook: /redirects \(308\) → set PUBLIC_URL/ })
    })
  )

  it.scopedLive("somebody else's 200", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ proxy: { status: 200 } })
      toDo(yield* examined, { TwiML: /no TwiML \(Twilio's error 12300/ })
    })
  )

  it.scopedLive("TwiML that sends the call elsewhere", () =>
    Effect.gen(function* () {
      const body = '<Response><Connect><Stream url="wss://example.com/media-stream/secret-token"/></Connect></Response>'
      const { examined } = yield* deployed({ proxy: { status: 200, page: { contentType: "text/xml", body } } })
      const lines = yield* examined
      toDo(lines, {
        TwiML: /at wss:\/\/example.com\/media-stream, not under this PUBLIC_URL → give the server the same/
      })
      assert.notInclude(JSON.stringify(lines), "secret-token")
    })
  )

  it.scopedLive("callers are denied", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ server: { OFFHOOK_DENY_CALLERS: "client:offhook-*" } })
      toDo(yield* examined, { TwiML: /rejected.* → .*OFFHOOK_DENY_CALLERS/ })
    })
  )

  it.scopedLive("a server that is full", () =>
    Effect.gen(function* () {
      const { calls, examined } = yield* deployed({ server: { OFFHOOK_MAX_CALLS: "1" } })
      yield* calls.admit({ callSid: "CA1", accountSid })
      toDo(yield* examined, { TwiML: /not taken.* → .*OFFHOOK_MAX_CALLS/ })
      yield* calls.endAll("operator")
    })
  )
})

describe("around it", () => {
  it.scopedLive("no Twilio token: this machine is examined, and the number cannot be", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({
        server: { TWILIO_ACCOUNT_SID: "", TWILIO_AUTH_TOKEN: "", PUBLIC_URL: "" }
      })
      const lines = yield* examined
      toDo(lines, { configuration: /no Twilio token.* → set TWILIO_AUTH_TOKEN and PUBLIC_URL/ })
      assert.strictEqual(resultsOf(lines)["first frame"], "ok")
      assert.strictEqual(resultsOf(lines)["number"], "skipped")
    })
  )

  it.scopedLive("a PUBLIC_URL of this machine, which Twilio cannot reach", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ doctor: { TWILIO_API_URL: "https://twilio.invalid" } })
      toDo(yield* examined, {
        configuration: /nobody but this machine can reach → set it to the address of your tunnel/,
        number: /the name twilio.invalid is not known/
      })
    })
  )

  it.scopedLive("a port that a stranger has", () =>
    Effect.gen(function* () {
      const stranger = yield* closing(() => ReverseProxy.start(0, { status: 200 }))
      const { examined } = yield* deployed({ doctor: { PORT: new URL(stranger.url).port } })
      toDo(yield* examined, { port: /is taken by something that is not Offhook → stop the program/ })
    })
  )

  it.scopedLive(
    "a port on which nobody answers a word",
    () =>
      Effect.gen(function* () {
        const mute = yield* closing(ReverseProxy.startMute)
        const { examined } = yield* deployed({ doctor: { PORT: String(mute.port) } })
        toDo(yield* examined, { port: /is taken by something that is not Offhook/ })
      }),
    30_000
  )

  it.scopedLive("a port that is free", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ doctor: { PORT: String(yield* Effect.promise(Port.free)) } })
      const lines = yield* examined
      toDo(lines, {})
      assert.match(lines.find(({ check }) => check === "port")?.text ?? "", /is free/)
    })
  )

  it.scopedLive("a server that is stopping", () =>
    Effect.gen(function* () {
      const { calls, examined } = yield* deployed()
      yield* calls.close
      toDo(yield* examined, { port: /takes no calls/, TwiML: /not taken/ })
    })
  )

  for (const [minutes, what] of [
    [5, "behind"],
    [-5, "ahead of"]
  ] as const) {
    it.scopedLive(`a clock 5 minutes ${what} the others`, () =>
      Effect.gen(function* () {
        const twilio = yield* closing(() => ReverseProxy.start(0, { status: 404, minutes }))
        const { examined } = yield* deployed({ doctor: { TWILIO_API_URL: twilio.url } })
        toDo(yield* examined, {
          clock: new RegExp(`^(29[5-9]|30[0-5]) s ${what} 127.* → let the system keep the time`),
          number: /Twilio's REST API answers 404/
        })
      })
    )
  }

  it.scopedLive("the number's webhook elsewhere, in an app, or nowhere", () =>
    Effect.gen(function* () {
      const elsewhere = yield* deployed({
        numbers: () => [{ phoneNumber: NUMBER, voiceUrl: "https://user:secret@demo.twilio.com/welcome?key=secret" }]
      })
      const lines = yield* elsewhere.examined
      toDo(lines, { number: /\*42 calls https:\/\/demo.twilio.com\/welcome → .*incoming-call, HTTP POST/ })
      assert.notInclude(JSON.stringify(lines), "secret")
      const app = yield* deployed({
        numbers: (voiceUrl) => [{ phoneNumber: NUMBER, voiceUrl, voiceApplicationSid: "AP1" }]
      })
      toDo(yield* app.examined, { number: /given to a TwiML app/ })
      const none = yield* deployed({ numbers: () => [] })
      toDo(yield* none.examined, { number: /there is no phone number → buy one/ })
    })
  )
})

describe("several accounts", () => {
  const [SUB, OTHER] = ["a", "b"].map((letter) => `AC${letter.repeat(32)}`) as [string, string]
  const authTokens = { [SUB]: "5ub".repeat(4), [OTHER]: "07her".repeat(4) }
  const server = {
    TWILIO_SUBACCOUNT_TOKENS: Object.entries(authTokens)
      .map((entry) => entry.join("="))
      .join()
  }
  const number = (accountSid: string, voiceUrl: string) => ({ accountSid, phoneNumber: NUMBER, voiceUrl })

  it.scopedLive("a subaccount's number calls, and it is asked by its own token", () =>
    Effect.gen(function* () {
      const numbers = (webhook: string) => [number(accountSid, "https://example.com/"), number(OTHER, webhook)]
      const lines = yield* (yield* deployed({ authTokens, server, numbers })).examined
      toDo(lines, {})
      assert.match(lines.find(({ check }) => check === "number")?.text ?? "", /^\+\*{9}42 calls http/)
    })
  )

  it.scopedLive("none of theirs calls", () =>
    Effect.gen(function* () {
      const numbers = () => [number(SUB, ""), number(OTHER, "https://example.com/voice")]
      const { examined } = yield* deployed({ authTokens, server, numbers })
      toDo(yield* examined, { number: /\*42 calls nothing; .*\*42 calls https:\/\/example.com\/voice → in the Twilio/ })
      const none = yield* deployed({ authTokens, server, numbers: () => [] })
      toDo(yield* none.examined, { number: /there is no phone number → buy one/ })
    })
  )

  it.scopedLive("a subaccount's token is wrong, though the main account's number calls", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({ authTokens: { ...authTokens, [SUB]: "an0ther" }, server })
      const lines = yield* examined
      toDo(lines, { number: /refuses SID and token of the subaccount …aaaa \(401\) → .*TWILIO_SUBACCOUNT_TOKENS/ })
      for (const token of Object.values(authTokens)) assert.notInclude(JSON.stringify(lines), token)
    })
  )

  it.scopedLive("more numbers than a page has: the last one counts", () =>
    Effect.gen(function* () {
      const { examined } = yield* deployed({
        numbers: (webhook) => [
          ...Array.from({ length: 400 }, () => number(accountSid, "")),
          number(accountSid, webhook)
        ]
      })
      toDo(yield* examined, {})
    })
  )
})

describe("the process", () => {
  beforeAll(build, BUILD_MS)

  const ran = (command: string, args: ReadonlyArray<string>, cwd: string, env: Env) =>
    Effect.async<{ readonly status: number | null; readonly output: string; readonly errors: string }>((resume) => {
      const child = spawn(command, args, { cwd, env: { PATH: process.env["PATH"], ...env } })
      let output = ""
      let errors = ""
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk
      })
      child.stderr.on("data", (chunk: Buffer) => {
        errors += chunk
      })
      child.once("close", (status) => resume(Effect.succeed({ status, output, errors })))
      return Effect.sync(() => child.kill("SIGKILL"))
    })

  /** In a directory without a `.env`. */
  const doctor = (args: ReadonlyArray<string>, env: Env) =>
    Effect.acquireUseRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "offhook-"))),
      (cwd) => ran(process.execPath, [main, "doctor", ...args], cwd, env),
      (cwd) => Effect.sync(() => rmSync(cwd, { recursive: true }))
    )

  it.scopedLive("its status: 0 all is well, 1 something to do, 78 the configuration", () =>
    Effect.gen(function* () {
      const { env } = yield* deployed()
      const well = yield* doctor([], env)
      assert.deepStrictEqual([well.status, well.errors], [0, ""], well.output)
      assert.match(well.output, /^ok +configuration[\s\S]*^ok +number[\s\S]*is well\.\n$/m)
      const ill = yield* doctor(["--json"], { ...env, OPENAI_API_KEY: "sk-wrong-0123456789" })
      assert.deepStrictEqual([ill.status, ill.errors], [1, ""])
      toDo(JSON.parse(ill.output) as ReadonlyArray<Line>, { model: /does not know the key/ })
      const nothing = yield* doctor([], { PORT: "x" })
      assert.strictEqual(nothing.status, 78)
      assert.match(nothing.errors, /OPENAI_API_KEY is not set[\s\S]*PORT must be/)
    })
  )

  it.live(
    "`npm run doctor` is the same",
    () =>
      Effect.gen(function* () {
        const { errors, status } = yield* ran("npm", ["run", "doctor"], root, { PORT: "x", OPENAI_API_KEY: KEY })
        assert.strictEqual(status, 78, errors)
        assert.match(errors, /PORT must be/)
      }),
    60_000
  )
})
