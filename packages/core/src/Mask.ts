/**
 * What a recording hides: keys of an account always, keyed digits and phone numbers unless asked for.
 *
 * A masked recording must replay, so masking commutes with the machine: `step` on a masked event gives the masked
 * commands. That holds because a mask changes only what the machine passes on unread, and changes an event and the
 * command that quotes it alike:
 *
 * 1. A digit becomes `0`, which is a key like any other; `#` and `*` keep their meaning and stay. Where a command quotes
 *    an entry (Keypad.sentence), it has the same digits as `0`; so has a caller who speaks such a sentence.
 * 2. A phone number in the stream's parameters has each digit as `0`; the machine reads no parameter.
 * 3. A parameter whose name says secret, and anything like an API key in an error's message, becomes `*`, as many as
 *    there were characters.
 *
 * What is said on the call, and what tools are asked and answer, is the call itself and is not masked.
 */

import type { Command } from "./Command.ts"
import type { Event, ModelError } from "./Event.ts"
import * as Keypad from "./Keypad.ts"
import type { Masked } from "./Recording.ts"

export interface Mask {
  readonly event: (event: Event) => Event
  readonly command: (command: Command) => Command
}

export const make = (masked: ReadonlyArray<Masked>): Mask => {
  const digits = masked.includes("digits")
  const numbers = masked.includes("numbers")
  return {
    event: (event) => {
      switch (event._tag) {
        case "CarrierKeyed":
          return digits ? { ...event, digit: withoutDigits(event.digit) } : event
        case "CarrierStarted":
          return { ...event, parameters: maskedParameters(event.parameters, numbers) }
        case "ModelTranscribed":
          return digits ? { ...event, text: withoutEntries(event.text) } : event
        case "ModelErred":
          return { ...event, error: withoutKeys(event.error) }
        case "ModelResponseDone":
          return event.error === null ? event : { ...event, error: withoutKeys(event.error) }
        case "ModelClosed":
          return { ...event, reason: withoutKey(event.reason) }
        default:
          return event
      }
    },
    command: (command) => {
      switch (command._tag) {
        case "AddText":
          return digits ? { ...command, text: withoutEntries(command.text) } : command
        case "Settled":
          return digits && command.turn.speaker === "caller" && command.turn.text !== null
            ? { ...command, turn: { ...command.turn, text: withoutEntries(command.turn.text) } }
            : command
        case "Note":
          return { ...command, note: { ...command.note, detail: withoutKey(command.note.detail) } }
        default:
          return command
      }
    }
  }
}

const maskedParameters = (
  parameters: Readonly<Record<string, string>>,
  numbers: boolean
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      secretName.test(name)
        ? stars(value)
        : numbers
          ? value.replace(phoneNumber, (found) => found.replace(/\d/g, "0"))
          : value
    ])
  )

const withoutKeys = <E extends Pick<ModelError, "message">>(error: E): E => ({
  ...error,
  message: withoutKey(error.message)
})

const withoutKey = (text: string): string => text.replace(apiKey, stars)

const withoutEntries = (text: string): string => text.replace(keyedSentence, withoutEntry)

const withoutEntry = (_: string, before: string, entry: string, after: string): string =>
  before + withoutDigits(entry) + after

const withoutDigits = (keys: string): string => keys.replace(/[0-9A-D]/g, "0")

const stars = (text: string): string => "*".repeat(text.length)

const secretName = /token|secret|password|signature|authorization|api_?key/i

/** OpenAI's keys (`sk-…`, `ek_…`) and a bearer's, also as its errors quote them, partly starred. */
const apiKey = /(?<![A-Za-z0-9])(?:sk|ek|Bearer )[-_]?[\w*-]{8,}/g

/** Seven digits or more, as people write them. */
const phoneNumber = /(?<![A-Za-z0-9])\+?\d(?:[ ().-]{0,2}\d){6,}(?![A-Za-z0-9])/g

/** Keypad's sentence around any entry, in its own words. */
const keyedSentence = /* @__PURE__ */ new RegExp(
  Keypad.sentence("\u0000")
    .split("\u0000")
    .map((part) => `(${part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")})`)
    .join("([^]*?)"),
  "g"
)
