/** A phone number's server in plain `ws`: the webhook's TwiML, the media stream, and `hostCall` between the sockets. */

import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Agent, type Command, type Event, Prices, Twilio } from "@offhook/core"
import { WebSocket, WebSocketServer } from "ws"
import { hostCall } from "./host.ts"

export interface Options {
  readonly port: number
  /** `wss://api.openai.com/v1/realtime`. */
  readonly realtimeUrl: string
  readonly apiKey: string
  readonly onStep?: (event: Event | null, commands: ReadonlyArray<Command>) => void
}

export const config: Agent.Config = { agent: Agent.defaults, prices: Prices.table }

/** Before it may face the internet it must check `X-Twilio-Signature`, at the webhook and at the upgrade. */
export const serve = async ({ apiKey, port, realtimeUrl, onStep = () => {} }: Options) => {
  const http = createServer((request, response) => {
    const streamUrl = `ws://${request.headers.host}/media-stream`
    response.setHeader("content-type", "text/xml").end(Twilio.TwiML.connectStream({ streamUrl, parameters: {} }))
  })
  const streams = new WebSocketServer({ server: http, path: "/media-stream", maxPayload: 65_536 })
  streams.on("connection", (carrier) =>
    hostCall(carrier, {
      config,
      connectModel: (model) =>
        new WebSocket(`${realtimeUrl}?model=${model}`, { headers: { Authorization: `Bearer ${apiKey}` } }),
      runTool: async () => '{"error":"there is no such tool"}',
      onStep
    })
  )
  http.listen(port, "127.0.0.1")
  await once(http, "listening")
  return {
    port: (http.address() as AddressInfo).port,
    close: async () => {
      for (const stream of streams.clients) stream.terminate()
      http.close()
      await once(http, "close")
    }
  }
}
