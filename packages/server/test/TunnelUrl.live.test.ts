/** scripts/tunnel-url.mjs against a tunnel's API on a real socket. */
import { execFile } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterEach, assert, beforeEach, it } from "vitest"

const script = fileURLToPath(new URL("../../../scripts/tunnel-url.mjs", import.meta.url))

/** The PUBLIC_URL that a program started behind the script sees. */
const publicUrl = async (env: Record<string, string>): Promise<string> => {
  const program = ["--input-type=module", "--eval", "console.log(process.env.PUBLIC_URL)"]
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", script, ...program], { env })
  return stdout.trim()
}

/** What the tunnel answers, in order; the last answer stays. */
let answers: Array<{ status: number; body: string }>
let asked: Array<string | undefined>
let api: string

const tunnel = createServer((request, response) => {
  asked.push(request.url)
  const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? { status: 500, body: "" }
  response.writeHead(answer.status).end(answer.body)
})

beforeEach(async () => {
  asked = []
  await once(tunnel.listen(0, "127.0.0.1"), "listening")
  api = `http://127.0.0.1:${(tunnel.address() as AddressInfo).port}/quicktunnel`
})

afterEach(async () => {
  tunnel.closeAllConnections()
  await once(tunnel.close(), "close")
})

it("waits until the tunnel has its name", async () => {
  answers = [
    { status: 503, body: "starting" },
    { status: 200, body: `{"hostname":""}` },
    { status: 200, body: `{"hostname":"brave-blue-fox.trycloudflare.com"}` }
  ]
  assert.strictEqual(await publicUrl({ OFFHOOK_TUNNEL_API: api }), "https://brave-blue-fox.trycloudflare.com")
  assert.deepStrictEqual(asked, ["/quicktunnel", "/quicktunnel", "/quicktunnel"])
})

it("takes a PUBLIC_URL that is given", async () => {
  answers = [{ status: 200, body: `{"hostname":"brave-blue-fox.trycloudflare.com"}` }]
  const given = { OFFHOOK_TUNNEL_API: api, PUBLIC_URL: "https://voice.example.com" }
  assert.strictEqual(await publicUrl(given), "https://voice.example.com")
  assert.deepStrictEqual(asked, [])
})

it("takes an empty PUBLIC_URL, as `.env` may hold it, for none", async () => {
  answers = [{ status: 200, body: `{"hostname":"brave-blue-fox.trycloudflare.com"}` }]
  assert.strictEqual(
    await publicUrl({ OFFHOOK_TUNNEL_API: api, PUBLIC_URL: "" }),
    "https://brave-blue-fox.trycloudflare.com"
  )
})

it("asks nobody where no tunnel is configured", async () => {
  assert.strictEqual(await publicUrl({}), "undefined")
  assert.deepStrictEqual(asked, [])
})
