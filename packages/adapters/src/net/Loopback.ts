/**
 * Whether a request comes from this machine and from nobody behind it.
 *
 * A proxy or tunnel on this machine gives itself away: it keeps the public host, or says for whom it asks.
 */

import type { IncomingHttpHeaders } from "node:http"

export const isLocal = (headers: Readonly<IncomingHttpHeaders>): boolean =>
  isLoopback(headers.host ?? "") &&
  headers["x-forwarded-for"] === undefined &&
  headers["x-forwarded-host"] === undefined &&
  headers["forwarded"] === undefined

/** A host, with a port or without, that can only be this machine. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host)

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i
