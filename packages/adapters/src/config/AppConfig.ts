/**
 * The program's configuration: environment variables, parsed once at start into one typed value.
 *
 * 1. Every problem is told at once: the variable, what it must look like, the fix.
 * 2. Secrets are `Redacted`, and no problem quotes a value that could be one put in the wrong place.
 * 3. A variable that is empty is not set: compose files and `.env` templates write them so.
 */

import { Agent } from "@offhook/core"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { MAX_CALLS } from "../Calls.ts"
import type * as CallTraces from "../CallTraces.ts"
import * as Loopback from "../net/Loopback.ts"
import * as RecordingSink from "../recording/RecordingSink.ts"
import * as Callers from "../twilio/Callers.ts"
import * as TwilioRest from "../twilio/TwilioRest.ts"
import { type Problem, StartupProblems } from "./Problem.ts"

export interface Settings {
  readonly port: number
  readonly host: string
  /** Without a slash at its end. */
  readonly publicUrl: string | null
  readonly openai: {
    readonly apiKey: Redacted.Redacted
    readonly url: string
    /** Null: the agent's. */
    readonly model: string | null
  }
  readonly twilio: {
    readonly accountSid: string | null
    /** Those that may have signed, the primary first; none: signatures are not checked. */
    readonly tokens: ReadonlyArray<Redacted.Redacted>
    /** By account SID. */
    readonly subaccounts: ReadonlyMap<string, ReadonlyArray<Redacted.Redacted>>
    readonly apiUrl: string
  }
  /** The tokens of the HTTP API; both null: it answers nobody. */
  readonly api: { readonly operator: Redacted.Redacted | null; readonly reader: Redacted.Redacted | null }
  readonly maxCalls: number
  readonly callers: Callers.Options
  /** The path of the agent file; null: the built-in agent. */
  readonly agentFile: string | null
  /** Null: nothing is recorded. */
  readonly recordings: {
    readonly directory: string
    readonly audio: boolean
    readonly digits: boolean
    readonly numbers: boolean
    readonly days: number
    readonly maxBytes: number
  } | null
  readonly greetingLine: string | null
  readonly tailLine: string | null
  /** The least severe line that is logged. */
  readonly logLevel: LogLevel.LogLevel
  /** Where traces of calls go; null: nowhere. */
  readonly traces: Omit<CallTraces.Options, "serviceVersion"> | null
  readonly busyLine: string | null
  /** How long live calls may go on when the server stops, and where new ones are sent; null: they hear an apology. */
  readonly drain: { readonly seconds: number; readonly url: string | null }
}

/**
 * With the polite end of the calls that are left under the 30 s after which Kubernetes kills. `docker stop` kills after
 * 10 s unless it is told otherwise, and systemd after 90 s.
 */
export const DRAIN_SECONDS = 20

export class AppConfig extends Context.Tag("@offhook/adapters/config/AppConfig")<AppConfig, Settings>() {
  static readonly layer: Layer.Layer<AppConfig, StartupProblems> = Layer.effect(
    this,
    Effect.suspend(() => load)
  )
}

export const REALTIME_URL = "wss://api.openai.com/v1/realtime"

export interface Field {
  readonly name: string
  /** As it is written; null: there is none. */
  readonly default: string | null
  readonly meaning: string
  /** Never shown: a key, or somebody's number. */
  readonly secret?: true
}

