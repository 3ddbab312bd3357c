/**
 * Shapes of client events, checked as strictly as the real server does: the first fault found, with its `param` path, rejects the whole event
 * (codes: protocols.md E.9).
 */
import * as Base64 from "../Base64.ts"

export interface Failure {
  readonly code: string | null
  readonly message: string
  readonly param: string | null
}

/** Checks a value at a path; undefined when it fits. */
export type Shape = (value: unknown, path: string) => Failure | undefined

export type Fields = { readonly [key: string]: Shape }

const describe = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  switch (typeof value) {
    case "boolean":
      return "a boolean"
    case "number":
      return Number.isInteger(value) ? "an integer" : "a decimal"
    case "string":
      return "a string"
    default:
      return "an object"
  }
}

const invalidType = (path: string, expected: string, value: unknown): Failure => ({
  code: "invalid_type",
  message: `Invalid type for '${path === "" ? "event" : path}': expected ${expected}, but got ${describe(value)} instead.`,
  param: path
})

export const invalidValue = (path: string, message: string): Failure => ({
  code: "invalid_value",
  message,
  param: path
})

export const missing = (path: string): Failure => ({
  code: "missing_required_parameter",
  message: `Missing required parameter: '${path}'.`,
  param: path
})

const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const any: Shape = () => undefined

export const boolean: Shape = (value, path) =>
  typeof value === "boolean" ? undefined : invalidType(path, "a boolean", value)

export const string =
  (maximum = Infinity): Shape =>
  (value, path) => {
    if (typeof value !== "string") return invalidType(path, "a string", value)
    if (value.length <= maximum) return undefined
    return {
      code: "string_above_max_length",
      message: `Invalid '${path}': string too long. Expected a string with maximum length ${maximum}, but got a string with length ${value.length} instead.`,
      param: path
    }
  }

const outOfRange = (
  path: string,
  kind: string,
  side: "above_max" | "below_min",
  limit: number,
  value: number
): Failure => ({
  code: `${kind}_${side}_value`,
  message: `Invalid '${path}': ${kind} ${side === "below_min" ? "below minimum" : "above maximum"} value. Expected a value ${
    side === "below_min" ? ">=" : "<="
  } ${limit}, but got ${value} instead.`,
  param: path
})

export const integer =
  (minimum = -Infinity, maximum = Infinity): Shape =>
  (value, path) => {
    if (typeof value !== "number" || !Number.isInteger(value)) return invalidType(path, "an integer", value)
    if (value < minimum) return outOfRange(path, "integer", "below_min", minimum, value)
    return value > maximum ? outOfRange(path, "integer", "above_max", maximum, value) : undefined
  }

export const decimal =
  (minimum: number, maximum: number): Shape =>
  (value, path) => {
    if (typeof value !== "number" || Number.isNaN(value)) return invalidType(path, "a decimal", value)
    if (value < minimum) return outOfRange(path, "decimal", "below_min", minimum, value)
    return value > maximum ? outOfRange(path, "decimal", "above_max", maximum, value) : undefined
  }

export const oneOf =
  (...values: ReadonlyArray<string>): Shape =>
  (value, path) => {
    if (typeof value !== "string") return invalidType(path, `one of ${values.map((v) => `'${v}'`).join(", ")}`, value)
    if (values.includes(value)) return undefined
    const supported = values.map((v) => `'${v}'`).join(", ")
    return invalidValue(path, `Invalid value: '${value}'. Supported values are: ${supported}.`)
  }

export const nullable =
  (shape: Shape): Shape =>
  (value, path) =>
    value === null ? undefined : shape(value, path)

export const array =
  (element: Shape, maximum = Infinity): Shape =>
  (value, path) => {
    if (!Array.isArray(value)) return invalidType(path, "an array", value)
    if (value.length > maximum) {
      return {
        code: "array_above_max_length",
        message: `Invalid '${path}': array too long. Expected an array with maximum length ${maximum}, but got an array with length ${value.length} instead.`,
        param: path
      }
    }
    for (let i = 0; i < value.length; i++) {
      const failure = element(value[i], `${path}[${i}]`)
      if (failure !== undefined) return failure
    }
    return undefined
  }

const at = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`)

export const object =
  (required: Fields, optional: Fields = {}): Shape =>
  (value, path) => {
    if (!isObject(value)) return invalidType(path, "an object", value)
    for (const key of Object.keys(value)) {
      const shape =
        (Object.hasOwn(required, key) ? required[key] : undefined) ??
        (Object.hasOwn(optional, key) ? optional[key] : undefined)
      if (shape === undefined) {
        return { code: "unknown_parameter", message: `Unknown parameter: '${at(path, key)}'.`, param: at(path, key) }
      }
    }
    for (const key of Object.keys(required)) if (!Object.hasOwn(value, key)) return missing(at(path, key))
    for (const key of Object.keys(value)) {
      const failure = (required[key] ?? optional[key] ?? any)(value[key], at(path, key))
      if (failure !== undefined) return failure
    }
    return undefined
  }

/** An object with any keys. */
export const record: Shape = (value, path) => (isObject(value) ? undefined : invalidType(path, "an object", value))

/** What the server says of audio that is not base64. */
export const notBase64 = (path: string): Failure =>
  invalidValue(path, `Invalid '${path}'. Expected base64-encoded audio bytes, but got an invalid value.`)

export const base64: Shape = (value, path) =>
  string()(value, path) ?? (Base64.decode(value as string) === undefined ? notBase64(path) : undefined)

/** An object whose `key` names which of `shapes` it must fit. */
export const tagged =
  (key: string, shapes: { readonly [tag: string]: Shape }): Shape =>
  (value, path) => {
    if (!isObject(value)) return invalidType(path, "an object", value)
    if (!Object.hasOwn(value, key)) return missing(at(path, key))
    const tag = value[key]
    const failure = oneOf(...Object.keys(shapes))(tag, at(path, key))
    return failure ?? (shapes[tag as string] ?? any)(value, path)
  }

/** A text, or an object. */
export const either =
  (text: Shape, other: Shape): Shape =>
  (value, path) =>
    typeof value === "string" ? text(value, path) : other(value, path)

/** `metadata` of a response: 16 pairs of text, keys to 64, values to 512 characters (protocols.md E.3). */
export const metadata: Shape = (value, path) => {
  if (!isObject(value)) return invalidType(path, "an object", value)
  const keys = Object.keys(value)
  if (keys.length > 16) {
    return {
      code: "object_above_max_properties",
      message: `Invalid '${path}': too many properties. Expected an object with at most 16 properties, but got an object with ${keys.length} properties instead.`,
      param: path
    }
  }
  for (const key of keys) {
    if (key.length > 64)
      return invalidValue(at(path, key), `Invalid property name in '${path}': longer than 64 characters.`)
    const failure = string(512)(value[key], at(path, key))
    if (failure !== undefined) return failure
  }
  return undefined
}
