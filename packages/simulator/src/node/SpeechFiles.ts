/** Reads the clips of `Speech` from the package's `speech` directory, from `src` and from `dist` alike. */
import { readFileSync } from "node:fs"
import * as Speech from "../Speech.ts"

/** All clips, about 400 kB. Throws when a file is missing. */
export const load = (): Speech.Audio =>
  Object.fromEntries(Speech.clips.map(({ id }) => [id, loadClip(id)])) as Record<Speech.ClipId, Uint8Array>

const loadClip = (id: Speech.ClipId): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../speech/${id}.ulaw`, import.meta.url)))
