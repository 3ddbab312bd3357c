/** One HTTP request, bounded in time and size; a redirect is an answer. */

import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type Finding, toDo } from "./Finding.ts"

export interface Answer {
  readonly status: number
  readonly contentType: string | undefined
  /** When the peer answered, by its own clock; ms since 1970. */
  readonly date: number | null
  readonly body: string
  readonly ms: number
}

export class Unanswered extends Data.TaggedError("Unanswered")<{
  readonly reason: "name" | "other" | "refused" | "timeout" | "tls"
  /** The system's own word, such as ECONNREFUSED. */
  readonly code: string
}> {}

export interface Request {
  readonly method?: "GET" | "POST"
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Under the 15 s that Twilio gives a webhook. */
const TIMEOUT = 10_000

/** Of an answer; the rest is not read. */
const MAX_BODY = 1024 * 1024

export const ask = (
  url: string,
  request: Request = {},
  timeout: Duration.DurationInput = TIMEOUT
): Effect.Effect<Answer, Unanswered> =>
  Effect.tryPromise({
    try: async (signal): Promise<Answer> => {
      const began = performance.now()
      const response = await fetch(url, { ...request, redirect: "manual", signal })
      const body = await text(response)
      const date = Date.parse(response.headers.get("date") ?? "")
      return {
        status: response.status,
        contentType: response.headers.get("content-type") ?? undefined,
        date: Number.isNaN(date) ? null : date,
        body,
        ms: Math.round(performance.now() - began)
      }
    },
    catch: unanswered
  }).pipe(
    Effect.timeoutFail({ duration: timeout, onTimeout: () => new Unanswered({ reason: "timeout", code: "no answer" }) })
  )

const text = async ({ body }: Response): Promise<string> => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  if (body !== null) {
    for await (const chunk of body) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= MAX_BODY) break
    }
  }
  return Buffer.concat(chunks).toString("utf8")
}

const unanswered = (error: unknown): Unanswered => {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "no HTTP"
  return new Unanswered({ reason: reasonOf(code), code })
}

const reasonOf = (code: string): Unanswered["reason"] => {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "name"
  if (/TIMEOUT|TIMEDOUT/.test(code)) return "timeout"
  if (/CERT|TLS|SSL|SIGNED|SIGNATURE|EPROTO/.test(code)) return "tls"
  return /^E(CONN|HOST|NET|PIPE|ADDR)|SOCKET/.test(code) ? "refused" : "other"
}

/** What to do where a host did not answer; `fixes` say it for those reasons that depend on the host. */
export const silent = (
  { code, reason }: Unanswered,
  url: string,
  fixes: { readonly name: string; readonly refused: string }
): Finding => {
  const { host } = new URL(url)
  switch (reason) {
    case "name":
      return toDo(`the name ${host} is not known (${code})`, fixes.name)
    case "timeout":
      return toDo(`${host} does not answer in ${TIMEOUT / 1000} s`, fixes.refused)
    case "tls":
      return toDo(
        `${host} has no certificate that is trusted (${code})`,
        "let it have a valid one, with its whole chain: Twilio takes no other"
      )
    default:
      return toDo(`${host} cannot be reached (${code})`, fixes.refused)
  }
}

/** The detail of an answer that Offhook refused with; null where somebody else answered. */
export const problemOf = (contentType: string | undefined, body: string): string | null => {
  if (contentType !== undefined && !contentType.startsWith("application/problem+json")) return null
  const parsed = json(body)
  if (typeof parsed !== "object" || parsed === null) return null
  const { detail, requestId } = parsed as { readonly detail?: unknown; readonly requestId?: unknown }
  return typeof detail === "string" && typeof requestId === "string" ? detail : null
}

export const json = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
