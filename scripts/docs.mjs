/**
 * `npm run docs`: brings the documents up to date with the code they quote.
 *
 * What stands between `<!-- docs: NAME -->` and `<!-- /docs -->` is made here; a test (packages/server/test/Docs.test.ts)
 * fails where it is not what would be made now.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { installed } from "./dependencies.mjs"
import { build, install, root, sequence } from "./workspace.mjs"

/** @typedef {{ readonly name: string, readonly default: string | null, readonly meaning: string }} Field */
/** @typedef {Readonly<Record<string, any>>} Schema */
/** @typedef {{ readonly name: string, readonly value: string, readonly why: string, readonly shows: ReadonlyArray<string> | string, readonly setting: string | null }} EdgeLimit */
/**
 * @typedef {object} Sources
 * @property {ReadonlyArray<Field>} fields AppConfig.fields
 * @property {Schema} agentSchema AgentFile.jsonSchema
 * @property {ReadonlyArray<{ readonly name: string }>} deadlines Deadlines.table
 * @property {Readonly<Record<string, number>>} limits Limits
 * @property {ReadonlyArray<EdgeLimit>} edgeLimits EdgeLimits.table
 * @property {ReadonlyArray<{ readonly name: string, readonly asks: string }>} checks Doctor.checks
 * @property {Readonly<Record<string, { readonly code: number, readonly level: string, readonly sentence: string }>>} refusals Refusal.reasons
 * @property {Readonly<Record<string, { readonly type: string, readonly help: string, readonly labels: ReadonlyArray<string> }>>} metrics Metrics.table
 * @property {Readonly<Record<string, { readonly sentence: string, readonly tolerance: string | null, readonly isSafety: boolean }>>} invariants Invariants.rules
 * @property {ReadonlyArray<import("./dependencies.mjs").Installed>} installed what production has
 * @property {(path: string) => string} read a file of the repository
 * @property {(folder: string) => ReadonlyArray<string>} list names of the files in a folder of the repository
 */

export const documents = [
  "README.md",
  "docs/API.md",
  "docs/ARCHITECTURE.md",
  "docs/DEPENDENCIES.md",
  "docs/OPERATIONS.md",
  "docs/RECORDING.md",
  "docs/SIMULATION.md",
  "docs/decisions/README.md"
]

const BLOCK = /(<!-- docs: ([^>]+?) -->\n)[\s\S]*?(<!-- \/docs -->)/g

/**
 * A document with everything generated in it made anew.
 *
 * @param {string} text
 * @param {Sources} sources
 */
export const regenerate = (text, sources) =>
  text.replace(BLOCK, (_, begin, name, end) => `${begin}${made(name, sources)}\n${end}`)

/**
 * @param {string} name
 * @param {Sources} sources
 * @returns {string}
 */
const made = (name, sources) => {
  const [section, path] = name.split(" ")
  switch (section) {
    case "configuration":
      return configuration(sources.fields)
    case "agent":
      return agent(sources.agentSchema)
    case "deadlines":
      return deadlines(sources)
    case "endpoints":
      return endpoints(JSON.parse(sources.read("docs/openapi.json")))
    case "limits":
      return edgeLimits(sources.edgeLimits)
    case "checks":
      return table(
        ["check", "what is looked at"],
        sources.checks.map(({ asks, name }) => [name, asks])
      )
    case "refusals":
      return refusals(sources.refusals)
    case "metrics":
      return metrics(sources.metrics)
    case "invariants":
      return invariants(sources.invariants)
    case "decisions":
      return decisions(sources)
    case "licences":
      return licences(sources.installed)
    case "quote":
      return quote(path ?? "", sources.read)
    default:
      throw new Error(`no section is named "${name}"`)
  }
}

/** @param {ReadonlyArray<Field>} fields */
const configuration = (fields) =>
  table(
    ["variable", "default", "meaning"],
    fields.map(({ default: value, meaning, name }) => [`\`${name}\``, value === null ? "" : `\`${value}\``, meaning])
  )

/** @param {Schema} schema */
const agent = (schema) => table(["field", "default", "must be"], rowsOf(schema["$defs"].Agent, ""))

/**
 * The fields of an object in a JSON Schema, and of the objects in them.
 *
 * @param {Schema} schema
 * @param {string} prefix
 * @returns {Array<Array<string>>}
 */
const rowsOf = (schema, prefix) =>
  Object.entries(schema["properties"]).flatMap(([name, field]) => {
    if (name === "$schema" || name === "type") return []
    const path = `${prefix}${name}`
    const inner = [field, field.items ?? {}, ...(field.anyOf ?? [])].filter((one) => one.properties !== undefined)
    const dot = field.items === undefined ? "." : "[]."
    return [
      [`\`${path}\``, shownDefault(field.default), field.description ?? ""],
      ...inner.flatMap((one) => rowsOf(one, `${path}${dot}`))
    ]
  })

