/** Ten thousand webhooks and as many upgrades, of one seed, right ones and tampered ones: twilio's own library and we must judge them alike. */

import * as Querystring from "node:querystring"
import { assert, describe, it } from "@effect/vitest"
import { Twilio } from "@offhook/core"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import twilio from "twilio"
import * as Signature from "../src/twilio/Signature.ts"
import * as Webhook from "../src/twilio/Webhook.ts"

const RUNS = { numRuns: 10_000, seed: 20_261_122 }

const token = FastCheck.stringMatching(/^[0-9a-f]{32}$/)
const host = FastCheck.constantFrom("voice.example.com", "Voice.Example.com", "127.0.0.1", "[::1]", "u:p@example.com")
const path = FastCheck.constantFrom("/", "/incoming-call", "/a//b/", "/%7Ea/b", "/a b", "/caf%C3%A9")
const query = FastCheck.constantFrom("", "?a=1&b=2", "?b=it's+so&a=%C3%A9", "?a=%20&a=+", "?empty=&x")
const name = FastCheck.oneof(
  FastCheck.constantFrom("From", "To", "CallSid", "AccountSid", "from", "a", "A", "ab", "é", "__proto__", "toString"),
  FastCheck.string({ maxLength: 8 })
)
const value = FastCheck.oneof(
  FastCheck.constantFrom("", "+15005550001", "héllo 🌍", "a&b=c", "%41", " "),
  FastCheck.string({ unit: "grapheme", maxLength: 12 })
)
const fields = FastCheck.array(FastCheck.tuple(name, value), { maxLength: 8 })

type Fields = ReadonlyArray<readonly [string, string]>

const bodyOf = (fields: Fields): string =>
  new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString()

/** By Node's own parser, which keeps repeated names as arrays: as a server that uses twilio's library would. */
const parsed = (body: string): Record<string, string | ReadonlyArray<string>> =>
  Querystring.parse(body) as Record<string, string | ReadonlyArray<string>>

/** What somebody does to a signed form on its way; `isRight`: nothing that the signature covers. */
const FORMS: Readonly<Record<string, { readonly isRight: boolean; readonly of: (fields: Fields) => Fields }>> = {
  "as it was": { isRight: true, of: (fields) => fields },
  reordered: { isRight: true, of: (fields) => [...fields].reverse() },
  "a field repeated": { isRight: true, of: (fields) => [...fields, ...fields.slice(0, 1)] },
  "a field added": { isRight: false, of: (fields) => [...fields, ["zz", ""]] },
  "a field left out": { isRight: false, of: (fields) => fields.slice(1) },
  "a value altered": {
    isRight: false,
    of: ([[name = "zz", value = ""] = [], ...rest]) => [[name, `${value}1`], ...rest]
  }
}

const HEADERS: Readonly<Record<string, (header: string) => string | undefined>> = {
  right: (header) => header,
  flipped: (header) => (header.startsWith("A") ? "B" : "A") + header.slice(1),
  truncated: (header) => header.slice(0, -2),
  empty: () => "",
  spaced: (header) => ` ${header}`
}

const tampering = FastCheck.record({
  form: FastCheck.constantFrom(...Object.keys(FORMS)),
  header: FastCheck.constantFrom(...Array<string>(12).fill("right"), ...Object.keys(HEADERS)),
  target: FastCheck.constantFrom("", "", "", "", "x", "&x=1"),
  scheme: FastCheck.constantFrom("", "", "", "other"),
  key: FastCheck.constantFrom("", "", "", "other")
})

/** How often each verdict came: a test in which everything is refused shows nothing. */
const counted = () => ({ accepted: 0, refused: 0 })

