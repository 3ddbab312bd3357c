/** Ports for servers whose address must be known before they are there. */

import { once } from "node:events"
import * as Net from "node:net"

/** Below the ports that systems give to outgoing connections, which would take one between its choice and its use. */
const FIRST = 20_000
const PORTS = 12_000

/** Test files run in processes of their own: each begins elsewhere. */
let next = FIRST + ((process.pid * 37) % PORTS)

const isFree = async (port: number): Promise<boolean> => {
  const server = Net.createServer()
  server.listen(port, "127.0.0.1")
  const isListening = await once(server, "listening").then(
    () => true,
    () => false
  )
  if (isListening) await once(server.close(), "close")
  return isListening
}

/** Of loopback; nobody listens there, and no other call of this process gets it. */
export const free = async (): Promise<number> => {
  for (;;) {
    const port = next
    next = port + 1 < FIRST + PORTS ? port + 1 : FIRST
    if (await isFree(port)) return port
  }
}
