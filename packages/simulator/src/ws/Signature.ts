/** Twilio's request signature (protocols.md C.1), as the sender computes it. */
import { createHmac } from "node:crypto"

/**
 * Base64 of HMAC-SHA1 over the URL as written and, sorted by name, each parameter's name and values. Repeated values
 * count once, sorted. GET requests and WebSocket upgrades have no parameters.
 */
export const sign = (
  authToken: string,
  url: string,
  params: Readonly<Record<string, string | ReadonlyArray<string>>> = {}
): string => {
  let data = url
  for (const name of Object.keys(params).sort()) {
    const value = params[name] ?? ""
    const values = typeof value === "string" ? [value] : [...new Set(value)].sort()
    for (const one of values) data += name + one
  }
  return createHmac("sha1", authToken).update(data, "utf8").digest("base64")
}
