/**
 * An open WebSocket as the call driver sees it, inbound and outbound alike.
 *
 * Messages arrive by callbacks and leave by `send`, all synchronous: no fiber, promise or closure a message.
 *
 * 1. Handlers are there before the first message: `open` asks for them in the tick in which the socket opened.
 * 2. `onClose` is called exactly once, last, however the socket ended.
 * 3. No exception leaves a callback: one that throws is reported once and its socket closed with 1011.
 * 4. `send` after the end does nothing and says so; nothing here ever throws.
 * 5. A peer that vanished without a word is noticed: silence is answered by a ping, a ping without any answer by the end.
 * 6. Of a peer that does not read it is told how late it is: `onCongested` once something of ours has waited for
 *    `CONGESTED`, `onDrained` once nothing has waited for long. While nothing waits this costs a look at a number.
 * 7. A peer that does not read costs `MAX_BUFFERED` and then its connection: `onClose` says so.
 */
import { Buffer } from "node:buffer"
import type { WebSocket } from "ws"

export interface Wire {
  /** False when the socket is no longer open, or its peer reads nothing: nothing was sent. Bytes are sent as one text message, as a string is. */
  readonly send: (message: string | Buffer) => boolean
  /** Bytes that were sent and that the kernel has not taken yet. */
  readonly bufferedAmount: () => number
  /** Starts the close handshake; `reason` is cut to the 123 bytes a close frame can hold. */
  readonly close: (code: number, reason: string) => void
  /** Ends the connection at once; `onClose` follows with 1006. */
  readonly terminate: () => void
  /** Stops and resumes reading, the only backpressure TCP has. */
  readonly pause: () => void
  readonly resume: () => void
}

/** Either `onText` or `onBytes` takes the messages. */
export type Handlers = {
  /**
   * Code and reason of the close frame; 1006 when there was none, 1005 when it held no code. For a peer's breach of the
   * protocol or a message over the limit the code is the one we closed with (1002, 1007, 1008, 1009).
   */
  readonly onClose: (code: number, reason: string) => void
  /** A ping or a pong has come; ws has answered the ping. */
  readonly onControl?: () => void
  /** The oldest byte of ours that the kernel has not taken is older than `CONGESTED`. */
  readonly onCongested?: () => void
  /** After that: none is older than `DRAINED` any more. */
  readonly onDrained?: () => void
} & (
  | {
      /** One message. A binary one, which neither Twilio's nor OpenAI's protocol has, comes as `("", true)`. */
      readonly onText: (text: string, binary: boolean) => void
    }
  | {
      /** One message without a copy: a view into the receive buffer, good only during the call. */
      readonly onBytes: (bytes: Buffer, binary: boolean) => void
    }
)

export interface Options {
  /** Silence after which we ping, ms; 0 for never. */
  readonly pingIdle?: number
  /** Takes what a handler threw. */
  readonly onDefect: (cause: unknown) => void
}

/**
 * Under the 60 s after which proxies and load balancers cut an idle connection, and rare enough to cost nothing. A dead
 * peer is noticed within two to three times this.
 */
export const PING_IDLE = 20_000

/** Enough for a polite peer on a bad line; ws waits 30 s by default, which a mute peer would make a shutdown wait too. */
export const CLOSE_TIMEOUT = 2_000

/**
 * Bytes that wait for a peer to read. It holds five minutes of audio in base64, either way: an agent's long answer comes
 * from the model in seconds, and is on its way to the carrier as fast as the line allows. More is a peer that has stopped.
 */
export const MAX_BUFFERED = 4 * 1024 * 1024

/** Age of the oldest byte that waits, ms: by then what we say comes noticeably late. */
export const CONGESTED = 500
/** Well below it, or a peer that is just too slow would be told of all the time. */
export const DRAINED = 100
/** How often it is looked at while something waits; sends look as well. */
const LOOK = 100
/** Bytes that were given within so many ms count as equally old; there are as many entries as tell `CONGESTED`, and more. */
const GRAIN = 50
const MAX_WAITING = 64

/** RFC 6455 5.5: a control frame holds 125 bytes, of which the code takes two. */
const MAX_REASON_BYTES = 123

