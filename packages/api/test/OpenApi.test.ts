/** docs/openapi.json is the contract's, and a document that others can read. */

import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Validator } from "@seriousme/openapi-schema-validator"
import { openApi as spec } from "../src/index.ts"

const golden = new URL("../../../docs/openapi.json", import.meta.url)

const validate = async (document: object) => {
  const validator = new Validator()
  const { errors, valid } = await validator.validate(JSON.parse(JSON.stringify(document)))
  return { errors, valid, version: validator.version }
}

describe("the OpenAPI document", () => {
  it("is docs/openapi.json: `npm run docs` would change nothing", () => {
    assert.deepStrictEqual(JSON.parse(readFileSync(golden, "utf8")), JSON.parse(JSON.stringify(spec)))
  })

  it("is valid by the published schema of OpenAPI 3.1", async () => {
    assert.deepStrictEqual(await validate(spec), { errors: undefined, valid: true, version: "3.1" } as never)
    const { paths: _, ...broken } = spec
    assert.isFalse((await validate({ ...broken, paths: { "no-slash": { get: { responses: 1 } } } })).valid)
  })

  it("every reference leads somewhere, and every schema is referred to", () => {
    const named = Object.keys(spec.components.schemas)
    const referred = [...JSON.stringify(spec).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name
    )
    assert.deepStrictEqual([...new Set(referred)].sort(), named.sort())
  })

  it("every operation may answer with a problem, and only what needs no token has none", () => {
    for (const [path, methods] of Object.entries(spec.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const responses = operation.responses as Readonly<Record<string, (typeof operation.responses)[number]>>
        const isOpen = path === "/" || path === "/ready"
        const what = `${method} ${path}`
        assert.deepStrictEqual(operation.security, isOpen ? [] : [{ bearer: [] }], what)
        assert.strictEqual("401" in responses, !isOpen, what)
        assert.strictEqual("403" in responses, method !== "get", what)
        assert.isDefined(operation.summary, what)
        for (const [status, response] of Object.entries(responses)) {
          if (Number(status) < 400) continue
          assert.deepStrictEqual(
            Object.keys(response?.content ?? {}),
            ["application/problem+json"],
            `${what} ${status}`
          )
        }
        assert.include(Object.keys(responses), "default", what)
      }
    }
  })
})
