/**
 * Sets PUBLIC_URL from a Cloudflare quick tunnel, before the program starts:
 *
 *   node --import ./scripts/tunnel-url.mjs packages/server/dist/main.js
 *
 * A quick tunnel gets its host name when it starts, and tells it on its own metrics port (`GET /quicktunnel` answers
 * `{"hostname":"..."}`): OFFHOOK_TUNNEL_API is the address of that. A PUBLIC_URL that is already set stands.
 */
import { setTimeout } from "node:timers/promises"

/** A quick tunnel is there within seconds, or not at all. */
const patience = 60_000

/** @param {string} api */
const hostname = async (api) => {
  const deadline = performance.now() + patience
  while (performance.now() < deadline) {
    try {
      const response = await fetch(api, { signal: AbortSignal.timeout(2_000) })
      const body = /** @type {{ hostname?: unknown }} */ (await response.json())
      if (typeof body.hostname === "string" && /^[a-z0-9.-]+$/.test(body.hostname)) return body.hostname
    } catch {
      // The tunnel is still starting.
    }
    await setTimeout(250)
  }
  return undefined
}

const { OFFHOOK_TUNNEL_API: api, PUBLIC_URL: given } = process.env
if (!given && api) {
  console.error(`Waiting for the tunnel at ${api} ...`)
  const name = await hostname(api)
  if (name === undefined) {
    console.error(`No tunnel at ${api} after ${patience / 1_000} s. Set PUBLIC_URL to do without one.`)
    process.exit(69)
  }
  process.env["PUBLIC_URL"] = `https://${name}`
  console.error(`The tunnel is ${process.env["PUBLIC_URL"]}`)
}
