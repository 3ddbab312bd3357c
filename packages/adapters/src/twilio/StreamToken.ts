/**
 * The proof that a media stream belongs to a call that a signed webhook began.
 *
 * A token is text that fits a path segment: `1.CallSid.AccountSid.expiry.nonce.mac`. The mac is HMAC-SHA256 over all that
 * stands before it; its key is made of the account's auth token, so every process with the same configuration can check
 * what another one minted. Without an auth token the key is random, and good in this process alone.
 *
 * 1. One spelling: what `mint` does not write is malformed, whatever it would decode to.
 * 2. The mac is compared in constant time, against every token of the account (two during a rotation), and judged before
 *    anything that stands beside it is believed.
 * 3. A token is used up by `use`; what was used is remembered until it would have expired anyway. That memory is this
 *    process's own: between several, single use needs a store that they share, which is not there yet.
 */

import type { Buffer } from "node:buffer"
import { createHmac, randomBytes } from "node:crypto"
import * as Redacted from "effect/Redacted"
import * as Accounts from "./Accounts.ts"
import { equal } from "./Signature.ts"

/** What a token is bound to. */
export interface Bound {
  readonly callSid: string
  /** Empty where the webhook named none, which Twilio's never leave out. */
  readonly accountSid: string
}

export interface StreamToken extends Bound {
  readonly _tag: "StreamToken"
  /** Seconds since 1970. */
  readonly expiresAt: number
  readonly nonce: string
  readonly text: string
}

export type Fault = "forged" | "expired" | "used"

export interface StreamTokens {
  readonly mint: (bound: Bound) => string
  /** Whether the token is right, may still be used, and what it is bound to. */
  readonly verify: (text: string) => StreamToken | Fault
  /** Of a verified one: from now on it is used. */
  readonly use: (token: StreamToken) => void
}

/** Seconds: as long as the machine waits for a stream. A spoken line may stand between webhook and stream. */
export const LIFETIME = 60

/** `now`: ms since 1970. */
export const make = (accounts: Accounts.Accounts, now: () => number): StreamTokens => {
  const random = randomBytes(32)
  const used = new Map<string, number>()
  const seconds = () => Math.floor(now() / 1000)

  const keysOf = (accountSid: string): ReadonlyArray<Buffer> =>
    Accounts.areConfigured(accounts) ? Accounts.tokensOf(accounts, accountSid).map(keyOf) : [random]

  return {
    mint: ({ accountSid, callSid }) => {
      const [key] = keysOf(accountSid)
      const nonce = randomBytes(NONCE_BYTES).toString("base64url")
      const claim = `1.${callSid}.${accountSid}.${(seconds() + LIFETIME).toString(36)}.${nonce}`
      return `${claim}.${macOf(key ?? random, claim)}`
    },
    verify: (text) => {
      const token = parse(text)
      if (token === undefined) return "forged"
      const end = text.lastIndexOf(".")
      const claim = text.slice(0, end)
      const mac = text.slice(end + 1)
      let isOurs = false
      for (const key of keysOf(token.accountSid)) isOurs = equal(mac, macOf(key, claim)) || isOurs
      if (!isOurs) return "forged"
      if (token.expiresAt <= seconds()) return "expired"
      return used.has(token.nonce) ? "used" : token
    },
    use: ({ expiresAt, nonce }) => {
      const at = seconds()
      // In the order of use, which is nearly that of expiry: what is over stands in front.
      for (const [old, expiry] of used) {
        if (expiry > at) break
        used.delete(old)
      }
      used.set(nonce, expiresAt)
    }
  }
}

/** Takes the text apart and believes nothing of it. */
export const parse = (text: string): StreamToken | undefined => {
  if (text.length > MAX_LENGTH) return undefined
  const [, callSid, accountSid, expiry, nonce] = SHAPE.exec(text) ?? []
  if (callSid === undefined || accountSid === undefined || expiry === undefined || nonce === undefined) return undefined
  return { _tag: "StreamToken", callSid, accountSid, expiresAt: Number.parseInt(expiry, 36), nonce, text }
}

const SHAPE = /^1\.(CA[\w-]{1,64})\.((?:AC[\w-]{1,64})?)\.([0-9a-z]{1,9})\.([\w-]{16})\.[\w-]{43}$/

const MAX_LENGTH = 256

const NONCE_BYTES = 12

/** A key of its own purpose: no token is ever a signature of something else. */
const keyOf = (token: Redacted.Redacted): Buffer =>
  createHmac("sha256", Redacted.value(token)).update("offhook stream token 1").digest()

const macOf = (key: Buffer, claim: string): string => createHmac("sha256", key).update(claim).digest("base64url")
