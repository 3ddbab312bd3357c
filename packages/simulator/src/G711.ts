/**
 * G.711: the two companded 8-bit codings of telephony, as tables, and the energy of what they carry.
 *
 * One byte is one sample at 8 kHz: 8 bytes a ms. Silence is `0xFF` in mu-law, never `0x00` (protocols.md F.2).
 * Levels are RMS in dBFS: 0 dBFS is a full-scale square wave of 16-bit samples, a telephone voice lies near -25, line noise near -60.
 */

export const SILENCE = 0xff
export const BYTES_PER_MS = 8

/** One mu-law byte to a 16-bit sample (protocols.md F.3). */
export const decodeByte = (byte: number): number => {
  const u = ~byte & 0xff
  const magnitude = ((((u & 15) << 3) + 132) << ((u >> 4) & 7)) - 132
  return (u & 0x80) !== 0 ? -magnitude : magnitude
}

/** One 16-bit sample to a mu-law byte (protocols.md F.3). */
export const encodeSample = (sample: number): number => {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(Math.abs(sample), 32635) + 132
  let exponent = 7
  for (let mask = 0x4000; exponent > 0 && (magnitude & mask) === 0; mask >>= 1) exponent--
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 15)) & 0xff
}

const decodeALaw = (byte: number): number => {
  const a = byte ^ 0x55
  const segment = (a >> 4) & 7
  const base = ((a & 15) << 4) + (segment === 0 ? 8 : 0x108)
  const magnitude = segment > 1 ? base << (segment - 1) : base
  return (a & 0x80) !== 0 ? magnitude : -magnitude
}

const table = (decode: (byte: number) => number): Int16Array => Int16Array.from({ length: 256 }, (_, b) => decode(b))

/** 16-bit sample of each mu-law byte. */
export const DECODED = table(decodeByte)

/** 16-bit sample of each A-law byte. */
export const DECODED_ALAW = table(decodeALaw)

/** Square of the sample of each mu-law byte. */
export const SQUARES = Float64Array.from(DECODED, (sample) => sample * sample)

/** Square of the sample of each A-law byte. */
export const SQUARES_ALAW = Float64Array.from(DECODED_ALAW, (sample) => sample * sample)

/** The nearest A-law byte of each mu-law byte. */
export const MULAW_TO_ALAW = Uint8Array.from(DECODED, (sample) => {
  let best = 0
  let least = Infinity
  for (const [byte, other] of DECODED_ALAW.entries()) {
    const error = Math.abs(other - sample)
    if (error < least) {
      least = error
      best = byte
    }
  }
  return best
})

/** 16-bit samples to mu-law. */
export const encode = (samples: ArrayLike<number>): Uint8Array => {
  const bytes = new Uint8Array(samples.length)
  for (let i = 0; i < samples.length; i++) bytes[i] = encodeSample(samples[i] ?? 0)
  return bytes
}

/** Mean square to dBFS; silence is -Infinity. */
export const dbfs = (meanSquare: number): number => 10 * Math.log10(meanSquare / (32768 * 32768))

/** dBFS to mean square. */
export const meanSquare = (dbfs: number): number => 10 ** (dbfs / 10) * 32768 * 32768

/** RMS level in dBFS of mu-law bytes `[start, end)`. */
export const level = (bytes: Uint8Array, start = 0, end = bytes.length): number => {
  let sum = 0
  for (let i = start; i < end; i++) sum += SQUARES[bytes[i] ?? SILENCE] ?? 0
  return dbfs(sum / Math.max(1, end - start))
}
