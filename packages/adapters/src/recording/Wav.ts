/**
 * A recorded call as sound: a stereo WAV (8 kHz, 16-bit PCM) on the carrier's clock. Left is what the agent's side
 * received, right is what the caller's ear heard.
 *
 * The recording is replayed, since it holds what arrived and not what was played. Left: every `ForwardAudio` at the
 * carrier's time of its bytes; silence that was filled in is silence. Right: the audio between two marks was played when
 * its second mark came back, without a pause unless the echoes show one; of a generation that was cleared, what lay
 * before the moment at which the probe (the mark before the clear) came back.
 *
 * 1. Pure: one recording, one sound.
 * 2. Audio that never pauses is written without a gap or an overlap: a run of echoes has one origin, their median.
 */

import { Buffer } from "node:buffer"
import { Call, CarrierClock, type Command, type Event, Mulaw, type Payload, type Recording } from "@offhook/core"

/** Null where the recording was made without audio, or is none. */
export const ofRecording = (recording: Recording.Recording): Uint8Array | null => {
  const { entries, header } = recording
  if (header === null || !header.audio) return null
  const left: Array<Clip> = []
  const ear = makeEar()
  let [state] = Call.initial(header.config)
  let lastAt = 0
  for (const { event } of entries) {
    const [next, commands] = Call.step(state, event)
    state = next
    lastAt = CarrierClock.moment(state.clock, event.at).at
    if (event._tag === "CarrierMarked") ear.echo(event.name, lastAt)
    for (const command of commands) {
      if (command._tag === "ForwardAudio") left.push({ at: carrierByte(state, command.from), audio: bytesOf(command) })
      else ear.command(command)
    }
    if (isEnd(event)) ear.end(lastAt)
  }
  ear.end(lastAt)
  return wav(left, ear.clips())
}

/** Mu-law, from a byte on the carrier's clock. */
interface Clip {
  readonly at: number
  readonly audio: Uint8Array
}

/** Echoes of audio that was played without a pause, each as the time at which byte 0 would have begun. */
interface Run {
  readonly told: Array<number>
  /** What leading marks say counts only where no other does: their audio may begin a little later. */
  readonly toldLeading: Array<number>
}

interface Part {
  readonly run: Run
  readonly from: number
  readonly to: number
}

interface Mark {
  readonly name: string
  readonly position: number
  readonly leading: boolean
}

/** Everything sent between two clears. */
interface Generation {
  readonly audio: Array<Uint8Array>
  sent: number
  readonly marks: Array<Mark>
  run: Run | null
  /** Everything before is in `parts`. */
  written: number
  readonly parts: Array<Part>
  /** The last mark before the clear; null: not cleared. */
  probe: string | null
  over: boolean
}

const makeEar = () => {
  const generations: Array<Generation> = [generation()]
  const current = (): Generation => generations.at(-1) as Generation

  return {
    command: (command: Command): void => {
      const playing = current()
      switch (command._tag) {
        case "PlayAudio": {
          const audio = bytesOf(command)
          playing.audio.push(audio)
          playing.sent += audio.length
          return
        }
        case "Mark": {
          const previous = playing.marks.at(-1)
          const leading = previous === undefined ? playing.sent === 0 : previous.position === playing.sent
          playing.marks.push({ name: command.name, position: playing.sent, leading })
          return
        }
        case "Clear":
          playing.probe = playing.marks.at(-1)?.name ?? null
          generations.push(generation())
          return
      }
    },

    echo: (name: string, at: number): void => {
      const of = generations.find(({ marks, over }) => !over && marks.some((mark) => mark.name === name))
      const mark = of?.marks.find((mark) => mark.name === name)
      if (of === undefined || mark === undefined) return
      if (name === of.probe) silence(of, at)
      else played(of, mark, at)
    },

    /** The carrier is gone: what was playing was heard until now. */
    end: (at: number): void => {
      for (const playing of generations) if (!playing.over) silence(playing, at)
    },

    clips: (): ReadonlyArray<Clip> =>
      generations.flatMap(({ audio, parts }) => {
        const whole = joined(audio)
        return parts.map(({ from, run, to }) => ({
          at: Math.round(originOf(run) * Mulaw.BYTES_PER_MS) + from,
          audio: whole.subarray(from, to)
        }))
      })
  }
}

