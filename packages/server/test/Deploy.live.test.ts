/** What stands in deploy/: every query parses and asks for what a running server serves, every alert leads to a page. */

import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Metrics } from "@offhook/adapters"
import type { Agent } from "@offhook/core"
import { Brain, Caller } from "@offhook/simulator"
import { parser } from "@prometheus-io/lezer-promql"
import * as Effect from "effect/Effect"
import * as Yaml from "yaml"
import { audio, clip, make, READER } from "./support/Live.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const read = (path: string) => readFileSync(join(root, path), "utf8")

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

interface Panel {
  readonly title: string
  readonly type: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: ReadonlyArray<{ readonly expr: string }>
}

interface Variable {
  readonly name: string
  readonly type: string
  readonly query: string | { readonly query: string }
}

interface Dashboard {
  readonly panels: ReadonlyArray<Panel>
  readonly templating: { readonly list: ReadonlyArray<Variable> }
}

const rules = (
  Yaml.parse(read("deploy/prometheus/alerts.yaml")) as {
    readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<Rule> }>
  }
).groups.flatMap(({ rules }) => rules)

const dashboard = JSON.parse(read("deploy/grafana/offhook.json")) as Dashboard
const panels = dashboard.panels.filter(({ type }) => type !== "row")

/** Grafana's own words, as Grafana would write them. */
const filled = (expr: string): string => expr.replaceAll("$__rate_interval", "5m").replace(/\$(job|instance)\b/g, ".*")

/** What the choices of a variable are taken from: `label_values(selector, label)`. */
const chosenFrom = ({ query }: Variable): string =>
  filled(/^label_values\((.*), (?:job|instance)\)$/.exec(typeof query === "string" ? query : query.query)?.[1] ?? "")

const variables = dashboard.templating.list.filter(({ type }) => type === "query")

const queries: ReadonlyArray<readonly [where: string, query: string]> = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...variables.map((variable) => [`the variable ${variable.name}`, chosenFrom(variable)] as const),
  ...panels.flatMap(({ targets = [], title }) => targets.map(({ expr }) => [title, filled(expr)] as const))
]

interface Selector {
  readonly name: string
  readonly matchers: ReadonlyArray<{ readonly label: string; readonly op: string; readonly value: string }>
}

/** Nothing where the query is not PromQL. */
const selectorsOf = (query: string): ReadonlyArray<Selector> | null => {
  const selectors: Array<{ name: string; matchers: Array<{ label: string; op: string; value: string }> }> = []
  let isSound = true
  parser.parse(query).iterate({
    enter: ({ from, name, node, to, type }) => {
      if (type.isError) isSound = false
      if (name === "VectorSelector") {
        const identifier = node.getChild("Identifier")
        selectors.push({
          name: identifier === null ? "" : query.slice(identifier.from, identifier.to),
          matchers: []
        })
      }
      if (name === "UnquotedLabelMatcher") {
        const [, label = "", op = "", value = ""] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/.exec(query.slice(from, to)) ?? []
        selectors.at(-1)?.matchers.push({ label, op, value })
      }
    }
  })
  return isSound ? selectors : null
}

/** Put there by Prometheus when it scrapes. */
const OF_THE_SCRAPE = ["job", "instance"]

describe("queries", () => {
  it("the parser tells PromQL from what is none", () => {
    assert.isNull(selectorsOf("sum(rate(offhook_calls_started_total[5m])"))
    assert.isNull(selectorsOf("rate(a[$__rate_interval])"))
    assert.deepStrictEqual(selectorsOf('sum by (le) (rate(a_bucket{b=~"c|d"}[5m])) > up'), [
      { name: "a_bucket", matchers: [{ label: "b", op: "=~", value: "c|d" }] },
      { name: "up", matchers: [] }
    ])
  })

  it.each(queries)("parse: %s", (_where, query) => {
    const selectors = selectorsOf(query)
    assert.isNotNull(selectors, query)
    assert.isNotEmpty(selectors)
    assert.notInclude(query, "$", "a variable that nobody has")
    for (const { name } of selectors) assert.match(name, /^(up$|offhook_|nodejs_|process_)/)
  })

  it.scopedLive("ask for metrics, labels and values that a server serves after a call", () =>
    Effect.gen(function* () {
      const series = yield* served
      const names = new Set(series.map(({ name }) => name))
      let asked = 0
      for (const [where, query] of queries) {
        for (const { matchers, name } of selectorsOf(query) ?? []) {
          if (name === "up") continue
          assert.isTrue(names.has(name), `${where}: nobody serves ${name}`)
          const ours = matchers.filter(({ label }) => !OF_THE_SCRAPE.includes(label))
          for (const { label, op, value } of ours) {
            const values = series.flatMap((one) => (one.name === name ? [one.labels[label]] : []))
            const alternatives = op === "=~" && !value.includes("(") ? value.split("|") : [value]
            for (const alternative of alternatives) {
              asked++
              const pattern =
                op === "=~" ? new RegExp(`^(?:${alternative})$`) : { test: (it: string) => it === alternative }
              assert.isTrue(
                values.some((it) => it !== undefined && pattern.test(it)),
                `${where}: no ${name} has ${label} ${op} "${alternative}"`
              )
            }
          }
        }
      }
      assert.isAtLeast(asked, 20)

      const grouped = queries.flatMap(([, query]) =>
        [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = ""]) =>
          labels.split(",").map((label) => label.trim())
        )
      )
      const known = Object.values<Metrics.Definition>(Metrics.table).flatMap(({ labels }) => labels)
      for (const label of grouped) assert.include([...OF_THE_SCRAPE, "le", ...known], label)
    })
  )

  it("show every metric of the table somewhere", () => {
    const shown = new Set(queries.flatMap(([, query]) => (selectorsOf(query) ?? []).map(({ name }) => base(name))))
    assert.deepStrictEqual(
      Object.keys(Metrics.table).filter((name) => !shown.has(name)),
      []
    )
  })
})

