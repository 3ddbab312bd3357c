/**
 * `/docs` in a real browser: Debian's Chromium, driven by the DevTools protocol over its own WebSocket.
 *
 * Where there is no Chromium the test is skipped, but never in CI.
 */

import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { assert, it } from "@effect/vitest"
import { openApi } from "@offhook/api"
import { Brain } from "@offhook/simulator"
import * as Effect from "effect/Effect"
import { WebSocket } from "ws"
import { make, OPERATOR } from "./support/Live.ts"

const chromium = (() => {
  try {
    return execFileSync("which", ["chromium"], { encoding: "utf8" }).trim()
  } catch {
    return undefined
  }
})()

type Params = Readonly<Record<string, unknown>>

/** One page of a browser of its own. */
interface Page {
  readonly send: (method: string, params?: Params) => Promise<Params>
  readonly on: (method: string, listener: (params: Params) => void) => void
  /** The value of an expression; of a promise what it resolves to. */
  readonly evaluate: (expression: string) => Promise<unknown>
}

const browser = Effect.acquireRelease(
  Effect.promise(async () => {
    const profile = await mkdtemp(join(tmpdir(), "offhook-chromium-"))
    const child = spawn(
      chromium ?? "chromium",
      [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--remote-debugging-port=0",
        `--user-data-dir=${profile}`,
        "about:blank"
      ],
      { stdio: ["ignore", "ignore", "pipe"] }
    )
    for await (const line of createInterface(child.stderr)) {
      const [, url] = /^DevTools listening on (ws:.*)$/.exec(line) ?? []
      if (url !== undefined) return { child, profile, url }
    }
    throw new Error("Chromium does not start")
  }),
  ({ child, profile }) =>
    Effect.promise(async () => {
      const ended = child.exitCode === null ? once(child, "exit") : undefined
      child.kill("SIGKILL")
      await ended
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    })
)

const page = Effect.gen(function* () {
  const { url } = yield* browser
  const ws = new WebSocket(url)
  yield* Effect.addFinalizer(() => Effect.sync(() => ws.terminate()))
  yield* Effect.promise(() => once(ws, "open"))
  const waiting = new Map<number, (answer: { readonly result?: Params; readonly error?: Params }) => void>()
  const listeners = new Map<string, (params: Params) => void>()
  ws.on("message", (data) => {
    const message = JSON.parse(String(data))
    if (message.id === undefined) return listeners.get(message.method)?.(message.params)
    waiting.get(message.id)?.(message)
    waiting.delete(message.id)
  })
  let last = 0
  let sessionId: unknown
  const send: Page["send"] = (method, params = {}) =>
    new Promise((resolve, reject) => {
      const id = ++last
      waiting.set(id, ({ error, result = {} }) =>
        error === undefined ? resolve(result) : reject(new Error(`${method}: ${JSON.stringify(error)}`))
      )
      ws.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }))
    })
  yield* Effect.promise(async () => {
    const { targetId } = await send("Target.createTarget", { url: "about:blank" })
    const attached = await send("Target.attachToTarget", { targetId, flatten: true })
    sessionId = attached["sessionId"]
  })
  return {
    send,
    on: (method, listener) => void listeners.set(method, listener),
    evaluate: async (expression) => {
      const answer = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })
      assert.isUndefined(answer["exceptionDetails"], JSON.stringify(answer["exceptionDetails"]))
      return (answer["result"] as { readonly value?: unknown }).value
    }
  } satisfies Page
})

/** In the page: its console has what went wrong, and `until` waits for what a person would wait for. */
const WATCH = `
  addEventListener("securitypolicyviolation", (event) =>
    console.error("violates " + event.violatedDirective + ": " + event.blockedURI))
  window.until = (look) => new Promise((resolve) => {
    const again = () => { const found = look(); if (found) resolve(found); else setTimeout(again, 20) }
    again()
  })
`

const brain: Brain.Brain = () => Brain.NOTHING

it.scopedLive.skipIf(chromium === undefined && process.env["CI"] === undefined)(
  "a browser opens /docs with a token as its password, shows every operation and carries one out, and asks nobody else",
  () =>
    Effect.gen(function* () {
      const live = yield* make({ brain })
      const { evaluate, on, send } = yield* page
      const asked: Array<string> = []
      const faults: Array<string> = []
      on("Network.requestWillBeSent", ({ request }) => void asked.push((request as { readonly url: string }).url))
      on("Runtime.exceptionThrown", (fault) => void faults.push(JSON.stringify(fault)))
      on("Runtime.consoleAPICalled", (said) => {
        if (said["type"] === "error") faults.push(JSON.stringify(said["args"]))
      })
      on("Log.entryAdded", ({ entry }) => {
        const { level, text, url } = entry as { readonly level: string; readonly text: string; readonly url?: string }
        if (level === "error") faults.push(`${text} ${url}`)
      })
      on("Fetch.requestPaused", ({ requestId }) => void send("Fetch.continueRequest", { requestId }))
      let challenges = 0
      on("Fetch.authRequired", ({ requestId }) => {
        challenges++
        const authChallengeResponse = { response: "ProvideCredentials", username: "me", password: OPERATOR }
        void send("Fetch.continueWithAuth", { requestId, authChallengeResponse })
      })

      const operations = Object.values(openApi.paths).flatMap((methods) => Object.keys(methods)).length
      const seen = yield* Effect.promise(async () => {
        for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`)
        await send("Fetch.enable", { handleAuthRequests: true })
        await send("Page.addScriptToEvaluateOnNewDocument", { source: WATCH })
        const loaded = new Promise<void>((resolve) => on("Page.loadEventFired", () => resolve()))
        await send("Page.navigate", { url: `${live.url}/docs` })
        await loaded
        return evaluate(
          `until(() => document.querySelectorAll(".opblock").length === ${operations}).then(() =>
            [...document.querySelectorAll(".opblock-summary-path")].map((path) => path.textContent.replace(/\\u200b/g, "")))`
        )
      })
      assert.sameMembers(
        seen as Array<string>,
        Object.entries(openApi.paths).flatMap(([path, methods]) => Object.keys(methods).map(() => path))
      )
      assert.strictEqual(challenges, 1)

      const status = yield* Effect.promise(() =>
        evaluate(`(async () => {
          const shown = (selector) => until(() => document.querySelector(selector))
          ;(await shown(".btn.authorize")).click()
          const token = await shown(".auth-container input")
          Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(token, ${JSON.stringify(OPERATOR)})
          token.dispatchEvent(new Event("input", { bubbles: true }))
          ;(await shown(".auth-btn-wrapper .authorize")).click()
          ;(await shown(".btn-done")).click()
          const list = [...document.querySelectorAll(".opblock")].find((one) =>
            one.querySelector(".opblock-summary-path").textContent.replace(/\\u200b/g, "") === "/api/v1/calls")
          const within = (selector) => until(() => list.querySelector(selector))
          ;(await within(".opblock-summary-control")).click()
          ;(await within(".try-out__btn")).click()
          ;(await within(".execute")).click()
          return (await within(".live-responses-table .response .response-col_status")).textContent.trim() + " " +
            (await within(".live-responses-table .response-col_description code")).textContent.replace(/\\s/g, "")
        })()`)
      )
      assert.strictEqual(status, '200 {"calls":[]}')

      assert.deepStrictEqual(faults, [])
      const elsewhere = asked.filter((url) => !url.startsWith(`${live.url}/`) && !url.startsWith("data:"))
      assert.deepStrictEqual(elsewhere, [])
      assert.includeMembers(asked, [`${live.url}/docs`, `${live.url}/api/v1/calls`])
    }),
  60_000
)
