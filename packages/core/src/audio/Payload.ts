/**
 * A piece of G.711 audio on its way through: base64 text as both wires carry it, or bytes where a host has them.
 * Empty where a recording was made without audio. The machine never looks inside.
 */

export type Payload = string | Uint8Array
