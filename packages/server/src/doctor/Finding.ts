/**
 * What a check of `offhook doctor` finds: ok, or something to do and how, or skipped since what it needs is not there.
 *
 * No finding holds a secret or a phone number: what a peer said stands in it only as `quoted`, a URL only as `shown`.
 */

export type Finding =
  | { readonly _tag: "Ok"; readonly text: string }
  | { readonly _tag: "ToDo"; readonly text: string; readonly fix: string }
  | { readonly _tag: "Skipped"; readonly text: string }

export const ok = (text: string): Finding => ({ _tag: "Ok", text })

export const toDo = (text: string, fix: string): Finding => ({ _tag: "ToDo", text, fix })

export const skipped = (text: string): Finding => ({ _tag: "Skipped", text })

/** A peer's words, on one line and without what looks like a key, a token or a phone number. */
export const quoted = (words: string): string =>
  words
    .slice(0, MAX_QUOTED)
    .replace(/[\s\p{C}]+/gu, " ")
    .replace(/[\w*.-]{24,}|sk-[^\s.,]+|\+?\d{7,}/g, "*")
    .trim()

const MAX_QUOTED = 240

/** A URL without what may be secret in it. */
export const shown = (url: string): string => {
  if (!URL.canParse(url)) return "no URL"
  const { host, pathname, protocol } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
