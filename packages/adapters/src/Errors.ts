/**
 * The tagged errors of the ports.
 *
 * One class for each cause that a caller would treat differently; the many ways in which one thing can fail are its
 * `reason`. No message holds a secret, a header value or a phone number.
 */
import * as Data from "effect/Data"

/** The listener could not take its address: the program cannot start. */
export class ListenFailed extends Data.TaggedError("ListenFailed")<{
  readonly reason: "in-use" | "not-permitted" | "no-such-host" | "other"
  readonly host: string
  readonly port: number
  readonly cause: unknown
}> {
  override get message(): string {
    const where = `${this.host}:${this.port}`
    switch (this.reason) {
      case "in-use":
        return `${where} is already in use: stop the program that listens there, or set PORT to a free port`
      case "not-permitted":
        return `not permitted to listen on ${where}: set PORT to 1024 or higher, or grant the right to bind low ports`
      case "no-such-host":
        return `${this.host} is no address of this machine: set HOST to 127.0.0.1 (this machine) or 0.0.0.0 (everywhere)`
      default:
        return `cannot listen on ${where}: ${text(this.cause)} (see PORT and HOST)`
    }
  }
}

/**
 * An outbound WebSocket did not open.
 *
 * - `refused`: name, TCP or TLS did not come about
 * - `timeout`: no answer in time
 * - `status`: answered, but not with 101; `status` and the first 2 kB of `body` say what
 * - `protocol`: answered with 101, but not with a correct handshake
 * - `invalid`: never tried, the URL or a header cannot be used
 */
export class ConnectFailed extends Data.TaggedError("ConnectFailed")<{
  readonly reason: "refused" | "timeout" | "status" | "protocol" | "invalid"
  /** Scheme, host and path; never the query or credentials. */
  readonly url: string
  readonly status?: number
  readonly body?: string
  readonly cause?: unknown
}> {
  override get message(): string {
    switch (this.reason) {
      case "status":
        return `${this.url} answered ${this.status} instead of opening a WebSocket`
      case "timeout":
        return `${this.url} did not answer in time`
      default:
        return `${this.url}: ${text(this.cause)}`
    }
  }
}

/**
 * Twilio's REST API did not do what was asked.
 *
 * - `NotConfigured`: there is no account SID or token; close the stream instead
 * - `Unreachable`: no answer; `Timeout`: no answer in time
 * - `RateLimited`: 429 to the last attempt too
 * - `Refused`: any other answer; `code` is Twilio's own number (protocols.md D.1)
 */
export class TwilioRestError extends Data.TaggedError("TwilioRestError")<{
  readonly reason: "NotConfigured" | "Unreachable" | "Timeout" | "RateLimited" | "Refused"
  readonly status?: number
  readonly code?: number
  readonly detail?: string
  readonly cause?: unknown
}> {
  override get message(): string {
    switch (this.reason) {
      case "NotConfigured":
        return "Twilio REST is not configured: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"
      case "Unreachable":
        return `Twilio REST cannot be reached: ${this.detail ?? text(this.cause)}`
      case "Timeout":
        return "Twilio REST did not answer in time"
      default:
        return `Twilio REST answered ${this.status}${this.code === undefined ? "" : ` (${this.code})`}: ${this.detail ?? ""}`
    }
  }
}

const text = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
