/** Fields that say what they hold. */

import * as Schema from "effect/Schema"

export const text = (description: string) => Schema.String.annotations({ description })

/** A whole number, never negative. */
export const count = (description: string) =>
  Schema.Number.pipe(Schema.int({ title: "count" }), Schema.greaterThanOrEqualTo(0, { title: "count" })).annotations({
    description
  })
