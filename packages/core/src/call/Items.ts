/**
 * The agent's items from generation to their last figures: what was generated, sent and heard is final when an item
 * was heard to its end, or was cut.
 *
 * After a cut the model is told: an item heard in part is truncated, one never heard is deleted, one heard to its end
 * is left alone (design.md, Exactness 2). Nothing proves that this is accepted before the `response.done` of the item,
 * so it is held until then, `Limits.holdMs` at most.
 *
 * Invariants
 * 1. `audioEndMs` never exceeds what was generated.
 * 2. An item leaves `items` exactly once, after its response, with its figures in the transcript.
 */

import * as CommandId from "../CommandId.ts"
import type { Cut } from "../Ledger.ts"
import * as Ledger from "../Ledger.ts"
import * as Limits from "../Limits.ts"
import * as Transcript from "../Transcript.ts"
import type { Draft, HeldCut, OpenItem } from "./State.ts"
import { count, now } from "./State.ts"

/** Something of an item was generated. */
export const opened = (call: Draft, session: number, item: string, contentIndex: number, response: string): void => {
  const known = call.items.some((open) => isSame(open, session, item, contentIndex))
  if (known) return
  const deleted = call.items.some((open) => open.session === session && open.item === item && open.deleted)
  const oldest = call.items[0]
  if (oldest !== undefined && call.items.length >= Limits.openItems) settle(call, oldest)
  const { slot } = call
  const isProtected = slot._tag === "Active" && slot.response === response && slot.wanted?.protected === true
  call.items = [
    ...call.items,
    {
      session,
      item,
      contentIndex,
      response,
      protected: isProtected,
      done: false,
      dropped: false,
      told: null,
      spared: false,
      deleted
    }
  ]
}

/** More of an item was generated after its response was interrupted: it was not heard to its end. */
export const dropped = (call: Draft, session: number, item: string, contentIndex: number): void => {
  call.held = call.held.map((held) =>
    isSame(held, session, item, contentIndex) && held.due === null && !held.refused
      ? { ...held, due: call.at + Limits.holdMs }
      : held
  )
  call.items = call.items.map((open) =>
    isSame(open, session, item, contentIndex) && !open.dropped ? { ...open, dropped: true } : open
  )
}

/** There is something for the ear in this response. A model may answer in text alone: nobody hears that. */
export const isAudible = (call: Draft, response: string): boolean =>
  call.items.some((open) => {
    if (open.response !== response) return false
    const figures = Ledger.progress(call.ledger, now(call), open.session, open.item, open.contentIndex)
    return open.dropped || (figures ?? nothing).receivedBytes > 0
  })

/** Nothing more of this response will be generated. Where it was cancelled, an item without audio was never heard. */
export const responseDone = (call: Draft, response: string, isCancelled: boolean): void => {
  endItems(call, response, isCancelled)
  releaseAll(call, (held) => held.response === response)
}

/**
 * The end of this response is not waited for any more. What was refused because of it would be refused again: it waits
 * for `responseDone`, or for another response.
 */
export const responseGivenUp = (call: Draft, response: string): void => {
  endItems(call, response, true)
  releaseAll(call, (held) => held.response === response && !held.refused)
}

/** Another response was created: those before are done. */
export const responseCreated = (call: Draft): void => releaseAll(call, () => true)

/** The ear went silent, as far as `cuts` know. `atOnce`: the model is about to answer, so nothing is held. */
export const cut = (call: Draft, cuts: ReadonlyArray<Cut>, atOnce: boolean): void => {
  for (const { session, item, contentIndex, heardBytes, receivedBytes } of cuts) {
    const open = call.items.find((open) => isSame(open, session, item, contentIndex))
    if (open === undefined) continue
    const held: HeldCut = {
      session,
      item,
      contentIndex,
      heardBytes,
      response: open.response,
      due: heardBytes >= receivedBytes ? null : call.at + Limits.holdMs,
      refused: false
    }
    if (open.done || (atOnce && held.due !== null)) release(call, held)
    else call.held = [...call.held, held]
  }
}

