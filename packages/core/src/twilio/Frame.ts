/**
 * The messages of Twilio Media Streams in Twilio's words (protocols.md B.2, B.3). Numbers arrive as strings of digits,
 * except inside `mediaFormat`. Fields that nothing here reads are left out of the types and ignored on the wire.
 */

/** What Twilio sends: `connected`, `start`, then `media`, `dtmf` and `mark`, at the end `stop`. */
export type Inbound = Connected | Dtmf | InboundMark | InboundMedia | Start | Stop

export interface Connected {
  readonly event: "connected"
}

export interface Start {
  readonly event: "start"
  readonly streamSid: string
  readonly start: {
    readonly streamSid: string
    readonly callSid: string
    readonly accountSid: string
    readonly mediaFormat: { readonly encoding: string; readonly sampleRate: number; readonly channels: number }
    readonly customParameters?: Readonly<Record<string, string>>
  }
}

export interface InboundMedia {
  readonly event: "media"
  readonly streamSid: string
  readonly media: {
    /** A bidirectional stream brings `inbound` only. */
    readonly track: string
    /** Milliseconds since the stream began, as digits. */
    readonly timestamp: string
    /** Base64 of G.711 mu-law, usually 160 bytes; any length is allowed. */
    readonly payload: string
  }
}

export interface InboundMark {
  readonly event: "mark"
  readonly streamSid: string
  readonly mark: { readonly name: string }
}

export interface Dtmf {
  readonly event: "dtmf"
  readonly streamSid: string
  /** `digit`: one of `0-9 * # A-D`. */
  readonly dtmf: { readonly digit: string }
}

export interface Stop {
  readonly event: "stop"
  readonly streamSid: string
}

/** What Twilio takes: exactly these shapes; one field more or less is warning 31951 and the message is lost. */
export type Outbound =
  | { readonly event: "media"; readonly streamSid: string; readonly media: { readonly payload: string } }
  | { readonly event: "mark"; readonly streamSid: string; readonly mark: { readonly name: string } }
  | { readonly event: "clear"; readonly streamSid: string }
