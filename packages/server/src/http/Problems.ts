/**
 * Around every route: the request's id, the constant headers, and problem details for whatever goes wrong.
 *
 * 1. Every answer carries `X-Request-Id`, and every log line of the request the same id.
 * 2. Every answer of 400 and above is `application/problem+json`; a route that answers in plain text gives its detail.
 * 3. A defect is a 500 that says nothing of itself, and a log line that says all.
 */

import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { HttpProblem, Metrics, Refusal } from "@offhook/adapters"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** A path as the router knows it, `:name` for a segment. */
export interface Route {
  readonly method: string
  readonly path: string
}

/** Of the request that is answered now. */
export class RequestId extends Context.Reference<RequestId>()("@offhook/server/http/RequestId", {
  defaultValue: () => ""
}) {}

/** `routes` are all that there are: a path that is there for another method is 405, not 404. */
export const layer = (routes: ReadonlyArray<Route>) => {
  const patterns = routes.map(({ method, path }) => ({ method, pattern: patternOf(path) }))

  const notFound = (
    request: HttpServerRequest.HttpServerRequest
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
    const [path = ""] = request.url.split("?", 1)
    const allowed = [...new Set(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))]
    // A path that its own method does not find has a part that is too long.
    return allowed.length === 0 || allowed.includes(request.method)
      ? refused("http_path")
      : Effect.map(refused("http_method"), HttpServerResponse.setHeader("allow", allowed.join(", ")))
  }

  const failed = (
    request: HttpServerRequest.HttpServerRequest,
    cause: Cause.Cause<unknown>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
    const error = Cause.squash(cause)
    if (HttpServerResponse.isServerResponse(error)) return Effect.succeed(error)
    if (HttpServerError.isServerError(error)) {
      if (error._tag === "RouteNotFound") return notFound(request)
      if (error._tag === "RequestError") return refused("http_malformed")
    }
    return Effect.as(
      Effect.logError("a request failed", cause),
      HttpServerResponse.text("a fault of Offhook; its log tells it, by the request's id", { status: 500 })
    )
  }

  return HttpLayerRouter.middleware(
    (handled) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const requestId = HttpProblem.requestIdOf(request.headers[HttpProblem.REQUEST_ID])
        return handled.pipe(
          Effect.catchAllCause((cause) =>
            Cause.isInterruptedOnly(cause) ? Effect.failCause(cause) : failed(request, cause)
          ),
          Effect.map((response) => dressed(response, requestId)),
          Effect.tap(({ status }) =>
            Effect.map(Metrics.Metrics, ({ inc }) => inc("offhook_http_requests_total", { status: String(status) }))
          ),
          Effect.provideService(RequestId, requestId),
          Effect.annotateLogs("requestId", requestId)
        )
      }),
    { global: true }
  )
}

const refused = (reason: Refusal.Reason): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(Refusal.told(reason), ({ code, sentence }) => HttpServerResponse.text(sentence, { status: code }))

const dressed = (
  response: HttpServerResponse.HttpServerResponse,
  requestId: string
): HttpServerResponse.HttpServerResponse => {
  const { headers, status } = response
  const isProblem = status < 400 || headers["content-type"]?.startsWith(HttpProblem.CONTENT_TYPE) === true
  const said = isProblem
    ? response
    : HttpServerResponse.setBody(
        response,
        HttpBody.text(HttpProblem.body(status, detailOf(response), requestId), HttpProblem.CONTENT_TYPE)
      )
  return HttpServerResponse.setHeaders(said, {
    ...HttpProblem.headers,
    ...(status === 401 ? { "www-authenticate": `Bearer realm="Offhook"` } : {}),
    ...(status === 429 ? { "retry-after": "60" } : {}),
    ...headers,
    "content-type": said.headers["content-type"] ?? said.body.contentType ?? "text/plain",
    [HttpProblem.REQUEST_ID]: requestId
  })
}

const detailOf = ({ body, status }: HttpServerResponse.HttpServerResponse): string =>
  body._tag === "Uint8Array" && body.contentType.startsWith("text/plain")
    ? new TextDecoder().decode(body.body)
    : `the request was refused with ${status}`

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:\w+/g, "[^/]+")}$`)
