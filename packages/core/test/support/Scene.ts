/**
 * A call, event by event: the scene keeps the time, stamps events and remembers the commands. Every step checks the
 * invariants that hold always: the state survives JSON, a step from the copy is the same, no deadline is left behind.
 */

import { Agent, Call, type Command, type Event, Prices } from "@offhook/core"
import { assert } from "vitest"

type Body<E> = E extends { readonly at: number } ? Omit<E, "at"> : never

export interface Scene {
  readonly now: () => number
  readonly state: () => Call.State
  /** All commands so far. */
  readonly commands: ReadonlyArray<Command>
  /** Something happens now; returns the commands of this step. */
  readonly on: (event: Body<Event>) => ReadonlyArray<Command>
  /** Time passes without frames; deadlines fire on their own time. Returns the commands that they gave. */
  readonly wait: (ms: number) => ReadonlyArray<Command>
  /** Time passes with a frame of the caller's each 20 ms. */
  readonly frames: (ms: number, levels?: string) => ReadonlyArray<Command>
}

export const frameBytes = 160

/** The level of a frame in which somebody speaks: -19.5 dBFS. */
export const loud = "y"

/** The carrier's stream is there. */
export const started = {
  _tag: "CarrierStarted",
  stream: 0,
  streamSid: "MZ1",
  callSid: "CA1",
  accountSid: "AC1",
  encoding: "audio/x-mulaw",
  sampleRate: 8000,
  channels: 1,
  parameters: {}
} as const

export const make = (agent: Partial<Agent.Agent> = {}): Scene => {
  const config = { agent: { ...Agent.defaults, greeting: null, ...agent }, prices: Prices.table }
  let [state, first] = Call.initial(config)
  let at = 0
  const commands: Array<Command> = [...first]

  const step = (event: Event): ReadonlyArray<Command> => {
    const copy: Call.State = JSON.parse(JSON.stringify(state))
    assert.deepStrictEqual(copy, state, "the state is plain JSON")
    const [next, given] = Call.step(state, event)
    assert.deepStrictEqual(Call.step(copy, event), [next, given], "a step from the copy is the same")
    const due = Call.nextDeadline(next)
    if (event._tag === "TimeAdvanced") assert.isTrue(due === null || due > event.at, "no deadline is left behind")
    state = next
    commands.push(...given)
    return given
  }

  const scene: Scene = {
    now: () => at,
    state: () => state,
    commands,
    on: (event) => step({ ...event, at } as Event),
    wait: (ms) => {
      const given: Array<Command> = []
      const end = at + ms
      for (let due = Call.nextDeadline(state); due !== null && due <= end; due = Call.nextDeadline(state)) {
        at = Math.max(at, due)
        given.push(...step({ _tag: "TimeAdvanced", at }))
      }
      at = end
      return given
    },
    frames: (ms, levels = "A") => {
      const given: Array<Command> = []
      for (const end = at + ms; at < end; ) {
        given.push(...scene.wait(20))
        given.push(...step(frame(at, at - 20, levels)))
      }
      return given
    }
  }
  return scene
}

/** A frame of the caller's, spoken at `timestamp` of the stream. */
export const frame = (at: number, timestamp: number, levels = "A"): Extract<Event, { _tag: "CarrierAudio" }> => ({
  _tag: "CarrierAudio",
  at,
  stream: 0,
  timestamp,
  bytes: frameBytes,
  levels,
  payload: "caller"
})

/** The model is ready. */
export const model = (scene: Scene): ReadonlyArray<Command> => {
  scene.on({ _tag: "ModelConnected", session: 0 })
  scene.on({ _tag: "ModelSessionCreated", session: 0, id: "sess_1", expiresAt: null })
  return scene.on({
    _tag: "ModelSessionUpdated",
    session: 0,
    input: { type: "audio/pcmu" },
    output: { type: "audio/pcmu" }
  })
}

export const carrier = (scene: Scene): ReadonlyArray<Command> => scene.on(started)

/** Model and carrier are there, and the first second of the call has passed. */
export const live = (agent: Partial<Agent.Agent> = {}): Scene => {
  const scene = make(agent)
  carrier(scene)
  model(scene)
  scene.frames(1000)
  return scene
}

