import { assert, describe, it } from "vitest"
import type { Misbehaviour } from "../../src/Event.ts"
import { type Decoded, decode } from "../../src/openai/decode.ts"
import { malformed, server } from "./serverMessages.ts"

const misbehaved = (what: Misbehaviour): Decoded => ({ _tag: "ModelMisbehaved", at: 7, session: 2, what })

describe("OpenAI.decode", () => {
  for (const [title, message, decoded] of server) {
    it(title, () => assert.deepStrictEqual(decode(JSON.stringify(message), 7, 2), decoded))
  }

  for (const message of malformed) {
    const text = JSON.stringify(message)
    it(`${text.slice(0, 120)} is malformed`, () =>
      assert.deepStrictEqual(decode(text, 7, 2), misbehaved("malformed message")))
  }

  it("knows what is not JSON", () => {
    for (const text of ["", "{", '{"type":"error"', "[".repeat(100_000), "\u0000"]) {
      assert.deepStrictEqual(decode(text, 7, 2), misbehaved("malformed JSON"))
    }
  })

  it("takes no infinity for a number", () => {
    const text = '{"type":"input_audio_buffer.speech_started","item_id":"item_1","audio_start_ms":1e999}'
    assert.deepStrictEqual(decode(text, 7, 2), misbehaved("malformed message"))
  })
})
