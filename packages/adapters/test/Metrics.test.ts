import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import * as Metrics from "../src/Metrics.ts"
import * as Scrape from "./support/Scrape.ts"

describe("the table of metrics", () => {
  it("names them as Prometheus asks: prefix, base unit, _total for counters alone", () => {
    for (const [name, { buckets, help, labels, type }] of Object.entries<Metrics.Definition>(Metrics.table)) {
      assert.match(name, /^offhook_[a-z_]+$/)
      assert.strictEqual(name.endsWith("_total"), type === "counter", name)
      if (type === "histogram") assert.match(name, /_seconds$/)
      assert.notMatch(help, /\.$/, name)
      assert.strictEqual(buckets !== undefined, type === "histogram", name)
      assert.deepStrictEqual(
        [...(buckets ?? [])],
        [...(buckets ?? [])].sort((a, b) => a - b)
      )
      for (const label of labels) assert.notInclude(["callSid", "call", "number", "le"], label)
    }
  })

  it("is served whole, zeros included, with what Node.js says of itself", async () => {
    const metrics = Metrics.make()
    const { names } = Scrape.parse(await Effect.runPromise(metrics.text))
    for (const [name, { labels, type }] of Object.entries<Metrics.Definition>(Metrics.table)) {
      if (labels.length > 0) continue
      assert.isTrue(names.has(type === "histogram" ? `${name}_count` : name), name)
    }
    for (const name of ["nodejs_eventloop_lag_p99_seconds", "process_resident_memory_bytes"]) {
      assert.isTrue(names.has(name), name)
    }
  })

  it("is one registry a process of this server: another one begins at zero", async () => {
    const [one, other] = [Metrics.make(), Metrics.make()]
    one.refused("webhook_signature")
    one.gauge("offhook_calls_live", () => 3)
    const first = Scrape.parse(await Effect.runPromise(one.text))
    const second = Scrape.parse(await Effect.runPromise(other.text))
    assert.strictEqual(first.value("offhook_refusals_total", { reason: "webhook_signature" }), 1)
    assert.strictEqual(first.value("offhook_calls_live"), 3)
    assert.strictEqual(second.sum("offhook_refusals_total"), 0)
    assert.strictEqual(second.value("offhook_calls_live"), 0)
  })

  it("counts nothing without a layer, and harms nobody", async () => {
    const metrics = await Effect.runPromise(Metrics.Metrics)
    metrics.inc("offhook_calls_started_total")
    metrics.observe("offhook_answer_seconds", 1)
    assert.strictEqual(await Effect.runPromise(metrics.text), "")
  })
})