/** Every variable that is read, in the order of the manual. */
export const fields = [
  { name: "OPENAI_API_KEY", default: null, meaning: "key of the OpenAI account; required", secret: true },
  { name: "OPENAI_MODEL", default: null, meaning: "model that answers; without it the agent's" },
  { name: "OPENAI_REALTIME_URL", default: REALTIME_URL, meaning: "`wss://` URL of the Realtime API" },
  { name: "PORT", default: "5050", meaning: "port to listen on; 0 takes a free one" },
  {
    name: "HOST",
    default: null,
    meaning:
      "address to listen on; without it `127.0.0.1`, with `TWILIO_AUTH_TOKEN` `0.0.0.0`; without that token it must be " +
      "this machine's own"
  },
  {
    name: "PUBLIC_URL",
    default: null,
    meaning:
      "public origin such as `https://voice.example.com`: signatures are checked against it and the stream URL is " +
      "built from it; required with `TWILIO_AUTH_TOKEN`"
  },
  { name: "TWILIO_ACCOUNT_SID", default: null, meaning: "Twilio account, to hang up by REST" },
  {
    name: "TWILIO_AUTH_TOKEN",
    default: null,
    meaning: "Twilio's auth token: with it only what Twilio signed is answered",
    secret: true
  },
  {
    name: "TWILIO_AUTH_TOKEN_SECONDARY",
    default: null,
    meaning: "the other token during a rotation: signatures of either are taken",
    secret: true
  },
  {
    name: "TWILIO_SUBACCOUNT_TOKENS",
    default: null,
    meaning:
      "auth tokens of subaccounts whose numbers call here, `AC…=token,AC…=token`: `AccountSid` chooses which; an " +
      "account may stand twice during a rotation",
    secret: true
  },
  { name: "TWILIO_API_URL", default: TwilioRest.API_URL, meaning: "origin of Twilio's REST API" },
  {
    name: "OFFHOOK_AGENT",
    default: null,
    meaning: "path of the agent file (docs/agent.schema.json); without it a built-in agent that greets first"
  },
  { name: "OFFHOOK_GREETING_LINE", default: null, meaning: "sentence that Twilio speaks before the agent is there" },
  {
    name: "OFFHOOK_TAIL_LINE",
    default: null,
    meaning: "sentence that Twilio speaks when our connection is gone; without it a thank-you and goodbye"
  },
  { name: "OFFHOOK_MAX_CALLS", default: String(MAX_CALLS), meaning: "calls that may be live at once" },
  {
    name: "OFFHOOK_BUSY_LINE",
    default: null,
    meaning: "sentence that Twilio speaks to a caller beyond that; without it an apology"
  },
  {
    name: "OFFHOOK_ALLOW_CALLERS",
    default: null,
    meaning: "who may call, separated by commas: numbers in E.164, beginnings such as `+49*`; without it everybody",
    secret: true
  },
  {
    name: "OFFHOOK_DENY_CALLERS",
    default: null,
    meaning: "who may not call, likewise; `anonymous` is who withholds the number. Wins over those who may",
    secret: true
  },
  {
    name: "OFFHOOK_CALLER_CALLS_PER_MINUTE",
    default: String(Callers.defaults.callerPerMinute),
    meaning: "calls of one caller in a minute; the next one hears a busy tone. 0: no limit"
  },
  {
    name: "OFFHOOK_CALLER_CALLS_PER_HOUR",
    default: String(Callers.defaults.callerPerHour),
    meaning: "calls of one caller in an hour, likewise"
  },
  {
    name: "OFFHOOK_CALLS_PER_MINUTE",
    default: String(Callers.defaults.perMinute),
    meaning: "calls of all callers in a minute; the next one hears the busy line. 0: no limit"
  },
  {
    name: "OFFHOOK_DRAIN_SECONDS",
    default: String(DRAIN_SECONDS),
    meaning:
      "how long live calls may go on when the server stops, 0: they end at once; the platform must wait 10 s longer " +
      "(docs/OPERATIONS.md)"
  },
  {
    name: "OFFHOOK_DRAIN_URL",
    default: null,
    meaning: "webhook that new calls are sent to meanwhile; without it they hear an apology"
  },
  { name: "OFFHOOK_RECORDINGS", default: "recordings", meaning: "directory of the recordings; `off` records nothing" },
  { name: "OFFHOOK_RECORD_AUDIO", default: "false", meaning: "keep the audio of both sides" },
  { name: "OFFHOOK_RECORD_DIGITS", default: "false", meaning: "keep the keys that callers press" },
  { name: "OFFHOOK_RECORD_NUMBERS", default: "false", meaning: "keep phone numbers" },
  {
    name: "OFFHOOK_RECORDINGS_DAYS",
    default: String(RecordingSink.DAYS),
    meaning: "recordings older than this are removed"
  },
  {
    name: "OFFHOOK_RECORDINGS_BYTES",
    default: String(RecordingSink.MAX_BYTES),
    meaning: "a recording that reaches this ends there"
  },
  {
    name: "OFFHOOK_API_TOKEN",
    default: null,
    meaning:
      "bearer token of the HTTP API and `/metrics`, to see and to end calls, 16 characters or more; with no token they " +
      "answer nobody (docs/API.md)",
    secret: true
  },
  {
    name: "OFFHOOK_API_READ_TOKEN",
    default: null,
    meaning: "another one, that may see and change nothing",
    secret: true
  },
  {
    name: "OFFHOOK_LOG_LEVEL",
    default: "info",
    meaning: "the least severe line that is logged: `debug` (each turn), `info` (each call), `warning` or `error`"
  },
  {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    default: null,
    meaning: "URL of an OpenTelemetry collector: traces of calls are posted to `v1/traces` under it, as JSON"
  },
  {
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    default: null,
    meaning: "headers of these posts, `name=value,name=value`, values percent-encoded",
    secret: true
  },
  { name: "OTEL_SERVICE_NAME", default: "offhook", meaning: "name of this server in traces" }
] as const satisfies ReadonlyArray<Field>