describe("twilio's own library agrees", () => {
  it("on ten thousand webhooks", () => {
    const verdicts = counted()
    void FastCheck.assert(
      FastCheck.property(
        FastCheck.record({ token, host, path, query, fields }),
        FastCheck.constantFrom("https", "http"),
        tampering,
        ({ fields, host, path, query, token }, scheme, tampered) => {
          const signedUrl = `${scheme}://${host}${path}${query}`
          const signature = twilio.getExpectedTwilioSignature(token, signedUrl, parsed(bodyOf(fields)))
          const form = FORMS[tampered.form]
          const header = HEADERS[tampered.header]?.(signature)
          if (form === undefined || header === undefined) return assert.fail("no such case")
          const body = bodyOf(form.of(fields))
          const key = tampered.key === "" ? token : `${token}0`
          const publicUrl = `${tampered.scheme === "" ? scheme : scheme === "http" ? "https" : "http"}://${host}`
          const target = `${path}${query}${tampered.target}`

          const read = Webhook.read({
            method: "POST",
            target,
            contentType: "application/x-www-form-urlencoded",
            body
          })
          if (read._tag === "Malformed") return assert.fail(read.reason)
          const ours = Signature.webhook({
            tokens: [Redacted.make(key)],
            header,
            publicUrl,
            target,
            params: read.params,
            body
          })
          assert.strictEqual(ours, twilio.validateRequest(key, header, publicUrl + target, parsed(body)))
          const isUntouched =
            tampered.header === "right" && tampered.target === "" && tampered.scheme === "" && tampered.key === ""
          if (isUntouched && form.isRight) assert.isTrue(ours)
          if (tampered.header !== "right" || tampered.key !== "" || tampered.scheme !== "") assert.isFalse(ours)
          verdicts[ours ? "accepted" : "refused"]++
        }
      ),
      RUNS
    )
    assert.isAbove(verdicts.accepted, 500)
    assert.isAbove(verdicts.refused, 500)
  })

  it("on ten thousand upgrades", () => {
    const verdicts = counted()
    void FastCheck.assert(
      FastCheck.property(
        FastCheck.record({ token, host, path }),
        tampering,
        FastCheck.constantFrom("wss", "wss", "wss", "https"),
        ({ host, path, token }, tampered, scheme) => {
          const signature = twilio.getExpectedTwilioSignature(token, `${scheme}://${host}${path}`, {})
          const header = HEADERS[tampered.header]?.(signature)
          if (header === undefined) return assert.fail("no such case")
          const key = tampered.key === "" ? token : `${token}0`
          const target = `${path}${tampered.target}`
          const ours = Signature.upgrade({
            tokens: [Redacted.make(key)],
            header,
            publicUrl: `https://${host}`,
            target
          })
          assert.strictEqual(ours, twilio.validateRequest(key, header, `wss://${host}${target}`, {}))
          if (scheme === "https") assert.isFalse(ours)
          verdicts[ours ? "accepted" : "refused"]++
        }
      ),
      RUNS
    )
    assert.isAbove(verdicts.accepted, 500)
    assert.isAbove(verdicts.refused, 500)
  })
})

/** Some text, of characters that XML 1.0 can hold; the others we drop, and twilio's library writes as they are. */
const text = FastCheck.array(
  FastCheck.oneof(
    FastCheck.constantFrom("&", "<", ">", '"', "'", "\t", "\n", "\r", " ", "]]>", "&amp;", "é", "🌍", "</Say>", "<!--"),
    FastCheck.string({ unit: "grapheme", maxLength: 4 }).filter((some) =>
      /^[\x20-\ud7ff\u{10000}-\u{10ffff}]*$/u.test(some)
    )
  ),
  { maxLength: 12 }
)
  .map((pieces) => pieces.join(""))
  .filter((whole) => whole !== "")

/** The characters that one of the two writes as a reference and the other may leave as they are. */
const plain = (xml: string): string =>
  xml
    .replace(/&#x([0-9a-f]+);/gi, (_, code) => `&#${Number.parseInt(code, 16)};`)
    .replaceAll("&gt;", ">")
    .replaceAll("&apos;", "'")
    .replaceAll("&#9;", "\t")
    .replaceAll("&#10;", "\n")
    .replaceAll("&#13;", "\r")

/** In text, where it needs none, we write a quote as a reference too. Our tags hold no bare `>`. */
const unquoted = (ours: string): string => ours.replace(/>[^<]*</g, (text) => text.replaceAll("&quot;", '"'))

const voice = FastCheck.constantFrom(undefined, "alice", "Polly.Joanna-Neural")

describe("twilio's own library writes the same TwiML", () => {
  it("to connect a stream", () => {
    void FastCheck.assert(
      FastCheck.property(text, text, text, voice, (greeting, tail, token, voice) => {
        const url = "wss://voice.example.com/media-stream/1.CA1"
        const theirs = new twilio.twiml.VoiceResponse()
        theirs.say(voice === undefined ? {} : { voice: voice as "alice" }, greeting)
        const stream = theirs.connect().stream({ url })
        stream.parameter({ name: "token", value: token })
        theirs.say(tail)
        theirs.hangup()
        const ours = Twilio.TwiML.connectStream({
          streamUrl: url,
          parameters: { token },
          say: voice === undefined ? { text: greeting } : { text: greeting, voice },
          tail: { text: tail }
        })
        assert.strictEqual(plain(unquoted(ours)), plain(theirs.toString()))
      }),
      { numRuns: 1_000, seed: RUNS.seed }
    )
  })

  it("to say something and hang up, to reject, and to ask elsewhere", () => {
    void FastCheck.assert(
      FastCheck.property(text, FastCheck.constantFrom<"busy" | "rejected">("busy", "rejected"), (words, reason) => {
        const said = new twilio.twiml.VoiceResponse()
        said.say(words)
        said.hangup()
        assert.strictEqual(plain(unquoted(Twilio.TwiML.say({ text: words }))), plain(said.toString()))
        const rejected = new twilio.twiml.VoiceResponse()
        rejected.reject({ reason })
        assert.strictEqual(Twilio.TwiML.reject(reason), rejected.toString())
        const url = `https://b.example/incoming-call?${new URLSearchParams({ words, x: "1" })}`
        const redirected = new twilio.twiml.VoiceResponse()
        redirected.pause({ length: 1 })
        redirected.redirect({ method: "POST" }, url)
        assert.strictEqual(plain(unquoted(Twilio.TwiML.redirect(url))), plain(redirected.toString()))
      }),
      { numRuns: 1_000, seed: RUNS.seed }
    )
  })
})
