/**
 * Base64 (RFC 4648, padded) for the audio path, in plain JavaScript: the machines run where there is no `Buffer`, and
 * must refuse what a strict decoder refuses.
 */

/** The text of `bytes`. */
export const encode = (bytes: Uint8Array): string => {
  const whole = bytes.length - (bytes.length % 3)
  let text = ""
  let i = 0
  for (; i < whole; i += 3) {
    const bits = (byteAt(bytes, i) << 16) | (byteAt(bytes, i + 1) << 8) | byteAt(bytes, i + 2)
    text += pairs[bits >> 12]! + pairs[bits & 0xfff]!
  }
  if (bytes.length - i === 1) return text + pairs[byteAt(bytes, i) << 4]! + "=="
  if (bytes.length - i === 2) {
    const bits = (byteAt(bytes, i) << 8) | byteAt(bytes, i + 1)
    return text + pairs[bits >> 4]! + alphabet.charAt((bits & 15) << 2) + "="
  }
  return text
}

/** The bytes of `text`, or `undefined` when it is not base64 (alphabet, length or padding). */
export const decode = (text: string): Uint8Array | undefined => {
  const length = text.length
  if (length % 4 !== 0) return undefined
  if (length === 0) return new Uint8Array(0)
  const padding = text.charCodeAt(length - 2) === equalsSign ? 2 : text.charCodeAt(length - 1) === equalsSign ? 1 : 0
  if (padding === 2 && text.charCodeAt(length - 1) !== equalsSign) return undefined
  const bytes = new Uint8Array((length / 4) * 3 - padding)
  let wrong = 0
  let out = 0
  for (let i = 0; i < length; i += 4) {
    const left = i + 4 === length ? padding : 0
    const a = value(text, i)
    const b = value(text, i + 1)
    const c = left === 2 ? 0 : value(text, i + 2)
    const d = left > 0 ? 0 : value(text, i + 3)
    wrong |= a | b | c | d
    bytes[out++] = (a << 2) | (b >> 4)
    if (left < 2) bytes[out++] = (b << 4) | (c >> 2)
    if (left === 0) bytes[out++] = (c << 6) | d
  }
  return wrong < 0 ? undefined : bytes
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const equalsSign = 61

const pairs: ReadonlyArray<string> = Array.from(
  { length: 4096 },
  (_, bits) => alphabet.charAt(bits >> 6) + alphabet.charAt(bits & 63)
)

const values = new Int8Array(128).fill(-1)
for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i

const value = (text: string, index: number): number => values[text.charCodeAt(index)] ?? -1

const byteAt = (bytes: Uint8Array, index: number): number => bytes[index]!
