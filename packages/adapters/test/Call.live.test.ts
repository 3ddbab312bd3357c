import { assert, describe, it } from "@effect/vitest"
import { Recording, Replay } from "@offhook/core"
import * as Effect from "effect/Effect"
import * as Peers from "./support/Peers.ts"
import * as Server from "./support/Server.ts"

const CALL = "CA00000000000000000000000000000001"

/** Speaks a greeting: one delta of 200 ms. */
const greets = (peer: Peers.ModelPeer, event: Peers.Json) => {
  if (event.type !== "response.create") return
  const response_id = `resp_${peer.received.length}`
  const item_id = `item_${peer.received.length}`
  const metadata = event.response?.metadata
  const at = { response_id, item_id, output_index: 0, content_index: 0 }
  peer.send({ type: "response.created", response: { id: response_id, metadata, conversation_id: "conv_1" } })
  peer.send({
    type: "conversation.item.added",
    previous_item_id: null,
    item: { id: item_id, type: "message", role: "assistant" }
  })
  peer.send({ type: "response.output_audio.delta", ...at, delta: Buffer.alloc(1600, 0x55).toString("base64") })
  peer.send({ type: "response.output_audio_transcript.delta", ...at, delta: "Hello." })
  peer.send({
    type: "response.done",
    response: { id: response_id, metadata, conversation_id: "conv_1", status: "completed", usage: null }
  })
}

describe("a call over real sockets", () => {
  it.scopedLive("webhook, stream, greeting, caller audio, stop; the recording replays", () =>
    Effect.gen(function* () {
      const model = yield* Peers.model(greets)
      const steps: Array<string> = []
      const released: Array<string> = []
      const server = yield* Server.make({
        modelUrl: model.url,
        observer: {
          onStep: (_, event) => steps.push(event?._tag ?? "begin"),
          onReleased: (callSid) => released.push(callSid)
        }
      })
      const idleFibers = yield* server.fibers

      const { body, status } = yield* Server.webhook(server.port, CALL)
      assert.strictEqual(status, 200)
      assert.include(body, `<Stream url="ws://127.0.0.1:${server.port}/media-stream/1.${CALL}.`)
      yield* Peers.until(() => model.peers.length === 1)
      assert.strictEqual(model.peers[0]?.url, "/v1/realtime?model=gpt-realtime-2.1")
      assert.strictEqual(model.peers[0]?.request.headers.authorization, `Bearer ${Server.KEY}`)
      assert.notProperty(model.peers[0]?.request.headers, "openai-beta")

      const carrier = yield* Peers.carrier(server.port, CALL)
      carrier.connected()
      carrier.start({ token: Server.tokenOf(body) })
      for (let chunk = 1; chunk <= 10; chunk++) carrier.media(chunk)
      yield* Peers.until(() => carrier.received.some(({ event }) => event === "media"))
      yield* Peers.until(
        () => model.peers[0]?.received.filter(({ type }) => type === "input_audio_buffer.append").length === 10
      )
      assert.strictEqual(yield* server.calls.live, 1)
      carrier.stop()
      carrier.ws.close()
      yield* Peers.until(() => released.length === 1)
      yield* server.calls.idle

      assert.strictEqual(steps[0], "begin")
      const recording = Recording.parse(server.files.get(CALL) ?? "")
      assert.deepStrictEqual(recording.problems, [])
      assert.strictEqual(recording.end.end, "complete")
      assert.isTrue(Replay.run(recording).same)
      yield* Peers.until(() => model.sockets.size === 0)
      assert.strictEqual(yield* server.fibers, idleFibers)
    })
  )
})
