/** The servers that are measured: Offhook as it is built and configured by default, and relays to hold it against. */

import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface Spec {
  readonly title: string
  /** Of Node.js. */
  readonly args: ReadonlyArray<string>
  readonly env: (peers: Peers) => Readonly<Record<string, string>>
}

export interface Peers {
  readonly port: number
  readonly modelPort: number
  /** An empty directory of the run's own. */
  readonly directory: string
}

export const accountSid = `AC${"0123456789abcdef".repeat(2)}`
export const authToken = "0123456789abcdef0123456789abcdef"

const here = fileURLToPath(new URL(".", import.meta.url))

const relay = (name: string, title: string): Spec => ({
  title,
  args: [join(here, "relays/main.js"), name],
  env: ({ modelPort, port }) => ({ PORT: String(port), MODEL_URL: modelUrl(modelPort) })
})

/** Its limits are raised to what a benchmark asks of it; everything that is on by default stays on. */
const offhook = (title: string, changes: Readonly<Record<string, string>> = {}): Spec => ({
  title,
  args: [join(here, "../../packages/server/dist/main.js"), "serve"],
  env: ({ directory, modelPort, port }) => ({
    OPENAI_API_KEY: "sk-benchmark",
    OPENAI_REALTIME_URL: modelUrl(modelPort),
    TWILIO_ACCOUNT_SID: accountSid,
    TWILIO_AUTH_TOKEN: authToken,
    // Nothing of a benchmark leaves this machine.
    TWILIO_API_URL: `http://127.0.0.1:${modelPort}`,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    HOST: "127.0.0.1",
    PORT: String(port),
    OFFHOOK_MAX_CALLS: "10000",
    OFFHOOK_CALLS_PER_MINUTE: "0",
    OFFHOOK_RECORDINGS: join(directory, "recordings"),
    OFFHOOK_DRAIN_SECONDS: "0",
    OFFHOOK_API_TOKEN: "operator-0123456789abcdef",
    ...changes
  })
})

const modelUrl = (port: number): string => `ws://127.0.0.1:${port}/v1/realtime`

export const servers = {
  offhook: offhook("Offhook"),
  unrecorded: offhook("Offhook, recording off", { OFFHOOK_RECORDINGS: "off" }),
  parse: relay("parse", "bare relay on `ws`: parse and stringify"),
  bytes: relay("bytes", "bare relay on `ws`: bytes to bytes"),
  raw: relay("raw", "bare relay on raw sockets: the floor")
} satisfies Readonly<Record<string, Spec>>

export type Name = keyof typeof servers

export const names = Object.keys(servers) as ReadonlyArray<Name>

export const isName = (name: string): name is Name => Object.hasOwn(servers, name)
