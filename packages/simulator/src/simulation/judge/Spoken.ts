/**
 * What the agent said: as the model generated it, as it was played, as the ear heard it, and as the model believes it.
 *
 * The n-th audio command of a stream is the n-th media message at the carrier; what became of each byte of it is read
 * from the ear, and held against what the model generated at that place. An item is looked at once nothing of it has
 * changed for as long as the protocols need to tell the model.
 */

import type { Command, Event } from "@offhook/core"
import type * as Conversation from "../../model/Conversation.ts"
import * as Bounds from "./Bounds.ts"
import type { Case } from "./Case.ts"
import * as Echoes from "./Echoes.ts"
import type { Rule } from "./Rule.ts"
import * as Tolerance from "./Tolerance.ts"

const bytesPerMs = 8

/** What the agent may repeat or lose when it goes on after a pause, where frames come every 20 ms. */
const resumeMs = 25

/** Items that are remembered. */
const remembered = 256
const rememberedStretches = 16

/** Audio that is audible for so long was so when the caller began to speak: no backlog is told so late. */
const longAudible = 2_000
/** From the clear at the carrier to silence. */
const silentMs = 60

type SettledTurn = Extract<Extract<Command, { _tag: "Settled" }>["turn"], { speaker: "agent" }>

/** One audio content of an item. Bytes, except where Ms is said; times in ms, -Infinity where it never happened. */
export interface Spoken extends Tolerance.Cut {
  readonly session: number
  readonly item: string
  readonly contentIndex: number
  readonly response: string
  readonly order: number
  received: number
  receivedAt: number
  /** The end of the last range that was played, and how much was played in all. */
  sent: number
  sentAt: number
  /** Given to the carrier, and neither heard nor discarded yet. */
  pending: number
  /** The byte that the ear hears next. */
  heard: number
  /** What the model was told to be heard, ms; 0 where it was told to forget it. */
  toldMs: number
  /** A clear was given, and the agent has not gone on since. */
  isCut: boolean
  /** When it was cut, or more of it was generated than had been heard. */
  leftAt: number
  isCancelled: boolean
  doneAt: number
  settled: SettledTurn | null
  settledAt: number
  /** What the ear had heard then. */
  heardWhenSettled: number
}

interface Piece {
  readonly spoken: Spoken
  readonly from: number
  readonly resumes: boolean
  readonly givenAt: number
  left: number
}

export interface Books extends Rule {
  /** The items that are not judged yet, in order of generation. */
  readonly open: ReadonlyArray<Spoken>
  /** Until when the ear has heard the agent, and whether it hears it now. */
  readonly heardUntil: () => number
  readonly startedAt: () => number
  /** When the ear heard the agent for the first time; Infinity before. */
  readonly firstAt: () => number
  /** Takes in what the ear heard since. */
  readonly read: () => void
  /** Bytes heard in the whole call. */
  readonly heardBytes: () => number
}