/** @param {unknown} value */
const shownDefault = (value) => {
  const text = JSON.stringify(value)
  if (text === undefined) return ""
  return text.length <= 40 && (typeof value !== "object" || value === null || text === "[]")
    ? `\`${text}\``
    : "built in"
}

/** @param {Schema} spec docs/openapi.json */
const endpoints = (spec) =>
  table(
    ["endpoint", "token", "answers", "what"],
    Object.entries(spec["paths"]).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses, security, summary }]) => [
        `\`${method.toUpperCase()} ${path}\``,
        security.length === 0 ? "none" : "403" in responses ? "operator" : "either",
        Object.keys(responses)
          .filter((status) => status !== "default")
          .join(", "),
        summary
      ])
    )
  )

/** @param {Sources} sources */
const deadlines = ({ deadlines, limits: l }) => {
  /** @type {Readonly<Record<string, readonly [due: string, then: string]>>} */
  const told = {
    "clear not echoed": [
      `\`silenceDurationMs\` − ${ms(l["cutBeforeAnswerMs"])} after the clear (model turns with \`server_vad\`), else twice the round trip, ${ms(l["cutWaitMs"])} to ${ms(l["cutWaitMostMs"])}`,
      "the place of the cut is estimated, and that is noted"
    ],
    pause: [
      `${ms(l["decideMs"])} after a sound made the agent pause; decided, no earlier than its mark is back, ${ms(l["cutWaitMostMs"])} at most`,
      "it was speech, an interruption; the place is estimated, and the agent goes on"
    ],
    "truncation held": [`${ms(l["holdMs"])} after the cut`, "the model is told, though its response is not done"],
    "speech long enough": [
      "`interruptAfterMs` or `backchannels.maxMs` of audible speech (machine turns)",
      "the agent is interrupted"
    ],
    "words of a sound": [
      `${ms(l["decideMs"])} after the end of what may be a backchannel by its words (machine turns)`,
      "it was speech: the agent is interrupted, the caller answered"
    ],
    "media stopped": [
      `${ms(l["speechGapMs"])} without media while the caller speaks`,
      `${ms(l["speechGapFilledMs"])} of silence go to the model, so that the turn can end`
    ],
    response: [
      `requested ${ms(l["requestMs"])} ago; active, ${ms(l["responseMs"])} without an event; cancelled ${ms(l["cancelMs"])} ago`,
      "asked for again; cancelled; given up"
    ],
    retry: [
      `${ms(l["retryMs"])} after a failure, ${ms(l["refusedMs"])} after a lost race; each time twice as long`,
      `the response is asked for again: ${l["responseTries"]} times in all, ${l["refusals"]} after lost races`
    ],
    answer: [
      `${ms(l["answerMs"])} after the caller stopped, without a response (model turns) or an item of what was said (machine turns)`,
      "we ask for a response"
    ],
    tool: ["`timeoutMs` of the tool", "the model is told that it did not answer"],
    keys: ["2 s after the last key", "the digits go to the model as one text"],
    transcription: ["10 s after the caller's turn", "the turn settles without the caller's words"],
    "model ready": [
      `${ms(l["modelReadyMs"])} after connecting began`,
      "the call ends with the apology of the TwiML tail"
    ],
    "session end": [`${ms(l["sessionWarnMs"])} after \`session.created\``, "noted: three minutes are left"],
    "call length": ["`maxCallMs`", "the agent says goodbye, the line closes"],
    ending: [
      `goodbye: ${ms(l["goodbyeMs"])}, then what is left to play + ${ms(l["playbackMarginMs"])}; model lost: what is left to play + ${ms(l["playbackMarginMs"])}, ${ms(l["lastWordsMs"])} at most; line closing: ${ms(l["closingMs"])}`,
      "the line closes; the call is over"
    ],
    stream: [`${ms(l["streamMs"])} after the webhook without a stream`, "the call is over"],
    "carrier silent": [`${ms(l["carrierSilentMs"])} without a message of the carrier`, "the call is over"],
    "carrier congested": [
      `${ms(l["congestedMs"])} in which the carrier has not read what waits for it`,
      "the call is over"
    ],
    "model congested": [
      `${ms(l["congestedMs"])} in which the model has not read what waits for it`,
      "the call ends with the apology of the TwiML tail"
    ]
  }
  const names = deadlines.map(({ name }) => name)
  const gone = Object.keys(told).filter((name) => !names.includes(name))
  if (gone.length > 0) throw new Error(`scripts/docs.mjs tells of deadlines that are gone: ${gone.join(", ")}`)
  return table(
    ["deadline", "due", "then"],
    names.map((name) => {
      const row = told[name]
      if (row === undefined) throw new Error(`scripts/docs.mjs does not tell of the deadline "${name}"`)
      return [name, ...row]
    })
  )
}

