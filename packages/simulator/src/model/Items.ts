/** What a client may do with the items of the conversation, and what the server does to them by itself (protocols.md E.4, E.8). */
import * as Base64 from "../Base64.ts"
import type { Choices } from "./Choices.ts"
import type { AudioFormat, ItemInput } from "./ClientEvent.ts"
import * as Conversation from "./Conversation.ts"
import * as Encoding from "./Encoding.ts"
import type { Body } from "./ServerEvent.ts"
import type { Failure } from "./Shape.ts"
import { invalidValue } from "./Shape.ts"

export interface Host {
  readonly choices: Choices
  readonly conversation: Conversation.Conversation
  readonly now: () => number
  readonly newId: (prefix: string) => string
  readonly emit: (event: Body) => void
  /** The item belongs to a response that still writes. */
  readonly isBeingWritten: (itemId: string) => boolean
  readonly outputFormat: () => AudioFormat
  /** A client cut or deleted what it was sent: what is sent next may be played now. */
  readonly onEdited: () => void
}

export interface Items {
  readonly create: (input: ItemInput, previousId: string | null | undefined) => Failure | undefined
  readonly retrieve: (id: string) => Failure | undefined
  readonly remove: (id: string) => Failure | undefined
  readonly truncate: (id: string, contentIndex: number, audioEndMs: number) => Failure | undefined
  /** Tells of an item that is in the conversation and complete. */
  readonly announce: (item: Conversation.Item, previous: string | null) => void
  /** The server cuts what it just interrupted, where the caller can have been by now. */
  readonly interrupted: (output: ReadonlyArray<Conversation.Item>) => void
}

export const make = (host: Host): Items => {
  const { choices, conversation, emit, newId } = host

  const noSuchItem = (action: "delete" | "retrieve" | "truncate", id: string): Failure => ({
    code: `item_${action}_invalid_item_id`,
    message: `Error: cannot ${action} item, the item with ID '${id}' does not exist.`,
    param: "item_id"
  })

  const beingWritten = (id: string): Failure | undefined =>
    choices.editBeforeDone || !host.isBeingWritten(id)
      ? undefined
      : invalidValue("item_id", `Item '${id}' belongs to a response that is still in progress.`)

  const announce = (item: Conversation.Item, previous: string | null) => {
    for (const when of ["added", "done"] as const) {
      emit({ type: `conversation.item.${when}`, previous_item_id: previous, item: Conversation.wire(item) })
    }
  }

  const cut = (item: Conversation.Item, contentIndex: number, audioEndMs: number, by: "client" | "server") => {
    Conversation.truncate(item, audioEndMs, by, host.now())
    emit({
      type: "conversation.item.truncated",
      item_id: item.id,
      content_index: contentIndex,
      audio_end_ms: audioEndMs
    })
  }

  return {
    announce,
    create: (input, previousId) => {
      const failure = conversation.check(input, previousId)
      if (failure !== undefined) return failure
      const item = Conversation.fromInput(input, newId("item"), newId("call"))
      announce(item, conversation.insert(item, previousId))
      return undefined
    },
    retrieve: (id) => {
      const item = conversation.find(id)
      if (item === undefined) return noSuchItem("retrieve", id)
      const encode = (clip: Uint8Array, bytes: number) =>
        Base64.encode(Encoding.convert(clip, 0, bytes, host.outputFormat()))
      emit({ type: "conversation.item.retrieved", item: Conversation.wire(item, encode) })
      return undefined
    },
    remove: (id) => {
      const item = conversation.find(id)
      if (item === undefined) return noSuchItem("delete", id)
      const failure = beingWritten(id)
      if (failure !== undefined) return failure
      item.deleted = true
      item.deletedAt = host.now()
      emit({ type: "conversation.item.deleted", item_id: id })
      host.onEdited()
      return undefined
    },
    truncate: (id, contentIndex, audioEndMs) => {
      const item = conversation.find(id)
      if (item === undefined) return noSuchItem("truncate", id)
      const failure =
        beingWritten(id) ??
        (audioEndMs === 0 && !choices.truncateToZero
          ? invalidValue("audio_end_ms", "Invalid 'audio_end_ms': expected a value greater than 0.")
          : undefined) ??
        Conversation.cannotTruncate(item, contentIndex, audioEndMs, choices.truncateLengthCode)
      if (failure !== undefined) return failure
      cut(item, contentIndex, audioEndMs, "client")
      host.onEdited()
      return undefined
    },
    interrupted: (output) => {
      for (const item of output) {
        const contentIndex = item.content.findIndex((part) => part.type === "output_audio")
        const audio = Conversation.outputAudio(item)
        if (audio === undefined || audio.keptMs !== null || audio.generatedMs === 0 || item.deleted) continue
        const playedMs = Math.max(0, host.now() - audio.playsFrom)
        if (playedMs >= audio.generatedMs && item.status === "completed") continue
        cut(item, contentIndex, Math.floor(Math.min(playedMs, audio.generatedMs)), "server")
      }
    }
  }
}
