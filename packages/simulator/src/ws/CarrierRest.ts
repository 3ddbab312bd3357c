/**
 * The carrier's REST API, as much of it as ends or redirects a live call (protocols.md D.1, D.2):
 * `POST /2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}.json` with `Status=completed` or `Twiml=…`, HTTP Basic.
 * And `GET …/IncomingPhoneNumbers.json`: the account's numbers, and what each calls.
 *
 * A call that is over is unknown (404, 20404), as on the real network.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export type Update = { readonly _tag: "Complete" } | { readonly _tag: "Twiml"; readonly twiml: string }

export interface PhoneNumber {
  readonly phoneNumber: string
  readonly voiceUrl: string
  /** Instead of the URL, a TwiML app takes the calls. */
  readonly voiceApplicationSid?: string
  /** Whose it is; without it every account's. */
  readonly accountSid?: string
}

export interface CarrierRest {
  /** The base address, for `TWILIO_API_URL`. */
  readonly url: string
  /** Updates of this call go to `update` until the returned function is called. */
  readonly register: (accountSid: string, callSid: string, update: (update: Update) => void) => () => void
  readonly close: () => Promise<void>
}

export interface Options {
  /** 0 (the default) takes a free one. */
  readonly port?: number
  readonly host?: string
  /** Without one any credentials do. */
  readonly authToken?: string
  /** Auth tokens of accounts that have one of their own. */
  readonly authTokens?: Readonly<Record<string, string>>
  /** A change shows at once. */
  readonly numbers?: ReadonlyArray<PhoneNumber>
}

export const start = async ({
  port = 0,
  host = "127.0.0.1",
  authToken,
  authTokens = {},
  numbers = []
}: Options = {}): Promise<CarrierRest> => {
  const calls = new Map<string, (update: Update) => void>()

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const [, accountSid = "", callSid] = path.exec(request.url ?? "") ?? []
    if (accountSid === "") return fail(response, 404, 20404, "The requested resource was not found")
    if (request.method !== (callSid === undefined ? "GET" : "POST")) {
      return fail(response, 405, 20004, "Method not allowed")
    }
    const token = authTokens[accountSid] ?? authToken
    if (token !== undefined && request.headers.authorization !== basic(accountSid, token)) {
      return fail(response, 401, 20003, "Authenticate")
    }
    if (callSid === undefined) return reply(response, 200, page(request.url ?? "", ofAccount(numbers, accountSid)))
    const form = new URLSearchParams(await text(request))
    const update = calls.get(`${accountSid}/${callSid}`)
    if (update === undefined) return fail(response, 404, 20404, `The requested resource ${callSid} was not found`)
    const [status, twiml] = [form.get("Status"), form.get("Twiml")]
    if (status === "completed" && twiml === null) update({ _tag: "Complete" })
    else if (twiml !== null && status === null) update({ _tag: "Twiml", twiml })
    else return fail(response, 400, 20001, "Exactly one of Status=completed and Twiml is understood")
    reply(response, 200, { sid: callSid, account_sid: accountSid, status: status ?? "in-progress" })
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, () => {
      server.off("error", reject)
      resolve()
    })
  })
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    register: (accountSid, callSid, update) => {
      const key = `${accountSid}/${callSid}`
      calls.set(key, update)
      return () => {
        calls.delete(key)
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

const path = /^\/2010-04-01\/Accounts\/([^/]+)\/(?:Calls\/([^/.]+)|IncomingPhoneNumbers)\.json(?:\?.*)?$/

const ofAccount = (numbers: ReadonlyArray<PhoneNumber>, accountSid: string): ReadonlyArray<PhoneNumber> =>
  numbers.filter((number) => (number.accountSid ?? accountSid) === accountSid)

/** As Twilio pages its lists: 50 where nothing is asked, the next one as a path. */
const page = (target: string, numbers: ReadonlyArray<PhoneNumber>) => {
  const { pathname, searchParams } = new URL(target, "http://localhost")
  const [size, number] = [Number(searchParams.get("PageSize") ?? 50), Number(searchParams.get("Page") ?? 0)]
  const end = (number + 1) * size
  return {
    incoming_phone_numbers: numbers.slice(end - size, end).map(listed),
    next_page_uri: end < numbers.length ? `${pathname}?PageSize=${size}&Page=${number + 1}` : null
  }
}

const listed = ({ phoneNumber, voiceApplicationSid = "", voiceUrl }: PhoneNumber) => ({
  phone_number: phoneNumber,
  voice_url: voiceUrl,
  voice_method: "POST",
  voice_application_sid: voiceApplicationSid,
  trunk_sid: null,
  capabilities: { voice: true, SMS: false, MMS: false, fax: false }
})

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`

const text = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}

const reply = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

const fail = (response: ServerResponse, status: number, code: number, message: string): void =>
  reply(response, status, { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status })
