/**
 * One call, placed by the bundled phone network through the real server, and told live.
 *
 * Simulated are the phone network, the caller and (unless a real one is asked for) the model. Everything between them
 * is the server as it runs in production: webhook, TwiML, two WebSockets, state machine, recording.
 *
 * The simulated parts outlive the server: when the program stops in the middle of a call, the server ends it politely,
 * and only then does the phone network go.
 */

import * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import { CallObserver, type Errors, HttpListener, IncomingCall, type Problem, type Tools, Wav } from "@offhook/adapters"
import { Recording, type Summary } from "@offhook/core"
import {
  Caller,
  CarrierClient,
  CarrierRest,
  Line,
  ModelServer,
  Random,
  Restaurant,
  type Speech,
  SpeechFiles
} from "@offhook/simulator"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as App from "./App.ts"
import * as ReplayFiles from "./ReplayFiles.ts"
import * as Screen from "./Screen.ts"
import * as Startup from "./Startup.ts"
import * as Story from "./Story.ts"

export interface Options {
  readonly mode: Exclude<Startup.Mode, { readonly _tag: "Real" }>
  readonly tools: Layer.Layer<Tools.Tools>
  /** The server goes on afterwards, on `PORT`; else it takes a free one. */
  readonly keep: boolean
}

/** ms. A carrier in the same country as the server and the model: 80 ms to the phone and back, 40 to the model. */
const NETWORK = { carrier: { delay: 36, jitter: 8 }, model: { delay: 18, jitter: 4 } }

/** ms. Nobody waits longer, whatever a real model does. */
const PATIENCE = 120_000

/** Asks, interrupts the long answer, books, says goodbye; the agent hangs up. About 32 s. */
export const script = (audio: Speech.Audio): Caller.CallerScript => {
  const say = (id: Speech.ClipId, when: Caller.When) => Caller.say(id, audio[id], when)
  return [
    say("caller-opening-hours", Caller.agentSilent(500)),
    say("caller-how-many", Caller.agentSpeaking(3_000)),
    say("caller-table-for-four", Caller.agentSilent(500)),
    say("caller-goodbye", Caller.agentSilent(500)),
    Caller.hangUp(Caller.agentSilent(10_000))
  ]
}

/** Until the call is over and told; the server stays up as long as the scope. */
export const run = ({
  keep,
  mode,
  tools
}: Options): Effect.Effect<
  void,
  Errors.ListenFailed | Problem.StartupProblems | ReplayFiles.FileUnusable,
  FileSystem.FileSystem | Path.Path | Scope.Scope
> =>
  Effect.gen(function* () {
    const screen = Screen.make(process.stdout, process.env["NO_COLOR"])
    const story = Story.make()
    const audio = SpeechFiles.load()
    const random = Random.make("demo")
    const line = (name: string, { delay, jitter }: { readonly delay: number; readonly jitter: number }) =>
      Line.make({ delay, jitter, random: random.split(name) })

    const { agent, configuration, settings } = yield* Startup.load({
      ...OVERRIDES,
      ...(keep ? {} : { PORT: "0" }),
      ...(mode._tag === "RealModel" ? {} : SIMULATED)
    })
    const rest = yield* serving(() => CarrierRest.start())
    const openai =
      mode._tag === "RealModel"
        ? settings.openai
        : yield* serving(() =>
            ModelServer.start({
              brain: Restaurant.brain(audio),
              transcribe: Restaurant.transcriber(audio),
              seed: "demo",
              lines: () => ({ up: line("to model", NETWORK.model), down: line("from model", NETWORK.model) })
            })
          ).pipe(Effect.map(({ url }) => ({ ...settings.openai, url })))

    const phone = yield* makePhone
    const recorded = yield* Deferred.make<string | null>()
    const tell = (lines: ReadonlyArray<Story.Line>) => {
      for (const one of lines) screen.line(one)
    }
    const observer: Context.Tag.Service<CallObserver.CallObserver> = {
      onStep: (callSid, event, commands) => {
        if (callSid === phone.callSid) tell(story.stepped(phone.now(), event, commands))
      },
      onReleased: (callSid, recording) => {
        if (callSid === phone.callSid) Deferred.unsafeDone(recorded, Effect.succeed(recording))
      }
    }

    const app = yield* App.layer({
      settings: {
        ...settings,
        openai,
        recordings: settings.recordings && { ...settings.recordings, audio: true },
        // Who presses Ctrl-C is not on the phone.
        drain: { ...settings.drain, seconds: 0 }
      },
      agent,
      tools,
      rest: { accountSid: phone.accountSid, authToken: Redacted.make("simulated"), apiUrl: rest.url },
      simulated: mode._tag === "Simulated",
      configuration
    }).pipe(Layer.provide(Layer.succeed(CallObserver.CallObserver, observer)), Layer.build)
    const { port } = Context.get(app, HttpListener.HttpListener)

    introduce(screen, mode, port)
    yield* phone.call({
      webhookUrl: `http://127.0.0.1:${port}${IncomingCall.PATH}`,
      script: script(audio),
      seed: "demo",
      noise: true,
      patience: PATIENCE,
      toServer: line("to server", NETWORK.carrier),
      fromServer: line("from server", NETWORK.carrier),
      rest,
      onTrace: (trace, at) => tell(story.traced(at, trace))
    })
    tell(story.finish())
    const summary = story.summary()
    if (summary === null) screen.text("The call ended before it reached an agent.")
    else yield* conclude(screen, mode, summary, story.reactions(), yield* Deferred.await(recorded))
    if (keep) screen.text(`\nServing on http://localhost:${port} until Ctrl-C.`)
  })