const generation = (): Generation => ({
  audio: [],
  sent: 0,
  marks: [],
  run: null,
  written: 0,
  parts: [],
  probe: null,
  over: false
})

const played = (of: Generation, mark: Mark, at: number): void => {
  const told = at - mark.position / Mulaw.BYTES_PER_MS
  const lateMs = of.run === null ? 0 : told - originOf(of.run)
  // A clear sends every mark back at once: too early to have been played.
  if (lateMs < -PAUSE_MS) return
  if (of.run === null) of.run = { told: [], toldLeading: [] }
  else if (lateMs > PAUSE_MS) {
    // The pause lies before the audio that this mark leads, or inside the audio that it ends.
    if (mark.leading) write(of, of.run, mark.position)
    of.run = { told: [], toldLeading: [] }
  }
  if (mark.leading) of.run.toldLeading.push(told)
  else of.run.told.push(told)
  write(of, of.run, mark.position)
  of.marks.splice(0, of.marks.indexOf(mark) + 1)
}

const silence = (of: Generation, at: number): void => {
  of.over = true
  if (of.run === null) return
  const until = of.marks.find(({ leading }) => leading)?.position ?? of.sent
  const heard = Math.floor((at - originOf(of.run)) * Mulaw.BYTES_PER_MS)
  write(of, of.run, Math.min(until, heard))
}

const write = (of: Generation, run: Run, to: number): void => {
  if (to <= of.written) return
  of.parts.push({ run, from: of.written, to })
  of.written = to
}

const originOf = ({ told, toldLeading }: Run): number => {
  const sorted = [...(told.length > 0 ? told : toldLeading)].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

/** The place on the carrier's clock of a byte that was appended to the model's session. */
const carrierByte = ({ caller }: Call.State, from: number): number => {
  let entry = caller.map[0]
  for (const candidate of caller.map) if (candidate.from <= from) entry = candidate
  return entry === undefined ? 0 : Math.round(entry.carrier * Mulaw.BYTES_PER_MS) + from - entry.from
}

const isEnd = ({ _tag }: Event): boolean => _tag === "CarrierStopped" || _tag === "CarrierClosed"

const bytesOf = ({ payload }: { readonly payload: Payload.Payload }): Uint8Array =>
  typeof payload === "string" ? Buffer.from(payload, "base64") : payload

const joined = (pieces: ReadonlyArray<Uint8Array>): Uint8Array => Buffer.concat(pieces)

const wav = (left: ReadonlyArray<Clip>, right: ReadonlyArray<Clip>): Uint8Array => {
  const end = (clips: ReadonlyArray<Clip>) => clips.reduce((end, { at, audio }) => Math.max(end, at + audio.length), 0)
  const frames = Math.max(end(left), end(right))
  const file = Buffer.alloc(HEADER_BYTES + frames * FRAME_BYTES)
  const data = frames * FRAME_BYTES
  file.write("RIFF", 0, "latin1")
  file.writeUInt32LE(HEADER_BYTES - 8 + data, 4)
  file.write("WAVEfmt ", 8, "latin1")
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20)
  file.writeUInt16LE(2, 22)
  file.writeUInt32LE(8_000, 24)
  file.writeUInt32LE(8_000 * FRAME_BYTES, 28)
  file.writeUInt16LE(FRAME_BYTES, 32)
  file.writeUInt16LE(16, 34)
  file.write("data", 36, "latin1")
  file.writeUInt32LE(data, 40)
  const put = (clips: ReadonlyArray<Clip>, channel: number) => {
    for (const { at, audio } of clips) {
      for (let index = Math.max(0, -at); index < audio.length; index++) {
        const sample = Mulaw.decode(audio[index] as number)
        file.writeInt16LE(sample, HEADER_BYTES + (at + index) * FRAME_BYTES + channel * 2)
      }
    }
  }
  put(left, 0)
  put(right, 1)
  return file
}

const HEADER_BYTES = 44
const FRAME_BYTES = 4

/** A pause shorter than a frame is no pause: echoes are placed to a frame. */
const PAUSE_MS = 20
