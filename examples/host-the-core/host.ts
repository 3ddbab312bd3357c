/**
 * Hosts one call of @offhook/core on two WebSockets, without Offhook's adapters. It uses what browsers, Deno, Bun,
 * Workers and Node.js have in common: a WebSocket, a timer, a monotonic clock.
 */

import { type Agent, Call, type Command, type Event, OpenAI, Twilio } from "@offhook/core"

/** The part of the standard WebSocket that is needed; `ws` has it too. */
export interface Socket {
  send(text: string): void
  close(code?: number): void
  addEventListener(type: "open" | "error", listener: () => void): void
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void
}

export interface Options {
  readonly config: Agent.Config
  /** Opens a socket to the Realtime API; it need not be open yet. */
  readonly connectModel: (model: string) => Socket
  /** What the model reads as the tool's result. */
  readonly runTool: (name: string, args: string) => Promise<string>
  /** Everything that happens, e.g. for a recording; `event` null: the call begins. */
  readonly onStep?: (event: Event | null, commands: ReadonlyArray<Command>) => void
}

/** `carrier` is an accepted socket of Twilio Media Streams. */
export const hostCall = (carrier: Socket, { config, connectModel, onStep, runTool }: Options): void => {
  const began = performance.now()
  const now = () => Math.floor(performance.now() - began)
  let streamSid: string | null = null
  let model: Socket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  // #region loop
  let [state, commands] = Call.initial(config)

  const dispatch = (event: Event | null): void => {
    if (event === null || Call.isEnded(state)) return
    ;[state, commands] = Call.step(state, event)
    carryOut(event)
  }

  const carryOut = (event: Event | null): void => {
    onStep?.(event, commands)
    for (const command of commands) execute(command)
    clearTimeout(timer)
    const due = Call.nextDeadline(state)
    if (due !== null) timer = setTimeout(() => dispatch({ _tag: "TimeAdvanced", at: now() }), due - now())
  }
  // #endregion

  const execute = (command: Command): void => {
    switch (command._tag) {
      case "PlayAudio":
      case "Mark":
      case "Clear":
        return carrier.send(Twilio.encode(command, streamSid ?? ""))
      case "CloseCarrier":
        return carrier.close(1000)
      case "ConnectModel":
        model = connectModel(config.agent.model)
        return listen(model, command.session)
      case "CloseModel":
        return model?.close(1000)
      case "HangUp":
        // No REST here: the machine then closes the stream, and the carrier runs the tail of its TwiML.
        return queueMicrotask(() => dispatch({ _tag: "HangUpFailed", at: now() }))
      case "RunTool": {
        const answer = (output: string) => dispatch({ _tag: "ToolFinished", at: now(), call: command.call, output })
        return void runTool(command.name, command.arguments).then(answer, () => answer('{"error":"the tool failed"}'))
      }
      case "Note":
      case "Reacted":
      case "Settled":
      case "Ended":
        return
      default:
        model?.send(OpenAI.encode(command))
    }
  }

  const listen = (socket: Socket, session: number): void => {
    socket.addEventListener("open", () => dispatch({ _tag: "ModelConnected", at: now(), session }))
    socket.addEventListener("message", ({ data }) => dispatch(OpenAI.decode(String(data), now(), session)))
    socket.addEventListener("error", () => {})
    socket.addEventListener("close", ({ code, reason }) =>
      dispatch({ _tag: "ModelClosed", at: now(), session, code, reason })
    )
  }

  carrier.addEventListener("message", ({ data }) => {
    const event = Twilio.decode(String(data), now(), { stream: 0, streamSid })
    if (event?._tag === "CarrierStarted") streamSid = event.streamSid
    dispatch(event)
  })
  carrier.addEventListener("error", () => {})
  carrier.addEventListener("close", ({ code }) => dispatch({ _tag: "CarrierClosed", at: now(), stream: 0, code }))
  carryOut(null)
}
