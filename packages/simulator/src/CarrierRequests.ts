/**
 * What the carrier asks of a server, and where: addresses as TwiML writes them, and the parameters of its webhooks
 * (protocols.md A.1, A.3).
 */
import type { Params } from "./CarrierProtocol.ts"

export interface Party {
  readonly accountSid: string
  readonly callSid: string
}

export interface Call extends Party {
  readonly callToken: string
  readonly from: string
  readonly to: string
  readonly isAnswered: boolean
}

/** Of a webhook that asks for TwiML. Empty values are sent, and signed. */
export const callParams = ({ accountSid, callSid, callToken, from, to, isAnswered }: Call): Params => ({
  AccountSid: accountSid,
  ApiVersion: "2010-04-01",
  CallSid: callSid,
  CallStatus: isAnswered ? "in-progress" : "ringing",
  CallToken: JSON.stringify({ parentCallInfoToken: callToken, identityHeaderTokens: [] }),
  Called: to,
  Caller: from,
  Direction: "inbound",
  From: from,
  StirVerstat: "TN-Validation-Passed-A",
  To: to,
  ...geography
})

export interface StreamStatus extends Party {
  readonly streamSid: string
  readonly streamName: string
  readonly event: "stream-error" | "stream-started" | "stream-stopped"
  readonly error: string | undefined
  /** ms since 1970. */
  readonly time: number
}

/** Of a stream status callback. */
export const statusParams = (status: StreamStatus): Params => ({
  AccountSid: status.accountSid,
  CallSid: status.callSid,
  StreamSid: status.streamSid,
  StreamName: status.streamName,
  StreamEvent: status.event,
  ...(status.error === undefined ? {} : { StreamError: status.error }),
  Timestamp: new Date(Math.round(status.time)).toISOString()
})

/** The address of a webhook, as written where it is absolute; undefined where it is none. */
export const webhookUrl = (written: string, documentUrl: string): string | undefined => {
  if (URL.canParse(written)) return written
  return URL.canParse(written, documentUrl) ? new URL(written, documentUrl).href : undefined
}

/** The address to connect to, as written but without its query; or the error that Twilio would log. */
export const streamUrl = (
  written: string,
  documentUrl: string
): string | { readonly code: number; readonly message: string } => {
  const base = documentUrl.replace(/^http/, "ws")
  if (!URL.canParse(written, base)) return { code: 31923, message: "the stream's URL is malformed" }
  const url = new URL(written, base)
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url.protocol !== "wss:" && !(url.protocol === "ws:" && loopback)) {
    return { code: 31922, message: `the stream's URL has the scheme ${url.protocol}` }
  }
  const whole = URL.canParse(written) ? written : url.href
  return whole.split(/[?#]/)[0] ?? whole
}

const geography: Params = Object.fromEntries(
  ["From", "To", "Caller", "Called"].flatMap((party) => [
    [`${party}City`, ""],
    [`${party}State`, "CA"],
    [`${party}Zip`, ""],
    [`${party}Country`, "US"]
  ])
)
