import { assert, describe, it } from "vitest"
import { decode } from "../../src/twilio/decode.ts"
import { inbound, live, media, misbehaviour, wrong } from "./messages.ts"

const respelled = (text: string): string => text.replace("inbound", "\\u0069nbound")

describe("Twilio.decode", () => {
  for (const [title, connection, message, decoded] of inbound) {
    it(title, () => {
      const text = JSON.stringify(message)
      assert.deepStrictEqual(decode(text, 7, connection), decoded)
      assert.deepStrictEqual(decode(respelled(text), 7, connection), decoded, "spelled with an escape")
      assert.deepStrictEqual(decode(JSON.stringify(message, null, 2), 7, connection), decoded, "indented")
    })
  }

  for (const [title, connection, text, what] of wrong) {
    it(`${title}: ${what}`, () => {
      assert.deepStrictEqual(decode(text, 7, connection), misbehaviour(what))
      assert.deepStrictEqual(decode(respelled(text), 7, connection), misbehaviour(what), "spelled with an escape")
    })
  }

  it("names the stream it came on", () => {
    const decoded = decode(JSON.stringify(media), 9, { ...live, stream: 3 })
    assert.strictEqual(decoded?.stream, 3)
    assert.strictEqual(decoded?.at, 9)
  })

  it("keeps parameters whatever they are named", () => {
    const text = `{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1","accountSid":"AC1",
      "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"__proto__":"x"}}}`
    const decoded = decode(text, 0, { stream: 0, streamSid: null })
    assert.strictEqual(decoded?._tag, "CarrierStarted")
    if (decoded?._tag === "CarrierStarted")
      assert.deepStrictEqual(Object.entries(decoded.parameters), [["__proto__", "x"]])
  })
})
