/** A port of loopback that nobody listens on, below those that systems give to outgoing connections. */

import { once } from "node:events"
import { createServer } from "node:net"

export const freePort = async () => {
  for (let port = 20_000 + (process.pid % 10_000); ; port++) {
    const server = createServer().listen(port, "127.0.0.1")
    const isFree = await once(server, "listening").then(
      () => true,
      () => false
    )
    if (!isFree) continue
    await once(server.close(), "close")
    return port
  }
}