/** What was told before its response was done is refused for that: it is told again then. False for any other error. */
export const refused = (call: Draft, cause: string | null): boolean => {
  const isNamed = ({ done, item, told }: OpenItem) =>
    !done && told !== null && (cause === CommandId.truncate(item) || cause === CommandId.deleteItem(item))
  const again = call.items.filter(isNamed)
  call.items = call.items.map((open) => (isNamed(open) ? { ...open, told: null, deleted: false } : open))
  const held = again.flatMap(({ contentIndex, item, response, session, told }) =>
    told === null ? [] : [{ session, item, contentIndex, heardBytes: told, response, due: null, refused: true }]
  )
  call.held = [...call.held, ...held]
  return again.length > 0
}

/** The held truncations that are due. */
export const releaseDue = (call: Draft): void => releaseThose(call, ({ due }) => due !== null && due <= call.at)

/** The items leave that were generated to their end, and heard as far as they ever will be. */
export const settleHeard = (call: Draft): void => {
  if (call.cut !== null || call.pause !== null) return
  for (const open of call.items) {
    const { session, item, contentIndex } = open
    if (!open.done || call.held.some((held) => isSame(held, session, item, contentIndex))) continue
    const figures = Ledger.progress(call.ledger, now(call), session, item, contentIndex) ?? nothing
    if (open.told !== null || figures.heardBytes >= figures.receivedBytes + (open.dropped ? 1 : 0)) {
      settle(call, open)
    } else if (
      open.dropped &&
      figures.heardBytes >= figures.sentBytes &&
      !Ledger.isWaiting(call.ledger, session, item, contentIndex)
    ) {
      release(call, { session, item, contentIndex, heardBytes: figures.heardBytes })
    }
  }
}

/** The call is over: what is known now is final. */
export const settleAll = (call: Draft): void => {
  for (const open of call.items) {
    const held = call.held.find((held) => isSame(held, open.session, open.item, open.contentIndex))
    settle(call, open, held?.heardBytes)
  }
  call.held = []
  countTurns(call, () => {
    call.transcript = Transcript.close(call.transcript, call.at, call.out)
  })
}

/** The turns leave that are final, in the order of the conversation, or have waited too long, with what is known. */
export const settleTurns = (call: Draft): void => {
  const first = Transcript.overflowing(call.transcript)
  if (first !== null) for (const open of call.items) if (isOf(open, first.session, first.item)) settle(call, open)
  countTurns(call, () => {
    call.transcript = Transcript.settle(call.transcript, call.at, call.out)
  })
}

const endItems = (call: Draft, response: string, isCancelled: boolean): void => {
  call.items = call.items.map((open) => {
    if (open.response !== response) return open
    const { contentIndex, item, session } = open
    const isSilent = contentIndex === 0 && Ledger.progress(call.ledger, now(call), session, item, contentIndex) === null
    return { ...open, done: true, dropped: open.dropped || (isCancelled && isSilent) }
  })
}

const releaseAll = (call: Draft, which: (held: HeldCut) => boolean): void => {
  releaseThose(call, which)
  settleHeard(call)
}

const releaseThose = (call: Draft, which: (held: HeldCut) => boolean): void => {
  const released = call.held.filter(which)
  call.held = call.held.filter((held) => !which(held))
  for (const held of released) release(call, held)
}

/** What is cut within its first millisecond was not heard: the model is told in whole ones. */
const release = (call: Draft, held: Pick<HeldCut, "contentIndex" | "heardBytes" | "item" | "session">): void => {
  const { session, item, contentIndex } = held
  const open = call.items.find((open) => isSame(open, session, item, contentIndex))
  if (open === undefined) return
  const figures = Ledger.progress(call.ledger, now(call), session, item, contentIndex)
  const isCut = open.dropped || (figures !== null && held.heardBytes < figures.receivedBytes)
  const heardBytes = isCut && held.heardBytes < call.ledger.bytesPerMs ? 0 : held.heardBytes
  if (isCut) tell(call, open, heardBytes)
  const told = { ...open, told: heardBytes }
  call.items = call.items.map((other) =>
    isSame(other, session, item, contentIndex) ? { ...other, told: heardBytes } : other
  )
  if (open.done) settle(call, told)
}

