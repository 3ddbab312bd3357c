export * as Agent from "./Agent.ts"
export type { Command } from "./Command.ts"
export type { Event } from "./Event.ts"