describe("the dashboard", () => {
  it("has panels that do not overlap, each with a title and a query", () => {
    const taken = new Set<string>()
    for (const { gridPos, targets, title, type } of dashboard.panels) {
      assert.notStrictEqual(title, "")
      if (type !== "row") assert.isNotEmpty(targets)
      assert.isAtMost(gridPos.x + gridPos.w, 24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.isFalse(taken.has(`${x} ${y}`), title)
          taken.add(`${x} ${y}`)
        }
      }
    }
  })
})

describe("alerts", () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    "%s: severity, summary, and a page of what to do",
    (name, rule) => {
      assert.include(["critical", "warning"], rule.labels["severity"])
      assert.isNotEmpty(rule.annotations["summary"])
      const [page = "", anchor = ""] = (rule.annotations["runbook"] ?? "").split("#")
      assert.strictEqual(anchor, name.toLowerCase())
      assert.match(read(page), new RegExp(`^### ${name}\\n\\n[^#\\n]{40}`, "m"))
    }
  )

  it("no page tells of an alert that is gone", () => {
    const told = [...read("docs/OPERATIONS.md").matchAll(/^### (Offhook\w+)$/gm)].map(([, name]) => name)
    assert.deepStrictEqual(
      told,
      rules.map(({ alert }) => alert)
    )
  })

  it("promtool takes the rules, and its tests of them pass", () => {
    if (!hasPromtool()) {
      assert.isUndefined(process.env["CI"], "promtool is missing: apt-get install prometheus")
      return console.warn("promtool is missing (Debian: apt-get install prometheus): the rules were not tested")
    }
    const promtool = (...args: ReadonlyArray<string>) =>
      execFileSync("promtool", [...args], { cwd: join(root, "deploy/prometheus"), encoding: "utf8" })
    assert.include(promtool("check", "rules", "alerts.yaml"), `SUCCESS: ${rules.length} rules found`)
    assert.include(promtool("test", "rules", "alerts.test.yaml"), "SUCCESS")
    const tested = read("deploy/prometheus/alerts.test.yaml")
    for (const { alert } of rules) assert.match(tested, new RegExp(`alertname: ${alert}\\n +exp_alerts:`), alert)
  })
})

const hasPromtool = (): boolean => {
  try {
    execFileSync("promtool", ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

const base = (name: string): string =>
  Object.hasOwn(Metrics.table, name) ? name : name.replace(/_(bucket|sum|count)$/, "")

interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** What `/metrics` says of a server that has had a call, with a tool that came too late. */
const served = Effect.gen(function* () {
  const late: Agent.Tool = { name: "vanish", description: "Vanishes", parameters: { type: "object" }, timeoutMs: 200 }
  const prompt: Agent.Tool = { ...late, name: "prompt", timeoutMs: 3_000 }
  const live = yield* make({
    brain: Brain.scripted([
      { parts: [Brain.say(clip("agent-greeting")), Brain.call("vanish", "{}"), Brain.call("prompt", "{}")] },
      { parts: [Brain.say(clip("agent-short-answer"))] }
    ]),
    agent: { tools: [late, prompt] },
    tools: { vanish: () => Effect.never, prompt: () => Effect.succeed("done") }
  })
  yield* live.place({
    script: [
      Caller.say("caller-yes", audio["caller-yes"], Caller.agentSilent(300)),
      Caller.hangUp(Caller.agentSilent(300, 5_000))
    ]
  })
  yield* live.settled
  const text = yield* Effect.promise(async () => {
    const response = await fetch(`${live.url}/metrics`, { headers: { authorization: `Bearer ${READER}` } })
    assert.strictEqual(response.status, 200)
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/)
    return response.text()
  })
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line): Series => {
      const [, name = "", labels = ""] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? []
      assert.notStrictEqual(name, "", line)
      return {
        name,
        labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]))
      }
    })
})
