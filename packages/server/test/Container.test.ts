/** Dockerfile and compose.yaml as a linter sees them, and what ours must have besides. .ci/image.mjs carries them out. */

import { readFileSync } from "node:fs"
import { validate } from "dockerfile-utils"
import { assert, describe, it } from "vitest"

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")

const ERROR = 2
/** Every rule that the linter has counts. */
const strict = {
  deprecatedMaintainer: ERROR,
  directiveCasing: ERROR,
  emptyContinuationLine: ERROR,
  instructionCasing: ERROR,
  instructionCmdMultiple: ERROR,
  instructionEntrypointMultiple: ERROR,
  instructionHealthcheckMultiple: ERROR,
  instructionJSONInSingleQuotes: ERROR,
  instructionWorkdirRelative: ERROR
}

const lint = (dockerfile: string) => validate(dockerfile, strict).map(({ message }) => message)

describe("the Dockerfile", () => {
  const dockerfile = read("Dockerfile")
  const [first = "", second = "", ...more] = dockerfile.split(/^(?=FROM )/m).slice(1)

  it("has nothing that the linter finds", () => {
    assert.deepStrictEqual(lint(dockerfile), [])
    assert.isNotEmpty(lint(dockerfile.replace("WORKDIR /offhook", "WORKDIR offhook")))
    assert.isNotEmpty(lint(`${dockerfile}CMD ["node"]\n`))
    assert.isNotEmpty(lint(dockerfile.replace("USER 1000:1000", "USR 1000:1000")))
  })

  it("two stages on one base, pinned by its version", () => {
    assert.isEmpty(more)
    const base = (stage: string) => /^FROM (\S+)/.exec(stage)?.[1]
    assert.match(base(first) ?? "", /^node:\d+\.\d+\.\d+-bookworm-slim$/)
    assert.strictEqual(base(second), base(first))
  })

  it("ends as a user that is not root, with a health check and a program of its own", () => {
    assert.match(second, /^USER [1-9]\d*:[1-9]\d*$/m)
    assert.match(second, /^HEALTHCHECK [^\n]*\\\n {2}CMD \["node",/m)
    assert.match(second, /^CMD \["node", "packages\/server\/dist\/main.js"\]$/m)
    assert.notMatch(dockerfile, /^(ADD|ARG|SHELL)\b/m)
  })

  it("gets nothing that is not needed, and no secret", () => {
    const [none, ...kept] = read(".dockerignore").trim().split("\n")
    assert.strictEqual(none, "*")
    assert.notInclude(kept.join("\n"), ".env")
  })
})

describe("compose.yaml", () => {
  const compose = read("compose.yaml")
  const [common = "", ...services] = compose.slice(0, compose.indexOf("\nvolumes:\n")).split(/^ {2}(?=\w+:\n {4}<<)/m)

  it("confines every service", () => {
    assert.strictEqual(services.length, 2)
    for (const service of services) assert.include(service, "<<: *confined")
    for (const line of ["read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'])
      assert.include(common, line)
    assert.notMatch(compose, /privileged|cap_add|network_mode|docker\.sock/)
  })

  it("opens its port to this machine alone, and pins what it does not build", () => {
    assert.deepStrictEqual(
      [...compose.matchAll(/^ {6}- "(.*:\d+)"$/gm)].map(([, port]) => port),
      ["127.0.0.1:5050:5050"]
    )
    for (const [, image = ""] of compose.matchAll(/image: (\S+)/g)) assert.match(image, /:\d+\.\d+\.\d+$/)
  })

  it("waits for the calls, and for their polite end", () => {
    const [seconds, grace] = [/OFFHOOK_DRAIN_SECONDS: "(\d+)"/, /stop_grace_period: (\d+)s/].map((pattern) =>
      Number(pattern.exec(compose)?.[1])
    )
    assert.strictEqual(grace, (seconds ?? 0) + 10)
  })

  it("runs the image's program, behind the tunnel", () => {
    assert.include(compose, '"packages/server/dist/main.js"]')
    assert.include(compose, '"--url", "http://offhook:5050"')
  })
})
