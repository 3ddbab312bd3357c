/**
 * The command line: `serve` (also without a subcommand), `start`, `demo`, `doctor`, `replay`, `simulate`.
 *
 * Exit statuses, as sysexits.h names them: 0 done, or ended by a signal that was obeyed; 1 a replay differs, something
 * broke in a simulated call, or the doctor found something to do; 64 wrong arguments; 66 a file cannot be used; 69 the port cannot be listened on; 70 a fault of ours; 78 the configuration is
 * missing or malformed, and every problem was told. A second signal ends at once with 128 + its number.
 */

import { stripVTControlCharacters } from "node:util"
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import type * as Runtime from "@effect/platform/Runtime"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { Accounts, AgentFile, HttpListener, IncomingCall, Problem, Tools } from "@offhook/adapters"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as App from "./App.ts"
import * as Demo from "./Demo.ts"
import * as Doctor from "./doctor/Doctor.ts"
import * as DoctorReport from "./doctor/Report.ts"
import * as ReplayFiles from "./ReplayFiles.ts"
import * as Screen from "./Screen.ts"
import * as Signals from "./Signals.ts"
import * as Simulate from "./Simulate.ts"
import * as Startup from "./Startup.ts"
import { version } from "./Version.ts"
import * as WhatIfTable from "./WhatIfTable.ts"

const STATUS = {
  differs: 1,
  broken: 1,
  toDo: 1,
  usage: 64,
  unusable: 66,
  unavailable: 69,
  software: 70,
  config: 78
} as const

/** The program ends with this status; what is to be said has been said. */
class Quit extends Data.TaggedError("Quit")<{ readonly status: number }> {}

/** No tool of its own: `end_call` is built in, and others are given to `App.layer`. */
const tools = Tools.Tools.layerNone

const serving = Effect.gen(function* () {
  const { agent, configuration, settings } = yield* Startup.load()
  const rest = App.restOf(settings)
  const app = App.layer({ settings, agent, tools, rest, simulated: false, configuration })
  const told = Effect.flatMap(HttpListener.HttpListener, ({ hostname, port }) =>
    Effect.logInfo("listening").pipe(
      Effect.annotateLogs({
        address: `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`,
        webhook: `${settings.publicUrl ?? `http://localhost:${port}`}${IncomingCall.PATH}`,
        signatures: settings.twilio.tokens.length > 0 ? "checked" : "not checked",
        api: (settings.api.operator ?? settings.api.reader) ? "by token" : "closed: OFFHOOK_API_TOKEN is not set",
        version
      })
    )
  )
  const unchecked = Effect.logWarning(
    "no Twilio token is configured: signatures are not checked, and nobody but this machine is answered. " +
      "Set TWILIO_AUTH_TOKEN and PUBLIC_URL to take calls"
  )
  const warned = Accounts.areConfigured(settings.twilio) ? told : Effect.zipRight(told, unchecked)
  return yield* atLevel(settings.logLevel, Layer.launch(Layer.provide(Layer.effectDiscard(warned), app)))
}).pipe(Effect.provide(logs("stdout")))

/** Whether the command line says `--log-level`; what it says is in force already. */
class LevelGiven extends Context.Reference<LevelGiven>()("@offhook/server/Cli/LevelGiven", {
  defaultValue: () => false
}) {}

/** The least severe line that is logged, unless `--log-level` says otherwise. */
const atLevel = <A, E, R>(level: LogLevel.LogLevel, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(LevelGiven, (given) => (given ? effect : Logger.withMinimumLogLevel(effect, level)))

/** The story is what a person reads; the log beside it tells only what went wrong. */
const simulating = (mode: Exclude<Startup.Mode, { readonly _tag: "Real" }>, keep: boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* Demo.run({ mode, tools, keep })
      if (keep) yield* Effect.never
    })
  ).pipe((simulated) => atLevel(LogLevel.Warning, simulated), Effect.provide(logs("stderr")))

const serve = Command.make("serve", {}, () => serving).pipe(
  Command.withDescription("Answer calls. Configured by the environment and .env alone; also what no subcommand does.")
)

const start = Command.make(
  "start",
  {
    real: Options.boolean("real").pipe(
      Options.withDescription("With OPENAI_API_KEY alone: place the call to the real model. It costs money.")
    )
  },
  ({ real }) => Effect.flatMap(Startup.mode(real), (mode) => (mode._tag === "Real" ? serving : simulating(mode, true)))
).pipe(
  Command.withDescription(
    "With OPENAI_API_KEY and a Twilio account, serve. Without, place one simulated call, tell its story, and go on serving this machine."
  )
)

const demo = Command.make("demo", {}, () => simulating({ _tag: "Simulated", keyIgnored: false }, false)).pipe(
  Command.withDescription("Place one simulated call on a free port, tell its story, and exit.")
)

