/**
 * What the voices of the simulation can say: a call to a small restaurant.
 *
 * The audio of a clip is `speech/<id>.ulaw` (8 kHz mono mu-law without a header, 8 bytes a ms), made by
 * `scripts/speech.mjs` from this table; `node/SpeechFiles.ts` reads it.
 */
export type Voice = "agent" | "caller"

export interface Clip {
  readonly id: string
  readonly voice: Voice
  /** The words; for a noise, what it is, in brackets. */
  readonly text: string
  readonly durationMs: number
}

export const clips = [
  {
    id: "agent-greeting",
    voice: "agent",
    text: "Hello, this is Luigi's restaurant. How can I help you?",
    durationMs: 3409.125
  },
  {
    id: "agent-opening-hours",
    voice: "agent",
    text: "We open Tuesday to Sunday. Lunch is from twelve to half past two, and dinner from six to eleven. On Mondays we are closed.",
    durationMs: 7789.375
  },
  { id: "agent-how-many", voice: "agent", text: "Of course. We have room for up to eight people.", durationMs: 2752 },
  { id: "agent-short-answer", voice: "agent", text: "Yes, that is possible.", durationMs: 1532.25 },
  {
    id: "agent-booked",
    voice: "agent",
    text: "Your table for four is booked for eight o'clock tonight. Is there anything else?",
    durationMs: 4398
  },
  { id: "agent-goodbye", voice: "agent", text: "Thank you for calling. Goodbye!", durationMs: 2049.375 },
  { id: "agent-apology", voice: "agent", text: "I am sorry, could you say that again?", durationMs: 2048.25 },
  {
    id: "caller-opening-hours",
    voice: "caller",
    text: "Hi! What are your opening hours, please?",
    durationMs: 2769.125
  },
  {
    id: "caller-how-many",
    voice: "caller",
    text: "Sorry, for how many people can I book?",
    durationMs: 2175
  },
  { id: "caller-table-for-four", voice: "caller", text: "A table for four at eight, please.", durationMs: 2061.5 },
  { id: "caller-goodbye", voice: "caller", text: "No, that's all. Thank you, goodbye.", durationMs: 2882.625 },
  { id: "caller-yes", voice: "caller", text: "Yes.", durationMs: 350.25 },
  { id: "caller-mhm", voice: "caller", text: "Mhm.", durationMs: 669.875 },
  { id: "caller-cough", voice: "caller", text: "[cough]", durationMs: 560 }
] as const satisfies ReadonlyArray<Clip>

export type ClipId = (typeof clips)[number]["id"]

/** The audio of every clip, by id. */
export type Audio = Readonly<Record<ClipId, Uint8Array>>

const byId = Object.fromEntries(clips.map((one) => [one.id, one])) as Readonly<Record<ClipId, Clip>>

export const clip = (id: ClipId): Clip => byId[id]
