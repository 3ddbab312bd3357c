import * as Schema from "effect/Schema"

/** A whole number, never negative. */
export const count = (description: string) =>
  Schema.Number.pipe(Schema.int({ title: "count" }), Schema.greaterThanOrEqualTo(0, { title: "count" })).annotations({
    description
  })
