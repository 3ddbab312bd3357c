import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import { streamMs } from "../../core/src/Limits.ts"
import type { Accounts } from "../src/twilio/Accounts.ts"
import * as StreamToken from "../src/twilio/StreamToken.ts"

const PRIMARY = Redacted.make("5ecre75ecre75ecre75ecre75ecre7aa")
const SECONDARY = Redacted.make("07her5ecre707her5ecre707her5ecre")
const SUB = Redacted.make("5ub5ecre75ub5ecre75ub5ecre75ub5e")
const MAIN_SID = "AC00000000000000000000000000000001"
const SUB_SID = "AC00000000000000000000000000000002"
const CALL = { callSid: "CA0123456789abcdef0123456789abcdef", accountSid: MAIN_SID }

const accounts = (tokens: Accounts["tokens"]): Accounts => ({
  accountSid: MAIN_SID,
  tokens,
  subaccounts: new Map([[SUB_SID, [SUB]]])
})

/** One process of several; all see the same clock. */
const make = (tokens: Accounts["tokens"] = [PRIMARY]) => {
  const clock = { now: 1_760_000_000_000 }
  return { clock, process: () => StreamToken.make(accounts(tokens), () => clock.now) }
}

const isRight = (verified: StreamToken.StreamToken | StreamToken.Fault): verified is StreamToken.StreamToken =>
  typeof verified !== "string"

describe("a stream token", () => {
  it("proves its call to any process of the same configuration", () => {
    const { process } = make()
    const text = process().mint(CALL)
    const verified = process().verify(text)
    if (!isRight(verified)) return assert.fail(verified)
    const { accountSid, callSid } = verified
    assert.deepStrictEqual({ callSid, accountSid }, CALL)
  })

  it("fits a path segment and a parameter, and is another one each time", () => {
    const tokens = make().process()
    const texts = new Set(Array.from({ length: 100 }, () => tokens.mint(CALL)))
    assert.strictEqual(texts.size, 100)
    for (const text of texts) {
      assert.strictEqual(encodeURIComponent(text), text)
      assert.isBelow(text.length, 256)
    }
  })

  it("is good for as long as the machine waits for its stream", () => {
    const { clock, process } = make()
    const tokens = process()
    const text = tokens.mint(CALL)
    assert.strictEqual(StreamToken.LIFETIME * 1000, streamMs)
    clock.now += streamMs - 1000
    assert.isTrue(isRight(tokens.verify(text)))
    clock.now += 1000
    assert.strictEqual(tokens.verify(text), "expired")
  })

  it("is used once, in the process that remembers it until it would have expired", () => {
    const { clock, process } = make()
    const [here, there] = [process(), process()]
    const text = here.mint(CALL)
    const verified = here.verify(text)
    if (!isRight(verified)) return assert.fail(verified)
    here.use(verified)
    assert.strictEqual(here.verify(text), "used")
    assert.isTrue(isRight(there.verify(text)))
    clock.now += streamMs
    const next = here.verify(here.mint(CALL))
    if (!isRight(next)) return assert.fail(next)
    here.use(next)
    assert.strictEqual(here.verify(text), "expired")
  })

  it("holds through a rotation: minted with the old primary, checked where it is the secondary", () => {
    const { clock } = make()
    const now = () => clock.now
    const text = StreamToken.make(accounts([PRIMARY]), now).mint(CALL)
    assert.isTrue(isRight(StreamToken.make(accounts([SECONDARY, PRIMARY]), now).verify(text)))
    assert.strictEqual(StreamToken.make(accounts([SECONDARY]), now).verify(text), "forged")
  })

  it("of a subaccount is made with the subaccount's auth token", () => {
    const { clock, process } = make()
    const text = process().mint({ ...CALL, accountSid: SUB_SID })
    assert.isTrue(isRight(process().verify(text)))
    const other = { ...accounts([PRIMARY]), subaccounts: new Map([[SUB_SID, [SECONDARY]]]) }
    assert.strictEqual(StreamToken.make(other, () => clock.now).verify(text), "forged")
    assert.strictEqual(process().verify(text.replace(SUB_SID, MAIN_SID)), "forged")
  })

  it("without an auth token is good in its own process alone", () => {
    const now = () => 0
    const none: Accounts = { accountSid: null, tokens: [], subaccounts: new Map() }
    const here = StreamToken.make(none, now)
    const text = here.mint(CALL)
    assert.isTrue(isRight(here.verify(text)))
    assert.strictEqual(StreamToken.make(none, now).verify(text), "forged")
  })

  it("is nobody's when any character of it is another one, is missing, or is too many", () => {
    const tokens = make().process()
    const text = tokens.mint(CALL)
    for (let at = 0; at < text.length; at++) {
      const changed = text[at] === "1" ? "2" : "1"
      for (const forged of [
        text.slice(0, at) + changed + text.slice(at + 1),
        text.slice(0, at) + text.slice(at + 1),
        text.slice(0, at),
        `${text.slice(0, at)}A${text.slice(at)}`
      ]) {
        assert.strictEqual(tokens.verify(forged), "forged", forged)
      }
    }
    for (const forged of ["", ".", "1.....", `${text}.`, ` ${text}`, `${text}\n`, "1".repeat(100_000)]) {
      assert.strictEqual(tokens.verify(forged), "forged")
    }
  })

  it("with a longer life that it gave itself is forged, not expired", () => {
    const { clock, process } = make()
    const tokens = process()
    const text = tokens.mint(CALL)
    clock.now += streamMs
    const parts = text.split(".")
    parts[3] = (Number.parseInt(parts[3] ?? "", 36) + 60).toString(36)
    assert.strictEqual(tokens.verify(parts.join(".")), "forged")
  })

  it.prop("is not made of anything, and nothing throws", [FastCheck.string({ unit: "binary" })], ([text]) => {
    assert.strictEqual(make().process().verify(text), "forged")
  })
})
