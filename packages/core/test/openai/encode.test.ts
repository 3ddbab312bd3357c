import { assert, describe, it } from "vitest"
import { encode } from "../../src/openai/encode.ts"
import { client } from "./clientMessages.ts"

describe("OpenAI.encode", () => {
  for (const [title, command, message] of client) {
    it(`${command._tag}: ${title}`, () => assert.deepStrictEqual(JSON.parse(encode(command)), message))
  }

  it("writes what never varies as it stands", () => {
    const [, audio] = client.find(([title]) => title === "caller audio")!
    assert.strictEqual(encode(audio).startsWith('{"type":"input_audio_buffer.append","audio":"HgsL'), true)
  })
})
