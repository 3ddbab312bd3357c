export const a = Math.random() + Math.floor(2)
const { random } = Math
const M = Math
const r = Math["random"]
const f = String(Math)
const g = globalThis.Date
export { f, g, M, random, r }
