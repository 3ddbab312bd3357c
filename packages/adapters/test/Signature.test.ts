import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import twilio from "twilio"
import * as Signature from "../src/twilio/Signature.ts"
import * as Webhook from "../src/twilio/Webhook.ts"

type Fields = Readonly<Record<string, string | ReadonlyArray<string>>>

interface Vector {
  readonly name: string
  readonly url: string
  readonly params: Signature.Params
  readonly signature: string
  /** What was signed, where it is not the URL as requested. */
  readonly signed?: string
}

const params = (fields: Fields): Signature.Params =>
  new Map(Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? [value] : value]))

/** The URL as it is configured and as it is requested. */
const split = (url: string): { readonly publicUrl: string; readonly target: string } => {
  const path = url.indexOf("/", url.indexOf("://") + 3)
  return { publicUrl: url.slice(0, path), target: url.slice(path) }
}

const PUBLIC_TOKEN = Redacted.make("12345")
const CALL = params({
  CallSid: "CA1234567890ABCDE",
  Caller: "+14158675309",
  Digits: "1234",
  From: "+14158675309",
  To: "+18005551212"
})
const BASE = "https://mycompany.com/myapp.php?foo=1&bar=2"
const NONE: Signature.Params = new Map()

const PUBLIC: ReadonlyArray<Vector> = [
  { name: "https", url: BASE, params: CALL, signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=" },
  {
    name: "https with its port",
    url: "https://mycompany.com:443/myapp.php?foo=1&bar=2",
    params: CALL,
    signature: "kvajT1Ptam85bY51eRf/AJRuM3w="
  },
  {
    name: "http with its port",
    url: "http://mycompany.com:80/myapp.php?foo=1&bar=2",
    params: CALL,
    signature: "0ZXoZLH/DfblKGATFgpif+LLRf4="
  },
  {
    name: "another port",
    url: "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
    params: CALL,
    signature: "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="
  },
  {
    name: "credentials in the URL",
    url: "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
    params: CALL,
    signature: "CukzLTc1tT5dXEDIHm/tKBanW10="
  },
  {
    name: "an apostrophe in the query",
    url: `${BASE}&Body=It's+amazing`,
    signed: `${BASE}&Body=It%27s+amazing`,
    params: CALL,
    signature: "TfZzewPq8wqrGlMfyAud8+/IvJ0="
  },
  {
    name: "a repeated field",
    url: BASE,
    params: params({ "MessagingBinding.Address": ["+1325xxxxxxx", "+1415xxxxxxx"] }),
    signature: "83O6e2vORAoJHUNzJjDWN1jz+BA="
  },
  {
    name: "a repeated field in another order",
    url: BASE,
    params: params({ "MessagingBinding.Address": ["+1415xxxxxxx", "+1325xxxxxxx"] }),
    signature: "83O6e2vORAoJHUNzJjDWN1jz+BA="
  },
  {
    name: "a repeated value and names that begin alike",
    url: BASE,
    params: params({ Sid: "CA123", SidAccount: "AC123", Digits: ["5678", "1234", "1234"] }),
    signature: "IK+Dwps556ElfBT0I3Rgjkr1wJU="
  }
]

const TOKEN = Redacted.make("0123456789abcdef0123456789abcdef")
const OTHER = Redacted.make("fedcba9876543210fedcba9876543210")
const V1_BODY =
  "AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01&CallSid=CA00000000000000000000000000000002" +
  "&CallStatus=ringing&CallToken=%7B%22parentCallInfoToken%22%3A%22abc%22%7D&Called=%2B15005550006&CalledCity=" +
  "&CalledCountry=US&Caller=%2B15005550001&CallerCountry=US&Direction=inbound&From=%2B15005550001&FromCity=" +
  "&FromCountry=US&StirVerstat=TN-Validation-Passed-A&To=%2B15005550006&ToCountry=US"
const V1 = Webhook.parse(V1_BODY)
const VOICE = "https://voice.example.com/twilio/voice"

const GENERATED: ReadonlyArray<Vector> = [
  { name: "an incoming call", url: VOICE, params: V1, signature: "u0ZDQEls9h6fiSW6pvrlWZixD8U=" },
  {
    name: "an incoming call with a query",
    url: `${VOICE}?tenant=a%20b&x=1`,
    params: V1,
    signature: "L4Pi9Hyj0fCEPNDC8X9lcdJRJE0="
  },
  {
    name: "GET",
    url: `${VOICE}?CallSid=CA1&From=%2B15005550001`,
    params: NONE,
    signature: "oVBjT/rsuRjE63HYwAc34oe637o="
  },
  { name: "no fields", url: VOICE, params: NONE, signature: "Am8HzyKCyLgocJlxJ46ij2Y1WTk=" },
  {
    name: "values sorted, each once",
    url: VOICE,
    params: params({ A: ["2", "1", "1"], B: "x" }),
    signature: "RX+XJS+JylIipPAndGDau/Q4d7g="
  },
  {
    name: "names in code-unit order",
    url: VOICE,
    params: params({ b: "1", A: "2", a: "3", B: "4" }),
    signature: "PI3i9leAdtISV8d88G28V2jNN2k="
  },
  { name: "UTF-8", url: VOICE, params: params({ Body: "héllo 🌍" }), signature: "UTBKvgmP3RadV847jN6eTxh44Fk=" }
]

const flip = (signature: string): string => (signature.startsWith("A") ? "B" : "A") + signature.slice(1)

const vectors = (token: Redacted.Redacted, table: ReadonlyArray<Vector>) => {
  for (const { name, params, signature, signed, url } of table) {
    it(name, () => {
      const request = { ...split(url), params, body: "", tokens: [token] }
      assert.strictEqual(Signature.sign(token, signed ?? url, params), signature)
      assert.isTrue(Signature.webhook({ ...request, header: signature }))
      assert.isFalse(Signature.webhook({ ...request, header: flip(signature) }))
      assert.isFalse(Signature.webhook({ ...request, target: `${request.target}x`, header: signature }))
      assert.isFalse(Signature.webhook({ ...request, params: new Map([...params, ["Zz", [""]]]), header: signature }))
      assert.isFalse(Signature.webhook({ ...request, tokens: [OTHER], header: signature }))
    })
  }
}

describe("vectors of Twilio's own test suites", () => vectors(PUBLIC_TOKEN, PUBLIC))

describe("vectors made with twilio 6.2.0", () => vectors(TOKEN, GENERATED))

describe("a body that is no form", () => {
  const cases = [
    {
      token: PUBLIC_TOKEN,
      url: `${BASE}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620`,
      body: `{"property": "value", "boolean": true}`,
      signature: "a9nBmqA0ju/hNViExpshrM61xv4="
    },
    {
      token: PUBLIC_TOKEN,
      url: `${BASE}&bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a`,
      body: "{}",
      signature: "Ldidvp12m26NI7eqEvxnEpkd9Hc="
    },
    {
      token: TOKEN,
      url: "https://voice.example.com/hook?bodySHA256=b268e3cd1b75e83303983ff05059b7ecc2c44d481bac4280583f723e1af35e8c",
      body: `{"CallSid":"CA1","Status":"ok"}`,
      signature: "T5N1whoo7Vgu3cr/EWShn3Sg1OE="
    }
  ]
  for (const { body, signature, token, url } of cases) {
    it(`is believed by its hash: ${body}`, () => {
      const request = { ...split(url), params: NONE, tokens: [token], header: signature }
      assert.isTrue(Signature.webhook({ ...request, body }))
      assert.isTrue(Signature.webhook({ ...request, body: new TextEncoder().encode(body) }))
      assert.isFalse(Signature.webhook({ ...request, body: `${body} ` }))
      assert.isFalse(Signature.webhook({ ...request, body: "" }))
    })
  }

  it("is not believed without one", () => {
    const request = { ...split(VOICE), params: NONE, tokens: [TOKEN], header: "Am8HzyKCyLgocJlxJ46ij2Y1WTk=" }
    assert.isTrue(Signature.webhook({ ...request, body: "" }))
    assert.isFalse(Signature.webhook({ ...request, body: `{"CallSid":"CA1"}` }))
  })
})

describe("an upgrade", () => {
  const SLASHLESS = "3Wv0T80qzAY3OCARW9y1gnUJZtE="
  const SLASH = "emydRDSHhLvuug6wCkjTHD/G0T0="
  const PORT = "njB9LrB2K0cXMSmpQuCSQVNwT7E="
  const HTTPS = "3T4ShCTJZ08o+v3LKmVwwJswU58="
  const publicUrl = "https://voice.example.com"
  const upgrade = (header: string | undefined, target = "/twilio/media", tokens = [TOKEN]) =>
    Signature.upgrade({ publicUrl, target, tokens, header })

  it("is signed over the wss URL", () => {
    assert.isTrue(upgrade(SLASHLESS))
    assert.isFalse(upgrade(flip(SLASHLESS)))
    assert.isFalse(upgrade(SLASHLESS, "/twilio/other"))
  })

  it("may be signed with a trailing slash, asked or not", () => {
    assert.isTrue(upgrade(SLASH))
    assert.isTrue(upgrade(SLASH, "/twilio/media/"))
    assert.isTrue(upgrade(SLASHLESS, "/twilio/media/"))
    assert.isFalse(upgrade(SLASHLESS, "/twilio/media//"))
  })

  it("may be signed with the standard port, configured or not", () => {
    assert.isTrue(upgrade(PORT))
    assert.isTrue(
      Signature.upgrade({
        publicUrl: `${publicUrl}:443`,
        target: "/twilio/media",
        tokens: [TOKEN],
        header: SLASHLESS
      })
    )
  })

  it("is not a webhook, nor the other way round", () => {
    assert.isFalse(upgrade(HTTPS))
    const webhook = { publicUrl, target: "/twilio/media", tokens: [TOKEN], params: NONE, body: "" }
    assert.isTrue(Signature.webhook({ ...webhook, header: HTTPS }))
    assert.isFalse(Signature.webhook({ ...webhook, header: SLASHLESS }))
  })

  it("over http is signed over the ws URL", () => {
    const target = "/media-stream"
    const header = Signature.sign(TOKEN, "ws://127.0.0.1:5050/media-stream")
    assert.isTrue(Signature.upgrade({ publicUrl: "http://127.0.0.1:5050", target, tokens: [TOKEN], header }))
    assert.isFalse(Signature.upgrade({ publicUrl: "https://127.0.0.1:5050", target, tokens: [TOKEN], header }))
  })
})

describe("a check", () => {
  const request = { ...split(VOICE), params: V1, body: V1_BODY }
  const signature = "u0ZDQEls9h6fiSW6pvrlWZixD8U="

  it("takes the primary and the secondary token, and no other", () => {
    assert.isTrue(Signature.webhook({ ...request, tokens: [TOKEN, OTHER], header: signature }))
    assert.isTrue(Signature.webhook({ ...request, tokens: [OTHER, TOKEN], header: signature }))
    assert.isFalse(Signature.webhook({ ...request, tokens: [OTHER], header: signature }))
    assert.isFalse(Signature.webhook({ ...request, tokens: [], header: signature }))
  })

  it("never takes an empty token", () => {
    const empty = Redacted.make("")
    assert.isFalse(Signature.webhook({ ...request, tokens: [empty], header: Signature.sign(empty, VOICE, V1) }))
  })

  it("takes a public URL with a trailing slash or a prefix", () => {
    assert.isTrue(
      Signature.webhook({
        ...request,
        publicUrl: "https://voice.example.com/",
        tokens: [TOKEN],
        header: signature
      })
    )
    assert.isTrue(
      Signature.webhook({
        ...request,
        publicUrl: "https://voice.example.com/twilio",
        target: "/voice",
        tokens: [TOKEN],
        header: signature
      })
    )
  })

  it("says no to a header that is missing, empty or no signature", () => {
    for (const header of [undefined, "", "=", "é".repeat(28), `${signature}, ${signature}`, ` ${signature}`]) {
      assert.isFalse(Signature.webhook({ ...request, tokens: [TOKEN], header }))
      assert.isFalse(Signature.upgrade({ ...request, tokens: [TOKEN], header }))
    }
  })

  it.prop(
    "never throws",
    [FastCheck.string({ unit: "binary" }), FastCheck.string({ unit: "binary" }), FastCheck.string({ unit: "binary" })],
    ([publicUrl, target, header]) => {
      const request = { publicUrl, target, header, tokens: [TOKEN] }
      assert.isFalse(Signature.webhook({ ...request, params: V1, body: "" }))
      assert.isFalse(Signature.upgrade(request))
    }
  )
})

describe("twilio's own library agrees", () => {
  const token = FastCheck.string({ minLength: 1, maxLength: 40 })
  const name = FastCheck.oneof(FastCheck.constantFrom("a", "A", "ab", "From", "é", ""), FastCheck.string())
  const value = FastCheck.oneof(
    FastCheck.constantFrom("", "+15005550001", "héllo 🌍"),
    FastCheck.string({ unit: "binary" })
  )
  const fields = FastCheck.dictionary(
    name,
    FastCheck.oneof(value, FastCheck.array(value, { minLength: 1, maxLength: 4 })),
    { noNullPrototype: true }
  )
  const url = FastCheck.record({
    scheme: FastCheck.constantFrom("https", "http"),
    host: FastCheck.constantFrom("voice.example.com", "127.0.0.1", "[::1]", "user:pass@example.com"),
    port: FastCheck.constantFrom("", ":80", ":443", ":5050"),
    path: FastCheck.constantFrom("/", "/incoming-call", "/a//b/", "/%7Ea/b"),
    query: FastCheck.constantFrom("", "?", "?a=1&b=2", "?b=it's+so&a=%C3%A9")
  })

  it.prop(
    "on the signature of any form",
    [token, url, fields],
    ([token, { host, path, port, query, scheme }, fields]) => {
      const url = `${scheme}://${host}${port}${path}${query}`
      assert.strictEqual(
        Signature.sign(Redacted.make(token), url, params(fields)),
        twilio.getExpectedTwilioSignature(token, url, fields)
      )
    }
  )

  const signedPort = FastCheck.constantFrom("", ":80", ":443", ":5050", ":6060")

  it.prop(
    "on what is accepted, signed with a port or without",
    [token, url, signedPort, fields],
    ([token, { host, path, port, query, scheme }, signedPort, fields]) => {
      const publicUrl = `${scheme}://${host}${port}`
      const header = twilio.getExpectedTwilioSignature(token, `${scheme}://${host}${signedPort}${path}${query}`, fields)
      assert.strictEqual(
        Signature.webhook({
          tokens: [Redacted.make(token)],
          header,
          publicUrl,
          target: `${path}${query}`,
          params: params(fields),
          body: ""
        }),
        twilio.validateRequest(token, header, `${publicUrl}${path}${query}`, fields)
      )
    }
  )
})