export const make = (on: Case): Books => {
  const { bounds, found, measures, peers, plan, suspended, world } = on
  const { carrier } = world
  /** Where the line ends in the middle, the last that is known is a round trip old. */
  const atTheEnd = bounds.frame + Tolerance.rounding + bounds.fromCarrier.most + bounds.toCarrier.most
  const mayResume = plan.agent.pauseToDecide
  /** What the ear heard can be measured: so can the place at which the agent goes on. */
  const isMeasured = !suspended.has("believed is heard")
  const echoes = Echoes.make(carrier, bounds)
  const open: Array<Spoken> = []
  /** The latest that were judged: whether they were heard to their end. */
  const over = new Map<string, boolean>()
  const outOfBand = new Set<string>()
  const pieces: Array<{ readonly list: Array<Piece | undefined>; first: number }> = []
  const cursor = { heard: 0, cleared: 0 }
  const isImmediate = plan.agent.interruptAfterMs === 0 && plan.agent.backchannels === null && plan.agent.gate === null
  let speaking = false
  /** Since this very event, before which a deadline was due. */
  let isUnnoticed = false
  /** Our request that is not created yet; the one that the caller has spoken over, and its response. */
  let requested: string | null = null
  let doomed: string | null = null
  const dead = new Set<string>()
  let spokenToAt = Number.POSITIVE_INFINITY
  let order = 0
  let last: Spoken | undefined
  /** Items of a lower order were begun before the last clear. */
  let clearedBelow = 0
  let nextLook = 0
  /** When the ear heard the agent without a pause, the latest. */
  const stretches: Array<Tolerance.Stretch> = []
  const tolerance = Tolerance.make(bounds, echoes, stretches)
  let heardUntil = Number.NEGATIVE_INFINITY
  let startedAt = Number.NEGATIVE_INFINITY
  let firstAt = Number.POSITIVE_INFINITY
  let heardBytes = 0
  /** A carrier that ignores its end may be silent from then on: whether it plays on nobody can tell. */
  let muteFrom = Number.POSITIVE_INFINITY
  const mayFallMute = plan.faults.network.some(
    (fault) => fault._tag === "CloseIgnored" && fault.peer === "carrier" && fault.afterwards === "silent"
  )

  const find = (session: number, item: string, contentIndex: number): Spoken | undefined => {
    for (let index = open.length - 1; index >= 0; index--) {
      const one = open[index]
      if (one?.item === item && one.contentIndex === contentIndex && one.session === session) return one
    }
    return undefined
  }

  const named = (one: Spoken): string => (one.contentIndex === 0 ? one.item : `${one.item}[${one.contentIndex}]`)

  const received = (event: Extract<Event, { _tag: "ModelAudio" }>, at: number): void => {
    if (outOfBand.has(event.response) || !peers.isReady(event.session)) return
    let one = find(event.session, event.item, event.contentIndex)
    // What comes after the last of an item belongs to nothing.
    if (one === undefined && over.has(event.item)) return
    if (one === undefined) {
      one = {
        session: event.session,
        item: event.item,
        contentIndex: event.contentIndex,
        response: event.response,
        order: order++,
        received: 0,
        receivedAt: at,
        sent: 0,
        sentAt: Number.NEGATIVE_INFINITY,
        pending: 0,
        heard: 0,
        heardAt: Number.NEGATIVE_INFINITY,
        clearedAt: Number.NEGATIVE_INFINITY,
        clearGivenAt: Number.NEGATIVE_INFINITY,
        probe: "",
        fastest: Number.POSITIVE_INFINITY,
        toldAt: Number.NEGATIVE_INFINITY,
        toldMs: 0,
        isCut: false,
        leftAt: Number.NEGATIVE_INFINITY,
        isCancelled: false,
        doneAt: Number.NEGATIVE_INFINITY,
        settled: null,
        settledAt: Number.NEGATIVE_INFINITY,
        heardWhenSettled: 0
      }
      open.push(one)
    }
    if (one.isCut) {
      read()
      if (!isLeft(one)) one.leftAt = at
    }
    one.received += event.bytes
    one.receivedAt = at
  }

  const played = (command: Extract<Command, { _tag: "PlayAudio" }>, at: number): void => {
    const one = find(command.session, command.item, command.contentIndex)
    if (one === undefined) {
      return found("nothing stale", at, `${command.item} is played, which is over or was never generated`)
    }
    const { from, bytes } = command
    const jumps = from !== one.sent
    const resumes = jumps || (mayResume && one.isCut)
    if (one.toldAt > Number.NEGATIVE_INFINITY || one.isCancelled || (!mayResume && one.order < clearedBelow)) {
      found("nothing stale", at, `${bytes} bytes of ${named(one)} are played after it was interrupted`)
    } else if (jumps && !(mayResume && one.order < clearedBelow && from < one.sent)) {
      found("heard in order", at, `byte ${from} of ${named(one)} is played after byte ${one.sent}`)
    }
    if (dead.has(one.response) && plan.agent.turns === "machine") {
      found("not spoken over", at, `${named(one)} is played, which was asked for before the caller spoke`)
    }
    if (from + bytes > one.received) {
      found("truncated within", at, `${named(one)} is played to byte ${from + bytes} of ${one.received}`)
    }
    one.sent = from + bytes
    one.sentAt = at
    one.pending += bytes
    pieces[command.stream] ??= { list: [], first: 0 }
    // Where it is believed that all was heard that had been sent, it goes on behind that.
    const goesOn = resumes || (mayResume && one.isCut)
    pieces[command.stream]?.list.push({ spoken: one, from, resumes: goesOn, givenAt: at, left: bytes })
    if (one.isCut) for (const other of open) if (other.order >= one.order) other.isCut = false
  }

  const pieceOf = (stream: number, message: number): Piece | undefined => {
    const of = pieces[stream]
    return of?.list[message - of.first]
  }

  /** Takes bytes of a message off; those before the first that is still there are forgotten. */
  const leave = (stream: number, piece: Piece, bytes: number): void => {
    piece.left -= bytes
    piece.spoken.pending -= bytes
    const of = pieces[stream]
    if (of === undefined || piece.left > 0) return
    let gone = 0
    while (gone < of.list.length && of.list[gone]?.left === 0) gone++
    if (gone < 32) return
    of.list.splice(0, gone)
    of.first += gone
  }

  /** The caller speaks, and the agent's policies have it silent then. */
  const spokenTo = (event: Extract<Event, { _tag: "ModelSpeechStarted" }>, at: number): void => {
    if (!peers.isReady(event.session)) return
    isUnnoticed = !speaking && peers.isDue()
    speaking = true
    read()
    if (!isImmediate || isProtected() || peers.backlogged(event) !== null) return
    if (requested !== null) doomed = requested
    if (at - startedAt > longAudible && heardUntil < at) spokenToAt = at
  }

  /** Some of what is under way may be protected: who says what stands in the settled turns, and is judged there. */
  const isProtected = (): boolean =>
    plan.agent.greetingProtected || plan.agent.tools.some(({ protectAnswer }) => protectAnswer)

  const created = (event: Extract<Event, { _tag: "ModelResponseCreated" }>): void => {
    if (!event.inConversation) {
      outOfBand.add(event.response)
      return
    }
    if (event.request === null || event.request !== requested) return
    if (doomed === requested) dead.add(event.response)
    requested = null
  }

  const asked = (command: Extract<Command, { _tag: "CreateResponse" }>, at: number): void => {
    requested = command.request
    if (speaking && !isUnnoticed)
      found("not spoken over", at, `${command.request} is asked for while the caller speaks`)
    if (plan.agent.turns === "model") return
    read()
    const untold = open.find(isLeft)
    if (untold !== undefined) {
      found(
        "told first",
        at,
        `${command.request} is asked for before the model knows what was heard of ${named(untold)}`
      )
    }
  }

  const clipOf = (one: Spoken): Uint8Array | undefined => audioOf(on, one)?.clip

  const readHeard = (): void => {
    const all = carrier.ear.heard
    for (; cursor.heard < all.length; cursor.heard++) {
      const span = all[cursor.heard]
      if (span === undefined) continue
      const { at, stream, message, from, payload } = span
      const bytes = payload.length
      const until = at + bytes / bytesPerMs
      heardBytes += bytes
      if (at - heardUntil > 1) {
        startedAt = at
        stretches.push({ from: at, givenAt: pieceOf(stream, message)?.givenAt ?? at, to: until })
        if (stretches.length > rememberedStretches) stretches.shift()
      }
      firstAt = Math.min(firstAt, at)
      heardUntil = Math.max(heardUntil, until)
      const stretch = stretches.at(-1)
      if (stretch !== undefined) stretch.to = heardUntil
      const piece = pieceOf(stream, message)
      if (piece === undefined) {
        found("heard in order", at, `the ear heard ${bytes} bytes that nobody sent`)
        continue
      }
      const one = piece.spoken
      const place = piece.from + from
      const silentBy = spokenToAt + bounds.toCarrier.most + bounds.quantum + silentMs
      if (piece.givenAt < spokenToAt && until > silentBy && at < silentBy + longAudible) {
        found(
          "silent when spoken to",
          at,
          `${named(one)} is heard ${Math.round(until - spokenToAt)} ms after the caller spoke`
        )
        spokenToAt = Number.POSITIVE_INFINITY
      }
      if (place !== one.heard) {
        const error = (place - one.heard) / bytesPerMs
        if (piece.resumes && from === 0) resumed(piece, at, error)
        else found("heard in order", at, `of ${named(one)} the ear heard byte ${place} after byte ${one.heard}`)
      } else if (piece.resumes && from === 0) resumed(piece, at, 0)
      const isRepeated =
        last !== undefined &&
        piece.resumes &&
        (one.heard - place + last.heard) / bytesPerMs <= mayRepeat(last, piece.givenAt)
      if (last !== undefined && one.order < last.order && !isRepeated) {
        found("heard in order", at, `${named(one)} is heard after ${named(last)}, which was generated later`)
      }
      const clip = clipOf(one)
      if (clip !== undefined && !isAt(clip, place, payload)) {
        found(
          "heard in order",
          at,
          `at byte ${place} of ${named(one)} the ear heard what the model did not generate there`
        )
      }
      last = one
      one.heard = place + bytes
      one.heardAt = until
      leave(stream, piece, bytes)
    }
  }

  const mayRepeat = (one: Spoken, givenAt: number): number =>
    isMeasured ? resumeMs + bounds.frame - Bounds.frame + tolerance.unknownOf(one, givenAt) : Number.POSITIVE_INFINITY

  const resumed = ({ givenAt, spoken: one }: Piece, at: number, errorMs: number): void => {
    measures.resumeErrors.push(errorMs)
    measures.resumes++
    if (Math.abs(errorMs) > mayRepeat(one, givenAt)) {
      found("heard in order", at, `${named(one)} goes on ${Math.round(errorMs)} ms from where it stopped`)
    }
  }

  const readCleared = (): void => {
    const all = carrier.ear.cleared
    for (; cursor.cleared < all.length; cursor.cleared++) {
      const span = all[cursor.cleared]
      if (span === undefined) continue
      const { stream, message, payload, clearedAt } = span
      const piece = pieceOf(stream, message)
      if (piece === undefined) continue
      const one = piece.spoken
      one.clearedAt = clearedAt
      leave(stream, piece, payload.length)
    }
  }

  const read = (): void => {
    echoes.read()
    if (cursor.heard < carrier.ear.heard.length) readHeard()
    if (cursor.cleared < carrier.ear.cleared.length) readCleared()
  }

  const cleared = (at: number): void => {
    clearedBelow = order
    const fastest = echoes.fastest()
    const probe = echoes.cleared(at)
    for (const one of open) {
      // Cut already, and not gone on with: it is the first clear that tells.
      if (one.isCut) continue
      one.isCut = true
      one.clearGivenAt = at
      one.leftAt = at
      one.probe = probe
      one.fastest = fastest
    }
  }

  const knownBy = (one: Spoken, at: number): void => {
    one.toldAt = at
    one.fastest = Math.min(one.fastest, echoes.fastest())
  }

  const told = (command: Extract<Command, { _tag: "DeleteItem" | "Truncate" }>, at: number): void => {
    if (command._tag === "DeleteItem") {
      const ofIt = open.filter((one) => one.item === command.item && one.session === command.session)
      for (const one of ofIt) knownBy(one, at)
      // What a model says of it afterwards belongs to nothing.
      if (ofIt.length === 0) isOver(command.item, false)
      return
    }
    const one = find(command.session, command.item, command.contentIndex)
    if (one === undefined) {
      const isWhole = over.get(command.item)
      if (isWhole === true) found("whole is left alone", at, `${command.item} was heard to its end, and is cut now`)
      if (isWhole === undefined) found("truncated within", at, `${command.item} is truncated, and is not being said`)
      return
    }
    // What is told again as it was, was known when it was told first.
    if (one.toldMs !== command.audioEndMs || one.toldAt < one.clearGivenAt) knownBy(one, at)
    one.toldMs = command.audioEndMs
    if (!Number.isInteger(command.audioEndMs) || command.audioEndMs < 0) {
      found("truncated within", at, `${named(one)} is truncated to ${command.audioEndMs} ms`)
    }
    if (command.audioEndMs * bytesPerMs > one.received) {
      found(
        "truncated within",
        at,
        `${named(one)} is truncated to ${command.audioEndMs} ms of ${one.received / bytesPerMs}`
      )
    }
  }

  /** It was cut, by more than anybody could overlook when the echo was due, or it was settled, and the model does not know. */
  const isLeft = (one: Spoken): boolean =>
    one.isCut &&
    one.toldAt === Number.NEGATIVE_INFINITY &&
    (one.received - one.heard) / bytesPerMs >
      (one.settled === null ? tolerance.atEcho(one) : tolerance.of(one, one.settledAt))

  const lastChange = (one: Spoken): number =>
    Math.max(one.receivedAt, one.sentAt, one.heardAt, one.clearedAt, one.doneAt, peers.streams.at(-1)?.startedAt ?? 0)

  const isOver = (item: string, isWhole: boolean): void => {
    over.set(item, isWhole)
    if (over.size > remembered) over.delete(over.keys().next().value ?? "")
  }

  /** Judges the items that cannot change any more; `until`: the time they had to be told in. */
  const look = (until: number): void => {
    for (let index = 0; index < open.length; index++) {
      const one = open[index]
      if (one === undefined) continue
      if (one.pending === 0 && isLeft(one) && one.leftAt + bounds.settle + bounds.frame < until) {
        found(
          mayResume ? "pause is short" : "told in time",
          world.now(),
          `${named(one)} was cut, and the model does not know ${Math.round(until - one.leftAt)} ms after`
        )
        one.isCut = false
      }
      const isFinal = one.doneAt > Number.NEGATIVE_INFINITY && one.pending === 0
      if (!isFinal || lastChange(one) + bounds.settle > until) continue
      open.splice(index--, 1)
      judge(one)
      isOver(one.item, one.heard === one.received && !one.isCut)
    }
  }

  const judge = (one: Spoken): void => {
    const at = world.now()
    const audio = audioOf(on, one)
    if (audio === undefined) return
    const heardMs = one.heard / bytesPerMs
    const { generatedMs } = audio
    // Where the server has cut by its own guess (protocols.md G.2, 15), what it was told counts.
    const keptMs = audio.isCutByServer ? (one.toldAt > Number.NEGATIVE_INFINITY ? one.toldMs : null) : audio.keptMs
    const believedMs = audio.isDeleted ? 0 : (keptMs ?? generatedMs)
    const isTold = audio.isDeleted || keptMs !== null
    const isCut = one.clearedAt > Number.NEGATIVE_INFINITY
    const allowed = tolerance.of(one)
    const off = Math.abs(believedMs - heardMs)
    if ((isTold || isCut) && (believedMs > 0 || heardMs > 0)) measures.cutErrors.push(off)
    // The audio was behind a stall, and so was the echo of its clear: in time nobody could tell that nothing was heard.
    const behindStall = bounds.frame + Tolerance.rounding + bounds.toCarrier.most - bounds.toCarrier.least
    const isUntellable = isCut && tolerance.isLate(one) && off <= Math.min(allowed, behindStall)
    if (heardMs === 0 && !isTold && generatedMs > 0 && !isUntellable) {
      found(
        "unheard is deleted",
        at,
        `nothing of ${named(one)} was heard, and the model believes ${believedMs} ms of it`
      )
    } else if (isTold || isCut ? off > allowed : off > 0) {
      found(
        "believed is heard",
        at,
        `the caller heard ${heardMs} of ${generatedMs} ms of ${named(one)}, the model believes ${believedMs} ms ` +
          `(${Math.round(allowed)} ms are allowed${tolerance.isEstimated(one) ? ", by an estimate" : ""})`
      )
    }
    const wholeBy = one.heardAt + allowed + bounds.fromCarrier.most + bounds.settle
    if (isTold && !isCut && heardMs === generatedMs && one.toldAt > wholeBy) {
      found("whole is left alone", at, `${named(one)} was heard to its end and then cut to ${believedMs} ms`)
    }
    if (one.settled !== null) settled(one, one.settled, one.heard, allowed, at)
  }

  const settled = (one: Spoken, turn: SettledTurn, heard: number, allowed: number, at: number): void => {
    const heardMs = heard / bytesPerMs
    if (Math.abs(turn.heardMs - heardMs) > allowed) {
      found(
        "settled is heard",
        at,
        `${named(one)} is settled as heard for ${turn.heardMs} ms, and was for ${heardMs} ms`
      )
    }
  }

  const turnSettled = (turn: SettledTurn, at: number): void => {
    const one = find(turn.session, turn.item, turn.contentIndex)
    if (turn.heardMs > turn.sentMs || turn.sentMs > turn.generatedMs) {
      found(
        "settled is heard",
        at,
        `${turn.item}: ${turn.heardMs} ms heard of ${turn.sentMs} sent of ${turn.generatedMs}`
      )
    }
    if (one === undefined) return
    read()
    const span = carrier.inPlay(at)
    const piece = span === undefined ? undefined : pieceOf(span.stream, span.message)
    one.settled = turn
    one.settledAt = at
    one.heardWhenSettled = span !== undefined && piece?.spoken === one ? piece.from + span.to : one.heard
  }

  return {
    open,
    heardUntil: () => heardUntil,
    startedAt: () => startedAt,
    firstAt: () => Math.min(firstAt, carrier.inPlay(world.now())?.at ?? Number.POSITIVE_INFINITY),
    read,
    heardBytes: () => heardBytes,

    event: (event, at) => {
      isUnnoticed = false
      switch (event._tag) {
        case "CarrierAudio":
        case "CarrierMarked":
          return echoes.event(event, at)
        case "ModelAudio":
          return received(event, at)
        case "ModelSpeechStarted":
          return spokenTo(event, at)
        case "ModelSpeechStopped":
          speaking = false
          return
        case "ModelResponseCreated":
          return created(event)
        case "ModelResponseDone":
          for (const one of open) {
            if (one.response !== event.response || one.session !== event.session) continue
            one.doneAt = at
            if (event.status === "cancelled") one.isCancelled = true
          }
          outOfBand.delete(event.response)
          return
      }
    },

    command: (command, at) => {
      switch (command._tag) {
        case "PlayAudio":
          return played(command, at)
        case "Mark":
          return echoes.marked(command.name, at)
        case "Clear":
          return cleared(at)
        case "CloseCarrier":
        case "HangUp":
          if (mayFallMute) muteFrom = Math.min(muteFrom, at)
          return
        case "CreateResponse":
          return asked(command, at)
        case "CancelResponse":
          for (const one of open) {
            if (command.response === null || one.response === command.response) one.isCancelled = true
          }
          return
        case "DeleteItem":
        case "Truncate":
          return told(command, at)
        case "Settled":
          if (command.turn.speaker === "agent") turnSettled(command.turn, at)
      }
    },

    stepped: (at) => {
      if (at < nextLook) return
      nextLook = at + 100
      read()
      if (open.length > 0) look(Math.min(at, endOf(on)))
    },

    over: (at) => {
      read()
      look(Math.min(at, endOf(on)))
      for (const one of open) {
        if (one.settled === null) continue
        const allowed = atTheEnd + tolerance.unknownOf(one) + Math.max(0, one.settledAt - muteFrom)
        settled(one, one.settled, one.heardWhenSettled, allowed, at)
      }
    }
  }
}

