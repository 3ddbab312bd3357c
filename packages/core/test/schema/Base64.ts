import { Schema } from "effect"

/** Base64 of at least one byte. */
export const NonEmpty = Schema.String.pipe(
  Schema.pattern(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/, {
    arbitrary: () => (fc) =>
      fc.uint8Array({ minLength: 1, maxLength: 500 }).map((bytes) => btoa(String.fromCharCode(...bytes)))
  })
)
