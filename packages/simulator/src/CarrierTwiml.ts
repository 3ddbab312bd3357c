/**
 * TwiML as the carrier reads it: text in, verbs out (protocols.md A.2).
 *
 * Strict on purpose. A document that is not well-formed, has another root, an unknown verb, an unknown attribute, text
 * where none belongs or a value out of range is refused as a whole with Twilio's error number, so that what passes here
 * does not fail on the real network. Verbs of Twilio's that no call of ours uses are refused like unknown ones.
 */
import { SaxesParser } from "saxes"

export type Verb =
  | { readonly _tag: "Say"; readonly text: string; readonly loop: number }
  | { readonly _tag: "Play"; readonly url: string; readonly digits: string; readonly loop: number }
  | { readonly _tag: "Pause"; readonly seconds: number }
  | { readonly _tag: "Connect"; readonly action: Action | undefined; readonly stream: Stream }
  | { readonly _tag: "Redirect"; readonly action: Action }
  | { readonly _tag: "Dial"; readonly action: Action | undefined; readonly target: string; readonly timeout: number }
  | { readonly _tag: "Reject"; readonly reason: "rejected" | "busy" }
  | { readonly _tag: "Hangup" }

export interface Action {
  readonly url: string
  readonly method: Method
}

export type Method = "GET" | "POST"

export interface Stream {
  readonly url: string
  readonly name: string | undefined
  readonly statusCallback: Action | undefined
  readonly parameters: Readonly<Record<string, string>>
}

/** Why a document is refused: Twilio's error number and what is wrong. */
export interface Refused {
  readonly _tag: "Refused"
  /** 12100: not XML. 12200: not TwiML. 12300: not an XML content type. */
  readonly code: 12100 | 12200 | 12300
  readonly message: string
}

export type Document = { readonly _tag: "Document"; readonly verbs: ReadonlyArray<Verb> }

/** Reads a webhook's answer. An absent content type is refused too. */
export const parse = (body: string, contentType: string | undefined = "text/xml"): Document | Refused => {
  const media = contentType.replace(/;.*$/s, "").trim().toLowerCase()
  if (media !== "text/xml" && media !== "application/xml") {
    return refused(12300, `content type ${JSON.stringify(media)} is not XML`)
  }
  try {
    const root = read(body)
    if (root.name !== "Response") throw invalid(`root element is <${root.name}>, not <Response>`)
    check(root, [])
    noText(root)
    return { _tag: "Document", verbs: root.children.map(verb) }
  } catch (error) {
    if (error instanceof Invalid) return refused(error.code, error.message)
    throw error
  }
}

interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Array<Element>
  text: string
}

class Invalid extends Error {
  readonly code: 12100 | 12200
  constructor(code: 12100 | 12200, message: string) {
    super(message)
    this.code = code
  }
}

const invalid = (message: string): Invalid => new Invalid(12200, message)

const refused = (code: Refused["code"], message: string): Refused => ({ _tag: "Refused", code, message })

const read = (body: string): Element => {
  const parser = new SaxesParser({ xmlns: false as const })
  const open: Array<Element> = []
  let root: Element | undefined
  parser.on("error", (error) => {
    throw new Invalid(12100, error.message)
  })
  parser.on("doctype", () => {
    throw new Invalid(12100, "a document type is not allowed")
  })
  parser.on("opentag", ({ name, attributes }) => {
    const element: Element = { name, attributes, children: [], text: "" }
    open.at(-1)?.children.push(element)
    root ??= element
    open.push(element)
  })
  const text = (content: string) => {
    const element = open.at(-1)
    if (element !== undefined) element.text += content
  }
  parser.on("text", text)
  parser.on("cdata", text)
  parser.on("closetag", () => {
    open.pop()
  })
  parser.write(body).close()
  if (root === undefined) throw new Invalid(12100, "the document is empty")
  return root
}

