/** `node relays/main.js parse|bytes|raw`: a relay on `PORT`, to the model at `MODEL_URL`. */

import * as Bytes from "./Bytes.ts"
import * as Parse from "./Parse.ts"
import * as Raw from "./Raw.ts"

const relays = new Map<string | undefined, (relay: { readonly port: number; readonly modelUrl: string }) => unknown>([
  ["parse", Parse.listen],
  ["bytes", Bytes.listen],
  ["raw", Raw.listen]
])
const listen = relays.get(process.argv[2])
if (listen === undefined) throw new Error(`no relay is named ${process.argv[2]}`)
listen({ port: Number(process.env["PORT"]), modelUrl: process.env["MODEL_URL"] ?? "" })
// A profile is written when the process ends by itself.
process.on("SIGTERM", () => process.exit(0))
