/** What a relay answers over HTTP: its health, and TwiML that leads the call to it. */

import { createServer, type Server } from "node:http"

export const STREAM = "/media-stream"

export const twiml = (port: number): string =>
  `<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="ws://127.0.0.1:${port}${STREAM}"/></Connect></Response>`

export const serve = (port: number): Server =>
  createServer((request, response) => {
    if (request.method === "POST") response.writeHead(200, { "Content-Type": "text/xml" }).end(twiml(port))
    else response.end("ok")
    request.resume()
  })

/** As little as there must be: G.711 both ways, the model finds the turns. */
export const sessionUpdate = JSON.stringify({
  type: "session.update",
  session: {
    type: "realtime",
    output_modalities: ["audio"],
    instructions: "You are a friendly assistant on the telephone.",
    audio: {
      input: { format: { type: "audio/pcmu" }, turn_detection: { type: "server_vad" } },
      output: { format: { type: "audio/pcmu" }, voice: "marin" }
    }
  }
})

export interface Relay {
  readonly port: number
  readonly modelUrl: string
}
