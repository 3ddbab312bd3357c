/**
 * The Twilio accounts of this server, and the auth tokens that sign for each (protocols.md C.1).
 *
 * A webhook of a subaccount's number is signed with the subaccount's own token. So `AccountSid` chooses the tokens, and
 * a signature that is right for one account is wrong for every other.
 */

import type * as Redacted from "effect/Redacted"

export interface Accounts {
  /** Of the main account; null: whoever its tokens sign for. */
  readonly accountSid: string | null
  /** Of the main account, the primary first; none: nothing is signed, and only this machine is answered. */
  readonly tokens: ReadonlyArray<Redacted.Redacted>
  /** Of each subaccount; two during a rotation. */
  readonly subaccounts: ReadonlyMap<string, ReadonlyArray<Redacted.Redacted>>
}

export const none: Accounts = { accountSid: null, tokens: [], subaccounts: new Map() }

/** Whether signatures are checked. */
export const areConfigured = ({ tokens }: Accounts): boolean => tokens.length > 0

/** The tokens that may sign for an account; none where it is not one of ours. Twilio itself always names one. */
export const tokensOf = (accounts: Accounts, accountSid: string): ReadonlyArray<Redacted.Redacted> => {
  const subaccount = accounts.subaccounts.get(accountSid)
  if (subaccount !== undefined) return subaccount
  const isMain = accountSid === "" || accounts.accountSid === null || accountSid === accounts.accountSid
  return isMain ? accounts.tokens : []
}
