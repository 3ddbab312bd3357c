/** An OTLP/HTTP collector of one process: takes what is posted to `/v1/traces`, as JSON, and keeps its spans. */

import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { assert } from "vitest"

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  /** ms since the epoch. */
  readonly start: number
  readonly end: number
  readonly attributes: Readonly<Record<string, unknown>>
  /** 1 ok, 2 error. */
  readonly status: number
}

export interface Collector {
  /** What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to. */
  readonly url: string
  readonly spans: ReadonlyArray<Span>
  readonly resources: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly headers: ReadonlyArray<Http.IncomingHttpHeaders>
  /** All that was posted, as it came. */
  readonly bodies: ReadonlyArray<string>
  readonly close: () => Promise<void>
}

export const start = async (status = 200): Promise<Collector> => {
  const spans: Array<Span> = []
  const resources: Array<Readonly<Record<string, unknown>>> = []
  const headers: Array<Http.IncomingHttpHeaders> = []
  const bodies: Array<string> = []
  const server = Http.createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const isOurs = request.method === "POST" && request.url === "/v1/traces"
      response.writeHead(isOurs ? status : 404, { "content-type": "application/json" }).end("{}")
      if (!isOurs) return
      const body = Buffer.concat(chunks).toString("utf8")
      headers.push(request.headers)
      bodies.push(body)
      for (const { resource, scopeSpans } of (JSON.parse(body) as Posted).resourceSpans) {
        resources.push(read(resource.attributes))
        for (const span of scopeSpans.flatMap(({ spans }) => spans)) spans.push(checked(span))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    resources,
    headers,
    bodies,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

interface Posted {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<KeyValue> }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<PostedSpan> }>
  }>
}

interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface PostedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<KeyValue>
  readonly status: { readonly code: number }
}

const checked = ({ attributes, endTimeUnixNano, startTimeUnixNano, status, ...span }: PostedSpan): Span => {
  assert.match(span.traceId, /^[0-9a-f]{32}$/)
  assert.match(span.spanId, /^[0-9a-f]{16}$/)
  assert.match(startTimeUnixNano, /^\d{19}$/)
  assert.isTrue(BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano), span.name)
  return {
    ...span,
    start: Number(BigInt(startTimeUnixNano) / 1_000_000n),
    end: Number(BigInt(endTimeUnixNano) / 1_000_000n),
    attributes: read(attributes),
    status: status.code
  }
}

/** OTLP's JSON writes 64-bit integers as strings. */
const read = (attributes: ReadonlyArray<KeyValue>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      "intValue" in value ? Number(value["intValue"]) : Object.values(value).at(0)
    ])
  )
