import { replay } from "@offhook/core/testing"
import { it } from "vitest"

const calls = import.meta.glob<string>("./calls/*.jsonl", { query: "?raw", import: "default", eager: true })
for (const [file, text] of Object.entries(calls)) it(file, () => void replay(text))