const tell = (call: Draft, { contentIndex, deleted, item, session, spared }: OpenItem, heardBytes: number): void => {
  if (call.model.status !== "ready" || deleted) return
  const audioEndMs = Math.floor(heardBytes / call.ledger.bytesPerMs)
  if (audioEndMs > 0) return truncate(call, session, item, contentIndex, audioEndMs)
  const others = call.items.filter((open) => isOf(open, session, item) && open.contentIndex !== contentIndex)
  if (spared || others.some((open) => heardOf(call, open) > 0)) {
    const figures = Ledger.progress(call.ledger, now(call), session, item, contentIndex)
    const hasAudio = figures === null ? contentIndex > 0 : figures.receivedBytes >= call.ledger.bytesPerMs
    return hasAudio ? truncate(call, session, item, contentIndex, 1) : undefined
  }
  call.out.push({ _tag: "DeleteItem", session, item })
  call.transcript = Transcript.deleted(call.transcript, session, item)
  call.items = call.items.map((open) => (isOf(open, session, item) ? { ...open, deleted: true } : open))
  count(call, { deletions: call.sums.deletions + 1 })
}

/** Never to 0 ms, which may be refused (protocols.md E.8): one that nobody hears is the least that is surely accepted. */
const truncate = (call: Draft, session: number, item: string, contentIndex: number, audioEndMs: number): void => {
  call.out.push({ _tag: "Truncate", session, item, contentIndex, audioEndMs })
  count(call, { truncations: call.sums.truncations + 1 })
}

const heardOf = (call: Draft, { contentIndex, item, session, told }: OpenItem): number =>
  told ?? Ledger.progress(call.ledger, now(call), session, item, contentIndex)?.heardBytes ?? 0

const settle = (call: Draft, open: OpenItem, heardBytes?: number): void => {
  const { session, item, contentIndex } = open
  const figures = Ledger.progress(call.ledger, now(call), session, item, contentIndex) ?? nothing
  const heard = open.told ?? heardBytes ?? figures.heardBytes
  const { bytesPerMs } = call.ledger
  const spoken = { ...figures, heardBytes: heard, bytesPerMs }
  call.transcript = Transcript.spoken(call.transcript, session, item, contentIndex, spoken, open.protected)
  call.ledger = Ledger.forget(call.ledger, session, item, contentIndex)
  call.items = call.items
    .filter((other) => !isSame(other, session, item, contentIndex))
    .map((other) => (heard > 0 && isOf(other, session, item) ? { ...other, spared: true } : other))
  count(call, {
    generatedBytes: call.sums.generatedBytes + figures.receivedBytes,
    heardBytes: call.sums.heardBytes + heard
  })
}

const countTurns = (call: Draft, settleTranscript: () => void): void => {
  const before = call.out.length
  settleTranscript()
  for (const command of call.out.slice(before)) {
    if (command._tag !== "Settled") continue
    const { turn } = command
    if (turn.speaker === "caller") {
      const asides = call.sums.asides + (turn.aside ? 1 : 0)
      count(call, { callerTurns: call.sums.callerTurns + 1, asides })
    } else count(call, { agentTurns: call.sums.agentTurns + 1 })
  }
}

const nothing = { receivedBytes: 0, sentBytes: 0, heardBytes: 0 }

const isSame = (
  one: { readonly session: number; readonly item: string; readonly contentIndex: number },
  session: number,
  item: string,
  contentIndex: number
): boolean => one.item === item && one.contentIndex === contentIndex && one.session === session

const isOf = (one: { readonly session: number; readonly item: string }, session: number, item: string): boolean =>
  one.item === item && one.session === session