/** @param {ReadonlyArray<EdgeLimit>} limits */
const edgeLimits = (limits) =>
  table(
    ["limit", "value", "reason", "shows as", "setting"],
    limits.map(({ name, setting, shows, value, why }) => [
      name,
      value,
      why,
      typeof shows === "string" ? `\`${shows.replace("{}", "")}\`` : shows.map((reason) => `\`${reason}\``).join(", "),
      setting === null ? "" : setting.includes("`") ? setting : `\`${setting}\``
    ])
  )

/** @param {Sources["refusals"]} reasons */
const refusals = (reasons) =>
  table(
    ["reason", "answer", "level", "what was wrong"],
    Object.entries(reasons).map(([reason, { code, level, sentence }]) => [
      `\`${reason}\``,
      reason.startsWith("call_") ? "TwiML" : code === 0 ? "none" : String(code),
      level.toLowerCase(),
      sentence
    ])
  )

/** @param {Sources["metrics"]} metrics */
const metrics = (metrics) =>
  table(
    ["metric", "type", "labels", "meaning"],
    Object.entries(metrics).map(([name, { help, labels, type }]) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      help
    ])
  )

/** @param {Sources["invariants"]} rules */
const invariants = (rules) =>
  table(
    ["", "what must be true", "how exactly"],
    Object.entries(rules).map(([name, { isSafety, sentence, tolerance }]) => [
      isSafety ? `**${name}**` : name,
      sentence,
      tolerance ?? ""
    ])
  )

/** @param {Sources} sources */
const decisions = ({ list, read }) =>
  list("docs/decisions")
    .filter((name) => /^\d{3}-/.test(name))
    .sort()
    .map((name) => {
      const title = /^# \d+[.:] (.+)$/m.exec(read(`docs/decisions/${name}`))?.[1] ?? name
      return `- [${name.slice(0, 3)}](${name}): ${title.charAt(0).toUpperCase()}${title.slice(1)}`
    })
    .join("\n")

/** @param {Sources["installed"]} installed */
const licences = (installed) =>
  table(
    ["package", "licence"],
    installed
      .filter(({ onThisPlatformOnly }) => !onThisPlatformOnly)
      .map(({ licence, name }) => [`\`${name}\``, licence])
  )

/** @param {number | undefined} value */
const ms = (value) => {
  if (value === undefined) throw new Error("a limit that scripts/docs.mjs names is gone")
  if (value >= 120_000) return `${value / 60_000} min`
  return value >= 1_000 ? `${value / 1_000} s` : `${value} ms`
}

/**
 * A file, or of `path#name` what stands in it between `// #region name` and `// #endregion`.
 *
 * @param {string} quoted
 * @param {(path: string) => string} read
 */
const quote = (quoted, read) => {
  const [path = "", region] = quoted.split("#")
  const text = read(path)
  const shown = region === undefined ? text : text.split(`// #region ${region}\n`)[1]?.split("// #endregion")[0]
  if (shown === undefined) throw new Error(`${path} has no region "${region}"`)
  const indent = / */.exec(shown)?.[0] ?? ""
  const lines = shown.trimEnd().split("\n")
  const flush = lines.map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
  return `\`\`\`${path.slice(path.lastIndexOf(".") + 1)}\n${flush.join("\n")}\n\`\`\``
}

/**
 * @param {ReadonlyArray<string>} head
 * @param {ReadonlyArray<ReadonlyArray<string>>} rows
 */
const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n")

/** @param {string} text */
const cell = (text) => text.replaceAll("|", "\\|")

/** @param {string} folder */
const list = (folder) => readdirSync(join(root, folder))

/** @param {string} path */
const read = (path) => readFileSync(join(root, path), "utf8")

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const status = await sequence(install, build)
  if (status !== 0) process.exit(status)
  /** @param {string} path */
  const built = (path) => import(new URL(`../packages/${path}`, import.meta.url).href)
  const { AgentFile, AppConfig, EdgeLimits, Metrics, Refusal } = await built("adapters/dist/index.js")
  const sources = {
    fields: AppConfig.fields,
    agentSchema: AgentFile.jsonSchema,
    deadlines: (await built("core/dist/call/Deadlines.js")).table,
    limits: await built("core/dist/Limits.js"),
    edgeLimits: EdgeLimits.table,
    checks: (await built("server/dist/doctor/Doctor.js")).checks,
    refusals: Refusal.reasons,
    metrics: Metrics.table,
    invariants: (await built("simulator/dist/index.js")).Invariants.rules,
    installed: installed(),
    read,
    list
  }
  const { openApi } = await built("api/dist/index.js")
  writeFileSync(join(root, "docs/openapi.json"), `${JSON.stringify(openApi, null, 2)}\n`)
  for (const document of documents) {
    const before = read(document)
    const after = regenerate(before, sources)
    console.log(`${document}: ${after === before ? "unchanged" : "changed"}`)
    if (after !== before) writeFileSync(join(root, document), after)
  }
}
