/** Copies of an event that no sane server sends: one of its fields, however deep, is missing, null or of another type. */
import type { Random } from "../Random.ts"

/** Null: the event has no field but its type. */
export const copy = (random: Random, event: object): string | null => {
  const all = paths(event).filter(([name]) => name !== "type" && name !== "event_id")
  const path = all[random.integer(0, all.length - 1)]
  return path === undefined ? null : JSON.stringify(changed(event, path, random.integer(0, 2)))
}

type Path = ReadonlyArray<string>

/** The fields of objects; what a list holds is left alone. */
const paths = (value: object): ReadonlyArray<Path> =>
  Object.entries(value).flatMap(([name, inner]) => [
    [name],
    ...(isObject(inner) ? paths(inner).map((path) => [name, ...path]) : [])
  ])

const changed = (value: unknown, [name, ...path]: Path, how: number): unknown => {
  if (name === undefined) return how === 0 ? undefined : how === 1 ? null : typeof value === "string" ? 7 : "seven"
  return isObject(value) ? { ...value, [name]: changed(value[name], path, how) } : value
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
