/** Alone in its file, so that the process holds no socket and no timer of another test. */

import { once } from "node:events"
import { Brain, ModelServer } from "@offhook/simulator"
import { assert, it } from "vitest"
import { WebSocket } from "ws"
import * as H from "./ModelHarness.ts"

const resources = () => {
  const active = process.getActiveResourcesInfo()
  return {
    timers: active.filter((name) => name === "Timeout").length,
    sockets: active.filter((name) => name.startsWith("TCP")).length
  }
}

/** A client in the middle of a response. */
const answered = async (url: string): Promise<WebSocket> => {
  const socket = new WebSocket(`${url}?model=gpt-realtime-2.1`)
  await once(socket, "open")
  const created = new Promise<void>((resolve) => {
    socket.on("message", (data) => {
      if (data.toString().includes('"response.created"')) resolve()
    })
  })
  socket.send(JSON.stringify({ type: "response.create" }))
  await created
  return socket
}

it("closes with no socket and no timer left, in the middle of a response and with a mute client", async () => {
  const before = resources()
  const brain = Brain.scripted([], { rest: { parts: [Brain.say(H.clip(60_000))] } })
  const server = await ModelServer.start({ brain })
  const polite = await answered(server.url)
  const mute = await answered(server.url)
  const gone = once(polite, "close")
  mute.pause()
  await server.close()
  await gone
  const muteGone = once(mute, "close")
  mute.terminate()
  await muteGone
  for (const session of server.sessions) assert.isTrue(session.model.closed())
  const after = resources()
  assert.strictEqual(after.sockets, before.sockets)
  // The test runner's own timer may be gone by now; two sessions that leaked one each would show.
  assert.isAtMost(after.timers, before.timers)
})