export const created = (scene: Scene, response: string, request: string | null = null): ReadonlyArray<Command> =>
  scene.on({ _tag: "ModelResponseCreated", session: 0, response, request, inConversation: true })

/** Text of an item, which nobody hears, or the transcript of its audio. */
export const writes = (scene: Scene, response: string, item: string, text: string, contentIndex = 0) =>
  scene.on({ _tag: "ModelText", session: 0, response, item, contentIndex, text })

/** Audio of an item, `ms` long, with its transcript. */
export const says = (scene: Scene, response: string, item: string, ms: number, text = "", contentIndex = 0) => {
  if (text !== "") writes(scene, response, item, text, contentIndex)
  return scene.on({
    _tag: "ModelAudio",
    session: 0,
    response,
    item,
    contentIndex,
    bytes: ms * 8,
    levels: "",
    payload: `${item}/${ms}`
  })
}

export const done = (
  scene: Scene,
  response: string,
  status: "cancelled" | "completed" | "failed" | "incomplete" = "completed",
  more: Partial<Pick<Extract<Event, { _tag: "ModelResponseDone" }>, "error" | "reason" | "request" | "usage">> = {}
): ReadonlyArray<Command> =>
  scene.on({
    _tag: "ModelResponseDone",
    session: 0,
    response,
    request: null,
    inConversation: true,
    status,
    reason: null,
    error: null,
    usage: null,
    ...more
  })

/** Every mark that is still out comes back now: all was played, or flushed by a clear. */
export const echoes = (scene: Scene): ReadonlyArray<Command> => {
  const given: Array<Command> = []
  for (let name = nextMark(scene); name !== undefined; name = nextMark(scene)) given.push(...echo(scene, name))
  return given
}

/** The oldest mark that is still out comes back: the playback it leads begins. */
export const begins = (scene: Scene): ReadonlyArray<Command> => echo(scene, nextMark(scene) ?? "")

const echoed = new WeakMap<Scene, number>()

const nextMark = (scene: Scene): string | undefined => only(scene.commands, "Mark")[echoed.get(scene) ?? 0]?.name

const echo = (scene: Scene, name: string): ReadonlyArray<Command> => {
  echoed.set(scene, (echoed.get(scene) ?? 0) + 1)
  return scene.on({ _tag: "CarrierMarked", stream: 0, name })
}

/** The caller begins to speak: the model noticed it 200 ms after the onset, with the padding of the default detection. */
export const speaks = (scene: Scene, item = "user_1"): ReadonlyArray<Command> => {
  const audioStartMs = Math.max(0, appendedMs(scene) - 200 - 300)
  return scene.on({ _tag: "ModelSpeechStarted", session: 0, item, audioStartMs })
}

/** The caller has finished, and their words are an item. */
export const stops = (scene: Scene, item = "user_1"): ReadonlyArray<Command> => [
  ...scene.on({ _tag: "ModelSpeechStopped", session: 0, item, audioEndMs: appendedMs(scene) }),
  ...scene.on({ _tag: "ModelSpeechCommitted", session: 0, item, previous: null })
]

export const tags = (commands: ReadonlyArray<Command>): Array<Command["_tag"]> => commands.map(({ _tag }) => _tag)

export const only = <Tag extends Command["_tag"]>(
  commands: ReadonlyArray<Command>,
  tag: Tag
): ReadonlyArray<Extract<Command, { _tag: Tag }>> =>
  commands.filter((command): command is Extract<Command, { _tag: Tag }> => command._tag === tag)

export const notes = (commands: ReadonlyArray<Command>): Array<string> =>
  only(commands, "Note").map(({ note }) => note.what)

export const outcome = (scene: Scene): string | undefined => only(scene.commands, "Ended")[0]?.summary.outcome

const appendedMs = (scene: Scene): number =>
  scene.commands.reduce(
    (bytes, command) =>
      command._tag === "ForwardAudio" || command._tag === "ForwardSilence" ? bytes + command.bytes : bytes,
    0
  ) / 8