const verb = (element: Element): Verb => {
  switch (element.name) {
    case "Say":
      check(element, ["voice", "language", "loop"])
      return { _tag: "Say", text: spoken(element), loop: integer(element, "loop", 1, 0, 1000) }
    case "Play": {
      check(element, ["loop", "digits"])
      const digits = element.attributes["digits"] ?? ""
      if (!/^[0-9*#A-DwW]*$/.test(digits)) throw invalid("<Play digits> holds something that is no digit")
      const url = element.text.trim()
      if (url === "" && digits === "") throw invalid("<Play> has neither a URL nor digits")
      return { _tag: "Play", url, digits, loop: integer(element, "loop", 1, 0, 1000) }
    }
    case "Pause":
      check(element, ["length"])
      noText(element)
      return { _tag: "Pause", seconds: integer(element, "length", 1, 0, 3600) }
    case "Connect": {
      check(element, ["action", "method"])
      noText(element)
      const noun = element.children[0]
      if (noun === undefined || element.children.length > 1) throw invalid("<Connect> holds exactly one noun")
      return { _tag: "Connect", action: action(element, element.attributes["action"]), stream: stream(noun) }
    }
    case "Redirect": {
      check(element, ["method"])
      const to = action(element, element.text.trim())
      if (to === undefined) throw invalid("<Redirect> has no URL")
      return { _tag: "Redirect", action: to }
    }
    case "Dial":
      check(element, dialAttributes)
      return {
        _tag: "Dial",
        action: action(element, element.attributes["action"]),
        target: spoken(element),
        timeout: integer(element, "timeout", 30, 1, 600)
      }
    case "Reject":
      check(element, ["reason"])
      noText(element)
      return { _tag: "Reject", reason: element.attributes["reason"] === "busy" ? "busy" : "rejected" }
    case "Hangup":
      check(element, [])
      noText(element)
      return { _tag: "Hangup" }
    default:
      throw invalid(`<${element.name}> is no verb of this network`)
  }
}

const stream = (element: Element): Stream => {
  if (element.name !== "Stream") throw invalid(`<Connect> holds <${element.name}>, not <Stream>`)
  check(element, ["url", "name", "statusCallback", "statusCallbackMethod"])
  noText(element)
  const url = element.attributes["url"]
  if (url === undefined || url === "") throw invalid("<Stream> has no url")
  const parameters: Record<string, string> = {}
  for (const child of element.children) {
    if (child.name !== "Parameter") throw invalid(`<Stream> holds <${child.name}>, not <Parameter>`)
    check(child, ["name", "value"])
    noText(child)
    const { name, value } = child.attributes
    if (name === undefined || value === undefined) throw invalid("<Parameter> needs a name and a value")
    if (name.length + value.length >= 500) throw invalid(`<Parameter name="${name}"> has 500 characters or more`)
    parameters[name] = value
  }
  return {
    url,
    name: element.attributes["name"],
    statusCallback: action(element, element.attributes["statusCallback"], "statusCallbackMethod"),
    parameters
  }
}

const action = (element: Element, url: string | undefined, attribute = "method"): Action | undefined => {
  const method = element.attributes[attribute] ?? "POST"
  if (method !== "GET" && method !== "POST") throw invalid(`<${element.name} ${attribute}> is neither GET nor POST`)
  return url === undefined || url === "" ? undefined : { url, method }
}

const check = (element: Element, known: ReadonlyArray<string>): void => {
  for (const name of Object.keys(element.attributes)) {
    if (!known.includes(name)) throw invalid(`<${element.name}> has no attribute ${JSON.stringify(name)}`)
  }
}

const noText = (element: Element): void => {
  if (element.text.trim() !== "") throw invalid(`text inside <${element.name}>`)
}

const integer = (element: Element, name: string, otherwise: number, min: number, max: number): number => {
  const text = element.attributes[name]
  if (text === undefined) return otherwise
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(number >= min && number <= max)) throw invalid(`<${element.name} ${name}> is not ${min} to ${max}`)
  return number
}

/** The text of an element and of what it holds, on one line: SSML inside `<Say>`, nouns inside `<Dial>`. */
const spoken = (element: Element): string =>
  [element.text, ...element.children.map(spoken)].join(" ").replace(/\s+/g, " ").trim()

const dialAttributes: ReadonlyArray<string> = [
  "action",
  "method",
  "answerOnBridge",
  "callerId",
  "timeout",
  "timeLimit",
  "hangupOnStar",
  "record",
  "recordingChannels",
  "recordingStatusCallback",
  "recordingStatusCallbackMethod",
  "recordingStatusCallbackEvent",
  "trim",
  "ringTone",
  "sequential",
  "referUrl",
  "events"
]
