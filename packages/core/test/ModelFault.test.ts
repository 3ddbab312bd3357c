import { assert, describe, it } from "vitest"
import * as ModelFault from "../src/ModelFault.ts"

const coded = (code: string | null, type = "invalid_request_error", message = "…") => ({ type, code, message })

/** Every code that protocols.md E.9 names, with what it asks for. */
const documented: ReadonlyArray<readonly [string, ModelFault.Fault]> = [
  ["conversation_already_has_active_response", "ignore"],
  ["response_cancel_not_active", "ignore"],
  ["input_audio_buffer_commit_empty", "ignore"],
  ["missing_required_parameter", "note"],
  ["unknown_parameter", "note"],
  ["invalid_value", "note"],
  ["invalid_type", "note"],
  ["integer_below_min_value", "note"],
  ["string_above_max_length", "note"],
  ["session_expired", "renew"],
  ["beta_api_shape_disabled", "end"],
  ["invalid_intent", "end"],
  ["invalid_api_key", "end"],
  ["insufficient_quota", "end"],
  ["billing_hard_limit_reached", "end"],
  ["account_deactivated", "end"],
  ["rate_limit_exceeded", "retry"],
  ["model_not_found", "end"]
]

describe("ModelFault.classify", () => {
  it.each(documented)("takes %s for %s", (code, fault) => {
    assert.strictEqual(ModelFault.classify(coded(code)), fault)
  })

  it("lists every documented code by name, so that none is known by accident", () => {
    const listed = ModelFault.table.filter((row) => row.by === "code").map((row) => row.is)
    assert.deepStrictEqual(
      documented.map(([code]) => code).filter((code) => !listed.includes(code)),
      []
    )
  })

  it("ignores that an item to truncate or delete is gone", () => {
    assert.strictEqual(ModelFault.classify(coded("item_truncate_invalid_item_id")), "ignore")
    assert.strictEqual(ModelFault.classify(coded("item_delete_invalid_item_id")), "ignore")
  })

  it("notes a truncate beyond the audio, which has no code", () => {
    const error = coded(null, "invalid_request_error", "Audio content of 9250ms is already shorter than 57340ms")
    assert.strictEqual(ModelFault.classify(error), "note")
    assert.isTrue(ModelFault.table.some((row) => row.by === "message" && error.message.includes(row.is)))
  })

  it("tries a response again after a failure of the server, named by code or by type", () => {
    assert.strictEqual(ModelFault.classify(coded("server_error")), "retry")
    assert.strictEqual(ModelFault.classify(coded(null, "server_error")), "retry")
    assert.strictEqual(ModelFault.classify(coded("overloaded")), "retry")
  })

  it("keeps the call for an error that nobody knows", () => {
    assert.strictEqual(ModelFault.classify(coded("brand_new_error", "brand_new_type")), "note")
    assert.strictEqual(ModelFault.classify(coded(null, "")), "note")
  })

  it("lets the code decide over the type, and the type over the message", () => {
    assert.strictEqual(ModelFault.classify(coded("session_expired", "server_error")), "renew")
    assert.strictEqual(ModelFault.classify(coded("x", "server_error", "is already shorter than")), "retry")
  })

  it("is a closed table: known classes, a reason each, nothing twice", () => {
    const faults: ReadonlyArray<ModelFault.Fault> = ["end", "ignore", "note", "renew", "retry"]
    for (const row of ModelFault.table) {
      assert.include(faults, row.fault)
      assert.isAbove(row.reason.length, 10, row.is)
    }
    const keys = ModelFault.table.map((row) => `${row.by} ${row.is}`)
    assert.strictEqual(new Set(keys).size, keys.length)
    assert.deepStrictEqual([...new Set(ModelFault.table.map((row) => row.fault))].sort(), faults)
  })
})

describe("ModelFault.classifyClose", () => {
  it.each([1000, 1001, 1005, 1006, 1011, 1012, 1013])("opens a new session after %d", (code) => {
    assert.strictEqual(ModelFault.classifyClose(code, ""), "renew")
  })

  it.each([1002, 1003, 1007, 1008, 3000, 4000])("gives up after %d", (code) => {
    assert.strictEqual(ModelFault.classifyClose(code, ""), "end")
  })

  it("believes the reason over the code", () => {
    assert.strictEqual(ModelFault.classifyClose(1000, "invalid_request_error.invalid_api_key"), "end")
    assert.strictEqual(ModelFault.classifyClose(4000, "invalid_request_error.session_expired"), "renew")
  })

  it("takes the sentence of an expired session as it is", () => {
    const reason = "Your session hit the maximum duration of 60 minutes."
    assert.strictEqual(ModelFault.classifyClose(1001, reason), "renew")
  })
})

describe("ModelFault.classifyConnectFailure", () => {
  it("tries again where the network failed", () => {
    assert.strictEqual(ModelFault.classifyConnectFailure("refused", null), "renew")
    assert.strictEqual(ModelFault.classifyConnectFailure("timeout", null), "renew")
    assert.strictEqual(ModelFault.classifyConnectFailure("status", null), "renew")
  })

  it.each([408, 429, 500, 502, 503, 529])("tries again after status %d", (status) => {
    assert.strictEqual(ModelFault.classifyConnectFailure("status", status), "renew")
  })

  it.each([301, 400, 401, 403, 404])("gives up after status %d", (status) => {
    assert.strictEqual(ModelFault.classifyConnectFailure("status", status), "end")
  })
})
