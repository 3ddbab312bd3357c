import { Signature } from "@offhook/simulator"
import { assert, it } from "vitest"

/** Twilio's own vectors and some made with its SDK (protocols.md C.5). */
const params = {
  CallSid: "CA1234567890ABCDE",
  Caller: "+14158675309",
  Digits: "1234",
  From: "+14158675309",
  To: "+18005551212"
}
const base = "https://mycompany.com/myapp.php?foo=1&bar=2"
const token = "0123456789abcdef0123456789abcdef"
const v1 = Object.fromEntries(
  new URLSearchParams(
    "AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01&CallSid=CA00000000000000000000000000000002&CallStatus=ringing&CallToken=%7B%22parentCallInfoToken%22%3A%22abc%22%7D&Called=%2B15005550006&CalledCity=&CalledCountry=US&Caller=%2B15005550001&CallerCountry=US&Direction=inbound&From=%2B15005550001&FromCity=&FromCountry=US&StirVerstat=TN-Validation-Passed-A&To=%2B15005550006&ToCountry=US"
  )
)

it("signs as Twilio does", () => {
  assert.strictEqual(Signature.sign("12345", base, params), "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
  assert.strictEqual(
    Signature.sign("12345", "https://mycompany.com:443/myapp.php?foo=1&bar=2", params),
    "kvajT1Ptam85bY51eRf/AJRuM3w="
  )
  assert.strictEqual(
    Signature.sign("12345", base, { Sid: "CA123", SidAccount: "AC123", Digits: ["5678", "1234", "1234"] }),
    "IK+Dwps556ElfBT0I3Rgjkr1wJU="
  )
  assert.strictEqual(
    Signature.sign(token, "https://voice.example.com/twilio/voice", v1),
    "u0ZDQEls9h6fiSW6pvrlWZixD8U="
  )
  assert.strictEqual(
    Signature.sign(token, "https://voice.example.com/twilio/voice", { b: "1", A: "2", a: "3", B: "4" }),
    "PI3i9leAdtISV8d88G28V2jNN2k="
  )
  assert.strictEqual(
    Signature.sign(token, "https://voice.example.com/twilio/voice", { Body: "héllo 🌍" }),
    "UTBKvgmP3RadV847jN6eTxh44Fk="
  )
  assert.strictEqual(Signature.sign(token, "wss://voice.example.com/twilio/media"), "3Wv0T80qzAY3OCARW9y1gnUJZtE=")
})