/** Settings of this machine alone: a caller and a model that cost nothing must never meet a public number. */
const OVERRIDES = {
  HOST: "127.0.0.1",
  PUBLIC_URL: "",
  TWILIO_ACCOUNT_SID: "",
  TWILIO_AUTH_TOKEN: "",
  TWILIO_AUTH_TOKEN_SECONDARY: "",
  TWILIO_SUBACCOUNT_TOKENS: ""
}

const SIMULATED = { OPENAI_API_KEY: "simulated", OPENAI_REALTIME_URL: "" }

const introduce = (screen: Screen.Screen, mode: Options["mode"], port: number): void => {
  screen.heading("Offhook: a phone call with an AI agent")
  screen.text(
    mode._tag === "RealModel"
      ? "Simulated: the phone network and the caller. Real: OpenAI's model (this call costs money) and the server " +
          `between them, on http://localhost:${port}.`
      : "Simulated: the phone network, the caller and the model (kept voices; no key, no cost). Real: the server " +
          `between them, on http://localhost:${port}: webhook, TwiML, WebSockets, state machine, recording.`
  )
  if (mode._tag === "Simulated" && mode.keyIgnored) {
    screen.text("OPENAI_API_KEY is set and was not used: `npm start -- --real` places this call to the real model.")
  }
  screen.text("")
}

const conclude = Effect.fnUntraced(function* (
  screen: Screen.Screen,
  mode: Options["mode"],
  summary: Summary,
  reactions: Story.Reactions,
  recording: string | null
) {
  screen.heading("The call")
  for (const [label, text] of Story.summarize(summary, reactions, mode._tag === "RealModel" ? "real" : "simulated")) {
    screen.row(label, text)
  }
  if (recording === null) screen.row("recording", "none")
  else {
    const read = Recording.parse(yield* ReplayFiles.read(recording))
    screen.row("recording", recording)
    screen.row("replayed", ReplayFiles.judge(read).text)
    const sound = Wav.ofRecording(read)
    if (sound !== null) {
      const fs = yield* FileSystem.FileSystem
      const file = recording.replace(/\.jsonl$/, ".wav")
      yield* fs.writeFile(file, sound).pipe(Effect.mapError((error) => ReplayFiles.unusable(file, error)))
      screen.row("sound", `${file} (left: what the agent's side received, right: what the caller's ear heard)`)
    }
  }
  screen.heading("Next")
  if (recording !== null) screen.row("replay", `npm run replay -- ${recording}`)
  screen.row("for real", "README.md, “A real phone number in ten minutes”")
})

/** Something of the simulator that listens, until the scope closes. */
const serving = <S extends { readonly close: () => Promise<void> }>(start: () => Promise<S>) =>
  Effect.acquireRelease(Effect.promise(start), (server) => Effect.promise(() => server.close()))

/** Its ids are known before the call is placed. Who still holds the line when the scope closes, hangs up. */
const makePhone = Effect.gen(function* () {
  const ids = Random.make(`${process.pid}/${performance.timeOrigin}`)
  const callSid = `CA${ids.hex(32)}`
  const accountSid = `AC${ids.hex(32)}`
  const end = new AbortController()
  let result: Promise<CarrierClient.CallResult> | undefined
  let placedAt = performance.now()
  yield* Effect.addFinalizer(() =>
    Effect.promise(async () => {
      end.abort()
      await result
    })
  )
  return {
    callSid,
    accountSid,
    /** ms since the call was placed. */
    now: () => performance.now() - placedAt,
    call: (options: Omit<CarrierClient.Options, "accountSid" | "callSid" | "signal">) =>
      Effect.promise(() => {
        placedAt = performance.now()
        result = CarrierClient.placeCall({ ...options, accountSid, callSid, signal: end.signal })
        return result
      })
  }
})
