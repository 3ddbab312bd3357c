import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as AppConfig from "../src/config/AppConfig.ts"

const KEY = "sk-proj-ThisIsSecret"
const TOKEN = "0123456789abcdef0123456789abcdef"
const SID = "ACabcdefabcdefabcdefabcdefabcdefab"

const load = (variables: Readonly<Record<string, string>>) =>
  AppConfig.load.pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables)))))

const problems = (variables: Readonly<Record<string, string>>) =>
  load(variables).pipe(
    Effect.match({ onSuccess: () => [], onFailure: ({ problems }) => problems }),
    Effect.map((found) => found.map(({ name, problem }) => `${name} ${problem}`))
  )

describe("AppConfig", () => {
  it.effect("a key alone: everything else has its default", () =>
    Effect.gen(function* () {
      const settings = yield* load({ OPENAI_API_KEY: KEY })
      assert.strictEqual(Redacted.value(settings.openai.apiKey), KEY)
      const { openai: _, ...rest } = settings
      assert.deepStrictEqual(rest, {
        port: 5050,
        host: "127.0.0.1",
        publicUrl: null,
        twilio: { accountSid: null, tokens: [], subaccounts: new Map(), apiUrl: "https://api.twilio.com" },
        api: { operator: null, reader: null },
        agentFile: null,
        recordings: {
          directory: "recordings",
          audio: false,
          digits: false,
          numbers: false,
          days: 30,
          maxBytes: 16 * 1024 * 1024
        },
        greetingLine: null,
        tailLine: null,
        busyLine: null,
        drain: { seconds: 20, url: null },
        logLevel: LogLevel.Info,
        traces: null,
        maxCalls: 100,
        callers: { allow: [], deny: [], callerPerMinute: 10, callerPerHour: 60, perMinute: 300 }
      })
      assert.deepStrictEqual([settings.openai.url, settings.openai.model], ["wss://api.openai.com/v1/realtime", null])
    })
  )

  it.effect("everything set", () =>
    Effect.gen(function* () {
      const settings = yield* load({
        OPENAI_API_KEY: KEY,
        OPENAI_MODEL: "gpt-realtime-2",
        OPENAI_REALTIME_URL: "ws://127.0.0.1:9000/v1/realtime",
        PORT: "0",
        PUBLIC_URL: "https://voice.example.com/offhook/",
        TWILIO_ACCOUNT_SID: SID,
        TWILIO_AUTH_TOKEN: TOKEN,
        TWILIO_AUTH_TOKEN_SECONDARY: `f${TOKEN.slice(1)}`,
        TWILIO_API_URL: "http://localhost:9001",
        OFFHOOK_AGENT: "agent.json",
        OFFHOOK_RECORDINGS: "off",
        OFFHOOK_RECORD_AUDIO: "yes",
        OFFHOOK_GREETING_LINE: " One moment. ",
        HOST: ""
      })
      assert.deepStrictEqual(settings.twilio.tokens.map(Redacted.value), [TOKEN, `f${TOKEN.slice(1)}`])
      assert.strictEqual(settings.openai.url, "ws://127.0.0.1:9000/v1/realtime")
      assert.strictEqual(settings.host, "0.0.0.0")
      assert.strictEqual(settings.port, 0)
      assert.strictEqual(settings.publicUrl, "https://voice.example.com/offhook")
      assert.strictEqual(settings.recordings, null)
      assert.strictEqual(settings.greetingLine, "One moment.")
      assert.notInclude(JSON.stringify(settings), TOKEN)
      assert.notInclude(JSON.stringify(settings), KEY)
    })
  )

  it.effect("log level and traces, and nothing of the collector's key where settings are shown", () =>
    Effect.gen(function* () {
      const settings = yield* load({
        OPENAI_API_KEY: KEY,
        OFFHOOK_LOG_LEVEL: "Debug",
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/",
        OTEL_EXPORTER_OTLP_HEADERS: `x-api-key=${TOKEN},x-team=voice%20agents`,
        OTEL_SERVICE_NAME: "reception"
      })
      assert.strictEqual(settings.logLevel, LogLevel.Debug)
      assert.strictEqual(settings.traces?.url, "http://collector:4318/v1/traces")
      assert.strictEqual(settings.traces?.serviceName, "reception")
      const headers = Object.entries(settings.traces?.headers ?? {}).map(([name, value]) => [
        name,
        Redacted.value(value)
      ])
      assert.deepStrictEqual(headers, [
        ["x-api-key", TOKEN],
        ["x-team", "voice agents"]
      ])
      assert.notInclude(JSON.stringify(settings), TOKEN)

      assert.deepStrictEqual(
        yield* problems({
          OPENAI_API_KEY: KEY,
          OFFHOOK_LOG_LEVEL: "loud",
          OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318",
          OTEL_EXPORTER_OTLP_HEADERS: TOKEN
        }),
        [
          "OFFHOOK_LOG_LEVEL must be one of debug, info, warning, error",
          "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that begins with http:// or https://, without user name, query and fragment",
          "OTEL_EXPORTER_OTLP_HEADERS must be name=value, several separated by commas, values percent-encoded"
        ]
      )
    })
  )

  it.effect("the API's tokens are two, are long, and are secrets", () =>
    Effect.gen(function* () {
      const [operator, reader] = ["o".repeat(16), "r".repeat(16)]
      const { api } = yield* load({
        OPENAI_API_KEY: KEY,
        OFFHOOK_API_TOKEN: operator,
        OFFHOOK_API_READ_TOKEN: ` ${reader} `
      })
      assert.strictEqual(api.operator && Redacted.value(api.operator), operator)
      assert.strictEqual(api.reader && Redacted.value(api.reader), reader)
      assert.notInclude(JSON.stringify(api), operator)
      const short = { OPENAI_API_KEY: KEY, OFFHOOK_API_TOKEN: "o".repeat(15) }
      assert.deepStrictEqual(yield* problems(short), ["OFFHOOK_API_TOKEN must have 16 characters or more"])
      assert.deepStrictEqual(
        yield* problems({ OPENAI_API_KEY: KEY, OFFHOOK_API_TOKEN: operator, OFFHOOK_API_READ_TOKEN: operator }),
        ["OFFHOOK_API_READ_TOKEN is OFFHOOK_API_TOKEN itself"]
      )
    })
  )

  it.effect("what is in force is told without secrets, queries and numbers", () =>
    Effect.gen(function* () {
      const told = yield* AppConfig.effective.pipe(
        Effect.withConfigProvider(
          ConfigProvider.fromMap(
            new Map([
              ["OPENAI_API_KEY", KEY],
              ["OPENAI_REALTIME_URL", `wss://model.example.com/v1?api-key=${TOKEN}`],
              ["TWILIO_AUTH_TOKEN", TOKEN],
              ["TWILIO_AUTH_TOKEN_SECONDARY", ""],
              ["OFFHOOK_API_TOKEN", TOKEN],
              ["OFFHOOK_ALLOW_CALLERS", "+15551230001"],
              ["OFFHOOK_BUSY_LINE", "Call +15551230001."],
              ["OFFHOOK_RECORDINGS_BYTES", "16777216"]
            ])
          )
        )
      )
      assert.deepStrictEqual(
        told.map(({ name }) => name),
        AppConfig.fields.map(({ name }) => name)
      )
      const set = told.filter(({ isDefault }) => !isDefault).map(({ name, value }) => [name, value])
      assert.deepStrictEqual(Object.fromEntries(set), {
        OPENAI_API_KEY: "(set)",
        OPENAI_REALTIME_URL: "wss://model.example.com/v1?(set)",
        TWILIO_AUTH_TOKEN: "(set)",
        OFFHOOK_API_TOKEN: "(set)",
        OFFHOOK_ALLOW_CALLERS: "(set)",
        OFFHOOK_BUSY_LINE: "Call **********01.",
        OFFHOOK_RECORDINGS_BYTES: "16777216"
      })
      assert.deepInclude(told, { name: "PORT", value: "5050", isDefault: true })
      assert.deepInclude(told, { name: "TWILIO_AUTH_TOKEN_SECONDARY", value: null, isDefault: true })
    })
  )

  it.effect("every problem at once, and no value of a secret in any", () =>
    Effect.gen(function* () {
      const found = yield* problems({
        PORT: "70000",
        PUBLIC_URL: "http://voice.example.com",
        OPENAI_API_KEY: `${KEY} and more`,
        OPENAI_REALTIME_URL: "https://api.openai.com",
        // Put into each other's place.
        TWILIO_ACCOUNT_SID: TOKEN,
        TWILIO_AUTH_TOKEN_SECONDARY: SID,
        TWILIO_API_URL: "https://user:secret@api.twilio.com",
        OFFHOOK_RECORD_AUDIO: "maybe",
        OFFHOOK_RECORDINGS_DAYS: "0"
      })
      assert.deepStrictEqual(found, [
        "OPENAI_API_KEY must be printable ASCII without spaces",
        "PORT must be a whole number from 0 to 65535",
        "PUBLIC_URL must begin with https://: http:// is allowed for this machine alone (localhost)",
        "TWILIO_AUTH_TOKEN is not set, but TWILIO_AUTH_TOKEN_SECONDARY is",
        "TWILIO_AUTH_TOKEN is not set, but TWILIO_ACCOUNT_SID is",
        "TWILIO_ACCOUNT_SID must be AC and 32 hexadecimal digits",
        "OFFHOOK_RECORD_AUDIO must be true or false",
        "OFFHOOK_RECORDINGS_DAYS must be a whole number from 1 to 36500",
        "OPENAI_REALTIME_URL must be a URL that begins with wss://",
        "TWILIO_API_URL must hold no user name or password"
      ])
      assert.notInclude(found.join(), TOKEN)
      assert.notInclude(found.join(), "Secret")
    })
  )

  it.effect("nothing set: the key is what is missing; a token needs the public URL", () =>
    Effect.gen(function* () {
      assert.match((yield* problems({})).join(), /^OPENAI_API_KEY is not set/)
      assert.match(
        (yield* problems({ OPENAI_API_KEY: KEY, TWILIO_AUTH_TOKEN: TOKEN })).join(),
        /^PUBLIC_URL is not set/
      )
    })
  )

  it.effect("loopback URLs may be plain, others and queries not", () =>
    Effect.gen(function* () {
      for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
        assert.deepStrictEqual(yield* problems({ OPENAI_API_KEY: KEY, PUBLIC_URL: `http://${host}:5050` }), [])
      }
      for (const url of ["http://127.0.0.1.example.com", "https://a.example/?x=1", "ftp://a.example", "a.example"]) {
        assert.strictEqual((yield* problems({ OPENAI_API_KEY: KEY, PUBLIC_URL: url })).length, 1, url)
      }
    })
  )

  it.effect("subaccounts' tokens by account, callers by list; no value of theirs in a problem", () =>
    Effect.gen(function* () {
      const SUB = SID.replace("ACab", "ACcd")
      const checked = { OPENAI_API_KEY: KEY, TWILIO_AUTH_TOKEN: TOKEN, PUBLIC_URL: "https://voice.example.com" }
      const { callers, twilio } = yield* load({
        ...checked,
        TWILIO_SUBACCOUNT_TOKENS: `${SID}=one, ${SUB}=two,${SID}=three`,
        OFFHOOK_ALLOW_CALLERS: "+15551230001, +49*",
        OFFHOOK_DENY_CALLERS: "anonymous,sip:ann@example.com"
      })
      assert.deepStrictEqual(
        [...twilio.subaccounts].map(([sid, tokens]) => [sid, tokens.map(Redacted.value)]),
        [
          [SID, ["one", "three"]],
          [SUB, ["two"]]
        ]
      )
      assert.deepStrictEqual(callers.allow, ["+15551230001", "+49*"])
      assert.deepStrictEqual(callers.deny, ["anonymous", "sip:ann@example.com"])
      const found = yield* problems({
        ...checked,
        TWILIO_SUBACCOUNT_TOKENS: `${TOKEN}=${SID}`,
        OFFHOOK_ALLOW_CALLERS: "0049 151 12345678",
        OFFHOOK_MAX_CALLS: "0"
      })
      assert.deepStrictEqual(found.map((problem) => problem.split(" ")[0]).sort(), [
        "OFFHOOK_ALLOW_CALLERS",
        "OFFHOOK_MAX_CALLS",
        "TWILIO_SUBACCOUNT_TOKENS"
      ])
      assert.notInclude(found.join(), TOKEN)
      assert.match(
        (yield* problems({ OPENAI_API_KEY: KEY, TWILIO_SUBACCOUNT_TOKENS: `${SID}=one` })).join(),
        /^TWILIO_AUTH_TOKEN is not set, but TWILIO_SUBACCOUNT_TOKENS is/
      )
    })
  )

  it.effect("a host and a model are one word", () =>
    Effect.gen(function* () {
      for (const HOST of ["0.0.0.0", "::1", "fe80::1%eth0", "voice.local"]) {
        const checked = { TWILIO_AUTH_TOKEN: TOKEN, PUBLIC_URL: "https://voice.example.com" }
        assert.deepStrictEqual(yield* problems({ OPENAI_API_KEY: KEY, ...checked, HOST }), [])
      }
      assert.deepStrictEqual(yield* problems({ OPENAI_API_KEY: KEY, HOST: "http://a", OPENAI_MODEL: "gpt realtime" }), [
        "HOST must be an IP address or a host name",
        "HOST must be this machine (127.0.0.1) without TWILIO_AUTH_TOKEN, since anybody could begin calls",
        "OPENAI_MODEL must be the name of a realtime model"
      ])
    })
  )
})
