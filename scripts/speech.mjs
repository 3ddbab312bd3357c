/**
 * Makes packages/simulator/speech/*.ulaw from the table in packages/simulator/src/Speech.ts, and writes the durations
 * back into it. Needs espeak-ng and sox; run after `npm run build`, only when the table has changed.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const simulator = new URL("../packages/simulator/", import.meta.url)
const { clips } = await import(new URL("dist/Speech.js", simulator).href)
const table = fileURLToPath(new URL("src/Speech.ts", simulator))
const directory = mkdtempSync(join(tmpdir(), "speech-"))

const voices = {
  agent: ["-v", "en-us+f3", "-s", "165", "-p", "52"],
  caller: ["-v", "en-gb+m3", "-s", "160", "-p", "35"]
}
const said = new Map([["caller-mhm", "[[m:m'hm:m:]]"]])
const telephone = ["highpass", "200", "norm", "-6"]
const raw = ["-r", "8000", "-c", "1", "-e", "mu-law", "-t", "ul"]
const trimmed = ["silence", "1", "0.01", "0.5%", "reverse", "silence", "1", "0.01", "0.5%", "reverse"]

let source = readFileSync(table, "utf8")
for (const { id, voice, text } of clips) {
  const target = fileURLToPath(new URL(`speech/${id}.ulaw`, simulator))
  if (text.startsWith("[")) {
    const burst = ["synth", "0.28", "brownnoise", "fade", "q", "0.01", "0.28", "0.24", "repeat", "1"]
    execFileSync("sox", ["-R", "-n", "-r", "8000", ...raw, target, ...burst, ...telephone])
  } else {
    const wav = join(directory, `${id}.wav`)
    execFileSync("espeak-ng", [...voices[/** @type {"agent" | "caller"} */ (voice)], "-w", wav, said.get(id) ?? text])
    execFileSync("sox", ["-R", wav, ...raw, target, ...telephone, ...trimmed])
  }
  const durationMs = statSync(target).size / 8
  source = source.replace(new RegExp(`(id: "${id}",[^}]*?durationMs: )[\\d.]+`), `$1${durationMs}`)
  process.stdout.write(`${id} ${durationMs} ms\n`)
}
writeFileSync(table, source)
rmSync(directory, { recursive: true })
