import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Refusal from "../src/Refusal.ts"
import * as Webhook from "../src/twilio/Webhook.ts"

const FORM = "application/x-www-form-urlencoded"
const CALL_SID = "CA00000000000000000000000000000002"

const post = (body: string, contentType: string | undefined = FORM): Webhook.Request => ({
  method: "POST",
  target: "/incoming-call",
  contentType,
  body
})

const get = (query: string): Webhook.Request => ({
  method: "GET",
  target: `/incoming-call${query}`,
  contentType: undefined,
  body: ""
})

const call = (request: Webhook.Request): Webhook.IncomingCall | Webhook.Malformed => {
  const form = Webhook.read(request)
  return form._tag === "Malformed" ? form : Webhook.incomingCall(form)
}

const BODY =
  `CallSid=${CALL_SID}&AccountSid=AC1&From=%2B15005550001&To=%2B15005550006&Direction=inbound` +
  "&CallStatus=ringing&FromCity=&CallerName=Ada+L%C3%B6we&X=1&X=2"

const EXPECTED = {
  _tag: "IncomingCall",
  callSid: CALL_SID,
  accountSid: "AC1",
  from: "+15005550001",
  to: "+15005550006",
  direction: "inbound",
  callStatus: "ringing"
}

const FIELDS: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
  ["CallSid", [CALL_SID]],
  ["AccountSid", ["AC1"]],
  ["From", ["+15005550001"]],
  ["To", ["+15005550006"]],
  ["Direction", ["inbound"]],
  ["CallStatus", ["ringing"]],
  ["FromCity", [""]],
  ["CallerName", ["Ada Löwe"]],
  ["X", ["1", "2"]]
]

describe("an incoming call", () => {
  it("is read from a form", () => {
    const { params, ...rest } = call(post(BODY)) as Webhook.IncomingCall
    assert.deepStrictEqual(rest, EXPECTED)
    assert.deepStrictEqual([...params], FIELDS)
  })

  it("is read from the query of a GET, whose form is empty", () => {
    const form = Webhook.read(get(`?${BODY}`)) as Webhook.Form
    assert.strictEqual(form.params.size, 0)
    const { params, ...rest } = Webhook.incomingCall(form) as Webhook.IncomingCall
    assert.deepStrictEqual(rest, EXPECTED)
    assert.deepStrictEqual([...params], FIELDS)
  })

  it("of a POST takes no field from the query", () => {
    const request = { ...post("From=x"), target: `/incoming-call?CallSid=${CALL_SID}` }
    assert.deepStrictEqual(call(request), { _tag: "Malformed", reason: "webhook_call_sid" })
  })

  it("takes the media type in any case and with parameters", () => {
    assert.strictEqual(call(post(BODY, "Application/X-WWW-Form-URLEncoded; charset=UTF-8"))._tag, "IncomingCall")
  })

  it("needs nothing but a CallSid", () => {
    const { params, ...rest } = call(post("CallSid=CA1")) as Webhook.IncomingCall
    assert.deepStrictEqual(rest, {
      _tag: "IncomingCall",
      callSid: "CA1",
      accountSid: "",
      from: "",
      to: "",
      direction: "",
      callStatus: ""
    })
    assert.strictEqual(params.size, 1)
  })

  it("keeps names that mean something to JavaScript", () => {
    const form = Webhook.read(post("__proto__=a&constructor=b&toString=c")) as Webhook.Form
    assert.deepStrictEqual(
      [...form.params],
      [
        ["__proto__", ["a"]],
        ["constructor", ["b"]],
        ["toString", ["c"]]
      ]
    )
  })
})

describe("malformed is", () => {
  const status = (request: Webhook.Request) => {
    const answer = call(request)
    return answer._tag === "Malformed" ? Refusal.reasons[answer.reason].code : undefined
  }

  it("another method", () => {
    assert.strictEqual(status({ ...post(BODY), method: "PUT" }), 405)
    assert.strictEqual(status({ ...get(`?${BODY}`), method: "HEAD" }), 405)
  })

  it("a body that is no form", () => {
    assert.strictEqual(status(post(`{"CallSid":"${CALL_SID}"}`, "application/json")), 415)
    assert.strictEqual(status({ ...post(BODY), contentType: undefined }), 415)
  })

  it("a CallSid that is missing, doubled, or could be a path", () => {
    const bad = [
      "",
      "CA",
      "ca1",
      "MZ1",
      "CA1/../x",
      "CA..",
      "CA1.jsonl",
      "../CA1",
      "CA1\\x",
      "CA1\0",
      "CA1\n",
      "CA é",
      `CA${"1".repeat(65)}`
    ]
    for (const callSid of bad) {
      assert.strictEqual(status(post(`CallSid=${encodeURIComponent(callSid)}`)), 400, JSON.stringify(callSid))
    }
    assert.strictEqual(status(post("")), 400)
    assert.strictEqual(status(get("")), 400)
    assert.strictEqual(status(post("CallSid=CA1&CallSid=CA2")), 400)
    assert.strictEqual(status(post("CallSid=CA1&CallSid=CA1")), 400)
  })

  it.prop(
    "never an exception, and never an unsafe name",
    [FastCheck.string({ unit: "binary" }), FastCheck.string()],
    ([text, sid]) => {
      for (const request of [post(text), get(`?${text}`), post(`CallSid=${sid}`), post(`CallSid=CA${sid}`)]) {
        const answer = call(request)
        if (answer._tag === "IncomingCall") assert.match(answer.callSid, /^CA[0-9A-Za-z_-]+$/)
      }
    }
  )
})
