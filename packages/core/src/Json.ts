/**
 * Text of a peer as JSON. Nothing here throws: what is not JSON is `undefined`, which no JSON text means.
 */

/** A JSON object whose fields are not known yet. */
export type JsonObject = { readonly [field: string]: unknown }

export const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)
