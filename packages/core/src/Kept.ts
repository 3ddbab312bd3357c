/**
 * Audio that was sent and is not known to be heard, kept so that it can be sent again from any byte (pause-then-decide),
 * or for its levels (the echo gate).
 *
 * The pieces lie on the line of a playback's positions. A piece leaves when it was heard.
 *
 * Invariants
 * 1. `isWhole`: every byte that was sent and not heard is here.
 * 2. Bounded, in bytes and pieces: beyond that nothing more is kept until all was heard.
 */

import * as Level from "./audio/Level.ts"
import * as Payload from "./audio/Payload.ts"
import type { Key } from "./Playback.ts"

/** A delta, or what is left of one; `from` is its place in the item. */
export interface Piece extends Key {
  readonly from: number
  readonly bytes: number
  readonly payload: Payload.Payload
  /** Per 20 ms (audio/Level) from `skipped` bytes before the piece on; empty where they are not kept. */
  readonly levels: string
  readonly skipped: number
}

interface Sent extends Piece {
  /** Base64: what is kept is plain data. */
  readonly payload: string
  /** Of its first byte. */
  readonly position: number
}

export interface Kept {
  readonly pieces: ReadonlyArray<Sent>
  readonly bytes: number
  readonly isWhole: boolean
}

/** What of a piece is kept. */
export interface Contents {
  readonly audio: boolean
  readonly levels: boolean
}

export const empty: Kept = { pieces: [], bytes: 0, isWhole: true }

/** A piece was sent at `position`; up to `played` all was heard. */
export const add = (
  kept: Kept,
  piece: Piece,
  position: number,
  played: number,
  mostBytes: number,
  contents: Contents
): Kept => {
  const fits = kept.bytes + piece.bytes <= mostBytes && kept.pieces.length < MOST_PIECES
  if (!fits || (!kept.isWhole && position > played)) return { ...kept, isWhole: false }
  const payload = contents.audio ? Payload.toBase64(piece.payload) : ""
  return {
    pieces: [...kept.pieces, { ...piece, payload, position }],
    bytes: kept.bytes + piece.bytes,
    isWhole: true
  }
}

/** Everything before `position` was heard. */
export const release = (kept: Kept, position: number): Kept =>
  kept.pieces.length === 0 ? kept : of(kept, (piece) => piece.position + piece.bytes > position)

/** Of items that are here. */
export const only = (kept: Kept, isHere: (key: Key) => boolean): Kept =>
  kept.pieces.length === 0 ? kept : of(kept, isHere)

/** What lies behind `position`. */
export const from = (kept: Kept, position: number): ReadonlyArray<Piece> =>
  kept.pieces
    .filter((piece) => piece.position + piece.bytes > position)
    .map(({ position: start, ...piece }) => skip(piece, Math.max(0, position - start)))

/** The level at a position; silence where nothing is kept. */
export const levelAt = (kept: Kept, position: number, bytesPerMs: number): string => {
  const piece = kept.pieces.find((piece) => position >= piece.position && position < piece.position + piece.bytes)
  if (piece === undefined) return Level.SILENCE
  const index = Math.floor((position - piece.position + piece.skipped) / (Level.WINDOW_MS * bytesPerMs))
  return piece.levels.charAt(index) || Level.SILENCE
}

const of = (kept: Kept, stays: (piece: Sent) => boolean): Kept => {
  const pieces = kept.pieces.filter(stays)
  return { ...kept, pieces, bytes: pieces.reduce((bytes, piece) => bytes + piece.bytes, 0) }
}

const skip = (piece: Omit<Sent, "position">, bytes: number): Piece =>
  bytes === 0
    ? piece
    : {
        ...piece,
        from: piece.from + bytes,
        bytes: piece.bytes - bytes,
        payload: Payload.rest(piece.payload, bytes),
        skipped: piece.skipped + bytes
      }

const MOST_PIECES = 4096