const doctor = Command.make(
  "doctor",
  { json: Options.boolean("json").pipe(Options.withDescription("All findings as one JSON array.")) },
  ({ json }) =>
    Effect.gen(function* () {
      const startup = yield* Startup.load()
      const write = (text: string) => process.stdout.write(`${text}\n`)
      const found = yield* Doctor.examine(startup, (one) => {
        if (!json) for (const line of DoctorReport.lines(one)) write(line)
      })
      write(json ? DoctorReport.json(found) : `\n${DoctorReport.sum(found)}`)
      if (DoctorReport.toDos(found) > 0) yield* new Quit({ status: STATUS.toDo })
    }).pipe(Effect.provide(tools))
).pipe(
  Command.withDescription(
    "Examine a deployment from outside, a test call included: each line is ok or says what to do. Exit status 1 if there is something to do."
  )
)

const replay = Command.make(
  "replay",
  {
    whatIf: Options.text("what-if").pipe(
      Options.withDescription(
        "An agent file: what would have been different with this agent? A table, where there are several recordings."
      ),
      Options.optional
    ),
    files: Args.text({ name: "FILE" }).pipe(
      Args.withDescription(
        "Recordings, or directories of them. Exit status 1 and the first difference if any command differs."
      ),
      Args.atLeast(1)
    )
  },
  ({ files, whatIf }) =>
    Effect.gen(function* () {
      const agent = Option.isNone(whatIf)
        ? null
        : yield* AgentFile.load(whatIf.value).pipe(Effect.mapError(ofOption("--what-if")))
      const statuses = new Set<number>()
      const note = (status: number, output: NodeJS.WriteStream, text: string) => {
        statuses.add(status)
        return print(output, text)
      }
      // One that cannot be used keeps no other from being replayed.
      const told = <A, R>(effect: Effect.Effect<A, ReplayFiles.FileUnusable, R>) =>
        Effect.catchAll(effect, ({ message }) => Effect.as(note(STATUS.unusable, process.stderr, message), null))
      const found = (yield* Effect.forEach(files, (path) => told(ReplayFiles.filesOf(path)))).flatMap(
        (names) => names ?? []
      )
      const isTable = agent !== null && found.length > 1
      const rows: Array<WhatIfTable.Row> = []
      for (const file of found) {
        const replayed = yield* told(ReplayFiles.replay(file, agent))
        if (replayed === null) continue
        if (isTable && replayed.whatIf !== null) rows.push({ name: file, report: replayed.whatIf })
        if (isTable && replayed.same && replayed.whole) continue
        yield* note(
          replayed.same ? 0 : STATUS.differs,
          process.stdout,
          isTable ? replayed.text : ReplayFiles.described(replayed)
        )
      }
      if (rows.length > 0) {
        const name = Option.getOrElse(whatIf, () => "")
        yield* print(process.stdout, WhatIfTable.lines(name, rows).join("\n"))
      }
      const status = [STATUS.differs, STATUS.unusable].find((one) => statuses.has(one))
      if (status !== undefined) yield* new Quit({ status })
    })
).pipe(
  Command.withDescription("Send recorded calls through this version's state machine: every command must come again.")
)

const simulate = Command.make(
  "simulate",
  {
    calls: Options.integer("calls").pipe(
      Options.withSchema(Schema.NonNegativeInt),
      Options.withDescription("How many."),
      Options.withDefault(1_000)
    ),
    call: Options.integer("call").pipe(
      Options.withSchema(Schema.NonNegativeInt),
      Options.withDescription("Only this one of the seed's calls."),
      Options.optional
    ),
    seed: Options.text("seed").pipe(
      Options.withDescription("What decides everything: the same seed, the same calls. Without it a new one."),
      Options.optional
    ),
    agent: Options.text("agent").pipe(
      Options.withDescription("Your agent file. Without it the seed chooses agents, with all their policies."),
      Options.optional
    ),
    network: Options.choice("network", ["good", "mobile", "poor", "mixed"]).pipe(
      Options.withDescription("The lines between all parties. Without it mixed."),
      Options.optional
    ),
    faults: Options.choice("faults", ["none", "some", "many"]).pipe(
      Options.withDescription("How often something goes wrong. Without it some: in about half of the calls."),
      Options.optional
    ),
    jobs: Options.integer("jobs").pipe(
      Options.withSchema(Schema.Int.pipe(Schema.between(1, 256))),
      Options.withDescription("Threads. Without it one a core."),
      Options.optional
    ),
    failures: Options.integer("failures").pipe(
      Options.withSchema(Schema.Int.pipe(Schema.positive())),
      Options.withDescription("No more calls are begun when so many have failed."),
      Options.withDefault(100)
    ),
    keep: Options.text("keep").pipe(
      Options.withDescription("Directory where calls that broke something are kept, made small."),
      Options.withDefault("findings")
    ),
    again: Options.text("again").pipe(
      Options.withDescription("Instead: play a kept finding, or a directory of them, and judge it. May be repeated."),
      Options.repeated
    )
  },
  ({ again, agent: file, call, calls, failures, keep, ...options }) =>
    Effect.gen(function* () {
      if (again.length > 0) {
        const files = yield* Effect.forEach(again, ReplayFiles.filesOf)
        if (!(yield* Simulate.again(files.flat()))) yield* new Quit({ status: STATUS.broken })
        return
      }
      const agent = Option.isNone(file)
        ? null
        : { file: file.value, agent: yield* AgentFile.load(file.value).pipe(Effect.mapError(ofOption("--agent"))) }
      const population = {
        agent,
        network: Option.getOrNull(options.network),
        faults: Option.getOrNull(options.faults)
      }
      const seed = Option.getOrElse(options.seed, Simulate.newSeed)
      const jobs = Option.getOrNull(options.jobs)
      const held = Option.isSome(call)
        ? yield* Simulate.call(seed, call.value, population)
        : yield* Simulate.run({ ...population, seed, calls, failures, jobs, keep })
      if (!held) yield* new Quit({ status: STATUS.broken })
    }).pipe(Effect.uninterruptible)
).pipe(
  Command.withDescription(
    "Place simulated calls in virtual time, with every interleaving, network and fault, and judge each of them. Exit status 1 if anything broke."
  )
)

