export { type Connection, type Decoded, decode } from "./decode.ts"
export { type Encodable, encode } from "./encode.ts"
export type * as Frame from "./Frame.ts"
export * as TwiML from "./TwiML.ts"
