import { assert, describe, it } from "vitest"
import { encode } from "../../src/twilio/encode.ts"
import { outbound, streamSid } from "./messages.ts"

describe("Twilio.encode", () => {
  for (const [command, message] of outbound) {
    it(`${command._tag} is ${JSON.stringify(message).slice(0, 16)}…`, () => {
      assert.strictEqual(encode(command, streamSid), JSON.stringify(message))
    })
  }
})