/** Until when the model could be told anything. */
const endOf = ({ bounds, peers }: Case): number => {
  const stream = peers.streams.at(-1)
  const ofSession = peers.deafAt(peers.sessions.length - 1, bounds.toModel.most)
  const ofStream = stream === undefined ? Number.NEGATIVE_INFINITY : stream.endedAt - bounds.fromCarrier.most
  return Math.min(ofSession, ofStream)
}

interface Generated {
  readonly clip: Uint8Array
  readonly generatedMs: number
  readonly keptMs: number | null
  readonly isDeleted: boolean
  readonly isCutByServer: boolean
}

const audioOf = ({ world }: Case, one: Spoken): Generated | undefined => {
  const item = modelItem(world.models[one.session]?.items, one.item)
  const part = item?.content[one.contentIndex]
  if (item === undefined || part?.type !== "output_audio") return undefined
  return {
    clip: part.clip,
    generatedMs: part.generatedMs,
    keptMs: part.keptMs,
    isDeleted: item.deleted,
    isCutByServer: part.cutBy === "server"
  }
}

const modelItem = (items: ReadonlyArray<Conversation.Item> | undefined, id: string): Conversation.Item | undefined => {
  if (items === undefined) return undefined
  for (let index = items.length - 1; index >= 0; index--) if (items[index]?.id === id) return items[index]
  return undefined
}

const isAt = (clip: Uint8Array, place: number, part: Uint8Array): boolean => {
  if (place + part.length > clip.length) return false
  for (let index = 0; index < part.length; index++) if (clip[place + index] !== part[index]) return false
  return true
}