/** The file came as an argument, not by OFFHOOK_AGENT. */
const ofOption =
  (name: string) =>
  ({ problems }: Problem.StartupProblems) =>
    new Problem.StartupProblems({
      problems: problems.map((one) =>
        one.name === "OFFHOOK_AGENT" ? { ...one, name, fix: "name an agent file, as OFFHOOK_AGENT would" } : one
      )
    })

const offhook = Command.make("offhook", {}, () => serving).pipe(
  Command.withDescription("An AI agent on a phone number."),
  Command.withSubcommands([serve, start, demo, doctor, replay, simulate])
)

const print = (output: NodeJS.WriteStream, text: string) => Effect.sync(() => output.write(`${text}\n`))

const quit = (status: number, text: string) => Effect.andThen(print(process.stderr, text), new Quit({ status }))

/** The help of @effect/cli is coloured wherever it goes; elsewhere than on a terminal nobody wants that. */
const colourless = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.consoleWith((console) => {
    const text = (output: NodeJS.WriteStream, args: ReadonlyArray<unknown>) =>
      Screen.isColourful(output, process.env["NO_COLOR"])
        ? args
        : args.map((arg) => (typeof arg === "string" ? stripVTControlCharacters(arg) : arg))
    return Effect.withConsole(effect, {
      ...console,
      log: (...args) => console.log(...text(process.stdout, args)),
      error: (...args) => console.error(...text(process.stderr, args))
    })
  })

/** Who reads along may leave (a closed terminal, `| head`): calls go on. */
const alone = Effect.sync(() => {
  for (const output of [process.stdout, process.stderr]) output.on("error", () => {})
})

/** The whole program; fails only with what `teardown` knows. */
export const main = (argv: ReadonlyArray<string>) =>
  Signals.listen.pipe(
    Effect.andThen(alone),
    Effect.andThen(Startup.loadEnvFile),
    Effect.andThen(colourless(Command.run(offhook, { name: "Offhook", version })(argv))),
    Effect.catchTags({
      StartupProblems: ({ problems }) =>
        quit(
          STATUS.config,
          `Offhook cannot start. ${problems.length === 1 ? "This is to be put right" : `These ${problems.length} are to be put right`}:\n` +
            problems.map(({ fix, name, problem }) => `  ${name} ${problem}\n    ${fix}`).join("\n")
        ),
      ListenFailed: ({ message }) => quit(STATUS.unavailable, `Offhook cannot start. ${message}`),
      FileUnusable: ({ message }) => quit(STATUS.unusable, message)
    }),
    Effect.tapErrorCause((cause) =>
      Cause.isDie(cause) ? Effect.provide(Effect.logFatal("a fault of Offhook", cause), logs("stderr")) : Effect.void
    ),
    Effect.provideService(
      LevelGiven,
      argv.some((arg) => arg === "--log-level" || arg.startsWith("--log-level="))
    ),
    Effect.provide(NodeContext.layer)
  )

/** `runMain`'s own logger would print each line a second time, and its own report what was reported. */
export const runOptions = {
  disableErrorReporting: true,
  disablePrettyLogger: true,
  teardown: ((exit, onExit) => onExit(statusOf(exit))) satisfies Runtime.Teardown
}

const statusOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)) return 0
  const failure = Option.getOrNull(Cause.failureOption(exit.cause))
  if (failure instanceof Quit) return failure.status
  return ValidationError.isValidationError(failure) ? STATUS.usage : STATUS.software
}

/** For a person at a terminal readable lines, for everybody else JSON. */
function logs(where: "stderr" | "stdout"): Layer.Layer<never> {
  const output = process[where]
  const readable = output.isTTY === true && process.env["NODE_ENV"] !== "production"
  const logger = readable
    ? Logger.prettyLogger({ stderr: where === "stderr", colors: (process.env["NO_COLOR"] ?? "") === "" })
    : where === "stderr"
      ? Logger.withConsoleError(Logger.jsonLogger)
      : Logger.withConsoleLog(Logger.jsonLogger)
  return Logger.replace(Logger.defaultLogger, logger)
}
