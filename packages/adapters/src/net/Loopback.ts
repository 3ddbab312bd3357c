/**
 * Whether a request comes from this machine and from nobody behind it.
 *
 * A proxy or tunnel on this machine gives itself away: it keeps the public host, or says for whom it asks. So does a page
 * of the internet in a browser on this machine, which may send forms to this machine and open WebSockets to it.
 */

import type { IncomingHttpHeaders } from "node:http"

export const isLocal = (headers: Readonly<IncomingHttpHeaders>): boolean =>
  isLoopback(headers.host ?? "") && BEHIND.every((name) => headers[name] === undefined)

/** No client of a webhook or media stream sends any of these itself. */
const BEHIND = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "via",
  "origin",
  "sec-fetch-site"
]

/** A host, with a port or without, that can only be this machine. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host)

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i