/** Takes an open socket; `attach` is called at once and gives the handlers of its messages. */
export const open = (ws: WebSocket, options: Options, attach: (wire: Wire) => Handlers): Wire => {
  const pingIdle = options.pingIdle ?? PING_IDLE
  let heard = true
  let pinged = false
  let keepalive: NodeJS.Timeout | undefined
  let failure: Failure | undefined
  let queue: Queue | undefined

  const isStuck = (): boolean => {
    if (ws.bufferedAmount <= MAX_BUFFERED) return false
    failure = new Error("the peer does not read")
    ws.terminate()
    return true
  }

  const wire: Wire = {
    send: (message) => {
      if (ws.readyState !== ws.OPEN || isStuck()) return false
      const before = ws.bufferedAmount
      ws.send(message, AS_TEXT)
      const after = ws.bufferedAmount
      if (after > 0) queue?.gave(after - before, after)
      return true
    },
    bufferedAmount: () => ws.bufferedAmount,
    close: (code, reason) => {
      if (ws.readyState === ws.OPEN) ws.close(isSendable(code) ? code : 1011, clip(reason))
    },
    terminate: () => ws.terminate(),
    pause: () => ws.pause(),
    resume: () => ws.resume()
  }

  const defect = (cause: unknown) => {
    ws.off("message", onMessage)
    wire.close(1011, "internal error")
    try {
      options.onDefect(cause)
    } catch {
      // Nobody is left to tell, and the process must live.
    }
  }

  const onMessage = (data: Buffer, binary: boolean) => {
    heard = true
    try {
      deliver(data, binary)
    } catch (cause) {
      defect(cause)
    }
  }

  let handlers: Handlers
  try {
    handlers = attach(wire)
  } catch (cause) {
    handlers = { onText: ignore, onClose: ignore }
    defect(cause)
  }
  const { onClose, onCongested, onControl, onDrained } = handlers
  const tell = (listener: () => void) => {
    try {
      listener()
    } catch (cause) {
      defect(cause)
    }
  }
  if (onCongested !== undefined && onDrained !== undefined) {
    queue = watch(
      () => ws.bufferedAmount,
      () => tell(onCongested),
      () => tell(onDrained)
    )
  }
  let deliver: (data: Buffer, binary: boolean) => void
  if ("onBytes" in handlers) {
    deliver = handlers.onBytes
  } else {
    const { onText } = handlers
    deliver = (data, binary) => onText(binary ? "" : data.toString("utf8"), binary)
  }

  ws.on("error", (error: Failure) => {
    failure = error
  })
  ws.on("message", onMessage)
  const onPingOrPong = () => {
    heard = true
    if (onControl !== undefined) tell(onControl)
  }
  ws.on("pong", onPingOrPong)
  ws.on("ping", onPingOrPong)
  ws.once("close", (code, reason) => {
    clearInterval(keepalive)
    queue?.stop()
    queue = undefined
    try {
      onClose(breachCode(failure) ?? code, reason.length > 0 ? reason.toString("utf8") : (failure?.message ?? ""))
    } catch (cause) {
      defect(cause)
    }
  })

  if (pingIdle > 0 && ws.readyState === ws.OPEN) {
    keepalive = setInterval(() => {
      if (heard) {
        heard = false
        pinged = false
      } else if (pinged) {
        failure = new Error("no answer to a ping")
        ws.terminate()
      } else if (ws.readyState === ws.OPEN) {
        pinged = true
        ws.ping()
      }
    }, pingIdle)
  }
  return wire
}

/** How old the oldest byte is that waits. */
interface Queue {
  /** `bytes` more have to wait, `waiting` in all. */
  readonly gave: (bytes: number, waiting: number) => void
  readonly stop: () => void
}

const watch = (waitingNow: () => number, onCongested: () => void, onDrained: () => void): Queue => {
  /** The places in all bytes that had to wait up to which they were given by `at`, the oldest first. */
  let marks: Array<{ readonly at: number; end: number }> = []
  let given = 0
  let isCongested = false
  let timer: NodeJS.Timeout | undefined

  const look = (waiting: number): void => {
    const taken = given - waiting
    let gone = 0
    while (gone < marks.length && (marks[gone]?.end ?? 0) <= taken) gone++
    if (gone > 0) marks = marks.slice(gone)
    const oldest = marks[0]
    const age = oldest === undefined ? 0 : performance.now() - oldest.at
    if (oldest === undefined) {
      clearInterval(timer)
      timer = undefined
    }
    if (!isCongested && age > CONGESTED) {
      isCongested = true
      onCongested()
    } else if (isCongested && age < DRAINED) {
      isCongested = false
      onDrained()
    }
  }

  return {
    gave: (bytes, waiting) => {
      const at = performance.now()
      const last = marks.at(-1)
      given += bytes
      if (last !== undefined && (at - last.at < GRAIN || marks.length === MAX_WAITING)) last.end = given
      else marks.push({ at, end: given })
      timer ??= setInterval(() => look(waitingNow()), LOOK)
      look(waiting)
    },
    stop: () => clearInterval(timer)
  }
}

type Failure = Error & { readonly code?: string }

const AS_TEXT = { binary: false }

const ignore = () => {}

/** Codes that an endpoint may put into a close frame (RFC 6455 7.4). */
const isSendable = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)

const clip = (reason: string): string => {
  if (Buffer.byteLength(reason) <= MAX_REASON_BYTES) return reason
  const bytes = Buffer.from(reason)
  let end = MAX_REASON_BYTES
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString("utf8", 0, end)
}

/** After a breach ws reads no further, so the peer's close frame is never seen and the code would be 1006. */
const breachCode = (failure: Failure | undefined): number | undefined => {
  if (failure?.code === undefined || !failure.code.startsWith("WS_ERR_")) return undefined
  switch (failure.code) {
    case "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH":
    case "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH":
      return 1009
    case "WS_ERR_INVALID_UTF8":
      return 1007
    case "WS_ERR_TOO_MANY_BUFFERED_PARTS":
      return 1008
    default:
      return 1002
  }
}