type Name = (typeof fields)[number]["name"]

/** From the ConfigProvider in place. */
export const load: Effect.Effect<Settings, StartupProblems> = Effect.suspend(() =>
  Effect.flatMap(Effect.all(given), (given) => {
    const { problems, settings } = parse(given)
    return problems.length === 0 ? Effect.succeed(settings) : Effect.fail(new StartupProblems({ problems }))
  })
)

/** A variable as it is in force. */
export interface Effective {
  readonly name: Name
  /** Null: not set, and without a default. */
  readonly value: string | null
  readonly isDefault: boolean
}

/** What is in place of a secret. */
const SET = "(set)"

/** Every variable as it is in force, for the operator: no secret, no query of a URL, no phone number. */
export const effective: Effect.Effect<ReadonlyArray<Effective>, StartupProblems> = Effect.suspend(() =>
  Effect.map(Effect.all(given), (given) =>
    fields.map((field: Field & { readonly name: Name }): Effective => {
      const value = Option.match(given[field.name], { onNone: () => "", onSome: Redacted.value }).trim()
      if (value === "") return { name: field.name, value: field.default, isDefault: true }
      const shown = field.secret === true ? SET : value.replace(/^(\w+:\/\/[^?#]*)[?#].*$/, `$1?${SET}`)
      return {
        name: field.name,
        value: shown.replace(/\+\d+(?=\d\d)/g, (number) => "*".repeat(number.length)),
        isDefault: false
      }
    })
  )
)

const parse = (
  given: Readonly<Record<Name, Option.Option<Redacted.Redacted>>>
): { readonly problems: ReadonlyArray<Problem>; readonly settings: Settings } => {
  const problems: Array<Problem> = []
  const wrong = (name: Name, problem: string, fix: string) => problems.push({ name, problem, fix })

  const text = (name: Name): string | null => {
    const value = Option.match(given[name], { onNone: () => "", onSome: Redacted.value }).trim()
    return value === "" ? null : value
  }

  const or = (name: Name): string => text(name) ?? (fields.find((field) => field.name === name) as Field).default ?? ""

  const secret = (name: Name): Redacted.Redacted | null => {
    const value = text(name)
    if (value === null) return null
    if (/[^\x21-\x7e]/.test(value)) {
      wrong(name, "must be printable ASCII without spaces", "copy it again, without quotes or line breaks")
    }
    return Redacted.make(value)
  }

  const matching = (name: Name, pattern: RegExp, shape: string, example: string): string | null => {
    const value = text(name)
    if (value !== null && !pattern.test(value)) {
      wrong(name, `must be ${shape}`, `set ${name}=${example}, or leave it out`)
    }
    return value
  }

  const list = (name: Name): ReadonlyArray<string> =>
    (text(name) ?? "")
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "")

  const callers = (name: Name): ReadonlyArray<string> => {
    const entries = list(name)
    if (!entries.every((entry) => /^(\+\d{1,15}\*?|[a-z]+|(client|sip):[^\s*]+\*?)$/.test(entry))) {
      wrong(
        name,
        "must be numbers in E.164, beginnings of them with *, SIP addresses or anonymous, separated by commas",
        `set ${name}=+15551230001,+49*`
      )
    }
    return entries
  }

  const whole = (name: Name, least: number, most: number, fix: string): number => {
    const value = or(name)
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    if (!(number >= least && number <= most)) wrong(name, `must be a whole number from ${least} to ${most}`, fix)
    return number
  }

  const flag = (name: Name): boolean => {
    const value = or(name).toLowerCase()
    if (!TRUE.includes(value) && !FALSE.includes(value)) {
      wrong(name, "must be true or false", `set ${name}=true, or leave it out`)
    }
    return TRUE.includes(value)
  }

  const url = (name: Name, value: string | null, scheme: "https" | "wss", example: string): string | null => {
    if (value === null) return null
    const fix = `set ${name}=${example}`
    const plain = scheme === "https" ? "http" : "ws"
    const parsed = URL.canParse(value) ? new URL(value) : null
    if (parsed === null || (parsed.protocol !== `${scheme}:` && parsed.protocol !== `${plain}:`)) {
      wrong(name, `must be a URL that begins with ${scheme}://`, fix)
    } else if (parsed.username !== "" || parsed.password !== "") {
      wrong(name, "must hold no user name or password", fix)
    } else if (parsed.protocol === `${plain}:` && !LOOPBACK.test(parsed.hostname)) {
      wrong(name, `must begin with ${scheme}://: ${plain}:// is allowed for this machine alone (localhost)`, fix)
    } else if (scheme === "https" && /[?#]/.test(value)) {
      wrong(name, "must hold no query and no fragment", fix)
    }
    return value.replace(/\/+$/, "")
  }

  const apiKey = secret("OPENAI_API_KEY")
  if (apiKey === null) {
    wrong(
      "OPENAI_API_KEY",
      "is not set, it must be the key of an OpenAI account (sk-…)",
      "create one at https://platform.openai.com/api-keys and set OPENAI_API_KEY in the environment or in .env"
    )
  }

  const port = whole("PORT", 0, 65_535, "set PORT=5050")
  const primary = secret("TWILIO_AUTH_TOKEN")
  const secondary = secret("TWILIO_AUTH_TOKEN_SECONDARY")
  const accountSid = text("TWILIO_ACCOUNT_SID")
  const publicUrl = url("PUBLIC_URL", text("PUBLIC_URL"), "https", "https://voice.example.com")
  if (primary === null && secondary !== null) {
    wrong(
      "TWILIO_AUTH_TOKEN",
      "is not set, but TWILIO_AUTH_TOKEN_SECONDARY is",
      "set TWILIO_AUTH_TOKEN to the account's primary auth token"
    )
  }
  if (primary === null && accountSid !== null) {
    wrong(
      "TWILIO_AUTH_TOKEN",
      "is not set, but TWILIO_ACCOUNT_SID is",
      "set TWILIO_AUTH_TOKEN to the account's auth token, or leave TWILIO_ACCOUNT_SID out"
    )
  }
  if (accountSid !== null && !/^AC[0-9a-f]{32}$/i.test(accountSid)) {
    wrong(
      "TWILIO_ACCOUNT_SID",
      "must be AC and 32 hexadecimal digits",
      "copy the Account SID from the first page of the Twilio console"
    )
  }
  if (primary !== null && publicUrl === null) {
    wrong(
      "PUBLIC_URL",
      "is not set, but with TWILIO_AUTH_TOKEN signatures are checked against it",
      "set PUBLIC_URL to the origin that Twilio calls, e.g. https://voice.example.com"
    )
  }

  const host = matching("HOST", /^[\w.:%-]+$/, "an IP address or a host name", "127.0.0.1")
  if (primary === null && host !== null && !Loopback.isLoopback(host.includes(":") ? `[${host}]` : host)) {
    wrong(
      "HOST",
      "must be this machine (127.0.0.1) without TWILIO_AUTH_TOKEN, since anybody could begin calls",
      "set TWILIO_AUTH_TOKEN and PUBLIC_URL so that signatures are checked, or leave HOST out"
    )
  }

  const subaccounts = new Map<string, ReadonlyArray<Redacted.Redacted>>()
  for (const entry of list("TWILIO_SUBACCOUNT_TOKENS")) {
    const [, sid, token] = /^(AC[0-9a-f]{32})=([\x21-\x7e]+)$/i.exec(entry) ?? []
    if (sid === undefined || token === undefined) {
      wrong(
        "TWILIO_SUBACCOUNT_TOKENS",
        "must be account SIDs and auth tokens, AC…=token, separated by commas",
        "copy both from the subaccount's page of the Twilio console"
      )
      break
    }
    subaccounts.set(sid, [...(subaccounts.get(sid) ?? []), Redacted.make(token)])
  }
  if (primary === null && subaccounts.size > 0) {
    wrong(
      "TWILIO_AUTH_TOKEN",
      "is not set, but TWILIO_SUBACCOUNT_TOKENS is",
      "set TWILIO_AUTH_TOKEN to the main account's auth token"
    )
  }

  const rate = (name: Name): number => whole(name, 0, 1_000_000, `set ${name}=${or(name)}, or 0 for no limit`)

  const level = or("OFFHOOK_LOG_LEVEL").toLowerCase()
  if (!Object.hasOwn(LOG_LEVELS, level)) {
    wrong("OFFHOOK_LOG_LEVEL", `must be one of ${Object.keys(LOG_LEVELS).join(", ")}`, "set OFFHOOK_LOG_LEVEL=info")
  }

  const collector = text("OTEL_EXPORTER_OTLP_ENDPOINT")
  if (collector !== null && !isCollector(collector)) {
    wrong(
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "must be a URL that begins with http:// or https://, without user name, query and fragment",
      "set OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318, or leave it out"
    )
  }
  const headers = headersOf(secret("OTEL_EXPORTER_OTLP_HEADERS"))
  if (headers === null) {
    wrong(
      "OTEL_EXPORTER_OTLP_HEADERS",
      "must be name=value, several separated by commas, values percent-encoded",
      "set OTEL_EXPORTER_OTLP_HEADERS=x-api-key=…, or leave it out"
    )
  }

  const bearer = (name: "OFFHOOK_API_READ_TOKEN" | "OFFHOOK_API_TOKEN"): Redacted.Redacted | null => {
    const token = secret(name)
    if (token !== null && Redacted.value(token).length < MIN_API_TOKEN) {
      wrong(name, `must have ${MIN_API_TOKEN} characters or more`, "make one with: openssl rand -hex 32")
    }
    return token
  }
  const api = { operator: bearer("OFFHOOK_API_TOKEN"), reader: bearer("OFFHOOK_API_READ_TOKEN") }
  if (api.operator !== null && api.reader !== null && Redacted.value(api.operator) === Redacted.value(api.reader)) {
    wrong("OFFHOOK_API_READ_TOKEN", "is OFFHOOK_API_TOKEN itself", "make another one with: openssl rand -hex 32")
  }

  const directory = or("OFFHOOK_RECORDINGS")
  const recordings = {
    directory,
    audio: flag("OFFHOOK_RECORD_AUDIO"),
    digits: flag("OFFHOOK_RECORD_DIGITS"),
    numbers: flag("OFFHOOK_RECORD_NUMBERS"),
    days: whole("OFFHOOK_RECORDINGS_DAYS", 1, 36_500, `set OFFHOOK_RECORDINGS_DAYS=${RecordingSink.DAYS}`),
    maxBytes: whole(
      "OFFHOOK_RECORDINGS_BYTES",
      64 * 1024,
      1024 ** 3,
      `set OFFHOOK_RECORDINGS_BYTES=${RecordingSink.MAX_BYTES}`
    )
  }

  return {
    problems,
    settings: {
      port,
      host: host ?? (primary === null ? "127.0.0.1" : "0.0.0.0"),
      publicUrl,
      openai: {
        apiKey: apiKey ?? Redacted.make(""),
        url: url("OPENAI_REALTIME_URL", or("OPENAI_REALTIME_URL"), "wss", REALTIME_URL) ?? REALTIME_URL,
        model: matching("OPENAI_MODEL", /^\S+$/, "the name of a realtime model", Agent.defaults.model)
      },
      twilio: {
        accountSid,
        tokens: [primary, secondary].filter((token) => token !== null),
        subaccounts,
        apiUrl: url("TWILIO_API_URL", or("TWILIO_API_URL"), "https", TwilioRest.API_URL) ?? TwilioRest.API_URL
      },
      api,
      agentFile: text("OFFHOOK_AGENT"),
      recordings: directory.toLowerCase() === "off" ? null : recordings,
      greetingLine: text("OFFHOOK_GREETING_LINE"),
      tailLine: text("OFFHOOK_TAIL_LINE"),
      logLevel: LOG_LEVELS[level] ?? LogLevel.Info,
      traces:
        collector === null
          ? null
          : {
              url: `${collector.replace(/\/+$/, "")}/v1/traces`,
              headers: headers ?? {},
              serviceName: or("OTEL_SERVICE_NAME")
            },
      busyLine: text("OFFHOOK_BUSY_LINE"),
      drain: {
        seconds: whole("OFFHOOK_DRAIN_SECONDS", 0, 86_400, `set OFFHOOK_DRAIN_SECONDS=${DRAIN_SECONDS}`),
        url: url("OFFHOOK_DRAIN_URL", text("OFFHOOK_DRAIN_URL"), "https", "https://other.example.com/incoming-call")
      },
      maxCalls: whole("OFFHOOK_MAX_CALLS", 1, 100_000, `set OFFHOOK_MAX_CALLS=${MAX_CALLS}`),
      callers: {
        allow: callers("OFFHOOK_ALLOW_CALLERS"),
        deny: callers("OFFHOOK_DENY_CALLERS"),
        callerPerMinute: rate("OFFHOOK_CALLER_CALLS_PER_MINUTE"),
        callerPerHour: rate("OFFHOOK_CALLER_CALLS_PER_HOUR"),
        perMinute: rate("OFFHOOK_CALLS_PER_MINUTE")
      }
    }
  }
}

const unreadable = (name: Name): StartupProblems =>
  new StartupProblems({ problems: [{ name, problem: "cannot be read", fix: "set it to a text" }] })

const given = Object.fromEntries(
  fields.map(({ name }) => [name, Effect.mapError(Config.option(Config.redacted(name)), () => unreadable(name))])
) as Record<Name, Effect.Effect<Option.Option<Redacted.Redacted>, StartupProblems>>

const LOG_LEVELS: Readonly<Record<string, LogLevel.LogLevel>> = {
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warning: LogLevel.Warning,
  error: LogLevel.Error
}

/** Collectors are mostly neighbours without TLS. */
const isCollector = (value: string): boolean => {
  const parsed = URL.canParse(value) ? new URL(value) : null
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === "" && !/[?#]/.test(value)
}

/** As OpenTelemetry's environment variables write them; null where they do not. */
const headersOf = (value: Redacted.Redacted | null): Readonly<Record<string, Redacted.Redacted>> | null => {
  if (value === null) return {}
  const headers: Record<string, Redacted.Redacted> = {}
  for (const pair of Redacted.value(value).split(",")) {
    const [, name, text] = /^([-!#$%&'*+.^_`|~0-9A-Za-z]+)=(.*)$/.exec(pair) ?? []
    if (name === undefined || text === undefined) return null
    try {
      headers[name] = Redacted.make(decodeURIComponent(text))
    } catch {
      return null
    }
  }
  return headers
}

/** Nobody guesses so many. */
const MIN_API_TOKEN = 16

const TRUE = ["true", "yes", "on", "1"]
const FALSE = ["false", "no", "off", "0"]
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i
