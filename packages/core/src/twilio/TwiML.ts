/**
 * The documents that answer Twilio's webhooks (protocols.md A.2), as text: one line, escaped.
 *
 * `connectStream` hands the call to our socket. When that socket is gone, politely or by a crash, Twilio runs what
 * follows: the tail. It is never empty, so that nobody is left in silence, and since Twilio cannot tell the two ends
 * apart its words fit both.
 */

/** A sentence that Twilio speaks by itself; `language` is BCP 47, `voice` e.g. `Polly.Joanna-Neural`. */
export interface Say {
  readonly text: string
  readonly language?: string
  readonly voice?: string
}

export interface ConnectStream {
  /** `wss://` without a query string, which would never arrive: data travels in `parameters`. */
  readonly streamUrl: string
  /** They come back as `CarrierStarted.parameters`; name and value together stay under 500 characters. */
  readonly parameters: Readonly<Record<string, string>>
  /** Spoken before the agent is connected. */
  readonly say?: Say
  /** Spoken when the socket is gone, before the call is hung up. */
  readonly tail?: Say
}

/** What Twilio would refuse or lose; an empty list is a sound document. */
export const problems = (stream: ConnectStream): ReadonlyArray<string> => {
  const found: Array<string> = []
  if (!/^wss?:\/\//.test(stream.streamUrl)) found.push("streamUrl: must begin with wss:// (ws:// for loopback)")
  if (/[?#]/.test(stream.streamUrl)) found.push("streamUrl: must have no query string: use parameters")
  for (const [name, value] of Object.entries(stream.parameters)) {
    if (name.length + value.length >= MAX_PARAMETER) {
      found.push(`parameters: name and value of "${name.slice(0, 32)}" must stay under ${MAX_PARAMETER} characters`)
    }
  }
  return found
}

/** Ask `problems` before, where the parts are not constants. */
export const connectStream = (stream: ConnectStream): string => {
  const parameters = Object.entries(stream.parameters).map(
    ([name, value]) => `<Parameter${attributes({ name, value })}/>`
  )
  return response(
    stream.say === undefined ? "" : spoken(stream.say),
    `<Connect><Stream${attributes({ url: stream.streamUrl })}>${parameters.join("")}</Stream></Connect>`,
    spoken(stream.tail ?? defaultTail),
    "<Hangup/>"
  )
}

/** Speak and hang up: the call is answered, no agent is connected. */
export const say = (words: Say): string => response(spoken(words), "<Hangup/>")

/** Refuse the call unanswered: the caller hears a busy tone or that the number is not in service. */
export const reject = (reason: "busy" | "rejected"): string => response(`<Reject${attributes({ reason })}/>`)

/**
 * Send the call to another document. It rings a second longer: a pause that comes first does not answer the call, and
 * where the URL leads back here the carrier asks once a second and not as fast as it can.
 */
export const redirect = (url: string): string =>
  response(
    `<Pause${attributes({ length: "1" })}/>`,
    `<Redirect${attributes({ method: "POST" })}>${escaped(url)}</Redirect>`
  )

export const defaultTail: Say = { text: "This call ends here. Thank you for calling. Goodbye." }

const response = (...verbs: ReadonlyArray<string>): string =>
  `<?xml version="1.0" encoding="UTF-8"?><Response>${verbs.join("")}</Response>`

const spoken = ({ language, text, voice }: Say): string =>
  `<Say${attributes({ language, voice })}>${escaped(text)}</Say>`

const attributes = (values: Readonly<Record<string, string | undefined>>): string =>
  Object.entries(values)
    .map(([name, value]) => (value === undefined ? "" : ` ${name}="${escaped(value)}"`))
    .join("")

/** For text and attributes alike; what XML 1.0 cannot hold (control characters, lone surrogates) is dropped. */
const escaped = (text: string): string => {
  let xml = ""
  for (const character of text) xml += ENTITIES[character] ?? (isXml(character) ? character : "")
  return xml
}

const isXml = (character: string): boolean => {
  const code = character.codePointAt(0) as number
  return code >= 0x20 && (code < 0xd800 || code > 0xdfff) && code !== 0xfffe && code !== 0xffff
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;"
}

const MAX_PARAMETER = 500
