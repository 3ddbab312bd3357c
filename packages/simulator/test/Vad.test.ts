import { existsSync, readFileSync } from "node:fs"
import { G711, Vad } from "@offhook/simulator"
import { assert, describe, it } from "vitest"
import * as H from "./ModelHarness.ts"

const SETTINGS: Vad.Settings = { threshold: 0.5, prefixMs: 300, silenceMs: () => 500 }

const make = (settings: Vad.Settings = SETTINGS) => {
  const vad = Vad.make()
  vad.configure(settings, "audio/pcmu")
  return vad
}

const listen = (audio: Uint8Array, settings = SETTINGS, frame = 160): Array<Vad.Change> => {
  const vad = make(settings)
  const changes: Array<Vad.Change> = []
  for (let i = 0; i < audio.length; i += frame) {
    const piece = audio.subarray(i, i + frame)
    changes.push(...vad.push(piece, piece.length))
  }
  return changes
}

describe("Vad", () => {
  it("starts at the first voiced window less the prefix, and stops at the end of the silence", () => {
    const changes = listen(H.join(H.silence(1000), H.talk(660), H.silence(1000)))
    assert.deepStrictEqual(changes, [
      { _tag: "Started", startMs: 700, atMs: 1060 },
      { _tag: "Stopped", startMs: 700, endMs: 2160 }
    ])
  })

  it("decides the same whatever the size of the pieces", () => {
    const audio = H.join(H.silence(330), H.talk(900), H.silence(700), H.talk(420), H.silence(900))
    const expected = listen(audio)
    assert.strictEqual(expected.length, 4)
    for (const frame of [1, 79, 160, 801, audio.length])
      assert.deepStrictEqual(listen(audio, SETTINGS, frame), expected)
  })

  it("never starts before the audio that an earlier speech used", () => {
    const [, stopped, started] = listen(H.join(H.talk(660), H.silence(520), H.talk(660)))
    assert.strictEqual(stopped?._tag, "Stopped")
    assert.strictEqual(started?._tag, "Started")
    assert.strictEqual(started?.startMs, stopped?._tag === "Stopped" ? stopped.endMs : -1)
  })

  it.each([-60, -58, -55])("hears nothing in line noise of %d dBFS", (level) => {
    assert.deepStrictEqual(listen(H.noise(60_000, level)), [])
  })

  it("hears nothing in clicks, one every 100 ms", () => {
    const clicks = H.silence(10_000)
    for (let i = 400; i < clicks.length; i += 800) clicks.fill(0, i, i + 40)
    assert.isAbove(G711.level(clicks, 400, 480), -10)
    assert.deepStrictEqual(listen(clicks), [])
  })

  it("does not take a click for speech going on", () => {
    const audio = H.join(H.talk(660), H.silence(1000))
    const clicked = audio.slice()
    clicked.fill(0, 860 * 8, 865 * 8)
    assert.deepStrictEqual(listen(clicked), listen(audio))
  })

  it("hears a quiet voice over line noise once", () => {
    const quiet = G711.encode(Array.from(H.talk(900), (byte) => G711.DECODED[byte]! / 6))
    const changes = listen(H.join(H.noise(1000, -58), quiet, H.noise(1000, -58)))
    assert.deepStrictEqual(
      changes.map((change) => change._tag),
      ["Started", "Stopped"]
    )
  })

  it("needs a louder voice at a higher threshold", () => {
    const audio = H.join(G711.encode(Array.from(H.talk(900), (byte) => G711.DECODED[byte]! / 6)), H.silence(600))
    assert.strictEqual(listen(audio).length, 2)
    assert.deepStrictEqual(listen(audio, { ...SETTINGS, threshold: 0.9 }), [])
  })

  it("counts 24 kHz PCM in its own bytes", () => {
    const vad = Vad.make()
    vad.configure(SETTINGS, "audio/pcm")
    const pcm = new Uint8Array(24_000 * 2)
    const view = new DataView(pcm.buffer)
    for (let i = 0; i < 24_000; i++) view.setInt16(i * 2, 5000 * Math.sin(i / 20), true)
    const changes = vad.push(pcm, pcm.length)
    assert.strictEqual(vad.positionMs(), 1000)
    assert.deepStrictEqual(changes, [{ _tag: "Started", startMs: 0, atMs: 60 }])
  })
})

const SOUNDS = "/usr/share/asterisk/sounds/en_US_f_Allison"
const installed = existsSync(SOUNDS)
const required = process.env["CI"] === "true"
const MISSING = `no human voice at ${SOUNDS}: install Debian's asterisk-core-sounds-en-wav`
if (!installed && !required) console.warn(`Vad.test.ts: human voice tests skipped, ${MISSING}`)

/** The samples of a 16-bit mono 8 kHz WAV file. */
const samples = (name: string): Int16Array => {
  if (!installed) throw new Error(MISSING)
  const file = readFileSync(`${SOUNDS}/${name}.wav`)
  let at = 12
  while (file.toString("latin1", at, at + 4) !== "data") at += 8 + file.readUInt32LE(at + 4)
  const length = Math.min(file.readUInt32LE(at + 4), file.length - at - 8)
  return Int16Array.from({ length: length >> 1 }, (_, i) => file.readInt16LE(at + 8 + i * 2))
}

describe.skipIf(!installed && !required)("Vad, human voice", () => {
  const phrases = [
    "vm-goodbye",
    "vm-enter-num-to-call",
    "vm-nonumber",
    "vm-reachoper",
    "vm-toreply",
    "vm-then-pound",
    "vm-saved",
    "vm-advopts",
    "conf-getconfno",
    "conf-nonextended",
    "enter-num-blacklist",
    "one-moment-please",
    "info-about-last-call",
    "something-terribly-wrong",
    "confbridge-conf-end",
    "confbridge-mute-in",
    "privacy-thankyou",
    "queue-quantity1",
    "activated",
    "cancelled",
    "time"
  ]

  it.each(phrases)("hears %s once", (name) => {
    const changes = listen(H.join(H.silence(1000), G711.encode(samples(name)), H.silence(1000)))
    assert.deepStrictEqual(
      changes.map((change) => change._tag),
      ["Started", "Stopped"]
    )
  })

  it.each(phrases)("hears %s once over line noise, ten dB softer", (name) => {
    const line = H.noise(12_000, -58)
    const voice = samples(name)
    const mixed = G711.encode(
      Array.from(
        { length: voice.length + 16_000 },
        (_, i) => G711.DECODED[line[i % line.length]!]! + (voice[i - 8000] ?? 0) * 0.316
      )
    )
    const changes = listen(mixed)
    assert.deepStrictEqual(
      changes.map((change) => change._tag),
      ["Started", "Stopped"]
    )
  })

  it("hears every word of a conversation of phrases, one turn each", () => {
    const audio = H.join(...phrases.flatMap((name) => [G711.encode(samples(name)), H.silence(1200)]))
    const started = listen(audio).filter((change) => change._tag === "Started")
    assert.strictEqual(started.length, phrases.length)
  })
})
